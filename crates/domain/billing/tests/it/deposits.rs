//! Deposits: held, assessed, answered, settled.

use std::sync::Arc;

use domicile_billing::{
    AnswerDeposit, AssessDeposit, DepositView, NewDeduction, SettleDeposit,
    memory::{MemoryGateway, RefundMode},
    model::{Account, StayFacts},
    ports::{Gateways, RefundStatus},
};
use domicile_kernel::{Code, Currency, Fault, Money, event::MAX_DATA_BYTES};
use pollster::block_on;

use crate::house::{House, cedis, code, sums, wrong};

fn deduct(items: &[(&str, i64)]) -> AssessDeposit {
    let item = |(text, amount): &(&str, i64)| NewDeduction {
        description: Some((*text).to_owned()),
        amount: Some(cedis(*amount)),
    };
    AssessDeposit { deductions: Some(items.iter().map(item).collect()) }
}

fn accept() -> AnswerDeposit {
    AnswerDeposit { accepted: Some(true), note: None }
}

/// A stay that is over, with a deposit that was paid.
async fn left(house: &House) -> (StayFacts, DepositView) {
    let stay = house.agreed(0).await;
    house.pay(house.invoices(&stay).await.first().unwrap(), None).await;
    house.move_out(&stay).await;
    let deposit = house.deposit(&stay).await;
    assert_eq!((deposit.status.as_str(), deposit.held), ("held", cedis(45_000)));
    (stay, deposit)
}

#[test]
fn what_is_deducted_is_kept_and_the_rest_goes_back_the_way_it_came() {
    block_on(async {
        let house = House::with_deposits().await;
        let (stay, held) = left(&house).await;
        let items = deduct(&[("A broken lamp", 5_000), ("The wall", 2_500)]);
        let assessed = house.bursar.assess_deposit(&house.manager(), held.id, held.version, items).await.unwrap();
        assert_eq!((assessed.status.as_str(), assessed.deducted), ("assessed", cedis(7_500)));
        assert_eq!(assessed.answer_until.unwrap().to_string(), "2026-01-27T10:00:00Z");
        let settle = async |version| {
            house.bursar.settle_deposit(&house.manager(), held.id, version, SettleDeposit::default()).await
        };
        assert_eq!(code(settle(assessed.version).await), "RESOURCE_CONFLICT", "the resident may answer first");
        let answered =
            house.bursar.answer_deposit(&house.student(0), held.id, assessed.version, accept()).await.unwrap();
        assert_eq!((answered.status.as_str(), answered.answer.unwrap().accepted), ("answered", true));
        let settled = settle(answered.version).await.unwrap();
        assert_eq!((settled.status.as_str(), settled.held, settled.returned), ("settled", cedis(0), cedis(37_500)));
        assert_eq!(house.balance(&Account::OtherIncome), -7_500);
        assert_eq!(house.balance(&Account::DepositLiability(house.student_id(0))), 0);
        house.work().await;
        assert_eq!((house.gateway.holds(), house.wallet(0).await), (7_500, 0));
        assert_eq!(sums(&house.invoices(&stay).await)[0], (7_500, 7_500, "paid"));
        assert_eq!(code(settle(settled.version).await), "RESOURCE_CONFLICT", "it is over");
        for kind in ["deposit.held", "deposit.assessed", "deposit.answered", "deposit.settled"] {
            assert_eq!(house.events(kind).len(), 1, "{kind}");
        }
    });
}

#[test]
fn a_deposit_can_go_into_the_wallet() {
    block_on(async {
        let house = House::with_deposits().await;
        let (_, held) = left(&house).await;
        let to = SettleDeposit { to: Some("wallet".to_owned()) };
        house.bursar.settle_deposit(&house.manager(), held.id, held.version, to).await.unwrap();
        assert_eq!((house.wallet(0).await, house.gateway.holds()), (45_000, 45_000));
    });
}

#[test]
fn a_deposit_that_was_paid_in_parts_goes_back_in_parts() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let top_up = domicile_billing::TopUpWallet { amount: Some(cedis(15_000)), provider: None };
        let begun = house.bursar.top_up_wallet(&house.student(0), top_up).await.unwrap().payment;
        house.gateway.pay(&begun.reference);
        house.verify(&begun).await;
        let invoice = &house.invoices(&stay).await[0];
        house.pay(invoice, Some(30_000)).await;
        let spend = domicile_billing::PayFromWallet { invoice_id: Some(invoice.id.to_string()), amount: None };
        house.bursar.pay_from_wallet(&house.student(0), spend).await.unwrap();
        house.move_out(&stay).await;
        let held = house.deposit(&stay).await;
        let version = held.version;
        house.bursar.settle_deposit(&house.admin(), held.id, version, SettleDeposit::default()).await.unwrap();
        house.work().await;
        assert_eq!((house.wallet(0).await, house.gateway.holds()), (15_000, 15_000));
    });
}

#[test]
fn who_does_not_answer_in_time_has_agreed() {
    block_on(async {
        let house = House::with_deposits().await;
        let (_, held) = left(&house).await;
        let items = deduct(&[("A lamp", 5_000)]);
        let assessed = house.bursar.assess_deposit(&house.manager(), held.id, held.version, items).await.unwrap();
        house.wait(7 * 24 * 3_600 + 1);
        let late = house.bursar.answer_deposit(&house.student(0), held.id, assessed.version, accept()).await;
        assert_eq!(code(late), "RESOURCE_CONFLICT");
        let version = assessed.version;
        let settled =
            house.bursar.settle_deposit(&house.manager(), held.id, version, SettleDeposit::default()).await.unwrap();
        assert_eq!(settled.returned, cedis(40_000));
    });
}

#[test]
fn after_an_objection_deductions_can_only_be_less_and_the_objection_stands() {
    block_on(async {
        let house = House::with_deposits().await;
        let (_, held) = left(&house).await;
        let (manager, student) = (house.manager(), house.student(0));
        let assess = async |version, items: &[(&str, i64)]| {
            house.bursar.assess_deposit(&manager, held.id, version, deduct(items)).await
        };
        let first = assess(held.version, &[("A lamp", 4_000)]).await.unwrap();
        let second = assess(first.version, &[("A lamp", 5_000), ("A lamp", 300)]).await.unwrap();
        assert_eq!(second.deducted, cedis(5_300), "as long as nobody has answered, anything can be proposed");
        let no = AnswerDeposit { accepted: Some(false), note: Some("It was <b>broken</b>".to_owned()) };
        let disputed = house.bursar.answer_deposit(&student, held.id, second.version, no).await.unwrap();
        assert_eq!(disputed.answer.as_ref().unwrap().note.as_ref().unwrap().as_str(), "It was broken");
        let told = house.events("deposit.answered").pop().unwrap();
        assert!(told.data["answer"]["note"].is_null(), "what a person wrote is not in an event");
        let more: [&[(&str, i64)]; 4] = [
            &[("A lamp", 5_001)],
            &[("A lamp", 5_000), ("A lamp", 301)],
            &[("A lamp", 300), ("A lamp", 300), ("A lamp", 300)],
            &[("A chair", 1)],
        ];
        for proposed in more {
            let refused = assess(disputed.version, proposed).await.unwrap_err();
            assert_eq!(refused.code(), Code::ResourceConflict);
            assert!(refused.to_string().contains("lowered or taken back"), "{refused}");
        }
        let less = assess(disputed.version, &[("A lamp", 4_999)]).await.unwrap();
        assert_eq!((less.status.as_str(), less.deducted), ("answered", cedis(4_999)));
        assert_eq!((less.answer.as_ref(), less.answer_until), (disputed.answer.as_ref(), disputed.answer_until));
        let nothing = assess(less.version, &[]).await.unwrap();
        assert_eq!(nothing.answer, disputed.answer);
        let settle = SettleDeposit::default();
        let settled = house.bursar.settle_deposit(&manager, held.id, nothing.version, settle).await.unwrap();
        assert_eq!((settled.returned, settled.answer), (cedis(45_000), disputed.answer));
    });
}

#[test]
fn the_longest_list_of_deductions_is_kept_whole_and_told_as_far_as_an_event_has_room() {
    block_on(async {
        let house = House::with_deposits().await;
        let (_, held) = left(&house).await;
        let long = "\u{1d11e}".repeat(200);
        let items = deduct(&[(long.as_str(), 1); 50]);
        let assessed = house.bursar.assess_deposit(&house.manager(), held.id, held.version, items).await.unwrap();
        assert_eq!((assessed.deductions.len(), assessed.deducted), (50, cedis(50)));
        let told = house.events("deposit.assessed").pop().unwrap();
        assert!(serde_json::to_vec(&told.data).unwrap().len() <= MAX_DATA_BYTES);
        assert!(told.data["deductions"].as_array().unwrap().len() > 10);
        assert_eq!(told.data["deducted"]["amount_minor"], 50);
        let audited = house.memory.audit_trail().pop().unwrap();
        assert_eq!(audited.after.unwrap()["deductions"].as_array().unwrap().len(), 50);
    });
}

#[test]
fn a_deposit_that_was_given_back_whole_before_the_end_is_none_any_more() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.refund(&paid, Some(5_000)).await;
        assert_eq!(house.deposit(&stay).await.status.as_str(), "held");
        assert_eq!(house.events("deposit.reduced").len(), 1);
        house.refund(&paid, None).await;
        let deposit = house.deposit(&stay).await;
        assert_eq!((deposit.status.as_str(), deposit.held), ("released", cedis(0)));
        assert_eq!(sums(&house.invoices(&stay).await)[0], (0, 0, "void"));
        // The stay goes its way without one.
        let longer = StayFacts { total_price: cedis(91_000), ..stay.clone() };
        house.change(&longer).await;
        house.move_out(&longer).await;
        assert_eq!(house.deposit(&stay).await, deposit);
    });
}

#[test]
fn a_deposit_is_there_as_long_as_a_part_of_it_may_come_back() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.gateway.refunds_go(RefundMode::Slowly);
        house.refund(&paid, Some(20_000)).await;
        let slow = house.gateway.open_refunds();
        house.gateway.refunds_go(RefundMode::AtOnce);
        house.refund(&paid, Some(25_000)).await;
        assert_eq!(house.deposit(&stay).await.status.as_str(), "awaiting", "a part may come back");
        house.gateway.settle_refund(&slow[0], RefundStatus::Failed);
        house.wait(3_600);
        house.work().await;
        let deposit = house.deposit(&stay).await;
        assert_eq!((deposit.held, house.wallet(0).await), (cedis(20_000), 0), "it is held again");
        house.gateway.refunds_go(RefundMode::AtOnce);
        house.refund(&paid, None).await;
        assert_eq!(house.deposit(&stay).await.status.as_str(), "released");
    });
}

#[test]
fn a_deposit_of_a_stay_that_is_given_up_is_told_to_the_last_unit() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        house.pay(&house.invoices(&stay).await[0], None).await;
        house.give_up(&stay).await;
        assert_eq!((house.deposit(&stay).await.status.as_str(), house.wallet(0).await), ("released", 45_000));
        let trail = house.memory.audit_trail();
        let held = |action: &str| {
            let entry = trail.iter().find(|entry| entry.action == action).unwrap();
            let of =
                |view: &Option<serde_json::Value>| view.as_ref().unwrap()["held"]["amount_minor"].as_i64().unwrap();
            (of(&entry.before), of(&entry.after))
        };
        assert_eq!((held("deposit.reduce"), held("deposit.release")), ((45_000, 0), (0, 0)));
    });
}

#[test]
fn a_deposit_that_nobody_here_can_give_back_the_way_it_came_becomes_credit() {
    block_on(async {
        let house = House::with_deposits().await;
        let (_, held) = left(&house).await;
        let elsewhere = house.with_gateways(Gateways::new().with(Arc::new(MemoryGateway::new("other"))));
        let origin = SettleDeposit::default();
        elsewhere.settle_deposit(&house.manager(), held.id, held.version, origin).await.unwrap();
        assert_eq!((house.wallet(0).await, house.gateway.holds()), (45_000, 45_000));
    });
}

#[test]
fn a_refund_of_a_deposit_that_fails_becomes_credit() {
    block_on(async {
        let house = House::with_deposits().await;
        let (_, held) = left(&house).await;
        house.gateway.refunds_go(RefundMode::Fails);
        let version = held.version;
        house.bursar.settle_deposit(&house.manager(), held.id, version, SettleDeposit::default()).await.unwrap();
        house.work().await;
        assert_eq!((house.wallet(0).await, house.gateway.holds()), (45_000, 45_000));
    });
}

#[test]
fn what_cannot_be_done_to_a_deposit_is_refused() {
    block_on(async {
        let house = House::with_deposits().await;
        let stay = house.agreed(0).await;
        let awaited = house.deposit(&stay).await;
        let id = awaited.id;
        let assess = async |call, version, command| house.bursar.assess_deposit(&call, id, version, command).await;
        let settle =
            async |call, version| house.bursar.settle_deposit(&call, id, version, SettleDeposit::default()).await;
        assert_eq!(code(assess(house.manager(), 1, deduct(&[("A lamp", 1)])).await), "RESOURCE_CONFLICT");
        house.pay(&house.invoices(&stay).await[0], None).await;
        let lives_here = "the resident still lives here";
        assert_eq!(code(settle(house.manager(), 2).await), "RESOURCE_CONFLICT", "{lives_here}");
        assert_eq!(
            code(assess(house.manager(), 2, deduct(&[("A lamp", 1)])).await),
            "RESOURCE_CONFLICT",
            "{lives_here}"
        );
        house.move_out(&stay).await;
        assert_eq!(code(assess(house.student(0), 2, deduct(&[])).await), "INSUFFICIENT_PERMISSIONS");
        assert_eq!(code(settle(house.student(0), 2).await), "INSUFFICIENT_PERMISSIONS");
        assert_eq!(code(assess(house.manager(), 1, deduct(&[("A lamp", 1)])).await), "VERSION_CONFLICT");
        assert_eq!(code(assess(house.manager(), 2, deduct(&[("A lamp", 45_001)])).await), "RESOURCE_CONFLICT");
        assert_eq!(wrong(assess(house.manager(), 2, AssessDeposit::default()).await), ["deductions required"]);
        let empty = AssessDeposit { deductions: Some(vec![NewDeduction::default()]) };
        assert_eq!(
            wrong(assess(house.manager(), 2, empty).await),
            ["deductions[0].description required", "deductions[0].amount required"]
        );
        let euros = NewDeduction { description: Some("x".into()), amount: Some(Money::new(5, Currency::EUR)) };
        let euros = AssessDeposit { deductions: Some(vec![euros]) };
        assert_eq!(wrong(assess(house.manager(), 2, euros).await), ["deductions[0].amount.currency currency"]);
        let many = vec![("x", 1); 51];
        assert_eq!(wrong(assess(house.manager(), 2, deduct(&many)).await), ["deductions max_items"]);
        let answer = async |call, command| house.bursar.answer_deposit(&call, id, 2, command).await;
        assert_eq!(code(answer(house.student(0), accept()).await), "RESOURCE_CONFLICT", "nothing to answer yet");
        assert_eq!(code(answer(house.student(1), accept()).await), "FORBIDDEN");
        assert_eq!(code(answer(house.manager(), accept()).await), "FORBIDDEN", "nobody answers for a resident");
        assert_eq!(wrong(answer(house.student(0), AnswerDeposit::default()).await), ["accepted required"]);
        let nowhere = SettleDeposit { to: Some("bank".to_owned()) };
        let refused = house.bursar.settle_deposit(&house.manager(), id, 2, nowhere).await;
        assert_eq!(wrong(refused), ["to one_of"]);
        let unknown = house.bursar.assess_deposit(&house.manager(), house.ambient.id(), 1, deduct(&[])).await;
        assert_eq!(code(unknown), "NOT_FOUND");
    });
}
