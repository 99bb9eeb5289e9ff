//! Reading what is committed in memory.

use std::cmp::Ordering;

use async_trait::async_trait;
use domicile_kernel::{AccountId, Call, Cursor, HostelId, Instant, Page, PageOf, SessionId, StoreError};

use super::{MemoryAccess, Reach};
use crate::{
    model::Account,
    ports::{AccessQueries, HouseStanding, Standing},
    queries::{AuditFilter, AuditView, HostelMembershipView, SessionView, UserFilter, UserView},
};

impl UserFilter {
    fn admits(&self, user: &UserView) -> bool {
        let text = format!("{} {} {}", user.first_name, user.last_name, user.email).to_ascii_lowercase();
        self.role.is_none_or(|role| role == user.role)
            && self.status.is_none_or(|status| status == user.status)
            && self.search.as_deref().is_none_or(|search| text.contains(&search.to_ascii_lowercase()))
    }
}

impl AuditFilter {
    fn admits(&self, row: &AuditView) -> bool {
        self.action.as_deref().is_none_or(|action| action == row.action)
            && self.actor.as_deref().is_none_or(|actor| actor == row.actor)
            && self.target.as_deref().is_none_or(|target| target == row.target)
            && self.target_id.is_none_or(|id| Some(id) == row.target_id)
            && self.from.is_none_or(|from| row.at >= from)
            && self.to.is_none_or(|to| row.at < to)
    }
}

/// Instants sort by number, everything else by text.
fn compare(a: &Cursor, b: &Cursor) -> Ordering {
    let keys = match (a.key.parse::<i64>(), b.key.parse::<i64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.key.cmp(&b.key),
    };
    keys.then(a.id.cmp(&b.id))
}

fn cut<T>(mut rows: Vec<T>, page: &Page, key: impl Fn(&T) -> Cursor) -> PageOf<T> {
    rows.sort_by(|a, b| compare(&key(a), &key(b)));
    if page.descending {
        rows.reverse();
    }
    PageOf::cut(rows, page, key)
}

#[async_trait]
impl AccessQueries for MemoryAccess {
    async fn users(&self, call: &Call, filter: &UserFilter, page: &Page) -> Result<PageOf<UserView>, StoreError> {
        let state = self.state();
        let hostel = call.scope.hostel();
        let members = state.memberships.values().filter(|one| Some(one.hostel_id) == hostel);
        let rows = members.map(UserView::from).filter(|user| filter.admits(user)).collect();
        Ok(cut(rows, page, |user: &UserView| {
            let key = match page.sort {
                "first_name" => user.first_name.as_str().to_owned(),
                "last_name" => user.last_name.as_str().to_owned(),
                "email" => user.email.as_str().to_owned(),
                _ => user.created_at.micros().to_string(),
            };
            Cursor { key, id: user.id.uuid() }
        }))
    }

    async fn user(&self, call: &Call, id: AccountId) -> Result<Option<UserView>, StoreError> {
        let state = self.state();
        Ok(call.scope.hostel().and_then(|hostel| state.memberships.get(&(hostel, id)).map(UserView::from)))
    }

    async fn account(&self, call: &Call, id: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.state().accounts.get(&id).filter(|_| Reach(call.scope).account(id)).cloned())
    }

    async fn sessions(&self, call: &Call, account: AccountId, now: Instant) -> Result<Vec<SessionView>, StoreError> {
        let state = self.state();
        let own = state.sessions.values().filter(|one| one.account_id == account && one.is_live(now));
        let mut views: Vec<_> = own.filter(|_| Reach(call.scope).account(account)).map(SessionView::from).collect();
        views.sort_by_key(|view| std::cmp::Reverse((view.last_used_at, view.id)));
        Ok(views)
    }

    async fn memberships(&self, call: &Call, account: AccountId) -> Result<Vec<HostelMembershipView>, StoreError> {
        let state = self.state();
        let reach = Reach(call.scope);
        let own = state.memberships.values().filter(|one| one.account_id == account);
        let mut views: Vec<_> = own
            .filter(|one| reach.membership(one.hostel_id, account) && reach.house(one.hostel_id))
            .filter_map(|one| {
                let (facts, _) = state.houses.get(&one.hostel_id)?;
                let (id, name) = (one.hostel_id, facts.name.clone());
                Some(HostelMembershipView { id, name, role: one.role, status: one.status })
            })
            .collect();
        views.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        Ok(views)
    }

    async fn audit(&self, call: &Call, filter: &AuditFilter, page: &Page) -> Result<PageOf<AuditView>, StoreError> {
        let state = self.state();
        let hostel = call.scope.hostel();
        let own = state.audit.iter().filter(|(filed, _)| hostel.is_some() && *filed == hostel);
        let rows = own.map(|(_, row)| row.clone()).filter(|row| filter.admits(row)).collect();
        Ok(cut(rows, page, |row: &AuditView| Cursor { key: row.at.micros().to_string(), id: row.id.uuid() }))
    }

    async fn standing(&self, session: SessionId, hostel: Option<HostelId>) -> Result<Option<Standing>, StoreError> {
        let state = self.state();
        let Some(session) = state.sessions.get(&session) else { return Ok(None) };
        let Some(account) = state.accounts.get(&session.account_id) else { return Ok(None) };
        let house = hostel.and_then(|id| {
            let (facts, flags) = state.houses.get(&id)?;
            let membership = state.memberships.get(&(id, account.id)).map(|one| (one.role, one.status));
            Some(HouseStanding { active: facts.active, flags: *flags, membership })
        });
        Ok(Some(Standing {
            account: account.id,
            account_status: account.status,
            super_admin: account.super_admin,
            revoked: session.revoked_at.is_some(),
            expires_at: session.expires_at(),
            house,
        }))
    }
}
