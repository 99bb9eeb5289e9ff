//! Rooms and stays of a test, and what the database must say of all stays whatever happened.

use domicile_kernel::{HostelId, Role};
use domicile_testkit::store::Owner;
use serde_json::{Value, json};

use super::{Person, TestApp};

/// A room to stay in.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) room: String,
    pub(crate) beds: Vec<String>,
}

/// The first of a month, counted from February 2026, the first whole month after the clock's first instant.
pub(crate) fn month(number: u64) -> String {
    let months = number + 1;
    format!("{:04}-{:02}-01", 2026 + months / 12, months % 12 + 1)
}

/// The body that asks for a bed from the first of one month to the first of another.
pub(crate) fn stay(room: &str, from: u64, to: u64) -> Value {
    json!({
        "room_id": room, "check_in_date": month(from), "check_out_date": month(to),
        "emergency_contact_name": "Kofi Boateng", "emergency_contact_phone": "+233201234567", "terms_accepted": true,
    })
}

impl TestApp {
    /// A room with so many beds.
    pub(crate) async fn place(&self, manager: &Person, name: &str, beds: usize) -> Place {
        let price = json!({"amount_minor": 45_000, "currency": "GHS"});
        let body = json!({"name": name, "room_type": "shared", "bed_count": beds, "monthly_price": price});
        let made = self.post("/api/rooms").by(manager).json(body).told().await.is(201);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let beds = made.data()["beds"].as_array().unwrap().iter().map(|bed| text(&bed["id"])).collect();
        Place { room: text(&made.data()["id"]), beds }
    }

    /// So many students.
    pub(crate) async fn students(&self, hostel: HostelId, count: usize) -> Vec<Person> {
        let mut people = Vec::with_capacity(count);
        for _ in 0..count {
            people.push(self.member(hostel, Role::Student).await);
        }
        people
    }

    /// By SQL past all code: no two stays that hold a bed share a bed or a person on a night.
    pub(crate) async fn no_two_stays_overlap(&self) {
        let mut owner = self.owner().await;
        for column in ["bed_id", "user_id"] {
            let sql = format!(
                "SELECT count(*) FROM bookings a JOIN bookings b ON a.hostel_id = b.hostel_id AND a.{column} = b.{column} \
                 AND a.id < b.id AND a.check_in_date < b.check_out_date AND b.check_in_date < a.check_out_date \
                 WHERE a.status IN ('pending', 'approved', 'checked_in') AND b.status IN ('pending', 'approved', 'checked_in')"
            );
            assert_eq!(owner.number(sql).await, 0, "two stays share a {column} on a night");
        }
    }

    /// Ends it, and fails if PostgreSQL ever had to break a deadlock in this test's database.
    pub(crate) async fn end_without_deadlocks(mut self) {
        self.close().await;
        assert_eq!(deadlocks(&mut self.owner().await).await, 0, "transactions waited for each other in a circle");
    }
}

/// How many deadlocks there were in a database that nobody else is connected to any more. Each server process tells its
/// numbers when it ends at the latest, so the ends are waited for.
pub(crate) async fn deadlocks(owner: &mut Owner) -> i64 {
    if matches!(owner, Owner::Sqlite(_)) {
        return 0;
    }
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                  AND backend_type = 'client backend'";
    for _ in 0..500 {
        if owner.number(others).await == 0 {
            return owner.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("somebody stays connected");
}
