//! A throw-away PostgreSQL that syncs to disk as a real one does, and can be told to log every statement.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

/// A running cluster. It is stopped when this is dropped.
pub(crate) struct Cluster {
    home: PathBuf,
    programs: PathBuf,
    /// Whom it runs as: PostgreSQL refuses to run as root.
    owner: Option<(u32, u32)>,
    pub(crate) port: u16,
}

impl Cluster {
    /// Makes one in a folder that is not there yet.
    pub(crate) fn start(home: &Path) -> anyhow::Result<Self> {
        fs::create_dir(home)?;
        let owner = if rustix::process::geteuid().is_root() { Some(postgres_user()?) } else { None };
        if let Some((user, group)) = owner {
            chown(home, Some(user), Some(group))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let cluster = Self { home: home.to_path_buf(), programs: programs()?, owner, port };
        let data = cluster.data();
        cluster.run(
            cluster
                .command("initdb")
                .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-N", "-D"])
                .arg(&data),
        )?;
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 200\n\
             shared_buffers = 512MB\nmax_wal_size = 8GB\nfsync = on\nsynchronous_commit = on\nlog_line_prefix = '%p|'\n"
        );
        OpenOptions::new().append(true).open(data.join("postgresql.conf"))?.write_all(settings.as_bytes())?;
        cluster.control(&["start", "-w", "-t", "60"])?;
        Ok(cluster)
    }

    /// The address of a database, as the superuser.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// One of its programs, such as `pgbench`.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// What it has written to its log.
    pub(crate) fn log(&self) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.home.join("server.log"))?).into_owned())
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn control(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.run(
            self.command("pg_ctl")
                .args(arguments)
                .arg("-D")
                .arg(self.data())
                .arg("-l")
                .arg(self.home.join("server.log")),
        )
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.program(program));
        command.current_dir(&self.home).stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    /// Not piped: the server would inherit the pipe and keep its reader waiting.
    fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        let said = self.home.join("control.log");
        let out = OpenOptions::new().create(true).append(true).open(&said)?;
        let err = out.try_clone()?;
        let status = command.stdout(out).stderr(err).status().context("PostgreSQL's programs cannot be started")?;
        if !status.success() {
            bail!("PostgreSQL: {status}: {}", fs::read_to_string(&said).unwrap_or_default());
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What does not stop now has no data that anybody wants.
        let _ = self.control(&["stop", "-m", "immediate", "-w", "-t", "30"]);
    }
}

/// The newest folder with `initdb`. Debian keeps them out of `PATH`, in a folder a version.
fn programs() -> anyhow::Result<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder): &(u32, PathBuf)| folder.join("initdb").is_file())
        .collect();
    versions.sort();
    if let Some((_, folder)) = versions.pop() {
        return Ok(folder);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|folder| folder.join("initdb").is_file())
        .context("PostgreSQL is not installed: apt-get install -y --no-install-recommends postgresql")
}

/// User and group of `postgres`.
fn postgres_user() -> anyhow::Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find_map(|line| line.strip_prefix("postgres:")).context("there is no user `postgres`")?;
    let mut fields = line.split(':').skip(1).map(str::parse);
    match (fields.next(), fields.next()) {
        (Some(Ok(user)), Some(Ok(group))) => Ok((user, group)),
        _ => bail!("the line of `postgres` in /etc/passwd cannot be read"),
    }
}
