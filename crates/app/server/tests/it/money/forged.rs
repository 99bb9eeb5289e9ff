//! What is not the gateway's word, or does not fit what was asked for, changes nothing in the books.

use std::{fmt::Write as _, time::Duration};

use domicile_kernel::{Page, Role, Scope};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::stage::{RENT, Stage, ghs, minor, success, text, until};
use crate::support::{On, TestApp};

/// Everything that a webhook could have changed.
async fn everything(app: &TestApp) -> String {
    app.settle().await;
    let mut owner = app.owner().await;
    let mut all = String::new();
    for table in [
        "payment_inbox",
        "payment_quarantine",
        "payment_allocations",
        "journals",
        "journal_entries",
        "refunds",
        "events",
        "audit_log",
    ] {
        let _ = write!(all, "{table} {}, ", owner.number(format!("SELECT count(*) FROM {table}")).await);
    }
    for (table, sum) in [("payments", "version"), ("invoices", "version + paid"), ("ledger_accounts", "abs(balance)")] {
        let sql = format!("SELECT CAST(coalesce(sum({sum}), 0) AS BIGINT) FROM {table}");
        let _ = write!(all, "{table} {}, ", owner.number(sql).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bit_flipped_anywhere_in_what_was_signed_is_refused_and_changes_nothing() {
    let stage = Stage::on(On::Sqlite).await;
    let begun = stage.begin(&stage.bill().await).await;
    // The charge was paid and nobody has told it: an accepted forgery would be credited.
    let mut owner = stage.app.owner().await;
    owner.run("UPDATE sandbox_charges SET state = 'paid', decided_at = created_at").await;
    drop(owner);
    let body = success(&begun.reference, RENT).to_string().into_bytes();
    let signature = stage.sandbox_key().sign(&body);
    let before = everything(&stage.app).await;
    let url = format!("{}/api/payments/webhook/sandbox", stage.app.base);
    let mut forged: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for bit in 0..body.len() * 8 {
        let mut other = body.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        forged.push((signature.clone().into_bytes(), other));
    }
    for bit in 0..signature.len() * 8 {
        let mut other = signature.clone().into_bytes();
        other[bit / 8] ^= 1 << (bit % 8);
        // What cannot stand in a header is refused before it comes to us.
        if other.iter().all(|byte| (0x20..0x7f).contains(byte)) {
            forged.push((other, body.clone()));
        }
    }
    for (name, signature, body) in [
        ("nothing", Vec::new(), body.clone()),
        ("the signature of nothing", stage.sandbox_key().sign(b"").into_bytes(), body.clone()),
        ("upper case", signature.to_uppercase().into_bytes(), body.clone()),
        ("half of it", signature.clone().into_bytes()[..64].to_vec(), body.clone()),
        ("something behind it", signature.clone().into_bytes(), [&body[..], b"\n"].concat()),
        ("no body", signature.clone().into_bytes(), Vec::new()),
    ] {
        assert!(!name.is_empty());
        forged.push((signature, body));
    }
    let tried = forged.len();
    assert!(tried > body.len() * 8 + 500, "only {tried} forgeries");
    let mut senders = JoinSet::new();
    for chunk in forged.chunks(tried.div_ceil(16)).map(<[_]>::to_vec) {
        let (client, url) = (stage.app.client.clone(), url.clone());
        senders.spawn(async move {
            for (signature, body) in chunk {
                let sent = client.post(&url).header("content-type", "application/json");
                let answer = sent.header("x-sandbox-signature", signature).body(body).send().await.unwrap();
                let status = answer.status().as_u16();
                let told: Value = answer.json().await.unwrap();
                assert_eq!((status, told["code"].as_str()), (401, Some("UNAUTHORIZED")), "{told}");
            }
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.unwrap();
    }
    assert_eq!(everything(&stage.app).await, before);
    assert_eq!(stage.payment(&begun).await["status"], "pending");
    // As it was signed it counts.
    stage.deliver("sandbox", &signature, body).await.is(200);
    stage.until_status(&begun, "completed").await;
    stage.the_books_are_right().await;
    stage.app.end().await;
}

async fn what_does_not_fit_is_put_aside_and_never_credited(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let begun = stage.begin(&bill).await;
    let told = |change: &dyn Fn(&mut Value)| {
        let mut body = success(&begun.reference, RENT);
        change(&mut body["data"]);
        body
    };
    let misfits = [
        (
            "amount",
            told(&|data| {
                data["amount"] = json!(RENT - 1);
                data["requested_amount"] = json!(RENT - 1);
            }),
        ),
        (
            "amount",
            told(&|data| {
                data["amount"] = json!(RENT * 100);
                data["requested_amount"] = json!(RENT * 100);
                data["id"] = json!(2);
            }),
        ),
        (
            "currency",
            told(&|data| {
                data["currency"] = json!("NGN");
                data["id"] = json!(3);
            }),
        ),
        (
            "domain",
            told(&|data| {
                data["domain"] = json!("live");
                data["id"] = json!(4);
            }),
        ),
    ];
    for (number, (_, body)) in misfits.iter().enumerate() {
        for _ in 0..2 {
            stage.told_by_sandbox(body).await.is(200);
        }
        stage.rest().await;
        let aside = stage.app.get("/api/admin/ledger/quarantine").by(&stage.admin).told().await.is(200);
        assert_eq!(aside.json["pagination"]["total"], number + 1, "{}", aside.text);
    }
    let aside = stage.app.get("/api/admin/ledger/quarantine?sort=created_at").by(&stage.admin).told().await.is(200);
    let mut found: Vec<String> = aside.data().as_array().unwrap().iter().map(|row| text(&row["suspicion"])).collect();
    found.sort();
    assert_eq!(found, ["amount", "amount", "currency", "domain"]);
    for row in aside.data().as_array().unwrap() {
        assert_eq!((&row["payment_id"], &row["expected"]), (&json!(begun.id), &ghs(RENT)), "{row}");
    }
    stage.app.settle().await;
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'payment.quarantine'";
    assert_eq!(stage.app.owner().await.number(audited).await, 4);
    let manager = stage.app.member(stage.hostel, Role::Manager).await;
    let told = stage.app.get("/api/admin/ledger/quarantine").by(&manager).told().await;
    told.refuses(403, "INSUFFICIENT_PERMISSIONS");

    // Said to be paid by somebody who holds the key, and not by the gateway when it is asked: not credited either.
    // With an id that none of those before had: it is another notice than they are.
    let mut another = success(&begun.reference, RENT);
    another["data"]["id"] = json!(5);
    stage.told_by_sandbox(&another).await.is(200);
    let mut owner = stage.app.owner().await;
    let now = stage.app.house.ambient.now().micros();
    let asked = format!("SELECT count(*) FROM jobs WHERE kind = 'payment.inbox' AND due > {now}");
    until("the gateway was asked and is to be asked again", async || owner.number(&*asked).await == 1).await;
    assert_eq!(stage.payment(&begun).await["status"], "pending");
    assert_eq!(minor(&stage.invoice(&bill["id"]).await["paid"]), 0);
    assert_eq!(stage.keys("charge:").await, Vec::<String>::new());
    assert_eq!(stage.events("payment").await, Vec::<String>::new());
    stage.the_books_are_right().await;
    // What was put aside does not stand in the way of the truth.
    stage.press(&begun, "pay").await;
    assert_eq!(stage.verify(&begun).await.is(200).data()["status"], "completed");
    stage.rest().await;
    assert_eq!(stage.keys("charge:").await.len(), 1);
    // That the payer disputes it at their bank is for somebody to look at.
    let charge = json!({ "reference": begun.reference, "status": "success", "amount": RENT, "currency": "GHS" });
    for step in ["create", "remind"] {
        let dispute = json!({
            "event": format!("charge.dispute.{step}"),
            "data": { "id": 358_950, "refund_amount": RENT, "status": "awaiting-merchant-feedback", "transaction": charge },
        });
        stage.told_by_sandbox(&dispute).await.is(200);
    }
    stage.rest().await;
    let aside = stage.app.get("/api/admin/ledger/quarantine").by(&stage.admin).told().await.is(200);
    assert_eq!(aside.json["pagination"]["total"], 5, "{}", aside.text);
    let last = aside.data().as_array().unwrap().iter().find(|row| row["suspicion"] == "reversed").unwrap();
    assert_eq!((&last["payment_id"], &last["reported"]), (&json!(begun.id), &ghs(RENT)));
    assert_eq!(stage.payment(&begun).await["status"], "completed");
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_put_aside_and_never_credited_on_sqlite() {
    what_does_not_fit_is_put_aside_and_never_credited(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_put_aside_and_never_credited_on_postgres() {
    what_does_not_fit_is_put_aside_and_never_credited(On::Postgres).await;
}

async fn what_concerns_nobody_here_is_kept_and_credits_nobody(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let begun = stage.begin(&bill).await;
    // Another hostel's payment, of another amount, told as if it were the one here.
    let here = (stage.hostel, stage.admin.clone(), stage.student.clone());
    let hostel = stage.app.hostel("Akosombo House").await;
    let admin = stage.app.member(hostel, Role::Admin).await;
    let student = stage.app.member(hostel, Role::Student).await;
    let there = Stage { hostel, admin, student, ..stage };
    let booking = there.stay_of(&there.student, 0, 2).await;
    let body = json!({ "booking_id": booking });
    let foreign = super::stage::Begun::of(&there.initialize(&there.student, body).told().await.is(201));
    let stage = Stage { hostel: here.0, admin: here.1, student: here.2, ..there };
    stage.told_by_sandbox(&success(&foreign.reference, RENT)).await.is(200);
    stage.rest().await;
    let aside = stage.app.get("/api/admin/ledger/quarantine").by(&stage.admin).told().await.is(200);
    assert_eq!(aside.json["pagination"]["total"], 0, "it is no business of this hostel: {}", aside.text);
    let mut owner = stage.app.owner().await;
    assert_eq!(owner.number("SELECT count(*) FROM payment_quarantine WHERE suspicion = 'amount'").await, 1);

    // No payment has the reference; nothing can be read; it is about no payment; it was never anything.
    let data = json!({ "id": 1, "transfer_code": "x" });
    for body in [
        success("pay-of-nobody", RENT),
        json!({ "event": "transfer.success", "data": data }),
        json!({ "event": "charge.success", "data": { "reference": begun.reference, "status": "success" } }),
        json!({ "event": "charge.success", "data": [1] }),
        json!([]),
    ] {
        stage.told_by_sandbox(&body).await.is(200);
    }
    stage.rest().await;
    let kept = "SELECT count(*) FROM payment_inbox WHERE state = 'put_aside' AND hostel_id IS NULL";
    assert_eq!(owner.number(kept).await, 4);
    // What cannot be read and names a payment is that hostel's to see, without what it says.
    let call = stage.app.house.operator(Scope::Hostel(stage.hostel));
    let page = Page::first("received_at", false);
    let listed = stage.app.house.payments.bursar.list_put_aside(&call, &page).await.unwrap().rows;
    let [aside] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((aside.reference.as_deref(), aside.deliveries), (Some(begun.reference.as_str()), 1));
    assert_eq!(aside.why.as_str(), "the field `data.currency` is missing");
    let figures = stage.app.get("/metrics").told().await.is(200).text;
    for line in [
        r#"payments_webhooks_put_aside{why="unreadable"} 3"#,
        r#"payments_webhooks_put_aside{why="no_payment"} 1"#,
        r#"payments_webhooks_put_aside{why="no_charge"} 1"#,
    ] {
        assert!(figures.lines().any(|told| told == line), "{line} in\n{figures}");
    }
    assert_eq!(owner.number("SELECT count(*) FROM payments WHERE state <> 'pending'").await, 0);
    assert_eq!(owner.number("SELECT count(*) FROM journals WHERE key LIKE 'charge:%'").await, 0);
    // What a gateway told is ciphertext at rest.
    let reference = begun.reference.as_bytes();
    let body = match &mut owner {
        domicile_testkit::store::Owner::Sqlite(_) => "SELECT hex(body) FROM payment_inbox",
        domicile_testkit::store::Owner::Postgres(_) => "SELECT encode(body, 'hex') FROM payment_inbox",
    };
    let needle = reference.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    for row in owner.texts(body).await.concat() {
        assert!(!row.is_empty() && !row.to_lowercase().contains(&needle), "a body stands there as it came");
    }
    // There is no other gateway here, by whatever key it is signed.
    let body = success(&begun.reference, RENT).to_string().into_bytes();
    let signature = stage.sandbox_key().sign(&body);
    for provider in ["paystack", "stripe", "wallet"] {
        stage.deliver(provider, &signature, body.clone()).await.refuses(404, "NOT_FOUND");
    }
    drop(owner);
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_nobody_here_is_kept_and_credits_nobody_on_sqlite() {
    what_concerns_nobody_here_is_kept_and_credits_nobody(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_nobody_here_is_kept_and_credits_nobody_on_postgres() {
    what_concerns_nobody_here_is_kept_and_credits_nobody(On::Postgres).await;
}

/// The webhook never came; whoever looks after payments asks by reference (J30).
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_told_is_found_out_by_asking() {
    // Nobody is at the address that the sandbox tells.
    let stage = Stage::with(On::Sqlite, |settings| {
        settings.payments.webhook_base = Some("http://127.0.0.1:9".to_owned());
    })
    .await;
    let (paid, left) = (stage.bill().await, stage.stay_of(&stage.student, 4, 5).await);
    let paid = stage.begin(&paid).await;
    let left = stage.begin(&stage.invoices(&left).await[0]).await;
    stage.press(&paid, "pay").await;
    assert_eq!(stage.payment(&paid).await["status"], "pending");
    stage.app.clock.advance(Duration::from_mins(2));
    stage.until_status(&paid, "completed").await;
    assert_eq!(stage.payment(&left).await["status"], "pending");
    // What is left alone until its session is over has failed.
    for _ in 0..4 {
        stage.app.clock.advance(Duration::from_mins(10));
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    stage.until_status(&left, "failed").await;
    assert!(stage.press(&left, "pay").await.contains("time for this payment is over"));
    stage.the_books_are_right().await;
    stage.app.end().await;
}
