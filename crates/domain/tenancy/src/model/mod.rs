//! The tenant, its settings and its flags.

mod flags;
mod hostel;
mod settings;

pub use flags::FlagsView;
pub use hostel::{Hostel, HostelKind, HostelStatus, HostelView};
pub use settings::{
    ClockTime, ClockTimeError, Proration, QuietHours, Registration, Settings, SettingsChange, SettingsView, SlaHours,
    bounds,
};
