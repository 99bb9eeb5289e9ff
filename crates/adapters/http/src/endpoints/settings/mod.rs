//! How a hostel is set up: settings (J15) and feature flags (J12).

pub(crate) mod flags;
pub(crate) mod get;
pub(crate) mod update;
pub(crate) mod update_flags;
