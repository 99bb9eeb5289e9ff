//! Approving, rejecting, cancelling, checking in and out, deleting.

use domicile_booking::{
    BookingView, CancelBooking, CheckOutBooking, RejectBooking, UpdateBooking,
    model::{BookingStatus, HouseTerms},
};
use domicile_kernel::{Call, Detail, Fault, Feature, Flags};
use pollster::block_on;

use crate::house::{House, cedis, code, new_stay, state, text, wrong};

fn because(reason: &str) -> CancelBooking {
    CancelBooking { reason: text(reason) }
}

#[test]
fn a_stay_goes_from_pending_to_checked_out() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        let stay = house.desk.approve_booking(&house.manager(), stay.id, 1).await.unwrap();
        assert_eq!((stay.status, stay.version), (BookingStatus::Approved, 2));
        assert_eq!((house.last_event().kind, house.last_event().aggregate_version), ("booking.approved", 2));
        assert!(house.last_event().data.get("change").is_none());
        house.go_to("2026-02-01T09:00:00Z");
        let stay = house.desk.check_in_booking(&house.manager(), stay.id, 2).await.unwrap();
        assert_eq!(house.last_event().kind, "booking.updated");
        assert_eq!(house.last_event().data["change"], "checked_in");
        house.go_to("2026-04-15T09:00:00Z");
        let stay =
            house.desk.check_out_booking(&house.manager(), stay.id, 3, CheckOutBooking::default()).await.unwrap();
        assert_eq!((stay.status, stay.version), (BookingStatus::CheckedOut, 4));
        assert_eq!(house.last_event().data["change"], "checked_out");
        let actions: Vec<_> = house.memory.audit_trail().iter().skip(1).map(|entry| entry.action).collect();
        assert_eq!(actions, ["booking.create", "booking.approve", "booking.check_in", "booking.check_out"]);
        let last = house.memory.audit_trail().pop().unwrap();
        assert_eq!(last.before.unwrap()["status"], "checked_in");
        assert_eq!(last.after.unwrap()["status"], "checked_out");
    });
}

#[test]
fn who_leaves_early_pays_the_nights_that_were_slept_unless_the_house_says_otherwise() {
    let cases = [
        ("2026-02-01T23:00:00Z", None, "2026-02-02", 1_607),
        ("2026-03-15T23:59:59Z", Some(false), "2026-03-15", 65_323),
        ("2026-03-15T23:59:59Z", Some(true), "2026-06-01", 180_000),
        ("2026-06-09T00:00:00Z", None, "2026-06-01", 180_000),
    ];
    for (leaves, bill_whole_stay, until, price) in cases {
        block_on(async {
            let house = House::new();
            let room = house.room("Attic", 1).await;
            let stay = house.lived_in(&room, 0).await;
            assert_eq!(stay.total_price, cedis(180_000));
            house.go_to(leaves);
            let command = CheckOutBooking { bill_whole_stay };
            let left = house.desk.check_out_booking(&house.manager(), stay.id, 3, command).await.unwrap();
            assert_eq!((left.check_out_date.to_string().as_str(), left.total_price), (until, cedis(price)), "{leaves}");
            assert_eq!((left.check_in_date, left.version), (stay.check_in_date, 4));
            // Who watches the bed hears of the nights that are free now.
            let previous = &house.last_event().data["previous"]["check_out_date"];
            let expected = if until == "2026-06-01" { serde_json::Value::Null } else { "2026-06-01".into() };
            assert_eq!(*previous, expected, "{leaves}");
        });
    }
}

#[test]
fn a_rejected_stay_frees_its_bed_and_says_why() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        let reason = RejectBooking { reason: text("<i>No</i> papers") };
        let stay = house.desk.reject_booking(&house.manager(), stay.id, 1, reason).await.unwrap();
        assert_eq!((stay.status, stay.reason.unwrap().as_str()), (BookingStatus::Rejected, "No papers"));
        let event = house.last_event();
        assert_eq!((event.kind, &event.data["change"]), ("booking.updated", &"rejected".into()));
        assert!(house.desk.create_booking(&house.student(1), new_stay(&room)).await.is_ok());
        let long = RejectBooking { reason: Some("x".repeat(501)) };
        let refused = wrong(house.desk.reject_booking(&house.manager(), stay.id, 1, long).await);
        assert_eq!(refused, ["reason: reason must be at most 500 characters"]);
    });
}

#[test]
fn the_guest_can_cancel_until_the_deadline_and_the_house_always() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 3).await;
        let (first, second, third) =
            (house.stay(&room, 0).await, house.approved(&room, 1).await, house.approved(&room, 2).await);
        house.go_to("2026-01-31T00:00:00Z");
        let cancelled =
            house.desk.cancel_booking(&house.student(0), first.id, 1, CancelBooking::default()).await.unwrap();
        assert_eq!((cancelled.status, cancelled.reason), (BookingStatus::Cancelled, None));
        assert_eq!(house.last_event().kind, "booking.cancelled");
        house.go_to("2026-01-31T00:00:01Z");
        let late = house.desk.cancel_booking(&house.student(1), second.id, 2, CancelBooking::default()).await;
        assert_eq!(code(late), "BOOKING_DEADLINE_PASSED");
        assert!(house.desk.cancel_booking(&house.manager(), second.id, 2, because("flood")).await.is_ok());
        house.go_to("2026-02-03T00:00:00Z");
        let absent = house.desk.cancel_booking(&house.manager(), third.id, 2, because("no_show")).await.unwrap();
        assert_eq!(absent.reason.unwrap().as_str(), "no_show");
    });
}

#[test]
fn nobody_cancels_a_strangers_stay() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        for stranger in [house.student(1), house.staff()] {
            let refused = house.desk.cancel_booking(&stranger, stay.id, 1, CancelBooking::default()).await;
            assert_eq!(code(refused), "FORBIDDEN");
        }
    });
}

#[test]
fn nobody_moves_in_before_the_first_day_or_on_the_last() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.approved(&room, 0).await;
        for outside in ["2026-01-31T23:59:59Z", "2026-06-01T00:00:00Z"] {
            house.go_to(outside);
            assert_eq!(state(house.desk.check_in_booking(&house.manager(), stay.id, 2).await), "approved");
        }
        house.go_to("2026-05-31T23:00:00Z");
        assert!(house.desk.check_in_booking(&house.manager(), stay.id, 2).await.is_ok());
    });
}

#[test]
fn an_illegal_move_names_the_state_even_on_a_stale_version() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.lived_in(&room, 0).await;
        let (desk, manager, stale) = (&house.desk, house.manager(), 1);
        assert_eq!(state(desk.approve_booking(&manager, stay.id, stale).await), "checked_in");
        assert_eq!(state(desk.reject_booking(&manager, stay.id, stale, RejectBooking::default()).await), "checked_in");
        assert_eq!(state(desk.cancel_booking(&manager, stay.id, stale, CancelBooking::default()).await), "checked_in");
        assert_eq!(state(desk.check_in_booking(&manager, stay.id, stale).await), "checked_in");
        assert_eq!(state(desk.delete_booking(&house.admin(), stay.id, stale).await), "checked_in");
        let out = desk.check_out_booking(&manager, stay.id, stay.version, CheckOutBooking::default()).await.unwrap();
        assert_eq!(
            state(desk.check_out_booking(&manager, stay.id, out.version, CheckOutBooking::default()).await),
            "checked_out"
        );
        let change = UpdateBooking { special_requests: text("tea"), ..UpdateBooking::default() };
        assert_eq!(code(desk.update_booking(&manager, stay.id, stale, change).await), "RESOURCE_CONFLICT");
    });
}

#[test]
fn a_legal_move_on_a_stale_version_is_told_the_latest_record() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        let refused = house.desk.approve_booking(&house.manager(), stay.id, 7).await.unwrap_err();
        assert_eq!(refused.code().as_str(), "VERSION_CONFLICT");
        let Detail::Version { current, yours, latest } = refused.detail() else { panic!("no version") };
        assert_eq!((current, yours), (1, 7));
        assert_eq!(serde_json::from_value::<BookingView>(latest).unwrap(), stay);
        assert_eq!(house.last_event().kind, "booking.created", "nothing was told");
    });
}

#[test]
fn an_ended_booking_can_be_deleted_by_an_admin() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        assert_eq!(state(house.desk.delete_booking(&house.admin(), stay.id, 1).await), "pending");
        house.desk.cancel_booking(&house.manager(), stay.id, 1, CancelBooking::default()).await.unwrap();
        assert_eq!(code(house.desk.delete_booking(&house.manager(), stay.id, 2).await), "INSUFFICIENT_PERMISSIONS");
        assert_eq!(code(house.desk.delete_booking(&house.admin(), stay.id, 1).await), "VERSION_CONFLICT");
        house.desk.delete_booking(&house.admin(), stay.id, 2).await.unwrap();
        assert_eq!(code(house.desk.delete_booking(&house.admin(), stay.id, 2).await), "NOT_FOUND");
        let event = house.last_event();
        assert_eq!((event.kind, event.aggregate_version), ("booking.updated", 3));
        assert_eq!((&event.data["change"], &event.data["status"]), (&"deleted".into(), &"cancelled".into()));
    });
}

#[test]
fn a_move_of_nothing_is_not_found() {
    block_on(async {
        let house = House::new();
        let id = house.ambient.id();
        let (desk, manager) = (&house.desk, house.manager());
        assert_eq!(code(desk.approve_booking(&manager, id, 1).await), "NOT_FOUND");
        assert_eq!(code(desk.check_out_booking(&manager, id, 1, CheckOutBooking::default()).await), "NOT_FOUND");
        let change = UpdateBooking { special_requests: text("tea"), ..UpdateBooking::default() };
        let refused = desk.update_booking(&manager, id, 1, change).await.unwrap_err();
        assert_eq!((refused.code().as_str(), refused.to_string().as_str()), ("NOT_FOUND", "Booking not found"));
    });
}

#[test]
fn every_move_asks_for_its_permission_and_the_feature() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        let moves = async |call: Call| {
            let (desk, id) = (&house.desk, stay.id);
            [
                code(desk.approve_booking(&call, id, 9).await),
                code(desk.reject_booking(&call, id, 9, RejectBooking::default()).await),
                code(desk.check_in_booking(&call, id, 9).await),
                code(desk.check_out_booking(&call, id, 9, CheckOutBooking::default()).await),
                code(desk.delete_booking(&call, id, 9).await),
            ]
        };
        assert_eq!(moves(house.student(0)).await, ["INSUFFICIENT_PERMISSIONS"; 5]);
        assert_eq!(moves(house.staff()).await, ["INSUFFICIENT_PERMISSIONS"; 5]);
        let mut off = house.admin();
        off.flags = Flags::all().with(Feature::RoomBooking, false);
        assert_eq!(
            code(house.desk.cancel_booking(&off, stay.id, 1, CancelBooking::default()).await),
            "FEATURE_DISABLED"
        );
        assert_eq!(
            code(house.desk.update_booking(&off, stay.id, 1, UpdateBooking::default()).await),
            "FEATURE_DISABLED"
        );
        assert_eq!(moves(off).await, ["FEATURE_DISABLED"; 5]);
    });
}

#[test]
fn a_put_with_status_is_the_same_move() {
    block_on(async {
        let house = House::with_terms(HouseTerms { cancellation_deadline_hours: 0, ..HouseTerms::default() });
        let room = house.room("Attic", 3).await;
        let (desk, manager) = (&house.desk, house.manager());
        let to = |status: &str| UpdateBooking { status: text(status), ..UpdateBooking::default() };
        let (first, second) = (house.stay(&room, 0).await, house.stay(&room, 1).await);
        let first = desk.update_booking(&manager, first.id, 1, to("Approved")).await.unwrap();
        assert_eq!((first.status, house.last_event().kind), (BookingStatus::Approved, "booking.approved"));
        let why = UpdateBooking { reason: text("full"), ..to("rejected") };
        let second = desk.update_booking(&manager, second.id, 1, why).await.unwrap();
        assert_eq!(second.reason.unwrap().as_str(), "full");
        house.go_to("2026-02-01T10:00:00Z");
        let first = desk.update_booking(&manager, first.id, 2, to("checked_in")).await.unwrap();
        let first = desk.update_booking(&manager, first.id, 3, to("checked_out")).await.unwrap();
        assert_eq!(first.status, BookingStatus::CheckedOut);
        let third = house
            .desk
            .create_booking(
                &house.student(2),
                domicile_booking::CreateBooking { check_in_date: text("2026-03-01"), ..new_stay(&room) },
            )
            .await
            .unwrap();
        let own = desk.update_booking(&house.student(2), third.id, 1, to("approved")).await;
        assert_eq!(code(own), "INSUFFICIENT_PERMISSIONS");
        let own = desk.update_booking(&house.student(2), third.id, 1, to("cancelled")).await.unwrap();
        assert_eq!(own.status, BookingStatus::Cancelled);
    });
}

#[test]
fn a_status_stands_alone() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        let sent =
            UpdateBooking { status: text("pending"), check_out_date: text("2026-07-01"), ..UpdateBooking::default() };
        let refused = wrong(house.desk.update_booking(&house.manager(), stay.id, 1, sent).await);
        let want = [
            "status: status must be one of: approved, rejected, cancelled, checked_in, checked_out",
            "status: status cannot be sent together with other changes",
        ];
        assert_eq!(refused, want);
        let sent = UpdateBooking { status: text("approved"), reason: text("why not"), ..UpdateBooking::default() };
        let refused = wrong(house.desk.update_booking(&house.manager(), stay.id, 1, sent).await);
        assert_eq!(refused, ["reason: reason goes with status rejected or cancelled only"]);
    });
}
