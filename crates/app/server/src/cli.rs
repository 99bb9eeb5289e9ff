//! The command line. Every option of `serve` can also stand in the environment or in `domicile.toml`; see [`settings`].
//!
//! [`settings`]: crate::settings

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// One open backend for shared homes: hostels that let beds, societies that decide who comes in.
#[derive(Debug, Parser)]
#[command(name = "domicile", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    Serve(Serve),
    /// Bring the database's schema up to date and stop.
    Migrate(Common),
    /// Manage the installation's own accounts.
    Admin {
        /// What to do with them.
        #[command(subcommand)]
        command: Admin,
    },
    /// Check configuration, keys, database and clock, one line each.
    Doctor(Common),
    /// Print the OpenAPI document, or write everything that is generated for the documentation.
    Openapi {
        /// Which version: v0, v1 or v2.
        #[arg(long, default_value = "v1", conflicts_with = "out")]
        version: String,
        /// Write openapi/v0.json, v1.json, v2.json and errors.md into this folder instead of printing.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Print what happens in a hostel, as it happens, until Ctrl-C.
    Listen(Listen),
    /// Bring data in from elsewhere.
    Import {
        /// What to bring in.
        #[command(subcommand)]
        command: Import,
    },
}

/// Options every command that touches the installation takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// Where data, keys and mail are kept [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// PostgreSQL or SQLite; without it, SQLite in the data folder
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// local makes missing secrets; production insists on being given them
    #[arg(long, value_name = "local|production")]
    pub profile: Option<String>,
}

/// Options of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct Serve {
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Redis, for several nodes
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// Also write log files into this folder, a new one each day
    #[arg(long, value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
    /// Make two demo hostels with accounts for every role, when the database is empty
    #[arg(long)]
    pub demo: bool,
    /// The options it shares with the others.
    #[command(flatten)]
    pub common: Common,
}

/// Options of `listen`.
#[derive(Debug, Clone, Default, Args)]
pub struct Listen {
    /// Where the server answers, by plain http [default: what the demo says, or http://127.0.0.1:8080]
    #[arg(value_name = "URL")]
    pub url: Option<String>,
    /// Which hostel [default: the demo account's, or the only one of the login]
    #[arg(long, value_name = "ID")]
    pub hostel: Option<String>,
    /// Sign in as an account of the demo, by role, name or address, with the login from demo.json
    #[arg(long, value_name = "WHO", conflicts_with_all = ["token", "email"])]
    pub demo: Option<String>,
    /// Where demo.json is [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Sign in with this address; the password is asked for
    #[arg(long, conflicts_with = "token")]
    pub email: Option<String>,
    /// Read the password from standard input instead of asking
    #[arg(long, requires = "email")]
    pub password_stdin: bool,
    /// An access token; other users of this machine can see it while the command runs
    #[arg(long)]
    pub token: Option<String>,
    /// Begin after this event of the hostel's log, instead of now
    #[arg(long, value_name = "SEQ")]
    pub resume_from: Option<i64>,
    /// Also follow `presence`, `booking:<id>` or `room.beds:<id>`; can be given more than once
    #[arg(long, value_name = "TOPIC")]
    pub topic: Vec<String>,
    /// Print each event as it came, as JSON
    #[arg(long)]
    pub json: bool,
}

/// Accounts of the installation.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Make a super_admin.
    Create {
        /// Their address.
        #[arg(long)]
        email: String,
        /// Read the password from standard input instead of asking.
        #[arg(long)]
        password_stdin: bool,
        /// The options it shares with the others.
        #[command(flatten)]
        common: Common,
    },
}

/// What can be brought in.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Replay the bookings of a hotel, row by row, through the same use cases as people's.
    Bookings(ImportBookings),
}

/// Options of `import bookings`.
#[derive(Debug, Args)]
pub struct ImportBookings {
    /// The CSV file.
    pub file: PathBuf,
    /// The hostel they go to.
    #[arg(long, value_name = "ID")]
    pub hostel: String,
    /// The day on which the file's first event is to happen; must be today or later.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub shift_to: String,
    /// `auto` makes rooms with enough beds for the file's busiest night.
    #[arg(long, value_name = "auto")]
    pub rooms: Option<String>,
    /// The options it shares with the others.
    #[command(flatten)]
    pub common: Common,
}
