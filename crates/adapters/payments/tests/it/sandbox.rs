//! The sandbox from both sides: what the buttons do, what it answers, what it tells.

use std::time::{Duration, Instant};

use domicile_billing::ports::{
    AccountDetails, ChargeStatus, Domain, GatewayError, PaymentGateway, RefundStatus, WebhookKind,
};
use domicile_kernel::Currency;
use domicile_payments::sandbox::{
    Action, Notice, Pressed, SandboxConfig, SandboxDelays, SandboxRefundState, SandboxStore,
};

use crate::support::{NOW, Play, REFERENCE, at, cedis, new_charge, new_refund, sandbox, sandbox_with, ticket_of};

async fn opened(play: &Play) -> String {
    ticket_of(&play.gateway.initialize(&new_charge()).await.unwrap())
}

async fn press(play: &Play, ticket: &str, action: Action) -> Pressed {
    play.gateway.submit(ticket, action).await.unwrap().pressed.unwrap()
}

async fn status(play: &Play) -> ChargeStatus {
    play.gateway.verify(REFERENCE).await.unwrap().status
}

/// Takes every notice that is due, as the webhook route would: authentic, and then read.
async fn deliver(play: &Play) -> Vec<Notice> {
    let notices = play.gateway.pending_notices(100).await.unwrap();
    for notice in &notices {
        assert!(play.gateway.authenticate(Some(&notice.signature), &notice.body));
        assert!(play.gateway.delivered(&notice.id).await.unwrap());
    }
    assert!(play.gateway.pending_notices(100).await.unwrap().is_empty());
    notices
}

fn charge_told(play: &Play, notice: &Notice) -> (ChargeStatus, i64, Option<String>) {
    let event = play.gateway.read(&notice.body).unwrap();
    let WebhookKind::Charge(report) = event.kind else { panic!("{event:?}") };
    assert_eq!(report.domain, Domain::Test);
    (report.status, report.asked().amount_minor(), event.reference)
}

#[tokio::test]
async fn a_charge_that_is_paid_is_a_success_and_is_told_once() {
    let play = sandbox();
    let ticket = opened(&play).await;
    assert_eq!(status(&play).await, ChargeStatus::Pending);
    assert!(deliver(&play).await.is_empty());
    let page = play.gateway.post(&ticket, b"action=pay").await.unwrap();
    assert!(page.found && page.pressed == Some(Pressed::Paid));
    assert!(
        page.html.contains("The payment succeeded.") && page.html.contains("https://attic.example.org/paid"),
        "{}",
        page.html
    );
    let report = play.gateway.verify(REFERENCE).await.unwrap();
    assert_eq!(
        (report.status, report.amount, report.requested),
        (ChargeStatus::Success, cedis(45_000), Some(cedis(45_000)))
    );
    assert_eq!((report.domain, report.fees, report.paid_at), (Domain::Test, Some(cedis(675)), Some(at(NOW))));
    let notices = deliver(&play).await;
    assert_eq!(notices.len(), 1);
    assert_eq!(charge_told(&play, &notices[0]), (ChargeStatus::Success, 45_000, Some(REFERENCE.to_owned())));
    // What is told and what is answered name the charge alike.
    let WebhookKind::Charge(told) = play.gateway.read(&notices[0].body).unwrap().kind else { panic!() };
    assert_eq!(told, report_without_message(told.clone(), &report));
}

/// The answer, but for the words, which only a notice has.
fn report_without_message(
    told: domicile_billing::ports::ChargeReport,
    answered: &domicile_billing::ports::ChargeReport,
) -> domicile_billing::ports::ChargeReport {
    domicile_billing::ports::ChargeReport { message: told.message, ..answered.clone() }
}

#[tokio::test]
async fn a_charge_that_is_declined_has_failed_for_good() {
    let play = sandbox();
    let ticket = opened(&play).await;
    assert_eq!(press(&play, &ticket, Action::Decline).await, Pressed::Declined);
    assert_eq!(status(&play).await, ChargeStatus::Failed);
    for action in Action::ALL {
        assert_eq!(press(&play, &ticket, action).await, Pressed::AlreadyDeclined);
    }
    assert_eq!(status(&play).await, ChargeStatus::Failed);
    let notices = deliver(&play).await;
    assert_eq!(notices.len(), 1);
    assert_eq!(charge_told(&play, &notices[0]).0, ChargeStatus::Failed);
}

#[tokio::test]
async fn a_charge_that_hangs_is_pending_and_nobody_is_told_until_it_is_paid() {
    let play = sandbox();
    let ticket = opened(&play).await;
    for _ in 0..3 {
        assert_eq!(press(&play, &ticket, Action::Hang).await, Pressed::Hangs);
        assert_eq!(status(&play).await, ChargeStatus::Pending);
        assert!(deliver(&play).await.is_empty());
    }
    assert_eq!(press(&play, &ticket, Action::Pay).await, Pressed::Paid);
    assert_eq!(status(&play).await, ChargeStatus::Success);
    assert_eq!(deliver(&play).await.len(), 1);
}

#[tokio::test]
async fn paying_twice_is_one_success_told_twice_in_the_same_bytes() {
    let play = sandbox();
    let ticket = opened(&play).await;
    let page = play.gateway.post(&ticket, b"action=pay_twice").await.unwrap();
    assert_eq!(page.pressed, Some(Pressed::PaidTwice));
    assert!(page.html.contains("In the second it was refused"), "{}", page.html);
    let report = play.gateway.verify(REFERENCE).await.unwrap();
    assert_eq!((report.status, report.amount), (ChargeStatus::Success, cedis(45_000)));
    let notices = deliver(&play).await;
    assert_eq!(notices.len(), 2);
    assert_eq!((&notices[0].body, &notices[0].signature), (&notices[1].body, &notices[1].signature));
    assert_ne!(notices[0].id, notices[1].id);
    let keys: Vec<String> = notices.iter().map(|notice| play.gateway.read(&notice.body).unwrap().dedupe_key).collect();
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn what_is_paid_is_not_paid_again_nor_declined() {
    let play = sandbox();
    let ticket = opened(&play).await;
    assert_eq!(press(&play, &ticket, Action::Pay).await, Pressed::Paid);
    for action in Action::ALL {
        assert_eq!(press(&play, &ticket, action).await, Pressed::AlreadyPaid);
    }
    assert_eq!(deliver(&play).await.len(), 1);
}

#[tokio::test]
async fn a_reference_is_a_charge_once() {
    let play = sandbox();
    let ticket = opened(&play).await;
    assert_eq!(play.gateway.initialize(&new_charge()).await, Err(GatewayError::DuplicateReference));
    press(&play, &ticket, Action::Pay).await;
    let mut dearer = new_charge();
    dearer.amount = cedis(1);
    assert_eq!(play.gateway.initialize(&dearer).await, Err(GatewayError::DuplicateReference));
    assert_eq!(play.gateway.verify(REFERENCE).await.unwrap().amount, cedis(45_000));
    assert_eq!(play.gateway.verify("pay-unknown").await, Err(GatewayError::Unknown));
}

#[tokio::test]
async fn the_address_of_a_checkout_can_be_told_again() {
    let play = sandbox();
    let checkout = play.gateway.initialize(&new_charge()).await.unwrap();
    assert_eq!(
        checkout.authorization_url,
        format!("http://127.0.0.1:9/sandbox/checkout/{}", play.gateway.ticket(REFERENCE))
    );
    assert_eq!(play.gateway.checkout_of(REFERENCE), Some(checkout));
    assert_eq!(play.gateway.checkout_of("a/b"), None);
}

#[tokio::test]
async fn what_no_real_gateway_takes_is_refused() {
    let play = sandbox();
    for (reference, amount) in [("pay-1", 0), ("pay-1", -5), ("", 5), ("a/b", 5), ("..", 5)] {
        let mut charge = new_charge();
        charge.reference = reference.to_owned();
        charge.amount = cedis(amount);
        assert!(play.gateway.initialize(&charge).await.unwrap_err().is_refusal(), "{reference} {amount}");
    }
}

#[tokio::test]
async fn a_page_is_found_by_its_ticket_and_by_nothing_less() {
    let play = sandbox();
    let ticket = opened(&play).await;
    let page = play.gateway.show(&ticket).await.unwrap();
    assert!(page.found && page.pressed.is_none() && page.html.contains("GHS 450.00"), "{}", page.html);
    let unpaid = play.gateway.ticket("pay-unknown");
    let mut flipped = ticket.clone();
    let last = if flipped.pop() == Some('0') { '1' } else { '0' };
    flipped.push(last);
    for wrong in [
        REFERENCE,
        "",
        "~",
        &format!("{REFERENCE}~"),
        &ticket[..ticket.len() - 1],
        &flipped,
        &unpaid,
        &ticket.to_uppercase(),
    ] {
        assert!(!play.gateway.show(wrong).await.unwrap().found, "{wrong}");
        assert!(!play.gateway.submit(wrong, Action::Pay).await.unwrap().found, "{wrong}");
    }
    assert_eq!(status(&play).await, ChargeStatus::Pending);
}

#[tokio::test]
async fn a_post_that_presses_nothing_shows_the_page_and_does_nothing() {
    let play = sandbox();
    let ticket = opened(&play).await;
    for body in [&b""[..], b"action=steal", b"action=pay&action=pay", &[0xff; 4096]] {
        let page = play.gateway.post(&ticket, body).await.unwrap();
        assert!(page.found && page.pressed.is_none());
    }
    assert_eq!(status(&play).await, ChargeStatus::Pending);
}

#[tokio::test]
async fn a_charge_cannot_be_paid_after_its_time() {
    let play = sandbox();
    let ticket = opened(&play).await;
    // Half an hour is the sandbox's; the caller would have allowed an hour.
    play.clock.advance(Duration::from_secs(30 * 60 - 1));
    assert_eq!(status(&play).await, ChargeStatus::Pending);
    play.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&play).await, ChargeStatus::Abandoned);
    for action in Action::ALL {
        assert_eq!(press(&play, &ticket, action).await, Pressed::Expired);
    }
    let page = play.gateway.show(&ticket).await.unwrap();
    assert!(!page.html.contains("<form") && page.html.contains("The time for this payment is over"), "{}", page.html);
    assert!(deliver(&play).await.is_empty());
}

#[tokio::test]
async fn the_caller_may_want_the_end_earlier() {
    let play = sandbox();
    let mut charge = new_charge();
    charge.expires_at = at("2026-02-01T12:05:00Z");
    play.gateway.initialize(&charge).await.unwrap();
    play.clock.advance(Duration::from_mins(5));
    assert_eq!(status(&play).await, ChargeStatus::Abandoned);
}

#[tokio::test]
async fn half_is_refunded_and_half_again_and_one_unit_more_is_refused() {
    let play = sandbox();
    let ticket = opened(&play).await;
    let refused = play.gateway.refund(&new_refund("ref-0", 1)).await.unwrap_err();
    assert!(matches!(&refused, GatewayError::Refused { code, .. } if code == "transaction_not_found"), "{refused}");
    press(&play, &ticket, Action::Pay).await;
    deliver(&play).await;
    for reference in ["ref-1", "ref-2"] {
        let report = play.gateway.refund(&new_refund(reference, 22_500)).await.unwrap();
        assert_eq!((report.status, report.amount), (RefundStatus::Processed, cedis(22_500)));
        assert_eq!(play.gateway.find_refund(&new_refund(reference, 22_500)).await, Ok(report));
    }
    let refused = play.gateway.refund(&new_refund("ref-3", 1)).await.unwrap_err();
    assert!(matches!(&refused, GatewayError::Refused { code, .. } if code == "amount_exceeded"), "{refused}");
    assert_eq!(play.gateway.find_refund(&new_refund("ref-3", 1)).await, Err(GatewayError::Unknown));
    assert_eq!(status(&play).await, ChargeStatus::Reversed);
    let told = deliver(&play).await;
    assert_eq!(told.len(), 2);
    let event = play.gateway.read(&told[0].body).unwrap();
    assert_eq!(event.reference.as_deref(), Some(REFERENCE));
    let WebhookKind::Refund { refund_reference, report } = event.kind else { panic!() };
    assert_eq!(refund_reference.as_deref(), Some("ref-1"));
    assert_eq!((report.status, report.amount), (RefundStatus::Processed, cedis(22_500)));
}

#[tokio::test]
async fn a_refund_of_the_same_reference_is_made_once_and_is_not_another() {
    let play = sandbox();
    let ticket = opened(&play).await;
    press(&play, &ticket, Action::Pay).await;
    let first = play.gateway.refund(&new_refund("ref-1", 30_000)).await.unwrap();
    assert_eq!(play.gateway.refund(&new_refund("ref-1", 30_000)).await, Ok(first));
    let other = play.gateway.refund(&new_refund("ref-1", 10_000)).await.unwrap_err();
    assert!(matches!(other, GatewayError::Malformed { .. }), "{other}");
    assert_eq!(play.store.find_charge(REFERENCE).await.unwrap().unwrap().refunded, cedis(30_000));
    let euros = domicile_billing::ports::NewRefund {
        amount: domicile_kernel::Money::new(1, Currency::EUR),
        ..new_refund("ref-2", 1)
    };
    assert!(play.gateway.refund(&euros).await.unwrap_err().is_refusal());
}

#[tokio::test]
async fn a_refund_that_wants_an_account_is_tried_again_once() {
    let play = sandbox_with(|config| SandboxConfig { refunds: SandboxRefundState::NeedsAttention, ..config });
    let ticket = opened(&play).await;
    press(&play, &ticket, Action::Pay).await;
    deliver(&play).await;
    let report = play.gateway.refund(&new_refund("ref-1", 20_000)).await.unwrap();
    assert_eq!(report.status, RefundStatus::NeedsAttention);
    let id = report.gateway_id.unwrap();
    let account = |number: &str, currency| AccountDetails {
        currency,
        account_number: number.to_owned(),
        bank_id: "9".to_owned(),
    };
    assert!(play.gateway.retry_refund(&id, &account(" ", Currency::GHS)).await.unwrap_err().is_refusal());
    assert!(play.gateway.retry_refund(&id, &account("1", Currency::EUR)).await.unwrap_err().is_refusal());
    assert_eq!(play.gateway.retry_refund("ref-x", &account("1", Currency::GHS)).await, Err(GatewayError::Unknown));
    let report = play.gateway.retry_refund(&id, &account("1", Currency::GHS)).await.unwrap();
    assert_eq!(report.status, RefundStatus::Processed);
    assert!(play.gateway.retry_refund(&id, &account("1", Currency::GHS)).await.unwrap_err().is_refusal());
    let charge = play.store.find_charge(REFERENCE).await.unwrap().unwrap();
    assert_eq!(charge.refunded, cedis(20_000));
    assert_eq!(deliver(&play).await.len(), 2);
}

#[tokio::test]
async fn a_refund_that_fails_takes_nothing_from_the_charge() {
    let play = sandbox_with(|config| SandboxConfig { refunds: SandboxRefundState::Failed, ..config });
    let ticket = opened(&play).await;
    press(&play, &ticket, Action::Pay).await;
    for reference in ["ref-1", "ref-2"] {
        let report = play.gateway.refund(&new_refund(reference, 45_000)).await.unwrap();
        assert_eq!(report.status, RefundStatus::Failed);
    }
    assert_eq!(play.store.find_charge(REFERENCE).await.unwrap().unwrap().refunded, cedis(0));
    assert_eq!(status(&play).await, ChargeStatus::Success);
}

#[tokio::test]
async fn a_sandbox_that_is_too_slow_times_out_and_has_done_it() {
    let slow = Duration::from_hours(1);
    let patience = Duration::from_millis(50);
    let delays = SandboxDelays { initialize: slow, verify_hanging: slow, refund: slow, patience };
    let play = sandbox_with(|config| SandboxConfig { delays, ..config });
    let since = Instant::now();
    assert_eq!(play.gateway.initialize(&new_charge()).await, Err(GatewayError::Timeout));
    assert_eq!(status(&play).await, ChargeStatus::Pending);
    let ticket = play.gateway.ticket(REFERENCE);
    press(&play, &ticket, Action::Hang).await;
    assert_eq!(play.gateway.verify(REFERENCE).await, Err(GatewayError::Timeout));
    press(&play, &ticket, Action::Pay).await;
    assert_eq!(status(&play).await, ChargeStatus::Success);
    assert_eq!(play.gateway.refund(&new_refund("ref-1", 5)).await, Err(GatewayError::Timeout));
    assert_eq!(play.gateway.find_refund(&new_refund("ref-1", 5)).await.unwrap().status, RefundStatus::Processed);
    assert!(since.elapsed() >= patience * 3 && since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_sandbox_that_is_a_little_slow_answers() {
    let delays = SandboxDelays { initialize: Duration::from_millis(40), ..SandboxDelays::default() };
    let play = sandbox_with(|config| SandboxConfig { delays, ..config });
    let since = Instant::now();
    play.gateway.initialize(&new_charge()).await.unwrap();
    assert!(since.elapsed() >= Duration::from_millis(40), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_notice_that_was_not_taken_comes_again_the_same() {
    let play = sandbox();
    let ticket = opened(&play).await;
    press(&play, &ticket, Action::Pay).await;
    let first = play.gateway.pending_notices(10).await.unwrap();
    play.clock.advance(Duration::from_hours(1));
    assert_eq!(play.gateway.pending_notices(10).await.unwrap(), first);
    assert!(play.gateway.delivered(&first[0].id).await.unwrap());
    assert!(!play.gateway.delivered(&first[0].id).await.unwrap());
    assert!(play.gateway.pending_notices(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn notices_come_in_the_order_of_what_happened_and_no_more_than_wanted() {
    let play = sandbox();
    for name in ["c", "a", "b"] {
        let mut charge = new_charge();
        charge.reference = format!("pay-{name}");
        let ticket = ticket_of(&play.gateway.initialize(&charge).await.unwrap());
        press(&play, &ticket, Action::Pay).await;
        play.clock.advance(Duration::from_secs(1));
    }
    let references = |notices: Vec<Notice>| notices.into_iter().map(|notice| notice.id.reference).collect::<Vec<_>>();
    assert_eq!(references(play.gateway.pending_notices(2).await.unwrap()), ["pay-c", "pay-a"]);
    assert_eq!(references(play.gateway.pending_notices(9).await.unwrap()), ["pay-c", "pay-a", "pay-b"]);
}
