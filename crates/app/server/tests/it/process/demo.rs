//! What `--demo` makes, prints and leaves, and that it leaves alone what is there.
#![expect(clippy::unwrap_used, reason = "a test's tools: a failure is a panic")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::ground::{Ground, Visitor, client, sign_in, start};
use crate::support::On;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Exactly what the documents print, so that scripts can rely on it.
fn has_its_shape(demo: &Value) {
    assert_eq!(keys(demo), ["accounts", "base_url", "bills", "hostels"]);
    for (bill, hostel) in demo["bills"].as_array().unwrap().iter().zip(demo["hostels"].as_array().unwrap()) {
        assert_eq!(keys(bill), ["amount", "booking_id", "due_date", "email", "hostel_id", "invoice_id"]);
        assert_eq!(bill["hostel_id"], hostel["id"], "each hostel has one bill");
        assert!(bill["amount"]["amount_minor"].as_i64().unwrap() > 0);
    }
    assert_eq!(demo["bills"].as_array().unwrap().len(), 2);
    let hostels = demo["hostels"].as_array().unwrap();
    assert_eq!(hostels.len(), 2);
    let mut roles: BTreeMap<(String, String), usize> = BTreeMap::new();
    for account in demo["accounts"].as_array().unwrap() {
        assert_eq!(keys(account), ["email", "hostel_id", "password", "role"]);
        assert!(account["email"].is_string() && account["password"].is_string());
        let of =
            (account["hostel_id"].as_str().unwrap_or("none").to_owned(), account["role"].as_str().unwrap().to_owned());
        *roles.entry(of).or_default() += 1;
    }
    let mut expected = BTreeMap::from([(("none".to_owned(), "super_admin".to_owned()), 1)]);
    for hostel in hostels {
        assert_eq!(keys(hostel), ["id", "kind", "name"]);
        assert_eq!(hostel["kind"], "hostel");
        for (role, count) in [("admin", 1), ("manager", 1), ("staff", 1), ("student", 5)] {
            expected.insert((hostel["id"].as_str().unwrap().to_owned(), role.to_owned()), count);
        }
    }
    assert_eq!(roles, expected);
    assert!(demo["accounts"].as_array().unwrap().iter().any(|account| account["hostel_id"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_printed_written_and_true() {
    let ground = Ground::on(On::Sqlite).await;
    let node = start(ground.launch().arg("--demo"));
    let demo = ground.demo();
    has_its_shape(&demo);
    assert_eq!(demo["base_url"], node.base_url());
    for page in ["/docs", "/health"] {
        assert!(node.log().contains(&format!("{}{page}", node.base_url())), "the addresses are printed");
    }
    for account in demo["accounts"].as_array().unwrap() {
        let (email, password) = (account["email"].as_str().unwrap(), account["password"].as_str().unwrap());
        let printed = node.log().lines().any(|line| line.contains(email) && line.contains(password));
        assert!(printed, "{email} is not in the table:\n{}", node.log());
        let signed_in = sign_in(&node.base_url(), email, password).await;
        assert_eq!(signed_in["user"]["email"], email);
        if account["role"] != "super_admin" {
            assert_eq!(signed_in["hostels"][0]["id"], account["hostel_id"], "{email}");
            assert_eq!(signed_in["hostels"][0]["role"], account["role"], "{email}");
        }
    }
    // Whoever owes the printed bill sees it, open as printed.
    let bill = &demo["bills"][0];
    let email = bill["email"].as_str().unwrap();
    assert!(node.log().lines().any(|line| line.contains("to pay") && line.contains(email)), "{}", node.log());
    let student = Visitor::known(&demo, &node.base_url(), email).await;
    let (status, told) = student.get(&format!("/api/invoices/{}", bill["invoice_id"].as_str().unwrap())).await;
    assert_eq!(status, 200, "{told}");
    for (member, printed) in [("open", "amount"), ("booking_id", "booking_id"), ("due_date", "due_date")] {
        assert_eq!(told["data"][member], bill[printed], "{member}");
    }
    let mut owner = ground.owner().await;
    assert_eq!(owner.number("SELECT count(*) FROM hostels").await, 2);
    let rooms = owner.numbers("SELECT count(*) FROM rooms GROUP BY hostel_id").await;
    assert_eq!(rooms, [20, 20]);
    assert_eq!(owner.numbers("SELECT DISTINCT bed_count FROM rooms ORDER BY bed_count").await, [1, 2, 3, 4, 5, 6]);
    let stays = owner.numbers("SELECT count(*) FROM bookings GROUP BY hostel_id").await;
    assert!(stays.len() == 2 && stays.iter().all(|count| *count > 0), "{stays:?}");
    for file in files(&ground.data()) {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} can be read by others: {mode:o}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_keeps_what_is_there_and_tells_the_present_address() {
    let ground = Ground::on(On::Sqlite).await;
    let mut node = start(ground.launch().arg("--demo"));
    let (first, first_url) = (ground.demo(), node.base_url());
    let admin = Visitor::of_demo(&first, &first_url, "admin").await;
    let rooms = admin.rooms().await;
    let (status, told) = admin.post("/api/rooms", &super::ground::room("Kept")).await;
    assert_eq!(status, 201, "{told}");
    node.kill9();

    let node = start(ground.launch().arg("--demo"));
    let second = ground.demo();
    assert_eq!(second["base_url"], node.base_url());
    assert_ne!(node.base_url(), first_url);
    assert_eq!((&second["hostels"], &second["accounts"]), (&first["hostels"], &first["accounts"]));
    let kept = admin.at(&node.base_url()).rooms().await;
    assert_eq!(kept.len(), rooms.len() + 1);
    assert_eq!(kept[0], "Kept");
    // A wrong password is told as such on a demo too.
    let wrong = json!({ "identifier": "owner@domicile.example", "password": "Wrong-horse-1!" });
    let answer = client().post(format!("{}/api/auth/login", node.base_url())).json(&wrong).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);
}
