//! The threads that compute argon2, and the memory they own. A hash needs 19 MiB and a core for some twenty
//! milliseconds, so how many run at once is fixed, each in memory that was taken at the start; how many may wait, and how
//! long, is bounded too. Whoever stops waiting frees the place at once; a hash that has begun runs to its end and its
//! place stays taken until then.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use argon2::{Argon2, Block};
use domicile_access::crypto::HashingError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use zeroize::Zeroizing;

/// One hash to compute.
pub(super) struct Work {
    pub(super) argon2: Argon2<'static>,
    pub(super) password: Zeroizing<Vec<u8>>,
    pub(super) salt: Vec<u8>,
    /// How many bytes of hash, 1 to 64.
    pub(super) output: usize,
}

/// What is computed: the hash.
pub(super) type Output = Zeroizing<Vec<u8>>;

struct Job {
    work: Work,
    reply: oneshot::Sender<Result<Output, HashingError>>,
    /// Held inside the work, because dropping the request does not stop it.
    _place: OwnedSemaphorePermit,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) computed: AtomicU64,
    pub(super) working: AtomicUsize,
    pub(super) most_working: AtomicUsize,
    pub(super) waiting: AtomicUsize,
    /// Memory of all blocks now and at the worst moment, in bytes.
    pub(super) memory: AtomicU64,
    pub(super) most_memory: AtomicU64,
}

impl Counters {
    fn take_memory(&self, blocks: usize) {
        let bytes = (blocks * Block::SIZE) as u64;
        let now = self.memory.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.most_memory.fetch_max(now, Ordering::SeqCst);
    }

    fn free_memory(&self, blocks: usize) {
        self.memory.fetch_sub((blocks * Block::SIZE) as u64, Ordering::SeqCst);
    }
}

/// How long a worker keeps its memory with nothing to do. Taking it again costs a few milliseconds.
pub(super) const QUIET: Duration = Duration::from_secs(30);

/// How much a worker stands back for everybody else in the process, on the scale of `nice`. A hash holds a core for some
/// twenty milliseconds; whoever only wants to read must not wait for it.
const NICENESS: i32 = 5;

/// Lets other threads go first; hashing goes on when the system does not allow it. On Linux this is the calling thread's
/// alone.
fn stand_back() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "hashing does not stand back for other work");
    }
}

/// A worker's memory: none, or enough for a hash of today's parameters.
struct Memory<'a> {
    blocks: Vec<Block>,
    most: usize,
    counters: &'a Counters,
}

impl Memory<'_> {
    fn take(&mut self) -> &mut [Block] {
        if self.blocks.is_empty() {
            self.counters.take_memory(self.most);
            self.blocks = vec![Block::new(); self.most];
        }
        &mut self.blocks
    }

    fn give_back(&mut self) {
        if !self.blocks.is_empty() {
            self.blocks = Vec::new();
            self.counters.free_memory(self.most);
        }
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

pub(super) struct Pool {
    jobs: mpsc::Sender<Job>,
    places: Arc<Semaphore>,
    counters: Arc<Counters>,
    queue: usize,
    patience: Duration,
}

impl Pool {
    /// Starts `workers` threads, each of which takes memory of `blocks` KiB for its first hash and gives it back when it has had
    /// nothing to do for a while. They end when the pool is dropped.
    pub(super) fn start(
        workers: usize,
        blocks: usize,
        queue: usize,
        patience: Duration,
        quiet: Duration,
    ) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        let counters = Arc::new(Counters::default());
        for number in 0..workers {
            let (waiting, counters) = (Arc::clone(&waiting), Arc::clone(&counters));
            thread::Builder::new().name(format!("argon2-{number}")).spawn(move || {
                stand_back();
                let mut memory = Memory { blocks: Vec::new(), most: blocks, counters: &counters };
                loop {
                    // The lock is held only while waiting for the next job, so the others compute meanwhile. Those who wait
                    // for the lock keep their memory until it is their turn to find that nothing comes.
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(quiet);
                    match next {
                        Ok(job) => work_off(job, &mut memory, &counters),
                        Err(RecvTimeoutError::Timeout) => memory.give_back(),
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
            })?;
        }
        Ok(Self { jobs, places: Arc::new(Semaphore::new(workers)), counters, queue, patience })
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a place without computing anything.
    #[cfg(test)]
    pub(super) fn occupy(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.places).try_acquire_owned().unwrap()
    }

    #[cfg(test)]
    pub(super) fn shared_counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Computes one hash, waiting for a place when all are taken.
    pub(super) async fn compute(&self, work: Work) -> Result<Output, HashingError> {
        let place = self.place().await?;
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { work, reply, _place: place }).or(Err(HashingError::Failed))?;
        answer.await.or(Err(HashingError::Failed))?
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, HashingError> {
        // Places are handed to who waits first; one is free here only when nobody waits.
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = Waiting::enter(&self.counters, self.queue).ok_or(HashingError::Busy)?;
        match tokio::time::timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_closed)) => Err(HashingError::Failed),
            Err(_elapsed) => Err(HashingError::Busy),
        }
    }
}

/// A place in the queue, given back when dropped, also by whoever stops waiting.
struct Waiting<'a>(&'a Counters);

impl<'a> Waiting<'a> {
    fn enter(counters: &'a Counters, limit: usize) -> Option<Self> {
        let enter = |waiting: usize| (waiting < limit).then_some(waiting + 1);
        counters.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, enter).ok().map(|_| Self(counters))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

fn work_off(job: Job, memory: &mut Memory<'_>, counters: &Counters) {
    if job.reply.is_closed() {
        return;
    }
    let working = counters.working.fetch_add(1, Ordering::SeqCst) + 1;
    counters.most_working.fetch_max(working, Ordering::SeqCst);
    // A panic inside must cost one answer, not the thread.
    let outcome = catch_unwind(AssertUnwindSafe(|| compute(&job.work, memory, counters)));
    counters.working.fetch_sub(1, Ordering::SeqCst);
    counters.computed.fetch_add(1, Ordering::SeqCst);
    // Nobody listening any more is as good as an answer.
    let _ = job.reply.send(outcome.unwrap_or(Err(HashingError::Failed)));
}

fn compute(work: &Work, memory: &mut Memory<'_>, counters: &Counters) -> Result<Output, HashingError> {
    let mut output = Zeroizing::new(vec![0; work.output]);
    let blocks = work.argon2.params().block_count();
    let outcome = if blocks <= memory.most {
        work.argon2.hash_password_into_with_memory(&work.password, &work.salt, &mut output, memory.take())
    } else {
        // A stored hash of stronger parameters than today's: rare, and its memory is given back.
        counters.take_memory(blocks);
        let mut larger = vec![Block::new(); blocks];
        let outcome = work.argon2.hash_password_into_with_memory(&work.password, &work.salt, &mut output, &mut larger);
        drop(larger);
        counters.free_memory(blocks);
        outcome
    };
    outcome.map(|()| output).map_err(|error| {
        tracing::error!(%error, "argon2 refused its input");
        HashingError::Failed
    })
}
