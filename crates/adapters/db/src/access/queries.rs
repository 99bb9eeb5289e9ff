//! Reading people, sessions, the audit trail, and everything admission asks.

use async_trait::async_trait;
use domicile_access::{
    model::{Account, AccountStatus, MembershipStatus},
    ports::{AccessQueries, HouseStanding, Standing},
    queries::{AuditFilter, AuditView, HostelMembershipView, SessionView, UserFilter, UserView},
};
use domicile_kernel::{
    AccountId, AuditId, Call, Cursor, Feature, Flags, HostelId, Instant, Page, PageOf, Purpose, Role, Scope, SessionId,
    StoreError,
};
use sea_orm::{FromQueryResult, JsonValue};
use uuid::Uuid;

use super::{
    Reach, accounts,
    memberships::{COLUMNS, MembershipRow},
    sessions::{self, SessionRow},
};
use crate::{
    database::Database,
    dialect::{IntoStore, corrupt, joined},
    read::{ListQuery, SortColumn, SortKind, SqlRead},
};

const USER_SORTS: &[SortColumn] = &[
    SortColumn { name: "created_at", column: "m.created_at", kind: SortKind::Number },
    SortColumn { name: "first_name", column: "m.first_name", kind: SortKind::Text },
    SortColumn { name: "last_name", column: "m.last_name", kind: SortKind::Text },
    SortColumn { name: "email", column: "m.email", kind: SortKind::Text },
];

const AUDIT_SORTS: &[SortColumn] = &[SortColumn { name: "at", column: "at", kind: SortKind::Number }];

const AUDIT_COLUMNS: &str =
    "id, seq, at, actor, actor_role, action, target, target_id, before, after, ip, request_id, hash";

#[derive(FromQueryResult)]
struct AuditRow {
    id: Uuid,
    seq: Option<i64>,
    at: i64,
    actor: String,
    actor_role: Option<String>,
    action: String,
    target: String,
    target_id: Option<Uuid>,
    before: Option<JsonValue>,
    after: Option<JsonValue>,
    ip: Option<String>,
    request_id: String,
    hash: Option<String>,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        Self {
            id: AuditId::new(row.id),
            seq: row.seq,
            at: Instant::from_micros(row.at),
            actor: row.actor,
            actor_role: row.actor_role,
            action: row.action,
            target: row.target,
            target_id: row.target_id,
            before: row.before,
            after: row.after,
            ip: row.ip,
            request_id: row.request_id,
            hash: row.hash,
        }
    }
}

#[derive(FromQueryResult)]
struct HostelMembershipRow {
    id: Uuid,
    name: String,
    role: String,
    status: String,
}

#[derive(FromQueryResult)]
struct StandingRow {
    account_id: Uuid,
    account_status: String,
    super_admin: bool,
    revoked_at: Option<i64>,
    idle_expires_at: i64,
    absolute_expires_at: i64,
    hostel_status: Option<String>,
    role: Option<String>,
    membership_status: Option<String>,
    switches: Option<String>,
}

/// A LIKE pattern for a part of a text, its own wildcards taken as they stand.
fn part(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_ascii_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn user_cursor(page: &Page) -> impl Fn(&MembershipRow) -> Cursor {
    let sort = page.sort;
    move |row| {
        let key = match sort {
            "first_name" => row.first_name.clone(),
            "last_name" => row.last_name.clone(),
            "email" => row.email.clone(),
            _ => row.created_at.to_string(),
        };
        Cursor { key, id: row.account_id }
    }
}

#[async_trait]
impl AccessQueries for Database {
    async fn users(&self, call: &Call, filter: &UserFilter, page: &Page) -> Result<PageOf<UserView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let from = "FROM memberships m WHERE m.hostel_id = $1".to_owned();
        let values = vec![read.hostel()?.uuid().into()];
        let mut query = ListQuery { columns: COLUMNS, from, values, id: "m.account_id", sorts: USER_SORTS };
        if let Some(role) = filter.role {
            query.and("m.role = $?", role.as_str());
        }
        if let Some(status) = filter.status {
            query.and("m.status = $?", status.as_str());
        }
        if let Some(search) = &filter.search {
            let condition =
                "(lower(m.first_name || ' ' || m.last_name) LIKE $? ESCAPE '\\' OR lower(m.email) LIKE $? ESCAPE '\\')";
            query.and(condition, part(search));
        }
        let found = query.page(&read.tx, page, user_cursor(page)).await?;
        let rows = found.rows.into_iter().map(|row| row.membership(self.cipher()).map(|m| UserView::from(&m)));
        Ok(PageOf { rows: rows.collect::<Result<_, _>>()?, total: found.total, next: found.next })
    }

    async fn user(&self, call: &Call, id: AccountId) -> Result<Option<UserView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let sql = format!("SELECT {COLUMNS} FROM memberships m WHERE m.hostel_id = $1 AND m.account_id = $2");
        let values = [read.hostel()?.uuid().into(), id.uuid().into()];
        let row = read.tx.one::<MembershipRow>(&sql, values).await.store()?;
        row.map(|row| row.membership(self.cipher()).map(|m| UserView::from(&m))).transpose()
    }

    async fn account(&self, call: &Call, id: AccountId) -> Result<Option<Account>, StoreError> {
        if !Reach(call.scope).account(id) {
            return Ok(None);
        }
        let read = SqlRead::begin(self, call).await?;
        accounts::find_where(&read.tx, self.cipher(), "id = $1", id.uuid().into(), false).await
    }

    async fn sessions(&self, call: &Call, account: AccountId, now: Instant) -> Result<Vec<SessionView>, StoreError> {
        if !Reach(call.scope).account(account) {
            return Ok(Vec::new());
        }
        let read = SqlRead::begin(self, call).await?;
        let sql = format!(
            "SELECT {} FROM sessions WHERE account_id = $1 AND revoked_at IS NULL AND idle_expires_at > $2 \
             AND absolute_expires_at > $2 ORDER BY last_used_at DESC, id DESC",
            sessions::COLUMNS
        );
        let rows = read.tx.all::<SessionRow>(&sql, [account.uuid().into(), now.micros().into()]).await.store()?;
        rows.into_iter().map(|row| row.session().map(|session| SessionView::from(&session))).collect()
    }

    async fn memberships(&self, call: &Call, account: AccountId) -> Result<Vec<HostelMembershipView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let sql = "SELECT h.id, h.name, m.role, m.status FROM memberships m JOIN hostels h ON h.id = m.hostel_id \
                   WHERE m.account_id = $1 ORDER BY h.name, h.id";
        let rows = read.tx.all::<HostelMembershipRow>(sql, [account.uuid().into()]).await.store()?;
        rows.into_iter()
            .map(|row| {
                Ok(HostelMembershipView {
                    id: HostelId::new(row.id),
                    name: row.name,
                    role: Role::parse(&row.role).ok_or_else(|| corrupt("memberships.role"))?,
                    status: MembershipStatus::parse(&row.status).ok_or_else(|| corrupt("memberships.status"))?,
                })
            })
            .collect()
    }

    async fn audit(&self, call: &Call, filter: &AuditFilter, page: &Page) -> Result<PageOf<AuditView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let from = "FROM audit_log WHERE hostel_id = $1".to_owned();
        let values = vec![read.hostel()?.uuid().into()];
        let mut query = ListQuery { columns: AUDIT_COLUMNS, from, values, id: "id", sorts: AUDIT_SORTS };
        if let Some(action) = &filter.action {
            query.and("action = $?", action.as_str());
        }
        if let Some(actor) = &filter.actor {
            query.and("actor = $?", actor.as_str());
        }
        if let Some(target) = &filter.target {
            query.and("target = $?", target.as_str());
        }
        if let Some(target) = filter.target_id {
            query.and("target_id = $?", target);
        }
        if let Some(from) = filter.from {
            query.and("at >= $?", from.micros());
        }
        if let Some(to) = filter.to {
            query.and("at < $?", to.micros());
        }
        let cursor = |row: &AuditRow| Cursor { key: row.at.to_string(), id: row.id };
        Ok(query.page(&read.tx, page, cursor).await?.map(AuditView::from))
    }

    async fn standing(&self, session: SessionId, hostel: Option<HostelId>) -> Result<Option<Standing>, StoreError> {
        let read = SqlRead::begin_in(self, Scope::System(Purpose::Lobby)).await?;
        let sql = format!(
            "SELECT s.account_id, a.status AS account_status, a.super_admin, s.revoked_at, s.idle_expires_at, \
             s.absolute_expires_at, h.status AS hostel_status, m.role, m.status AS membership_status, \
             (SELECT {} FROM feature_flags f WHERE f.hostel_id = h.id) AS switches \
             FROM sessions s JOIN accounts a ON a.id = s.account_id LEFT JOIN hostels h ON h.id = $2 \
             LEFT JOIN memberships m ON m.hostel_id = h.id AND m.account_id = s.account_id WHERE s.id = $1",
            joined(read.tx.is_postgres(), "(CASE WHEN f.enabled THEN '+' ELSE '-' END || f.feature_key)")
        );
        let values = [session.uuid().into(), hostel.map_or_else(Uuid::nil, HostelId::uuid).into()];
        read.tx.one::<StandingRow>(&sql, values).await.store()?.map(standing).transpose()
    }
}

fn standing(row: StandingRow) -> Result<Standing, StoreError> {
    let membership = match (&row.role, &row.membership_status) {
        (Some(role), Some(status)) => Some((
            Role::parse(role).ok_or_else(|| corrupt("memberships.role"))?,
            MembershipStatus::parse(status).ok_or_else(|| corrupt("memberships.status"))?,
        )),
        _ => None,
    };
    Ok(Standing {
        account: AccountId::new(row.account_id),
        account_status: AccountStatus::parse(&row.account_status).ok_or_else(|| corrupt("accounts.status"))?,
        super_admin: row.super_admin,
        revoked: row.revoked_at.is_some(),
        expires_at: Instant::from_micros(row.idle_expires_at.min(row.absolute_expires_at)),
        house: row.hostel_status.map(|status| HouseStanding {
            active: status == "active",
            flags: flags_of(row.switches.as_deref().unwrap_or("")),
            membership,
        }),
    })
}

/// The flags that rows of `+key` and `-key` say; a feature without a row has its default, as when flags are read alone.
fn flags_of(switches: &str) -> Flags {
    let known = switches.split(',').filter_map(|switch| {
        let (on, key) = match switch.split_at_checked(1)? {
            ("+", key) => (true, key),
            (_, key) => (false, key),
        };
        Feature::parse(key).map(|feature| (feature, on))
    });
    known.fold(Flags::defaults(), |flags, (feature, on)| flags.with(feature, on))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_without_a_row_has_its_default() {
        assert_eq!(flags_of(""), Flags::defaults());
        let flags = flags_of("-payments,+shuttle_booking,+a_feature_of_a_later_release");
        assert_eq!(flags, Flags::defaults().with(Feature::Payments, false).with(Feature::ShuttleBooking, true));
    }
}
