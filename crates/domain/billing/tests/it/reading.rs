//! Who may read what; receipts and statements.

use domicile_billing::{AskStatement, AskWallet, ListInvoices, ListJournals, ListPayments, TopUpWallet};
use domicile_kernel::Page;
use pollster::block_on;

use crate::house::{House, cedis, code, wrong};

#[test]
fn people_see_their_own_money_and_the_house_sees_all() {
    block_on(async {
        let house = House::with_deposits().await;
        let (own, other) = (house.agreed(0).await, house.agreed(1).await);
        let foreign = house.invoices(&other).await.remove(0);
        let paid = house.pay(&foreign, None).await;
        let refund = house.refund(&paid, Some(5)).await;
        let deposit = house.deposit(&other).await;
        let (student, manager, bursar) = (house.student(0), house.manager(), &house.bursar);
        let page = Page::first("due_date", false);
        let list = async |call, asked| bursar.list_invoices(&call, asked, &page).await;
        assert_eq!(list(student.clone(), ListInvoices::default()).await.unwrap().total, Some(3));
        assert_eq!(list(manager.clone(), ListInvoices::default()).await.unwrap().total, Some(6));
        let whose = ListInvoices { user_id: Some(other.guest.to_string()), ..ListInvoices::default() };
        assert_eq!(code(list(student.clone(), whose).await), "FORBIDDEN");
        let nonsense =
            ListInvoices { status: Some("lost".into()), due_until: Some("soon".into()), ..ListInvoices::default() };
        assert_eq!(wrong(list(manager.clone(), nonsense).await), ["status one_of", "due_until date"]);
        let of_booking = ListInvoices { booking_id: Some(own.booking_id.to_string()), ..ListInvoices::default() };
        assert_eq!(list(manager.clone(), of_booking).await.unwrap().total, Some(3));

        assert_eq!(code(bursar.invoice(&student, foreign.id).await), "FORBIDDEN");
        assert_eq!(code(bursar.payment(&student, paid.id).await), "FORBIDDEN");
        assert_eq!(code(bursar.list_refunds(&student, paid.id).await), "FORBIDDEN");
        assert_eq!(code(bursar.refund(&student, refund.id).await), "FORBIDDEN");
        assert_eq!(code(bursar.deposit(&student, deposit.id).await), "FORBIDDEN");
        assert_eq!(code(bursar.receipt(&student, paid.id).await), "FORBIDDEN");
        assert_eq!(bursar.refund(&house.student(1), refund.id).await.unwrap(), refund);
        assert_eq!(bursar.deposit(&manager, deposit.id).await.unwrap(), deposit);
        let page = Page::first("created_at", true);
        let payments = bursar.list_payments(&student, ListPayments::default(), &page).await.unwrap();
        assert_eq!(payments.total, Some(0));
        let purpose = ListPayments { purpose: Some("gift".into()), ..ListPayments::default() };
        assert_eq!(wrong(bursar.list_payments(&manager, purpose, &page).await), ["purpose one_of"]);
        for missing in [
            code(bursar.invoice(&manager, house.ambient.id()).await),
            code(bursar.payment(&manager, house.ambient.id()).await),
            code(bursar.refund(&manager, house.ambient.id()).await),
            code(bursar.deposit(&manager, house.ambient.id()).await),
            code(bursar.receipt(&manager, house.ambient.id()).await),
        ] {
            assert_eq!(missing, "NOT_FOUND");
        }
    });
}

#[test]
fn the_ledger_is_for_the_admin() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        house.pay(&house.invoices(&stay).await[0], None).await;
        let page = Page::first("created_at", true);
        let list = async |call, asked| house.bursar.list_journals(&call, asked, &page).await;
        assert_eq!(code(list(house.manager(), ListJournals::default()).await), "INSUFFICIENT_PERMISSIONS");
        let all = list(house.admin(), ListJournals::default()).await.unwrap().rows;
        assert_eq!(all.len(), 3);
        for journal in &all {
            let sum: i64 = journal.entries.iter().map(|entry| entry.amount.amount_minor()).sum();
            assert_eq!(sum, 0, "{journal:?}");
        }
        let account = ListJournals { account: Some("gateway:sandbox".into()), key: None };
        let charges = list(house.admin(), account).await.unwrap().rows;
        assert!(charges.len() == 1 && charges[0].key.starts_with("charge:"));
        let nonsense = ListJournals { account: Some("bank".into()), key: None };
        assert_eq!(wrong(list(house.admin(), nonsense).await), ["account account"]);
        let aside = house.bursar.list_quarantined(&house.student(0), &page).await;
        assert_eq!(code(aside), "INSUFFICIENT_PERMISSIONS");
    });
}

#[test]
fn the_balances_of_the_kinds_sum_to_zero_and_are_those_of_the_journals() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        house.agreed(1).await;
        house.pay(&house.invoices(&stay).await[0], None).await;
        let lines = house.bursar.balances(&house.admin()).await.unwrap();
        let told: Vec<_> =
            lines.iter().map(|line| (line.account.as_str(), line.balance.amount_minor(), line.accounts)).collect();
        let rents: i64 = house.invoices(&stay).await[1..].iter().map(|bill| bill.total.amount_minor()).sum();
        let expected = [
            ("deposit_billed", -45_000, 1),
            ("deposit_liability", -45_000, 1),
            ("gateway", 45_000, 1),
            ("receivable", 2 * rents + 45_000, 2),
            ("rent_income", -2 * rents, 1),
        ];
        assert_eq!(told, expected);
        assert_eq!(told.iter().map(|(_, balance, _)| balance).sum::<i64>(), 0);
        assert_eq!(code(house.bursar.balances(&house.manager()).await), "INSUFFICIENT_PERMISSIONS");
    });
}

#[test]
fn a_wallet_is_its_owners_and_theirs_who_see_all_payments() {
    block_on(async {
        let house = House::new();
        let top_up = TopUpWallet { amount: Some(cedis(7_000)), ..TopUpWallet::default() };
        let begun = house.bursar.top_up_wallet(&house.student(0), top_up).await.unwrap().payment;
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        let of = |person: String| AskWallet { user_id: Some(person) };
        let wallet = async |call, asked| house.bursar.wallet(&call, asked).await;
        let own = wallet(house.student(0), AskWallet::default()).await.unwrap();
        assert_eq!((own.user_id, own.balance), (begun.user_id, cedis(7_000)));
        assert_eq!(wallet(house.student(0), of(begun.user_id.to_string())).await.unwrap(), own);
        assert_eq!(wallet(house.manager(), of(begun.user_id.to_string())).await.unwrap(), own);
        assert_eq!(code(wallet(house.student(1), of(begun.user_id.to_string())).await), "FORBIDDEN");
        let nobody = house.ambient.ids.uuid().to_string();
        assert_eq!(code(wallet(house.student(1), of(nobody.clone())).await), "FORBIDDEN", "as if it were somebody's");
        assert_eq!(code(wallet(house.manager(), of(nobody)).await), "NOT_FOUND");
        assert_eq!(wrong(wallet(house.manager(), of("me".to_owned())).await), ["user_id uuid"]);
    });
}

#[test]
fn a_receipt_says_what_a_payment_was_used_for() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let command = domicile_billing::InitializePayment {
            booking_id: Some(stay.booking_id.to_string()),
            amount: Some(cedis(60_000)),
            ..domicile_billing::InitializePayment::default()
        };
        let begun = house.bursar.initialize_payment(&house.student(0), command).await.unwrap().payment;
        assert_eq!(code(house.bursar.receipt(&house.student(0), begun.id).await), "RESOURCE_CONFLICT");
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        house.refund(&begun, Some(5_000)).await;
        let sheet = house.bursar.receipt(&house.student(0), begun.id).await.unwrap();
        let mut lines: Vec<_> =
            sheet.lines.iter().map(|line| (line.text.as_str(), line.amount.amount_minor())).collect();
        lines.sort_unstable();
        assert_eq!(lines, [("Deposit", 45_000), ("Rent 2026-02-01 to 2026-03-01", 15_000)], "as it was bought");
        assert_eq!(
            (sheet.hostel.as_str(), sheet.amount, sheet.refunded),
            ("Attic Hostel", cedis(60_000), cedis(5_000))
        );
        assert_eq!(sheet.provider, "sandbox: no real money moved");
        let printed = String::from_utf8(house.bursar.print_receipt(&sheet).unwrap()).unwrap();
        assert!(printed.contains("Paid ₵600.00"), "{printed}");
    });
}

#[test]
fn a_statement_shows_what_was_given_back_and_ends_today() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let bills = house.invoices(&stay).await;
        house.go_to("2026-02-03T10:00:00Z");
        let deposit = house.pay(&bills[0], None).await;
        let rent = house.pay(&bills[1], None).await;
        house.go_to("2026-02-05T10:00:00Z");
        house.refund(&rent, Some(20_000)).await;
        // Paid twice: the second one goes back whole.
        let twice = house.begin(&bills[2], None).await;
        let other = house.begin(&bills[2], None).await;
        for begun in [&twice, &other] {
            house.gateway.pay(&begun.payment.reference);
            house.verify(&begun.payment).await;
        }
        house.work().await;
        house.move_out(&stay).await;
        let held = house.deposit(&stay).await;
        let nothing = domicile_billing::SettleDeposit::default();
        house.bursar.settle_deposit(&house.manager(), held.id, held.version, nothing).await.unwrap();
        house.work().await;
        let ask =
            AskStatement { user_id: None, from: Some("2026-02-05".to_owned()), to: Some("2026-09-01".to_owned()) };
        let sheet = house.bursar.statement(&house.student(0), ask).await.unwrap();
        let lines: Vec<_> = sheet.lines.iter().map(|line| (line.text.as_str(), line.amount.amount_minor())).collect();
        let expected = [
            ("Refund", -20_000),
            ("Refund paid out", 20_000),
            ("Payment", -45_000),
            ("Payment", -45_000),
            ("Refund paid out", 45_000),
            ("Refund", -45_000),
            ("Refund paid out", 45_000),
        ];
        assert_eq!(lines, expected);
        assert_eq!((sheet.opening, sheet.closing), (cedis(45_000), cedis(0)));
        assert_eq!(sheet.to.to_string(), "2026-02-05", "nobody knows what will be owed in September");
        let receipt = house.bursar.receipt(&house.student(0), deposit.id).await.unwrap();
        let bought: Vec<_> = receipt.lines.iter().map(|line| (line.text.as_str(), line.amount)).collect();
        assert_eq!((bought, receipt.refunded), (vec![("Deposit", cedis(45_000))], cedis(45_000)));
    });
}

#[test]
fn a_statement_goes_from_what_was_owed_to_what_is() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        house.go_to("2026-02-03T10:00:00Z");
        house.pay(&house.invoices(&stay).await[0], None).await;
        house.go_to("2026-02-20T10:00:00Z");
        house.give_up(&stay).await;
        let ask =
            |from: &str, to: &str| AskStatement { user_id: None, from: Some(from.to_owned()), to: Some(to.to_owned()) };
        let statement = async |call, asked| house.bursar.statement(&call, asked).await;
        let february = statement(house.student(0), ask("2026-02-01", "2026-02-28")).await.unwrap();
        assert_eq!((february.opening, february.closing), (cedis(90_000), cedis(-45_000)));
        let lines: Vec<_> =
            february.lines.iter().map(|line| (line.amount.amount_minor(), line.balance.amount_minor())).collect();
        assert_eq!(lines, [(-45_000, 45_000), (-45_000, 0), (-45_000, -45_000)]);
        assert_eq!(february.person, "student3@example.com");
        let january = statement(house.student(0), ask("2026-01-20", "2026-01-20")).await.unwrap();
        assert_eq!((january.opening, january.closing, january.lines.len()), (cedis(0), cedis(90_000), 2));
        let printed = String::from_utf8(house.bursar.print_statement(&january).unwrap()).unwrap();
        assert!(printed.contains("Rent 2026-02-01 to 2026-03-01 ₵450.00"), "{printed}");
        let whose = AskStatement { user_id: Some(house.student_id(0).to_string()), ..ask("2026-02-01", "2026-02-28") };
        assert_eq!(statement(house.manager(), whose.clone()).await.unwrap(), february);
        assert_eq!(code(statement(house.student(1), whose).await), "FORBIDDEN");
        let nobody =
            AskStatement { user_id: Some(house.ambient.ids.uuid().to_string()), ..ask("2026-02-01", "2026-02-28") };
        assert_eq!(code(statement(house.manager(), nobody).await), "NOT_FOUND");
        assert_eq!(wrong(statement(house.student(0), AskStatement::default()).await), ["from required", "to required"]);
        assert_eq!(wrong(statement(house.student(0), ask("2026-02-02", "2026-02-01")).await), ["to not_before"]);
    });
}
