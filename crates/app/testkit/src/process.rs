//! The real `domicile` binary as a process: started, asked, terminated and killed.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::service;

/// What `serve` writes before its address, at the start of a line, once it answers requests.
pub const READY: &str = "listening on http://";

/// How long a start may take: the first one makes keys, migrates and, with `--demo`, fills two hostels.
const START_PATIENCE: Duration = Duration::from_mins(1);

/// An executable file.
#[derive(Debug, Clone)]
pub struct Binary {
    path: PathBuf,
}

impl Binary {
    /// The `domicile` binary of the dev profile, beside the running test; built when it is not there.
    ///
    /// # Panics
    /// When it cannot be built.
    #[must_use]
    pub fn dev() -> Self {
        let test = std::env::current_exe().expect("a test knows its own file");
        // target/<profile>/deps/<test>
        let profile = test.parent().and_then(Path::parent).expect("a test lies in the target folder");
        let path = profile.join("domicile");
        if !path.is_file() {
            let target = profile.parent().expect("a profile lies in the target folder");
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let status = Command::new(cargo)
                .args(["build", "--package", "domicile-server", "--bin", "domicile", "--target-dir"])
                .arg(target)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .stdin(Stdio::null())
                .status()
                .expect("`cargo` can be started");
            assert!(status.success(), "`cargo build -p domicile-server` failed: {status}");
        }
        Self::at(path)
    }

    /// Another executable file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command on the binary without the settings of whoever runs the tests: no `DOMICILE_…` variable is passed on.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DOMICILE_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command that ends by itself, like `migrate`, and waits for it.
    ///
    /// # Panics
    /// When the file cannot be executed.
    #[must_use]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.command().args(arguments).output().expect("the binary can be executed")
    }

    /// Prepares `serve` on a free port of 127.0.0.1. Without [`Launch::data_dir`], in a folder of its own that goes
    /// with the node.
    #[must_use]
    pub fn serve(&self) -> Launch {
        let mut command = self.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        Launch { command, data_dir: None, patience: START_PATIENCE }
    }
}

/// A `serve` about to be started.
#[derive(Debug)]
pub struct Launch {
    command: Command,
    data_dir: Option<PathBuf>,
    patience: Duration,
}

impl Launch {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The data folder. It stays when the node goes, so that a second start finds what the first one left.
    #[must_use]
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(folder.into());
        self
    }

    /// How long to wait for the line that says it is ready.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts the process and waits until it says where it listens.
    ///
    /// # Panics
    /// When it ends before, or is not ready in time; with what it wrote.
    #[must_use]
    pub fn start(mut self) -> Node {
        let files = TempDir::new().expect("a temporary folder can be made");
        let data_dir = self.data_dir.unwrap_or_else(|| files.path().join("data"));
        let log = files.path().join("node.log");
        let child = self
            .command
            .arg("--data-dir")
            .arg(&data_dir)
            .stdout(append(&log))
            .stderr(append(&log))
            .spawn()
            .expect("the binary can be executed");
        let mut node = Node { child, address: String::new(), data_dir, log, _files: files };
        node.address = node.wait_until_ready(self.patience);
        node
    }
}

/// A running `serve`. Killed when dropped.
#[derive(Debug)]
pub struct Node {
    child: Child,
    address: String,
    data_dir: PathBuf,
    log: PathBuf,
    _files: TempDir,
}

impl Node {
    /// `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder the node keeps its files in.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything the node has written to its output and error output, in the order of writing.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether the process has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `SIGKILL`: no chance to tidy up. Returns when the process is gone.
    ///
    /// # Panics
    /// When the process cannot be waited for.
    pub fn kill9(&mut self) -> ExitStatus {
        // One that has ended already cannot be killed; waiting tells how it ended.
        let _ = self.child.kill();
        self.child.wait().expect("a child can be waited for")
    }

    /// `SIGTERM`: please finish and go. Returns at once; [`wait`](Self::wait) waits.
    pub fn terminate(&self) {
        service::signal("TERM", &[self.child.id()]);
    }

    /// Waits until the process has ended.
    ///
    /// # Panics
    /// When it has not within `patience`; with what it wrote.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(started.elapsed() < patience, "the node did not end within {patience:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn wait_until_ready(&mut self, patience: Duration) -> String {
        let started = Instant::now();
        loop {
            // Asked before reading, so that what was written just before an end is still read.
            let ended = self.child.try_wait().expect("a child can be waited for");
            let log = self.log();
            // A line counts once it is whole.
            if let Some(line) = log.split_inclusive('\n').find(|line| line.starts_with(READY) && line.ends_with('\n'))
                && let Some(address) = line.trim_start_matches(READY).split_whitespace().next()
            {
                return address.trim_end_matches('/').to_owned();
            }
            if let Some(status) = ended {
                panic!("the node ended before it was ready ({status}):\n{log}");
            }
            assert!(started.elapsed() < patience, "the node was not ready within {patience:?}:\n{log}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill9();
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("a log file can be opened")
}
