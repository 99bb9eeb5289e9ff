//! The product: the `domicile` binary as it ships, with its defaults, but for quotas so high that none refuses.

use std::{
    fs,
    io::Write,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use super::Process;

/// The first account, which may do everything.
pub(crate) const OWNER: &str = "owner@bench.example";
/// The password of everybody who has one.
pub(crate) const PASSWORD: &str = "Bench-horse-1!";

/// Settings of the run: every limit is counted on every request, and none is so low that it refuses.
const SETTINGS: &[(&str, &str)] = &[
    ("DOMICILE_RATE_LIMITS__ADDRESS", "1000000/1s"),
    ("DOMICILE_RATE_LIMITS__LOGIN", "1000000/1s"),
    ("DOMICILE_RATE_LIMITS__LOGIN_FAILURES", "1000000/1s"),
    ("DOMICILE_RATE_LIMITS__REGISTER", "1000000/1s"),
    ("DOMICILE_RATE_LIMITS__CREATE_BOOKING", "1000000/1s"),
    ("DOMICILE_RATE_LIMITS__INITIALIZE_PAYMENT", "1000000/1s"),
    ("DOMICILE_RATE_LIMITS__GENERAL_GET", "1000000/1s"),
    ("DOMICILE_RATE_LIMITS__GENERAL_POST", "1000000/1s"),
    ("DOMICILE_RATE_LIMITS__GENERAL_PUT", "1000000/1s"),
    ("DOMICILE_RATE_LIMITS__GENERAL_DELETE", "1000000/1s"),
    ("DOMICILE_REALTIME__SOCKETS_PER_ACCOUNT", "20000"),
    ("DOMICILE_REALTIME__STRANGERS_PER_ADDRESS", "20000"),
    ("DOMICILE_DRAIN_SECONDS", "0"),
];

/// A binary and a place for its data.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    binary: PathBuf,
    folder: PathBuf,
    database: Option<String>,
    settings: Vec<(&'static str, &'static str)>,
    /// Settings that this binary does not know.
    pub(crate) unknown: Vec<&'static str>,
}

impl Product {
    /// An installation of its own, migrated and with an owner. Without a database address it is on SQLite.
    pub(crate) fn install(binary: &Path, folder: &Path, database: Option<String>) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut product = Self {
            binary: binary.to_path_buf(),
            folder: folder.to_path_buf(),
            database,
            settings: Vec::new(),
            unknown: Vec::new(),
        };
        product.run(&["migrate"], "")?;
        product.settings = SETTINGS.to_vec();
        if !product.understood()? {
            product.settings.clear();
            product.take(SETTINGS)?;
        }
        product.run(&["admin", "create", "--email", OWNER, "--password-stdin"], PASSWORD)?;
        Ok(product)
    }

    /// The same installation with further settings, as far as the binary knows them.
    pub(crate) fn with(&self, settings: &[(&'static str, &'static str)]) -> anyhow::Result<Self> {
        let mut product = self.clone();
        product.take(settings)?;
        Ok(product)
    }

    /// Takes settings one by one, and notes which of them the binary does not know.
    fn take(&mut self, settings: &[(&'static str, &'static str)]) -> anyhow::Result<()> {
        for setting in settings {
            self.settings.push(*setting);
            if !self.understood()? {
                self.settings.pop();
                self.unknown.push(setting.0);
            }
        }
        Ok(())
    }

    /// Whether the binary knows every setting it is given.
    fn understood(&self) -> anyhow::Result<bool> {
        let answer = self.command(&["doctor"]).output().context("the binary cannot be started")?;
        let said = String::from_utf8_lossy(&answer.stderr);
        // The second is said of the names of limits.
        Ok(!["configuration is wrong", "is not known"].iter().any(|refusal| said.contains(refusal)))
    }

    /// Starts it on a free port and waits until it says that it listens. Its log lines go to a file.
    pub(crate) fn start(&self) -> anyhow::Result<Process> {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        Process::start(&mut command, &self.folder.join("server.log"))
    }

    /// Starts it on a port that is free now, without waiting.
    pub(crate) fn launch(&self) -> anyhow::Result<Process> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = self.command(&["serve", "--listen", &address.to_string()]);
        Process::spawn(&mut command, &self.folder.join("server.log"), address)
    }

    /// The database as whoever owns it reaches it.
    pub(crate) fn database_url(&self) -> String {
        let file = || format!("sqlite://{}", self.folder.join("data/domicile.db").display());
        self.database.clone().unwrap_or_else(file)
    }

    fn run(&self, arguments: &[&str], input: &str) -> anyhow::Result<()> {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        let answer = child.wait_with_output()?;
        if !answer.status.success() {
            let (out, err) = (String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
            bail!("`domicile {}` failed: {out}{err}", arguments.join(" "));
        }
        Ok(())
    }

    /// A command on the binary that knows nothing of the settings of whoever runs the bench.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DOMICILE_") {
                command.env_remove(name);
            }
        }
        command.args(arguments).current_dir(&self.folder).arg("--data-dir").arg(self.folder.join("data"));
        if let Some(database) = &self.database {
            command.arg("--database").arg(database);
        }
        command.envs(self.settings.iter().copied());
        command
    }
}
