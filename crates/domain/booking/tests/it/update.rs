//! Moving to another bed, extending, cutting short, correcting.

use domicile_booking::{
    CheckOutBooking, CreateBooking, UpdateBooking, UpdateRoom,
    model::{Booking, HouseTerms, StayDates},
    policy::{EarlierPrice, PriceRuleName},
    ports::{BookingUows, BookingWritten},
};
use domicile_kernel::{Currency, Money, Outcome};
use pollster::block_on;

use crate::house::{House, cedis, code, new_room, new_stay, text, wrong};

fn until(day: &str) -> UpdateBooking {
    UpdateBooking { check_out_date: text(day), ..UpdateBooking::default() }
}

fn into(room: impl ToString) -> UpdateBooking {
    UpdateBooking { room_id: Some(room.to_string()), ..UpdateBooking::default() }
}

#[test]
fn a_stay_moves_to_another_room_at_that_rooms_price() {
    block_on(async {
        let house = House::new();
        let attic = house.room("Attic", 1).await;
        let dearer = domicile_booking::CreateRoom { monthly_price: Some(cedis(60_000)), ..new_room("Suite", 2) };
        let suite = house.desk.create_room(&house.manager(), dearer).await.unwrap();
        let stay = house.lived_in(&attic, 0).await;
        let moved = house.desk.update_booking(&house.manager(), stay.id, stay.version, into(suite.id)).await.unwrap();
        assert_eq!((moved.room_id, moved.bed_id), (suite.id, suite.beds[0].id));
        assert_eq!((moved.total_price, moved.price_rule.monthly_price), (cedis(240_000), cedis(60_000)));
        assert_eq!((moved.version, moved.status), (stay.version + 1, stay.status));
        let event = house.last_event();
        assert_eq!((event.kind, &event.data["change"]), ("booking.updated", &"moved".into()));
        let next = CreateBooking { check_in_date: text("2026-02-01"), ..new_stay(&attic) };
        assert!(house.desk.create_booking(&house.student(1), next).await.is_ok(), "the bed it left is free");
    });
}

#[test]
fn who_lives_here_and_moves_pays_the_new_rooms_price_from_that_day_on() {
    block_on(async {
        let house = House::new();
        let (attic, cellar) = (house.room("Attic", 1).await, house.room("Cellar", 1).await);
        let at = |price, name| domicile_booking::CreateRoom { monthly_price: Some(cedis(price)), ..new_room(name, 1) };
        let suite = house.desk.create_room(&house.manager(), at(60_000, "Suite")).await.unwrap();
        let closet = house.desk.create_room(&house.manager(), at(30_000, "Closet")).await.unwrap();
        let stay = house.lived_in(&attic, 0).await;
        let (desk, manager) = (&house.desk, house.manager());
        let earlier = |prices: &[(&str, i64)]| -> Vec<_> {
            let price = |(until, price): &(&str, i64)| EarlierPrice {
                until: until.parse().unwrap(),
                monthly_price: cedis(*price),
            };
            prices.iter().map(price).collect()
        };
        // Four months from the 1st of February; ten nights of March are slept at 450.
        house.go_to("2026-03-11T08:00:00Z");
        let moved = desk.update_booking(&manager, stay.id, 3, into(suite.id)).await.unwrap();
        assert_eq!(moved.total_price, cedis(45_000 + 55_161 + 60_000 + 60_000));
        assert_eq!(moved.price_rule.monthly_price, cedis(60_000));
        assert_eq!(moved.earlier_prices, earlier(&[("2026-03-11", 45_000)]));
        // On the same day to one that is cheaper, and back: no night was slept in between.
        let cheaper = desk.update_booking(&manager, stay.id, 4, into(closet.id)).await.unwrap();
        assert_eq!(cheaper.total_price, cedis(45_000 + 34_839 + 30_000 + 30_000));
        assert_eq!(cheaper.earlier_prices, moved.earlier_prices);
        let back = desk.update_booking(&manager, stay.id, 5, into(attic.id)).await.unwrap();
        assert_eq!((back.total_price, back.earlier_prices), (stay.total_price, Vec::new()));
        // A room of the same price is no other price.
        let alike = desk.update_booking(&manager, stay.id, 6, into(cellar.id)).await.unwrap();
        assert_eq!((alike.total_price, alike.earlier_prices), (stay.total_price, Vec::new()));
        // A second move, in the middle of a change of the days.
        desk.update_booking(&manager, stay.id, 7, into(suite.id)).await.unwrap();
        house.go_to("2026-04-01T08:00:00Z");
        let longer = UpdateBooking { room_id: Some(closet.id.to_string()), ..until("2026-07-01") };
        let longer = desk.update_booking(&manager, stay.id, 8, longer).await.unwrap();
        assert_eq!(longer.total_price, cedis(45_000 + 55_161 + 3 * 30_000));
        assert_eq!(longer.earlier_prices, earlier(&[("2026-03-11", 45_000), ("2026-04-01", 60_000)]));
        let tea = UpdateBooking { special_requests: text("tea"), ..UpdateBooking::default() };
        let same = desk.update_booking(&manager, stay.id, 9, tea).await.unwrap();
        assert_eq!((same.total_price, same.earlier_prices), (longer.total_price, longer.earlier_prices));
        // Who leaves early pays the nights by the price of the room they were slept in.
        house.go_to("2026-04-16T08:00:00Z");
        let left = desk.check_out_booking(&manager, stay.id, 10, CheckOutBooking::default()).await.unwrap();
        assert_eq!(left.total_price, cedis(45_000 + 55_161 + 15_000));
    });
}

#[test]
fn who_has_not_moved_in_pays_the_new_rooms_price_for_every_night() {
    block_on(async {
        let house = House::new();
        let attic = house.room("Attic", 1).await;
        let dearer = domicile_booking::CreateRoom { monthly_price: Some(cedis(60_000)), ..new_room("Suite", 2) };
        let suite = house.desk.create_room(&house.manager(), dearer).await.unwrap();
        let stay = house.stay(&attic, 0).await;
        house.desk.approve_booking(&house.manager(), stay.id, 1).await.unwrap();
        house.go_to("2026-02-10T08:00:00Z");
        let moved = house.desk.update_booking(&house.manager(), stay.id, 2, into(suite.id)).await.unwrap();
        assert_eq!((moved.total_price, moved.earlier_prices), (cedis(240_000), Vec::new()));
    });
}

#[test]
fn a_stay_moves_to_another_bed_of_its_room() {
    block_on(async {
        let house = House::new();
        let (attic, cellar) = (house.room("Attic", 2).await, house.room("Cellar", 1).await);
        let (first, second) = (house.stay(&attic, 0).await, house.stay(&attic, 1).await);
        let to_bed = |bed: String| UpdateBooking { bed_id: Some(bed), ..UpdateBooking::default() };
        let taken = to_bed(second.bed_id.to_string());
        assert_eq!(code(house.desk.update_booking(&house.manager(), first.id, 1, taken).await), "ROOM_UNAVAILABLE");
        let elsewhere = to_bed(cellar.beds[0].id.to_string());
        let refused = wrong(house.desk.update_booking(&house.manager(), first.id, 1, elsewhere).await);
        assert_eq!(refused, ["bed_id: There is no such bed in this room"]);
        let both = UpdateBooking { bed_id: Some(cellar.beds[0].id.to_string()), ..into(cellar.id) };
        let moved = house.desk.update_booking(&house.manager(), first.id, 1, both).await.unwrap();
        assert_eq!(moved.bed_id, cellar.beds[0].id);
        assert_eq!(
            code(house.desk.update_booking(&house.manager(), second.id, 1, into(cellar.id)).await),
            "ROOM_UNAVAILABLE"
        );
        assert_eq!(
            code(house.desk.update_booking(&house.manager(), second.id, 1, into(house.ambient.ids.uuid())).await),
            "NOT_FOUND"
        );
    });
}

#[test]
fn a_stay_is_extended_and_cut_short_at_the_agreed_price() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.lived_in(&room, 0).await;
        let dearer = UpdateRoom { monthly_price: Some(cedis(90_000)), ..UpdateRoom::default() };
        house.desk.update_room(&house.manager(), room.id, 1, dearer).await.unwrap();
        let longer = house.desk.update_booking(&house.manager(), stay.id, 3, until("2026-07-01")).await.unwrap();
        assert_eq!((longer.total_price, longer.bed_id), (cedis(225_000), stay.bed_id));
        assert_eq!(house.last_event().data["change"], "extended");
        let shorter = house.desk.update_booking(&house.manager(), stay.id, 4, until("2026-02-15")).await.unwrap();
        assert_eq!(shorter.total_price, cedis(22_500));
        assert_eq!(house.last_event().data["change"], "shortened");
    });
}

#[test]
fn a_stay_that_was_ever_too_long_can_still_be_corrected_and_cut_short() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        let (desk, manager) = (&house.desk, house.manager());
        let mut uow = house.memory.begin(&manager).await.unwrap();
        let mut record = uow.bookings().find(stay.id).await.unwrap().unwrap().record().clone();
        record.dates = StayDates::new(stay.check_in_date, "2040-02-01".parse().unwrap()).unwrap();
        record.version = 2;
        let written = uow.bookings().update(&Booking::from_record(record)).await.unwrap();
        assert_eq!(written, BookingWritten::Written);
        uow.commit(Outcome::done()).await.unwrap();
        let tea = UpdateBooking { special_requests: text("tea"), ..until("2040-02-01") };
        assert_eq!(desk.update_booking(&manager, stay.id, 2, tea).await.unwrap().version, 3);
        let refused = wrong(desk.update_booking(&manager, stay.id, 3, until("2039-02-01")).await);
        assert_eq!(refused, ["check_out_date: A stay is for at most 120 months"]);
        assert!(desk.update_booking(&manager, stay.id, 3, until("2036-02-01")).await.is_ok());
    });
}

#[test]
fn a_stay_keeps_the_rule_it_was_agreed_by() {
    block_on(async {
        let house = House::with_terms(HouseTerms { proration: PriceRuleName::WholeMonths, ..HouseTerms::default() });
        let (attic, cellar) = (house.room("Attic", 1).await, house.room("Cellar", 1).await);
        let stay = house.lived_in(&attic, 0).await;
        house
            .memory
            .open_hostel(house.id, HouseTerms { proration: PriceRuleName::ThirtyDays, ..HouseTerms::default() });
        let (desk, manager) = (&house.desk, house.manager());
        let longer = desk.update_booking(&manager, stay.id, 3, until("2026-06-11")).await.unwrap();
        assert_eq!((longer.total_price, longer.price_rule), (cedis(5 * 45_000), stay.price_rule));
        let moved = desk.update_booking(&manager, stay.id, 4, into(cellar.id)).await.unwrap();
        assert_eq!((moved.total_price, moved.price_rule), (cedis(5 * 45_000), stay.price_rule));
        let shorter = desk.update_booking(&manager, stay.id, 5, until("2026-05-02")).await.unwrap();
        assert_eq!((shorter.total_price, shorter.price_rule), (cedis(4 * 45_000), stay.price_rule));
        house.go_to("2026-02-11T12:00:00Z");
        let left = desk.check_out_booking(&manager, stay.id, 6, CheckOutBooking::default()).await.unwrap();
        assert_eq!((left.total_price, left.price_rule), (cedis(45_000), stay.price_rule), "ten nights");

        let next =
            CreateBooking { check_in_date: text("2026-03-01"), check_out_date: text("2026-04-11"), ..new_stay(&attic) };
        let next = desk.create_booking(&house.student(1), next).await.unwrap();
        assert_eq!((next.total_price, next.price_rule.name), (cedis(60_000), PriceRuleName::ThirtyDays), "a new stay");
    });
}

#[test]
fn a_stay_does_not_move_into_a_room_of_another_currency() {
    block_on(async {
        let house = House::new();
        let (attic, cellar) = (house.room("Attic", 1).await, house.room("Cellar", 1).await);
        let stay = house.stay(&attic, 0).await;
        house.memory.open_hostel(house.id, HouseTerms { currency: Currency::EUR, ..HouseTerms::default() });
        let euros = Some(Money::new(30_000, Currency::EUR));
        let abroad = domicile_booking::CreateRoom { monthly_price: euros, ..new_room("Suite", 1) };
        let suite = house.desk.create_room(&house.manager(), abroad).await.unwrap();
        let refused = wrong(house.desk.update_booking(&house.manager(), stay.id, 1, into(suite.id)).await);
        let want = "room_id: This room is priced in EUR, and the stay in GHS. Choose a room priced in GHS.";
        assert_eq!(refused, [want]);
        assert_eq!(house.desk.booking(&house.manager(), stay.id).await.unwrap(), stay);
        assert!(house.desk.update_booking(&house.manager(), stay.id, 1, until("2026-07-01")).await.is_ok());
        assert!(house.desk.update_booking(&house.manager(), stay.id, 2, into(cellar.id)).await.is_ok());
    });
}

#[test]
fn a_stay_cannot_be_extended_into_somebody_elses_or_its_guests_other_one() {
    block_on(async {
        let house = House::new();
        let (attic, cellar) = (house.room("Attic", 1).await, house.room("Cellar", 1).await);
        let stay = house.stay(&attic, 0).await;
        let summer = |room| CreateBooking {
            check_in_date: text("2026-06-01"),
            check_out_date: text("2026-08-01"),
            ..new_stay(room)
        };
        house.desk.create_booking(&house.student(1), summer(&attic)).await.unwrap();
        assert_eq!(
            code(house.desk.update_booking(&house.manager(), stay.id, 1, until("2026-06-02")).await),
            "ROOM_UNAVAILABLE"
        );
        house.desk.create_booking(&house.student(0), summer(&cellar)).await.unwrap();
        assert_eq!(
            code(house.desk.update_booking(&house.manager(), stay.id, 1, until("2026-06-02")).await),
            "BOOKING_CONFLICT"
        );
        let stays = house.desk.booking(&house.manager(), stay.id).await.unwrap();
        assert_eq!(stays, stay, "a refused change changes nothing");
    });
}

#[test]
fn a_room_that_is_not_let_lets_go_but_takes_no_more() {
    block_on(async {
        let house = House::new();
        let (attic, cellar) = (house.room("Attic", 2).await, house.room("Cellar", 1).await);
        let stay = house.stay(&attic, 0).await;
        let closed = || UpdateRoom { status: text("maintenance"), ..UpdateRoom::default() };
        house.desk.update_room(&house.manager(), attic.id, 1, closed()).await.unwrap();
        assert_eq!(
            code(house.desk.update_booking(&house.manager(), stay.id, 1, until("2026-07-01")).await),
            "ROOM_UNAVAILABLE"
        );
        assert!(house.desk.update_booking(&house.manager(), stay.id, 1, until("2026-05-01")).await.is_ok());
        house.desk.update_room(&house.manager(), cellar.id, 1, closed()).await.unwrap();
        assert_eq!(
            code(house.desk.update_booking(&house.manager(), stay.id, 2, into(cellar.id)).await),
            "ROOM_UNAVAILABLE"
        );
    });
}

#[test]
fn new_days_obey_the_rules_of_days() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        let days = |check_in: &str, check_out: &str| UpdateBooking {
            check_in_date: text(check_in),
            check_out_date: text(check_out),
            ..UpdateBooking::default()
        };
        let (desk, manager) = (&house.desk, house.manager());
        for (check_in, check_out, want) in [
            ("2026-01-19", "2026-06-01", "check_in_date: Check-in date must be today or in the future"),
            ("2026-02-01", "soon", "check_out_date: Invalid date format"),
            ("2026-02-01", "2026-02-01", "check_out_date: Check-out date must be after check-in date"),
            ("2026-02-01", "2026-02-27", "check_out_date: Minimum booking duration is 1 month"),
            ("2026-02-01", "2036-02-02", "check_out_date: A stay is for at most 120 months"),
            ("2026-02-01", "9999-12-31", "check_out_date: A stay is for at most 120 months"),
        ] {
            assert_eq!(wrong(desk.update_booking(&manager, stay.id, 1, days(check_in, check_out)).await), [want]);
        }
        let later = desk.update_booking(&manager, stay.id, 1, days("2026-03-01", "2026-07-01")).await.unwrap();
        assert_eq!((later.check_in_date.to_string().as_str(), later.version), ("2026-03-01", 2));
        assert_eq!(house.last_event().data["change"], "rescheduled");
    });
}

#[test]
fn who_lives_here_keeps_the_first_day_and_can_leave_from_today_on() {
    block_on(async {
        let house = House::with_terms(HouseTerms { minimum_stay_months: 3, ..HouseTerms::default() });
        let room = house.room("Attic", 1).await;
        let stay = house.lived_in(&room, 0).await;
        house.go_to("2026-02-10T08:00:00Z");
        let (desk, manager) = (&house.desk, house.manager());
        let other_start = UpdateBooking { check_in_date: text("2026-02-20"), ..UpdateBooking::default() };
        let refused = wrong(desk.update_booking(&manager, stay.id, 3, other_start).await);
        assert_eq!(refused, ["check_in_date: The check-in date cannot be changed after check-in"]);
        let refused = wrong(desk.update_booking(&manager, stay.id, 3, until("2026-02-09")).await);
        assert_eq!(refused, ["check_out_date: Check-out date must be today or in the future"]);
        let same_start = UpdateBooking { check_in_date: text("2026-02-01"), ..until("2026-02-10") };
        let shorter = desk.update_booking(&manager, stay.id, 3, same_start).await.unwrap();
        assert_eq!(shorter.check_out_date.to_string(), "2026-02-10");
    });
}

#[test]
fn the_guest_corrects_contact_and_wishes_and_nothing_else() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 2).await;
        let stay = house.stay(&room, 0).await;
        let (desk, guest) = (&house.desk, house.student(0));
        let particulars = || UpdateBooking {
            emergency_contact_name: text("Esi"),
            emergency_contact_phone: text("+233 24 000 0000"),
            special_requests: text("quiet"),
            ..UpdateBooking::default()
        };
        let corrected = desk.update_booking(&guest, stay.id, 1, particulars()).await.unwrap();
        assert_eq!(corrected.emergency_contact_phone.as_deref(), Some("+233240000000"));
        let event = house.last_event();
        assert_eq!(event.data["change"], "corrected");
        assert!(!event.data.to_string().contains("Esi") && !event.data.to_string().contains("quiet"));
        let fewer = UpdateBooking { special_requests: text(" "), ..UpdateBooking::default() };
        let corrected = desk.update_booking(&guest, stay.id, 2, fewer).await.unwrap();
        assert_eq!(corrected.special_requests, None);
        assert_eq!(corrected.emergency_contact_name.unwrap().as_str(), "Esi", "what was not sent stays");
        assert_eq!(
            code(desk.update_booking(&guest, stay.id, 3, until("2026-07-01")).await),
            "INSUFFICIENT_PERMISSIONS"
        );
        assert_eq!(code(desk.update_booking(&house.student(1), stay.id, 3, particulars()).await), "FORBIDDEN");
        assert_eq!(code(desk.update_booking(&guest, stay.id, 1, particulars()).await), "VERSION_CONFLICT");
    });
}

#[test]
fn an_empty_change_and_a_lone_reason_are_refused() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        let refused = wrong(house.desk.update_booking(&house.manager(), stay.id, 1, UpdateBooking::default()).await);
        assert_eq!(refused, ["body: Send at least one field to change"]);
        let lone = UpdateBooking { reason: text("because"), ..UpdateBooking::default() };
        let refused = wrong(house.desk.update_booking(&house.manager(), stay.id, 1, lone).await);
        assert_eq!(refused, ["reason: reason goes with status rejected or cancelled only"]);
    });
}
