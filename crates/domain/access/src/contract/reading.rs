//! What is promised of queries.

use super::{
    DAY, World, begin_system, call, commit, house, insert, inserted, join, session_of, sign_in, somebody, system,
};
use crate::{
    model::{Account, AccountStatus, MembershipStatus, RevokeReason, Session},
    ports::{AccountUpdate, HouseFacts, HouseKind, Registration},
    queries::{AuditFilter, UserFilter, UserView},
};
use domicile_kernel::{
    AccountId, Audience, AuditEntry, Feature, Flags, NewEvent, NewJob, Page, PageOf, Permission, Position, Purpose,
    Role, Scope, Text,
};
use serde_json::json;

/// By role, by status, by part of a name or address; sorted either way; by number and by cursor.
pub async fn members_are_listed_filtered_and_paged(world: &dyn World) {
    let hostel = house(world, "Listed").await;
    let names = [("Ama", "Kufuor"), ("Kofi", "Annan"), ("Esi", "Sutherland"), ("Yaw", "Boateng"), ("Adwoa", "Kufuor")];
    let mut ids = Vec::new();
    for (at, (first, last)) in names.iter().enumerate() {
        let mut account = somebody(world);
        account.first_name = Text::clean(first);
        account.last_name = Text::clean(last);
        insert(world, &account).await;
        let role = if at == 0 { Role::Manager } else { Role::Student };
        let status = if at == 1 { MembershipStatus::Pending } else { MembershipStatus::Active };
        join(world, hostel, &account, role, status).await;
        ids.push(account.id);
    }
    let scoped = call(world, Scope::Hostel(hostel));
    let list = async |filter: UserFilter, page: Page| -> PageOf<UserView> {
        world.queries().users(&scoped, &filter, &page).await.unwrap()
    };
    let first_names = |page: &PageOf<UserView>| -> Vec<String> {
        page.rows.iter().map(|user| user.first_name.as_str().to_owned()).collect()
    };
    let by_name = Page::first("first_name", false);
    let everybody = list(UserFilter::default(), by_name.clone()).await;
    assert_eq!((first_names(&everybody).join(" "), everybody.total), ("Adwoa Ama Esi Kofi Yaw".to_owned(), Some(5)));
    let descending = list(UserFilter::default(), Page { descending: true, ..by_name.clone() }).await;
    assert_eq!(first_names(&descending).join(" "), "Yaw Kofi Esi Ama Adwoa");
    let students = UserFilter {
        role: Some(Role::Student),
        status: Some(MembershipStatus::Active),
        search: Some("KUFU".to_owned()),
    };
    let found = list(students, by_name.clone()).await;
    assert_eq!((first_names(&found), found.total), (vec!["Adwoa".to_owned()], Some(1)));
    let full_name = UserFilter { search: Some("kofi annan".to_owned()), ..UserFilter::default() };
    assert_eq!(list(full_name, by_name.clone()).await.rows[0].id, ids[1]);
    for wild in ["%", "_", "\\", "'"] {
        let filter = UserFilter { search: Some(wild.to_owned()), ..UserFilter::default() };
        assert!(list(filter, by_name.clone()).await.rows.is_empty(), "{wild} is no wildcard");
    }
    let second = Page { position: Position::Number(2), limit: 2, ..by_name.clone() };
    assert_eq!(first_names(&list(UserFilter::default(), second).await).join(" "), "Esi Kofi");
    for sort in ["created_at", "first_name", "last_name", "email"] {
        for descending in [false, true] {
            let mut page = Page { position: Position::After(None), limit: 2, sort, descending };
            let mut seen = Vec::new();
            loop {
                let part = list(UserFilter::default(), page.clone()).await;
                assert_eq!(part.total, None);
                seen.extend(part.rows.iter().map(|user| user.id));
                match part.next {
                    Some(next) => page.position = Position::After(Some(next)),
                    None => break,
                }
            }
            seen.sort();
            let mut expected = ids.clone();
            expected.sort();
            assert_eq!(seen, expected, "{sort}, descending {descending}");
        }
    }
}

/// Ended and expired ones are left out.
pub async fn live_sessions_are_listed_last_used_first(world: &dyn World) {
    let account = inserted(world).await;
    let now = world.ambient().now();
    let older = session_of(world, &account);
    let newer = Session { id: world.ambient().id(), last_used_at: now.plus(DAY), ..older.clone() };
    let ended = Session { id: world.ambient().id(), ..older.clone() }.revoked(now, RevokeReason::SignedOut);
    let idle = Session { id: world.ambient().id(), idle_expires_at: now.plus(DAY), ..older.clone() };
    for one in [&older, &newer, &ended, &idle] {
        sign_in(world, one).await;
    }
    let scoped = call(world, Scope::Account(account.id));
    let listed = world.queries().sessions(&scoped, account.id, now.plus(2 * DAY)).await.unwrap();
    assert_eq!(listed.iter().map(|view| view.id).collect::<Vec<_>>(), [newer.id, older.id]);
    let view = &listed[1];
    assert_eq!((&view.device_info, &view.user_agent), (&older.device_info, &older.user_agent));
    assert_eq!((view.ip.as_deref(), view.expires_at, view.current), (Some("2001:db8::7"), older.expires_at(), false));
}

/// By name; every status.
pub async fn memberships_are_listed_with_the_names_of_the_houses(world: &dyn World) {
    let account = inserted(world).await;
    let (zebra, acacia) = (house(world, "Zebra").await, house(world, "Acacia").await);
    join(world, zebra, &account, Role::Student, MembershipStatus::Deactivated).await;
    join(world, acacia, &account, Role::Admin, MembershipStatus::Active).await;
    let lobby = call(world, Scope::System(Purpose::Lobby));
    let listed = world.queries().memberships(&lobby, account.id).await.unwrap();
    assert_eq!((listed[0].id, listed[0].name.as_str(), listed[0].role), (acacia, "Acacia", Role::Admin));
    assert_eq!((listed[1].id, listed[1].status), (zebra, MembershipStatus::Deactivated));
    assert_eq!(listed.len(), 2);
    assert!(world.queries().memberships(&lobby, world.ambient().id()).await.unwrap().is_empty());
}

/// Also the rows that were written in another scope, but filed under the hostel.
pub async fn audit_rows_are_read_by_their_hostel_only(world: &dyn World) {
    let (own, foreign) = (house(world, "Audited").await, house(world, "Not asked").await);
    let ambient = world.ambient();
    let target = ambient.id::<AccountId>().uuid();
    let mut from_enrolment = call(world, Scope::System(Purpose::Enrolment));
    from_enrolment.hostel = Some(own);
    from_enrolment.ip = Some("192.0.2.1".parse().unwrap());
    let calls = [call(world, Scope::Hostel(own)), from_enrolment, call(world, Scope::Hostel(foreign)), system(world)];
    for (call, action) in calls.iter().zip(["user.update", "user.create", "user.update", "user.update"]) {
        let mut uow = world.uows().begin(call).await.unwrap();
        uow.audit(AuditEntry {
            id: ambient.id(),
            action,
            target: "user",
            target_id: Some(target),
            before: None,
            after: Some(json!({ "role": "student" })),
        });
        uow.record(NewEvent {
            id: ambient.id(),
            kind: "user.updated",
            version: 1,
            audience: Audience::Permission(Permission::UsersReadAll),
            aggregate: "user",
            aggregate_id: target,
            aggregate_version: 1,
            at: ambient.now(),
            data: json!({}),
        });
        let key = ambient.id::<AccountId>().to_string();
        uow.enqueue(NewJob { id: ambient.id(), kind: "mail.send", key, due: ambient.now(), payload: json!({}) });
        commit(uow).await;
    }
    let scoped = call(world, Scope::Hostel(own));
    let page = Page::first("at", true);
    let rows = world.queries().audit(&scoped, &AuditFilter::default(), &page).await.unwrap();
    assert_eq!((rows.rows.len(), rows.total), (2, Some(2)));
    let filter = AuditFilter {
        action: Some("user.create".to_owned()),
        target: Some("user".to_owned()),
        target_id: Some(target),
        from: Some(ambient.now().minus(DAY)),
        to: Some(ambient.now().plus(DAY)),
        actor: Some("system:enrolment".to_owned()),
    };
    let rows = world.queries().audit(&scoped, &filter, &page).await.unwrap().rows;
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (row.action.as_str(), row.actor.as_str(), row.ip.as_deref()),
        ("user.create", "system:enrolment", Some("192.0.2.1"))
    );
    assert_eq!((&row.before, row.after.as_ref().unwrap()), (&None, &json!({ "role": "student" })));
    for miss in [
        AuditFilter { action: Some("user.delete".to_owned()), ..AuditFilter::default() },
        AuditFilter { target_id: Some(ambient.id::<AccountId>().uuid()), ..AuditFilter::default() },
        AuditFilter { to: Some(ambient.now().minus(DAY)), ..AuditFilter::default() },
    ] {
        assert!(world.queries().audit(&scoped, &miss, &page).await.unwrap().rows.is_empty());
    }
}

/// Session, account, hostel, membership and features; each absent part is told apart.
pub async fn standing_tells_everything_at_once(world: &dyn World) {
    let account = inserted(world).await;
    let open = session_of(world, &account);
    sign_in(world, &open).await;
    let (own, foreign) = (world.ambient().id(), house(world, "Elsewhere").await);
    let flags = Flags::all().with(Feature::Payments, false);
    let facts = HouseFacts {
        name: "Suspended".to_owned(),
        kind: HouseKind::Hostel,
        active: false,
        registration: Registration::Open,
    };
    world.add_house(own, facts, flags).await;
    join(world, own, &account, Role::Staff, MembershipStatus::Pending).await;
    let standing = async |hostel| world.queries().standing(open.id, hostel).await.unwrap().unwrap();

    let bare = standing(None).await;
    assert_eq!((bare.account, bare.account_status, bare.super_admin), (account.id, AccountStatus::Active, false));
    assert_eq!((bare.revoked, bare.expires_at, bare.house), (false, open.expires_at(), None));
    let here = standing(Some(own)).await.house.unwrap();
    assert_eq!((here.active, here.flags), (false, flags));
    assert_eq!(here.membership, Some((Role::Staff, MembershipStatus::Pending)));
    let there = standing(Some(foreign)).await.house.unwrap();
    assert_eq!((there.active, there.flags, there.membership), (true, Flags::all(), None));
    assert_eq!(standing(Some(world.ambient().id())).await.house, None);
    assert_eq!(world.queries().standing(world.ambient().id(), Some(own)).await.unwrap(), None);

    let mut uow = begin_system(world).await;
    let now = world.ambient().now();
    uow.sessions().update(&open.clone().revoked(now, RevokeReason::SignedOut)).await.unwrap();
    let disabled = Account { status: AccountStatus::Disabled, super_admin: true, ..account.clone().edited(now) };
    assert_eq!(uow.accounts().update(&disabled, 1).await.unwrap(), AccountUpdate::Updated);
    commit(uow).await;
    let ended = standing(None).await;
    assert_eq!((ended.revoked, ended.account_status, ended.super_admin), (true, AccountStatus::Disabled, true));
}
