//! socket.io, when node is there: the sources in `bench/socket.io`, installed from their lock file on the first run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use super::Process;

/// A server that can be started.
pub(crate) struct SocketIo {
    folder: PathBuf,
    /// Of node.
    pub(crate) version: String,
}

impl SocketIo {
    /// Installs it below `target`; none when node or npm is not there.
    pub(crate) fn install(workspace: &Path, target: &Path) -> anyhow::Result<Option<Self>> {
        let Some(version) = answer("node", "--version") else { return Ok(None) };
        if answer("npm", "--version").is_none() {
            return Ok(None);
        }
        let (from, folder) = (workspace.join("bench/socket.io"), target.join("socket.io"));
        fs::create_dir_all(&folder)?;
        let lock = fs::read(from.join("package-lock.json"))?;
        let installed = folder.join("installed-lock.json");
        for file in ["package.json", "package-lock.json", "server.js"] {
            fs::copy(from.join(file), folder.join(file)).with_context(|| format!("bench/socket.io/{file}"))?;
        }
        if fs::read(&installed).ok().as_ref() != Some(&lock) {
            let ran = Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(&folder)
                .stdin(Stdio::null())
                .output()?;
            if !ran.status.success() {
                bail!("`npm ci` failed: {}", String::from_utf8_lossy(&ran.stderr));
            }
            fs::write(&installed, &lock)?;
        }
        Ok(Some(Self { folder, version }))
    }

    pub(crate) fn start(&self) -> anyhow::Result<Process> {
        let mut command = Command::new("node");
        command
            .arg("server.js")
            .current_dir(&self.folder)
            .env("NODE_ENV", "production")
            .env("BENCH_SECRET", crate::floors::SECRET);
        Process::start(&mut command, &self.folder.join("server.log"))
    }
}

fn answer(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
