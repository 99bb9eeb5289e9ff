//! Filling a wallet and paying from it.

use domicile_billing::{PayFromWallet, TopUpWallet, model::Account};
use domicile_kernel::{Currency, Detail, Fault, Feature, Money};
use pollster::block_on;

use crate::house::{House, cedis, code, refunding, sums, wrong};

fn fill(amount: i64) -> TopUpWallet {
    TopUpWallet { amount: Some(cedis(amount)), provider: None }
}

fn spend(invoice: &domicile_billing::InvoiceView, amount: Option<i64>) -> PayFromWallet {
    PayFromWallet { invoice_id: Some(invoice.id.to_string()), amount: amount.map(cedis) }
}

#[test]
fn a_wallet_is_filled_by_the_gateway_and_pays_invoices() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let pay = async |amount| house.bursar.pay_from_wallet(&house.student(0), spend(invoice, amount)).await;
        let short = pay(None).await.unwrap_err();
        assert_eq!(short.code().as_str(), "INSUFFICIENT_BALANCE");
        assert_eq!(short.to_string(), "Your wallet holds ₵0.00 of the ₵450.00 needed");
        let Detail::Data(data) = short.detail() else { panic!("no data") };
        assert_eq!(data["needed"]["amount_minor"], 45_000);

        let begun = house.bursar.top_up_wallet(&house.student(0), fill(50_000)).await.unwrap().payment;
        assert_eq!((begun.purpose.as_str(), begun.invoice_id), ("wallet_topup", None));
        assert_eq!(house.wallet(0).await, 0, "not before it is paid");
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        assert_eq!(house.wallet(0).await, 50_000);
        let paid = pay(Some(20_000)).await.unwrap();
        assert_eq!((paid.status.as_str(), paid.provider.as_str()), ("completed", "wallet"));
        pay(None).await.unwrap();
        assert_eq!((house.wallet(0).await, sums(&house.invoices(&stay).await)[0].2), (5_000, "paid"));
        assert_eq!(code(pay(None).await), "RESOURCE_CONFLICT", "nothing is owed any more");
        assert_eq!(house.balance(&Account::Gateway("sandbox".into())), 50_000);
    });
}

#[test]
fn what_was_paid_from_the_wallet_is_given_back_into_it_at_once() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.bursar.top_up_wallet(&house.student(0), fill(50_000)).await.unwrap().payment;
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        let invoice = &house.invoices(&stay).await[0];
        let paid = house.bursar.pay_from_wallet(&house.student(0), spend(invoice, None)).await.unwrap();
        let refund = house.refund(&paid, Some(5_000)).await;
        assert_eq!((refund.status.as_str(), house.wallet(0).await), ("completed", 10_000));
        assert_eq!(house.payment(&paid).await.status.as_str(), "partially_refunded");
        house.give_up(&stay).await;
        assert_eq!(house.wallet(0).await, 50_000);
        let again = house.bursar.refund_payment(&house.admin(), paid.id, refunding(None)).await;
        assert_eq!(code(again), "RESOURCE_CONFLICT", "it is in the wallet already");
        house.refund(&begun, None).await;
        assert_eq!((house.wallet(0).await, house.gateway.holds()), (0, 0));
    });
}

#[test]
fn what_cannot_be_done_with_a_wallet_is_refused() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoice = &house.invoices(&stay).await[0];
        let top_up = async |call, command| house.bursar.top_up_wallet(&call, command).await;
        assert_eq!(wrong(top_up(house.student(0), TopUpWallet::default()).await), ["amount required"]);
        assert_eq!(wrong(top_up(house.student(0), fill(0)).await), ["amount.amount_minor range"]);
        let euros = TopUpWallet { amount: Some(Money::new(5, Currency::EUR)), provider: None };
        assert_eq!(wrong(top_up(house.student(0), euros).await), ["amount.currency currency"]);
        assert_eq!(code(top_up(house.staff(), fill(5)).await), "INSUFFICIENT_PERMISSIONS");
        let mut off = house.student(0);
        off.flags = off.flags.with(Feature::Payments, false);
        assert_eq!(code(top_up(off.clone(), fill(5)).await), "FEATURE_DISABLED");
        let pay = async |call, command| house.bursar.pay_from_wallet(&call, command).await;
        assert_eq!(code(pay(off, spend(invoice, None)).await), "FEATURE_DISABLED");
        assert_eq!(code(pay(house.student(1), spend(invoice, None)).await), "FORBIDDEN");
        assert_eq!(code(pay(house.manager(), spend(invoice, None)).await), "FORBIDDEN", "nor somebody else's for them");
        assert_eq!(wrong(pay(house.student(0), PayFromWallet::default()).await), ["invoice_id required"]);
        assert_eq!(wrong(pay(house.student(0), spend(invoice, Some(45_001))).await), ["amount.amount_minor range"]);
        let unknown = PayFromWallet { invoice_id: Some(house.ambient.ids.uuid().to_string()), amount: None };
        assert_eq!(code(pay(house.student(0), unknown).await), "NOT_FOUND");
    });
}
