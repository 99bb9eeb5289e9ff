//! Promises of the booking repository, the first of all being that no bed is let twice (J23).

use std::collections::BTreeSet;

use domicile_kernel::Text;

use super::{Stage, World, bed_of, end, later, nights};
use crate::{
    BookingView,
    model::{Booking, BookingState, BookingStatus, EmergencyContact, Rearranged, StayDates},
    policy::{self, PriceRuleName},
    ports::BookingWritten,
};

fn in_state(booking: &Booking, state: BookingState) -> Booking {
    let mut record = booking.record().clone();
    record.state = state;
    Booking::from_record(record)
}

pub(super) async fn a_written_booking_is_read_back_whole_in_every_state(world: &dyn World) {
    let stage = Stage::set(world).await;
    let room = stage.written_room("Attic", 6).await;
    let at = later(stage.ambient.now(), 5);
    let (by, reason) = (Some(stage.member(0)), Some(Text::clean("full – sorry")));
    let states = [
        BookingState::Pending { hold_until: at },
        BookingState::Approved { at, by },
        BookingState::Approved { at, by: None },
        BookingState::Rejected { at, by, reason: reason.clone() },
        BookingState::Cancelled { at, by: None, reason: None },
        BookingState::CheckedIn { at },
        BookingState::CheckedOut { at },
    ];
    for (month, state) in (1..).zip(states) {
        let stay = nights(&format!("2026-{month:02}-01"), &format!("2026-{month:02}-28"));
        let mut record = stage.booking(&room, 2, 1, stay).record().clone();
        record.contact =
            EmergencyContact { name: Some(Text::clean("Ama Boateng")), phone: Some("+233201234567".to_owned()) };
        record.special_requests = Some(Text::clean("lower bunk, 'please'"));
        record.state = state;
        let booking = Booking::from_record(record);
        assert_eq!(stage.insert(&booking).await, BookingWritten::Written);
        assert_eq!(stage.stored(&booking).await.as_ref(), Some(&booking));
        let mut uow = stage.begin().await;
        assert_eq!(uow.bookings().lock(booking.id()).await.unwrap().as_ref(), Some(&booking));
        end(uow, false).await;
        let view = world.queries().booking(&stage.call(), booking.id()).await.unwrap();
        assert_eq!(view, Some(BookingView::of(&booking)));
    }
    let mut uow = stage.begin().await;
    assert_eq!(uow.bookings().find(stage.ambient.id()).await.unwrap(), None);
    assert_eq!(uow.bookings().lock(stage.ambient.id()).await.unwrap(), None);
    end(uow, false).await;
}

pub(super) async fn each_rule_of_pricing_is_kept_with_its_stay(world: &dyn World) {
    let stage = Stage::set(world).await;
    let room = stage.written_room("Attic", 1).await;
    for (month, rule) in (1..).zip(PriceRuleName::ALL) {
        let stay = nights(&format!("2026-{month:02}-01"), &format!("2026-{month:02}-11"));
        let mut record = stage.booking(&room, 0, 1, stay).record().clone();
        record.quote = policy::quote(rule, room.record().monthly_price, stay).unwrap();
        let booking = Booking::from_record(record);
        assert_eq!(stage.insert(&booking).await, BookingWritten::Written);
        assert_eq!(stage.stored(&booking).await, Some(booking));
    }
}

pub(super) async fn inserting_over_a_held_bed_is_refused(world: &dyn World) {
    let stage = Stage::set(world).await;
    let room = stage.written_room("Attic", 2).await;
    let at = stage.ambient.now();
    let held = nights("2026-02-01", "2026-03-01");
    let holding = [
        BookingState::Pending { hold_until: at },
        BookingState::Approved { at, by: None },
        BookingState::CheckedIn { at },
    ];
    for (years, state) in (0..).zip(holding) {
        let stay = |dates: StayDates| {
            let shift = |day: domicile_kernel::HostelDay| day.plus_months(12 * years);
            StayDates::new(shift(dates.check_in()), shift(dates.check_out())).unwrap()
        };
        let first = in_state(&stage.booking(&room, 0, 0, stay(held)), state);
        assert_eq!(stage.insert(&first).await, BookingWritten::Written);
        for overlapping in [
            held,
            nights("2026-01-15", "2026-02-02"),
            nights("2026-02-28", "2026-03-15"),
            nights("2026-02-10", "2026-02-11"),
            nights("2026-01-01", "2026-12-31"),
        ] {
            let second = stage.booking(&room, 0, 1, stay(overlapping));
            assert_eq!(stage.insert(&second).await, BookingWritten::BedTaken, "{overlapping:?} {:?}", first.status());
            assert_eq!(stage.stored(&second).await, None);
        }
        let beside = stage.booking(&room, 1, 1, stay(held));
        assert_eq!(stage.insert(&beside).await, BookingWritten::Written, "the other bed is free");
    }
}

pub(super) async fn inserting_a_second_stay_of_one_person_is_refused(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (attic, cellar) = (stage.written_room("Attic", 1).await, stage.written_room("Cellar", 1).await);
    let first = stage.booking(&attic, 0, 0, nights("2026-02-01", "2026-03-01"));
    assert_eq!(stage.insert(&first).await, BookingWritten::Written);
    let second = stage.booking(&cellar, 0, 0, nights("2026-02-28", "2026-04-01"));
    assert_eq!(stage.insert(&second).await, BookingWritten::PersonTaken);
    let somebody_else = stage.booking(&cellar, 0, 1, nights("2026-02-28", "2026-04-01"));
    assert_eq!(stage.insert(&somebody_else).await, BookingWritten::Written);
}

pub(super) async fn touching_nights_and_ended_stays_are_in_nobodys_way(world: &dyn World) {
    let stage = Stage::set(world).await;
    let room = stage.written_room("Attic", 1).await;
    let held = nights("2026-02-01", "2026-03-01");
    let first = stage.booking(&room, 0, 0, held);
    assert_eq!(stage.insert(&first).await, BookingWritten::Written);
    for touching in [nights("2026-01-01", "2026-02-01"), nights("2026-03-01", "2026-04-01")] {
        assert_eq!(stage.insert(&stage.booking(&room, 0, 0, touching)).await, BookingWritten::Written);
    }
    let cancelled = first.cancel(None, None, stage.ambient.now()).unwrap();
    assert_eq!(stage.update(&cancelled).await, BookingWritten::Written);
    assert_eq!(stage.insert(&stage.booking(&room, 0, 1, held)).await, BookingWritten::Written, "free at once");
    let at = stage.ambient.now();
    for ended in [
        BookingState::Rejected { at, by: None, reason: None },
        BookingState::Cancelled { at, by: None, reason: None },
        BookingState::CheckedOut { at },
    ] {
        let over = in_state(&stage.booking(&room, 0, 0, held), ended);
        assert_eq!(stage.insert(&over).await, BookingWritten::Written);
    }
}

fn moved(booking: &Booking, room: &crate::model::Room, bed: usize, dates: StayDates) -> Booking {
    let is = booking.record();
    let to = Rearranged {
        room_id: room.id(),
        bed_id: bed_of(room, bed),
        dates,
        quote: policy::quote(booking.record().quote.rule.name, room.record().monthly_price, dates).unwrap(),
        earlier_prices: is.earlier_prices.clone(),
        contact: is.contact.clone(),
        special_requests: is.special_requests.clone(),
    };
    booking.clone().rearrange(to, is.updated_at).unwrap()
}

pub(super) async fn changing_onto_a_held_bed_is_refused(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (attic, cellar) = (stage.written_room("Attic", 2).await, stage.written_room("Cellar", 1).await);
    let february = nights("2026-02-01", "2026-03-01");
    let first = stage.booking(&attic, 0, 0, february);
    let second = stage.booking(&attic, 1, 1, february);
    let later_stay = stage.booking(&cellar, 0, 1, nights("2026-03-01", "2026-04-01"));
    for booking in [&first, &second, &later_stay] {
        assert_eq!(stage.insert(booking).await, BookingWritten::Written);
    }
    let onto = moved(&second, &attic, 0, february);
    assert_eq!(stage.update(&onto).await, BookingWritten::BedTaken);
    let into_own_other_stay = moved(&second, &attic, 1, nights("2026-02-01", "2026-03-02"));
    assert_eq!(stage.update(&into_own_other_stay).await, BookingWritten::PersonTaken);
    assert_eq!(stage.stored(&second).await.as_ref(), Some(&second), "a refused change changes nothing");
    let longer = moved(&first, &attic, 0, nights("2026-01-15", "2026-04-01"));
    assert_eq!(stage.update(&longer).await, BookingWritten::Written, "a stay is not in its own way");
    let across = moved(&longer, &cellar, 0, february);
    assert_eq!(stage.update(&across).await, BookingWritten::Written);
    assert_eq!(stage.stored(&across).await, Some(across));
    let taken_over = moved(&second, &attic, 0, february);
    assert_eq!(stage.update(&taken_over).await, BookingWritten::Written, "the bed that was left is free at once");
}

pub(super) async fn a_booking_is_only_changed_from_the_version_before(world: &dyn World) {
    let stage = Stage::set(world).await;
    let room = stage.written_room("Attic", 1).await;
    let first = stage.booking(&room, 0, 0, nights("2026-02-01", "2026-03-01"));
    assert_eq!(stage.insert(&first).await, BookingWritten::Written);
    let second = first.check_in(later(stage.ambient.now(), 1)).unwrap();
    assert_eq!(stage.update(&second).await, BookingWritten::Written);
    assert_eq!(stage.update(&second).await, BookingWritten::Stale);
    assert_eq!(stage.stored(&second).await.as_ref(), Some(&second));
    let never_written = stage.booking(&room, 0, 1, nights("2026-05-01", "2026-06-01"));
    let never_written = never_written.check_in(stage.ambient.now()).unwrap();
    assert_eq!(stage.update(&never_written).await, BookingWritten::Stale);
}

pub(super) async fn what_is_held_is_told_by_person_bed_and_night(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (attic, cellar) = (stage.written_room("Attic", 3).await, stage.written_room("Cellar", 1).await);
    let at = stage.ambient.now();
    let first = stage.booking(&attic, 0, 0, nights("2026-02-01", "2026-03-01"));
    let second = stage.booking(&attic, 2, 1, nights("2026-03-01", "2026-04-01"));
    let over = in_state(
        &stage.booking(&attic, 1, 2, nights("2026-02-01", "2026-04-01")),
        BookingState::Cancelled { at, by: None, reason: None },
    );
    for booking in [&first, &second, &over] {
        assert_eq!(stage.insert(booking).await, BookingWritten::Written);
    }
    let mut uow = stage.begin().await;
    let bookings = uow.bookings();
    let beds = |positions: &[usize]| positions.iter().map(|at| bed_of(&attic, *at)).collect::<BTreeSet<_>>();
    for (stay, want) in [
        (nights("2026-02-01", "2026-03-01"), beds(&[0])),
        (nights("2026-03-01", "2026-03-02"), beds(&[2])),
        (nights("2026-02-28", "2026-03-02"), beds(&[0, 2])),
        (nights("2026-01-01", "2026-02-01"), beds(&[])),
    ] {
        assert_eq!(bookings.beds_taken(attic.id(), stay, None).await.unwrap(), want, "{stay:?}");
    }
    let both = nights("2026-02-01", "2026-04-01");
    assert_eq!(bookings.beds_taken(attic.id(), both, Some(first.id())).await.unwrap(), beds(&[2]));
    assert!(bookings.beds_taken(cellar.id(), both, None).await.unwrap().is_empty());
    assert_eq!(bookings.beds_held(attic.id()).await.unwrap(), beds(&[0, 2]));
    assert!(bookings.beds_held(cellar.id()).await.unwrap().is_empty());
    let holds = |guest: usize| stage.member(guest);
    assert!(bookings.person_holds(holds(0), nights("2026-02-28", "2026-05-01"), None).await.unwrap());
    assert!(!bookings.person_holds(holds(0), nights("2026-03-01", "2026-05-01"), None).await.unwrap());
    assert!(!bookings.person_holds(holds(0), both, Some(first.id())).await.unwrap());
    assert!(!bookings.person_holds(holds(2), both, None).await.unwrap(), "an ended stay holds nobody");
    end(uow, false).await;
}

pub(super) async fn only_active_members_may_stay(world: &dyn World) {
    let stage = Stage::set(world).await;
    let mut uow = stage.begin().await;
    assert!(uow.people().lock_member(stage.member(0)).await.unwrap());
    assert!(!uow.people().lock_member(stage.house.former).await.unwrap());
    assert!(!uow.people().lock_member(stage.ambient.id()).await.unwrap());
    end(uow, false).await;
}

pub(super) async fn a_deleted_booking_is_gone(world: &dyn World) {
    let stage = Stage::set(world).await;
    let room = stage.written_room("Attic", 1).await;
    let booking = stage.booking(&room, 0, 0, nights("2026-02-01", "2026-03-01"));
    assert_eq!(stage.insert(&booking).await, BookingWritten::Written);
    let over = booking.cancel(None, None, stage.ambient.now()).unwrap();
    assert_eq!(stage.update(&over).await, BookingWritten::Written);
    let mut uow = stage.begin().await;
    assert!(!uow.bookings().delete(over.id(), 1).await.unwrap(), "another version");
    assert!(!uow.bookings().delete(stage.ambient.id(), 1).await.unwrap(), "no such booking");
    assert!(uow.bookings().delete(over.id(), 2).await.unwrap());
    end(uow, true).await;
    assert_eq!(stage.stored(&over).await, None);
    assert_eq!(world.queries().booking(&stage.call(), over.id()).await.unwrap(), None);
    assert_eq!(over.status(), BookingStatus::Cancelled);
}
