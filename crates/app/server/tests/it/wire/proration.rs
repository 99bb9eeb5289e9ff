//! A hostel chooses how days that are no whole month are priced (J15, J22): what is quoted, asked for and billed agrees, and a
//! stay keeps the rule it was agreed by. And a hostel that has rooms keeps its currency.

use domicile_kernel::Role;
use serde_json::{Value, json};

use crate::support::{On, TestApp};

fn minor(money: &Value) -> i64 {
    money["amount_minor"].as_i64().unwrap()
}

async fn a_stay_is_quoted_priced_and_billed_by_the_rule_of_its_hostel(on: On) {
    let app = TestApp::start(on).await;
    let hostel = app.hostel("Volta Hall").await;
    let (owner, admin) = (app.super_admin().await, app.member(hostel, Role::Admin).await);
    let mut version = 1;
    // A month and ten days, at 45,000 a month.
    for (rule, rent) in
        [("whole_months", [45_000, 45_000]), ("thirty_days", [45_000, 15_000]), ("calendar_days", [45_000, 14_516])]
    {
        let set = json!({ "proration": rule });
        let told = app.put("/api/settings").by(&owner).at(hostel).seen(version).json(set).told().await.is(200);
        assert_eq!(told.data()["proration"], rule);
        version += 1;
        let (guest, room) = (app.member(hostel, Role::Student).await, app.room(hostel, 1).await.id);
        let path = format!("/api/quotes?room_id={room}&check_in_date=2026-02-01&check_out_date=2026-03-11");
        let quoted = app.get(&path).by(&guest).told().await.is(200);
        assert_eq!(minor(&quoted.data()["rent"]), rent.iter().sum::<i64>(), "{rule}");
        let body = json!({
            "room_id": room, "check_in_date": "2026-02-01", "check_out_date": "2026-03-11", "terms_accepted": true,
        });
        let asked = app.post("/api/bookings").by(&guest).json(body).told().await.is(201);
        assert_eq!(
            (&asked.data()["total_price"], &asked.data()["price_rule"]["name"]),
            (&quoted.data()["rent"], &json!(rule))
        );
        let id = asked.data()["id"].as_str().unwrap();

        // Another rule is for the stays after this one.
        let other = json!({ "proration": if rule == "whole_months" { "calendar_days" } else { "whole_months" } });
        app.put("/api/settings").by(&owner).at(hostel).seen(version).json(other).told().await.is(200);
        version += 1;
        app.put(&format!("/api/bookings/{id}/approve")).by(&admin).seen(1).told().await.is(200);
        let path = format!("/api/invoices?booking_id={id}");
        let billed = app.get(&path).by(&admin).told().await.is(200);
        let rents = billed.data().as_array().unwrap().iter().filter(|bill| bill["kind"] == "rent");
        let mut rents: Vec<_> = rents.map(|bill| (bill["sequence"].as_i64().unwrap(), minor(&bill["total"]))).collect();
        rents.sort_unstable();
        assert_eq!(rents, [(1, rent[0]), (2, rent[1])], "{rule}");
        let longer = json!({ "check_out_date": "2026-04-11" });
        let longer = app.put(&format!("/api/bookings/{id}")).by(&admin).seen(2).json(longer).told().await.is(200);
        assert_eq!(
            minor(&longer.data()["total_price"]),
            90_000 + if rule == "calendar_days" { 15_000 } else { rent[1] }
        );
        assert_eq!(longer.data()["price_rule"]["name"], rule);
    }
    let unknown = json!({ "proration": "nightly" });
    let told = app.put("/api/settings").by(&owner).at(hostel).seen(version).json(unknown).told().await;
    let refused = told.refuses(400, "VALIDATION_ERROR").json.to_string();
    assert!(refused.contains("calendar_days, thirty_days, whole_months"), "{refused}");
    let other = json!({ "currency": "NGN" });
    let told = app.put("/api/settings").by(&owner).at(hostel).seen(version).json(other).told().await;
    let refused = told.refuses(409, "RESOURCE_CONFLICT").json.to_string();
    assert!(refused.contains("The hostel has rooms or books in GHS"), "{refused}");
    let same = json!({ "currency": "GHS" });
    app.put("/api/settings").by(&owner).at(hostel).seen(version).json(same).told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stay_is_quoted_priced_and_billed_by_the_rule_of_its_hostel_on_sqlite() {
    a_stay_is_quoted_priced_and_billed_by_the_rule_of_its_hostel(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stay_is_quoted_priced_and_billed_by_the_rule_of_its_hostel_on_postgres() {
    a_stay_is_quoted_priced_and_billed_by_the_rule_of_its_hostel(On::Postgres).await;
}
