//! The keeper of the accounts hears of every change of a stay, and of none that was not made.

use domicile_booking::{
    CancelBooking, CheckOutBooking, RejectBooking, UpdateBooking, events::BookingChange, model::HouseTerms,
};
use domicile_kernel::{JobTicket, Purpose, Who};
use pollster::block_on;

use crate::house::{House, code, new_stay, text};

fn told(house: &House) -> Vec<BookingChange> {
    house.memory.told_to_accounts().into_iter().map(|(_, change)| change).collect()
}

#[test]
fn every_step_of_a_stay_is_told_once_and_in_order() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.lived_in(&room, 0).await;
        let longer = UpdateBooking { check_out_date: text("2026-07-01"), ..UpdateBooking::default() };
        let stay = house.desk.update_booking(&house.manager(), stay.id, stay.version, longer).await.unwrap();
        let shorter = UpdateBooking { check_out_date: text("2026-05-01"), ..UpdateBooking::default() };
        let stay = house.desk.update_booking(&house.manager(), stay.id, stay.version, shorter).await.unwrap();
        house
            .desk
            .check_out_booking(&house.manager(), stay.id, stay.version, CheckOutBooking::default())
            .await
            .unwrap();
        let steps = [
            BookingChange::Created,
            BookingChange::Approved,
            BookingChange::CheckedIn,
            BookingChange::Extended,
            BookingChange::Shortened,
            BookingChange::CheckedOut,
        ];
        assert_eq!(told(&house), steps);
        assert!(house.memory.told_to_accounts().iter().all(|(id, _)| *id == stay.id));
    });
}

#[test]
fn a_stay_that_ends_before_it_began_is_told_as_well() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 3).await;
        let rejected = house.stay(&room, 0).await;
        let nobody = RejectBooking::default();
        house.desk.reject_booking(&house.manager(), rejected.id, 1, nobody).await.unwrap();
        let cancelled = house.approved(&room, 1).await;
        let given_up = CancelBooking::default();
        house.desk.cancel_booking(&house.manager(), cancelled.id, cancelled.version, given_up).await.unwrap();
        let forgotten = house.stay(&room, 2).await;
        house.go_to("2026-01-23T10:00:00Z");
        let mut worker = house.call_of(Who::System(Purpose::Jobs));
        let job = house.memory.jobs().into_iter().find(|job| job.key == forgotten.id.to_string()).unwrap();
        worker.job = Some(JobTicket { id: job.id, lease_until: job.due });
        house.desk.end_hold(&worker, forgotten.id).await.unwrap();
        let ends: Vec<_> = told(&house).into_iter().filter(|change| *change != BookingChange::Created).collect();
        let expected =
            [BookingChange::Rejected, BookingChange::Approved, BookingChange::Cancelled, BookingChange::HoldEnded];
        assert_eq!(ends, expected);
    });
}

#[test]
fn a_stay_that_needs_no_approval_is_told_when_it_is_made() {
    block_on(async {
        let house = House::with_terms(HouseTerms { approval_required: false, ..HouseTerms::default() });
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        assert_eq!(house.memory.told_to_accounts(), [(stay.id, BookingChange::Created)]);
    });
}

#[test]
fn what_is_refused_is_told_to_nobody() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        let before = told(&house);
        assert_eq!(code(house.desk.create_booking(&house.student(1), new_stay(&room)).await), "ROOM_UNAVAILABLE");
        assert_eq!(code(house.desk.approve_booking(&house.manager(), stay.id, 9).await), "VERSION_CONFLICT");
        assert_eq!(
            code(house.desk.check_out_booking(&house.manager(), stay.id, 1, CheckOutBooking::default()).await),
            "RESOURCE_CONFLICT"
        );
        assert_eq!(told(&house), before);
    });
}
