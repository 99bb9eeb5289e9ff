//! `just bench`: measures the `domicile` binary beside floors that it starts itself, in one run, and prints one table with
//! the machine it was measured on. Every figure comes from this run; what cannot be measured is said to be missing.
//!
//! Product and floors are separate processes, asked by the same load from one thread, one after the other in turns
//! (A B A B), each after a warm-up; what is told is the median of the repetitions and their spread. An answer that is no
//! success fails the figure.

mod arguments;
mod bench;
mod database;
mod figures;
mod floors;
mod load;
mod machine;
mod pgbench;
mod report;
mod servers;
mod stage;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;

use crate::arguments::{Arguments, Command};

/// Says something to whoever started the bench.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever stopped reading has seen enough.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Some(Command::Floor { answer }) => floors::serve(answer).map(|()| true),
        None => bench::run(arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
