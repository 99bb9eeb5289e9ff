//! Booking and billing in one transaction: what is agreed at the desk is billed with it, or is not agreed; and money that
//! moves from all sides at once on one stay.

use std::{collections::BTreeSet, sync::Arc};

use domicile_billing::{
    Bursar, InitializePayment, ListInvoices, PayFromWallet, RefundPayment, UpdateTerms,
    memory::{MemoryGateway, PlainPrinter},
    model::InvoiceStatus,
    ports::Gateways,
};
use domicile_booking::{
    BookingView, CancelBooking, CreateBooking, CreateRoom, FrontDesk, UpdateBooking, usecases::MoveBookingError,
};
use domicile_kernel::{AccountId, Call, Currency, Fault, Money, Page, Role, Scope, ports::Ambient};
use domicile_testkit::store::TestStore;

use super::{Scene, WRONG};

/// A hostel with a desk, a bursar and a gateway.
struct House {
    scene: Scene,
    desk: FrontDesk,
    bursar: Bursar,
    gateway: Arc<MemoryGateway>,
}

impl House {
    async fn open(store: TestStore) -> Arc<Self> {
        let scene = Scene::set(store).await;
        let (database, ambient): (_, Ambient) = (Arc::new(scene.store.database.clone()), scene.store.ambient.clone());
        let gateway = Arc::new(MemoryGateway::new("sandbox"));
        let gateways = Gateways::new().with(gateway.clone());
        let desk = FrontDesk::new(database.clone(), database.clone(), ambient.clone());
        let bursar = Bursar::new(database.clone(), database, gateways, Arc::new(PlainPrinter), ambient);
        let terms = UpdateTerms { deposit_percent: Some(100), ..UpdateTerms::default() };
        bursar.update_terms(&scene.manager(), 0, terms).await.unwrap();
        Arc::new(Self { scene, desk, bursar, gateway })
    }

    fn student(&self, id: AccountId) -> Call {
        self.scene.store.call_as(id, Some(Role::Student), Scope::Hostel(self.scene.hostel))
    }

    /// A stay that was asked for, from February to the end of April.
    async fn asked(&self, guest: AccountId, room: &str) -> BookingView {
        let command = CreateRoom {
            name: Some(room.to_owned()),
            room_type: Some("single".to_owned()),
            bed_count: Some(1),
            monthly_price: Some(Money::new(45_000, Currency::GHS)),
            ..CreateRoom::default()
        };
        let room = self.desk.create_room(&self.scene.manager(), command).await.unwrap();
        let command = CreateBooking {
            room_id: Some(room.id.to_string()),
            check_in_date: Some("2026-02-01".to_owned()),
            check_out_date: Some("2026-05-01".to_owned()),
            terms_accepted: Some(true),
            ..CreateBooking::default()
        };
        self.desk.create_booking(&self.student(guest), command).await.unwrap()
    }

    async fn invoices(&self) -> Vec<domicile_billing::InvoiceView> {
        let page = Page { limit: 100, ..Page::first("due_date", false) };
        self.bursar.list_invoices(&self.scene.manager(), ListInvoices::default(), &page).await.unwrap().rows
    }

    /// Approves a booking.
    async fn approved(&self, stay: &BookingView) -> Result<BookingView, MoveBookingError> {
        self.desk.approve_booking(&self.scene.manager(), stay.id, stay.version).await
    }
}

#[tokio::test]
async fn what_is_agreed_is_billed_in_the_same_transaction() {
    for store in TestStore::both().await {
        let house = House::open(store).await;
        let stay = house.asked(house.scene.payer, "Attic").await;
        assert_eq!(house.invoices().await.len(), 0, "what is only asked for is not billed");
        let stay = house.approved(&stay).await.unwrap();
        let bills = house.invoices().await;
        let totals: Vec<_> = bills.iter().map(|bill| (bill.kind.as_str(), bill.total.amount_minor())).collect();
        assert_eq!(totals, [("deposit", 45_000), ("rent", 45_000), ("rent", 45_000), ("rent", 45_000)]);

        let earlier = UpdateBooking { check_out_date: Some("2026-04-01".to_owned()), ..UpdateBooking::default() };
        let stay = house.desk.update_booking(&house.scene.manager(), stay.id, stay.version, earlier).await.unwrap();
        let bills = house.invoices().await;
        assert_eq!(bills.iter().filter(|bill| bill.status == InvoiceStatus::Void).count(), 1);
        let rent: i64 = bills.iter().map(|bill| bill.total.amount_minor()).sum();
        assert_eq!(rent, 45_000 + stay.total_price.amount_minor());
        let manager = house.scene.manager();
        house.desk.cancel_booking(&manager, stay.id, stay.version, CancelBooking::default()).await.unwrap();
        assert!(house.invoices().await.iter().all(|bill| bill.status == InvoiceStatus::Void));
    }
}

#[tokio::test]
async fn what_cannot_be_billed_is_not_agreed() {
    for store in TestStore::both().await {
        let house = House::open(store).await;
        let stay = house.asked(house.scene.payer, "Attic").await;
        let mut owner = house.scene.store.owner().await;
        // The last thing that is written for a bill cannot be.
        let (broken, mended) = if house.scene.store.is_postgres() {
            let broken = "ALTER TABLE journal_entries ADD CONSTRAINT none_today CHECK (amount = 0) NOT VALID";
            (broken, "ALTER TABLE journal_entries DROP CONSTRAINT none_today")
        } else {
            let broken =
                "CREATE TRIGGER none_today BEFORE INSERT ON journal_entries BEGIN SELECT RAISE(ABORT, 'none'); END";
            (broken, "DROP TRIGGER none_today")
        };
        owner.run(broken).await;
        assert!(house.approved(&stay).await.is_err());
        owner.run(mended).await;
        for table in ["invoices", "journals", "deposits"] {
            assert_eq!(owner.number(format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
        }
        let status = owner.texts("SELECT status FROM bookings").await;
        assert_eq!(status, [["pending"]], "neither billed nor agreed");
        house.approved(&stay).await.unwrap();
        assert_eq!(house.invoices().await.len(), 4);
    }
}

/// What one of those who move money on a stay does next; each in an order of its own.
async fn step(
    house: &House,
    guest: AccountId,
    id: domicile_booking::model::BookingId,
    at: usize,
    nth: usize,
) -> &'static str {
    let (student, manager) = (house.student(guest), house.scene.manager());
    let bills: Vec<_> = house.invoices().await.into_iter().filter(|bill| bill.user_id == guest).collect();
    let bill = bills.get((at * 5 + nth) % bills.len().max(1)).map(|bill| bill.id.to_string());
    fn told<T>(result: Result<T, impl Fault>) -> &'static str {
        result.map_or_else(|error| error.code().as_str(), |_view| "done")
    }
    match (at + nth) % 4 {
        0 => {
            let queries = &house.scene.store.database;
            let known = domicile_booking::BookingQueries::booking(queries, &manager, id).await.unwrap().unwrap();
            let month = ["2026-04-20", "2026-05-01", "2026-06-11"][(at / 4 + nth) % 3];
            let change = UpdateBooking { check_out_date: Some(month.to_owned()), ..UpdateBooking::default() };
            told(house.desk.update_booking(&manager, id, known.version, change).await)
        }
        1 => {
            let whole = InitializePayment { booking_id: Some(id.to_string()), ..InitializePayment::default() };
            let one = InitializePayment { invoice_id: bill, ..InitializePayment::default() };
            let begun = house.bursar.initialize_payment(&student, if at.is_multiple_of(2) { whole } else { one }).await;
            let Ok(begun) = begun else { return told(begun) };
            house.gateway.pay(&begun.payment.reference);
            told(house.bursar.verify_payment(&student, &begun.payment.reference).await)
        }
        2 => {
            let page = Page { limit: 100, ..Page::first("created_at", true) };
            let all = domicile_billing::ListPayments::default();
            let payments = house.bursar.list_payments(&manager, all, &page).await.unwrap().rows;
            let Some(payment) = payments.get((at * 3 + nth) % payments.len().max(1)) else { return "done" };
            let amount = Some(Money::new(3_001, Currency::GHS));
            let command = RefundPayment { amount, reason: Some("a walk".to_owned()) };
            told(house.bursar.refund_payment(&manager, payment.id, command).await)
        }
        _ => {
            let command = PayFromWallet { invoice_id: bill, amount: None };
            told(house.bursar.pay_from_wallet(&student, command).await)
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_move_stays_and_money_at_once_never_wait_for_each_other_in_a_circle() {
    let house = House::open(TestStore::postgres().await).await;
    let mut stays = Vec::new();
    for room in ["Attic", "Cellar"] {
        let guest = house.scene.store.member(house.scene.hostel, Role::Student).await;
        let stay = house.asked(guest, room).await;
        house.approved(&stay).await.unwrap();
        stays.push((guest, stay.id));
    }
    let mut walking = tokio::task::JoinSet::new();
    for nth in 0..12 {
        let (house, (guest, id)) = (house.clone(), stays[nth % 2]);
        walking.spawn(async move {
            let mut answers = Vec::new();
            for at in 0..16 {
                answers.push(step(&house, guest, id, at, nth).await);
            }
            answers
        });
    }
    let answers: Vec<_> = walking.join_all().await.into_iter().flatten().collect();
    let told: BTreeSet<_> = answers.iter().copied().collect();
    let expected = ["done", "RESOURCE_CONFLICT", "VERSION_CONFLICT", "INSUFFICIENT_BALANCE", "VALIDATION_ERROR"];
    assert!(told.iter().all(|answer| expected.contains(answer)), "{told:?}");
    let done = answers.iter().filter(|answer| **answer == "done").count();
    assert!(done > answers.len() / 4, "only {done} of {} steps did anything: {answers:?}", answers.len());
    let mut owner = house.scene.store.owner().await;
    for wrong in WRONG {
        assert_eq!(owner.number(*wrong).await, 0, "{wrong}");
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(owner.number(deadlocks).await, 0);
}
