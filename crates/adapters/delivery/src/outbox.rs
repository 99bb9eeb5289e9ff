//! The sandbox: each mail a readable file, for a laptop without a mail server and for tests.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use domicile_kernel::{Clock, Instant};

use crate::{DeliveryError, Mailer, Message};

/// Writes `<UTC timestamp>-<recipient>-<id>.txt` into a folder, whole or not at all, readable by its owner only: a mail
/// may hold a code.
pub struct OutboxMailer {
    folder: PathBuf,
    from: String,
    clock: Arc<dyn Clock>,
}

impl OutboxMailer {
    /// Opens the folder, making it (mode 0700) when it is not there. `from` is what the files say, such as
    /// `Domicile <no-reply@localhost>`.
    pub fn open(folder: &Path, from: &str, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        Ok(Self { folder: folder.to_owned(), from: from.to_owned(), clock })
    }
}

#[async_trait]
impl Mailer for OutboxMailer {
    async fn send(&self, mail: &Message) -> Result<(), DeliveryError> {
        mail.check()?;
        let at = self.clock.now();
        let name = file_name(mail, at);
        let text = file_text(mail, &self.from, at);
        let folder = self.folder.clone();
        let span = tracing::debug_span!("delivery", by = "outbox");
        let written = tokio::task::spawn_blocking(move || span.in_scope(|| write(&folder, &name, &text))).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(DeliveryError::Temporary(error.into())),
            Err(error) => Err(DeliveryError::Temporary(error.into())),
        }
    }
}

/// Writes under another name and renames, so that whoever watches the folder never reads half a mail.
fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let unfinished = folder.join(format!(".{name}.part"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))
}

/// Sorts by time: `20260120T103000.000000Z-ama@example.org-<id>.txt`.
fn file_name(mail: &Message, at: Instant) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '-' | '_' | '+');
    let to: String = mail.to.chars().take(80).map(|c| if kept(c) { c } else { '_' }).collect();
    let stamp = timestamp(at).strftime("%Y%m%dT%H%M%S.%6fZ");
    format!("{stamp}-{to}-{}.txt", mail.id)
}

fn file_text(mail: &Message, from: &str, at: Instant) -> String {
    let date = jiff::fmt::rfc2822::to_string(&timestamp(at).to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default();
    let (to, subject, id, text) = (&mail.to, &mail.subject, &mail.id, mail.text.trim_end());
    format!("From: {from}\nTo: {to}\nSubject: {subject}\nDate: {date}\nMessage-ID: <{id}@domicile>\n\n{text}\n")
}

fn timestamp(at: Instant) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
