//! A hostel's currency stays once anything is priced or booked in it, whoever does both at once.

use std::{sync::Arc, time::Duration};

use domicile_billing::ports::BillingUows;
use domicile_booking::{
    CreateRoom, CreateRoomError, FrontDesk,
    model::{Bed, Room, RoomRecord, RoomStatus},
    ports::{BookingUows, RoomWritten},
};
use domicile_kernel::{AccountId, Call, Code, Currency, Fault, HostelId, Money, Outcome, Role, Scope, Text};
use domicile_tenancy::{Tenancy, TenancyUows, UpdateSettings, UpdateSettingsError, model::SettingsChange};
use domicile_testkit::store::{Owner, TestStore};

/// Writes a room without beds, past the adapter, and tells its id as a literal.
pub(super) async fn add_room(store: &TestStore, hostel: HostelId) -> String {
    let (mut owner, id) = (store.owner().await, store.ambient.ids.uuid());
    let (hostel, room) = (owner.id(hostel.uuid()), owner.id(id));
    owner
        .run(format!(
            "INSERT INTO rooms (hostel_id, id, name, name_key, room_type, bed_count, price_minor, price_currency, amenities, \
             status, version, created_at, updated_at) VALUES ({hostel}, {room}, '{id}', '{id}', 'single', 1, 1, 'GHS', '[]', \
             'active', 1, 1, 1)"
        ))
        .await;
    room
}

/// Writes a journal of ten for a wallet.
async fn add_journal(store: &TestStore, owner: &mut Owner, hostel: &str) {
    let id = owner.id(store.ambient.ids.uuid());
    owner.run("BEGIN").await;
    owner.run(format!("INSERT INTO journals VALUES ({hostel}, {id}, 'key', 'text', 'GHS', 1)")).await;
    for (number, kind, side, amount) in [(1, "gateway", "debit", 10), (2, "wallet", "credit", -10)] {
        let account = format!("{hostel}, '{kind}', 'a'");
        owner.run(format!("INSERT INTO ledger_accounts VALUES ({account}, 'GHS', '{side}', 0)")).await;
        let entry = format!("{hostel}, {id}, {number}, '{kind}', 'a', 'GHS', {amount}");
        owner.run(format!("INSERT INTO journal_entries VALUES ({entry})")).await;
        owner
            .run(format!(
                "UPDATE ledger_accounts SET balance = balance + {amount} WHERE hostel_id = {hostel} AND kind = '{kind}'"
            ))
            .await;
    }
    owner.run("COMMIT").await;
}

/// A hostel, and who sets it up.
struct Scene {
    store: TestStore,
    hostel: HostelId,
    caller: AccountId,
}

impl Scene {
    async fn set(store: TestStore) -> Self {
        let hostel = store.hostel("Currency").await;
        let caller = store.member(hostel, Role::Manager).await;
        Self { store, hostel, caller }
    }

    fn call(&self) -> Call {
        self.store.call_as(self.caller, Some(Role::SuperAdmin), Scope::Hostel(self.hostel))
    }

    fn tenancy(&self) -> Tenancy {
        let database = Arc::new(self.store.database.clone());
        Tenancy::new(database.clone(), database, self.store.ambient.clone())
    }

    async fn change_currency(&self, code: &str) -> Result<String, UpdateSettingsError> {
        let (tenancy, call) = (self.tenancy(), self.call());
        let version = tenancy.settings(&call).await.unwrap().version;
        let command = UpdateSettings { currency: Some(code.to_owned()), ..UpdateSettings::default() };
        let view = tenancy.update_settings(&call, command, version).await?;
        Ok(view.currency.code().to_owned())
    }

    fn room_in_cedis(&self) -> Room {
        let (ambient, now) = (&self.store.ambient, self.store.ambient.now());
        Room::from_record(RoomRecord {
            id: ambient.id(),
            hostel_id: self.hostel,
            name: Text::clean("Attic"),
            room_type: Text::clean("single"),
            floor: None,
            beds: vec![Bed { id: ambient.id(), label: "A".to_owned() }],
            monthly_price: Money::new(45_000, Currency::GHS),
            amenities: vec![],
            description: None,
            status: RoomStatus::Active,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    async fn make_room(&self) -> Result<Currency, CreateRoomError> {
        let database = Arc::new(self.store.database.clone());
        let desk = FrontDesk::new(database.clone(), database, self.store.ambient.clone());
        let command = CreateRoom {
            name: Some("Attic".to_owned()),
            room_type: Some("single".to_owned()),
            bed_count: Some(1),
            monthly_price: Some(Money::new(45_000, Currency::GHS)),
            ..CreateRoom::default()
        };
        Ok(desk.create_room(&self.call(), command).await?.monthly_price.currency())
    }
}

#[tokio::test]
async fn a_hostel_with_a_room_a_journal_or_a_payment_keeps_its_currency() {
    for store in TestStore::both().await {
        let scene = Scene::set(store).await;
        let mut owner = scene.store.owner().await;
        let refused = async |scene: &Scene, what: &str| {
            let refused = scene.change_currency("EUR").await.unwrap_err();
            assert_eq!(refused.code(), Code::ResourceConflict, "{what}");
            assert!(refused.to_string().contains("rooms or books in GHS"), "{what}: {refused}");
            assert_eq!(scene.change_currency("GHS").await.unwrap(), "GHS", "{what}: the same is no change");
        };
        let free = async |why: &str| {
            assert_eq!(scene.change_currency("EUR").await.expect(why), "EUR");
            assert_eq!(scene.change_currency("GHS").await.expect(why), "GHS");
        };
        free("nothing is priced").await;
        let room = add_room(&scene.store, scene.hostel).await;
        refused(&scene, "a room").await;
        owner.run(format!("UPDATE rooms SET deleted_at = 2 WHERE id = {room}")).await;
        free("the room is gone").await;

        let hostel = owner.id(scene.hostel.uuid());
        add_journal(&scene.store, &mut owner, &hostel).await;
        refused(&scene, "a journal").await;

        // Another hostel's books are its own.
        let other = scene.store.hostel("Another").await;
        let other = Scene { hostel: other, caller: scene.store.member(other, Role::Manager).await, store: scene.store };
        assert_eq!(other.change_currency("EUR").await.unwrap(), "EUR");
        assert_eq!(other.change_currency("GHS").await.unwrap(), "GHS");
        let (hostel, payer) = (owner.id(other.hostel.uuid()), owner.id(other.caller.uuid()));
        let payment = owner.id(other.store.ambient.ids.uuid());
        owner
            .run(format!(
                "INSERT INTO payments (hostel_id, id, user_id, purpose, provider, reference, amount, currency, refunded, \
                 refund_pending, expires_at, state, version, created_at, updated_at) VALUES ({hostel}, {payment}, {payer}, \
                 'wallet_topup', 'sandbox', 'dom-1', 50, 'GHS', 0, 0, 1, 'pending', 1, 1, 1)"
            ))
            .await;
        refused(&other, "a payment that may still come").await;
    }
}

/// Long enough for whoever is let through by mistake to be through.
const A_WHILE: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn the_currency_waits_for_a_room_that_is_being_added() {
    for store in TestStore::both().await {
        let scene = Arc::new(Scene::set(store).await);
        let mut adding = BookingUows::begin(&scene.store.database, &scene.call()).await.unwrap();
        let terms = adding.terms().await.unwrap();
        assert_eq!(terms.currency, Currency::GHS);
        let room = scene.room_in_cedis();
        assert_eq!(adding.rooms().insert(&room).await.unwrap(), RoomWritten::Written);
        let other = Arc::clone(&scene);
        let changing = tokio::spawn(async move { other.change_currency("EUR").await });
        tokio::time::sleep(A_WHILE).await;
        assert!(!changing.is_finished(), "it does not know yet whether there is a room");
        adding.commit(Outcome::done()).await.unwrap();
        let refused = changing.await.unwrap();
        assert!(matches!(refused, Err(UpdateSettingsError::CurrencyInUse(_))), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_currency_waits_for_a_wallet_that_begins_to_be_filled() {
    for store in TestStore::both().await {
        let scene = Arc::new(Scene::set(store).await);
        let mut filling = BillingUows::begin(&scene.store.database, &scene.call()).await.unwrap();
        assert_eq!(filling.held_house().await.unwrap().currency, Currency::GHS);
        let other = Arc::clone(&scene);
        let changing = tokio::spawn(async move { other.change_currency("EUR").await });
        tokio::time::sleep(A_WHILE).await;
        assert!(!changing.is_finished(), "it does not know yet whether there is a payment");
        filling.rollback().await.unwrap();
        assert_eq!(changing.await.unwrap().unwrap(), "EUR");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_not_added_in_the_currency_from_before() {
    for store in TestStore::both().await {
        let scene = Arc::new(Scene::set(store).await);
        let mut changing = TenancyUows::begin(&scene.store.database, &scene.call()).await.unwrap();
        let settings = changing.settings().find(scene.hostel).await.unwrap().unwrap();
        assert!(!changing.settings().lock_prices(scene.hostel).await.unwrap());
        let (seen, change) =
            (settings.version(), SettingsChange { currency: Some(Currency::EUR), ..SettingsChange::default() });
        let settings = settings.changed(change, scene.store.ambient.now());
        changing.settings().update(&settings, seen).await.unwrap();
        let other = Arc::clone(&scene);
        let making = tokio::spawn(async move { other.make_room().await });
        tokio::time::sleep(A_WHILE).await;
        assert!(!making.is_finished(), "it does not know yet what the hostel's currency is");
        changing.commit(Outcome::done()).await.unwrap();
        // PostgreSQL was asked when the prices were still in cedis, SQLite only now.
        let refused = making.await.unwrap().unwrap_err();
        let code = if scene.store.is_postgres() { Code::VersionConflict } else { Code::ValidationError };
        assert_eq!(refused.code(), code, "{refused}");
    }
}
