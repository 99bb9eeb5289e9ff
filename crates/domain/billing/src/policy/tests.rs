//! Decisions, with numbers worked out by hand, and with properties.

use domicile_kernel::{AccountId, Currency, HostelId, Text};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::model::{InvoiceRecord, Line, LineKind, PaymentId, PaymentRecord, Purpose};

fn day(text: &str) -> HostelDay {
    text.parse().unwrap()
}

fn at(seconds: i64) -> Instant {
    Instant::from_seconds(seconds)
}

fn amounts(check_in: &str, check_out: &str, monthly: i64, total: i64) -> Vec<(String, i64)> {
    let periods = schedule((day(check_in), day(check_out)), &[], monthly, total);
    periods.into_iter().map(|(period, amount)| (format!("{}..{}", period.from, period.to), amount)).collect()
}

#[test]
fn a_stay_is_billed_by_the_months_from_its_first_day() {
    let row = |period: &str, amount| (period.to_owned(), amount);
    assert_eq!(
        amounts("2026-01-31", "2026-04-10", 45_000, 105_000),
        [
            row("2026-01-31..2026-02-28", 45_000),
            row("2026-02-28..2026-03-31", 45_000),
            row("2026-03-31..2026-04-10", 15_000),
        ]
    );
    assert_eq!(amounts("2026-02-01", "2026-03-01", 45_000, 45_000), [row("2026-02-01..2026-03-01", 45_000)]);
    assert_eq!(amounts("2026-02-01", "2026-02-02", 45_000, 1_607), [row("2026-02-01..2026-02-02", 1_607)]);
}

#[test]
fn the_last_period_absorbs_the_remainder_and_no_period_is_negative() {
    let of = |total| amounts("2026-02-01", "2026-05-01", 100, total).into_iter().map(|row| row.1).collect::<Vec<_>>();
    assert_eq!(of(300), [100, 100, 100]);
    assert_eq!(of(299), [100, 100, 99]);
    assert_eq!(of(350), [100, 100, 150]);
    assert_eq!(of(150), [100, 50, 0]);
    assert_eq!(of(0), [0, 0, 0]);
}

#[test]
fn the_end_of_the_calendar_ends_a_schedule() {
    let periods = schedule((day("9999-11-30"), day("9999-12-31")), &[], 100, 200);
    assert_eq!(periods.iter().map(|(_, amount)| amount).sum::<i64>(), 200);
}

proptest! {
    #[test]
    fn a_schedule_adds_up_to_the_total_and_covers_every_night_once(
        start in 0i64..20_000, nights in 1i64..2_000, monthly in 0i64..1_000_000, total in 0i64..100_000_000,
    ) {
        let check_in = day("1990-01-01").plus_days(start);
        let check_out = check_in.plus_days(nights);
        let periods = schedule((check_in, check_out), &[], monthly, total);
        prop_assert_eq!(periods.iter().map(|(_, amount)| *amount).sum::<i64>(), total);
        prop_assert!(periods.iter().all(|(_, amount)| *amount >= 0));
        prop_assert_eq!(periods.first().map(|(period, _)| period.from), Some(check_in));
        prop_assert_eq!(periods.last().map(|(period, _)| period.to), Some(check_out));
        for pair in periods.windows(2) {
            prop_assert_eq!(pair[0].0.to, pair[1].0.from);
        }
    }

    #[test]
    fn allocating_loses_nothing(amount in 0i64..1_000, open in proptest::collection::vec(0i64..300, 0..6)) {
        let open: Vec<_> = (1u128..).zip(open).map(|(id, open)| (InvoiceId::new(Uuid::from_u128(id)), open)).collect();
        let (parts, left) = allocate(amount, open.iter().copied());
        prop_assert_eq!(parts.iter().map(|(_, part)| part).sum::<i64>() + left, amount);
        for (id, part) in &parts {
            prop_assert!(open.iter().any(|(of, open)| of == id && part <= open));
        }
        prop_assert!(left == 0 || parts.iter().map(|(_, part)| part).sum::<i64>() == open.iter().map(|(_, open)| open).sum::<i64>());
    }

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(
        start in 0i64..60, nights in 1i64..200, monthly in 1i64..100_000, total in 0i64..700_000,
        paid in proptest::collection::vec(0i64..100_000, 8), refunded in proptest::collection::vec(0i64..50_000, 8),
        then_start in 0i64..60, then_nights in 1i64..200, then_total in 0i64..700_000, ends in any::<bool>(),
    ) {
        let terms = BillingTerms { deposit_percent: 50, ..BillingTerms::default() };
        let today = day("2026-01-01");
        let facts = |start, nights: i64, total, state| {
            let check_in = today.plus_days(start);
            stay(check_in, check_in.plus_days(nights), monthly, total, state)
        };
        let first = facts(start, nights, total, StayState::Holding);
        let mut invoices = Vec::new();
        carry_out(&mut invoices, &plan(&terms, &first, &[], |_| today, today).unwrap());
        for ((invoice, paid), refunded) in invoices.iter_mut().zip(&paid).zip(&refunded) {
            *invoice = invoice.clone().paid_by(*paid.min(&invoice.open()), at(0)).unwrap();
            let back = *refunded.min(&invoice.paid());
            if back > 0 {
                *invoice = invoice.clone().given_back(Text::clean("back"), back, at(0)).unwrap().0;
            }
        }
        let state = if ends { StayState::GivenUp } else { StayState::Holding };
        let then = facts(then_start, then_nights, then_total, state);
        let next = plan(&terms, &then, &invoices, |_| today, today).unwrap();
        carry_out(&mut invoices, &next);
        if ends {
            prop_assert!(invoices.iter().all(|invoice| invoice.total() == 0));
        }
        prop_assert_eq!(plan(&terms, &then, &invoices, |_| today, today).unwrap(), Plan::default());
    }
}

fn stay(check_in: HostelDay, check_out: HostelDay, monthly: i64, total: i64, state: StayState) -> StayFacts {
    StayFacts {
        booking_id: crate::model::BookingId::new(Uuid::from_u128(1)),
        guest: AccountId::new(Uuid::from_u128(2)),
        check_in,
        check_out,
        monthly_price: Money::new(monthly, Currency::GHS),
        first_months: Vec::new(),
        total_price: Money::new(total, Currency::GHS),
        state,
    }
}

fn carry_out(invoices: &mut Vec<Invoice>, plan: &Plan) {
    for draft in &plan.drafts {
        invoices.push(invoice(
            invoices.len() as u128 + 10,
            draft.kind,
            draft.sequence,
            draft.period,
            draft.due_date,
            draft.amount,
        ));
    }
    for revision in &plan.revisions {
        let invoice = invoices.iter_mut().find(|invoice| invoice.id() == revision.id).unwrap();
        if let Some((period, due)) = revision.redated {
            *invoice = invoice.clone().redated(period, due, at(0));
        }
        if revision.adjustment != 0 {
            let text = Text::clean("adjusted");
            *invoice = invoice.clone().with_line(LineKind::Adjustment, text, revision.adjustment, at(0)).unwrap().0;
        }
    }
}

fn invoice(id: u128, kind: InvoiceKind, sequence: u32, period: Period, due_date: HostelDay, amount: i64) -> Invoice {
    let line_kind = if kind == InvoiceKind::Rent { LineKind::Rent } else { LineKind::Deposit };
    Invoice::from_record(InvoiceRecord {
        id: InvoiceId::new(Uuid::from_u128(id)),
        hostel_id: HostelId::new(Uuid::nil()),
        booking_id: crate::model::BookingId::new(Uuid::from_u128(1)),
        user_id: AccountId::new(Uuid::from_u128(2)),
        kind,
        sequence,
        period,
        due_date,
        currency: Currency::GHS,
        lines: vec![Line { number: 1, kind: line_kind, text: Text::clean("line"), amount, at: at(0) }],
        paid: 0,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    })
    .unwrap()
}

#[test]
fn money_goes_back_from_suspense_first_and_from_the_last_invoice_last() {
    let invoice = |id: u128| Target::Invoice(InvoiceId::new(Uuid::from_u128(id)));
    let parts = [(invoice(1), 10), (invoice(2), 10), (Target::Wallet, 5), (Target::Suspense, 3)];
    let taken = |amount| take_back(amount, &parts);
    assert_eq!(taken(2), Some(vec![(Target::Suspense, 2)]));
    assert_eq!(taken(8), Some(vec![(Target::Suspense, 3), (Target::Wallet, 5)]));
    let all = vec![(Target::Suspense, 3), (Target::Wallet, 5), (invoice(2), 10), (invoice(1), 10)];
    assert_eq!(taken(28), Some(all));
    assert_eq!(taken(29), None);
    assert_eq!(take_back(1, &[(Target::Wallet, -5)]), None, "an emptied wallet has nothing to give");
}

#[test]
fn bills_are_not_due_sooner_than_the_terms_say() {
    let terms = BillingTerms { first_due_days: 5, ..BillingTerms::default() };
    let period = |from| Period { from: day(from), to: day(from).plus_months(1) };
    assert_eq!(due_date(&terms, period("2026-02-01"), day("2026-01-20")), day("2026-02-01"));
    assert_eq!(due_date(&terms, period("2026-02-01"), day("2026-01-30")), day("2026-02-04"));
}

fn payment(state: PaymentState) -> Payment {
    let id = PaymentId::new(Uuid::from_u128(7));
    Payment::from_record(PaymentRecord {
        id,
        hostel_id: HostelId::new(Uuid::nil()),
        user_id: AccountId::new(Uuid::from_u128(2)),
        booking_id: None,
        invoice_id: None,
        purpose: Purpose::WalletTopup,
        provider: "sandbox".into(),
        reference: "dom-7".into(),
        amount: Money::new(100, Currency::GHS),
        refunded: 0,
        refund_pending: 0,
        fees: None,
        gateway_id: None,
        authorization_url: None,
        asking_until: None,
        expires_at: at(1_000),
        state,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    })
    .unwrap()
}

#[test]
fn every_report_means_the_same_in_every_state() {
    use Verdict::{NotPaid, Nothing, Paid, Suspicious};
    let why = Text::clean("no");
    let states =
        [PaymentState::Pending, PaymentState::Failed { at: at(1), why }, PaymentState::Completed { at: at(1) }];
    let table = [
        (ChargeStatus::Success, 500, [Paid, Paid, Nothing]),
        (ChargeStatus::Failed, 500, [NotPaid, Nothing, Nothing]),
        (ChargeStatus::Pending, 500, [Nothing, Nothing, Nothing]),
        (ChargeStatus::Abandoned, 500, [Nothing, Nothing, Nothing]),
        (ChargeStatus::Abandoned, 1_000, [NotPaid, Nothing, Nothing]),
        (ChargeStatus::Reversed, 500, [NotPaid, Nothing, Suspicious(Suspicion::Reversed)]),
    ];
    for (status, now, verdicts) in table {
        for (state, verdict) in states.iter().zip(verdicts) {
            let report = ChargeReport {
                reference: "dom-7".into(),
                status,
                amount: Money::new(100, Currency::GHS),
                requested: None,
                domain: Domain::Test,
                gateway_id: None,
                fees: None,
                paid_at: None,
                message: None,
            };
            let judged = judge(&payment(state.clone()), &report, Domain::Test, at(now));
            assert_eq!(judged, verdict, "{status:?} at {now} of {state:?}");
            let other = ChargeReport { reference: "dom-8".into(), ..report };
            let judged = judge(&payment(state.clone()), &other, Domain::Test, at(now));
            assert_eq!(judged, Suspicious(Suspicion::Reference));
        }
    }
}

#[test]
fn a_reversal_is_ours_only_when_all_of_it_was_given_back_by_us() {
    let reversed = ChargeReport {
        reference: "dom-7".into(),
        status: ChargeStatus::Reversed,
        amount: Money::new(100, Currency::GHS),
        requested: None,
        domain: Domain::Test,
        gateway_id: None,
        fees: None,
        paid_at: None,
        message: None,
    };
    let suspicious = Verdict::Suspicious(Suspicion::Reversed);
    for (refunded, pending, verdict) in [
        (0, 0, suspicious),
        (10, 0, suspicious),
        (0, 10, suspicious),
        (60, 39, suspicious),
        (60, 40, Verdict::Nothing),
        (100, 0, Verdict::Nothing),
        (0, 100, Verdict::Nothing),
    ] {
        let mut record = payment(PaymentState::Completed { at: at(1) }).record().clone();
        (record.refunded, record.refund_pending) = (refunded, pending);
        let payment = Payment::from_record(record).unwrap();
        assert_eq!(judge(&payment, &reversed, Domain::Test, at(500)), verdict, "{refunded} and {pending}");
    }
}
