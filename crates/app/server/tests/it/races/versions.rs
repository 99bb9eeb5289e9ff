//! Many writers who saw the same version: one writes, the others are shown what it wrote (W7).

use domicile_kernel::Role;
use domicile_testkit::barrier::race;
use serde_json::json;

use crate::support::{TestApp, stay};

const WRITERS: usize = 100;

async fn one_of_a_hundred_writers_wins_and_the_others_see_its_record(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    let place = app.place(&manager, "Attic", 2).await;
    let path = format!("/api/rooms/{}", place.room);
    for seen in 1..=3 {
        let change = |number: usize| json!({"description": format!("As writer {number} of round {seen} wants it")});
        let told = race(WRITERS, |number| app.put(&path).by(&manager).seen(seen).json(change(number)).told()).await;
        let (won, lost): (Vec<_>, Vec<_>) = told.assert_overlapped().into_iter().partition(|told| told.status == 200);
        assert_eq!(won.len(), 1, "{won:#?}");
        let winner = won[0].data();
        assert_eq!(winner["version"], seen + 1);
        for told in lost {
            let told = told.refuses(409, "VERSION_CONFLICT");
            assert_eq!(told.data()["current_version"], seen + 1);
            assert_eq!(told.data()["your_version"], seen);
            assert_eq!(&told.data()["latest_data"], winner);
        }
        assert_eq!(app.get(&path).by(&manager).told().await.is(200).data(), winner);
    }
    app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_a_hundred_writers_wins_and_the_others_see_its_record_on_sqlite() {
    one_of_a_hundred_writers_wins_and_the_others_see_its_record(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_a_hundred_writers_wins_and_the_others_see_its_record_on_postgres() {
    one_of_a_hundred_writers_wins_and_the_others_see_its_record(TestApp::postgres().await).await;
}

async fn two_managers_who_decide_at_once_do_not_both_decide(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let managers = [app.member(hostel, Role::Manager).await, app.member(hostel, Role::Admin).await];
    let student = app.member(hostel, Role::Student).await;
    let place = app.place(&managers[0], "Attic", 1).await;
    let mut won = [0, 0];
    for round in 0..20 {
        let asked =
            app.post("/api/bookings").by(&student).json(stay(&place.room, round, round + 1)).told().await.is(201);
        let path = format!("/api/bookings/{}", asked.data()["id"].as_str().unwrap());
        let words = if round % 2 == 0 { ["approve", "reject"] } else { ["reject", "approve"] };
        let told =
            race(2, |number| app.put(&format!("{path}/{}", words[number])).by(&managers[number]).seen(1).told()).await;
        let told = told.assert_overlapped();
        let winner = told.iter().position(|told| told.status == 200).unwrap_or_else(|| panic!("nobody won: {told:#?}"));
        let status = if words[winner] == "approve" { "approved" } else { "rejected" };
        assert_eq!(told[winner].data()["status"], status);
        let loser = told[1 - winner].clone().refuses(409, "RESOURCE_CONFLICT");
        assert_eq!(loser.data()["current_status"], status);
        let stands = app.get(&path).by(&student).told().await.is(200);
        assert_eq!((stands.data()["status"].as_str(), stands.data()["version"].as_i64()), (Some(status), Some(2)));
        won[winner] += 1;
    }
    println!("the first came first {} times, the second {}", won[0], won[1]);
    app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_managers_who_decide_at_once_do_not_both_decide_on_sqlite() {
    two_managers_who_decide_at_once_do_not_both_decide(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_managers_who_decide_at_once_do_not_both_decide_on_postgres() {
    two_managers_who_decide_at_once_do_not_both_decide(TestApp::postgres().await).await;
}
