//! What the operating system knows about this process and its machine. Where there is no `/proc`, nothing is told.

use std::fs;

/// How much of the memory this process holds is in RAM, in bytes.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    kilobytes(&status, "VmRSS:").map(|kb| kb * 1_024)
}

/// How much memory the machine has, in bytes.
pub fn machine_bytes() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    kilobytes(&info, "MemTotal:").map(|kb| kb * 1_024)
}

/// How much of the machine's memory is not available to a new process, in percent.
pub fn machine_memory_percent() -> Option<f64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    used_percent(&info)
}

/// How many files and sockets this process holds open.
pub fn open_files() -> Option<u64> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

fn used_percent(info: &str) -> Option<f64> {
    let (total, available) = (kilobytes(info, "MemTotal:")?, kilobytes(info, "MemAvailable:")?);
    let used = total.saturating_sub(available) as f64 * 100.0 / total.max(1) as f64;
    Some((used * 10.0).round() / 10.0)
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_available_is_used() {
        let info = "MemTotal:        4000 kB\nMemFree:          100 kB\nMemAvailable:    1384 kB\n";
        assert_eq!(used_percent(info), Some(65.4));
        assert_eq!(used_percent("MemTotal: 4000 kB\n"), None);
        assert_eq!(used_percent(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_holds_some_memory_and_some_files() {
        assert!(resident_bytes().unwrap() > 100_000);
        assert!(machine_bytes().unwrap() > resident_bytes().unwrap());
        assert!(open_files().unwrap() >= 3);
        assert!((0.0..=100.0).contains(&machine_memory_percent().unwrap()));
    }
}
