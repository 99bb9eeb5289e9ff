//! Many at once on one person's money: nothing is given back twice, nothing is counted twice, and nobody waits for another in
//! a circle.

use std::sync::Arc;

use domicile_billing::{
    BillingJob, Bursar, InitializePayment, JobDone, ListInvoices, ListPayments, RefundPayment, TopUpWallet,
    UpdateTerms, Work,
    contract::World,
    memory::{MemoryGateway, PlainPrinter, RefundMode},
    model::{
        BookingId, InboxState, NewInboxEntry, Payment, PaymentId, PaymentRecord, PaymentState, Purpose, StayFacts,
        StayState,
    },
    ports::{BillingUows, Gateways, PaymentWritten, Received, Written},
    stays::follow,
};
use domicile_kernel::{Call, Code, Currency, Fault, Money, Outcome, Page, Role, Scope, StoreError};
use domicile_testkit::{barrier::race, store::TestStore};

use super::{Real, Scene, WRONG, books::Pen};

/// How many ask at once, for how much of what.
const ASKING: usize = 200;
const EACH: i64 = 77;
const PAID: i64 = 10_000;
/// As many as there is money for.
const COVERED: i64 = PAID / EACH;

async fn paid(scene: &Scene) -> PaymentId {
    let (id, now): (PaymentId, _) = (scene.store.ambient.id(), scene.store.ambient.now());
    let payment = Payment::from_record(PaymentRecord {
        id,
        hostel_id: scene.hostel,
        user_id: scene.payer,
        booking_id: None,
        invoice_id: None,
        purpose: Purpose::WalletTopup,
        provider: "sandbox".to_owned(),
        reference: Payment::reference_of(id),
        amount: Money::new(PAID, Currency::GHS),
        refunded: 0,
        refund_pending: 0,
        fees: None,
        gateway_id: None,
        authorization_url: None,
        asking_until: None,
        expires_at: now,
        state: PaymentState::Completed { at: now },
        version: 1,
        created_at: now,
        updated_at: now,
    });
    let mut uow = BillingUows::begin(&scene.store.database, &scene.manager()).await.unwrap();
    assert_eq!(uow.payments().insert(&payment.unwrap()).await.unwrap(), PaymentWritten::Written);
    uow.commit(Outcome::done()).await.unwrap();
    id
}

/// Reserves once, as the use case does: under the payment's lock. Whether there was money for it.
async fn reserved(scene: &Scene, id: PaymentId) -> Result<bool, StoreError> {
    let mut uow = BillingUows::begin(&scene.store.database, &scene.manager()).await?;
    let payment = uow.payments().lock(id).await?.unwrap();
    let Ok(reserving) = payment.reserve_refund(EACH, scene.store.ambient.now()) else {
        uow.rollback().await?;
        return Ok(false);
    };
    assert_eq!(uow.payments().update(&reserving).await?, PaymentWritten::Written, "a lock keeps others away");
    uow.commit(Outcome::done()).await?;
    Ok(true)
}

/// What is reserved of the only payment.
async fn pending(scene: &Scene) -> i64 {
    scene.store.owner().await.number("SELECT refund_pending FROM payments").await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_who_reserve_refunds_of_one_payment_reserve_no_more_than_was_paid() {
    for store in TestStore::both().await {
        let scene = Arc::new(Scene::set(store).await);
        let id = paid(&scene).await;
        let race = race(ASKING, |_number| {
            let scene = scene.clone();
            async move {
                loop {
                    match reserved(&scene, id).await {
                        // There are fewer connections than people.
                        Err(StoreError::Transient(_)) => {}
                        other => break other.unwrap(),
                    }
                }
            }
        })
        .await;
        let granted = race.assert_overlapped().into_iter().filter(|granted| *granted).count() as i64;
        assert_eq!((granted, pending(&scene).await), (COVERED, COVERED * EACH));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_who_forget_to_look_reserve_no_more_than_was_paid() {
    for store in TestStore::both().await {
        let scene = Arc::new(Scene::set(store).await);
        paid(&scene).await;
        let mut pens = Vec::new();
        for _ in 0..20 {
            pens.push(Pen::of(&scene).await);
        }
        let race = race(pens.len(), |_number| {
            let mut pen = pens.pop().unwrap();
            async move {
                let blind = format!("UPDATE payments SET refund_pending = refund_pending + {EACH}");
                let mut granted = 0;
                for _ in 0..ASKING / 20 {
                    match pen.write(std::slice::from_ref(&blind)).await {
                        Ok(()) => granted += 1,
                        Err(refusal) => assert!(["23514", "275"].contains(&refusal.as_str()), "{refusal}"),
                    }
                }
                granted
            }
        })
        .await;
        let granted: i64 = race.assert_overlapped().into_iter().sum();
        assert_eq!((granted, pending(&scene).await), (COVERED, COVERED * EACH));
    }
}

/// Whether an answer is only that there are fewer connections than people.
fn is_crowded(error: &impl Fault) -> bool {
    matches!(error.code(), Code::ServiceUnavailable | Code::DatabaseError)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_refunds_of_one_payment_give_no_more_back_than_was_paid() {
    for store in TestStore::both().await {
        let scene = Arc::new(Scene::set(store).await);
        let database = Arc::new(scene.store.database.clone());
        let gateway = Arc::new(MemoryGateway::new("sandbox"));
        let gateways = Gateways::new().with(gateway.clone());
        let printer = Arc::new(PlainPrinter);
        let bursar = Bursar::new(database.clone(), database, gateways, printer, scene.store.ambient.clone());
        let student = scene.store.call_as(scene.payer, Some(Role::Student), Scope::Hostel(scene.hostel));
        let amount = Some(Money::new(PAID, Currency::GHS));
        let begun = bursar.top_up_wallet(&student, TopUpWallet { amount, provider: None }).await.unwrap();
        assert!(gateway.pay(&begun.payment.reference));
        bursar.verify_payment(&student, &begun.payment.reference).await.unwrap();

        let id = begun.payment.id;
        let race = race(ASKING, |_number| {
            let (scene, bursar) = (scene.clone(), bursar.clone());
            async move {
                loop {
                    let amount = Some(Money::new(EACH, Currency::GHS));
                    let command = RefundPayment { amount, reason: Some("moved out".to_owned()) };
                    match bursar.refund_payment(&scene.manager(), id, command).await {
                        Err(error) if is_crowded(&error) => {}
                        Err(error) => break error.code().as_str(),
                        Ok(_) => break "done",
                    }
                }
            }
        })
        .await;
        let answers = race.assert_overlapped();
        assert!(answers.iter().all(|answer| ["done", "RESOURCE_CONFLICT"].contains(answer)), "{answers:?}");
        // Whoever met a crowd after the gateway had answered left the rest to the job, as if the time to ask were over.
        let mut owner = scene.store.owner().await;
        owner.run("UPDATE refunds SET asking_until = 1 WHERE asking_until IS NOT NULL").await;
        for refund in bursar.list_refunds(&scene.manager(), id).await.unwrap() {
            let job = BillingJob { hostel_id: scene.hostel, work: Work::Refund(refund.id) };
            let done = bursar.perform(&scene.store.call(Scope::System(domicile_kernel::Purpose::Jobs)), job).await;
            assert_eq!(done.unwrap(), JobDone::Done);
        }
        let page = Page::first("created_at", false);
        let rows = bursar.list_payments(&scene.manager(), ListPayments::default(), &page).await;
        let payment = rows.unwrap().rows.remove(0);
        assert_eq!((payment.refunded.amount_minor(), pending(&scene).await), (COVERED * EACH, 0));
        assert_eq!(gateway.calls("refund") as i64, COVERED, "nobody asked twice");
        assert_eq!(gateway.holds(), PAID - payment.refunded.amount_minor(), "the gateway gave back what we say");
        for wrong in WRONG {
            assert_eq!(owner.number(*wrong).await, 0, "{wrong}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_webhooks_that_tell_the_same_one_is_kept() {
    for store in TestStore::both().await {
        let scene = Arc::new(Scene::set(store).await);
        let race = race(ASKING, |_number| {
            let scene = scene.clone();
            async move {
                let entry = NewInboxEntry {
                    id: scene.store.ambient.id(),
                    hostel_id: Some(scene.hostel),
                    provider: "sandbox".to_owned(),
                    dedupe_key: "charge.success:dom-1".to_owned(),
                    reference: None,
                    headers: String::new(),
                    body: b"{}".to_vec(),
                    state: InboxState::Waiting,
                    received_at: scene.store.ambient.now(),
                };
                let call = scene.store.call(Scope::System(domicile_kernel::Purpose::Payments));
                loop {
                    let Ok(mut uow) = BillingUows::begin(&scene.store.database, &call).await else { continue };
                    let received = uow.inbox().receive(&entry).await.unwrap();
                    uow.commit(Outcome::done()).await.unwrap();
                    break received;
                }
            }
        })
        .await;
        let new = race.assert_overlapped().into_iter().filter(|received| *received == Received::New).count();
        let mut owner = scene.store.owner().await;
        assert_eq!((new, owner.number("SELECT deliveries FROM payment_inbox").await), (1, ASKING as i64));
    }
}

/// A stay of ten months with a deposit, billed, on a database of its own.
struct Months {
    world: Real,
    manager: Call,
    booking: BookingId,
}

impl Months {
    async fn billed(store: TestStore, bursar: impl FnOnce(&TestStore) -> Bursar) -> (Arc<Self>, Bursar) {
        let bursar = bursar(&store);
        let world = Real::of(store).await;
        let house = world.house(1).await;
        let (guest, ambient) = (house.members[0], world.store.ambient.clone());
        let manager = world.store.call_as(guest, Some(Role::Admin), Scope::Hostel(house.id));
        let terms = UpdateTerms { deposit_percent: Some(100), ..UpdateTerms::default() };
        bursar.update_terms(&manager, 0, terms).await.unwrap();
        let stay = StayFacts {
            booking_id: ambient.id(),
            guest,
            check_in: "2026-02-01".parse().unwrap(),
            check_out: "2026-12-01".parse().unwrap(),
            monthly_price: Money::new(45_000, Currency::GHS),
            first_months: Vec::new(),
            total_price: Money::new(450_000, Currency::GHS),
            state: StayState::Holding,
        };
        world.put_stay(house.id, &stay).await;
        let mut uow = BillingUows::begin(&world.store.database, &manager).await.unwrap();
        follow(&mut *uow, &ambient, &stay).await.unwrap();
        uow.commit(Outcome::done()).await.unwrap();
        (Arc::new(Self { world, manager, booking: stay.booking_id }), bursar)
    }

    async fn deadlocks(&self) -> i64 {
        let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        self.world.owner.lock().await.number(deadlocks).await
    }
}

fn bursar_of(store: &TestStore, gateway: &Arc<MemoryGateway>) -> Bursar {
    let database = Arc::new(store.database.clone());
    let gateways = Gateways::new().with(gateway.clone());
    Bursar::new(database.clone(), database, gateways, Arc::new(PlainPrinter), store.ambient.clone())
}

/// What could not be given back goes back to its month, and then all months of the stay are looked at.
#[tokio::test(flavor = "multi_thread")]
async fn refunds_of_many_months_that_fail_at_once_never_wait_for_each_other_in_a_circle() {
    let gateway = Arc::new(MemoryGateway::new("sandbox"));
    let (months, bursar) = Months::billed(TestStore::postgres().await, |store| bursar_of(store, &gateway)).await;
    let page = Page { limit: 100, ..Page::first("due_date", false) };
    let bills = bursar.list_invoices(&months.manager, ListInvoices::default(), &page).await.unwrap().rows;
    assert_eq!(bills.len(), 11, "ten months and a deposit");
    let mut paid = Vec::new();
    for bill in &bills {
        let command = InitializePayment { invoice_id: Some(bill.id.to_string()), ..InitializePayment::default() };
        let begun = bursar.initialize_payment(&months.manager, command).await.unwrap();
        assert!(gateway.pay(&begun.payment.reference));
        bursar.verify_payment(&months.manager, &begun.payment.reference).await.unwrap();
        paid.push(begun.payment.id);
    }
    gateway.refunds_go(RefundMode::Fails);
    for _round in 0..5 {
        let race = race(paid.len(), |number| {
            let (months, bursar, id) = (months.clone(), bursar.clone(), paid[number]);
            async move {
                let command = RefundPayment { amount: None, reason: Some("moved out".to_owned()) };
                bursar.refund_payment(&months.manager, id, command).await.unwrap().status.as_str()
            }
        })
        .await;
        let answers = race.assert_overlapped();
        assert!(answers.iter().all(|answer| *answer == "failed"), "{answers:?}");
    }
    assert_eq!(months.deadlocks().await, 0);
    let mut owner = months.world.owner.lock().await;
    for wrong in WRONG {
        assert_eq!(owner.number(*wrong).await, 0, "{wrong}");
    }
    let rent = bursar.list_invoices(&months.manager, ListInvoices::default(), &page).await.unwrap().rows;
    assert!(rent.iter().all(|bill| bill.status.as_str() == "paid"), "everything is where it was");
}

/// The months of a stay are locked in an order that stays the same when a day to pay is moved.
#[tokio::test(flavor = "multi_thread")]
async fn the_months_of_a_stay_are_locked_in_an_order_that_nothing_changes() {
    let gateway = Arc::new(MemoryGateway::new("sandbox"));
    let (months, _bursar) = Months::billed(TestStore::postgres().await, |store| bursar_of(store, &gateway)).await;
    let begin = async || BillingUows::begin(&months.world.store.database, &months.manager).await.unwrap();
    let mut uow = begin().await;
    let mut bills = uow.invoices().lock_of_booking(months.booking).await.unwrap();
    bills.sort_by_key(domicile_billing::model::Invoice::id);
    let (first, last) = (bills.first().unwrap().clone(), bills.last().unwrap().clone());
    // The last to be locked is due before the others now.
    let period = last.record().period;
    let sooner = last.clone().redated(period, "2026-01-01".parse().unwrap(), months.world.store.ambient.now());
    assert_eq!(uow.invoices().update(&sooner).await.unwrap(), Written::Written);
    uow.commit(Outcome::done()).await.unwrap();

    let mut one = begin().await;
    one.invoices().lock(first.id()).await.unwrap();
    let all = tokio::spawn({
        let months = months.clone();
        async move {
            let mut uow = BillingUows::begin(&months.world.store.database, &months.manager).await.unwrap();
            let found = uow.invoices().lock_of_booking(months.booking).await.map(|found| found.len());
            uow.rollback().await.unwrap();
            found.unwrap()
        }
    });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while months.world.owner.lock().await.number(waiting).await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    one.invoices().lock(last.id()).await.expect("whoever waits for the first holds no other");
    one.rollback().await.unwrap();
    assert_eq!((all.await.unwrap(), months.deadlocks().await), (bills.len(), 0));
}
