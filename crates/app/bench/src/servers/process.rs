//! A server as a process of its own: started, waited for, looked at in `/proc`, ended.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal};

/// What a server writes, at the start of a line, when it can be asked.
const READY: &str = "listening on http://";
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server. It is ended when this is dropped.
pub(crate) struct Process {
    child: Child,
    /// Where it listens, once it has said so.
    pub(crate) address: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// Starts a server that says where it listens.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let mut process = Self::spawn(command, log, SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let begin = Instant::now();
        loop {
            // Asked before reading, so that what was written just before the end is still read.
            let ended = process.child.try_wait()?;
            let said = process.said();
            if let Some(line) = said.split_inclusive('\n').find(|line| line.starts_with(READY) && line.ends_with('\n'))
            {
                process.address = line.trim_start_matches(READY).trim().parse().context("no address")?;
                return Ok(process);
            }
            if let Some(status) = ended {
                bail!("{} ended before it was ready ({status}): {said}", log.display());
            }
            if begin.elapsed() > PATIENCE {
                bail!("not ready within {PATIENCE:?}: {said}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts a server of which it is known where it will listen, without waiting. Both outputs go to the file.
    pub(crate) fn spawn(command: &mut Command, log: &Path, address: SocketAddr) -> anyhow::Result<Self> {
        let out = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
        let err = out.try_clone()?;
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.with_context(|| format!("{} cannot be started", command.get_program().display()))?;
        Ok(Self { child, address, log: log.to_path_buf() })
    }

    /// What it has written so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// A line of `/proc/<pid>/status` in KiB, such as `RssAnon` or `VmRSS`.
    pub(crate) fn memory(&self, line: &str) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("the server is gone")?;
        let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let number = found.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse().ok());
        number.with_context(|| format!("/proc tells no {line}"))
    }

    /// Processor time used so far, of all its threads.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).context("the server is gone")?;
        let (_, rest) = stat.rsplit_once(") ").context("/proc tells no times")?;
        let ticks: u64 = rest.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    }

    /// Asks it to end and waits.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a child has an id")?;
        rustix::process::kill_process(id, Signal::TERM)?;
        let begin = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > PATIENCE {
                bail!("a server did not end within {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and is only waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
