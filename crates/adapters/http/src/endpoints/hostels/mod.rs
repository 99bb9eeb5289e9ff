//! The tenants (J1).

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod mine;
pub(crate) mod update;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::{Filters, KeyKind, SortField};

/// Lists of hostels are only sorted.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct HostelFilters {}

impl Filters for HostelFilters {
    const SORTS: &'static [SortField] =
        &[SortField::new("name", KeyKind::Text), SortField::new("created_at", KeyKind::Whole)];
    const DEFAULT: (&'static str, bool) = ("name", false);
}
