//! Terms and quotes.

use domicile_billing::{AskQuote, UpdateTerms, model::StayFacts};
use pollster::block_on;

use crate::house::{House, cedis, code, wrong};

#[test]
fn terms_begin_with_the_usual_and_are_changed_by_the_admin() {
    block_on(async {
        let house = House::new();
        let usual = house.bursar.terms(&house.manager()).await.unwrap();
        assert_eq!((usual.version, usual.deposit_percent, usual.advance_allowed), (0, 0, true));
        let change = UpdateTerms { deposit_percent: Some(150), ..UpdateTerms::default() };
        let update = async |call, version, command| house.bursar.update_terms(&call, version, command).await;
        assert_eq!(code(update(house.manager(), 0, change.clone()).await), "INSUFFICIENT_PERMISSIONS");
        let changed = update(house.admin(), 0, change.clone()).await.unwrap();
        assert_eq!((changed.version, changed.deposit_percent, changed.answer_days), (1, 150, 7));
        assert_eq!(house.bursar.terms(&house.admin()).await.unwrap(), changed);
        let other = UpdateTerms { answer_days: Some(9), ..UpdateTerms::default() };
        assert_eq!(code(update(house.admin(), 0, other).await), "VERSION_CONFLICT");
        assert_eq!(wrong(update(house.admin(), 1, UpdateTerms::default()).await), ["body not_empty"]);
        // What is sent twice is a change like any other.
        assert_eq!(update(house.admin(), 1, change).await.unwrap().version, 2);
        let wild = UpdateTerms {
            deposit_percent: Some(1_201),
            first_due_days: Some(-1),
            answer_days: Some(0),
            rehousing_hours: Some(721),
            ..UpdateTerms::default()
        };
        let expected = ["deposit_percent range", "first_due_days range", "answer_days range", "rehousing_hours range"];
        assert_eq!(wrong(update(house.admin(), 2, wild).await), expected);
        assert_eq!(code(house.bursar.terms(&house.student(0)).await), "INSUFFICIENT_PERMISSIONS");
        assert_eq!(house.memory.audit_trail().pop().unwrap().action, "billing.update_terms");
    });
}

#[test]
fn a_quote_is_the_bill_that_is_made_afterwards() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay =
            StayFacts { total_price: cedis(101_613), check_out: "2026-04-09".parse().unwrap(), ..house.asked(0) };
        house.change(&stay).await;
        let quote = house.bursar.quote_booking(&house.student(0), stay.booking_id).await.unwrap();
        assert_eq!((quote.rent, quote.deposit, quote.total), (cedis(101_613), cedis(45_000), cedis(146_613)));
        house.change(&StayFacts { state: domicile_billing::model::StayState::Holding, ..stay.clone() }).await;
        let billed: Vec<_> =
            house.invoices(&stay).await.iter().map(|i| (i.kind, i.sequence, i.due_date, i.total)).collect();
        let quoted: Vec<_> = quote.invoices.iter().map(|i| (i.kind, i.sequence, i.due_date, i.total)).collect();
        assert_eq!(quoted, billed);
        let foreign = house.bursar.quote_booking(&house.student(1), stay.booking_id).await;
        assert_eq!(code(foreign), "FORBIDDEN");
        assert!(house.bursar.quote_booking(&house.manager(), stay.booking_id).await.is_ok());
        assert_eq!(code(house.bursar.quote_booking(&house.manager(), house.ambient.id()).await), "NOT_FOUND");
    });
}

#[test]
fn a_room_is_quoted_before_anybody_books_it() {
    block_on(async {
        let house = House::with_deposits().await;
        let room: domicile_billing::model::RoomId = house.ambient.id();
        house.memory.put_room(house.id, room, cedis(60_000));
        let ask = |room: String, from: &str, to: &str| AskQuote {
            room_id: Some(room),
            check_in_date: Some(from.to_owned()),
            check_out_date: Some(to.to_owned()),
        };
        let quote = async |asked| house.bursar.quote_room(&house.student(0), asked).await;
        let told = quote(ask(room.to_string(), "2026-02-01", "2026-03-16")).await.unwrap();
        assert_eq!((told.rent, told.deposit), (cedis(60_000 + 29_032), cedis(60_000)));
        let totals: Vec<_> = told.invoices.iter().map(|i| i.total.amount_minor()).collect();
        assert_eq!(totals, [60_000, 60_000, 29_032]);
        let unknown = ask(house.ambient.ids.uuid().to_string(), "2026-02-01", "2026-03-16");
        assert_eq!(code(quote(unknown).await), "NOT_FOUND");
        let missing = ["room_id required", "check_in_date required", "check_out_date required"];
        assert_eq!(wrong(quote(AskQuote::default()).await), missing);
        let backwards = ask(room.to_string(), "2026-03-16", "2026-02-01");
        assert_eq!(wrong(quote(backwards).await), ["check_out_date after"]);
        let for_ever = ask(room.to_string(), "2026-01-01", "2099-01-01");
        assert_eq!(wrong(quote(for_ever).await), ["check_out_date max_months"]);
    });
}
