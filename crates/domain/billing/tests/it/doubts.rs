//! What is told and not confirmed: it waits, and is put aside for somebody to look when it waited too long.

use domicile_billing::{
    PaymentView, RefundView, Work,
    memory::{RefundMode, Trouble},
    model::{InboxState, Refund},
    ports::{ChargeStatus, RefundReport, RefundStatus, WebhookEvent, WebhookKind},
};
use domicile_kernel::{Currency, Money, Page};
use pollster::block_on;

use crate::house::{House, webhook};

const HOUR: u64 = 3_600;

async fn quarantined(house: &House) -> Vec<String> {
    let page = Page::first("created_at", false);
    let rows = house.bursar.list_quarantined(&house.admin(), &page).await.unwrap().rows;
    rows.into_iter().map(|found| format!("{} {}", found.suspicion.as_str(), found.reported.amount_minor())).collect()
}

fn state(house: &House) -> InboxState {
    house.memory.inbox().last().unwrap().entry.state.clone()
}

/// A payment of which a success is told, with a gateway that says something else when it is asked.
async fn told_and_denied(house: &House, says: ChargeStatus) -> PaymentView {
    let stay = house.agreed(0).await;
    let begun = house.begin(house.invoices(&stay).await.first().unwrap(), None).await.payment;
    house.gateway.pay(&begun.reference);
    let (signature, body) = house.gateway.webhook(&begun.reference).unwrap();
    house.gateway.report(&begun.reference, |charge| charge.status = says);
    house.bursar.receive_webhook(&house.anybody(), webhook(Some(signature), body)).await.unwrap();
    begun
}

#[test]
fn a_success_that_was_told_outlives_an_earlier_failure_that_is_still_answered() {
    block_on(async {
        let house = House::new();
        let begun = told_and_denied(&house, ChargeStatus::Failed).await;
        house.wait(2 * HOUR);
        house.work().await;
        assert_eq!(state(&house), InboxState::Waiting, "it is asked again");
        assert_ne!(house.payment(&begun).await.status.as_str(), "completed");
        house.gateway.pay(&begun.reference);
        house.wait(HOUR);
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed");
        assert!(matches!(state(&house), InboxState::Processed { .. }));
        assert_eq!(quarantined(&house).await, Vec::<String>::new());
    });
}

#[test]
fn a_success_that_is_never_confirmed_is_put_aside_for_somebody_to_look() {
    for says in [ChargeStatus::Failed, ChargeStatus::Abandoned, ChargeStatus::Pending] {
        block_on(async {
            let house = House::new();
            let begun = told_and_denied(&house, says).await;
            house.work().await;
            house.wait(23 * HOUR);
            house.work().await;
            assert_eq!((state(&house), quarantined(&house).await), (InboxState::Waiting, Vec::new()), "{says:?}");
            house.wait(2 * HOUR);
            house.work().await;
            assert_eq!(quarantined(&house).await, ["reversed 45000"], "{says:?}");
            assert!(matches!(state(&house), InboxState::PutAside { .. }));
            assert_eq!(
                (house.payment(&begun).await.status.as_str() == "completed", house.journals("charge:")),
                (false, 0)
            );
        });
    }
}

#[test]
fn a_question_that_is_put_again_and_again_is_put_less_and_less_often() {
    block_on(async {
        let house = House::new();
        told_and_denied(&house, ChargeStatus::Pending).await;
        for _ in 0..24 * 60 {
            house.work().await;
            house.wait(60);
        }
        let asked = house.gateway.calls("verify");
        assert!((20..400).contains(&asked), "{asked} times in a day");
    });
}

/// A refund of 100 cedis that goes slowly.
async fn on_its_way(house: &House) -> (PaymentView, RefundView) {
    let stay = house.agreed(0).await;
    let paid = house.pay(house.invoices(&stay).await.first().unwrap(), None).await;
    house.gateway.refunds_go(RefundMode::Slowly);
    let pending = house.refund(&paid, Some(10_000)).await;
    (paid, pending)
}

async fn tell_of_refund(house: &House, paid: &PaymentView, refund: &RefundView, status: RefundStatus) {
    let report = RefundReport { status, amount: refund.amount, gateway_id: None, message: None };
    let event = WebhookEvent {
        kind: WebhookKind::Refund { refund_reference: Some(Refund::reference_of(refund.id)), report },
        reference: Some(paid.reference.clone()),
        dedupe_key: format!("refund:{status:?}"),
    };
    let (signature, body) = house.gateway.sign(&event);
    house.bursar.receive_webhook(&house.anybody(), webhook(Some(signature), body)).await.unwrap();
}

async fn status(house: &House, paid: &PaymentView) -> &'static str {
    house.bursar.list_refunds(&house.admin(), paid.id).await.unwrap().first().unwrap().status.as_str()
}

#[test]
fn the_end_of_a_refund_is_confirmed_before_it_takes_effect() {
    for (told, word) in [(RefundStatus::Processed, "completed"), (RefundStatus::Failed, "failed")] {
        block_on(async {
            let house = House::new();
            let (paid, refund) = on_its_way(&house).await;
            tell_of_refund(&house, &paid, &refund, told).await;
            let entry = house.memory.inbox().first().unwrap().entry.id;
            house.work().await;
            assert_eq!((status(&house, &paid).await, state(&house)), ("pending", InboxState::Waiting), "not confirmed");
            house.gateway.settle_refund(&Refund::reference_of(refund.id), told);
            for lost in [Trouble::LostBefore, Trouble::Garbled] {
                house.gateway.trouble(lost);
                let job = domicile_billing::BillingJob { hostel_id: house.id, work: Work::Inbox(entry) };
                let done = house.bursar.perform(&house.system(), job).await.unwrap();
                assert!(matches!(done, domicile_billing::JobDone::Again(..)), "{done:?}");
                assert_eq!(
                    (status(&house, &paid).await, state(&house)),
                    ("pending", InboxState::Waiting),
                    "not answered"
                );
            }
            house.perform(Work::Inbox(entry)).await;
            assert_eq!(status(&house, &paid).await, word);
            assert!(matches!(state(&house), InboxState::Processed { .. }));
            let asked = house.gateway.calls("find_refund");
            tell_of_refund(&house, &paid, &refund, told).await;
            house.work().await;
            assert_eq!(house.gateway.calls("find_refund"), asked, "what is known is not asked about");
            assert_eq!(house.gateway.calls("refund"), 1);
        });
    }
}

#[test]
fn what_the_gateway_says_of_a_refund_counts_and_not_what_was_told() {
    block_on(async {
        let house = House::new();
        let (paid, refund) = on_its_way(&house).await;
        house.gateway.settle_refund(&Refund::reference_of(refund.id), RefundStatus::Failed);
        tell_of_refund(&house, &paid, &refund, RefundStatus::Processed).await;
        house.work().await;
        assert_eq!(status(&house, &paid).await, "failed");
        assert_eq!(house.payment(&paid).await.refunded.amount_minor(), 0);
    });
}

#[test]
fn the_end_of_a_refund_that_is_never_confirmed_is_put_aside_for_somebody_to_look() {
    block_on(async {
        let house = House::new();
        let (paid, refund) = on_its_way(&house).await;
        tell_of_refund(&house, &paid, &refund, RefundStatus::Processed).await;
        house.work().await;
        house.wait(25 * HOUR);
        house.work().await;
        assert_eq!(
            (status(&house, &paid).await, quarantined(&house).await),
            ("pending", vec!["refund 10000".to_owned()])
        );
        assert!(matches!(state(&house), InboxState::PutAside { .. }));
        let note = house.bursar.list_quarantined(&house.admin(), &Page::first("created_at", false)).await.unwrap();
        let note = &note.rows.first().unwrap().note;
        assert!(note.as_str().contains("test"), "play money is not called real: {note:?}");
    });
}

#[test]
fn a_failure_of_a_refund_is_confirmed_whatever_amount_is_told() {
    for told in [9_999, 10_000] {
        block_on(async {
            let house = House::new();
            let stay = house.agreed(0).await;
            let paid = house.pay(house.invoices(&stay).await.first().unwrap(), None).await;
            house.gateway.refunds_go(RefundMode::Slowly);
            let refund = house.refund(&paid, Some(10_000)).await;
            let report = RefundReport {
                status: RefundStatus::Failed,
                amount: Money::new(told, Currency::GHS),
                gateway_id: None,
                message: None,
            };
            let refund_reference = Some(Refund::reference_of(refund.id));
            let event = WebhookEvent {
                dedupe_key: format!("failed:{told}"),
                reference: Some(paid.reference.clone()),
                kind: WebhookKind::Refund { refund_reference, report },
            };
            let (signature, body) = house.gateway.sign(&event);
            house.bursar.receive_webhook(&house.anybody(), webhook(Some(signature), body)).await.unwrap();
            house.work().await;
            let now = house.bursar.refund(&house.admin(), refund.id).await.unwrap();
            assert_eq!(now.status.as_str(), "pending", "the gateway still pays it out");
        });
    }
}
