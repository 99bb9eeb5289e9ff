//! Random sequences of money operations over an implementation of the ports: stays that are agreed, changed and given up,
//! payments whole and in parts, webhooks late, repeated and out of order, gateways that lose questions and answers, refunds,
//! wallets and deposits. After each operation everything has to add up; at the end, the ledger and the gateway have to agree
//! on every unit.
//!
//! A sequence is made of its seed alone, so one that fails can be played again: the panic names the seed and the step.

mod checks;
mod play;

use std::sync::Arc;

use domicile_kernel::Role;

use super::{Stage, World};
use crate::{
    BillingJob, Bursar, Unfinished,
    memory::{MemoryGateway, PlainPrinter, RefundMode},
    model::{PaymentId, RefundId, StayFacts},
    ports::{Gateways, RefundStatus},
    usecases::{JobDone, look::ASKING},
};

/// What a sequence came to, for who wants to see that something happened in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Operations that did something.
    pub done: u32,
    /// Operations that were refused.
    pub refused: u32,
    /// Journals in the end.
    pub journals: u64,
    /// Refunds that were paid out.
    pub refunds: u32,
    /// Webhooks that were delivered, repeats included.
    pub webhooks: u32,
}

impl Summary {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            done: self.done + other.done,
            refused: self.refused + other.refused,
            journals: self.journals + other.journals,
            refunds: self.refunds + other.refunds,
            webhooks: self.webhooks + other.webhooks,
        }
    }
}

/// How often the invariants are looked at: after every operation, or after every so many and at the end. Looking costs a
/// database more than the operations do.
#[derive(Debug, Clone, Copy)]
pub struct Looking {
    /// After this many operations.
    pub every: u32,
}

/// Plays one sequence of `steps` operations in a hostel of its own.
pub async fn play(world: &dyn World, seed: u64, steps: u32, looking: Looking) -> Summary {
    let stage = Stage::set(world).await;
    let gateway = Arc::new(MemoryGateway::new("sandbox"));
    let bursar = Bursar::new(
        world.uows(),
        world.queries(),
        Gateways::new().with(gateway.clone()),
        Arc::new(PlainPrinter),
        stage.ambient.clone(),
    );
    let mut game = Game {
        stage,
        gateway,
        bursar,
        dice: Dice(seed),
        stays: Vec::new(),
        payments: Vec::new(),
        refunds: Vec::new(),
        webhooks: Vec::new(),
        summary: Summary::default(),
        place: String::new(),
    };
    game.open().await;
    for step in 1..=steps {
        game.place = format!("seed {seed}, step {step}");
        game.step().await;
        if step % looking.every.max(1) == 0 {
            game.everything_adds_up().await;
        }
    }
    game.place = format!("seed {seed}, the end");
    game.finish().await;
    game.everything_adds_up().await;
    game.the_gateway_agrees().await;
    game.summary
}

/// Plays `count` sequences, with the seeds from `first` on.
pub async fn many(world: &dyn World, first: u64, count: u64, steps: u32, looking: Looking) -> Summary {
    let mut sum = Summary::default();
    for seed in first..first + count {
        sum = sum.and(play(world, seed, steps, looking).await);
    }
    sum
}

/// Numbers that depend on the seed alone: splitmix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A number in `least..=most`.
    fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.below((most - least + 1).max(1) as u64) as i64
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(from.len() as u64) as usize;
        from.get(at).cloned()
    }
}

/// A sequence being played.
struct Game<'a> {
    stage: Stage<'a>,
    gateway: Arc<MemoryGateway>,
    bursar: Bursar,
    dice: Dice,
    stays: Vec<StayFacts>,
    payments: Vec<(PaymentId, String)>,
    refunds: Vec<RefundId>,
    webhooks: Vec<(String, Vec<u8>)>,
    summary: Summary,
    place: String,
}

impl Game<'_> {
    fn admin(&self) -> domicile_kernel::Call {
        self.stage.call_of(self.stage.member(0), Role::Admin)
    }

    fn student(&self, id: domicile_kernel::AccountId) -> domicile_kernel::Call {
        self.stage.call_of(id, Role::Student)
    }

    /// Does what is left to be done, until nothing is: with a gateway that works, and refunds that go through.
    async fn finish(&mut self) {
        self.gateway.calm();
        self.gateway.refunds_go(RefundMode::AtOnce);
        // Whoever was asking when a crowd kept them from writing the answer down asks no more.
        self.stage.world.wait(ASKING);
        for round in 0..20 {
            for reference in self.gateway.open_refunds() {
                self.gateway.settle_refund(&reference, RefundStatus::Processed);
            }
            self.retry_refunds().await;
            let mut left = 0;
            for job in self.waiting_jobs().await {
                let done = self.bursar.perform(&self.stage.installation(), job).await;
                let done = done.unwrap_or_else(|error| panic!("{}: {job:?}: {error}", self.place));
                left += u32::from(matches!(done, JobDone::Again(..)) && !matches!(job.work, crate::Work::Verify(_)));
            }
            if left == 0 && round > 0 {
                return;
            }
        }
        panic!("{}: work is never done", self.place);
    }

    /// What there is to do in this hostel.
    async fn waiting_jobs(&self) -> Vec<BillingJob> {
        let far = super::later(self.stage.ambient.now(), 1_000_000);
        let all = self.stage.world.queries().unfinished(&self.stage.installation(), far, None, 100_000).await.unwrap();
        let own = all.into_iter().filter(|found| found.hostel_id == self.stage.house.id);
        own.map(|Unfinished { hostel_id, work, .. }| BillingJob { hostel_id, work }).collect()
    }
}
