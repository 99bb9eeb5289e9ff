//! Who is let in where.

use std::time::Duration;

use domicile_access::{
    Admission, HostelRequirement, HouseFacts, HouseKind, Registration, usecases::directory::UpdateUser,
};
use domicile_kernel::{Code, Detail, Fault, Feature, Flags, HostelId, Role};
use pollster::block_on;

use crate::support::{House, text};

fn admit(house: &House, token: Option<&str>, hostel: HostelRequirement) -> Result<Admission, Code> {
    block_on(house.admissions().admit(token, hostel)).map_err(|error| error.code())
}

#[test]
fn a_member_stands_in_their_hostel_with_their_role() {
    let house = House::new();
    let id = house.member("ama", "student");
    let signed_in = house.signed_in("ama");
    let token = Some(signed_in.access_token.expose());
    let admitted = admit(&house, token, HostelRequirement::Required(Some(house.hostel))).unwrap();
    assert_eq!((admitted.actor.account(), admitted.actor.role()), (Some(id), Some(Role::Student)));
    assert_eq!((admitted.hostel, admitted.entered_as_super_admin), (Some(house.hostel), false));
    for requirement in [HostelRequirement::NotNeeded, HostelRequirement::Optional(None)] {
        let outside = admit(&house, token, requirement).unwrap();
        assert_eq!((outside.actor.role(), outside.hostel, outside.flags), (None, None, Flags::all()));
    }
    assert_eq!(admit(&house, token, HostelRequirement::Required(None)), Err(Code::InvalidInput));
}

#[test]
fn a_token_that_does_not_count_is_refused() {
    let house = House::new();
    house.member("ama", "student");
    let signed_in = house.signed_in("ama");
    let token = Some(signed_in.access_token.expose());
    let here = HostelRequirement::Required(Some(house.hostel));
    assert_eq!(admit(&house, None, here), Err(Code::Unauthorized));
    assert_eq!(admit(&house, Some(""), here), Err(Code::Unauthorized));
    assert_eq!(admit(&house, Some("garbage"), here), Err(Code::InvalidToken));
    assert_eq!(admit(&house, Some(signed_in.refresh_token.expose()), here), Err(Code::InvalidToken));
    house.memory.clock.advance(Duration::from_hours(1));
    assert_eq!(admit(&house, token, here), Err(Code::TokenExpired));
    let again = house.signed_in("ama");
    block_on(house.own().logout(&house.call_with(&again, None))).unwrap();
    assert_eq!(admit(&house, Some(again.access_token.expose()), here), Err(Code::TokenRevoked));
}

#[test]
fn unknown_foreign_suspended_pending_and_deactivated_are_one_answer() {
    let house = House::new();
    let id = house.member("ama", "student");
    let foreign = house.memory.open_hostel("Second", Registration::Open);
    let suspended: HostelId = house.memory.parts.ambient.id();
    let facts = HouseFacts {
        name: "Suspended".to_owned(),
        kind: HouseKind::Hostel,
        active: true,
        registration: Registration::Open,
    };
    house.memory.store.add_house(suspended, facts.clone(), Flags::all());
    house.member_of(suspended, "ama", "student");
    house.memory.store.add_house(suspended, HouseFacts { active: false, ..facts }, Flags::all());
    let signed_in = house.signed_in("ama");
    let token = Some(signed_in.access_token.expose());
    let deactivate = UpdateUser { status: text("deactivated"), ..UpdateUser::default() };
    block_on(house.directory().update_user(&house.operator(), id, deactivate, 1)).unwrap();
    let unknown: HostelId = house.memory.parts.ambient.id();
    let mut bodies = Vec::new();
    for hostel in [unknown, foreign, suspended, house.hostel] {
        let error = block_on(house.admissions().admit(token, HostelRequirement::Required(Some(hostel)))).unwrap_err();
        assert_eq!((error.code(), error.detail()), (Code::Forbidden, Detail::None));
        bodies.push(error.to_string());
    }
    bodies.dedup();
    assert_eq!(bodies, ["You are not a member of this hostel"]);
}

#[test]
fn a_super_admin_enters_everywhere_but_nowhere_that_is_not() {
    let house = House::new();
    house.super_admin();
    let signed_in = house.signed_in("root");
    let token = Some(signed_in.access_token.expose());
    let admitted = admit(&house, token, HostelRequirement::Required(Some(house.hostel))).unwrap();
    assert_eq!((admitted.actor.role(), admitted.entered_as_super_admin), (Some(Role::SuperAdmin), true));
    let outside = admit(&house, token, HostelRequirement::NotNeeded).unwrap();
    assert_eq!((outside.actor.role(), outside.entered_as_super_admin), (Some(Role::SuperAdmin), false));
    let unknown: HostelId = house.memory.parts.ambient.id();
    assert_eq!(admit(&house, token, HostelRequirement::Optional(Some(unknown))), Err(Code::Forbidden));
}

#[test]
fn the_flags_are_the_hostel_s() {
    let house = House::new();
    house.member("ama", "student");
    let facts = HouseFacts {
        name: "Unity Hall".to_owned(),
        kind: HouseKind::Hostel,
        active: true,
        registration: Registration::Open,
    };
    house.memory.store.add_house(house.hostel, facts, Flags::all().with(Feature::Payments, false));
    let signed_in = house.signed_in("ama");
    let here = HostelRequirement::Required(Some(house.hostel));
    let admitted = admit(&house, Some(signed_in.access_token.expose()), here).unwrap();
    assert!(!admitted.flags.is_on(Feature::Payments) && admitted.flags.is_on(Feature::RoomBooking));
}
