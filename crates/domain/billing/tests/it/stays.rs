//! Invoices follow stays.

use domicile_billing::{
    UpdateTerms,
    model::{Account, StayFacts, StayState},
};
use pollster::block_on;

use crate::house::{House, cedis, sums};

#[test]
fn agreeing_to_a_stay_bills_each_month_and_the_deposit() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let invoices = house.invoices(&stay).await;
        assert_eq!(sums(&invoices), [(45_000, 0, "open"), (45_000, 0, "open"), (45_000, 0, "open")]);
        let told: Vec<_> = invoices
            .iter()
            .map(|i| (i.kind.as_str(), i.due_date.to_string(), i.lines[0].description.as_str().to_owned()))
            .collect();
        assert_eq!(
            told,
            [
                ("deposit", "2026-02-01".to_owned(), "Deposit 2026-02-01 to 2026-04-01".to_owned()),
                ("rent", "2026-02-01".to_owned(), "Rent 2026-02-01 to 2026-03-01".to_owned()),
                ("rent", "2026-03-01".to_owned(), "Rent 2026-03-01 to 2026-04-01".to_owned()),
            ]
        );
        assert_eq!(house.events("invoice.issued").len(), 3);
        let owes = Account::Receivable(house.student_id(0));
        assert_eq!((house.balance(&owes), house.balance(&Account::RentIncome)), (135_000, -90_000));
        assert_eq!(house.balance(&Account::DepositLiability(house.student_id(0))), 0, "nothing is held yet");
        assert_eq!(house.deposit(&stay).await.status.as_str(), "awaiting");
    });
}

#[test]
fn a_stay_that_nobody_agreed_to_is_not_billed() {
    block_on(async {
        let house = House::new();
        let stay = house.asked(0);
        house.change(&stay).await;
        house.give_up(&stay).await;
        assert!(house.invoices(&stay).await.is_empty());
        assert!(house.memory.journals(house.id).is_empty());
    });
}

#[test]
fn following_twice_changes_nothing_the_second_time() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let (journals, events) = (house.journals(""), house.memory.events().len());
        assert_eq!(house.change(&stay).await, domicile_billing::stays::Followed::default());
        assert_eq!((house.journals(""), house.memory.events().len()), (journals, events));
    });
}

#[test]
fn a_longer_stay_bills_what_is_more() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let longer = StayFacts {
            check_out: "2026-05-16".parse().unwrap(),
            total_price: cedis(90_000 + 45_000 + 21_774),
            ..stay.clone()
        };
        let followed = house.change(&longer).await;
        assert_eq!((followed.issued.len(), followed.adjusted.len()), (2, 0));
        let invoices = house.invoices(&longer).await;
        let totals: Vec<_> = invoices.iter().map(|invoice| invoice.total.amount_minor()).collect();
        assert_eq!(totals, [45_000, 45_000, 45_000, 21_774]);
    });
}

#[test]
fn leaving_early_credits_the_unused_part_and_what_was_paid_goes_into_the_wallet() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let invoices = house.invoices(&stay).await;
        house.pay(&invoices[0], None).await;
        house.pay(&invoices[1], Some(20_000)).await;
        let shorter =
            StayFacts { check_out: "2026-03-11".parse().unwrap(), total_price: cedis(45_000 + 14_516), ..stay.clone() };
        let followed = house.change(&shorter).await;
        assert_eq!((followed.issued.len(), followed.adjusted.len(), followed.to_wallet), (0, 1, 5_484));
        let after = house.invoices(&stay).await;
        assert_eq!(sums(&after), [(45_000, 45_000, "paid"), (14_516, 14_516, "paid")]);
        let lines: Vec<_> =
            after[1].lines.iter().map(|line| (line.kind.as_str(), line.amount.amount_minor())).collect();
        assert_eq!(lines, [("rent", 45_000), ("adjustment", -30_484)], "the issued line stands");
        assert_eq!(after[1].period_to.to_string(), "2026-03-11");
        assert_eq!(house.wallet(0).await, 5_484);
        assert_eq!(house.balance(&Account::Receivable(house.student_id(0))), 0);
        assert_eq!(house.balance(&Account::RentIncome), -(45_000 + 14_516));
        assert_eq!(house.events("invoice.adjusted").len(), 1);
    });
}

#[test]
fn a_dearer_room_before_the_first_night_opens_a_paid_invoice_again() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        house.pay(&house.invoices(&stay).await[0], None).await;
        let dearer = StayFacts { monthly_price: cedis(50_000), total_price: cedis(100_000), ..stay.clone() };
        house.change(&dearer).await;
        let invoices = house.invoices(&stay).await;
        assert_eq!(sums(&invoices), [(50_000, 45_000, "partially_paid"), (50_000, 0, "open")]);
    });
}

#[test]
fn a_room_of_another_price_changes_the_bills_from_the_month_of_the_move_on() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        for invoice in house.invoices(&stay).await {
            house.pay(&invoice, None).await;
        }
        // The second month costs more from its middle on, and there is a third.
        let dearer = StayFacts {
            check_out: "2026-05-01".parse().unwrap(),
            monthly_price: cedis(50_000),
            first_months: vec![cedis(45_000), cedis(47_500)],
            total_price: cedis(45_000 + 47_500 + 50_000),
            ..stay.clone()
        };
        let followed = house.change(&dearer).await;
        assert_eq!((followed.issued.len(), followed.adjusted.len()), (1, 1));
        let bills = sums(&house.invoices(&stay).await);
        assert_eq!(bills, [(45_000, 45_000, "paid"), (47_500, 45_000, "partially_paid"), (50_000, 0, "open")]);

        // A cheaper room in the third month gives nothing back of the months before.
        let cheaper = StayFacts {
            monthly_price: cedis(20_000),
            first_months: vec![cedis(45_000), cedis(47_500), cedis(30_000)],
            total_price: cedis(45_000 + 47_500 + 30_000),
            ..dearer
        };
        house.change(&cheaper).await;
        let bills = sums(&house.invoices(&stay).await);
        assert_eq!(bills, [(45_000, 45_000, "paid"), (47_500, 45_000, "partially_paid"), (30_000, 0, "open")]);
    });
}

#[test]
fn a_stay_that_begins_on_another_day_is_due_on_another_day() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let later = StayFacts {
            check_in: "2026-02-10".parse().unwrap(),
            check_out: "2026-04-10".parse().unwrap(),
            ..stay.clone()
        };
        house.change(&later).await;
        let invoices = house.invoices(&stay).await;
        let dates: Vec<_> = invoices.iter().map(|i| (i.period_from.to_string(), i.due_date.to_string())).collect();
        let both = |day: &str| (day.to_owned(), day.to_owned());
        assert_eq!(dates, [both("2026-02-10"), both("2026-03-10")]);
        assert_eq!(invoices[0].lines.len(), 1, "nothing costs more or less");
    });
}

#[test]
fn giving_up_undoes_everything_and_the_deposit_goes_into_the_wallet() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let invoices = house.invoices(&stay).await;
        house.pay(&invoices[0], None).await;
        house.pay(&invoices[1], Some(1_000)).await;
        let followed = house.give_up(&stay).await;
        assert_eq!((followed.adjusted.len(), followed.to_wallet), (3, 46_000));
        assert_eq!(sums(&house.invoices(&stay).await), [(0, 0, "void"); 3]);
        assert_eq!((house.wallet(0).await, house.balance(&Account::RentIncome)), (46_000, 0));
        let deposit = house.deposit(&stay).await;
        assert_eq!((deposit.status.as_str(), deposit.held), ("released", cedis(0)));
        assert_eq!(house.give_up(&stay).await, domicile_billing::stays::Followed::default());
    });
}

#[test]
fn whoever_moves_out_owes_the_rent_but_no_deposit_any_more() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        house.pay(&house.invoices(&stay).await[0], Some(20_000)).await;
        house.move_out(&stay).await;
        let expected = [(20_000, 20_000, "paid"), (45_000, 0, "open"), (45_000, 0, "open")];
        assert_eq!(sums(&house.invoices(&stay).await), expected);
        assert_eq!(house.deposit(&stay).await.held, cedis(20_000), "held until it is settled");
    });
}

#[test]
fn a_deposit_of_which_nothing_was_paid_ends_with_the_stay() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        house.move_out(&stay).await;
        assert_eq!(house.deposit(&stay).await.status.as_str(), "released");
        assert_eq!(house.events("deposit.released").len(), 1);
    });
}

#[test]
fn other_terms_are_for_other_stays() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let dear = UpdateTerms { deposit_percent: Some(200), first_due_days: Some(30), ..UpdateTerms::default() };
        house.bursar.update_terms(&house.admin(), 0, dear).await.unwrap();
        assert_eq!(house.change(&stay).await, domicile_billing::stays::Followed::default());
        let other = house.agreed(1).await;
        let invoices = house.invoices(&other).await;
        let dues: Vec<_> = invoices.iter().map(|i| (i.due_date.to_string(), i.total.amount_minor())).collect();
        let due = |day: &str, amount| (day.to_owned(), amount);
        assert_eq!(dues, [due("2026-02-19", 90_000), due("2026-02-19", 45_000), due("2026-03-01", 45_000)]);
    });
}

#[test]
fn a_stay_for_nothing_has_no_invoices() {
    block_on(async {
        let house = House::new();
        let free =
            StayFacts { monthly_price: cedis(0), total_price: cedis(0), state: StayState::Holding, ..house.asked(0) };
        house.change(&free).await;
        assert!(house.invoices(&free).await.is_empty());
        assert_eq!(house.change(&free).await, domicile_billing::stays::Followed::default());
    });
}

#[test]
fn whoever_leaves_early_pays_the_nights_whether_the_refund_comes_before_or_after() {
    for refund_first in [true, false] {
        block_on(async {
            let house = House::new();
            let stay = house.agreed(0).await;
            let paid = house.pay(&house.invoices(&stay).await[0], None).await;
            let left = StayFacts {
                check_out: stay.check_in.plus_days(7),
                total_price: cedis(10_500),
                state: StayState::MovedOut,
                ..stay.clone()
            };
            if refund_first {
                house.refund(&paid, Some(20_000)).await;
            }
            house.change(&left).await;
            if !refund_first {
                house.refund(&paid, Some(20_000)).await;
            }
            assert_eq!(house.wallet(0).await, 45_000 - 20_000 - 10_500, "refund first: {refund_first}");
            let invoices = sums(&house.invoices(&stay).await);
            assert_eq!(invoices.first(), Some(&(10_500, 10_500, "paid")), "refund first: {refund_first}");
        });
    }
}
