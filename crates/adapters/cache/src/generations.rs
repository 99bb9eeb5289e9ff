//! Counters that say which answers are still worth asking for.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

use crate::Topic;

/// One counter for each topic and scope, in a table of fixed size, and one for each topic as a whole. Two scopes that fall
/// on the same counter only make each other load once more; so memory is bounded whatever scopes there are, and nothing is
/// ever locked.
pub struct Generations {
    scoped: Box<[AtomicU64]>,
    whole: [AtomicU64; Topic::ALL.len()],
}

/// 32 KiB of counters.
const COUNTERS: usize = 4_096;

/// Which writes an answer may have missed: none that ended a generation before this one was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    whole: u64,
    scoped: u64,
}

impl fmt::Display for Generation {
    /// Two numbers side by side, as keys carry them: either may grow, and no earlier pair comes back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.whole, self.scoped)
    }
}

impl Default for Generations {
    fn default() -> Self {
        Self { scoped: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(), whole: Default::default() }
    }
}

impl Generations {
    /// The generation that answers of a topic and scope belong to now.
    pub fn current(&self, topic: Topic, scope: Uuid) -> Generation {
        Generation {
            whole: self.whole(topic).map_or(0, |counter| counter.load(Ordering::Acquire)),
            scoped: self.scoped(topic, scope).map_or(0, |counter| counter.load(Ordering::Acquire)),
        }
    }

    /// Ends the generation of one scope. To be called after the database's commit and before the write is answered.
    pub fn bump(&self, topic: Topic, scope: Uuid) {
        if let Some(counter) = self.scoped(topic, scope) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Ends the generations of a topic in every scope: for a write whose scopes nobody can name.
    pub fn bump_topic(&self, topic: Topic) {
        if let Some(counter) = self.whole(topic) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Ends every generation: for a node that may have missed what others wrote.
    pub fn bump_all(&self) {
        for topic in Topic::ALL {
            self.bump_topic(topic);
        }
    }

    fn scoped(&self, topic: Topic, scope: Uuid) -> Option<&AtomicU64> {
        let mut hasher = DefaultHasher::new();
        (topic, scope).hash(&mut hasher);
        self.scoped.get(hasher.finish() as usize % COUNTERS)
    }

    fn whole(&self, topic: Topic) -> Option<&AtomicU64> {
        self.whole.get(topic as usize)
    }
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generations").field("whole", &self.whole).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn scope(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn a_bump_is_seen_by_its_own_scope() {
        let generations = Generations::default();
        let (room, other) = (generations.current(Topic::Rooms, scope(1)), generations.current(Topic::Room, scope(1)));
        let others: Vec<_> = (2..50).map(|n| generations.current(Topic::Rooms, scope(n))).collect();
        generations.bump(Topic::Rooms, scope(1));
        assert_ne!(generations.current(Topic::Rooms, scope(1)), room);
        assert_eq!(generations.current(Topic::Room, scope(1)), other, "another topic stays");
        let after: Vec<_> = (2..50).map(|n| generations.current(Topic::Rooms, scope(n))).collect();
        let disturbed = others.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(disturbed <= 2, "{disturbed} of 48 scopes were disturbed");
    }

    #[test]
    fn a_topic_ends_as_a_whole_and_no_other_with_it() {
        let generations = Generations::default();
        generations.bump(Topic::Profile, scope(1));
        let before: Vec<_> = (0..50).map(|n| generations.current(Topic::Profile, scope(n))).collect();
        let rooms = generations.current(Topic::Rooms, scope(1));
        generations.bump_topic(Topic::Profile);
        let after: Vec<_> = (0..50).map(|n| generations.current(Topic::Profile, scope(n))).collect();
        assert!(before.iter().zip(&after).all(|(before, after)| before != after));
        assert_eq!(generations.current(Topic::Rooms, scope(1)), rooms);
    }

    #[test]
    fn everything_ends_when_somebody_may_have_missed_something() {
        let generations = Generations::default();
        let before = Topic::ALL.map(|topic| generations.current(topic, scope(1)));
        generations.bump_all();
        let after = Topic::ALL.map(|topic| generations.current(topic, scope(1)));
        assert!(before.iter().zip(&after).all(|(before, after)| before != after));
    }
}
