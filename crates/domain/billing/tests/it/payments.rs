//! Beginning to pay, paying, being declined.

use std::sync::Arc;

use domicile_billing::{InitializePayment, InvoiceView, PayFromWallet, UpdateTerms, model::Account};
use domicile_kernel::{Currency, Detail, Fault, Feature, Money};
use pollster::block_on;

use crate::house::{House, cedis, code, paying, sums, wrong};

fn whole(stay: &domicile_billing::model::StayFacts, amount: Option<i64>) -> InitializePayment {
    InitializePayment {
        booking_id: Some(stay.booking_id.to_string()),
        amount: amount.map(cedis),
        ..InitializePayment::default()
    }
}

#[test]
fn an_invoice_is_paid_by_the_gateway() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let begun = house.bursar.initialize_payment(&house.student(0), paying(invoice, None)).await.unwrap();
        assert!(begun.authorization_url.unwrap().contains(&begun.payment.reference));
        let is = &begun.payment;
        assert_eq!((is.status.as_str(), is.provider.as_str(), is.amount), ("pending", "sandbox", cedis(45_000)));
        assert_eq!((is.booking_id, is.invoice_id), (Some(stay.booking_id), Some(invoice.id)));
        assert_eq!(is.expires_at.to_string(), "2026-01-20T10:30:00Z");
        assert_eq!(house.verify(is).await.status.as_str(), "pending", "nobody has paid yet");
        house.gateway.pay(&is.reference);
        let paid = house.verify(is).await;
        assert_eq!((paid.status.as_str(), paid.refunded), ("completed", cedis(0)));
        assert_eq!(sums(&house.invoices(&stay).await)[0], (45_000, 45_000, "paid"));
        assert_eq!(house.balance(&Account::Gateway("sandbox".into())), 45_000);
        assert_eq!(house.verify(is).await, paid, "asking again changes nothing");
        assert_eq!((house.journals("charge:"), house.gateway.calls("initialize")), (1, 1));
        let [event] = &house.events("payment.completed")[..] else { panic!("one event") };
        let audience = format!("person:{}:payments:read:all", house.student_id(0));
        assert_eq!(event.audience.encode(), audience);
        assert_eq!(house.events("invoice.paid").len(), 1);
    });
}

#[test]
fn what_was_paid_before_its_page_is_noted_is_told_as_paid() {
    block_on(async {
        let house = Arc::new(House::new());
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let there = Arc::clone(&house);
        house.gateway.meanwhile("initialize", move || {
            block_on(async {
                let reference = there.gateway.references().remove(0);
                there.gateway.pay(&reference);
                there.deliver(&reference).await;
                there.work().await;
            });
        });
        let begun = house.begin(invoice, None).await;
        assert_eq!((begun.payment.status.as_str(), begun.authorization_url), ("completed", None));
        assert_eq!(house.payment(&begun.payment).await, begun.payment);
        assert_eq!(sums(&house.invoices(&stay).await)[0], (45_000, 45_000, "paid"));
        assert_eq!(house.journals("charge:"), 1);
    });
}

#[test]
fn a_stay_is_paid_in_parts_the_oldest_invoice_first() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let begun =
            house.bursar.initialize_payment(&house.student(0), whole(&stay, Some(100_000))).await.unwrap().payment;
        assert_eq!(begun.invoice_id, None);
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        let expected = [(45_000, 45_000, "paid"), (45_000, 45_000, "paid"), (45_000, 10_000, "partially_paid")];
        assert_eq!(sums(&house.invoices(&stay).await), expected);
        assert_eq!(house.deposit(&stay).await.held, cedis(45_000));
        let rest = house.bursar.initialize_payment(&house.student(0), whole(&stay, None)).await.unwrap().payment;
        assert_eq!(rest.amount, cedis(35_000), "all that is open, when nobody says how much");
    });
}

#[test]
fn a_named_invoice_is_paid_before_older_ones() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoices = house.invoices(&stay).await;
        house.pay(&invoices[1], None).await;
        assert_eq!(sums(&house.invoices(&stay).await), [(45_000, 0, "open"), (45_000, 45_000, "paid")]);
    });
}

#[test]
fn a_house_without_advance_payments_takes_what_is_due_next() {
    block_on(async {
        let terms = UpdateTerms { advance_allowed: Some(false), ..UpdateTerms::default() };
        let house = House::with_terms(terms).await;
        let stay = house.agreed(0).await;
        let invoices = house.invoices(&stay).await;
        let early = house.bursar.initialize_payment(&house.student(0), paying(&invoices[1], None)).await;
        assert_eq!(code(early), "RESOURCE_CONFLICT");
        // Nor does the wallet go past it, however much there is in it, or however little.
        let top_up = domicile_billing::TopUpWallet { amount: Some(cedis(90_000)), provider: None };
        let spend = async |invoice: &InvoiceView| {
            let command = PayFromWallet { invoice_id: Some(invoice.id.to_string()), amount: Some(cedis(5_000)) };
            house.bursar.pay_from_wallet(&house.student(0), command).await
        };
        assert_eq!(spend(&invoices[1]).await.unwrap_err().to_string(), "An older invoice has to be paid first");
        let begun = house.bursar.top_up_wallet(&house.student(0), top_up).await.unwrap().payment;
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        let refused = spend(&invoices[1]).await.unwrap_err();
        let Detail::Data(data) = refused.detail() else { panic!("no data") };
        assert_eq!(data["invoice_id"], invoices[0].id.to_string());
        spend(&invoices[0]).await.unwrap();

        let next = house.bursar.initialize_payment(&house.student(0), whole(&stay, None)).await.unwrap();
        assert_eq!(next.payment.amount, cedis(40_000));
        house.go_to("2026-03-01T00:00:00Z");
        let due = house.bursar.initialize_payment(&house.student(0), whole(&stay, None)).await.unwrap();
        assert_eq!(due.payment.amount, cedis(85_000));
        assert!(house.bursar.initialize_payment(&house.student(0), paying(&invoices[1], None)).await.is_ok());
    });
}

#[test]
fn what_cannot_be_paid_is_refused() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let pay = async |command| house.bursar.initialize_payment(&house.student(0), command).await;
        let nothing = InitializePayment::default();
        assert_eq!(wrong(pay(nothing).await), ["invoice_id one_of"]);
        let both = InitializePayment { booking_id: Some(stay.booking_id.to_string()), ..paying(invoice, None) };
        assert_eq!(wrong(pay(both).await), ["invoice_id one_of"]);
        let nonsense = InitializePayment { invoice_id: Some("x".into()), ..InitializePayment::default() };
        assert_eq!(wrong(pay(nonsense).await), ["invoice_id uuid"]);
        for (amount, wrongs) in
            [(0, "amount.amount_minor range"), (-5, "amount.amount_minor range"), (45_001, "amount.amount_minor range")]
        {
            assert_eq!(wrong(pay(paying(invoice, Some(amount))).await), [wrongs], "{amount}");
        }
        let euros = InitializePayment { amount: Some(Money::new(5, Currency::EUR)), ..paying(invoice, None) };
        assert_eq!(wrong(pay(euros).await), ["amount.currency currency"]);
        let elsewhere = InitializePayment { provider: Some("bank".into()), ..paying(invoice, None) };
        assert_eq!(wrong(pay(elsewhere).await), ["provider one_of"]);
        let unknown = InitializePayment {
            invoice_id: Some(house.ambient.ids.uuid().to_string()),
            ..InitializePayment::default()
        };
        assert_eq!(code(pay(unknown).await), "NOT_FOUND");
        assert_eq!(code(pay(whole(&house.asked(0), None)).await), "NOT_FOUND", "it was not billed yet");
        house.pay(invoice, None).await;
        assert_eq!(code(pay(paying(invoice, None)).await), "RESOURCE_CONFLICT", "nothing is owed any more");
    });
}

#[test]
fn who_may_not_pay_is_refused() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let foreign = house.bursar.initialize_payment(&house.student(1), paying(invoice, None)).await;
        assert_eq!(code(foreign), "FORBIDDEN");
        let staff = house.bursar.initialize_payment(&house.staff(), paying(invoice, None)).await;
        assert_eq!(code(staff), "INSUFFICIENT_PERMISSIONS");
        let anybody = house.bursar.initialize_payment(&house.anybody(), paying(invoice, None)).await;
        assert_eq!(code(anybody), "UNAUTHORIZED");
        let mut call = house.student(0);
        call.flags = call.flags.with(Feature::Payments, false);
        let switched_off = house.bursar.initialize_payment(&call, paying(invoice, None)).await;
        assert_eq!(code(switched_off), "FEATURE_DISABLED");
        let by_manager = house.bursar.initialize_payment(&house.manager(), paying(invoice, None)).await.unwrap();
        assert_eq!(by_manager.payment.user_id, house.student_id(0), "whoever pays, it is the resident's payment");
        let foreign = house.bursar.verify_payment(&house.student(1), &by_manager.payment.reference).await;
        assert_eq!(code(foreign), "FORBIDDEN");
        assert!(house.bursar.verify_payment(&call, &by_manager.payment.reference).await.is_ok(), "never gated");
        assert_eq!(code(house.bursar.verify_payment(&house.student(0), "dom-unknown").await), "NOT_FOUND");
    });
}

#[test]
fn no_gateway_takes_every_currency() {
    block_on(async {
        let house = House::billing_in(Currency::EUR);
        let euros = |minor| Money::new(minor, Currency::EUR);
        let stay = domicile_billing::model::StayFacts {
            monthly_price: euros(45_000),
            first_months: Vec::new(),
            total_price: euros(90_000),
            state: domicile_billing::model::StayState::Holding,
            ..house.asked(0)
        };
        house.change(&stay).await;
        let invoice = &house.invoices(&stay).await[0];
        let refused = house.bursar.initialize_payment(&house.student(0), paying(invoice, None)).await;
        assert_eq!(code(refused), "RESOURCE_CONFLICT");
    });
}

#[test]
fn a_declined_payment_has_failed_and_may_still_succeed_while_its_session_lasts() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.decline(&begun.reference);
        let declined = house.bursar.verify_payment(&house.student(0), &begun.reference).await.unwrap_err();
        assert_eq!(
            (declined.code().as_str(), declined.to_string()),
            ("PAYMENT_FAILED", "The payment was declined: Declined".to_owned())
        );
        let Detail::Data(data) = declined.detail() else { panic!("no data") };
        assert_eq!(data["payment"]["status"], "failed");
        assert_eq!(house.events("payment.failed").len(), 1);
        assert_eq!(code(house.bursar.verify_payment(&house.student(0), &begun.reference).await), "PAYMENT_FAILED");
        assert_eq!(house.events("payment.failed").len(), 1, "told once");
        // The payer tries again on the same page, and nobody tells us: the job asks.
        house.gateway.pay(&begun.reference);
        house.wait(600);
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed");
        assert_eq!(sums(&house.invoices(&stay).await)[0].2, "paid");
    });
}

#[test]
fn a_payment_that_nobody_pays_fails_after_its_session() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.report(&begun.reference, |charge| {
            charge.status = domicile_billing::ports::ChargeStatus::Abandoned;
        });
        assert_eq!(house.verify(&begun).await.status.as_str(), "pending", "it may be paid until then");
        house.wait(1_800);
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "failed");
        assert!(house.memory.jobs().is_empty(), "nobody asks any more");
    });
}

#[test]
fn a_declined_payment_is_not_asked_about_for_ever() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.decline(&begun.reference);
        house.wait(100);
        house.work().await;
        assert_eq!(house.memory.jobs().len(), 1, "the payer may try again");
        house.wait(1_800);
        house.work().await;
        assert!(house.memory.jobs().is_empty());
        let asked = house.gateway.calls("verify");
        assert_eq!(code(house.bursar.verify_payment(&house.student(0), &begun.reference).await), "PAYMENT_FAILED");
        assert_eq!(house.gateway.calls("verify"), asked, "that was the last word");
    });
}

#[test]
fn an_answer_from_before_the_end_of_the_session_is_not_the_last_word() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.decline(&begun.reference);
        house.wait(1_799);
        let (clock, gateway, reference) = (house.clock.clone(), house.gateway.clone(), begun.reference.clone());
        house.gateway.meanwhile("verify", move || {
            gateway.pay(&reference);
            clock.advance(std::time::Duration::from_secs(2));
        });
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "failed", "that is what the gateway said");
        house.wait(700);
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed", "it was paid in the last second");
    });
}

#[test]
fn a_declined_payment_whose_gateway_is_busy_with_another_try_is_asked_about_beyond_its_session() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.decline(&begun.reference);
        house.wait(100);
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "failed");
        let status = |status| house.gateway.report(&begun.reference, |charge| charge.status = status);
        status(domicile_billing::ports::ChargeStatus::Pending);
        house.wait(2_000);
        house.work().await;
        status(domicile_billing::ports::ChargeStatus::Success);
        house.wait(700);
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed", "a transfer takes longer than a session");
    });
}

#[test]
fn what_stays_undecided_is_asked_about_ever_more_rarely() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        house.begin(&house.invoices(&stay).await[0], None).await;
        let mut asked = Vec::new();
        for _ in 0..10 {
            house.wait(24 * 3_600);
            let before = house.gateway.calls("verify");
            house.work().await;
            asked.push(house.gateway.calls("verify") - before);
        }
        assert!(asked.iter().all(|asked| *asked == 1), "a day at most lies between two questions: {asked:?}");
        house.wait(12 * 3_600);
        assert_eq!(house.work().await, 0);
    });
}
