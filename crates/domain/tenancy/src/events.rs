//! What happened to a tenant, and whom it concerns: the one table of this context. The views hold nothing personal, so each
//! is the event's data as it stands.

use domicile_kernel::{Audience, EventId, HostelId, Instant, NewEvent, Permission};
use serde_json::json;

use crate::model::{FlagsView, HostelView, SettingsView};

/// Something that happened, with what it leaves behind.
#[derive(Debug, Clone)]
pub enum Happened<'a> {
    /// `hostel.created`.
    HostelCreated(&'a HostelView),
    /// `hostel.updated`.
    HostelUpdated(&'a HostelView),
    /// `settings.updated`.
    SettingsUpdated(&'a SettingsView),
    /// `feature_flags.updated`, of a hostel, at an instant.
    FlagsUpdated(HostelId, &'a FlagsView, Instant),
}

impl Happened<'_> {
    /// Every printed name.
    pub const KINDS: &'static [&'static str] =
        &["hostel.created", "hostel.updated", "settings.updated", "feature_flags.updated"];

    /// The printed name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::HostelCreated(_) => "hostel.created",
            Self::HostelUpdated(_) => "hostel.updated",
            Self::SettingsUpdated(_) => "settings.updated",
            Self::FlagsUpdated(..) => "feature_flags.updated",
        }
    }

    /// Whom it concerns.
    #[must_use]
    pub const fn audience(&self) -> Audience {
        match self {
            Self::HostelCreated(_) | Self::HostelUpdated(_) => Audience::Permission(Permission::HostelsManage),
            Self::SettingsUpdated(_) => Audience::Permission(Permission::SettingsRead),
            Self::FlagsUpdated(..) => Audience::Hostel,
        }
    }

    /// The event to record. Flags have no version of their own: the instant in microseconds stands for it, which grows
    /// the same way.
    #[must_use]
    pub fn event(&self, id: EventId) -> NewEvent {
        let (aggregate, hostel, version, at, data) = match self {
            Self::HostelCreated(view) => ("hostel", view.id, view.version, view.created_at, json!(view)),
            Self::HostelUpdated(view) => ("hostel", view.id, view.version, view.updated_at, json!(view)),
            Self::SettingsUpdated(view) => ("settings", view.hostel_id, view.version, view.updated_at, json!(view)),
            Self::FlagsUpdated(hostel, view, at) => ("feature_flags", *hostel, at.micros(), *at, json!(view)),
        };
        NewEvent {
            id,
            kind: self.kind(),
            version: 1,
            audience: self.audience(),
            aggregate,
            aggregate_id: hostel.uuid(),
            aggregate_version: version,
            at,
            data,
        }
    }
}
