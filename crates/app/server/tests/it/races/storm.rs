//! Guests asking and managers moving, stretching, approving and cancelling, all at random and all at once: whatever was
//! answered is what is stored, and no two stays share a bed or a person on a night.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use domicile_kernel::Role;
use domicile_testkit::barrier::race;
use serde_json::{Value, json};

use crate::support::{Asked, Dice, Person, Place, TestApp, Told, month, stay};

const WORKERS: u64 = 16;
const LASTS: Duration = Duration::from_secs(3);
/// Few, so that whatever is given up is wanted by many at that moment.
const MONTHS: u64 = 3;

/// What is known of a stay from the answers alone.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// The newest version anybody was told.
    version: i64,
    /// How many changes were answered with 200.
    changes: i64,
    /// Whether a cancellation was answered with 200.
    over: bool,
}

/// What the workers share.
struct Shared {
    client: reqwest::Client,
    base: String,
    manager: Person,
    students: Vec<Person>,
    places: Vec<Place>,
    stays: Mutex<BTreeMap<String, Known>>,
    /// How often each thing was tried and answered, by what and status or code.
    tally: Mutex<BTreeMap<String, u64>>,
}

impl Shared {
    fn put(&self, path: &str) -> Asked {
        Asked(self.client.put(format!("{}{path}", self.base))).by(&self.manager)
    }

    fn nights(dice: &mut Dice) -> (u64, u64) {
        let from = dice.below(MONTHS);
        (from, from + 1 + dice.below(2))
    }

    /// One random thing to do: its name, the stay it is about if there is one yet, and the question.
    fn thing(&self, dice: &mut Dice) -> (&'static str, Option<String>, Asked) {
        // Now and then somebody wants to change what is over.
        let with_ended = dice.below(20) == 0;
        let known: Vec<(String, Known)> = {
            let stays = self.stays.lock().unwrap();
            let wanted = stays.iter().filter(|(_, known)| with_ended || !known.over);
            wanted.map(|(id, known)| (id.clone(), *known)).collect()
        };
        let place = dice.one_of(&self.places);
        let bed = dice.one_of(&place.beds);
        let choice = dice.below(12);
        if known.is_empty() || choice < 5 {
            let (from, to) = Self::nights(dice);
            let mut body = stay(&place.room, from, to);
            if dice.below(2) == 0 {
                body["bed_id"] = json!(bed);
            }
            let student = dice.one_of(&self.students);
            let asked = Asked(self.client.post(format!("{}/api/bookings", self.base))).by(student).json(body);
            return ("create", None, asked);
        }
        let (id, seen) = dice.one_of(&known).clone();
        let path = format!("/api/bookings/{id}");
        let (from, to) = Self::nights(dice);
        let (what, body): (_, Value) = match choice {
            5..=6 => ("move", json!({"room_id": place.room, "bed_id": bed})),
            7 => ("reschedule", json!({"check_in_date": month(from), "check_out_date": month(to)})),
            8 => (
                "move_and_reschedule",
                json!({"room_id": place.room, "check_in_date": month(from), "check_out_date": month(to)}),
            ),
            9..=10 => return ("cancel", Some(id), self.put(&format!("{path}/cancel")).seen(seen.version)),
            _ => return ("approve", Some(id), self.put(&format!("{path}/approve")).seen(seen.version)),
        };
        (what, Some(id), self.put(&path).seen(seen.version).json(body))
    }

    fn learn(&self, what: &'static str, about: Option<String>, told: &Told) {
        let fits = match told.status {
            201 => what == "create",
            200 => what != "create",
            409 => {
                ["ROOM_UNAVAILABLE", "BOOKING_CONFLICT", "VERSION_CONFLICT", "RESOURCE_CONFLICT"].contains(&told.code())
            }
            _ => false,
        };
        assert!(fits, "{what} was answered {} {}", told.status, told.text);
        let word = if told.status == 409 { told.code() } else { "done" };
        *self.tally.lock().unwrap().entry(format!("{what}: {word}")).or_default() += 1;
        let mut stays = self.stays.lock().unwrap();
        match about {
            None if told.status == 201 => {
                let id = told.data()["id"].as_str().unwrap().to_owned();
                stays.insert(id, Known { version: 1, changes: 0, over: false });
            }
            None => {}
            Some(id) => {
                let known = stays.get_mut(&id).unwrap();
                if told.status == 200 {
                    known.changes += 1;
                    known.over |= what == "cancel";
                }
                let newest = [&told.data()["version"], &told.data()["current_version"]];
                let newest = newest.iter().filter_map(|version| version.as_i64()).max().unwrap_or(0);
                known.version = known.version.max(newest);
            }
        }
    }
}

async fn a_storm_of_moves_leaves_every_bed_with_one_guest_a_night(app: TestApp) {
    let mut dice = Dice::thrown("storm");
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    let mut places = Vec::new();
    for name in ["North", "South"] {
        places.push(app.place(&manager, name, 2).await);
    }
    let shared = Arc::new(Shared {
        client: app.client.clone(),
        base: app.base.clone(),
        manager,
        students: app.students(hostel, 20).await,
        places,
        stays: Mutex::default(),
        tally: Mutex::default(),
    });
    let workers: Vec<Dice> = (0..WORKERS).map(|_| Dice::seeded(dice.next())).collect();
    let until = Instant::now() + LASTS;
    let storm = race(workers.len(), |number| {
        let (shared, mut dice) = (Arc::clone(&shared), workers[number].clone());
        async move {
            while Instant::now() < until {
                let (what, about, asked) = shared.thing(&mut dice);
                let told = asked.told().await;
                shared.learn(what, about, &told);
            }
        }
    });
    let _all_ended = storm.await.assert_overlapped();

    let tally = shared.tally.lock().unwrap().clone();
    println!("{tally:#?}");
    let done = |what: &[&str]| what.iter().filter_map(|what| tally.get(&format!("{what}: done"))).sum::<u64>();
    for what in [&["create"][..], &["move", "reschedule", "move_and_reschedule"], &["cancel"], &["approve"]] {
        assert!(done(what) > 0, "nobody ever succeeded to {what:?}: {tally:#?}");
    }
    app.no_two_stays_overlap().await;
    app.settle().await;
    let mut owner = app.owner().await;
    let stays = shared.stays.lock().unwrap().clone();
    assert_eq!(owner.number("SELECT count(*) FROM bookings").await, i64::try_from(stays.len()).unwrap());
    for (id, known) in &stays {
        let id = owner.id(id.parse::<uuid::Uuid>().unwrap());
        let version = owner.number(format!("SELECT version FROM bookings WHERE id = {id}")).await;
        assert_eq!(version, known.changes + 1, "a change was lost or made twice");
        // Each change told the world once, in the order in which it was made.
        let told = format!(
            "SELECT aggregate_version FROM events WHERE aggregate = 'booking' AND aggregate_id = {id} ORDER BY position"
        );
        assert_eq!(owner.numbers(told).await, (1..=version).collect::<Vec<_>>());
    }
    drop(owner);
    drop(shared);
    app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_moves_leaves_every_bed_with_one_guest_a_night_on_sqlite() {
    a_storm_of_moves_leaves_every_bed_with_one_guest_a_night(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_moves_leaves_every_bed_with_one_guest_a_night_on_postgres() {
    a_storm_of_moves_leaves_every_bed_with_one_guest_a_night(TestApp::postgres().await).await;
}
