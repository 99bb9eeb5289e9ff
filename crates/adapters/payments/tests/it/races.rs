//! Many at once on one charge of the sandbox: it has one outcome, and its money goes back once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use domicile_billing::ports::{ChargeStatus, GatewayError, PaymentGateway};
use domicile_kernel::{StoreError, ports::fixed::FixedClock};
use domicile_payments::{
    SecretKey,
    sandbox::{
        Action, MemorySandbox, NoticeId, Pressed, RefundWritten, SandboxCharge, SandboxConfig, SandboxGateway,
        SandboxRefund, SandboxStore, Untold,
    },
};
use tokio::{sync::Barrier, task::JoinSet};

use crate::support::{NOW, Play, REFERENCE, cedis, new_charge, new_refund, sandbox, ticket_of};

const MANY: usize = 100;

async fn opened(play: &Play) -> String {
    ticket_of(&play.gateway.initialize(&new_charge()).await.unwrap())
}

/// Presses a button for each action at once.
async fn pressed(play: &Play, ticket: &str, actions: Vec<Action>) -> Vec<Pressed> {
    let start = Arc::new(Barrier::new(actions.len()));
    let mut racers = JoinSet::new();
    for action in actions {
        let (gateway, start, ticket) = (Arc::clone(&play.gateway), Arc::clone(&start), ticket.to_owned());
        racers.spawn(async move {
            start.wait().await;
            gateway.submit(&ticket, action).await.unwrap().pressed.unwrap()
        });
    }
    racers.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_who_pay_one_charge_pay_it_once() {
    for _ in 0..20 {
        let play = sandbox();
        let ticket = opened(&play).await;
        let outcomes = pressed(&play, &ticket, vec![Action::Pay; MANY]).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.took_money()).count(), 1, "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Pressed::AlreadyPaid).count(), MANY - 1);
        assert_eq!(play.gateway.pending_notices(10).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_presses_what_the_charge_has_one_outcome_and_tells_of_it_alone() {
    for round in 0..40 {
        let play = sandbox();
        let ticket = opened(&play).await;
        let actions = (0..MANY).map(|place| Action::ALL[(place + round) % Action::ALL.len()]).collect();
        let outcomes = pressed(&play, &ticket, actions).await;
        let decided: Vec<&Pressed> = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Pressed::Paid | Pressed::PaidTwice | Pressed::Declined))
            .collect();
        let [decided] = decided[..] else { panic!("{decided:?}") };
        let (status, notices) = match decided {
            Pressed::Paid => (ChargeStatus::Success, 1),
            Pressed::PaidTwice => (ChargeStatus::Success, 2),
            _ => (ChargeStatus::Failed, 1),
        };
        assert_eq!(play.gateway.verify(REFERENCE).await.unwrap().status, status);
        assert_eq!(play.gateway.pending_notices(10).await.unwrap().len(), notices);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_who_open_one_reference_open_one_charge() {
    let play = sandbox();
    let start = Arc::new(Barrier::new(MANY));
    let mut racers = JoinSet::new();
    for _ in 0..MANY {
        let (gateway, start) = (Arc::clone(&play.gateway), Arc::clone(&start));
        racers.spawn(async move {
            start.wait().await;
            gateway.initialize(&new_charge()).await
        });
    }
    let outcomes = racers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let duplicates = outcomes.iter().filter(|outcome| **outcome == Err(GatewayError::DuplicateReference));
    assert_eq!(duplicates.count(), MANY - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_refunds_never_give_back_more_than_was_paid() {
    let play = sandbox();
    let ticket = opened(&play).await;
    play.gateway.submit(&ticket, Action::Pay).await.unwrap();
    let start = Arc::new(Barrier::new(2 * MANY));
    let mut racers = JoinSet::new();
    for number in 0..2 * MANY {
        let (gateway, start) = (Arc::clone(&play.gateway), Arc::clone(&start));
        racers.spawn(async move {
            start.wait().await;
            gateway.refund(&new_refund(&format!("ref-{number}"), 1_000)).await
        });
    }
    let outcomes = racers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 45);
    assert_eq!(play.store.find_charge(REFERENCE).await.unwrap().unwrap().refunded, cedis(45_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_notice_is_marked_as_taken_once() {
    let play = sandbox();
    let ticket = opened(&play).await;
    play.gateway.submit(&ticket, Action::PayTwice).await.unwrap();
    let notices = play.gateway.pending_notices(10).await.unwrap();
    let mut racers = JoinSet::new();
    for _ in 0..MANY {
        let (gateway, id) = (Arc::clone(&play.gateway), notices[0].id.clone());
        racers.spawn(async move { gateway.delivered(&id).await.unwrap() });
    }
    assert_eq!(racers.join_all().await.into_iter().filter(|first| *first).count(), 1);
    assert_eq!(play.gateway.pending_notices(10).await.unwrap(), notices[1..]);
}

/// The store in memory, where everybody has read the charge before anybody changes it for the first time.
struct Crowded {
    rows: MemorySandbox,
    everybody: Barrier,
    reading: AtomicUsize,
    overtaken: AtomicUsize,
}

#[async_trait]
impl SandboxStore for Crowded {
    async fn insert_charge(&self, charge: &SandboxCharge) -> Result<bool, StoreError> {
        self.rows.insert_charge(charge).await
    }

    async fn find_charge(&self, reference: &str) -> Result<Option<SandboxCharge>, StoreError> {
        let found = self.rows.find_charge(reference).await;
        if self.reading.fetch_add(1, Ordering::SeqCst) < MANY {
            self.everybody.wait().await;
        }
        found
    }

    async fn move_charge(&self, charge: &SandboxCharge) -> Result<bool, StoreError> {
        let moved = self.rows.move_charge(charge).await?;
        if !moved {
            self.overtaken.fetch_add(1, Ordering::SeqCst);
        }
        Ok(moved)
    }

    async fn insert_refund(&self, refund: &SandboxRefund) -> Result<RefundWritten, StoreError> {
        self.rows.insert_refund(refund).await
    }

    async fn find_refund(&self, reference: &str) -> Result<Option<SandboxRefund>, StoreError> {
        self.rows.find_refund(reference).await
    }

    async fn move_refund(&self, refund: &SandboxRefund) -> Result<bool, StoreError> {
        self.rows.move_refund(refund).await
    }

    async fn untold(&self, at_most: u32) -> Result<Vec<Untold>, StoreError> {
        self.rows.untold(at_most).await
    }

    async fn delivered(&self, notice: &NoticeId) -> Result<bool, StoreError> {
        self.rows.delivered(notice).await
    }
}

#[tokio::test]
async fn a_hundred_who_all_saw_the_charge_open_pay_it_once() {
    let store = Arc::new(Crowded {
        rows: MemorySandbox::default(),
        everybody: Barrier::new(MANY),
        reading: AtomicUsize::new(0),
        overtaken: AtomicUsize::new(0),
    });
    let key = SecretKey::new("the-sandbox-signs-with-this").unwrap();
    let config = SandboxConfig::new(key, Arc::new(|| "http://127.0.0.1:9".to_owned()));
    let gateway = Arc::new(SandboxGateway::new(config, store.clone(), FixedClock::at(NOW)));
    let ticket = ticket_of(&gateway.initialize(&new_charge()).await.unwrap());
    let mut racers = JoinSet::new();
    for number in 0..MANY {
        let (gateway, ticket) = (Arc::clone(&gateway), ticket.clone());
        // Some of them let it hang first, so that whoever pays is overtaken by another version of an open charge.
        let action = if number % 10 == 0 { Action::Hang } else { Action::Pay };
        racers.spawn(async move { gateway.submit(&ticket, action).await.unwrap().pressed.unwrap() });
    }
    let outcomes = racers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.took_money()).count(), 1, "{outcomes:?}");
    assert!(store.overtaken.load(Ordering::SeqCst) >= MANY - 1, "nobody was overtaken");
    let charge = store.find_charge(REFERENCE).await.unwrap().unwrap();
    assert_eq!(charge.notices_due, 1);
    assert!(charge.version <= 3, "opened, perhaps left hanging, paid: {charge:?}");
}
