//! The outbox folder.

use std::{fs, os::unix::fs::PermissionsExt};

use domicile_delivery::{DeliveryError, Mailer, Message, OutboxMailer};
use domicile_kernel::ports::fixed::FixedClock;

#[tokio::test]
async fn a_mail_is_one_readable_file_that_only_its_owner_reads() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("outbox");
    let clock = FixedClock::at("2026-01-20T10:30:00.5Z");
    let mailer = OutboxMailer::open(&folder, "Domicile <no-reply@localhost>", clock).unwrap();
    let mail = Message {
        id: "0190-7f".into(),
        to: "ama/../x@example.org".into(),
        subject: "Your code, Ámá".into(),
        text: "123456\n".into(),
    };
    mailer.send(&mail).await.unwrap();
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert_eq!(name, "20260120T103000.500000Z-ama_.._x@example.org-0190-7f.txt");
    let expected = "From: Domicile <no-reply@localhost>\nTo: ama/../x@example.org\nSubject: Your code, Ámá\n\
        Date: Tue, 20 Jan 2026 10:30:00 +0000\nMessage-ID: <0190-7f@domicile>\n\n123456\n";
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), expected);
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn what_cannot_be_written_may_be_tried_again_and_what_breaks_a_header_may_not() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("outbox");
    let mailer = OutboxMailer::open(&folder, "no-reply@localhost", FixedClock::at("2026-01-20T10:30:00Z")).unwrap();
    let mail = Message { id: "1".into(), to: "a@b.c".into(), subject: "s".into(), text: "t".into() };
    let broken = Message { subject: "s\nBcc: all@b.c".into(), ..mail.clone() };
    assert!(matches!(mailer.send(&broken).await, Err(DeliveryError::Permanent(_))));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    fs::remove_dir(&folder).unwrap();
    assert!(matches!(mailer.send(&mail).await, Err(DeliveryError::Temporary(_))));
}
