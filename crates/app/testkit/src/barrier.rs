//! Races: many tasks let go at one moment, with the proof that they were really under way together.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Barrier, task::JoinSet};

/// What came of a race.
#[derive(Debug)]
pub struct Race<T> {
    /// One result a task, in the order of their numbers.
    pub results: Vec<T>,
    /// From when to when each task ran, by number.
    spans: Vec<(Instant, Instant)>,
}

/// Runs `n` tasks, numbered from 0, that wait for one another before the first one acts.
///
/// What `task` does before it returns its future is preparation and happens before the start.
///
/// # Panics
/// When a task panics, with its panic.
pub async fn race<T, M, F>(n: usize, mut task: M) -> Race<T>
where
    M: FnMut(usize) -> F,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let barrier = Arc::new(Barrier::new(n.max(1)));
    let mut tasks = JoinSet::new();
    for number in 0..n {
        let (barrier, future) = (Arc::clone(&barrier), task(number));
        tasks.spawn(async move {
            barrier.wait().await;
            let start = Instant::now();
            let result = future.await;
            (number, result, (start, Instant::now()))
        });
    }
    let mut finished = Vec::with_capacity(n);
    while let Some(outcome) = tasks.join_next().await {
        match outcome {
            Ok(finish) => finished.push(finish),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => panic!("a task of the race was cancelled: {error}"),
        }
    }
    finished.sort_by_key(|(number, ..)| *number);
    let (results, spans) = finished.into_iter().map(|(_, result, span)| (result, span)).unzip();
    Race { results, spans }
}

impl<T> Race<T> {
    /// The largest number of tasks that were under way at one moment.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        // Where one ends at the instant another starts, the end counts first: touching is not overlapping.
        let mut turns: Vec<(Instant, i64)> =
            self.spans.iter().flat_map(|(start, end)| [(*start, 1), (*end, -1)]).collect();
        turns.sort_unstable();
        let mut now = 0;
        let mut most = 0;
        for (_, turn) in turns {
            now += turn;
            most = most.max(now);
        }
        usize::try_from(most).unwrap_or_default()
    }

    /// From the first start to the last finish.
    #[must_use]
    pub fn took(&self) -> Duration {
        let first = self.spans.iter().map(|(start, _)| *start).min();
        let last = self.spans.iter().map(|(_, end)| *end).max();
        first.zip(last).map(|(first, last)| last - first).unwrap_or_default()
    }

    /// The results, once it is sure that it was a race.
    ///
    /// # Panics
    /// When no two tasks were under way together: then the test has shown nothing.
    #[must_use]
    pub fn assert_overlapped(self) -> Vec<T> {
        let most = self.most_at_once();
        assert!(most > 1, "no two of the {} tasks ran at the same time: this was no race", self.spans.len());
        self.results
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn tasks_behind_the_barrier_overlap_and_keep_their_order() {
        let race = race(20, |number| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            number
        })
        .await;
        assert_eq!(race.most_at_once(), 20);
        assert!(race.took() >= Duration::from_millis(20));
        assert_eq!(race.assert_overlapped(), (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    #[should_panic(expected = "this was no race")]
    async fn tasks_that_ran_one_after_the_other_are_no_race() {
        let race = race(5, |number| async move {
            std::thread::sleep(Duration::from_millis(2));
            number
        })
        .await;
        let _ = race.assert_overlapped();
    }

    #[tokio::test]
    #[should_panic(expected = "the third fell")]
    async fn a_panic_in_a_task_is_the_panic_of_the_race() {
        let _ = race(4, |number| async move { assert!(number != 2, "the third fell") }).await;
    }
}
