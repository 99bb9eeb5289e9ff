//! Money that arrives when nothing is owed any more: it waits, and goes back or is used for something else.

use domicile_billing::{ApplyPayment, UpdateTerms, memory::RefundMode, model::Account, ports::RefundStatus};
use pollster::block_on;

use crate::house::{House, cedis, code, sums};

fn to(invoice: &domicile_billing::InvoiceView) -> ApplyPayment {
    ApplyPayment { invoice_id: Some(invoice.id.to_string()) }
}

#[test]
fn the_second_payment_of_one_invoice_is_refunded_by_itself() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let (first, second) = (house.begin(invoice, None).await.payment, house.begin(invoice, None).await.payment);
        for payment in [&first, &second] {
            house.gateway.pay(&payment.reference);
            house.verify(payment).await;
        }
        assert_eq!(sums(&house.invoices(&stay).await), [(45_000, 45_000, "paid"), (45_000, 0, "open")]);
        assert_eq!(house.balance(&Account::Suspense(second.id)), -45_000);
        house.work().await;
        assert_eq!(house.payment(&second).await.status.as_str(), "refunded");
        assert_eq!(house.payment(&first).await.status.as_str(), "completed");
        assert_eq!((house.balance(&Account::Suspense(second.id)), house.gateway.holds()), (0, 45_000));
        let words: Vec<_> =
            house.events("payment.completed").iter().map(|event| event.data.get("change").cloned()).collect();
        assert_eq!(words, [None, Some("suspended".into())]);
        assert_eq!(house.events("payment.refunded").len(), 1);
    });
}

#[test]
fn what_exceeds_an_invoice_that_was_partly_paid_meanwhile_is_credit() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let whole = house.begin(invoice, None).await.payment;
        house.pay(invoice, Some(40_000)).await;
        house.gateway.pay(&whole.reference);
        house.verify(&whole).await;
        assert_eq!(sums(&house.invoices(&stay).await), [(45_000, 45_000, "paid"), (45_000, 0, "open")]);
        assert_eq!(house.wallet(0).await, 40_000, "never lost, and counted once");
    });
}

#[test]
fn money_for_a_bed_that_is_gone_is_refunded() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.give_up(&stay).await;
        house.gateway.pay(&begun.reference);
        assert_eq!(house.verify(&begun).await.status.as_str(), "completed");
        assert_eq!(sums(&house.invoices(&stay).await), [(0, 0, "void"); 2]);
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "refunded");
        assert_eq!((house.gateway.holds(), house.wallet(0).await), (0, 0));
    });
}

#[test]
fn money_for_a_stay_whose_record_is_gone_is_refunded_too() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.give_up(&stay).await;
        house.memory.remove_stay(house.id, stay.booking_id);
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "refunded");
    });
}

#[test]
fn a_refund_that_fails_after_the_record_of_the_stay_is_gone_takes_nothing_of_the_rent_back() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.pay(&house.invoices(&stay).await[1], None).await;
        house.move_out(&stay).await;
        house.gateway.refunds_go(RefundMode::Slowly);
        house.refund(&paid, Some(10_000)).await;
        house.memory.remove_stay(house.id, stay.booking_id);
        for refund in house.gateway.open_refunds() {
            house.gateway.settle_refund(&refund, RefundStatus::Failed);
        }
        house.wait(3_600);
        house.work().await;
        assert_eq!(house.payment(&paid).await.refunded, cedis(0));
        assert_eq!(house.wallet(0).await, 10_000, "what did not go back is the payer's");
        assert_eq!(sums(&house.invoices(&stay).await), [(35_000, 35_000, "paid"), (45_000, 45_000, "paid")]);
    });
}

#[test]
fn a_house_that_wants_time_can_use_the_money_for_another_bed() {
    block_on(async {
        let terms = UpdateTerms { rehousing_hours: Some(24), ..UpdateTerms::default() };
        let house = House::with_terms(terms).await;
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.give_up(&stay).await;
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed", "it waits");
        let other = house.agreed(0).await;
        let invoice = &house.invoices(&other).await[0];
        let foreign = &house.invoices(&house.agreed(1).await).await[0];
        let apply = async |call, command| house.bursar.apply_payment(&call, begun.id, command).await;
        assert_eq!(code(apply(house.student(0), to(invoice)).await), "INSUFFICIENT_PERMISSIONS");
        assert_eq!(code(apply(house.manager(), ApplyPayment::default()).await), "VALIDATION_ERROR");
        assert_eq!(code(apply(house.manager(), to(foreign)).await), "RESOURCE_CONFLICT");
        let unknown = ApplyPayment { invoice_id: Some(house.ambient.ids.uuid().to_string()) };
        assert_eq!(code(apply(house.manager(), unknown).await), "NOT_FOUND");
        house.pay(invoice, Some(5_000)).await;
        apply(house.manager(), to(invoice)).await.unwrap();
        assert_eq!(sums(&house.invoices(&other).await)[0], (45_000, 45_000, "paid"));
        assert_eq!(house.balance(&Account::Suspense(begun.id)), -5_000, "what was not needed stays");
        assert_eq!(code(apply(house.manager(), to(invoice)).await), "RESOURCE_CONFLICT", "nothing is owed on it");
        house.wait(24 * 3_600);
        house.work().await;
        let after = house.payment(&begun).await;
        assert_eq!((after.status.as_str(), after.refunded), ("partially_refunded", cedis(5_000)));
        assert_eq!(code(apply(house.manager(), to(invoice)).await), "RESOURCE_CONFLICT", "nothing is left of it");
        assert_eq!(sums(&house.invoices(&other).await)[0].2, "paid");
    });
}

#[test]
fn a_refund_of_suspense_that_fails_is_not_tried_for_ever() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.give_up(&stay).await;
        house.gateway.pay(&begun.reference);
        house.gateway.refunds_go(domicile_billing::memory::RefundMode::Fails);
        house.verify(&begun).await;
        house.work().await;
        assert_eq!(house.balance(&Account::Suspense(begun.id)), -45_000, "it is where it was");
        let calls = house.gateway.calls("refund");
        house.wait(100_000);
        house.work().await;
        let found = house.bursar.unfinished(&house.system(), std::time::Duration::from_secs(1), 10).await.unwrap();
        assert_eq!((found.len(), house.gateway.calls("refund")), (0, calls), "somebody has to look");
        house.gateway.refunds_go(domicile_billing::memory::RefundMode::AtOnce);
        house.refund(&begun, None).await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "refunded");
    });
}
