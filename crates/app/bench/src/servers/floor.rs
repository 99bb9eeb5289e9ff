//! The floors of the HTTP figures, as a process of their own: this binary again, with other arguments.

use std::{path::Path, process::Command};

use anyhow::Context;

use super::Process;

/// A running floor.
pub(crate) struct Floor {
    pub(crate) process: Process,
    /// What its door takes.
    pub(crate) token: String,
}

impl Floor {
    /// Starts it; `answer` is what its list answers, byte for byte.
    pub(crate) fn start(folder: &Path, answer: &[u8]) -> anyhow::Result<Self> {
        let file = folder.join("floor.json");
        std::fs::write(&file, answer)?;
        let this = std::env::current_exe().context("the bench knows its own file")?;
        let process =
            Process::start(Command::new(this).arg("floor").arg("--answer").arg(file), &folder.join("floor.log"))?;
        Ok(Self { process, token: crate::floors::token()? })
    }
}
