//! The ring's file: mode 0600, written whole or not at all. Two processes that start together on one empty folder end
//! with the same ring.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use domicile_kernel::{Clock, Secrets};
use zeroize::Zeroizing;

use super::{KeyRing, KeyRingError};

/// Tells apart the drafts of one process; the process id tells apart those of several.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

impl KeyRing {
    /// Reads the ring from a file; when there is none, makes one with a fresh key, readable by its owner only. For a
    /// machine of one's own; production gives its ring to [`Self::parse`].
    ///
    /// # Errors
    /// When the file cannot be read, made or protected, or what it holds is no ring.
    pub fn load_or_create(path: &Path, clock: &dyn Clock, secrets: &dyn Secrets) -> Result<Self, KeyRingError> {
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => {
                protect(path).map_err(|source| failed("protect", path, source))?;
                Self::parse(&text)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let ring = Self::create(clock.now(), secrets);
                match ring.place(path, Placing::IfAbsent) {
                    Ok(()) => Ok(ring),
                    // Another process was first: its ring counts.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        let text = fs::read_to_string(path).map_err(|source| failed("read", path, source))?;
                        Self::parse(&Zeroizing::new(text))
                    }
                    Err(source) => Err(failed("create", path, source)),
                }
            }
            Err(source) => Err(failed("read", path, source)),
        }
    }

    /// Writes the ring over its file, after [`Self::rotate`]. A crash leaves the old file or the new one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), KeyRingError> {
        self.place(path, Placing::Over).map_err(|source| failed("write", path, source))
    }

    fn place(&self, path: &Path, placing: Placing) -> io::Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder)?;
        let draft = draft_of(path);
        let written = write_new(&draft, &self.to_text()).and_then(|()| match placing {
            Placing::Over => fs::rename(&draft, path),
            // Unlike a rename, a link never replaces what is there.
            Placing::IfAbsent => fs::hard_link(&draft, path).or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Err(error),
                // A file system without links: written in place, still never over another's.
                _ => write_new(path, &self.to_text()),
            }),
        });
        // After a rename there is nothing left to remove, and a draft that stays is only litter.
        let _ = fs::remove_file(&draft);
        written?;
        // The name survives a power cut only once the folder is on disk.
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .or_else(|error| if cfg!(unix) { Err(error) } else { Ok(()) })
    }
}

#[derive(Clone, Copy)]
enum Placing {
    IfAbsent,
    Over,
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> KeyRingError {
    KeyRingError::File { action, path: path.display().to_string(), source }
}

fn draft_of(path: &Path) -> PathBuf {
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{number}.draft", std::process::id()));
    path.with_file_name(name)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Takes a found file away from everybody but its owner.
fn protect(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "others could read the key ring; its mode is now 600");
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn load(path: &Path) -> Result<KeyRing, KeyRingError> {
        KeyRing::load_or_create(path, fixture::clock().as_ref(), fixture::secrets().as_ref())
    }

    #[test]
    fn a_ring_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("keys.json");
        let made = load(&path).unwrap();
        let found =
            KeyRing::load_or_create(&path, fixture::clock().as_ref(), fixture::stranger_secrets().as_ref()).unwrap();
        assert_eq!(made.fingerprints(), found.fingerprints());
        let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["keys.json"], "no draft stays behind");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone_even_when_it_was_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let mut ring = load(&path).unwrap();
        assert_eq!(mode(), 0o600);
        ring.rotate(fixture::now(), fixture::stranger_secrets().as_ref());
        ring.save(&path).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(load(&path).unwrap().fingerprints(), ring.fingerprints());
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn an_empty_file_is_not_taken_for_a_new_installation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        fs::write(&path, "").unwrap();
        assert!(matches!(load(&path), Err(KeyRingError::Missing)));
    }

    #[test]
    fn processes_that_start_together_end_with_one_ring() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let barrier = std::sync::Barrier::new(8);
        let rings: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8_usize)
                .map(|n| {
                    let (path, barrier) = (&path, &barrier);
                    scope.spawn(move || {
                        let secrets = fixture::secrets();
                        secrets.bytes(&mut vec![0; n * 40]);
                        barrier.wait();
                        KeyRing::load_or_create(path, fixture::clock().as_ref(), secrets.as_ref()).unwrap()
                    })
                })
                .collect();
            starts.into_iter().map(|start| start.join().unwrap().fingerprints()).collect()
        });
        assert!(rings.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
