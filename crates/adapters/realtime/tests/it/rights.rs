//! Who may hear what: a literal table.

use domicile_kernel::{Actor, Audience, Permission, Role, Who};
use domicile_realtime::Rights;

use crate::support::{account, session};

#[test]
fn each_role_hears_what_the_table_says() {
    const ME: u128 = 1;
    let mine = Audience::Person(account(ME), Permission::BookingsReadAll);
    let theirs = Audience::Person(account(2), Permission::BookingsReadAll);
    let columns = [
        Audience::Hostel,
        mine,
        theirs,
        Audience::Account(account(ME)),
        Audience::Account(account(2)),
        Audience::Permission(Permission::UsersReadAll),
        Audience::Permission(Permission::SettingsRead),
        Audience::Permission(Permission::HostelsManage),
    ];
    #[rustfmt::skip]
    let table = [
        //                           hostel mine   theirs to me  to them users  settings hostels
        (Some(Role::Student),      [true,  true,  false, true,  false,  false, false,   false]),
        (Some(Role::Resident),     [true,  true,  false, true,  false,  false, false,   false]),
        (Some(Role::Professional), [true,  true,  false, true,  false,  false, false,   false]),
        (Some(Role::Guard),        [true,  true,  false, true,  false,  false, false,   false]),
        (Some(Role::Staff),        [true,  true,  false, true,  false,  false, false,   false]),
        (Some(Role::Manager),      [true,  true,  true,  true,  false,  true,  false,   false]),
        (Some(Role::Admin),        [true,  true,  true,  true,  false,  true,  true,    false]),
        (Some(Role::SuperAdmin),   [true,  true,  true,  true,  false,  true,  true,    true]),
        (None,                     [true,  true,  false, true,  false,  false, false,   false]),
    ];
    for (role, expected) in table {
        #[expect(clippy::disallowed_methods, reason = "a test")]
        let actor = Actor::vouched_for(Who::Account { id: account(ME), session: session(ME), role });
        let rights = Rights::of(account(ME), &actor);
        assert_eq!(columns.map(|audience| rights.may_see(&audience)), expected, "{role:?}");
    }
    assert_eq!(table.len(), Role::ALL.len() + 1, "every role has a row");
}
