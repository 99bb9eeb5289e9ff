//! Booking a bed.

use domicile_booking::{
    CreateBooking, UpdateRoom,
    model::{BookingStatus, HouseTerms},
    policy::PriceRuleName,
};
use domicile_kernel::{Audience, Feature, Flags, Permission, Role, Who, Zone};
use pollster::block_on;
use serde_json::json;

use crate::house::{House, cedis, code, new_stay, text, wrong};

#[test]
fn a_stay_is_pending_priced_and_has_the_first_free_bed() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 2).await;
        let stay = house
            .desk
            .create_booking(
                &house.student(0),
                CreateBooking {
                    emergency_contact_name: text("Ama <b>Boateng</b>"),
                    emergency_contact_phone: text("+233 20 123 4567"),
                    special_requests: text("lower bunk"),
                    ..new_stay(&room)
                },
            )
            .await
            .unwrap();
        assert_eq!((stay.status, stay.version), (BookingStatus::Pending, 1));
        assert_eq!((stay.hostel_id, stay.room_id, stay.user_id), (house.id, room.id, house.student_id(0)));
        assert_eq!(stay.bed_id, room.beds[0].id);
        assert_eq!((stay.total_price, stay.price_rule.monthly_price), (cedis(180_000), cedis(45_000)));
        assert_eq!(stay.emergency_contact_name.as_ref().unwrap().as_str(), "Ama Boateng");
        assert_eq!(stay.emergency_contact_phone.as_deref(), Some("+233201234567"));
        assert!(stay.terms_accepted);
        let next = house.stay(&room, 1).await;
        assert_eq!(next.bed_id, room.beds[1].id);
    });
}

#[test]
fn what_happened_is_told_audited_and_scheduled_without_private_fields() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = CreateBooking {
            emergency_contact_name: text("Ama Boateng"),
            emergency_contact_phone: text("+233201234567"),
            special_requests: text("insulin in the fridge"),
            ..new_stay(&room)
        };
        let stay = house.desk.create_booking(&house.student(0), stay).await.unwrap();
        let event = house.last_event();
        assert_eq!((event.kind, event.aggregate, event.aggregate_version), ("booking.created", "booking", 1));
        assert_eq!(event.audience, Audience::Person(stay.user_id, Permission::BookingsReadAll));
        assert_eq!(event.data["status"], "pending");
        let audit = house.memory.audit_trail().pop().unwrap();
        assert_eq!((audit.action, audit.target_id), ("booking.create", Some(stay.id.uuid())));
        assert_eq!((audit.before, audit.after.as_ref()), (None, Some(&event.data)));
        for private in ["Ama", "233", "insulin", "emergency"] {
            assert!(!event.data.to_string().contains(private), "{}", event.data);
        }
        let [job] = &house.memory.jobs()[..] else { panic!("one job") };
        assert_eq!((job.kind, job.key.as_str()), ("booking.end_hold", stay.id.to_string().as_str()));
        assert_eq!(job.due.to_string(), "2026-01-23T10:00:00Z");
        assert_eq!(job.payload, json!({ "hostel_id": house.id, "booking_id": stay.id }));
    });
}

#[test]
fn a_house_that_approves_nothing_agrees_at_once() {
    block_on(async {
        let house = House::with_terms(HouseTerms { approval_required: false, ..HouseTerms::default() });
        let room = house.room("Attic", 1).await;
        assert_eq!(house.stay(&room, 0).await.status, BookingStatus::Approved);
        assert!(house.memory.jobs().is_empty());
        assert_eq!(house.last_event().kind, "booking.created");
    });
}

#[test]
fn every_wrong_field_is_told_with_the_printed_message() {
    block_on(async {
        let house = House::new();
        let sent = CreateBooking {
            room_id: text("attic"),
            check_in_date: text("2026-01-19"),
            check_out_date: text("2026-02-30"),
            emergency_contact_name: text("A"),
            emergency_contact_phone: text("0201234567"),
            special_requests: Some("x".repeat(501)),
            terms_accepted: Some(false),
            user_id: None,
            bed_id: text("A"),
        };
        let refused = wrong(house.desk.create_booking(&house.student(0), sent).await);
        let want = [
            "room_id: Invalid room ID",
            "bed_id: Invalid bed ID",
            "check_in_date: Check-in date must be today or in the future",
            "check_out_date: Invalid date format",
            "emergency_contact_name: emergency_contact_name must be at least 2 characters",
            "emergency_contact_phone: emergency_contact_phone must be a telephone number with its country code, such as +233201234567",
            "special_requests: special_requests must be at most 500 characters",
            "terms_accepted: You must accept the terms and conditions",
        ];
        assert_eq!(refused, want);
        let nothing = wrong(house.desk.create_booking(&house.student(0), CreateBooking::default()).await);
        let want = [
            "room_id: room_id is required",
            "check_in_date: check_in_date is required",
            "check_out_date: check_out_date is required",
            "terms_accepted: You must accept the terms and conditions",
        ];
        assert_eq!(nothing, want);
        assert!(house.memory.events().is_empty());
    });
}

#[test]
fn a_stay_is_at_least_as_long_as_the_house_wants() {
    block_on(async {
        for (least, check_in, check_out, want) in [
            (1, "2026-02-01", "2026-02-28", Some("Minimum booking duration is 1 month")),
            (1, "2026-01-31", "2026-02-01", None),
            (3, "2026-02-01", "2026-04-30", Some("Minimum booking duration is 3 months")),
            (0, "2026-02-01", "2026-02-02", None),
            (0, "2026-02-01", "2026-02-01", Some("Check-out date must be after check-in date")),
            (1, "2026-03-01", "2026-02-01", Some("Check-out date must be after check-in date")),
            (1, "2026-02-31", "2026-06-01", Some("Check-in date must be today or in the future")),
        ] {
            let house = House::with_terms(HouseTerms { minimum_stay_months: least, ..HouseTerms::default() });
            let room = house.room("Attic", 1).await;
            let sent =
                CreateBooking { check_in_date: text(check_in), check_out_date: text(check_out), ..new_stay(&room) };
            let result = house.desk.create_booking(&house.student(0), sent).await;
            match want {
                None => assert!(result.is_ok(), "{check_in} {check_out}"),
                Some(message) => assert!(wrong(result)[0].ends_with(message), "{check_in} {check_out}"),
            }
        }
    });
}

#[test]
fn a_stay_is_for_at_most_ten_years() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let until = |day: &str| CreateBooking { check_out_date: text(day), ..new_stay(&room) };
        for day in ["2036-02-02", "9999-12-31"] {
            let refused = wrong(house.desk.create_booking(&house.student(0), until(day)).await);
            assert_eq!(refused, ["check_out_date: A stay is for at most 120 months"], "{day}");
        }
        let longest = house.desk.create_booking(&house.student(0), until("2036-02-01")).await.unwrap();
        assert_eq!(longest.total_price, cedis(120 * 45_000));
    });
}

#[test]
fn a_stay_is_priced_by_the_rule_of_the_house() {
    block_on(async {
        for (proration, total) in [
            (PriceRuleName::CalendarDays, 45_000 + 14_516),
            (PriceRuleName::ThirtyDays, 45_000 + 15_000),
            (PriceRuleName::WholeMonths, 90_000),
        ] {
            let house = House::with_terms(HouseTerms { proration, ..HouseTerms::default() });
            let room = house.room("Attic", 1).await;
            let sent = CreateBooking { check_out_date: text("2026-03-11"), ..new_stay(&room) };
            let stay = house.desk.create_booking(&house.student(0), sent).await.unwrap();
            assert_eq!((stay.total_price, stay.price_rule.name), (cedis(total), proration));
        }
    });
}

#[test]
fn today_is_the_houses_own() {
    block_on(async {
        let zone = Zone::parse("Pacific/Auckland").unwrap();
        let house = House::with_terms(HouseTerms { zone, ..HouseTerms::default() });
        let room = house.room("Attic", 1).await;
        house.go_to("2026-01-31T12:00:00Z");
        let from = |day: &str| CreateBooking { check_in_date: text(day), ..new_stay(&room) };
        let yesterday = house.desk.create_booking(&house.student(0), from("2026-01-31")).await;
        assert_eq!(wrong(yesterday), ["check_in_date: Check-in date must be today or in the future"]);
        assert!(house.desk.create_booking(&house.student(0), from("2026-02-01")).await.is_ok());
    });
}

#[test]
fn a_full_room_is_unavailable_and_touching_nights_are_not() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        house.stay(&room, 0).await;
        assert_eq!(code(house.desk.create_booking(&house.student(1), new_stay(&room)).await), "ROOM_UNAVAILABLE");
        let next =
            CreateBooking { check_in_date: text("2026-06-01"), check_out_date: text("2026-07-01"), ..new_stay(&room) };
        assert!(house.desk.create_booking(&house.student(1), next).await.is_ok());
    });
}

#[test]
fn a_wanted_bed_is_had_or_nothing() {
    block_on(async {
        let house = House::new();
        let (attic, cellar) = (house.room("Attic", 3).await, house.room("Cellar", 1).await);
        let wanting = |bed: String| CreateBooking { bed_id: Some(bed), ..new_stay(&attic) };
        let b = attic.beds[1].id.to_string();
        let first = house.desk.create_booking(&house.student(0), wanting(b.clone())).await.unwrap();
        assert_eq!(first.bed_id, attic.beds[1].id);
        assert_eq!(code(house.desk.create_booking(&house.student(1), wanting(b)).await), "ROOM_UNAVAILABLE");
        let elsewhere = wanting(cellar.beds[0].id.to_string());
        let refused = wrong(house.desk.create_booking(&house.student(1), elsewhere).await);
        assert_eq!(refused, ["bed_id: There is no such bed in this room"]);
    });
}

#[test]
fn one_person_has_one_bed_a_night() {
    block_on(async {
        let house = House::new();
        let (attic, cellar) = (house.room("Attic", 2).await, house.room("Cellar", 1).await);
        house.stay(&attic, 0).await;
        for room in [&attic, &cellar] {
            assert_eq!(code(house.desk.create_booking(&house.student(0), new_stay(room)).await), "BOOKING_CONFLICT");
        }
    });
}

#[test]
fn only_a_room_that_is_let_can_be_booked() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        for (version, status) in (1..).zip(["maintenance", "closed"]) {
            let change = UpdateRoom { status: text(status), ..UpdateRoom::default() };
            house.desk.update_room(&house.manager(), room.id, version, change).await.unwrap();
            assert_eq!(code(house.desk.create_booking(&house.student(0), new_stay(&room)).await), "ROOM_UNAVAILABLE");
        }
        let unknown = CreateBooking { room_id: Some(house.ambient.ids.uuid().to_string()), ..new_stay(&room) };
        assert_eq!(code(house.desk.create_booking(&house.student(0), unknown).await), "NOT_FOUND");
    });
}

#[test]
fn booking_closes_the_houses_hours_before_the_day() {
    block_on(async {
        let house = House::with_terms(HouseTerms { booking_deadline_hours: 24, ..HouseTerms::default() });
        let room = house.room("Attic", 2).await;
        house.go_to("2026-01-31T00:00:00Z");
        assert!(house.desk.create_booking(&house.student(0), new_stay(&room)).await.is_ok());
        house.go_to("2026-01-31T00:00:01Z");
        let late = house.desk.create_booking(&house.student(1), new_stay(&room)).await;
        assert_eq!(code(late), "BOOKING_DEADLINE_PASSED");

        let open = House::with_terms(HouseTerms { booking_deadline_hours: 0, ..HouseTerms::default() });
        let room = open.room("Attic", 1).await;
        open.go_to("2026-02-01T23:59:59Z");
        assert!(open.desk.create_booking(&open.student(0), new_stay(&room)).await.is_ok(), "all through the day");
    });
}

#[test]
fn booking_for_somebody_else_is_for_those_who_see_everybody() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 2).await;
        let other = house.student_id(1);
        let for_other = || CreateBooking { user_id: Some(other.to_string()), ..new_stay(&room) };
        assert_eq!(code(house.desk.create_booking(&house.student(0), for_other()).await), "FORBIDDEN");
        let own = CreateBooking { user_id: Some(house.student_id(0).to_string()), ..new_stay(&room) };
        assert!(house.desk.create_booking(&house.student(0), own).await.is_ok(), "one's own id may be named");
        let stay = house.desk.create_booking(&house.manager(), for_other()).await.unwrap();
        assert_eq!(stay.user_id, other);
    });
}

#[test]
fn only_an_active_member_can_stay() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        house.memory.dismiss(house.id, house.student_id(0));
        let refused = wrong(house.desk.create_booking(&house.student(0), new_stay(&room)).await);
        assert_eq!(refused, ["user_id: This person is not an active member of the hostel"]);
        let nonsense = CreateBooking { user_id: text("me"), ..new_stay(&room) };
        let refused = wrong(house.desk.create_booking(&house.manager(), nonsense).await);
        assert_eq!(refused, ["user_id: Invalid user ID"]);
        let operator = house.call_of(Who::Operator);
        let nobody = wrong(house.desk.create_booking(&operator, new_stay(&room)).await);
        assert_eq!(nobody, ["user_id: user_id is required"]);
    });
}

#[test]
fn permission_and_feature_are_asked_before_anything_is_read() {
    block_on(async {
        let house = House::new();
        let sent = CreateBooking::default;
        assert_eq!(code(house.desk.create_booking(&house.staff(), sent()).await), "INSUFFICIENT_PERMISSIONS");
        let guard = house.call(house.student_id(0), Role::Guard);
        assert_eq!(code(house.desk.create_booking(&guard, sent()).await), "INSUFFICIENT_PERMISSIONS");
        assert_eq!(code(house.desk.create_booking(&house.call_of(Who::Anonymous), sent()).await), "UNAUTHORIZED");
        let mut off = house.student(0);
        off.flags = Flags::all().with(Feature::RoomBooking, false);
        assert_eq!(code(house.desk.create_booking(&off, sent()).await), "FEATURE_DISABLED");
    });
}
