//! The command line of the bench.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};

/// Measures the domicile binary beside floors that are started here, and prints one table.
#[derive(Debug, Parser)]
#[command(name = "domicile-bench", max_term_width = 100)]
pub(crate) struct Arguments {
    /// Only these groups of figures; all without it
    #[arg(long, value_delimiter = ',', value_name = "GROUPS")]
    pub(crate) only: Vec<Group>,
    /// One short repetition of each: shows that it works, and no more
    #[arg(long)]
    pub(crate) quick: bool,
    /// How often each figure is measured [default: 3]
    #[arg(long, value_name = "N")]
    reps: Option<usize>,
    /// How long each measurement takes, beside its warm-up [default: 10]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// The binary to measure; without it, it is built with the profile `dist`
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    /// Keep the folder with data and logs, and say where it is
    #[arg(long)]
    pub(crate) keep: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the floors of the HTTP figures (the bench starts this itself)
    #[command(hide = true)]
    Floor {
        /// What the list answers
        #[arg(long)]
        answer: PathBuf,
    },
}

/// Figures that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// The cached room list beside empty and authenticating handlers
    Rooms,
    /// The same uncached beside pgbench
    Uncached,
    /// Bookings on PostgreSQL beside pgbench, and on SQLite
    Bookings,
    /// Many for one bed
    Race,
    /// Signing in, and the room list meanwhile
    Login,
    /// Live events beside socket.io
    Sockets,
    /// Payments begun, webhooks acknowledged, a statement printed
    Money,
    /// Start, memory, size
    Start,
}

impl Group {
    /// All, in the order they are measured and told.
    pub(crate) const ALL: &[Self] = &[
        Self::Rooms,
        Self::Uncached,
        Self::Bookings,
        Self::Race,
        Self::Login,
        Self::Sockets,
        Self::Money,
        Self::Start,
    ];
}

impl Arguments {
    /// The groups that are asked for, in order.
    pub(crate) fn groups(&self) -> Vec<Group> {
        Group::ALL.iter().copied().filter(|group| self.only.is_empty() || self.only.contains(group)).collect()
    }

    /// Whether this is the run whose table is kept.
    pub(crate) fn whole(&self) -> bool {
        self.only.is_empty() && !self.quick && self.repetitions() >= 3 && self.seconds.is_none_or(|time| time >= 10)
    }

    pub(crate) fn repetitions(&self) -> usize {
        self.reps.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    pub(crate) fn measured(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(if self.quick { 2 } else { 10 }).max(1))
    }

    pub(crate) fn warm_up(&self) -> Duration {
        if self.quick { Duration::from_secs(1) } else { Duration::from_secs(3) }
    }
}
