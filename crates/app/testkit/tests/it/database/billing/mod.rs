//! Billing on real databases: its contract, random sequences of money, what the database refuses whoever asks, and races.

mod books;
mod guards;
mod races;
mod records;
mod sandbox;
mod stays;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::Arc,
};

use async_trait::async_trait;
use domicile_billing::{
    BillingQueries,
    contract::{self, House, World, sequences},
    model::{RoomId, StayFacts, StayState},
    ports::BillingUows,
};
use domicile_booking::policy::EarlierPrice;
use domicile_kernel::{
    AccountId, Ambient, Call, HostelId, Money, Role, Scope,
    ports::{Clock as _, fixed::FixedClock},
};
use domicile_testkit::store::{Owner, TestStore};
use serde_json::json;
use tokio::sync::Mutex;

struct Real {
    store: Arc<TestStore>,
    /// One connection past the adapter, for whoever sets something up.
    owner: Arc<Mutex<Owner>>,
    clock: Arc<FixedClock>,
}

impl Real {
    async fn of(store: TestStore) -> Self {
        let owner = Arc::new(Mutex::new(store.owner().await));
        let clock = store.clock.clone();
        Self { store: Arc::new(store), owner, clock }
    }

    /// The same database at a time of its own: nobody else's waiting moves its clock.
    fn in_another_time(&self) -> Self {
        let clock = FixedClock::at("");
        clock.set(self.clock.now());
        Self { store: self.store.clone(), owner: self.owner.clone(), clock }
    }

    /// Writes a room with one bed, both with the id of what they are for.
    async fn bed(&self, owner: &mut Owner, house: HostelId, id: uuid::Uuid, monthly_price: Money) {
        let (hostel, room) = (owner.id(house.uuid()), owner.id(id));
        let price = monthly_price.amount_minor();
        let currency = monthly_price.currency();
        owner
            .run(format!(
                "INSERT INTO rooms (hostel_id, id, name, name_key, room_type, bed_count, price_minor, price_currency, \
                 amenities, status, version, created_at, updated_at) VALUES ({hostel}, {room}, '{id}', '{id}', 'single', 1, \
                 {price}, '{currency}', '[]', 'active', 1, 1, 1) ON CONFLICT DO NOTHING"
            ))
            .await;
        let bed = format!("INSERT INTO beds VALUES ({hostel}, {room}, {room}, 'A', 1, NULL) ON CONFLICT DO NOTHING");
        owner.run(bed).await;
    }
}

#[async_trait]
impl World for Real {
    fn uows(&self) -> Arc<dyn BillingUows> {
        Arc::new(self.store.database.clone())
    }

    fn queries(&self) -> Arc<dyn BillingQueries> {
        Arc::new(self.store.database.clone())
    }

    fn ambient(&self) -> Ambient {
        Ambient { clock: self.clock.clone(), ..self.store.ambient.clone() }
    }

    fn wait(&self, time: std::time::Duration) {
        self.clock.advance(time);
    }

    async fn house(&self, members: usize) -> House {
        let id = self.store.hostel("Attic Hostel").await;
        let mut owner = self.owner.lock().await;
        let hostel = owner.id(id.uuid());
        owner.run(format!("UPDATE hostel_settings SET time_zone = 'Africa/Accra' WHERE hostel_id = {hostel}")).await;
        let people: Vec<AccountId> = (0..members).map(|_| self.store.ambient.id()).collect();
        for person in &people {
            let (account, email) = (owner.id(person.uuid()), format!("{person}@example.com"));
            owner
                .run(format!(
                    "INSERT INTO accounts (id, email, first_name, last_name, super_admin, status, version, created_at, \
                     updated_at) VALUES ({account}, '{email}', 'Ama', 'Mensah', false, 'active', 1, 1, 1); \
                     INSERT INTO memberships VALUES ({hostel}, {account}, 'student', 'active', 'Ama', 'Mensah', '{email}', \
                     NULL, 1, 1, 1)"
                ))
                .await;
        }
        House { id, members: people }
    }

    async fn put_stay(&self, house: HostelId, stay: &StayFacts) {
        let mut owner = self.owner.lock().await;
        self.bed(&mut owner, house, stay.booking_id.uuid(), stay.monthly_price).await;
        let (hostel, id, guest) =
            (owner.id(house.uuid()), owner.id(stay.booking_id.uuid()), owner.id(stay.guest.uuid()));
        let (status, hold_until) = match stay.state {
            StayState::Asked => ("pending", "1"),
            StayState::Holding => ("approved", "NULL"),
            StayState::GivenUp => ("cancelled", "NULL"),
            StayState::MovedOut => ("checked_out", "NULL"),
        };
        // By the rule of calendar days, a price that held until the end of a month is what that month costs.
        let earlier: Vec<EarlierPrice> = (1..)
            .zip(&stay.first_months)
            .map(|(month, price)| EarlierPrice { until: stay.check_in.plus_months(month), monthly_price: *price })
            .collect();
        let columns = [
            ("status", format!("'{status}'")),
            ("check_in_date", format!("'{}'", stay.check_in)),
            ("check_out_date", format!("'{}'", stay.check_out)),
            ("total_minor", stay.total_price.amount_minor().to_string()),
            ("monthly_minor", stay.monthly_price.amount_minor().to_string()),
            ("price_currency", format!("'{}'", stay.monthly_price.currency())),
            ("hold_until", hold_until.to_owned()),
            ("earlier_prices", format!("'{}'", json!(earlier))),
        ];
        // In two steps: SQLite's triggers would take the row that is there for another's.
        let changes: Vec<String> = columns.iter().map(|(column, value)| format!("{column} = {value}")).collect();
        let change = changes.join(", ");
        let changed = owner.run(format!("UPDATE bookings SET {change} WHERE hostel_id = {hostel} AND id = {id}")).await;
        if changed == 0 {
            let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
            owner
                .run(format!(
                    "INSERT INTO bookings (hostel_id, id, room_id, bed_id, user_id, price_rule, price_rule_version, \
                     moved_at, version, created_at, updated_at, {}) VALUES ({hostel}, {id}, {id}, {id}, {guest}, \
                     'calendar_days', 1, 1, 1, 1, 1, {})",
                    names.join(", "),
                    values.join(", ")
                ))
                .await;
        }
    }

    async fn remove_stay(&self, house: HostelId, stay: &StayFacts) {
        let mut owner = self.owner.lock().await;
        let (hostel, id) = (owner.id(house.uuid()), owner.id(stay.booking_id.uuid()));
        owner.run(format!("DELETE FROM bookings WHERE hostel_id = {hostel} AND id = {id}")).await;
    }

    async fn room(&self, house: HostelId, monthly_price: Money) -> RoomId {
        let id = self.store.ambient.ids.uuid();
        self.bed(&mut *self.owner.lock().await, house, id, monthly_price).await;
        RoomId::new(id)
    }
}

#[tokio::test]
async fn billing_keeps_its_contract_on_postgresql() {
    contract::all(&Real::of(TestStore::postgres().await).await).await;
}

#[tokio::test]
async fn billing_keeps_its_contract_on_sqlite() {
    contract::all(&Real::of(TestStore::sqlite().await).await).await;
}

/// Plays `usual` sequences, or as many as `DOMICILE_TEST_SEQUENCES` says in parts of `usual`, each part in a database of its
/// own. The seeds go from `DOMICILE_TEST_SEED` on, or from anywhere; a failure tells its own.
async fn everything_adds_up(usual: u64, players: u64, store: impl AsyncFn() -> TestStore) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let wanted = number("DOMICILE_TEST_SEQUENCES").unwrap_or(usual);
    let first = number("DOMICILE_TEST_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 1);
    for before in (0..wanted).step_by(usual as usize) {
        a_part_adds_up(store().await, first + before, usual.min(wanted - before), players).await;
    }
}

/// Plays sequences in some tasks at once, each with seeds of its own, and looks at what is stored when all are over.
async fn a_part_adds_up(store: TestStore, first: u64, count: u64, players: u64) {
    const STEPS: u32 = 12;
    let world = Real::of(store).await;
    let mut tasks = tokio::task::JoinSet::new();
    for player in 0..players {
        let (world, share) = (world.in_another_time(), count.div_ceil(players));
        let from = first + player * share;
        tasks.spawn(async move {
            sequences::many(&world, from, share, STEPS, sequences::Looking { every: STEPS + 1 }).await
        });
    }
    let played = tasks.join_all().await.into_iter().fold(sequences::Summary::default(), sequences::Summary::and);
    assert!(
        played.journals > 0 && played.refunds > 0 && played.webhooks > 0,
        "seeds from {first}: nothing happened: {played:?}"
    );
    let mut owner = world.owner.lock().await;
    for wrong in WRONG {
        assert_eq!(owner.number(*wrong).await, 0, "seeds from {first}: {wrong}");
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    if world.store.is_postgres() {
        assert_eq!(owner.number(deadlocks).await, 0);
    }
}

/// What there is never any of, as the tables themselves have it.
const WRONG: &[&str] = &[
    "SELECT count(*) FROM (SELECT journal_id FROM journal_entries GROUP BY hostel_id, journal_id HAVING sum(amount) <> 0) AS w",
    "SELECT count(*) FROM ledger_accounts a WHERE a.balance <> (SELECT coalesce(sum(e.amount), 0) FROM journal_entries e \
     WHERE e.hostel_id = a.hostel_id AND e.account_kind = a.kind AND e.account_owner = a.owner AND e.currency = a.currency)",
    "SELECT count(*) FROM invoices i WHERE i.total <> (SELECT sum(l.amount) FROM invoice_lines l \
     WHERE l.hostel_id = i.hostel_id AND l.invoice_id = i.id)",
    "SELECT count(*) FROM invoices i WHERE i.paid <> (SELECT coalesce(sum(a.amount), 0) FROM payment_allocations a \
     WHERE a.hostel_id = i.hostel_id AND a.invoice_id = i.id)",
    "SELECT count(*) FROM payments p WHERE p.refunded <> (SELECT coalesce(sum(r.amount), 0) FROM refunds r \
     WHERE r.hostel_id = p.hostel_id AND r.payment_id = p.id AND r.state = 'completed')",
    "SELECT count(*) FROM payments p WHERE p.refund_pending <> (SELECT coalesce(sum(r.amount), 0) FROM refunds r \
     WHERE r.hostel_id = p.hostel_id AND r.payment_id = p.id AND r.state IN ('pending', 'needs_attention'))",
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_money_everything_adds_up_on_postgresql() {
    everything_adds_up(200, 6, TestStore::postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_money_everything_adds_up_on_sqlite() {
    everything_adds_up(100, 2, TestStore::sqlite).await;
}

/// A hostel with one member who pays.
struct Scene {
    store: TestStore,
    hostel: HostelId,
    payer: AccountId,
}

impl Scene {
    async fn set(store: TestStore) -> Self {
        let hostel = store.hostel("Attic Hostel").await;
        let payer = store.member(hostel, Role::Student).await;
        Self { store, hostel, payer }
    }

    fn manager(&self) -> Call {
        self.store.call_as(self.payer, Some(Role::Admin), Scope::Hostel(self.hostel))
    }
}
