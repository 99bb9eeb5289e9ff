//! One run: prepares what the asked groups need, measures them in turn, prints the table and keeps it when it is whole.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit};
use tempfile::TempDir;

use crate::{
    arguments::{Arguments, Group},
    database::Database,
    figures,
    load::Load,
    machine,
    report::{Figure, Report, Series},
    say,
    servers::{Cluster, SocketIo},
    stage::Stage,
};

/// Where the table of a whole run is kept, below the workspace.
const KEPT: &str = "docs/benchmarks.md";

/// What the figures share.
pub(crate) struct Bench {
    pub(crate) arguments: Arguments,
    pub(crate) report: Report,
    pub(crate) binary: PathBuf,
    /// For data and logs of this run.
    pub(crate) folder: PathBuf,
    workspace: PathBuf,
    /// For what is worth keeping over runs.
    target: PathBuf,
    postgres: Option<OnPostgres>,
    sqlite: Option<Stage>,
    pub(crate) node: Option<String>,
}

/// The installation on PostgreSQL, and its cluster, which ends after it.
pub(crate) struct OnPostgres {
    pub(crate) stage: Stage,
    pub(crate) cluster: Cluster,
}

/// Runs everything that is asked for; whether nothing failed.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let limit = raise_file_limit();
    let workspace = workspace()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let binary = match &arguments.binary {
        Some(binary) => fs::canonicalize(binary).with_context(|| binary.display().to_string())?,
        None => build(&workspace, &target)?,
    };
    let temporary = TempDir::with_prefix("domicile-bench-")?;
    // PostgreSQL runs as another user and has to pass through.
    open_to_others(temporary.path())?;
    let mut bench = Bench {
        report: Report::of(command()),
        binary,
        folder: temporary.path().to_path_buf(),
        workspace,
        target: target.join("bench"),
        postgres: None,
        sqlite: None,
        node: None,
        arguments,
    };
    if bench.arguments.keep {
        say(&format!("data and logs stay in {}", temporary.keep().display()));
    }
    if bench.arguments.quick {
        bench
            .report
            .remarks
            .push("A quick run: one short repetition of each. It shows that it works, and no more.".to_owned());
    }
    if limit < 11_000 {
        bench.report.remarks.push(format!("Only {limit} files may be open: 10,000 sockets need `ulimit -n 11000`."));
    }
    let mut syncs = Series::new("8 KiB written for good, one after the other (fdatasync)", "1/s");
    syncs.push(machine::syncs(&bench.folder)?);
    for group in bench.arguments.groups() {
        let measured = match group {
            Group::Rooms => figures::rooms::measure(&mut bench),
            Group::Uncached => figures::uncached::measure(&mut bench),
            Group::Bookings => figures::bookings::measure(&mut bench),
            Group::Race => figures::race::measure(&mut bench),
            Group::Login => figures::login::measure(&mut bench),
            Group::Sockets => figures::sockets::measure(&mut bench),
            Group::Money => figures::money::measure(&mut bench),
            Group::Start => figures::start::measure(&mut bench),
        };
        // One that cannot be measured does not take the others with it.
        if let Err(error) = measured {
            bench.report.figure(Figure::failed(&format!("{group:?}").to_lowercase(), &format!("{error:#}")));
        }
    }
    syncs.push(machine::syncs(&bench.folder)?);
    bench.report.series([syncs]);
    bench.conclude()
}

impl Bench {
    /// A load with the length of this run's measurements.
    pub(crate) fn load(&self, address: std::net::SocketAddr, connections: usize) -> Load {
        let (warm_up, measured) = (self.arguments.warm_up(), self.arguments.measured());
        Load { address, connections, warm_up, measured }
    }

    /// The installation on PostgreSQL; made when it is asked for first.
    pub(crate) fn postgres(&mut self) -> anyhow::Result<&OnPostgres> {
        if self.postgres.is_none() {
            say("preparing PostgreSQL");
            let cluster = Cluster::start(&self.folder.join("cluster")).context("PostgreSQL could not be started")?;
            Database::connect(&cluster.url("postgres"))?.run("CREATE DATABASE bench")?;
            let stage = Stage::build(&self.binary, &self.folder.join("on-postgres"), Some(cluster.url("bench")))?;
            self.remark_unknown(&stage);
            self.postgres = Some(OnPostgres { stage, cluster });
        }
        self.postgres.as_ref().context("PostgreSQL is prepared")
    }

    /// The installation on SQLite; made when it is asked for first.
    pub(crate) fn sqlite(&mut self) -> anyhow::Result<&Stage> {
        if self.sqlite.is_none() {
            say("preparing SQLite");
            let stage = Stage::build(&self.binary, &self.folder.join("on-sqlite"), None)?;
            self.remark_unknown(&stage);
            self.sqlite = Some(stage);
        }
        self.sqlite.as_ref().context("SQLite is prepared")
    }

    fn remark_unknown(&mut self, stage: &Stage) {
        for name in &stage.product.unknown {
            let remark = format!("This binary does not know `{name}`: what it switches is not there.");
            if !self.report.remarks.contains(&remark) {
                self.report.remarks.push(remark);
            }
        }
    }

    /// socket.io, when node is there.
    pub(crate) fn socket_io(&mut self) -> anyhow::Result<Option<SocketIo>> {
        let server = SocketIo::install(&self.workspace, &self.target)?;
        self.node = server.as_ref().map(|server| server.version.clone());
        Ok(server)
    }

    fn conclude(mut self) -> anyhow::Result<bool> {
        let postgres = match &self.postgres {
            Some(postgres) => {
                let version = Database::connect(&postgres.cluster.url("bench"))?.text("SHOW server_version")?;
                Some(format!("PostgreSQL {}", version.split(' ').next().unwrap_or(&version)))
            }
            None => None,
        };
        self.report.machine = machine::lines(&self.workspace, postgres.as_deref(), self.node.as_deref());
        let table = self.report.markdown();
        say(&format!("\n{table}"));
        if self.arguments.whole() && self.arguments.binary.is_none() && self.report.whole() {
            let text = format!(
                "# Measurements\n\nWritten by `just bench`; nothing in it is typed by hand. How each figure is taken stands in\n\
                 `crates/app/bench`, one module a group. What the bare machine and other servers reach, and what that\n\
                 says, is in the bench's own floors: they ran in the same run, in turns with the product.\n\n{table}"
            );
            fs::write(self.workspace.join(KEPT), text)?;
            say(&format!("kept in {KEPT}"));
        }
        Ok(self.report.whole())
    }
}

/// How it was asked for.
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ["just bench".to_owned()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}

/// The folder of the root `Cargo.toml`, from where this crate was built.
fn workspace() -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(3).context("this crate lies at crates/app/bench")?;
    if !root.join("Cargo.toml").is_file() {
        bail!("the sources are not where this was built");
    }
    Ok(root.to_path_buf())
}

/// The binary as it ships.
fn build(workspace: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    say("building the product");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--profile", "dist", "--package", "domicile-server", "--bin", "domicile", "--target-dir"])
        .arg(target)
        .current_dir(workspace)
        .status()
        .context("`cargo` cannot be started")?;
    if !status.success() {
        bail!("the product does not build");
    }
    Ok(target.join("dist/domicile"))
}

/// As many files as this user may open, here and in what is started from here.
fn raise_file_limit() -> u64 {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match rustix::process::setrlimit(Resource::Nofile, wanted) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_refused) => limit.current.unwrap_or(u64::MAX),
    }
}

fn open_to_others(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?)
}
