//! The installation that is measured: hostels with rooms and people, made over HTTP like anybody's.

use std::{net::SocketAddr, path::Path, thread};

use anyhow::Context;
use serde_json::{Value, json};

use crate::{
    database::Database,
    load::{
        Asking,
        request::{Client, text},
    },
    servers::{
        Process, Product,
        product::{OWNER, PASSWORD},
    },
};

/// How many rooms the list has.
pub(crate) const LISTED: usize = 50;
/// Rooms for bookings, and beds in each.
pub(crate) const ROOMS: usize = 256;
pub(crate) const BEDS: usize = 4;
/// Everybody who may hold a bed: one for each, so that nobody is in two.
pub(crate) const PEOPLE: usize = ROOMS * BEDS;

/// Bookings that are there before anything is measured, so that the database knows what it plans for: two months of
/// every bed. With a table that looks empty PostgreSQL reads it from end to end.
pub(crate) const BEFORE: usize = 2 * PEOPLE;

/// A room and its beds.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) id: String,
    pub(crate) beds: Vec<String>,
}

/// A hostel and its manager.
#[derive(Debug, Clone)]
pub(crate) struct House {
    pub(crate) hostel: String,
    pub(crate) manager_id: String,
    /// The manager's token.
    token: String,
    pub(crate) rooms: Vec<Room>,
    pub(crate) people: Vec<String>,
}

/// An installation with all of it.
pub(crate) struct Stage {
    pub(crate) product: Product,
    /// The token of whoever may do everything.
    owner: String,
    /// Fifty rooms, for lists and sockets.
    pub(crate) listed: House,
    /// For bookings.
    pub(crate) booked: House,
}

impl Stage {
    /// Makes it; on SQLite without a database address.
    pub(crate) fn build(binary: &Path, folder: &Path, database: Option<String>) -> anyhow::Result<Self> {
        let product = Product::install(binary, folder, database).context("the product could not be installed")?;
        let process = product.start()?;
        let owner = sign_in(process.address, OWNER)?;
        let asking = Asking { token: Some(owner.clone()), ..Asking::anonymous(process.address) };
        let mut listed = House::open(&asking, "Fifty", "fifty")?;
        listed.rooms = listed.furnish(process.address, LISTED, 1, true)?;
        let mut booked = House::open(&asking, "Bookings", "bookings")?;
        booked.rooms = booked.furnish(process.address, ROOMS, BEDS, false)?;
        booked.people = people(&asking.inside(&booked.hostel), PEOPLE)?;
        booked.fill(process.address)?;
        let mut database = Database::connect(&product.database_url())?;
        database.settle()?;
        process.end()?;
        database.freshen()?;
        Ok(Self { product, owner, listed, booked })
    }

    /// The owner, at a running server.
    pub(crate) fn owner(&self, process: &Process) -> Asking {
        Asking { token: Some(self.owner.clone()), ..Asking::anonymous(process.address) }
    }
}

impl House {
    /// A hostel with a manager.
    fn open(owner: &Asking, name: &str, short: &str) -> anyhow::Result<Self> {
        let mut client = Client::connect(owner.clone())?;
        let hostel = text(&client.post("/api/admin/hostels", &json!({ "name": name }))?, "/id")?;
        let email = format!("manager@{short}.example");
        let manager_id = member(&owner.inside(&hostel), &email, "manager")?;
        let token = sign_in(owner.address, &email)?;
        Ok(Self { hostel, manager_id, token, rooms: Vec::new(), people: Vec::new() })
    }

    /// The manager, at a running server.
    pub(crate) fn manager(&self, address: SocketAddr) -> Asking {
        Asking { address, token: Some(self.token.clone()), hostel: Some(self.hostel.clone()) }
    }

    /// Rooms as hostels have them; `told` ones say what they offer.
    fn furnish(&self, address: SocketAddr, rooms: usize, beds: usize, told: bool) -> anyhow::Result<Vec<Room>> {
        let asking = self.manager(address);
        in_parts(rooms, |range| {
            let mut client = Client::connect(asking.clone())?;
            range.map(|number| room(&mut client, number, beds, told)).collect()
        })
    }

    /// Makes the first bookings.
    fn fill(&self, address: SocketAddr) -> anyhow::Result<()> {
        in_parts(BEFORE, |range| {
            let mut client = Client::connect(self.manager(address))?;
            range
                .map(|n| client.post("/api/bookings", &serde_json::from_str(&self.booking(n)?)?).map(drop))
                .collect::<anyhow::Result<Vec<()>>>()
        })
        .map(drop)
    }

    /// The body of the booking number `n`: every number has a bed, a person and a month that no other number has
    /// together, and numbers that follow one another have different rooms.
    pub(crate) fn booking(&self, n: usize) -> anyhow::Result<String> {
        let place = n % PEOPLE;
        let (room, bed) = (place % ROOMS, place / ROOMS);
        let (from, to) = month(n / PEOPLE);
        self.booking_of(room, bed, place, &from, &to)
    }

    /// The body of a booking of a bed by a person.
    pub(crate) fn booking_of(
        &self,
        room: usize,
        bed: usize,
        person: usize,
        from: &str,
        to: &str,
    ) -> anyhow::Result<String> {
        let room = self.rooms.get(room).context("there is no such room")?;
        let bed = room.beds.get(bed).context("there is no such bed")?;
        let person = self.people.get(person).context("there is no such person")?;
        Ok(format!(
            r#"{{"room_id":"{}","bed_id":"{bed}","user_id":"{person}","check_in_date":"{from}","check_out_date":"{to}","terms_accepted":true}}"#,
            room.id
        ))
    }
}

/// The month number `slot` from January 2030 on: its first day and that of the next.
pub(crate) fn month(slot: usize) -> (String, String) {
    let first = |slot: usize| format!("{:04}-{:02}-01", 2030 + slot / 12, slot % 12 + 1);
    (first(slot), first(slot + 1))
}

/// Signs in; the access token.
pub(crate) fn sign_in(address: SocketAddr, email: &str) -> anyhow::Result<String> {
    let mut client = Client::connect(Asking::anonymous(address))?;
    let body = json!({ "identifier": email, "password": PASSWORD });
    text(&client.post("/api/auth/login", &body)?, "/access_token")
}

/// Makes a member who can sign in; the id.
pub(crate) fn member(owner: &Asking, email: &str, role: &str) -> anyhow::Result<String> {
    let body = json!({
        "email": email, "first_name": "Abena", "last_name": "Asante", "role": role, "password": PASSWORD
    });
    text(&Client::connect(owner.clone())?.post("/api/users", &body)?, "/id")
}

/// Guests who never sign in; their ids.
fn people(owner: &Asking, count: usize) -> anyhow::Result<Vec<String>> {
    in_parts(count, |range| {
        let mut client = Client::connect(owner.clone())?;
        range
            .map(|number| {
                let email = format!("guest-{number}@bookings.example");
                let body = json!({ "email": email, "first_name": "Esi", "last_name": "Owusu", "role": "student" });
                text(&client.post("/api/users", &body)?, "/id")
            })
            .collect()
    })
}

fn room(client: &mut Client, number: usize, beds: usize, told: bool) -> anyhow::Result<Room> {
    let mut body = json!({
        "name": format!("Room {}{:02}", number / 20 + 1, number % 20 + 1),
        "room_type": "single", "bed_count": beds, "floor": number / 20,
        // High, so that a lower bound of the price can differ with each request and still admit every room.
        "monthly_price": { "amount_minor": 900_000_000 + number * 1_000, "currency": "GHS" },
    });
    if told && let Some(fields) = body.as_object_mut() {
        fields.insert("amenities".to_owned(), json!(["Wi-Fi"]));
    }
    let made = client.post("/api/rooms", &body)?;
    let beds = made.get("beds").and_then(Value::as_array).context("a room has beds")?;
    Ok(Room { id: text(&made, "/id")?, beds: beds.iter().map(|bed| text(bed, "/id")).collect::<anyhow::Result<_>>()? })
}

/// Work in a few parts at the same time; the results in the order of the numbers.
pub(crate) fn in_parts<T: Send>(
    count: usize,
    work: impl Fn(std::ops::Range<usize>) -> anyhow::Result<Vec<T>> + Sync,
) -> anyhow::Result<Vec<T>> {
    const PARTS: usize = 8;
    let results = thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..PARTS)
            .map(|part| scope.spawn(move || work(count * part / PARTS..count * (part + 1) / PARTS)))
            .collect();
        running.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut all = Vec::with_capacity(count);
    for result in results {
        match result {
            Ok(part) => all.extend(part?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn months_follow_one_another_without_a_gap() {
        assert_eq!(month(0), ("2030-01-01".to_owned(), "2030-02-01".to_owned()));
        assert_eq!(month(11), ("2030-12-01".to_owned(), "2031-01-01".to_owned()));
        assert_eq!(month(12).0, month(11).1);
    }

    #[test]
    fn no_two_bookings_share_bed_or_person_and_month() {
        let rooms = (0..ROOMS)
            .map(|room| Room { id: format!("r{room}"), beds: (0..BEDS).map(|bed| format!("r{room}b{bed}")).collect() });
        let house = House {
            hostel: "h".to_owned(),
            manager_id: "m".to_owned(),
            token: String::new(),
            rooms: rooms.collect(),
            people: (0..PEOPLE).map(|person| format!("p{person}")).collect(),
        };
        let (mut beds, mut people) = (BTreeSet::new(), BTreeSet::new());
        for n in 0..3 * PEOPLE {
            let body: Value = serde_json::from_str(&house.booking(n).unwrap()).unwrap();
            assert!(beds.insert((body["bed_id"].to_string(), body["check_in_date"].to_string())), "{n}");
            assert!(people.insert((body["user_id"].to_string(), body["check_in_date"].to_string())), "{n}");
        }
    }

    #[test]
    fn work_in_parts_keeps_its_order() {
        assert_eq!(in_parts(100, |range| Ok(range.collect())).unwrap(), (0..100).collect::<Vec<_>>());
    }
}
