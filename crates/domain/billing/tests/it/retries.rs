//! Refunds that need attention: tried again with an account, and looked at in the meantime (J31, W9).

use std::time::Duration;

use domicile_billing::{
    BillingJob, PaymentView, RefundView, RetryRefund,
    memory::{RefundMode, Trouble},
    model::Refund,
    ports::{RefundReport, RefundStatus, WebhookEvent, WebhookKind},
    queries::STUCK_FOR,
};
use domicile_kernel::{Call, Detail, Fault, IdempotencyKey};
use pollster::block_on;

use crate::{
    flaky::FlakyStore,
    house::{House, cedis, code, refunding, webhook},
};

fn keyed(mut call: Call, key: &str) -> Call {
    call.idempotency = Some(IdempotencyKey { key: key.to_owned(), fingerprint: [1; 32] });
    call
}

fn account() -> RetryRefund {
    RetryRefund { account_number: Some("0123456789".to_owned()), bank_id: Some("GH-057".to_owned()) }
}

/// A payment of which 100 cedis need an account to go to.
async fn stuck(house: &House) -> (PaymentView, RefundView) {
    let stay = house.agreed(0).await;
    let first = house.invoices(&stay).await.remove(0);
    let paid = house.pay(&first, None).await;
    house.gateway.refunds_go(RefundMode::NeedsAttention);
    let refund = house.refund(&paid, Some(10_000)).await;
    assert_eq!(refund.status.as_str(), "needs_attention");
    (paid, refund)
}

async fn status(house: &House, refund: &RefundView) -> &'static str {
    let refunds = house.bursar.list_refunds(&house.admin(), refund.payment_id).await.unwrap();
    refunds.iter().find(|known| known.id == refund.id).unwrap().status.as_str()
}

#[test]
fn a_retry_whose_answer_is_lost_is_found_and_not_made_again() {
    for trouble in [Trouble::LostAfter, Trouble::Garbled] {
        block_on(async {
            let house = House::new();
            let (paid, refund) = stuck(&house).await;
            house.gateway.trouble_with("retry_refund", trouble.clone());
            let lost = house.bursar.retry_refund(&house.admin(), refund.id, account()).await;
            assert_eq!(code(lost), "SERVICE_UNAVAILABLE");
            let again = house.bursar.retry_refund(&house.admin(), refund.id, account()).await.unwrap();
            assert_eq!(again.status.as_str(), "completed");
            assert_eq!(house.gateway.calls("retry_refund"), 1, "asked before called again: {trouble:?}");
            assert_eq!(house.payment(&paid).await.refunded, cedis(10_000));
        });
    }
}

#[test]
fn the_job_finds_a_retry_whose_answer_is_lost() {
    block_on(async {
        let house = House::new();
        let (_paid, refund) = stuck(&house).await;
        for job in house.memory.jobs() {
            house.memory.complete_job(&job);
        }
        house.gateway.trouble_with("retry_refund", Trouble::LostAfter);
        let lost = house.bursar.retry_refund(&house.admin(), refund.id, account()).await;
        assert_eq!(code(lost), "SERVICE_UNAVAILABLE");
        house.wait(120);
        house.work().await;
        assert_eq!((status(&house, &refund).await, house.gateway.calls("retry_refund")), ("completed", 1));
    });
}

#[test]
fn a_retry_that_was_refused_or_not_answered_is_not_kept_under_its_key() {
    for (trouble, told) in [
        (Trouble::Refuses("No such bank".into()), "RESOURCE_CONFLICT"),
        (Trouble::LostBefore, "SERVICE_UNAVAILABLE"),
        (Trouble::LostAfter, "SERVICE_UNAVAILABLE"),
    ] {
        block_on(async {
            let house = House::new();
            let (_paid, refund) = stuck(&house).await;
            let call = keyed(house.admin(), "retry");
            house.gateway.trouble_with("retry_refund", trouble.clone());
            assert_eq!(code(house.bursar.retry_refund(&call, refund.id, account()).await), told);
            let done = house.bursar.retry_refund(&call, refund.id, account()).await.unwrap();
            assert_eq!(done.status.as_str(), "completed", "{trouble:?}");
            let calls = if trouble == Trouble::LostAfter { 1 } else { 2 };
            assert_eq!(house.gateway.calls("retry_refund"), calls, "{trouble:?}");
            let again = house.bursar.retry_refund(&call, refund.id, account()).await.unwrap_err();
            assert_eq!(
                again.replayed().unwrap().view::<RefundView>().unwrap(),
                done,
                "this is the answer that is kept"
            );
        });
    }
}

#[test]
fn a_repeat_is_told_how_it_stands_when_the_job_was_faster() {
    block_on(async {
        let house = House::new();
        let (_paid, refund) = stuck(&house).await;
        let call = keyed(house.admin(), "retry");
        house.gateway.trouble_with("retry_refund", Trouble::LostAfter);
        assert_eq!(code(house.bursar.retry_refund(&call, refund.id, account()).await), "SERVICE_UNAVAILABLE");
        house.wait(120);
        house.work().await;
        let told = house.bursar.retry_refund(&call, refund.id, account()).await.unwrap();
        assert_eq!((told.status.as_str(), house.gateway.calls("retry_refund")), ("completed", 1));
    });
}

#[test]
fn who_named_an_account_is_in_the_trail_and_the_account_is_not() {
    block_on(async {
        let house = House::new();
        let (paid, refund) = stuck(&house).await;
        house.bursar.retry_refund(&house.admin(), refund.id, account()).await.unwrap();
        let trail = house.memory.audit_trail();
        let [entry] = &trail.iter().filter(|entry| entry.action == "refund.retry").collect::<Vec<_>>()[..] else {
            panic!("one entry")
        };
        assert_eq!((entry.target, entry.target_id), ("payment", Some(paid.id.uuid())));
        assert_eq!(entry.after.as_ref().unwrap()["id"], refund.id.to_string());
        assert!(!format!("{trail:?}{:?}", house.memory.jobs()).contains("0123456789"));
    });
}

#[test]
fn a_store_that_fails_afterwards_fails_no_refund_and_nothing_goes_back_twice() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        let (store, bursar) = FlakyStore::of(&house);
        store.fails_after(1);
        let refund = bursar.refund_payment(&house.admin(), paid.id, refunding(Some(30_000))).await.unwrap();
        assert_eq!((refund.status.as_str(), house.gateway.holds()), ("pending", 15_000));
        house.wait(120);
        house.work().await;
        assert_eq!((status(&house, &refund).await, house.gateway.calls("refund")), ("completed", 1));
        assert_eq!(house.payment(&paid).await.refunded, cedis(30_000));
    });
}

#[test]
fn a_store_that_fails_afterwards_fails_no_retry() {
    block_on(async {
        let house = House::new();
        let (_paid, refund) = stuck(&house).await;
        let (store, bursar) = FlakyStore::of(&house);
        let call = keyed(house.admin(), "retry");
        store.fails_after(1);
        let told = bursar.retry_refund(&call, refund.id, account()).await.unwrap();
        assert_eq!((told.id, told.status.as_str()), (refund.id, "needs_attention"));
        house.wait(120);
        house.work().await;
        assert_eq!((status(&house, &refund).await, house.gateway.calls("retry_refund")), ("completed", 1));
        let again = house.bursar.retry_refund(&call, refund.id, account()).await.unwrap();
        assert_eq!(again.status.as_str(), "completed");
    });
}

#[test]
fn who_meets_somebody_else_at_the_gateway_is_told_so() {
    block_on(async {
        let house = House::new();
        let (_paid, refund) = stuck(&house).await;
        let (store, bursar) = FlakyStore::of(&house);
        // Whoever asked died on the way.
        store.fails_after(1);
        house.gateway.trouble_with("retry_refund", Trouble::LostBefore);
        assert_eq!(code(bursar.retry_refund(&house.admin(), refund.id, account()).await), "SERVICE_UNAVAILABLE");
        let met = house.bursar.retry_refund(&house.admin(), refund.id, account()).await.unwrap_err();
        assert!(met.to_string().contains("being asked about this refund right now"), "{met}");
        assert_eq!((met.code().as_str(), met.detail()), ("RESOURCE_CONFLICT", Detail::RetryAfter(5)));
        house.wait(45);
        let done = house.bursar.retry_refund(&house.admin(), refund.id, account()).await.unwrap();
        assert_eq!(done.status.as_str(), "completed");
    });
}

#[test]
fn a_refund_that_needs_attention_is_looked_at_ever_more_rarely() {
    block_on(async {
        let house = House::new();
        let (paid, refund) = stuck(&house).await;
        let mut looks = Vec::new();
        for day in [1, 2, 4, 10] {
            while looks.len() < day {
                for _ in 0..48 {
                    house.wait(1_800);
                    house.work().await;
                }
                looks.push(house.gateway.calls("find_refund"));
            }
        }
        assert!((3..=8).contains(&looks[0]), "often on the first day: {looks:?}");
        let late = looks.last().unwrap() - looks[3];
        assert!((4..=6).contains(&late), "once a day on the last six: {looks:?}");
        assert_eq!(
            (house.gateway.calls("refund"), house.gateway.calls("retry_refund")),
            (1, 0),
            "it is only asked about"
        );
        // Somebody went to the provider's own page, and the webhook was lost.
        house.gateway.settle_refund(&Refund::reference_of(refund.id), RefundStatus::Processed);
        house.wait(86_400);
        house.work().await;
        assert_eq!((status(&house, &refund).await, house.payment(&paid).await.refunded), ("completed", cedis(10_000)));
    });
}

#[test]
fn a_gateway_that_is_silent_about_a_refund_that_needs_attention_leaves_it_so() {
    for trouble in [Trouble::LostBefore, Trouble::Garbled, Trouble::Refuses("Too many requests".into())] {
        block_on(async {
            let house = House::new();
            let (_paid, refund) = stuck(&house).await;
            house.gateway.trouble_with("find_refund", trouble);
            house.wait(120);
            house.work().await;
            assert_eq!((house.gateway.calls("find_refund"), status(&house, &refund).await), (1, "needs_attention"));
        });
    }
}

#[test]
fn one_that_lost_its_job_is_found_again() {
    block_on(async {
        let house = House::new();
        let (_paid, refund) = stuck(&house).await;
        for job in house.memory.jobs() {
            house.memory.complete_job(&job);
        }
        let quiet = Duration::from_mins(5);
        house.wait(3_600);
        assert_eq!(house.bursar.unfinished(&house.system(), quiet, 10).await.unwrap(), [], "its job may still wait");
        house.wait(STUCK_FOR.as_secs());
        let found = house.bursar.unfinished(&house.system(), quiet, 10).await.unwrap();
        let [(_, job)] = &found[..] else { panic!("one job") };
        assert_eq!((job.kind, job.key.as_str()), (BillingJob::REFUND, refund.id.to_string().as_str()));
    });
}

#[test]
fn one_whose_id_was_never_told_is_found_by_its_reference_and_retried() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.gateway.refunds_go(RefundMode::NeedsAttention);
        house.gateway.trouble_with("refund", Trouble::LostAfter);
        let refund = house.refund(&paid, Some(10_000)).await;
        let report = RefundReport {
            status: RefundStatus::NeedsAttention,
            amount: refund.amount,
            gateway_id: None,
            message: None,
        };
        let event = WebhookEvent {
            kind: WebhookKind::Refund { refund_reference: Some(Refund::reference_of(refund.id)), report },
            reference: Some(paid.reference.clone()),
            dedupe_key: "refund:nameless".to_owned(),
        };
        let (signature, body) = house.gateway.sign(&event);
        house.bursar.receive_webhook(&house.anybody(), webhook(Some(signature), body)).await.unwrap();
        house.work().await;
        assert_eq!(status(&house, &refund).await, "needs_attention");
        let done = house.bursar.retry_refund(&house.admin(), refund.id, account()).await.unwrap();
        assert_eq!((done.status.as_str(), house.gateway.calls("retry_refund")), ("completed", 1));
    });
}
