//! Where whoever runs the installation hears of what needs a person to look. Nothing follows from it here.

use domicile_kernel::HostelId;

use crate::model::{InboxEntryId, Unfit};

/// Hears of what needs a person to look.
pub trait Lookout: Send + Sync {
    /// Something that a gateway told was put aside without an effect. Told once of each, after it was written.
    fn put_aside(&self, aside: &PutAside<'_>);
}

/// Something that a gateway told and that has no effect. Of the body nothing but the reference: it names people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutAside<'a> {
    /// Which entry of the inbox.
    pub id: InboxEntryId,
    /// In which hostel, if it names a payment there.
    pub hostel_id: Option<HostelId>,
    /// Who told it.
    pub provider: &'a str,
    /// The reference it names.
    pub reference: Option<&'a str>,
    /// What it does not fit.
    pub unfit: Unfit,
    /// What is wrong, naming a field and never its value.
    pub why: &'a str,
}
