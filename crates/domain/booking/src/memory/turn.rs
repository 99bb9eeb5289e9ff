//! Whose turn it is to write. A small fair-enough lock that is awaited, so that the ports in memory need no runtime.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// One holder at a time; the others wait.
#[derive(Default)]
pub(super) struct Turn(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    taken: bool,
    waiting: Vec<Waker>,
}

/// It is the holder's turn until this is dropped.
pub(super) struct Held(Arc<Turn>);

impl Turn {
    /// Waits for the turn.
    pub(super) async fn take(turn: &Arc<Self>) -> Held {
        poll_fn(|context| {
            let mut queue = turn.queue();
            if queue.taken {
                queue.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            queue.taken = true;
            Poll::Ready(())
        })
        .await;
        Held(Arc::clone(turn))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.taken = false;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        // All are woken, and the first to look takes the turn: a waiter that was given up meanwhile loses it for nobody.
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn only_one_holds_the_turn_and_everybody_gets_it() {
        let turn = Arc::new(Turn::default());
        let (inside, served) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let held = pollster::block_on(Turn::take(&turn));
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        served.fetch_add(1, Ordering::SeqCst);
                        drop(held);
                    }
                });
            }
        });
        assert_eq!(served.into_inner(), 1600);
    }
}
