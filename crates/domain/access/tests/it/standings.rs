//! Remembered standings: who came in comes in again without the store, until something is forgotten (J10); and tickets.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use domicile_access::{
    Admission, AdmissionError, Admissions, HostelRequirement, Moment, Parts, Standing, StandingMemory,
    usecases::directory::UpdateUser,
};
use domicile_kernel::{AccountId, Code, Fault, HostelId, Outcome, Purpose, Role, Scope, SessionId, Who};
use pollster::block_on;

use crate::support::{House, call_of, text};

/// Remembers everything until told to forget, and never trusts a load that a forgetting overtook.
#[derive(Default)]
struct Remembering(Mutex<(u64, Held)>);

type Held = HashMap<(SessionId, Option<HostelId>), Standing>;

impl Remembering {
    fn forget(&self, is_it: impl Fn(SessionId, Option<HostelId>, &Standing) -> bool) {
        let mut held = self.0.lock().unwrap();
        held.0 += 1;
        held.1.retain(|(session, hostel), standing| !is_it(*session, *hostel, standing));
    }
}

impl StandingMemory for Remembering {
    fn recall(&self, session: SessionId, hostel: Option<HostelId>) -> Option<Standing> {
        self.0.lock().unwrap().1.get(&(session, hostel)).copied()
    }

    fn moment(&self) -> Moment {
        Moment(self.0.lock().unwrap().0)
    }

    fn keep(&self, moment: Moment, session: SessionId, hostel: Option<HostelId>, standing: &Standing) {
        let mut held = self.0.lock().unwrap();
        if held.0 == moment.0 {
            held.1.insert((session, hostel), *standing);
        }
    }

    fn forget_session(&self, session: SessionId) {
        self.forget(|one, _, _| one == session);
    }

    fn forget_account(&self, account: AccountId) {
        self.forget(|_, _, standing| standing.account == account);
    }

    fn forget_hostel(&self, hostel: HostelId) {
        self.forget(|_, one, _| one == Some(hostel));
    }

    fn forget_all(&self) {
        self.forget(|_, _, _| true);
    }
}

/// A house, its door with a memory, and a student who signed in.
struct Door {
    house: House,
    admissions: Admissions,
    memory: Arc<Remembering>,
    student: AccountId,
    token: String,
    session: SessionId,
}

impl Door {
    fn new() -> Self {
        let house = House::new();
        let student = house.member("ama", "student");
        let signed_in = house.signed_in("ama");
        let token = signed_in.access_token.expose().to_owned();
        let session = house.call_with(&signed_in, None).actor.session().unwrap();
        let memory = Arc::new(Remembering::default());
        let parts = Parts { standings: memory.clone(), ..Parts::clone(&house.memory.parts) };
        Self { admissions: Admissions::new(Arc::new(parts)), house, memory, student, token, session }
    }

    fn here(&self) -> HostelRequirement {
        HostelRequirement::Required(Some(self.house.hostel))
    }

    fn admit(&self) -> Result<Admission, Code> {
        block_on(self.admissions.admit(Some(&self.token), self.here())).map_err(|error| error.code())
    }

    fn recall(&self) -> Option<Result<Admission, Code>> {
        let recalled = self.admissions.recall(Some(&self.token), self.here());
        recalled.map(|answer| answer.map_err(|error: AdmissionError| error.code()))
    }

    /// Ends the session behind the memory's back, as another node does.
    fn end_elsewhere(&self) {
        let call = call_of(Who::System(Purpose::SignIn), Scope::System(Purpose::SignIn));
        block_on(async {
            let mut uow = self.house.memory.parts.uows.begin(&call).await.unwrap();
            let now = self.house.memory.parts.ambient.now();
            let session = uow.sessions().find_for_update(self.session).await.unwrap().unwrap();
            let ended = session.revoked(now, domicile_access::RevokeReason::SignedOut);
            uow.sessions().update(&ended).await.unwrap();
            uow.commit(Outcome::done()).await.unwrap();
        });
    }
}

#[test]
fn who_came_in_is_recalled_until_their_session_is_forgotten() {
    let door = Door::new();
    assert_eq!(door.recall(), None, "nobody came in yet");
    let admitted = door.admit().unwrap();
    assert_eq!(door.recall(), Some(Ok(admitted.clone())));
    door.end_elsewhere();
    assert_eq!(door.admit(), Ok(admitted), "the store is not asked");
    door.memory.forget_session(door.session);
    assert_eq!(door.recall(), None);
    assert_eq!(door.admit(), Err(Code::TokenRevoked));
    assert_eq!(door.recall(), None, "whoever is turned away is turned away by the store");
}

#[test]
fn what_is_kept_while_something_is_forgotten_is_not_recalled() {
    let door = Door::new();
    let moment = door.memory.moment();
    let standing = block_on(door.house.memory.parts.queries.standing(door.session, Some(door.house.hostel)));
    door.end_elsewhere();
    door.memory.forget_session(door.session);
    door.memory.keep(moment, door.session, Some(door.house.hostel), &standing.unwrap().unwrap());
    assert_eq!(door.admit(), Err(Code::TokenRevoked));
}

#[test]
fn a_recalled_standing_is_judged_by_the_time_it_is_now() {
    let door = Door::new();
    let admitted = door.admit().unwrap();
    assert_eq!(admitted.expires_at, door.house.memory.parts.ambient.now().plus(Duration::from_hours(1)));
    door.house.memory.clock.advance(Duration::from_hours(1));
    assert_eq!(door.recall(), Some(Err(Code::TokenExpired)));
    assert_eq!(door.admissions.recall(Some("garbage"), door.here()).unwrap().unwrap_err().code(), Code::InvalidToken);
    assert_eq!(door.admissions.recall(None, door.here()).unwrap().unwrap_err().code(), Code::Unauthorized);
}

#[test]
fn a_session_that_was_prolonged_is_asked_about_rather_than_refused() {
    let door = Door::new();
    let moment = door.memory.moment();
    let standing = block_on(door.house.memory.parts.queries.standing(door.session, Some(door.house.hostel)));
    let old = Standing { expires_at: door.house.memory.parts.ambient.now(), ..standing.unwrap().unwrap() };
    door.memory.keep(moment, door.session, Some(door.house.hostel), &old);
    assert_eq!(door.recall(), None);
    door.admit().unwrap();
    assert!(door.recall().unwrap().is_ok(), "the newer standing took its place");
}

#[test]
fn a_changed_role_is_seen_when_the_account_is_forgotten() {
    let door = Door::new();
    door.admit().unwrap();
    let promote = UpdateUser { role: text("manager"), ..UpdateUser::default() };
    block_on(door.house.directory().update_user(&door.house.operator(), door.student, promote, 1)).unwrap();
    door.memory.forget_account(door.student);
    assert_eq!(door.admit().unwrap().actor.role(), Some(Role::Manager));
    // A token of somebody else's session finds nothing of theirs.
    door.house.member("esi", "student");
    let other = door.house.signed_in("esi");
    assert!(door.admissions.recall(Some(other.access_token.expose()), door.here()).is_none());
}

#[test]
fn a_connected_session_is_admitted_again_without_its_token_and_by_the_store() {
    let door = Door::new();
    door.admit().unwrap();
    let again = block_on(door.admissions.readmit(door.session, door.student, door.house.hostel)).unwrap();
    assert_eq!((again.actor.account(), again.actor.role()), (Some(door.student), Some(Role::Student)));
    assert_eq!(again.expires_at, door.house.memory.parts.ambient.now().plus(Duration::from_hours(7 * 24)));
    let foreign = door.house.memory.open_hostel("Second", domicile_access::Registration::Open);
    let at = |account, hostel| {
        block_on(door.admissions.readmit(door.session, account, hostel)).map_err(|error| error.code())
    };
    assert_eq!(at(door.student, foreign), Err(Code::Forbidden));
    assert_eq!(at(door.house.memory.parts.ambient.id(), door.house.hostel), Err(Code::InvalidToken));
    door.end_elsewhere();
    assert_eq!(at(door.student, door.house.hostel), Err(Code::TokenRevoked));
}

fn ticket(door: &Door) -> String {
    let call = door.house.call("ama");
    let view = block_on(door.house.own().socket_ticket(&call)).unwrap();
    assert_eq!(view.expires_in, 30);
    view.ticket.expose().to_owned()
}

fn redeem(door: &Door, ticket: &str) -> Result<Admission, Code> {
    block_on(door.admissions.redeem(ticket, door.house.hostel)).map_err(|error| error.code())
}

#[test]
fn a_ticket_opens_one_socket_within_thirty_seconds() {
    let door = Door::new();
    let (used, late) = (ticket(&door), ticket(&door));
    let admitted = redeem(&door, &used).unwrap();
    assert_eq!(admitted.actor.account(), Some(door.student));
    assert_eq!(admitted.expires_at, door.house.memory.parts.ambient.now().plus(Duration::from_hours(1)));
    for no_ticket in [used.as_str(), "", "garbage", &used.to_uppercase(), &"0".repeat(64), &"é".repeat(32)] {
        assert_eq!(redeem(&door, no_ticket), Err(Code::InvalidToken), "{no_ticket}");
    }
    door.house.memory.clock.advance(Duration::from_secs(30));
    assert_eq!(redeem(&door, &late), Err(Code::InvalidToken));
    let swept = domicile_access::Sweeper::new(door.house.memory.parts.clone());
    door.house.memory.clock.advance(Duration::from_secs(1));
    let system = call_of(Who::System(Purpose::Sweep), Scope::System(Purpose::Sweep));
    assert_eq!(block_on(swept.sweep(&system)).unwrap().tickets, 1);
}

#[test]
fn a_ticket_is_worth_no_more_than_its_session_and_used_up_by_a_refusal() {
    let door = Door::new();
    let call = door.house.call("ama");
    let view = block_on(door.house.own().socket_ticket(&call)).unwrap();
    block_on(door.house.own().logout(&call)).unwrap();
    assert_eq!(redeem(&door, view.ticket.expose()), Err(Code::TokenRevoked));
    assert_eq!(redeem(&door, view.ticket.expose()), Err(Code::InvalidToken));
    let foreign = door.house.memory.open_hostel("Second", domicile_access::Registration::Open);
    let unwelcome = ticket(&door);
    let answer = block_on(door.admissions.redeem(&unwelcome, foreign)).map_err(|error| error.code());
    assert_eq!(answer, Err(Code::Forbidden));
    let unsigned = block_on(door.house.own().socket_ticket(&crate::support::anonymous()));
    assert_eq!(unsigned.map_err(|error| error.code()), Err(Code::Unauthorized));
    let seen = format!("{view:?} {:?} {:?}", door.house.memory.store.audit_rows(), door.house.memory.store.events());
    assert!(!seen.contains(view.ticket.expose()));
}

/// Every door there is, before and after each thing that changes who may come in where: what memory still knows after it
/// heard the events is what the store says.
#[test]
fn whatever_changes_a_standing_is_told_as_an_event() {
    let house = House::new();
    let memory = Arc::new(Remembering::default());
    let second = house.memory.open_hostel("Second", domicile_access::Registration::Approval);
    let names = ["ama", "esi", "kofi", "yaw", "abena"];
    let ids = names.map(|name| house.member(name, "student"));
    let doors = || {
        let call = call_of(Who::System(Purpose::SignIn), Scope::System(Purpose::SignIn));
        let now = house.memory.parts.ambient.now();
        let mut doors = Vec::new();
        for id in ids {
            for session in block_on(house.memory.parts.queries.sessions(&call, id, now)).unwrap() {
                doors.extend([None, Some(house.hostel), Some(second)].map(|hostel| (session.id, hostel)));
            }
        }
        doors
    };
    let mut heard = 0;
    let mut changes = 0;
    let mut after = |what: &str, act: &mut dyn FnMut()| {
        let doors = doors();
        let mut before = HashMap::new();
        for (session, hostel) in &doors {
            let standing = block_on(house.memory.parts.queries.standing(*session, *hostel)).unwrap().unwrap();
            memory.keep(memory.moment(), *session, *hostel, &standing);
            before.insert((*session, *hostel), standing);
        }
        act();
        let events = house.memory.store.events();
        for event in &events[heard..] {
            match event.kind.split_once('.').unwrap().0 {
                "session" => memory.forget_session(SessionId::from(event.aggregate_id)),
                "user" => memory.forget_account(AccountId::from(event.aggregate_id)),
                _ => {}
            }
        }
        heard = events.len();
        let mut changed = 0;
        for (session, hostel) in doors {
            let is = block_on(house.memory.parts.queries.standing(session, hostel)).unwrap();
            changed += usize::from(is != before.get(&(session, hostel)).copied());
            if let Some(known) = memory.recall(session, hostel) {
                assert_eq!(Some(known), is, "after {what} memory knows better");
            }
        }
        assert!(changed > 0, "{what} changed nothing");
        changes += 1;
    };
    let operator = house.operator();
    let version = |id: AccountId| block_on(house.directory().get_user(&operator, id)).unwrap().version;
    let update = |id: AccountId, command: UpdateUser| {
        block_on(house.directory().update_user(&operator, id, command, version(id))).unwrap();
    };
    let calls: Vec<_> = names.iter().map(|name| [house.call(name), house.call(name), house.call(name)]).collect();
    let [a, b, _] = &calls[0];
    after("signing out", &mut || block_on(house.own().logout(a)).unwrap());
    after("ending one session", &mut || {
        let other = calls[1][1].actor.session().unwrap();
        block_on(house.own().revoke_session(&calls[1][0], other)).unwrap();
    });
    after("ending the others", &mut || {
        assert_eq!(block_on(house.own().revoke_other_sessions(b)).unwrap().ended, 1);
    });
    after("changing the password", &mut || {
        let command = domicile_access::usecases::own::ChangePassword {
            current_password: Some(domicile_access::Password::new(crate::support::PASSWORD)),
            new_password: Some(domicile_access::Password::new("Another-cloth-8!")),
        };
        block_on(house.own().change_password(&calls[2][0], command)).unwrap();
    });
    after("resetting the password", &mut || {
        let email = text("kofi@example.com");
        let ask = domicile_access::usecases::sign_in::AskForCode { email: email.clone() };
        block_on(house.sign_in().forgot_password(&crate::support::anonymous(), ask)).unwrap();
        let command = domicile_access::usecases::sign_in::ResetPassword {
            email,
            otp: Some(house.last_code()),
            new_password: Some(domicile_access::Password::new(crate::support::PASSWORD)),
        };
        block_on(house.sign_in().reset_password(&crate::support::anonymous(), command)).unwrap();
    });
    let copied = house.signed_in("yaw");
    after("a copied refresh token", &mut || {
        let next = house.refresh(&copied.refresh_token).unwrap();
        house.refresh(&next).unwrap();
        house.refresh(&copied.refresh_token).unwrap_err();
    });
    let role = |role: &str| UpdateUser { role: text(role), ..UpdateUser::default() };
    let status = |status: &str| UpdateUser { status: text(status), ..UpdateUser::default() };
    after("another role", &mut || update(ids[3], role("manager")));
    after("deactivating", &mut || update(ids[3], status("deactivated")));
    after("bringing back", &mut || update(ids[3], status("active")));
    after("joining another hostel", &mut || {
        house.member_of(second, "abena", "staff");
    });
    after("a guest who is known already", &mut || {
        let guest = domicile_access::usecases::directory::CreateGuest {
            email: text("yaw@example.com"),
            first_name: text("Yaw"),
            last_name: text("Kufuor"),
        };
        let there = call_of(Who::Operator, Scope::Hostel(second));
        block_on(house.directory().create_guest(&there, guest)).unwrap();
    });
    after("deleting the account", &mut || {
        let version = version(ids[4]);
        block_on(house.directory().delete_user(&operator, ids[4], version)).unwrap();
    });
    assert_eq!(changes, 12);
}
