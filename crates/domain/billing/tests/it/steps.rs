//! Effects outside the database: what is lost between two steps is found again, and nothing is done twice (W9).

use domicile_billing::memory::Trouble;
use domicile_kernel::{Call, Fault, IdempotencyKey, Permission};
use pollster::block_on;

use crate::{
    flaky::FlakyStore,
    house::{House, code, paying, refunding, sums},
};

fn keyed(mut call: Call, key: &str) -> Call {
    call.idempotency = Some(IdempotencyKey { key: key.to_owned(), fingerprint: [1; 32] });
    call
}

#[test]
fn a_repeat_gets_the_same_payment_and_address() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let call = keyed(house.student(0), "k");
        let first = house.bursar.initialize_payment(&call, paying(invoice, None)).await.unwrap();
        let again = house.bursar.initialize_payment(&call, paying(invoice, None)).await.unwrap_err();
        let replayed = again.replayed().unwrap().view::<domicile_billing::InitializedPayment>().unwrap();
        assert_eq!(replayed, first, "the whole answer was kept by the last step");
        assert_eq!((house.gateway.calls("initialize"), house.gateway.references().len()), (1, 1));
    });
}

#[test]
fn a_gateway_that_does_not_answer_leaves_the_payment_open_and_a_repeat_goes_on() {
    for trouble in [Trouble::LostBefore, Trouble::LostAfter, Trouble::Garbled] {
        block_on(async {
            let house = House::new();
            let stay = house.agreed(0).await;
            let invoice = &house.invoices(&stay).await[0];
            let call = keyed(house.student(0), "k");
            house.gateway.trouble(trouble.clone());
            let first = house.bursar.initialize_payment(&call, paying(invoice, None)).await.unwrap();
            assert_eq!((first.payment.status.as_str(), first.authorization_url), ("pending", None));
            let again = house.bursar.initialize_payment(&call, paying(invoice, None)).await.unwrap();
            assert_eq!(again.payment.id, first.payment.id);
            assert!(again.authorization_url.is_some());
            assert_eq!(house.gateway.references(), std::slice::from_ref(&first.payment.reference), "{trouble:?}");
            let calls = if trouble == Trouble::LostBefore { 2 } else { 1 };
            assert_eq!(house.gateway.calls("initialize"), calls, "asked before called again: {trouble:?}");
            let third = house.bursar.initialize_payment(&call, paying(invoice, None)).await.unwrap_err();
            let kept = third.replayed().unwrap().view::<domicile_billing::InitializedPayment>().unwrap();
            assert_eq!(kept, again);
        });
    }
}

#[test]
fn a_payment_that_was_begun_is_told_whatever_the_store_does_then() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let (store, bursar) = FlakyStore::of(&house);
        let call = keyed(house.student(0), "k");
        store.fails_after(1);
        let begun = bursar.initialize_payment(&call, paying(invoice, None)).await.unwrap();
        assert_eq!(begun.payment.status.as_str(), "pending");
        assert!(begun.authorization_url.is_some(), "the gateway has told where to go");
        store.fails_after(usize::MAX);
        // Nobody else asks the gateway for a while; then it tells the same.
        house.wait(60);
        let again = bursar.initialize_payment(&call, paying(invoice, None)).await.unwrap();
        assert_eq!((again.payment.id, again.authorization_url), (begun.payment.id, begun.authorization_url));
        assert_eq!(house.gateway.references().len(), 1);
    });
}

#[test]
fn the_job_goes_on_where_nobody_comes_back() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        house.gateway.trouble(Trouble::LostBefore);
        let begun = house.begin(&house.invoices(&stay).await[0], None).await;
        assert_eq!(begun.authorization_url, None);
        house.wait(100);
        house.work().await;
        assert_eq!(house.gateway.references().len(), 1);
        house.gateway.pay(&begun.payment.reference);
        house.wait(200);
        house.work().await;
        assert_eq!(sums(&house.invoices(&stay).await)[0].2, "paid");
    });
}

#[test]
fn a_checkout_whose_address_is_told_once_and_lost_stays_open_until_its_time() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        house.gateway.forget_checkouts();
        house.gateway.trouble(Trouble::LostAfter);
        let begun = house.begin(&house.invoices(&stay).await[0], None).await;
        let again = house.verify(&begun.payment).await;
        assert_eq!((again.status.as_str(), house.gateway.calls("initialize")), ("pending", 1));
    });
}

#[test]
fn a_refusal_fails_the_payment_and_a_repeat_is_told_so() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let call = keyed(house.student(0), "k");
        house.gateway.trouble(Trouble::Refuses("No such merchant".into()));
        for _ in 0..2 {
            let refused = house.bursar.initialize_payment(&call, paying(invoice, None)).await.unwrap_err();
            assert_eq!(refused.code().as_str(), "PAYMENT_FAILED");
            assert!(refused.to_string().contains("No such merchant"), "{refused}");
        }
        assert_eq!((house.gateway.calls("initialize"), house.events("payment.failed").len()), (1, 1));
        assert!(house.bursar.initialize_payment(&house.student(0), paying(invoice, None)).await.is_ok());
    });
}

#[test]
fn a_repeat_sends_nobody_to_a_checkout_that_is_over() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let begin = async || {
            let call = keyed(house.student(0), "declined");
            house.bursar.initialize_payment(&call, paying(invoice, None)).await
        };
        let begun = begin().await.unwrap().payment;
        house.gateway.decline(&begun.reference);
        house.wait(100);
        house.work().await;
        assert_eq!(code(begin().await), "PAYMENT_FAILED");
        // As long as it may still be paid it is the same address.
        house.gateway.pay(&begun.reference);
        house.wait(130);
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed");
    });
}

#[test]
fn a_refusal_to_tell_is_no_word_about_the_charge() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        house.gateway.trouble(Trouble::LostAfter);
        let begun = house.begin(&house.invoices(&stay).await[0], None).await;
        house.gateway.trouble(Trouble::Refuses("Too many requests".into()));
        assert_eq!(house.verify(&begun.payment).await.status.as_str(), "pending");
    });
}

#[test]
fn what_was_refused_leaves_its_key_unused() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let call = keyed(house.student(0), "k");
        let too_much = house.bursar.initialize_payment(&call, paying(invoice, Some(45_001))).await;
        assert_eq!(code(too_much), "VALIDATION_ERROR");
        assert!(house.bursar.initialize_payment(&call, paying(invoice, Some(45_000))).await.is_ok());
    });
}

#[test]
fn a_refund_whose_answer_is_lost_is_found_and_not_made_again() {
    for (trouble, calls) in [(Trouble::LostBefore, 2), (Trouble::LostAfter, 1), (Trouble::Garbled, 1)] {
        block_on(async {
            let house = House::new();
            let stay = house.agreed(0).await;
            let paid = house.pay(&house.invoices(&stay).await[0], None).await;
            house.gateway.trouble(trouble.clone());
            let refund = house.refund(&paid, Some(10_000)).await;
            assert_eq!(refund.status.as_str(), "pending");
            assert_eq!(house.payment(&paid).await.refunded.amount_minor(), 0, "not before it is certain");
            house.wait(120);
            house.work().await;
            let refunds = house.bursar.list_refunds(&house.admin(), paid.id).await.unwrap();
            assert_eq!(refunds[0].status.as_str(), "completed", "{trouble:?}");
            assert_eq!((house.gateway.calls("refund"), house.gateway.holds()), (calls, 35_000), "{trouble:?}");
            assert_eq!(house.payment(&paid).await.refunded.amount_minor(), 10_000);
        });
    }
}

#[test]
fn whoever_was_held_up_for_too_long_does_not_make_a_refund() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.gateway.trouble_with("refund", Trouble::LostBefore);
        let refund = house.refund(&paid, None).await;
        assert_eq!(refund.status.as_str(), "pending");
        // It is not there; but until that is heard somebody else has come.
        let clock = house.clock.clone();
        house.gateway.meanwhile("find_refund", move || clock.advance(std::time::Duration::from_secs(46)));
        house.wait(121);
        house.work().await;
        assert_eq!(house.gateway.calls("refund"), 1, "that is for who asks now");
        house.wait(121);
        house.work().await;
        assert_eq!(house.gateway.calls("refund"), 2);
        assert_eq!(house.payment(&paid).await.status.as_str(), "refunded");
    });
}

#[test]
fn a_refund_that_nobody_can_tell_anything_about_is_somebodys_to_look_at_in_the_end() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.gateway.trouble_with("refund", Trouble::Garbled);
        let refund = house.refund(&paid, None).await;
        for _ in 0..71 {
            house.gateway.trouble_with("find_refund", Trouble::Garbled);
            house.wait(3_600);
            house.work().await;
        }
        assert_eq!(house.bursar.refund(&house.admin(), refund.id).await.unwrap().status.as_str(), "pending");
        assert_eq!(house.events("refund.needs_attention").len(), 0);
        house.gateway.trouble_with("find_refund", Trouble::Garbled);
        house.wait(3_700);
        house.work().await;
        let told = house.bursar.refund(&house.admin(), refund.id).await.unwrap();
        assert_eq!(told.status.as_str(), "needs_attention");
        let message = told.message.map(|message| message.as_str().to_owned());
        assert_eq!(message.as_deref(), Some("the payment gateway's answer cannot be understood: data.id is a list"));
        // As soon as it can be understood, it is what it was.
        house.wait(24 * 3_600);
        house.work().await;
        assert_eq!(house.payment(&paid).await.status.as_str(), "refunded");
        assert_eq!(house.gateway.calls("refund"), 1);
    });
}

#[test]
fn a_repeated_refund_gets_the_same_answer() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        let call = keyed(house.admin(), "refund");
        let first = house.bursar.refund_payment(&call, paid.id, refunding(Some(10_000))).await.unwrap();
        let again = house.bursar.refund_payment(&call, paid.id, refunding(Some(10_000))).await.unwrap_err();
        let kept = again.replayed().unwrap().view::<domicile_billing::RefundView>().unwrap();
        assert_eq!((kept.status.as_str(), &kept), ("completed", &first));
        assert_eq!(house.gateway.calls("refund"), 1);
    });
}

#[test]
fn jobs_are_not_for_people() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        let job = domicile_billing::BillingJob { hostel_id: house.id, work: domicile_billing::Work::Verify(begun.id) };
        let refused = house.bursar.perform(&house.student(0), job).await.unwrap_err();
        assert_eq!(refused.code().as_str(), "INSUFFICIENT_PERMISSIONS");
        assert!(!Permission::PaymentsRefund.held_by(domicile_kernel::Role::Student));
        let read =
            domicile_billing::BillingJob::read(job.kind(), &job.at(house.ambient.id(), begun.created_at).payload);
        assert_eq!(read, Some(job));
        assert_eq!(domicile_billing::BillingJob::read("mail.send", &serde_json::json!({})), None);
    });
}

#[test]
fn what_a_job_gave_up_is_found_again() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.pay(&begun.reference);
        for job in house.memory.jobs() {
            house.memory.complete_job(&job);
        }
        let quiet = std::time::Duration::from_mins(1);
        assert_eq!(house.bursar.unfinished(&house.system(), quiet, 10).await.unwrap(), []);
        house.wait(61);
        let found = house.bursar.unfinished(&house.system(), quiet, 10).await.unwrap();
        let [(hostel, job)] = &found[..] else { panic!("one job") };
        assert_eq!((*hostel, job.kind), (house.id, "payment.verify"));
        let read = domicile_billing::BillingJob::read(job.kind, &job.payload).unwrap();
        house.perform(read.work).await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed");
        assert_eq!(code(house.bursar.unfinished(&house.student(0), quiet, 10).await), "INSUFFICIENT_PERMISSIONS");
    });
}

#[test]
fn what_stays_unfinished_does_not_stand_before_the_rest() {
    block_on(async {
        let house = House::new();
        for _ in 0..5 {
            let stay = house.agreed(0).await;
            house.begin(&house.invoices(&stay).await[0], None).await;
        }
        house.wait(61);
        let found = house.bursar.unfinished(&house.system(), std::time::Duration::from_mins(1), 2).await.unwrap();
        let keys: std::collections::BTreeSet<_> = found.iter().map(|(_, job)| job.key.clone()).collect();
        assert_eq!((found.len(), keys.len()), (5, 5));
    });
}
