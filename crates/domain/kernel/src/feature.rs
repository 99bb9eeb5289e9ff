//! The eight features a hostel can switch off (J12), and the set that is on.

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $key:literal, $label:literal, $default:literal);+ $(;)?) => {
        /// A feature that a hostel's manager or admin can switch off.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Feature { $($(#[$doc])* $name),+ }

        impl Feature {
            /// All, in the order of the requirement's table.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The key on the wire and in the database.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key),+ }
            }

            /// The label for people.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label),+ }
            }

            /// Whether a new hostel starts with it on.
            #[must_use]
            pub const fn default_on(self) -> bool {
                match self { $(Self::$name => $default),+ }
            }

            /// The feature with this key.
            #[must_use]
            pub fn parse(key: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|feature| feature.key() == key)
            }
        }
    };
}

features! {
    /// Writes under `/bookings`.
    RoomBooking = "room_booking", "Room Booking", true;
    /// Seats on the shuttle.
    ShuttleBooking = "shuttle_booking", "Shuttle Booking", false;
    /// Writes under `/maintenance`.
    MaintenanceRequests = "maintenance_requests", "Maintenance Requests", true;
    /// Writes under `/payments` and `/wallet`.
    Payments = "payments", "Online Payments", true;
    /// Feedback and reviews.
    Feedback = "feedback", "Feedback & Reviews", true;
    /// Support tickets.
    Support = "support", "Support & Help", true;
    /// Reading notifications.
    Notifications = "notifications", "Notifications", true;
    /// `PUT /profile`.
    ProfileEditing = "profile_editing", "Profile Editing", true;
}

/// Which features are on, for one hostel. Copyable: one bit a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// Everything on: what jobs and the CLI run with.
    #[must_use]
    pub fn all() -> Self {
        Feature::ALL.iter().fold(Self(0), |flags, feature| flags.with(*feature, true))
    }

    /// What a new hostel starts with.
    #[must_use]
    pub fn defaults() -> Self {
        Feature::ALL.iter().fold(Self(0), |flags, feature| flags.with(*feature, feature.default_on()))
    }

    /// What a new society starts with: no beds to let, no shuttle.
    #[must_use]
    pub fn society_defaults() -> Self {
        Self::defaults().with(Feature::RoomBooking, false).with(Feature::ShuttleBooking, false)
    }

    /// The same set with one feature switched.
    #[must_use]
    pub fn with(self, feature: Feature, on: bool) -> Self {
        let bit = 1 << feature as u16;
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }

    /// Whether a feature is on.
    #[must_use]
    pub fn is_on(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u16) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_hostel_starts_with_the_printed_defaults() {
        let flags = Flags::defaults();
        assert!(!flags.is_on(Feature::ShuttleBooking));
        assert_eq!(Feature::ALL.iter().filter(|f| flags.is_on(**f)).count(), 7);
        assert!(!Flags::society_defaults().is_on(Feature::RoomBooking));
    }

    #[test]
    fn switching_one_leaves_the_others() {
        let flags = Flags::all().with(Feature::Payments, false);
        assert!(!flags.is_on(Feature::Payments));
        assert!(flags.is_on(Feature::Feedback));
        assert_eq!(Feature::parse("payments"), Some(Feature::Payments));
        assert_eq!(Feature::parse("pay"), None);
    }
}
