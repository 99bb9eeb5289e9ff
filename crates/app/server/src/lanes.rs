//! Carrying out due jobs, lane by lane: jobs of one lane wait for each other, those of different lanes do not. There is one
//! taker, which leaves the jobs of a lane without room where they are; so a payment gateway that hangs fills its own lane,
//! and mails go out and holds end meanwhile.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use domicile_kernel::StoreError;
use domicile_workflows::{Lane, LeasedJob, Worker};
use tokio::task::{Id, JoinSet};

use crate::{
    background::{Stop, stopped},
    bridges::AfterCommit,
};

/// How long the taker sleeps when nothing wakes it.
const POLL: Duration = Duration::from_millis(500);

/// Does due jobs until told to end. What was taken and not begun is given back then, what runs is waited for.
pub async fn work(worker: Arc<Worker>, after: Arc<AfterCommit>, mut stop: Stop) {
    let mut lanes = Lanes::new(worker);
    loop {
        lanes.begin();
        let free = lanes.free();
        if !free.is_empty() && !*stop.borrow() {
            match lanes.worker.take(&free).await {
                // More may be due, some of it because of what is just being done.
                Ok(jobs) if !jobs.is_empty() => {
                    lanes.receive(jobs);
                    continue;
                }
                Ok(_) => {}
                Err(error) => warn(&error, "jobs could not be taken; the worker will try again"),
            }
        }
        tokio::select! {
            () = lanes.ended() => {}
            () = after.jobs.notified(), if !free.is_empty() => {}
            () = tokio::time::sleep(POLL) => {}
            () = stopped(&mut stop) => break,
        }
    }
    lanes.finish().await;
}

/// A lane with what is in it.
struct Track {
    lane: Lane,
    waiting: VecDeque<LeasedJob>,
    busy: usize,
}

impl Track {
    fn has_room(&self) -> bool {
        self.busy < self.lane.at_once()
    }
}

struct Lanes {
    worker: Arc<Worker>,
    tracks: Vec<Track>,
    running: JoinSet<()>,
    lane_of: HashMap<Id, Lane>,
}

impl Lanes {
    fn new(worker: Arc<Worker>) -> Self {
        let track = |lane| Track { lane, waiting: VecDeque::new(), busy: 0 };
        Self { worker, tracks: Lane::ALL.map(track).into(), running: JoinSet::new(), lane_of: HashMap::new() }
    }

    /// The lanes that can take more: nothing waits in them, and there is room.
    fn free(&self) -> Vec<Lane> {
        let free = self.tracks.iter().filter(|track| track.waiting.is_empty() && track.has_room());
        free.map(|track| track.lane).collect()
    }

    fn receive(&mut self, jobs: Vec<LeasedJob>) {
        for job in jobs {
            let lane = Lane::of(&job.kind);
            if let Some(track) = self.tracks.iter_mut().find(|track| track.lane == lane) {
                track.waiting.push_back(job);
            }
        }
    }

    /// Begins what waits, as far as there is room.
    fn begin(&mut self) {
        for track in &mut self.tracks {
            while track.has_room() {
                let Some(job) = track.waiting.pop_front() else { break };
                let worker = Arc::clone(&self.worker);
                let begun = self.running.spawn(async move {
                    if let Err(error) = worker.carry_out(job).await {
                        warn(&error, "a job could not be settled; it comes again when its lease is over");
                    }
                });
                self.lane_of.insert(begun.id(), track.lane);
                track.busy += 1;
            }
        }
    }

    /// Waits until one has ended; for ever when none runs. One that panicked comes again when its lease is over.
    async fn ended(&mut self) {
        let id = match self.running.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                if error.is_panic() {
                    tracing::error!(%error, "a job panicked; it comes again when its lease is over");
                }
                error.id()
            }
            None => return std::future::pending().await,
        };
        let Some(lane) = self.lane_of.remove(&id) else { return };
        if let Some(track) = self.tracks.iter_mut().find(|track| track.lane == lane) {
            track.busy = track.busy.saturating_sub(1);
        }
    }

    async fn finish(mut self) {
        for job in self.tracks.iter().flat_map(|track| &track.waiting) {
            if let Err(error) = self.worker.give_back(job).await {
                warn(&error, "a job could not be given back; it comes again when its lease is over");
            }
        }
        while self.running.join_next().await.is_some() {}
    }
}

fn warn(error: &StoreError, what: &str) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}
