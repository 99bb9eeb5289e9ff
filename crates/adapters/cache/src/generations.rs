//! Counters that say which answers are still worth asking for.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

use domicile_kernel::HostelId;

use crate::Topic;

/// One counter for each topic and hostel, in a table of fixed size. Two that fall on the same counter only make each other
/// load once more; so memory is bounded whatever hostels there are, and nothing is ever locked.
pub struct Generations(Box<[AtomicU64]>);

/// 32 KiB of counters.
const COUNTERS: usize = 4_096;

impl Default for Generations {
    fn default() -> Self {
        Self((0..COUNTERS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Generations {
    /// The generation that answers of a topic and hostel belong to now.
    pub fn current(&self, topic: Topic, hostel: HostelId) -> u64 {
        self.counter(topic, hostel).map_or(0, |counter| counter.load(Ordering::Acquire))
    }

    /// Ends the generation. To be called after the database's commit and before the write is answered.
    pub fn bump(&self, topic: Topic, hostel: HostelId) {
        if let Some(counter) = self.counter(topic, hostel) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Ends every generation: for a node that may have missed what others wrote.
    pub fn bump_all(&self) {
        for counter in &self.0 {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn counter(&self, topic: Topic, hostel: HostelId) -> Option<&AtomicU64> {
        let mut hasher = DefaultHasher::new();
        (topic, hostel).hash(&mut hasher);
        self.0.get(hasher.finish() as usize % COUNTERS)
    }
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generations").field("counters", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bump_is_seen_by_its_own_hostel() {
        let generations = Generations::default();
        let hostel = |n| HostelId::new(uuid::Uuid::from_u128(n));
        let others: Vec<u64> = (2..50).map(|n| generations.current(Topic::Rooms, hostel(n))).collect();
        generations.bump(Topic::Rooms, hostel(1));
        assert_eq!(generations.current(Topic::Rooms, hostel(1)), 1);
        let after: Vec<u64> = (2..50).map(|n| generations.current(Topic::Rooms, hostel(n))).collect();
        let disturbed = others.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(disturbed <= 2, "{disturbed} of 48 hostels were disturbed");
        generations.bump_all();
        assert_eq!(generations.current(Topic::Rooms, hostel(1)), 2);
    }
}
