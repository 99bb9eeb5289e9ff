//! Programs that outlive one test process: found, started once under a file lock, and ended when nobody needs them.
//!
//! A test run is many processes (one a test), so the first to come starts a program for all. Each process holds a
//! shared lock on `users.lock` for as long as it lives; the kernel lets go of it however the process ends. A small
//! watchdog, detached from the test, ends the program and removes its files once nobody has held that lock for a
//! while. Nothing here knows PostgreSQL or Redis beyond the [`Program`] they describe.

use std::{
    collections::hash_map::RandomState,
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, Hasher},
    net::{TcpListener, TcpStream},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How to recognise and end a program that is running.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    /// The folder of the shared instance, below the folder of this user's test services.
    pub(crate) name: &'static str,
    /// The file with the process id on its first line, below the instance's home.
    pub(crate) pid_file: &'static str,
    /// The process's name as the kernel knows it, so that a process id used again is not mistaken for ours.
    pub(crate) comm: &'static str,
    /// The signal that ends it at once, without `SIG`.
    pub(crate) signal: &'static str,
}

/// A running instance: where it answers, where its files are, and the lock that keeps it alive.
#[derive(Debug)]
pub(crate) struct Instance {
    /// `127.0.0.1:port`.
    pub(crate) address: String,
    pub(crate) home: PathBuf,
    /// Held for the life of this value; the watchdog acts once nobody holds it.
    _lease: File,
}

/// How long nobody may use a shared instance before it is ended: longer than the pause between two tests, which may be
/// a compilation of the next test binary.
const SHARED_GRACE: Duration = Duration::from_mins(1);
const WATCH_EVERY: Duration = Duration::from_secs(2);

impl Program {
    /// The instance that all test processes of this user share; started by the first.
    ///
    /// `start` gets an empty folder and answers with the port on 127.0.0.1.
    pub(crate) fn shared(self, start: impl FnOnce(&Path) -> u16) -> Instance {
        let base = std::env::temp_dir().join(format!("domicile-tests-{}", effective_user())).join(self.name);
        fs::create_dir_all(&base).expect("the folder of the shared test services can be made");
        let starting = open_lock(&base.join("start.lock"));
        starting.lock().expect("the start lock can be taken");
        // Taken under the start lock, under which alone the watchdog tries it: neither can disturb the other.
        let lease = open_lock(&base.join("users.lock"));
        lease.lock_shared().expect("the users lock can be taken");

        let current = base.join("current");
        if let Some((address, home)) = read_current(&current)
            && self.process(&home).is_some()
            && answers(&address)
        {
            return Instance { address, home, _lease: lease };
        }
        self.sweep(&base);
        let home = base.join(format!("home-{}", random_name()));
        fs::create_dir(&home).expect("a home for the service can be made");
        let address = format!("127.0.0.1:{}", start(&home));
        fs::write(&current, format!("{address}\n{}\n", home.display())).expect("the address can be left for others");
        self.watch(&base, &home, SHARED_GRACE);
        Instance { address, home, _lease: lease }
    }

    /// An instance for one test. It ends when the test ends it, or soon after the test's process is gone.
    pub(crate) fn private(self, start: impl FnOnce(&Path) -> u16) -> Instance {
        let home = std::env::temp_dir().join(format!("domicile-test-{}-{}", self.name, random_name()));
        fs::create_dir(&home).expect("a home for the service can be made");
        let lease = open_lock(&home.join("users.lock"));
        lease.lock_shared().expect("the users lock can be taken");
        self.watch(&home, &home, Duration::ZERO);
        let address = format!("127.0.0.1:{}", start(&home));
        Instance { address, home, _lease: lease }
    }

    /// The process id, when the instance at `home` is alive.
    pub(crate) fn process(self, home: &Path) -> Option<u32> {
        let text = fs::read_to_string(home.join(self.pid_file)).ok()?;
        let pid = text.lines().next()?.trim().parse().ok()?;
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (comm.trim() == self.comm && is_alive(pid)).then_some(pid)
    }

    /// Ends the instance at `home` at once and removes its files.
    pub(crate) fn remove(self, home: &Path) {
        if let Some(pid) = self.process(home) {
            signal(self.signal, &[pid]);
            wait_until_gone(&[pid], Duration::from_secs(10));
        }
        // Best effort: the watchdog may be faster, and a folder left in the temp folder breaks nothing.
        let _ = fs::remove_dir_all(home);
    }

    /// Removes what instances before left behind, for example after a power cut.
    fn sweep(self, base: &Path) {
        let Ok(entries) = fs::read_dir(base) else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with("home-") {
                self.remove(&entry.path());
            }
        }
    }

    /// Starts the process that ends the instance once nobody holds `base/users.lock` for `grace`.
    fn watch(self, base: &Path, home: &Path, grace: Duration) {
        let rounds = grace.as_secs() / WATCH_EVERY.as_secs();
        // In a session of its own and without our output: a test runner that ends a test's process group, or waits
        // for its pipes to close, must not see it.
        let status = Command::new("setsid")
            .args(["--fork", "sh", "-c", WATCHDOG, "domicile-test-watchdog"])
            .arg(base)
            .arg(home)
            .args([self.pid_file, self.comm, self.signal])
            .args([rounds.to_string(), WATCH_EVERY.as_secs().to_string()])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("`setsid` is there (apt-get install -y util-linux)");
        assert!(status.success(), "the watchdog of {} did not start: {status}", self.name);
    }
}

const WATCHDOG: &str = r#"
base=$1 home=$2 pid_file=$3 comm=$4 signal=$5 rounds=$6 every=$7
idle=0
while sleep "$every"; do
    [ -d "$home" ] || exit 0
    exec 8>>"$base/start.lock"
    flock 8
    exec 9>>"$base/users.lock"
    if flock --nonblock --exclusive 9; then idle=$((idle + 1)); else idle=0; fi
    exec 9>&-
    if [ "$idle" -gt "$rounds" ]; then
        pid=$(head -n 1 "$home/$pid_file" 2>/dev/null)
        if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$comm" ]; then
            kill -s "$signal" "$pid"
            tries=0
            while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
        fi
        rm -rf "$home"
        exit 0
    fi
    exec 8>&-
done
"#;

fn open_lock(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("a lock file can be opened")
}

fn read_current(path: &Path) -> Option<(String, PathBuf)> {
    let text = fs::read_to_string(path).ok()?;
    let mut lines = text.lines();
    Some((lines.next()?.to_owned(), PathBuf::from(lines.next()?)))
}

fn answers(address: &str) -> bool {
    address.parse().is_ok_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok())
}

/// The user whose rights this process has, by number; 0 is root.
pub(crate) fn effective_user() -> u32 {
    fs::metadata("/proc/self").expect("/proc is mounted").uid()
}

/// A port nobody listens on at this moment. Another process may take it before we do: who uses it tries again.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Sixteen characters that no other call gets, in this process or another.
pub(crate) fn random_name() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// The program called `name`: where `PATH` finds it, or below one of `folders`, the last first.
pub(crate) fn find_program(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(folders.iter().rev().cloned())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Sends a signal (`KILL`, `TERM`) to processes; one that is gone is no error.
pub(crate) fn signal(name: &str, pids: &[u32]) {
    let list = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    // The shell's own `kill`, so that no package is needed for it.
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -s {name} {list}")])
        .stderr(Stdio::null())
        .status()
        .expect("`sh` can be started");
}

/// Whether the process exists and has not ended. One that has ended and that nobody has asked for still has an id.
pub(crate) fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

/// The direct children of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent))
        .collect()
}

/// State letter and parent, from `/proc/<pid>/stat`. The name before them is in brackets and may hold anything.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Waits for processes to end.
///
/// # Panics
/// When one is still there after `patience`.
pub(crate) fn wait_until_gone(pids: &[u32], patience: Duration) {
    let started = Instant::now();
    while pids.iter().any(|pid| is_alive(*pid)) {
        assert!(started.elapsed() < patience, "one of the processes {pids:?} did not end within {patience:?}");
        thread::sleep(Duration::from_millis(5));
    }
}
