//! SMTP against the real server.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use domicile_delivery::{DeliveryError, Mailer, Message, SmtpMailer, SmtpSetupError};
use domicile_kernel::{Clock, ports::fixed::FixedClock};

use crate::server::{Server, Wire};

const FROM: &str = "Domicile <no-reply@example.org>";

fn clock() -> Arc<dyn Clock> {
    FixedClock::at("2026-01-20T10:30:00Z")
}

fn mail(id: &str) -> Message {
    Message {
        id: id.to_owned(),
        to: "ama@example.com".into(),
        subject: "Your code is here".into(),
        text: "Your code is 123456.\nIt is good for ten minutes.\n.\nA line with one dot stands above.".into(),
    }
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_sent() {
    let server = Server::start(1_000_000).await;
    let mailer = SmtpMailer::new(&format!("smtp://{}", server.address), FROM, clock()).unwrap();
    mailer.send(&mail("job-1")).await.unwrap();
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    let arrived = mails[0].replace("\r\n", "\n");
    for line in [
        "From: Domicile <no-reply@example.org>\n",
        "To: ama@example.com\n",
        "Subject: Your code is here\n",
        "Message-ID: <job-1@example.org>\n",
        "Date: Tue, 20 Jan 2026 10:30:00 +0000\n",
        "\n\nYour code is 123456.\nIt is good for ten minutes.\n.\nA line with one dot",
    ] {
        assert!(arrived.contains(line), "{line:?} is not in\n{arrived}");
    }
}

#[tokio::test]
async fn many_mails_go_over_the_kept_connections() {
    let server = Server::start(1_000_000).await;
    let mailer = SmtpMailer::new(&format!("smtp://{}", server.address), FROM, clock()).unwrap();
    let sending: Vec<_> = (0..20)
        .map(|n| {
            let mailer = mailer.clone();
            tokio::spawn(async move { mailer.send(&mail(&format!("job-{n}"))).await })
        })
        .collect();
    for sent in sending {
        sent.await.unwrap().unwrap();
    }
    let mails = server.mails();
    for n in 0..20 {
        let id = format!("<job-{n}@example.org>");
        assert_eq!(mails.iter().filter(|mail| mail.contains(&id)).count(), 1, "{id}");
    }
}

#[tokio::test]
async fn what_the_server_refuses_for_good_is_permanent() {
    let server = Server::start(2_000).await;
    let mailer = SmtpMailer::new(&format!("smtp://{}", server.address), FROM, clock()).unwrap();
    let long = Message { text: "too long ".repeat(1_000), ..mail("job-1") };
    let refused = mailer.send(&long).await.unwrap_err();
    assert!(matches!(refused, DeliveryError::Permanent(_)), "{refused:?}");
    for to in ["nobody", "a@b@c", "<a@b.c>, <d@e.f>", "a@b.c\r\nRCPT TO:<d@e.f>"] {
        let refused = mailer.send(&Message { to: to.to_owned(), ..mail("job-2") }).await.unwrap_err();
        assert!(matches!(refused, DeliveryError::Permanent(_)), "{to}: {refused:?}");
    }
    mailer.send(&mail("job-3")).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_temporary_and_mail_goes_on_afterwards() {
    let server = Server::start(1_000_000).await;
    let wire = Wire::to(server.address).await;
    let patience = Duration::from_millis(400);
    let mailer = SmtpMailer::with_patience(&format!("smtp://{}", wire.address), FROM, clock(), patience).unwrap();
    mailer.send(&mail("job-1")).await.unwrap();
    wire.cut(true);
    let begun = Instant::now();
    let late = mailer.send(&mail("job-2")).await.unwrap_err();
    assert!(matches!(late, DeliveryError::Temporary(_)), "{late:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    wire.cut(false);
    for id in ["job-3", "job-4"] {
        mailer.send(&mail(id)).await.unwrap();
    }
    let mails = server.mails();
    for id in ["<job-1@", "<job-3@", "<job-4@"] {
        assert_eq!(mails.iter().filter(|mail| mail.contains(id)).count(), 1, "{id}");
    }
}

#[tokio::test]
async fn no_server_is_temporary_and_one_without_tls_gets_no_mail_that_needs_it() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mailer = SmtpMailer::new(&format!("smtp://{nowhere}"), FROM, clock()).unwrap();
    assert!(matches!(mailer.send(&mail("job-1")).await, Err(DeliveryError::Temporary(_))));
    let server = Server::start(1_000_000).await;
    let url = format!("smtp://user:secret@{}?tls=required", server.address);
    let mailer = SmtpMailer::new(&url, FROM, clock()).unwrap();
    assert!(matches!(mailer.send(&mail("job-1")).await, Err(DeliveryError::Temporary(_))));
    assert_eq!(server.mails().len(), 0);
}

#[tokio::test]
async fn a_wrong_set_up_is_told_without_the_password() {
    for url in ["nonsense", "http://user:hunter2@host", "smtp://user:hunter2@host?tls=perhaps", "smtp://"] {
        let error = SmtpMailer::new(url, FROM, clock()).err().unwrap();
        assert!(matches!(error, SmtpSetupError::Url(_)), "{url}");
        assert!(!format!("{error} {error:?} {:?}", error.source()).contains("hunter2"), "{url}");
    }
    let error = SmtpMailer::new("smtp://localhost", "nobody", clock()).err().unwrap();
    assert!(matches!(error, SmtpSetupError::From(_)));
}
