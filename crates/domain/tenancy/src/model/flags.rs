//! The feature flags of a hostel, as they go out.

use domicile_kernel::{Feature, Flags};
use serde::{Deserialize, Serialize};

/// Which features are on: one member a feature, in the order of the requirement's table (J12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FlagsView {
    /// Room Booking.
    pub room_booking: bool,
    /// Shuttle Booking.
    pub shuttle_booking: bool,
    /// Maintenance Requests.
    pub maintenance_requests: bool,
    /// Online Payments.
    pub payments: bool,
    /// Feedback & Reviews.
    pub feedback: bool,
    /// Support & Help.
    pub support: bool,
    /// Notifications.
    pub notifications: bool,
    /// Profile Editing.
    pub profile_editing: bool,
}

impl From<Flags> for FlagsView {
    fn from(flags: Flags) -> Self {
        Self {
            room_booking: flags.is_on(Feature::RoomBooking),
            shuttle_booking: flags.is_on(Feature::ShuttleBooking),
            maintenance_requests: flags.is_on(Feature::MaintenanceRequests),
            payments: flags.is_on(Feature::Payments),
            feedback: flags.is_on(Feature::Feedback),
            support: flags.is_on(Feature::Support),
            notifications: flags.is_on(Feature::Notifications),
            profile_editing: flags.is_on(Feature::ProfileEditing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_has_every_feature_under_its_key_in_the_order_of_the_table() {
        let text = serde_json::to_string(&FlagsView::from(Flags::defaults())).unwrap();
        let members: Vec<String> =
            Feature::ALL.iter().map(|feature| format!("\"{}\":{}", feature.key(), feature.default_on())).collect();
        assert_eq!(text, format!("{{{}}}", members.join(",")));
    }

    #[test]
    fn each_feature_switches_its_own_member() {
        let none = Feature::ALL.iter().fold(Flags::all(), |flags, feature| flags.with(*feature, false));
        for feature in Feature::ALL {
            let value = serde_json::to_value(FlagsView::from(none.with(*feature, true))).unwrap();
            for other in Feature::ALL {
                assert_eq!(value[other.key()], other == feature, "{}", other.key());
            }
        }
    }
}
