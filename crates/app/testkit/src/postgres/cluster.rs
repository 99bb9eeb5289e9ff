//! PostgreSQL clusters: the one that a test run shares, and private ones that a test may kill.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    ops::Deref,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

use crate::service::{self, Instance, Program};

/// The environment variable with the address of the run's cluster, as a superuser, as `deploy/test.sh` sets it.
pub const VARIABLE: &str = "DOMICILE_TEST_POSTGRES";

const PROGRAM: Program =
    Program { name: "postgres", pid_file: "data/postmaster.pid", comm: "postgres", signal: "QUIT" };

/// A PostgreSQL server, reached as its superuser.
#[derive(Debug, Clone)]
pub struct Cluster {
    url: String,
}

impl Cluster {
    /// The cluster of this test run: the one `DOMICILE_TEST_POSTGRES` names, or one that all test processes share,
    /// started by the first. It does not sync to disk. A test has a [`Database`](super::Database) of its own in it.
    ///
    /// Blocks for a second or two when it has to start one.
    ///
    /// # Panics
    /// When PostgreSQL is missing (with the command that installs it) or does not start (with its log).
    #[must_use]
    pub fn shared() -> Self {
        static SHARED: OnceLock<Instance> = OnceLock::new();
        if let Ok(url) = std::env::var(VARIABLE)
            && !url.is_empty()
        {
            return Self { url };
        }
        let instance = SHARED.get_or_init(|| PROGRAM.shared(|home| Folder::at(home).create(false)));
        Self::at(&instance.address)
    }

    /// A cluster for one test, which may stop, kill and restart it. With `fsync`, what was committed survives a kill of
    /// the whole machine and not only of the server. It is removed when dropped.
    ///
    /// Blocks for a second or two.
    ///
    /// # Panics
    /// As [`shared`](Self::shared).
    #[must_use]
    pub fn private(fsync: bool) -> PrivateCluster {
        let instance = PROGRAM.private(|home| Folder::at(home).create(fsync));
        PrivateCluster { cluster: Self::at(&instance.address), instance }
    }

    fn at(address: &str) -> Self {
        Self { url: format!("postgres://postgres@{address}/postgres") }
    }

    /// The address of the database `postgres`, as superuser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of another database of the cluster, as superuser.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        let (address, options) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let (server, _) = address.rsplit_once('/').expect("a database address ends with a database");
        let mark = if options.is_empty() { "" } else { "?" };
        format!("{server}/{database}{mark}{options}")
    }
}

/// A cluster that belongs to one test. Its address stays the same over stops and starts.
#[derive(Debug)]
pub struct PrivateCluster {
    cluster: Cluster,
    instance: Instance,
}

impl PrivateCluster {
    /// Ends the server and everything that works for it at one moment, without a chance to tidy up.
    ///
    /// # Panics
    /// When it is not running.
    pub fn kill(&self) {
        let server = PROGRAM.process(&self.instance.home).expect("a server that is to be killed is running");
        let mut all = service::children(server);
        all.push(server);
        service::signal("KILL", &all);
        service::wait_until_gone(&all, Duration::from_secs(10));
        // Nobody of it is left, so nothing is lost with the lock file; where nobody collects ended processes (a
        // container without an init) the server would take its own old id for a running one.
        let _ = fs::remove_file(self.instance.home.join(PROGRAM.pid_file));
    }

    /// Stops the server as an operator would: open transactions are rolled back, the data is written.
    ///
    /// # Panics
    /// When it does not stop within a minute.
    pub fn stop(&self) {
        let answer = self.folder().control(&["stop", "-m", "fast", "-w", "-t", "60"]);
        assert!(answer.status.success(), "PostgreSQL does not stop: {}", self.folder().explain(&answer));
    }

    /// Starts the server again, on the same address, and waits until it answers; recovery included.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&self) {
        let answer = self.folder().control(&["start", "-w", "-t", "60"]);
        assert!(answer.status.success(), "PostgreSQL does not start: {}", self.folder().explain(&answer));
    }

    /// [`stop`](Self::stop), then [`start`](Self::start).
    pub fn restart(&self) {
        self.stop();
        self.start();
    }

    /// Whether the server's process is there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        PROGRAM.process(&self.instance.home).is_some()
    }

    /// What the server has written to its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.folder().log()
    }

    fn folder(&self) -> Folder<'_> {
        Folder::at(&self.instance.home)
    }
}

impl Deref for PrivateCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Drop for PrivateCluster {
    fn drop(&mut self) {
        PROGRAM.remove(&self.instance.home);
    }
}

/// The folder of a cluster, and the commands on it.
struct Folder<'a> {
    home: &'a Path,
    programs: PathBuf,
    /// PostgreSQL refuses to run as root; then it runs as this user and group.
    owner: Option<(u32, u32)>,
}

impl<'a> Folder<'a> {
    fn at(home: &'a Path) -> Self {
        Self { home, programs: programs(), owner: (service::effective_user() == 0).then(postgres_user) }
    }

    /// Makes a cluster and starts it; the answer is its port.
    fn create(&self, fsync: bool) -> u16 {
        if let Some((user, group)) = self.owner {
            chown(self.home, Some(user), Some(group)).expect("root may give a folder away");
        }
        let mut make = self.command("initdb");
        make.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-N", "-D"]).arg(self.data());
        let answer = make.output().expect("`initdb` can be started");
        assert!(answer.status.success(), "initdb failed: {}", self.explain(&answer));

        let mut answer = None;
        for _ in 0..5 {
            let port = service::free_port();
            self.configure(port, fsync);
            let start = self.control(&["start", "-w", "-t", "60"]);
            if start.status.success() {
                return port;
            }
            answer = Some(start);
        }
        panic!("PostgreSQL does not start: {}", answer.map(|answer| self.explain(&answer)).unwrap_or_default());
    }

    /// Settings are appended; the last one counts.
    fn configure(&self, port: u16, fsync: bool) {
        let durable = if fsync { "on" } else { "off" };
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 300\n\
             fsync = {durable}\nsynchronous_commit = {durable}\nfull_page_writes = {durable}\nlog_lock_waits = on\n"
        );
        let mut file = OpenOptions::new()
            .append(true)
            .open(self.data().join("postgresql.conf"))
            .expect("initdb wrote a configuration");
        file.write_all(settings.as_bytes()).expect("the configuration can be written");
    }

    fn control(&self, arguments: &[&str]) -> Output {
        // Not piped: the server would inherit the pipe and keep its reader waiting.
        let said = self.home.join("control.log");
        let out = OpenOptions::new().create(true).append(true).open(&said).expect("a log file can be opened");
        let err = out.try_clone().expect("a log file can be opened twice");
        let status = self
            .command("pg_ctl")
            .args(arguments)
            .arg("-D")
            .arg(self.data())
            .arg("-l")
            .arg(self.home.join("server.log"))
            .stdout(out)
            .stderr(err)
            .status()
            .expect("`pg_ctl` can be started");
        Output { status, stdout: fs::read(&said).unwrap_or_default(), stderr: Vec::new() }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.home).stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.join("server.log")).unwrap_or_default()
    }

    fn explain(&self, answer: &Output) -> String {
        let (out, err) = (String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
        format!("{}\n{out}{err}{}", answer.status, self.log())
    }
}

/// The folder with `initdb` and `pg_ctl`. Debian keeps them out of `PATH`, in a folder a version.
fn programs() -> PathBuf {
    let mut folders: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    folders.sort();
    let folders: Vec<PathBuf> = folders.into_iter().map(|(_, folder)| folder).collect();
    service::find_program("initdb", &folders)
        // A link in PATH does not have its siblings beside it.
        .and_then(|file| file.canonicalize().ok()?.parent().map(Path::to_path_buf))
        .expect("PostgreSQL is not installed: apt-get install -y --no-install-recommends postgresql")
}

/// User and group of `postgres`, which Debian's package makes.
fn postgres_user() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
    users
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next() == Some("postgres");
            let user = fields.nth(1)?.parse().ok()?;
            let group = fields.next()?.parse().ok()?;
            found.then_some((user, group))
        })
        .expect("the user `postgres` exists (apt-get install -y --no-install-recommends postgresql)")
}
