//! A hostel with a manager, an admin, staff and students, and a desk over memory.

use std::sync::Arc;

use domicile_booking::{
    BookingView, CreateBooking, CreateRoom, FrontDesk, RoomView, memory::MemoryBookings, model::HouseTerms,
};
use domicile_kernel::{
    AccountId, Actor, Call, Currency, Detail, Fault, HostelId, Money, NewEvent, RequestId, Role, Scope, SessionId, Who,
    ports::{Ambient, fixed},
};

pub(crate) struct House {
    pub(crate) desk: FrontDesk,
    pub(crate) memory: MemoryBookings,
    pub(crate) ambient: Ambient,
    pub(crate) clock: Arc<fixed::FixedClock>,
    pub(crate) id: HostelId,
    people: Vec<(Role, AccountId)>,
}

impl House {
    /// It is the 20th of January 2026, ten in the morning, in Accra.
    pub(crate) fn new() -> Self {
        Self::with_terms(HouseTerms::default())
    }

    pub(crate) fn with_terms(terms: HouseTerms) -> Self {
        let (ambient, clock) = fixed::ambient("2026-01-20T10:00:00Z");
        let memory = MemoryBookings::new();
        let id = ambient.id();
        memory.open_hostel(id, terms);
        let roles = [Role::Manager, Role::Admin, Role::Staff, Role::Student, Role::Student, Role::Student];
        let people: Vec<_> = roles.into_iter().map(|role| (role, ambient.id())).collect();
        for (_, person) in &people {
            memory.enrol(id, *person);
        }
        let desk = FrontDesk::new(Arc::new(memory.clone()), Arc::new(memory.clone()), ambient.clone());
        Self { desk, memory, ambient, clock, id, people }
    }

    pub(crate) fn person(&self, role: Role, nth: usize) -> AccountId {
        self.people.iter().filter(|(of, _)| *of == role).nth(nth).unwrap().1
    }

    pub(crate) fn student_id(&self, nth: usize) -> AccountId {
        self.person(Role::Student, nth)
    }

    pub(crate) fn call(&self, id: AccountId, role: Role) -> Call {
        let session = SessionId::new(self.ambient.ids.uuid());
        self.call_of(Who::Account { id, session, role: Some(role) })
    }

    #[expect(clippy::disallowed_methods, reason = "a test vouches for its own actors")]
    pub(crate) fn call_of(&self, who: Who) -> Call {
        let request = RequestId::from_uuid(self.ambient.ids.uuid());
        Call::new(Actor::vouched_for(who), Scope::Hostel(self.id), request)
    }

    pub(crate) fn student(&self, nth: usize) -> Call {
        self.call(self.student_id(nth), Role::Student)
    }

    pub(crate) fn manager(&self) -> Call {
        self.call(self.person(Role::Manager, 0), Role::Manager)
    }

    pub(crate) fn admin(&self) -> Call {
        self.call(self.person(Role::Admin, 0), Role::Admin)
    }

    pub(crate) fn staff(&self) -> Call {
        self.call(self.person(Role::Staff, 0), Role::Staff)
    }

    pub(crate) fn go_to(&self, instant: &str) {
        self.clock.set(instant.parse().unwrap());
    }

    pub(crate) async fn room(&self, name: &str, beds: i64) -> RoomView {
        self.desk.create_room(&self.manager(), new_room(name, beds)).await.unwrap()
    }

    /// A pending stay from February to the end of May.
    pub(crate) async fn stay(&self, room: &RoomView, student: usize) -> BookingView {
        self.desk.create_booking(&self.student(student), new_stay(room)).await.unwrap()
    }

    pub(crate) async fn approved(&self, room: &RoomView, student: usize) -> BookingView {
        let stay = self.stay(room, student).await;
        self.desk.approve_booking(&self.manager(), stay.id, stay.version).await.unwrap()
    }

    /// A stay whose guest has moved in; it is the 1st of February then.
    pub(crate) async fn lived_in(&self, room: &RoomView, student: usize) -> BookingView {
        let stay = self.approved(room, student).await;
        self.go_to("2026-02-01T12:00:00Z");
        self.desk.check_in_booking(&self.manager(), stay.id, stay.version).await.unwrap()
    }

    pub(crate) fn last_event(&self) -> NewEvent {
        self.memory.events().pop().unwrap()
    }
}

pub(crate) fn new_room(name: &str, beds: i64) -> CreateRoom {
    CreateRoom {
        name: text(name),
        room_type: text("Double"),
        bed_count: Some(beds),
        monthly_price: Some(cedis(45_000)),
        ..CreateRoom::default()
    }
}

pub(crate) fn new_stay(room: &RoomView) -> CreateBooking {
    CreateBooking {
        room_id: Some(room.id.to_string()),
        check_in_date: text("2026-02-01"),
        check_out_date: text("2026-06-01"),
        terms_accepted: Some(true),
        ..CreateBooking::default()
    }
}

pub(crate) fn cedis(minor: i64) -> Money {
    Money::new(minor, Currency::GHS)
}

#[expect(clippy::unnecessary_wraps, reason = "what is sent is optional")]
pub(crate) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// The refusal's code.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, impl Fault>) -> &'static str {
    result.unwrap_err().code().as_str()
}

/// The state that a refusal names.
pub(crate) fn state<T: std::fmt::Debug>(result: Result<T, impl Fault>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.code().as_str(), "RESOURCE_CONFLICT", "{error}");
    match error.detail() {
        Detail::State(state) => state,
        other => panic!("no state but {other:?}"),
    }
}

/// `field: message` of each wrong field.
pub(crate) fn wrong<T: std::fmt::Debug>(result: Result<T, impl Fault>) -> Vec<String> {
    match result.unwrap_err().detail() {
        Detail::Fields(errors) => {
            errors.0.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
        }
        other => panic!("no field errors but {other:?}"),
    }
}
