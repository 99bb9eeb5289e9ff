//! A log file a day, and the oldest removed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use domicile_kernel::{Clock, HostelDay, Zone};

const BEGINNING: &str = "domicile-";
const ENDING: &str = ".log";

/// Appends to the file of the day it is, by the clock and UTC.
pub(super) struct DailyFiles {
    folder: PathBuf,
    keep: usize,
    clock: Arc<dyn Clock>,
    day: HostelDay,
    file: File,
}

impl DailyFiles {
    pub(super) fn open(folder: PathBuf, keep: usize, clock: Arc<dyn Clock>) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let day = Zone::UTC.day_of(clock.now());
        let file = append(&folder, day)?;
        let files = Self { folder, keep: keep.max(1), clock, day, file };
        files.remove_old()?;
        Ok(files)
    }

    /// Takes the next day's file when it is there; until it can be made, lines go on into the last one.
    fn turn(&mut self) -> io::Result<()> {
        let today = Zone::UTC.day_of(self.clock.now());
        if today != self.day {
            self.file = append(&self.folder, today)?;
            self.day = today;
            self.remove_old()?;
        }
        Ok(())
    }

    fn remove_old(&self) -> io::Result<()> {
        let mut ours = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            if let Some(name) = name.to_str().filter(|name| is_ours(name)) {
                ours.push(name.to_owned());
            }
        }
        // The names sort as the days do.
        ours.sort_unstable();
        let too_many = ours.len().saturating_sub(self.keep);
        for name in ours.iter().take(too_many) {
            fs::remove_file(self.folder.join(name))?;
        }
        Ok(())
    }
}

fn is_ours(name: &str) -> bool {
    let day = name.strip_prefix(BEGINNING).and_then(|rest| rest.strip_suffix(ENDING));
    day.is_some_and(|day| day.parse::<HostelDay>().is_ok())
}

/// Readable by its owner only: a log names people.
fn append(folder: &Path, day: HostelDay) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(folder.join(format!("{BEGINNING}{day}{ENDING}")))
}

impl Write for DailyFiles {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A folder that is gone or full must not lose lines that the open file still takes.
        let _unturned = self.turn();
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
