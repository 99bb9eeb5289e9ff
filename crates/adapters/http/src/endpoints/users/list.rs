//! `GET /users`: the members of the hostel.

use actix_web::web::Data;
use domicile_access::{MembershipStatus, UserFilter, UserView};
use domicile_kernel::{Checks, FieldErrors, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{Answer, ApiError, AppState, Caller, Filters, KeyKind, Listing, SortField};

/// Which members.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UserFilters {
    /// What they are here.
    role: Option<String>,
    /// `active`, `pending` or `deactivated`.
    status: Option<String>,
    /// Part of the name or the address.
    search: Option<String>,
}

impl Filters for UserFilters {
    const SORTS: &'static [SortField] = &[
        SortField::new("created_at", KeyKind::Whole),
        SortField::new("first_name", KeyKind::Text),
        SortField::new("last_name", KeyKind::Text),
        SortField::new("email", KeyKind::Text),
    ];
    const DEFAULT: (&'static str, bool) = ("created_at", true);
}

impl UserFilters {
    fn check(&self) -> Result<UserFilter, FieldErrors> {
        let roles: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
        let mut checks = Checks::new();
        let filter = UserFilter {
            role: checks.one_of("role", self.role.as_deref(), Role::parse, &roles),
            status: checks.one_of("status", self.status.as_deref(), MembershipStatus::parse, MembershipStatus::WORDS),
            search: checks.text("search", self.search.as_deref(), 1, 100, "").map(domicile_kernel::Text::into_string),
        };
        checks.finish()?;
        Ok(filter)
    }
}

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<UserFilters>,
) -> Result<Answer<Vec<UserView>>, ApiError> {
    let filter = listing.filters.check()?;
    let (service, page) = (state.directory.clone(), listing.page.clone());
    let found = state.shell.read(async move { service.list_users(&call, &filter, &page).await }).await?;
    Ok(Answer::page(&listing, found))
}
