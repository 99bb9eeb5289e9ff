//! Reading hostels, settings and flags.

use async_trait::async_trait;
use domicile_kernel::{AccountId, Call, Cursor, Flags, HostelId, Page, PageOf, StoreError};
use domicile_tenancy::{HostelView, SettingsView, TenancyQueries};

use super::{
    flags,
    hostels::{COLUMNS, HostelRow},
    settings,
};
use crate::{
    database::Database,
    dialect::IntoStore,
    read::{ListQuery, SortColumn, SortKind, SqlRead},
};

const SORTS: &[SortColumn] = &[
    SortColumn { name: "created_at", column: "h.created_at", kind: SortKind::Number },
    SortColumn { name: "name", column: "h.name", kind: SortKind::Text },
];

async fn list(read: &SqlRead, query: ListQuery<'_>, page: &Page) -> Result<PageOf<HostelView>, StoreError> {
    let by_name = page.sort == "name";
    let cursor = |row: &HostelRow| Cursor {
        key: if by_name { row.name.clone() } else { row.created_at.to_string() },
        id: row.id,
    };
    let found = query.page(&read.tx, page, cursor).await?;
    let rows = found.rows.into_iter().map(HostelRow::view).collect::<Result<_, _>>()?;
    Ok(PageOf { rows, total: found.total, next: found.next })
}

#[async_trait]
impl TenancyQueries for Database {
    async fn hostels(&self, call: &Call, page: &Page) -> Result<PageOf<HostelView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let from = "FROM hostels h WHERE 1 = 1".to_owned();
        list(&read, ListQuery { columns: COLUMNS, from, values: Vec::new(), id: "h.id", sorts: SORTS }, page).await
    }

    async fn hostels_of(&self, call: &Call, account: AccountId, page: &Page) -> Result<PageOf<HostelView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let from =
            "FROM hostels h JOIN memberships m ON m.hostel_id = h.id WHERE m.status = 'active' AND m.account_id = $1"
                .to_owned();
        let values = vec![account.uuid().into()];
        list(&read, ListQuery { columns: COLUMNS, from, values, id: "h.id", sorts: SORTS }, page).await
    }

    async fn hostel(&self, call: &Call, id: HostelId) -> Result<Option<HostelView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let sql = format!("SELECT {COLUMNS} FROM hostels h WHERE h.id = $1");
        read.tx.one::<HostelRow>(&sql, [id.uuid().into()]).await.store()?.map(HostelRow::view).transpose()
    }

    async fn settings(&self, call: &Call, hostel: HostelId) -> Result<Option<SettingsView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        if read.scope_excludes(hostel) { Ok(None) } else { settings::load(&read.tx, hostel).await }
    }

    async fn flags(&self, call: &Call, hostel: HostelId) -> Result<Option<Flags>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        if read.scope_excludes(hostel) { Ok(None) } else { flags::load(&read.tx, hostel, false).await }
    }
}
