//! Paying at the sandbox's page: a form without scripts, pressed as a browser presses it.

use serde_json::json;

use super::stage::{Begun, RENT, Stage, ghs, minor, text, until};
use crate::support::On;

async fn who_pays_is_believed_by_the_gateways_word_alone(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let begun = stage.begin(&bill).await;
    // The page says what it is for; it is plain HTML with one form.
    let page = stage.app.client.get(&begun.url).send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"), "{policy}");
    let page = page.text().await.unwrap();
    assert!(!page.contains("<script") && page.contains("<form method=\"post\">"), "{page}");
    for action in ["pay", "decline", "hang", "pay_twice"] {
        assert!(page.contains(&format!("name=\"action\" value=\"{action}\"")), "{page}");
    }
    // Looking is no paying, and coming back without having paid is none either.
    assert_eq!(stage.verify(&begun).await.is(200).data()["status"], "pending");
    assert_eq!(stage.invoice(&bill["id"]).await["status"], "open");

    assert!(stage.press(&begun, "pay").await.contains("The payment succeeded."));
    // Nobody comes back: the webhook alone does it.
    stage.until_status(&begun, "completed").await;
    let invoice = stage.invoice(&bill["id"]).await;
    assert_eq!((invoice["status"].as_str(), minor(&invoice["paid"])), (Some("paid"), RENT));
    assert_eq!(stage.verify(&begun).await.is(200).data()["status"], "completed");
    assert!(stage.press(&begun, "pay").await.contains("already paid"));
    stage.rest().await;

    assert_eq!(stage.keys("charge:").await, [format!("charge:{}", begun.id)]);
    assert_eq!(stage.events("payment").await, ["payment.completed"]);
    assert_eq!(stage.events("invoice").await, ["invoice.issued", "invoice.paid"]);
    let receipt = stage.app.get(&format!("{}/receipt", begun.path())).by(&stage.student).told().await.is(200);
    assert_eq!(receipt.header("content-type"), "application/pdf");
    assert!(receipt.text.starts_with("%PDF-1.") && receipt.text.trim_end().ends_with("%%EOF"), "no PDF");
    stage.the_books_are_right().await;
    // Nothing more can be paid of it.
    let more = stage.initialize(&stage.student, json!({ "invoice_id": bill["id"] })).told().await;
    more.refuses(409, "RESOURCE_CONFLICT");
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_is_believed_by_the_gateways_word_alone_on_sqlite() {
    who_pays_is_believed_by_the_gateways_word_alone(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_is_believed_by_the_gateways_word_alone_on_postgres() {
    who_pays_is_believed_by_the_gateways_word_alone(On::Postgres).await;
}

async fn who_is_declined_owes_as_before_and_may_try_again(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let begun = stage.begin(&bill).await;
    assert!(stage.press(&begun, "decline").await.contains("declined"));
    let told = stage.verify(&begun).await.refuses(402, "PAYMENT_FAILED");
    assert_eq!(
        (&told.data()["payment"]["id"], &told.data()["payment"]["status"]),
        (&json!(begun.id), &json!("failed"))
    );
    assert!(told.data()["payment"]["failure"].is_string(), "{}", told.text);
    stage.rest().await;
    assert_eq!(stage.payment(&begun).await["status"], "failed");
    let receipt = stage.app.get(&format!("{}/receipt", begun.path())).by(&stage.student).told().await;
    receipt.refuses(409, "RESOURCE_CONFLICT");
    assert_eq!(stage.invoice(&bill["id"]).await["status"], "open");
    assert_eq!(stage.keys("charge:").await, Vec::<String>::new());
    assert_eq!(stage.events("payment").await, ["payment.failed"]);
    // A declined page stays declined.
    assert!(stage.press(&begun, "pay").await.contains("declined before"));

    let again = stage.pay(&bill).await;
    assert_ne!(again.reference, begun.reference);
    assert_eq!(stage.invoice(&bill["id"]).await["status"], "paid");
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_declined_owes_as_before_and_may_try_again_on_sqlite() {
    who_is_declined_owes_as_before_and_may_try_again(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_declined_owes_as_before_and_may_try_again_on_postgres() {
    who_is_declined_owes_as_before_and_may_try_again(On::Postgres).await;
}

async fn what_hangs_is_pending_until_it_is_paid(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let begun = stage.begin(&bill).await;
    assert!(stage.press(&begun, "hang").await.contains("nothing is decided"));
    for _ in 0..2 {
        assert_eq!(stage.verify(&begun).await.is(200).data()["status"], "pending");
    }
    stage.rest().await;
    assert_eq!(stage.events("payment").await, Vec::<String>::new());
    assert_eq!(stage.invoice(&bill["id"]).await["status"], "open");
    stage.press(&begun, "pay").await;
    assert_eq!(stage.verify(&begun).await.is(200).data()["status"], "completed");
    stage.rest().await;
    assert_eq!(stage.keys("charge:").await.len(), 1);
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_is_pending_until_it_is_paid_on_sqlite() {
    what_hangs_is_pending_until_it_is_paid(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_is_pending_until_it_is_paid_on_postgres() {
    what_hangs_is_pending_until_it_is_paid(On::Postgres).await;
}

async fn what_is_paid_in_two_tabs_is_told_twice_and_counted_once(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let begun = stage.begin(&bill).await;
    assert!(stage.press(&begun, "pay_twice").await.contains("reported twice"));
    let mut owner = stage.app.owner().await;
    until("both are told", async || {
        owner.number("SELECT CAST(sum(notices_sent) AS BIGINT) FROM sandbox_charges").await == 2
    })
    .await;
    stage.until_status(&begun, "completed").await;
    stage.rest().await;
    assert_eq!(owner.number("SELECT count(*) FROM payment_inbox").await, 1);
    assert_eq!(owner.number("SELECT CAST(sum(deliveries) AS BIGINT) FROM payment_inbox").await, 2);
    assert_eq!(stage.keys("charge:").await.len(), 1);
    assert_eq!(stage.events("payment").await, ["payment.completed"]);
    assert_eq!(minor(&stage.invoice(&bill["id"]).await["paid"]), RENT);
    assert_eq!(stage.balance(&stage.student).await, 0);
    drop(owner);
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_in_two_tabs_is_told_twice_and_counted_once_on_sqlite() {
    what_is_paid_in_two_tabs_is_told_twice_and_counted_once(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_in_two_tabs_is_told_twice_and_counted_once_on_postgres() {
    what_is_paid_in_two_tabs_is_told_twice_and_counted_once(On::Postgres).await;
}

async fn a_part_is_paid_ahead_and_the_oldest_first(on: On) {
    let stage = Stage::on(on).await;
    let booking = stage.stay_of(&stage.student, 0, 3).await;
    let body = json!({ "booking_id": booking, "amount": ghs(RENT + 5_000) });
    let begun = Begun::of(&stage.initialize(&stage.student, body).told().await.is(201));
    stage.press(&begun, "pay").await;
    stage.verify(&begun).await.is(200);
    let paid = async || {
        let invoices = stage.invoices(&booking).await;
        let told = |invoice: &serde_json::Value| (text(&invoice["status"]), minor(&invoice["paid"]));
        invoices.iter().map(told).collect::<Vec<_>>()
    };
    let row = |status: &str, amount: i64| (status.to_owned(), amount);
    assert_eq!(paid().await, [row("paid", RENT), row("partially_paid", 5_000), row("open", 0)]);
    // A named one is paid before older ones, where the house takes that.
    let last = stage.invoices(&booking).await.remove(2);
    stage.pay(&last).await;
    assert_eq!(paid().await, [row("paid", RENT), row("partially_paid", 5_000), row("paid", RENT)]);
    let too_much = json!({ "booking_id": booking, "amount": ghs(RENT - 4_999) });
    stage.initialize(&stage.student, too_much).told().await.refuses(400, "VALIDATION_ERROR");
    for bad in [json!({}), json!({ "booking_id": booking, "invoice_id": last["id"] })] {
        stage.initialize(&stage.student, bad).told().await.refuses(400, "VALIDATION_ERROR");
    }
    // And is not where it does not.
    stage.terms(json!({ "advance_allowed": false })).await;
    let other = stage.stay_of(&stage.student, 4, 6).await;
    let later = &stage.invoices(&other).await[1]["id"];
    let told = stage.initialize(&stage.student, json!({ "invoice_id": later })).told().await;
    told.refuses(409, "RESOURCE_CONFLICT");
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_paid_ahead_and_the_oldest_first_on_sqlite() {
    a_part_is_paid_ahead_and_the_oldest_first(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_paid_ahead_and_the_oldest_first_on_postgres() {
    a_part_is_paid_ahead_and_the_oldest_first(On::Postgres).await;
}

/// The bed was given to somebody else before the money came: it goes back by itself, or pays another bill.
async fn money_for_a_stay_that_lost_its_bed_waits_and_is_used_or_goes_back(on: On) {
    let stage = Stage::on(on).await;
    stage.terms(json!({ "rehousing_hours": 48 })).await;
    let mut suspended = Vec::new();
    for from in [0, 4] {
        let booking = stage.stay_of(&stage.student, from, from + 1).await;
        let begun = stage.begin(&stage.invoices(&booking).await[0]).await;
        let path = format!("/api/bookings/{booking}/cancel");
        stage.app.put(&path).by(&stage.admin).seen(2).told().await.is(200);
        stage.press(&begun, "pay").await;
        assert_eq!(stage.verify(&begun).await.is(200).data()["status"], "completed");
        assert_eq!(stage.invoices(&booking).await[0]["status"], "void");
        suspended.push(begun);
    }
    stage.the_books_are_right().await;
    let [one, two] = &suspended[..] else { panic!("two stays lost their beds") };
    let suspense = |begun: &Begun| format!("/api/admin/ledger/journals?account=suspense:{}", begun.id);
    let held = stage.app.get(&suspense(one)).by(&stage.admin).told().await.is(200);
    assert_eq!(held.data().as_array().unwrap().len(), 1, "{}", held.text);

    // Another bed is found for one of them.
    let other = stage.stay_of(&stage.student, 8, 9).await;
    let bill = stage.invoices(&other).await.remove(0);
    let body = json!({ "invoice_id": bill["id"] });
    let apply = |begun: &Begun| stage.app.post(&format!("{}/apply", begun.path())).by(&stage.admin).json(body.clone());
    assert_eq!(apply(one).told().await.is(200).data()["status"], "completed");
    assert_eq!(stage.invoice(&bill["id"]).await["status"], "paid");
    apply(one).told().await.refuses(409, "RESOURCE_CONFLICT");
    apply(two).told().await.refuses(409, "RESOURCE_CONFLICT");

    // The other goes back once its time is over.
    stage.app.clock.advance(std::time::Duration::from_hours(48));
    let admin = stage.app.session_of(stage.admin.id, stage.admin.email.clone(), Some(stage.hostel)).await;
    let later = Stage { admin, ..stage };
    later.until_status(two, "refunded").await;
    assert_eq!(later.payment(one).await["status"], "completed");
    later.the_books_are_right().await;
    let held = "SELECT CAST(coalesce(sum(balance), 0) AS BIGINT) FROM ledger_accounts WHERE kind = 'suspense'";
    assert_eq!(later.app.owner().await.number(held).await, 0);
    later.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_a_stay_that_lost_its_bed_waits_and_is_used_or_goes_back_on_sqlite() {
    money_for_a_stay_that_lost_its_bed_waits_and_is_used_or_goes_back(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_a_stay_that_lost_its_bed_waits_and_is_used_or_goes_back_on_postgres() {
    money_for_a_stay_that_lost_its_bed_waits_and_is_used_or_goes_back(On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_not_given_out_is_no_page() {
    let stage = Stage::on(On::Sqlite).await;
    let begun = stage.begin(&stage.bill().await).await;
    let (base, ticket) = begun.url.rsplit_once('/').unwrap();
    let (reference, proof) = ticket.rsplit_once('~').unwrap();
    assert_eq!(reference, begun.reference);
    let forged = [
        begun.reference.clone(),
        format!("{reference}~"),
        format!("{reference}~{}", "0".repeat(proof.len())),
        format!("{}~{proof}", stage.app.house.ambient.ids.uuid()),
    ];
    for ticket in forged {
        let url = format!("{base}/{ticket}");
        for form in [None, Some("action=pay")] {
            let asked = match form {
                None => stage.app.client.get(&url),
                Some(form) => {
                    stage.app.client.post(&url).header("content-type", "application/x-www-form-urlencoded").body(form)
                }
            };
            assert_eq!(asked.send().await.unwrap().status().as_u16(), 404, "{ticket}");
        }
    }
    // Nor is a form that presses nothing a press.
    for form in ["", "action=steal", "action=pay&action=decline", "x=pay"] {
        let asked = stage.app.client.post(&begun.url).header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(asked.body(form).send().await.unwrap().status().as_u16(), 400, "{form}");
    }
    assert_eq!(stage.verify(&begun).await.is(200).data()["status"], "pending");
    // Without a payment gateway there is neither page nor paying.
    let closed = Stage::with(On::Sqlite, |settings| {
        settings.payments.provider = domicile_server::settings::Provider::None;
    })
    .await;
    assert_eq!(closed.app.get(&begun.url[begun.url.find("/sandbox").unwrap()..]).told().await.status, 404);
    let bill = closed.bill().await;
    let told = closed.initialize(&closed.student, json!({ "invoice_id": bill["id"] })).told().await;
    let told = told.refuses(409, "RESOURCE_CONFLICT");
    assert!(told.text.contains("Ask the hostel's manager"), "{}", told.text);
    closed.app.end().await;
    stage.app.end().await;
}
