//! A hostel that takes no payments any more: nothing is begun, and everything that was begun goes its way (J12).

use domicile_kernel::Role;
use serde_json::json;

use super::stage::{RENT, Stage, ghs, success};
use crate::support::On;

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_nothing_is_begun_and_what_was_begun_ends() {
    let stage = Stage::on(On::Sqlite).await;
    let (app, student, admin) = (&stage.app, &stage.student, &stage.admin);
    let booking = stage.stay_of(student, 0, 3).await;
    let bills = stage.invoices(&booking).await;
    let (told, asked, paid) = (stage.begin(&bills[0]).await, stage.begin(&bills[1]).await, stage.pay(&bills[2]).await);
    stage.fill(student, RENT).await;
    let owner = app.super_admin().await;
    let switch = |on: bool| {
        let flags = json!({ "flags": { "payments": on } });
        app.put("/api/admin/feature-flags").by(&owner).at(stage.hostel).json(flags).told()
    };
    switch(false).await.is(200);
    for who in [student, admin, &app.member(stage.hostel, Role::Manager).await] {
        for (path, body) in [
            ("/api/payments/initialize".to_owned(), json!({ "invoice_id": bills[0]["id"] })),
            ("/api/payments/initialize".to_owned(), json!("not even looked at")),
            ("/api/wallet/topup".to_owned(), json!({ "amount": ghs(1) })),
            ("/api/wallet/pay".to_owned(), json!({ "invoice_id": bills[0]["id"] })),
        ] {
            let told = app.post(&path).by(who).json(body).told().await.refuses(403, "FEATURE_DISABLED");
            assert_eq!(told.data()["feature"], "payments", "{path}");
        }
    }
    let apply = app.post(&format!("{}/apply", paid.path())).by(admin).json(json!({ "invoice_id": bills[0]["id"] }));
    apply.told().await.refuses(403, "FEATURE_DISABLED");
    // Reading, verifying, refunding, and what the gateway tells.
    for path in ["/api/payments", "/api/invoices", "/api/wallet", "/api/deposits"] {
        app.get(path).by(student).told().await.is(200);
    }
    stage.press(&asked, "pay").await;
    assert_eq!(stage.verify(&asked).await.is(200).data()["status"], "completed");
    stage.press(&told, "pay").await;
    stage.told_by_sandbox(&success(&told.reference, RENT)).await.is(200);
    stage.until_status(&told, "completed").await;
    stage.refund(&paid, 100).told().await.is(201);
    assert_eq!(stage.payment(&paid).await["status"], "partially_refunded");
    let receipt = app.get(&format!("{}/receipt", paid.path())).by(student).told().await.is(200);
    assert!(receipt.text.starts_with("%PDF-"));
    switch(true).await.is(200);
    let one = stage.stay_of(student, 6, 7).await;
    stage.pay(&stage.invoices(&one).await[0]).await;
    stage.the_books_are_right().await;
    stage.app.end().await;
}
