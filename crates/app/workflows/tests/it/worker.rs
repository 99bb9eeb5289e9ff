//! The worker on payments: what it takes, what it puts off, what it never gives up.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domicile_access::{Mail, Sweeper, memory::Memory};
use domicile_billing::{
    BillingJob, Bursar, InitializePayment, ListInvoices, PaymentView, Work,
    memory::{MemoryBilling, MemoryGateway, PlainPrinter, Trouble},
    model::{StayFacts, StayState},
    ports::{BillingUows, Gateways},
    stays,
};
use domicile_booking::{FrontDesk, memory::MemoryBookings};
use domicile_kernel::{
    AccountId, Actor, Ambient, Call, Currency, HostelId, Instant, JobId, JobTicket, Money, NewJob, Outcome, Page,
    Purpose, RequestId, Role, Scope, SessionId, StoreError, Who,
    ports::fixed::{self, FixedClock},
};
use domicile_workflows::{
    JobQueue, Kinds, Lane, LeasedJob, Notices, Post, PostError, SANDBOX_NOTICE, Told, Upkeep, Worker,
};
use pollster::block_on;

/// A queue in memory: what waits, until when it is leased, and how often it was taken.
#[derive(Default)]
struct Queue(Mutex<Vec<Waiting>>);

struct Waiting {
    job: NewJob,
    attempts: i64,
    leased: Option<Instant>,
}

impl Queue {
    fn want(&self, job: NewJob) {
        self.0.lock().unwrap().push(Waiting { job, attempts: 0, leased: None });
    }

    /// What waits, by kind, and when it is due.
    fn waiting(&self) -> Vec<(&'static str, Instant)> {
        self.0.lock().unwrap().iter().map(|waiting| (waiting.job.kind, waiting.job.due)).collect()
    }
}

#[async_trait]
impl JobQueue for Queue {
    async fn take(
        &self,
        kinds: &Kinds,
        now: Instant,
        lease_until: Instant,
        most: u32,
    ) -> Result<Vec<LeasedJob>, StoreError> {
        let wanted = |kind| match kinds {
            Kinds::Only(named) => named.contains(&kind),
            Kinds::AllBut(named) => !named.contains(&kind),
        };
        let mut all = self.0.lock().unwrap();
        let due = all.iter_mut().filter(|waiting| {
            wanted(waiting.job.kind) && waiting.job.due <= now && waiting.leased.is_none_or(|until| until < now)
        });
        let taken = due.take(most as usize).map(|waiting| {
            waiting.attempts += 1;
            waiting.leased = Some(lease_until);
            LeasedJob {
                ticket: JobTicket { id: waiting.job.id, lease_until },
                kind: waiting.job.kind.to_owned(),
                hostel: None,
                attempts: waiting.attempts,
                payload: waiting.job.payload.clone(),
                request_id: "test".to_owned(),
                trace: None,
            }
        });
        Ok(taken.collect())
    }

    async fn put_back(&self, ticket: &JobTicket, due: Instant, _why: &str) -> Result<(), StoreError> {
        for waiting in self.0.lock().unwrap().iter_mut().filter(|waiting| waiting.job.id == ticket.id) {
            (waiting.job.due, waiting.leased) = (due, None);
        }
        Ok(())
    }

    async fn complete(&self, ticket: &JobTicket) -> Result<(), StoreError> {
        self.0.lock().unwrap().retain(|waiting| waiting.job.id != ticket.id);
        Ok(())
    }

    async fn ensure(&self, _call: &Call, jobs: Vec<NewJob>) -> Result<(), StoreError> {
        for job in jobs {
            let known = self.waiting().iter().any(|(kind, _)| *kind == job.kind);
            if !known {
                self.want(job);
            }
        }
        Ok(())
    }
}

/// What is not asked here.
struct Nobody;

#[async_trait]
impl Post for Nobody {
    async fn send(&self, _id: JobId, _mail: &Mail) -> Result<(), PostError> {
        Ok(())
    }
}

/// Remembers what is to be removed, and from before when.
#[derive(Default)]
struct Broom(Mutex<Vec<(&'static str, Instant)>>);

impl Broom {
    fn ask(&self, what: &[(&'static str, Instant)]) -> u64 {
        self.0.lock().unwrap().extend(what);
        0
    }
}

#[async_trait]
impl Upkeep for Broom {
    async fn purge_idempotency_keys(&self, before: Instant) -> Result<u64, StoreError> {
        Ok(self.ask(&[("keys", before)]))
    }

    async fn purge_events(&self, before: Instant) -> Result<u64, StoreError> {
        Ok(self.ask(&[("events", before)]))
    }

    async fn purge_webhooks(&self, processed: Instant, put_aside: Instant) -> Result<u64, StoreError> {
        Ok(self.ask(&[("processed", processed), ("put aside", put_aside)]))
    }
}

/// A webhook route that is not there for so many tellings.
struct Deaf(AtomicU32);

#[async_trait]
impl Notices for Deaf {
    async fn tell(&self, _most: u32) -> Result<Told, StoreError> {
        let deaf = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        Ok(Told { more: false, failed: deaf.then(|| "nobody listens".to_owned()) })
    }
}

struct House {
    clock: Arc<FixedClock>,
    ambient: Ambient,
    hostel: HostelId,
    payer: AccountId,
    bursar: Bursar,
    gateway: Arc<MemoryGateway>,
    queue: Arc<Queue>,
    broom: Arc<Broom>,
    worker: Worker,
}

#[expect(clippy::disallowed_methods, reason = "tests vouch")]
fn call(who: Who, hostel: HostelId) -> Call {
    Call::new(Actor::vouched_for(who), Scope::Hostel(hostel), RequestId::accept("test").unwrap())
}

impl House {
    fn new(notices: Option<Arc<dyn Notices>>) -> Self {
        let (ambient, clock) = fixed::ambient("2026-01-20T10:00:00Z");
        let (hostel, payer): (HostelId, AccountId) = (ambient.id(), ambient.id());
        let access = Memory::at("2026-01-20T10:00:00Z");
        let billing = MemoryBilling::new();
        billing.open_hostel(hostel, "Unity Hall", Currency::GHS);
        billing.enrol(payer, "kofi@example.com");
        let stay = StayFacts {
            booking_id: ambient.id(),
            guest: payer,
            check_in: "2026-02-01".parse().unwrap(),
            check_out: "2026-03-01".parse().unwrap(),
            monthly_price: Money::new(45_000, Currency::GHS),
            first_months: Vec::new(),
            total_price: Money::new(45_000, Currency::GHS),
            state: StayState::Holding,
        };
        billing.put_stay(hostel, stay.clone());
        block_on(async {
            let mut uow = billing.begin(&call(Who::System(Purpose::Jobs), hostel)).await.unwrap();
            stays::follow(&mut *uow, &ambient, &stay).await.unwrap();
            uow.commit(Outcome::done()).await.unwrap();
        });
        let gateway = Arc::new(MemoryGateway::new("sandbox"));
        let bursar = Bursar::new(
            Arc::new(billing.clone()),
            Arc::new(billing),
            Gateways::new().with(gateway.clone()),
            Arc::new(PlainPrinter),
            ambient.clone(),
        );
        let broom = Arc::new(Broom::default());
        let (queue, bookings) = (Arc::new(Queue::default()), Arc::new(MemoryBookings::new()));
        let worker = Worker {
            queue: queue.clone(),
            post: Arc::new(Nobody),
            front_desk: FrontDesk::new(bookings.clone(), bookings, ambient.clone()),
            bursar: bursar.clone(),
            notices,
            untold: AtomicU32::new(0),
            sweeper: Sweeper::new(access.parts.clone()),
            upkeep: broom.clone(),
            ambient: ambient.clone(),
            events_kept: Duration::from_hours(1),
        };
        Self { clock, ambient, hostel, payer, bursar, gateway, queue, broom, worker }
    }

    /// Begins to pay the only bill, and wants the payment looked after.
    fn begin(&self) -> PaymentView {
        let session = SessionId::new(self.ambient.ids.uuid());
        let payer = call(Who::Account { id: self.payer, session, role: Some(Role::Student) }, self.hostel);
        let payment = block_on(async {
            let page = Page::first("due_date", false);
            let bills = self.bursar.list_invoices(&payer, ListInvoices::default(), &page).await.unwrap();
            let invoice_id = bills.rows.first().map(|bill| bill.id.to_string());
            let wish = InitializePayment { invoice_id, ..InitializePayment::default() };
            self.bursar.initialize_payment(&payer, wish).await.unwrap().payment
        });
        let job = BillingJob { hostel_id: self.hostel, work: Work::Verify(payment.id) };
        self.queue.want(job.at(self.ambient.id(), self.ambient.now()));
        payment
    }

    /// What became of it.
    fn status(&self, payment: &PaymentView) -> &'static str {
        let system = call(Who::System(Purpose::Jobs), self.hostel);
        block_on(self.bursar.payment(&system, payment.id)).unwrap().status.as_str()
    }

    /// Does what is due in some lanes; how much that was.
    fn work(&self, lanes: &[Lane]) -> usize {
        block_on(async {
            let jobs = self.worker.take(lanes).await.unwrap();
            let taken = jobs.len();
            for job in jobs {
                self.worker.carry_out(job).await.unwrap();
            }
            taken
        })
    }
}

#[test]
fn an_open_payment_is_asked_about_until_it_is_decided_however_often_that_is() {
    let house = House::new(None);
    let payment = house.begin();
    // More often than a job may fail, and within the time there is to pay.
    for _ in 0..14 {
        assert_eq!(house.work(&Lane::ALL), 1);
        let [(_, due)] = house.queue.waiting()[..] else { panic!("it is not looked after any more") };
        assert!(due > house.ambient.now(), "it is asked about without a pause");
        house.clock.set(due);
    }
    assert!(house.ambient.now() < payment.expires_at);
    assert_eq!(house.status(&payment), "pending");
    house.gateway.pay(&payment.reference);
    assert_eq!(house.work(&Lane::ALL), 1);
    assert_eq!(house.status(&payment), "completed");
    assert_eq!(house.queue.waiting(), [], "it is looked after for ever");
}

#[test]
fn a_gateway_without_an_answer_costs_no_payment_its_job() {
    let house = House::new(None);
    let payment = house.begin();
    for _ in 0..20 {
        house.gateway.trouble(Trouble::LostBefore);
        house.work(&Lane::ALL);
        let [(_, due)] = house.queue.waiting()[..] else { panic!("it was given up") };
        house.clock.set(due);
    }
    house.gateway.calm();
    house.gateway.pay(&payment.reference);
    house.work(&Lane::ALL);
    assert_eq!(house.status(&payment), "completed");
}

#[test]
fn the_jobs_of_a_lane_without_room_stay_where_they_are() {
    let house = House::new(None);
    house.begin();
    assert_eq!(house.work(&[Lane::House, Lane::Notices]), 0);
    assert_eq!(house.work(&[Lane::Payments]), 1);
}

#[test]
fn what_the_sandbox_tells_is_told_again_after_pauses_that_grow_and_nothing_is_lost() {
    let house = House::new(Some(Arc::new(Deaf(AtomicU32::new(9)))));
    block_on(house.worker.plan_sweeps()).unwrap();
    let due = || house.queue.waiting().into_iter().find(|(kind, _)| *kind == SANDBOX_NOTICE).unwrap().1;
    let mut pauses = Vec::new();
    for _ in 0..10 {
        house.clock.set(due());
        assert_eq!(house.work(&[Lane::Notices]), 1);
        pauses.push((due().micros() - house.ambient.now().micros()) / 1_000_000);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60, 15]);
}

#[test]
fn without_a_sandbox_its_job_goes() {
    let house = House::new(None);
    let job = NewJob {
        id: house.ambient.id(),
        kind: SANDBOX_NOTICE,
        key: SANDBOX_NOTICE.to_owned(),
        due: house.ambient.now(),
        payload: serde_json::json!({}),
    };
    house.queue.want(job);
    assert_eq!(house.work(&[Lane::Notices]), 1);
    assert_eq!(house.queue.waiting(), []);
}

#[test]
fn the_sweep_wants_what_nobody_looks_after_and_comes_again() {
    let house = House::new(None);
    let payment = house.begin();
    house.queue.0.lock().unwrap().clear();
    block_on(house.worker.plan_sweeps()).unwrap();
    house.work(&[Lane::Payments]);
    assert!(house.queue.waiting().iter().all(|(kind, _)| *kind != "payment.verify"), "it is not quiet yet");
    house.clock.advance(Duration::from_mins(6));
    house.gateway.pay(&payment.reference);
    house.work(&[Lane::Payments]);
    assert!(house.queue.waiting().iter().any(|(kind, _)| *kind == "payment.verify"));
    house.work(&[Lane::Payments]);
    assert_eq!(house.status(&payment), "completed");
    assert!(house.queue.waiting().iter().any(|(kind, due)| *kind == "sweep.payments" && *due > house.ambient.now()));
}

#[test]
fn each_thing_is_kept_as_long_as_it_should_be() {
    let house = House::new(None);
    block_on(house.worker.plan_sweeps()).unwrap();
    while house.work(&Lane::ALL) > 0 {}
    let days = |days: u64| house.ambient.now().minus(Duration::from_hours(days * 24));
    let mut asked = house.broom.0.lock().unwrap().clone();
    asked.sort_unstable();
    let events = ("events", house.ambient.now().minus(Duration::from_hours(1)));
    assert_eq!(asked, [events, ("keys", days(1)), ("processed", days(90)), ("put aside", days(366))]);
}
