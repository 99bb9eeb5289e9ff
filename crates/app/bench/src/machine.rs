//! What a figure was measured on: without it, a figure says nothing.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// The machine and the versions, one line each. No date: the commit says when.
pub(crate) fn lines(workspace: &Path, postgres: Option<&str>, node: Option<&str>) -> Vec<String> {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = after(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unnamed processor".to_owned());
    let memory = after(&read("/proc/meminfo"), "MemTotal");
    let memory = memory.and_then(|text| text.split(' ').next()?.parse::<u64>().ok()).unwrap_or_default() / (1 << 20);
    let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
    let mut lines = vec![format!("{cores} cores ({processor}), {memory} GiB, Linux {kernel}, loopback")];
    let rustc = said("rustc", &["--version"], workspace).unwrap_or_else(|| "rustc unknown".to_owned());
    let others = [postgres.map(str::to_owned), node.map(|version| format!("node {version}"))];
    lines.push([Some(rustc)].into_iter().chain(others).flatten().collect::<Vec<_>>().join(" · "));
    if let Some(commit) = said("git", &["rev-parse", "--short=12", "HEAD"], workspace) {
        let clean = said("git", &["status", "--porcelain", "--untracked-files=no"], workspace).is_none();
        lines.push(format!("commit {commit}{}", if clean { "" } else { ", with changes that are not committed" }));
    }
    lines
}

/// How often a second this disk writes 8 KiB for good: what a commit waits for.
pub(crate) fn syncs(folder: &Path) -> anyhow::Result<f64> {
    let path = folder.join("sync");
    let mut file = File::create(&path)?;
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_secs(1) {
        file.write_all(&[0; 8_192])?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / begin.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(rate)
}

/// What a program says; none when it is not there, fails or says nothing.
fn said(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(folder).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
