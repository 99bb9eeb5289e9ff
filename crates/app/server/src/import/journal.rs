//! The journal of an import as a file: a line that says which import it is, then a line an event. Whoever holds the file's
//! lock plays; a line that was cut off by the end of a process is taken away.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use domicile_kernel::{HostelDay, HostelId};
use domicile_workflows::import::{Entry, Journal};
use serde::{Deserialize, Serialize};

/// Which import a journal belongs to: it can only be continued with the same arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// SHA-256 of the file.
    pub(super) file: String,
    /// Into which hostel.
    pub(super) hostel: HostelId,
    /// The day of the first event.
    pub(super) shift_to: HostelDay,
    /// Whether it makes its own rooms.
    pub(super) auto_rooms: bool,
}

/// A journal that survives the process.
pub(super) struct FileJournal {
    file: File,
    path: PathBuf,
    entries: Vec<Entry>,
    new: bool,
}

impl FileJournal {
    /// Opens the journal of an import, or begins it.
    pub(super) fn open(path: &Path, header: &Header) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let told = || format!("the journal {} cannot be used", path.display());
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path).with_context(told)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("this file is being imported into this hostel right now"),
            Err(TryLockError::Error(error)) => return Err(error).with_context(told),
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(told)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        text.truncate(whole);
        file.set_len(whole as u64).with_context(told)?;

        let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let Some(first) = lines.next() else {
            let mut journal = Self { file, path: path.to_owned(), entries: Vec::new(), new: true };
            journal.write(header).with_context(told)?;
            return Ok(journal);
        };
        let known: Header = serde_json::from_slice(first).with_context(told)?;
        if known != *header {
            bail!(
                "this file was imported into this hostel with --shift-to {}{}; only those arguments go on with it",
                known.shift_to,
                if known.auto_rooms { " --rooms auto" } else { " and without --rooms auto" },
            );
        }
        let entries = lines.map(serde_json::from_slice).collect::<Result<_, _>>().with_context(told)?;
        Ok(Self { file, path: path.to_owned(), entries, new: false })
    }

    /// Whether this run began it.
    pub(super) fn is_new(&self) -> bool {
        self.new
    }

    /// Takes a journal away in which nothing was done.
    pub(super) fn discard(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// One write a line, so that a line is cut off at most at the end of the file.
    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }
}

impl Journal for FileJournal {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn append(&mut self, entry: Entry) -> io::Result<()> {
        self.write(&entry)?;
        self.entries.push(entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domicile_workflows::import::Deed;

    use super::*;

    fn header(shift_to: &str) -> Header {
        Header {
            file: "ab".repeat(32),
            hostel: HostelId::new(uuid::Uuid::from_u128(1)),
            shift_to: shift_to.parse().unwrap(),
            auto_rooms: true,
        }
    }

    fn said(result: anyhow::Result<FileJournal>) -> String {
        result.err().expect("the journal is refused").to_string()
    }

    #[test]
    fn a_journal_goes_on_behind_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("imports/x.jsonl");
        let entry = |event| Entry { event, row: 9, deed: Deed::CheckedIn };
        let mut journal = FileJournal::open(&path, &header("2027-01-01")).unwrap();
        assert!(journal.is_new());
        journal.append(entry(0)).unwrap();
        journal.append(entry(4)).unwrap();
        assert_eq!(
            said(FileJournal::open(&path, &header("2027-01-01"))),
            "this file is being imported into this hostel right now"
        );
        drop(journal);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 3]).unwrap();

        let mut journal = FileJournal::open(&path, &header("2027-01-01")).unwrap();
        assert!(!journal.is_new());
        assert_eq!(journal.entries(), [entry(0)]);
        journal.append(entry(4)).unwrap();
        drop(journal);
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert!(said(FileJournal::open(&path, &header("2027-01-02"))).contains("--shift-to 2027-01-01 --rooms auto"));
    }
}
