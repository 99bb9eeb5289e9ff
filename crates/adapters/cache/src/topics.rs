//! What is cached, for how long.

use std::time::Duration;

/// What is cached. Closed, so that the generations of a scope are as many as there are topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Room lists without dates, by hostel (J20).
    Rooms,
    /// Room lists with dates, by hostel: how many beds are free is in them (J21).
    Availability,
    /// One room, by room.
    Room,
    /// One's own account, by account (J16).
    Profile,
    /// Settings, by hostel (J15).
    Settings,
    /// Feature flags, by hostel (J12).
    Flags,
}

impl Topic {
    /// Every one, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Rooms, Self::Availability, Self::Room, Self::Profile, Self::Settings, Self::Flags];

    /// The word that its keys begin with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rooms => "rooms",
            Self::Availability => "availability",
            Self::Room => "room",
            Self::Profile => "profile",
            Self::Settings => "settings",
            Self::Flags => "flags",
        }
    }
}

/// How much is kept, for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Keys and values together, in bytes.
    pub max_bytes: u64,
    /// How long rooms are kept, alone and in lists, with dates or without.
    pub rooms: Duration,
    /// How long a profile is kept.
    pub profile: Duration,
    /// How long settings and feature flags are kept.
    pub settings: Duration,
}

impl Default for Limits {
    /// 64 MiB; rooms for five minutes, profiles for an hour, settings for a day, as printed (J10). For feature flags no time
    /// is printed: they change as rarely as settings and by the same hands.
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024 * 1024,
            rooms: Duration::from_mins(5),
            profile: Duration::from_hours(1),
            settings: Duration::from_hours(24),
        }
    }
}

impl Limits {
    /// How long answers of a topic are kept at most.
    #[must_use]
    pub const fn life(&self, topic: Topic) -> Duration {
        match topic {
            Topic::Rooms | Topic::Availability | Topic::Room => self.rooms,
            Topic::Profile => self.profile,
            Topic::Settings | Topic::Flags => self.settings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_is_kept_as_long_as_is_printed() {
        let seconds = |topic| Limits::default().life(topic).as_secs();
        assert_eq!(Topic::ALL.map(seconds), [300, 300, 300, 3_600, 86_400, 86_400]);
    }

    #[test]
    fn topics_are_numbered_in_their_order_and_named_apart() {
        for (number, topic) in Topic::ALL.into_iter().enumerate() {
            assert_eq!(topic as usize, number);
            assert_eq!(Topic::ALL.iter().filter(|other| other.as_str() == topic.as_str()).count(), 1);
        }
    }
}
