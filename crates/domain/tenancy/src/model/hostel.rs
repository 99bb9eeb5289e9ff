//! A tenant: a hostel that lets beds, or a society of flats.

use domicile_kernel::{HostelId, Instant, Text};
use serde::{Deserialize, Serialize};

/// What sort of house the tenant is. Fixed when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HostelKind {
    /// Beds let by the month.
    Hostel,
    /// Flats behind a gate.
    Society,
}

impl HostelKind {
    /// The words on the wire and in the database, in the order of the enum.
    pub const WORDS: &'static [&'static str] = &["hostel", "society"];

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hostel => "hostel",
            Self::Society => "society",
        }
    }

    /// The kind with this word, in lower case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Hostel, Self::Society].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Whether the tenant is in business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HostelStatus {
    /// Open to its members.
    Active,
    /// Kept, but closed to everybody except a super_admin.
    Suspended,
}

impl HostelStatus {
    /// The words on the wire and in the database, in the order of the enum.
    pub const WORDS: &'static [&'static str] = &["active", "suspended"];

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// The status with this word, in lower case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|status| status.as_str() == word)
    }
}

/// A tenant as it goes out, is stored, and is answered again to a repeated request (J1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HostelView {
    /// Its id, sent back as `X-Hostel-ID`.
    pub id: HostelId,
    /// Its name, 2 to 100 characters.
    pub name: Text,
    /// Hostel or society.
    pub kind: HostelKind,
    /// Active or suspended.
    pub status: HostelStatus,
    /// Grows by one with each change, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// A tenant. Nothing of it is hidden, so it is its view with rules around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hostel(HostelView);

impl Hostel {
    /// The fewest characters a name has.
    pub const MIN_NAME: usize = 2;
    /// The most characters a name has.
    pub const MAX_NAME: usize = 100;

    /// A new tenant: active, version 1.
    #[must_use]
    pub fn founded(id: HostelId, name: Text, kind: HostelKind, at: Instant) -> Self {
        Self(HostelView { id, name, kind, status: HostelStatus::Active, version: 1, created_at: at, updated_at: at })
    }

    /// A tenant as it was stored.
    #[must_use]
    pub const fn restored(view: HostelView) -> Self {
        Self(view)
    }

    /// The tenant with a new name, a new status or both, one version on. Either status may follow the other.
    #[must_use]
    pub fn changed(self, name: Option<Text>, status: Option<HostelStatus>, at: Instant) -> Self {
        let before = self.0;
        Self(HostelView {
            name: name.unwrap_or(before.name),
            status: status.unwrap_or(before.status),
            version: before.version + 1,
            updated_at: at,
            ..before
        })
    }

    /// Which one.
    #[must_use]
    pub const fn id(&self) -> HostelId {
        self.0.id
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.0.version
    }

    /// All of it.
    #[must_use]
    pub const fn view(&self) -> &HostelView {
        &self.0
    }

    /// All of it, owned.
    #[must_use]
    pub fn into_view(self) -> HostelView {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for word in HostelKind::WORDS {
            assert_eq!(HostelKind::parse(word).map(HostelKind::as_str), Some(*word));
        }
        for word in HostelStatus::WORDS {
            assert_eq!(HostelStatus::parse(word).map(HostelStatus::as_str), Some(*word));
        }
        assert_eq!(HostelKind::parse("palace"), None);
    }

    #[test]
    fn a_change_touches_only_what_it_names_and_the_version() {
        let at = Instant::from_seconds(10);
        let later = Instant::from_seconds(20);
        let hostel =
            Hostel::founded(HostelId::new(uuid::Uuid::nil()), Text::clean("Green Acres"), HostelKind::Society, at);
        let changed = hostel.clone().changed(None, Some(HostelStatus::Suspended), later);
        assert_eq!(changed.view().name, hostel.view().name);
        assert_eq!(changed.view().kind, HostelKind::Society);
        assert_eq!((changed.version(), changed.view().created_at, changed.view().updated_at), (2, at, later));
    }
}
