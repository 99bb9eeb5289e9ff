//! Giving back.

use std::sync::Arc;

use domicile_billing::{
    BillingJob, JobDone, PaymentView, RefundPayment, RefundView, RetryRefund, Work,
    memory::{MemoryGateway, RefundMode, Trouble},
    model::{Account, Refund},
    ports::{Gateways, RefundReport, RefundStatus, WebhookEvent, WebhookKind},
};
use domicile_kernel::{Currency, Feature, Money, Page};
use pollster::block_on;

use crate::house::{House, cedis, code, refunding, sums, webhook, wrong};

#[test]
fn half_and_half_again_and_not_one_unit_more() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        let first = house.refund(&paid, Some(22_500)).await;
        assert_eq!((first.status.as_str(), first.amount, first.payment_id), ("completed", cedis(22_500), paid.id));
        let half = house.payment(&paid).await;
        assert_eq!((half.status.as_str(), half.refunded), ("partially_refunded", cedis(22_500)));
        let more = house.bursar.refund_payment(&house.admin(), paid.id, refunding(Some(22_501))).await;
        assert_eq!(more.as_ref().unwrap_err().to_string(), "At most ₵225.00 can be refunded of this payment");
        assert_eq!(code(more), "RESOURCE_CONFLICT");
        house.refund(&paid, None).await;
        assert_eq!(house.payment(&paid).await.status.as_str(), "refunded");
        let again = house.bursar.refund_payment(&house.admin(), paid.id, refunding(Some(1))).await;
        assert_eq!(code(again), "RESOURCE_CONFLICT");
        assert_eq!(house.gateway.holds(), 0);
        assert_eq!(house.balance(&Account::Gateway("sandbox".into())), 0);
        let [invoice, _] = &house.invoices(&stay).await[..] else { panic!("two invoices") };
        assert_eq!(sums(std::slice::from_ref(invoice)), [(0, 0, "void")], "what is given back is not owed any more");
        assert_eq!(invoice.lines.len(), 3, "and it can be seen why");
        assert_eq!(house.events("payment.refunded").len(), 2);
    });
}

#[test]
fn what_is_reserved_counts_before_it_is_given_back() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.gateway.refunds_go(RefundMode::Slowly);
        let pending = house.refund(&paid, Some(30_000)).await;
        assert_eq!(pending.status.as_str(), "pending");
        let more = house.bursar.refund_payment(&house.admin(), paid.id, refunding(Some(15_001))).await;
        assert_eq!(code(more), "RESOURCE_CONFLICT");
        assert_eq!(house.balance(&Account::RefundPayable(paid.id)), -30_000);
        let reference = Refund::reference_of(pending.id);
        house.gateway.settle_refund(&reference, RefundStatus::Processed);
        let (signature, body) = house.gateway.refund_webhook(&paid.reference, &reference).unwrap();
        for _ in 0..3 {
            let told = webhook(Some(signature.clone()), body.clone());
            house.bursar.receive_webhook(&house.anybody(), told).await.unwrap();
            house.work().await;
        }
        assert_eq!(house.payment(&paid).await.refunded, cedis(30_000));
        assert_eq!((house.journals("refund_paid:"), house.balance(&Account::RefundPayable(paid.id))), (1, 0));
    });
}

#[test]
fn a_refund_that_does_not_go_through_leaves_everything_as_it_was() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        for invoice in &house.invoices(&stay).await[..2] {
            let paid = house.pay(invoice, None).await;
            let before = (sums(&house.invoices(&stay).await), house.deposit(&stay).await.held);
            house.gateway.refunds_go(RefundMode::Fails);
            let failed = house.refund(&paid, Some(10_000)).await;
            assert_eq!(failed.status.as_str(), "failed");
            let after = (sums(&house.invoices(&stay).await), house.deposit(&stay).await.held);
            assert_eq!(before, after);
            assert_eq!(house.payment(&paid).await.status.as_str(), "completed");
            house.gateway.refunds_go(RefundMode::AtOnce);
            assert_eq!(house.refund(&paid, None).await.amount, cedis(45_000), "and it can be given back again");
        }
    });
}

#[test]
fn a_refund_that_fails_after_the_stay_was_given_up_becomes_credit() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.gateway.refunds_go(RefundMode::Slowly);
        let pending = house.refund(&paid, Some(30_000)).await;
        house.give_up(&stay).await;
        assert_eq!(house.wallet(0).await, 15_000);
        house.gateway.settle_refund(&Refund::reference_of(pending.id), RefundStatus::Failed);
        house.perform(Work::Refund(pending.id)).await;
        assert_eq!(sums(&house.invoices(&stay).await), [(0, 0, "void"); 2]);
        assert_eq!(house.wallet(0).await, 45_000);
    });
}

#[test]
fn what_went_into_the_wallet_is_given_back_from_there() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoices = house.invoices(&stay).await;
        let paid = house.pay(&invoices[0], None).await;
        house.give_up(&stay).await;
        assert_eq!(house.wallet(0).await, 45_000);
        let other = house.agreed(0).await;
        let spend = domicile_billing::PayFromWallet {
            invoice_id: Some(house.invoices(&other).await[0].id.to_string()),
            amount: Some(cedis(30_000)),
        };
        house.bursar.pay_from_wallet(&house.student(0), spend).await.unwrap();
        let more = house.bursar.refund_payment(&house.admin(), paid.id, refunding(Some(15_001))).await;
        assert_eq!(code(more), "RESOURCE_CONFLICT", "what was spent is not there any more");
        house.refund(&paid, None).await;
        assert_eq!((house.wallet(0).await, house.gateway.holds()), (0, 30_000));
    });
}

#[test]
fn a_refund_that_needs_an_account_is_retried_with_one() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.gateway.refunds_go(RefundMode::NeedsAttention);
        let stuck = house.refund(&paid, Some(10_000)).await;
        assert_eq!(stuck.status.as_str(), "needs_attention");
        house.wait(100_000);
        house.work().await;
        assert_eq!(house.gateway.calls("refund"), 1, "nobody calls again by themselves");
        let account =
            |number: &str| RetryRefund { account_number: Some(number.to_owned()), bank_id: Some("GH-057".to_owned()) };
        let retry = async |call, command| house.bursar.retry_refund(&call, stuck.id, command).await;
        assert_eq!(
            wrong(retry(house.admin(), RetryRefund::default()).await),
            ["account_number required", "bank_id required"]
        );
        assert_eq!(wrong(retry(house.admin(), account("../../x")).await), ["account_number format"]);
        assert_eq!(code(retry(house.manager(), account("0123456789")).await), "INSUFFICIENT_PERMISSIONS");
        house.gateway.trouble_with("retry_refund", Trouble::Refuses("No such bank".into()));
        assert_eq!(code(retry(house.admin(), account("0123456789")).await), "RESOURCE_CONFLICT");
        house.gateway.trouble(Trouble::LostBefore);
        assert_eq!(code(retry(house.admin(), account("0123456789")).await), "SERVICE_UNAVAILABLE");
        let done = retry(house.admin(), account("0123456789")).await.unwrap();
        assert_eq!(done.status.as_str(), "completed");
        assert_eq!(code(retry(house.admin(), account("0123456789")).await), "RESOURCE_CONFLICT", "it is over");
    });
}

#[test]
fn what_cannot_be_given_back_is_refused() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        let refund = async |call, command| house.bursar.refund_payment(&call, begun.id, command).await;
        assert_eq!(code(refund(house.admin(), refunding(None)).await), "RESOURCE_CONFLICT", "nobody has paid yet");
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        assert_eq!(code(refund(house.manager(), refunding(None)).await), "INSUFFICIENT_PERMISSIONS");
        assert_eq!(code(refund(house.student(0), refunding(None)).await), "INSUFFICIENT_PERMISSIONS");
        assert_eq!(wrong(refund(house.admin(), RefundPayment::default()).await), ["reason required"]);
        assert_eq!(wrong(refund(house.admin(), refunding(Some(0))).await), ["amount.amount_minor range"]);
        let euros = RefundPayment { amount: Some(Money::new(5, Currency::EUR)), ..refunding(None) };
        assert_eq!(wrong(refund(house.admin(), euros).await), ["amount.currency currency"]);
        let unknown = house.bursar.refund_payment(&house.admin(), house.ambient.id(), refunding(None)).await;
        assert_eq!(code(unknown), "NOT_FOUND");
        let mut call = house.admin();
        call.flags = call.flags.with(Feature::Payments, false);
        assert!(refund(call, refunding(Some(5))).await.is_ok(), "a refund is never gated");
    });
}

#[test]
fn a_refund_of_another_amount_than_was_asked_for_is_put_aside() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.gateway.refunds_go(RefundMode::Slowly);
        let pending = house.refund(&paid, Some(10_000)).await;
        let reference = Refund::reference_of(pending.id);
        let report =
            RefundReport { status: RefundStatus::Processed, amount: cedis(9_999), gateway_id: None, message: None };
        let event = WebhookEvent {
            kind: WebhookKind::Refund { refund_reference: Some(reference), report },
            reference: Some(paid.reference.clone()),
            dedupe_key: "refund:odd".to_owned(),
        };
        let (signature, body) = house.gateway.sign(&event);
        house.bursar.receive_webhook(&house.anybody(), webhook(Some(signature), body)).await.unwrap();
        house.work().await;
        let refunds = house.bursar.list_refunds(&house.student(0), paid.id).await.unwrap();
        assert_eq!(refunds[0].status.as_str(), "needs_attention");
        let page = Page::first("created_at", true);
        let aside = house.bursar.list_quarantined(&house.admin(), &page).await.unwrap().rows;
        assert_eq!((aside.len(), aside[0].suspicion.as_str(), aside[0].reported), (1, "refund", cedis(9_999)));
    });
}

/// Tells by webhook how a refund of a payment ended.
async fn told(house: &House, paid: &PaymentView, refund: &RefundView, status: RefundStatus) {
    let report = RefundReport { status, amount: refund.amount, gateway_id: None, message: None };
    let event = WebhookEvent {
        kind: WebhookKind::Refund { refund_reference: Some(Refund::reference_of(refund.id)), report },
        reference: Some(paid.reference.clone()),
        dedupe_key: format!("refund:{}:{status:?}", refund.id),
    };
    let (signature, body) = house.gateway.sign(&event);
    house.bursar.receive_webhook(&house.anybody(), webhook(Some(signature), body)).await.unwrap();
    // Whoever asks the gateway is told the same.
    house.gateway.settle_refund(&Refund::reference_of(refund.id), status);
    house.work().await;
}

#[test]
fn another_end_than_the_one_a_refund_had_is_put_aside() {
    let page = Page::first("created_at", true);
    for (first, second, state) in [
        (RefundStatus::Failed, RefundStatus::Processed, "failed"),
        (RefundStatus::Processed, RefundStatus::Failed, "completed"),
    ] {
        block_on(async {
            let house = House::new();
            let stay = house.agreed(0).await;
            let paid = house.pay(&house.invoices(&stay).await[0], None).await;
            house.gateway.refunds_go(RefundMode::Slowly);
            let refund = house.refund(&paid, Some(10_000)).await;
            for status in [first, RefundStatus::Pending] {
                told(&house, &paid, &refund, status).await;
                assert_eq!(house.bursar.list_quarantined(&house.admin(), &page).await.unwrap().rows, []);
            }
            told(&house, &paid, &refund, second).await;
            let aside = house.bursar.list_quarantined(&house.admin(), &page).await.unwrap().rows;
            assert_eq!((aside.len(), aside[0].suspicion.as_str(), aside[0].reported), (1, "refund", cedis(10_000)));
            let refunds = house.bursar.list_refunds(&house.admin(), paid.id).await.unwrap();
            assert_eq!(refunds[0].status.as_str(), state, "what is over stays as it is");
        });
    }
}

#[test]
fn nothing_is_reserved_where_nobody_could_be_asked() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.gateway.refunds_go(RefundMode::NeedsAttention);
        let stuck = house.refund(&paid, Some(5_000)).await;
        let elsewhere = house.with_gateways(Gateways::new().with(Arc::new(MemoryGateway::new("other"))));
        let refused = elsewhere.refund_payment(&house.admin(), paid.id, refunding(Some(10_000))).await;
        let told = refused.as_ref().unwrap_err().to_string();
        assert!(told.starts_with("This payment was taken by sandbox, which is not configured here"), "{told}");
        assert_eq!(code(refused), "RESOURCE_CONFLICT");
        let account = RetryRefund { account_number: Some("0123456789".to_owned()), bank_id: Some("GH-057".to_owned()) };
        let refused = elsewhere.retry_refund(&house.admin(), stuck.id, account).await.unwrap_err();
        assert_eq!(refused.to_string(), told);
        assert_eq!(house.balance(&Account::RefundPayable(paid.id)), -5_000, "nothing more was reserved");
        let job = BillingJob { hostel_id: house.id, work: Work::Refund(stuck.id) };
        let done = elsewhere.perform(&house.system(), job).await.unwrap();
        assert!(matches!(done, JobDone::Again(_, "the gateway is not set up")), "{done:?}");
        house.gateway.refunds_go(RefundMode::AtOnce);
        assert_eq!(house.refund(&paid, None).await.amount, cedis(40_000), "where it is set up, all of it can go back");
    });
}

#[test]
fn what_waits_in_suspense_waits_on_where_nobody_could_be_asked() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.give_up(&stay).await;
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        let elsewhere = house.with_gateways(Gateways::new());
        let job = BillingJob { hostel_id: house.id, work: Work::Suspense(begun.id) };
        let done = elsewhere.perform(&house.system(), job).await.unwrap();
        assert!(matches!(done, JobDone::Again(_, "the gateway is not set up")), "{done:?}");
        assert_eq!(house.balance(&Account::Suspense(begun.id)), -45_000);
        house.perform(Work::Suspense(begun.id)).await;
        assert_eq!((house.balance(&Account::Suspense(begun.id)), house.gateway.holds()), (0, 0));
    });
}

#[test]
fn what_leaves_a_deposit_is_not_told_as_held() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.refund(&paid, Some(10_000)).await;
        assert_eq!(house.deposit(&stay).await.held, cedis(35_000));
        let [told] = &house.events("deposit.reduced")[..] else { panic!("one event") };
        assert_eq!(told.data["held"]["amount_minor"], 35_000);
        assert_eq!(house.events("deposit.held").len(), 1, "what was paid into it");
        let trail = house.memory.audit_trail();
        assert_eq!(trail.iter().filter(|entry| entry.action == "deposit.reduce").count(), 1);
    });
}
