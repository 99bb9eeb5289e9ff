//! Promises of the repositories.

use domicile_kernel::Text;

use super::{Stage, World, cedis, day, end, later};
use crate::{
    InvoiceView, PaymentView, RefundView,
    model::{
        Allocation, Answer, BillingTerms, Deduction, DepositRecord, DepositStatus, Invoice, InvoiceKind, LineKind,
        Payment, PaymentRecord, PaymentState, Purpose, Refund, RefundOrigin, RefundRecord, RefundState, StayFacts,
        StayState, Target,
    },
    ports::{PaymentWritten, Written},
    queries::DepositView,
};

pub(super) async fn terms_are_written_over_the_version_before(world: &dyn World) {
    let stage = Stage::set(world).await;
    let first = BillingTerms {
        deposit_percent: 150,
        first_due_days: 3,
        advance_allowed: false,
        answer_days: 9,
        rehousing_hours: 48,
        version: 1,
        updated_at: Some(stage.ambient.now()),
    };
    let mut uow = stage.begin().await;
    assert_eq!(uow.terms().find().await.unwrap(), None);
    assert_eq!(uow.terms().put(&first).await.unwrap(), Written::Written);
    end(uow, true).await;
    assert_eq!(world.queries().terms(&stage.call()).await.unwrap(), Some(first.clone()));
    for (terms, answer) in [
        (first.clone(), Written::Exists),
        (BillingTerms { version: 3, ..first.clone() }, Written::Stale),
        (BillingTerms { version: 2, deposit_percent: 0, ..first.clone() }, Written::Written),
    ] {
        let mut uow = stage.begin().await;
        assert_eq!(uow.terms().put(&terms).await.unwrap(), answer, "version {}", terms.version);
        end(uow, answer == Written::Written).await;
    }
    let mut uow = stage.begin().await;
    assert_eq!(uow.terms().find().await.unwrap().unwrap().deposit_percent, 0);
    let house = uow.house().await.unwrap();
    assert_eq!((house.id, house.name.as_str(), house.currency.code()), (stage.house.id, "Attic Hostel", "GHS"));
    assert_eq!(house.zone.name(), "Africa/Accra");
    end(uow, false).await;
}

pub(super) async fn an_invoice_is_read_back_whole(world: &dyn World) {
    let stage = Stage::set(world).await;
    let stay = stage.stay(1);
    let invoice = stage.invoice(&stay, InvoiceKind::Rent, 1, 45_000);
    stage.write_invoices(std::slice::from_ref(&invoice)).await;
    let at = later(stage.ambient.now(), 5);
    let paid = invoice.paid_by(30_000, at).unwrap();
    let (adjusted, line, freed) =
        paid.clone().with_line(LineKind::Adjustment, Text::clean("left early"), -20_000, at).unwrap();
    assert_eq!((line, freed), (2, 5_000));
    let mut uow = stage.begin().await;
    assert_eq!(uow.invoices().update(&paid).await.unwrap(), Written::Written);
    assert_eq!(uow.invoices().update(&adjusted).await.unwrap(), Written::Written);
    assert_eq!(uow.invoices().find(adjusted.id()).await.unwrap().as_ref(), Some(&adjusted));
    assert_eq!(uow.invoices().lock(adjusted.id()).await.unwrap().as_ref(), Some(&adjusted));
    assert_eq!(uow.invoices().find(stage.ambient.id()).await.unwrap(), None);
    end(uow, true).await;
    let view = world.queries().invoice(&stage.call(), adjusted.id()).await.unwrap();
    assert_eq!(view, Some(InvoiceView::of(&adjusted)));
}

pub(super) async fn an_invoice_is_only_changed_from_the_version_before(world: &dyn World) {
    let stage = Stage::set(world).await;
    let stay = stage.stay(1);
    let first = stage.invoice(&stay, InvoiceKind::Rent, 1, 45_000);
    stage.write_invoices(std::slice::from_ref(&first)).await;
    let again = stage.invoice(&stay, InvoiceKind::Rent, 1, 1);
    let mut uow = stage.begin().await;
    assert_eq!(uow.invoices().insert(&[again]).await.unwrap(), Written::Exists, "a period is billed once");
    end(uow, false).await;
    let deposit = stage.invoice(&stay, InvoiceKind::Deposit, 1, 45_000);
    stage.write_invoices(&[deposit]).await;
    let second = first.clone().paid_by(1, stage.ambient.now()).unwrap();
    for answer in [Written::Written, Written::Stale] {
        let mut uow = stage.begin().await;
        assert_eq!(uow.invoices().update(&second).await.unwrap(), answer);
        end(uow, answer == Written::Written).await;
    }
    let never_written = stage.invoice(&stay, InvoiceKind::Rent, 2, 5).paid_by(1, stage.ambient.now()).unwrap();
    let mut uow = stage.begin().await;
    assert_eq!(uow.invoices().update(&never_written).await.unwrap(), Written::Stale);
    end(uow, false).await;
}

pub(super) async fn a_line_that_is_written_never_changes(world: &dyn World) {
    let stage = Stage::set(world).await;
    let invoice = stage.invoice(&stage.stay(1), InvoiceKind::Rent, 1, 45_000);
    stage.write_invoices(std::slice::from_ref(&invoice)).await;
    let mut record = invoice.record().clone();
    record.version = 2;
    if let Some(line) = record.lines.first_mut() {
        line.text = Text::clean("forged");
    }
    let forged = Invoice::from_record(record).unwrap();
    let mut uow = stage.begin().await;
    let _refused_or_ignored = uow.invoices().update(&forged).await;
    drop(uow);
    let mut uow = stage.begin().await;
    let kept = uow.invoices().find(invoice.id()).await.unwrap().unwrap();
    assert_eq!(kept.record().lines, invoice.record().lines);
    end(uow, false).await;
}

pub(super) async fn the_invoices_of_a_stay_are_locked_by_age(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (stay, other) = (stage.stay(1), stage.stay(2));
    let late = stage.invoice(&stay, InvoiceKind::Rent, 2, 45_000);
    let early = stage.invoice(&stay, InvoiceKind::Rent, 1, 45_000);
    let deposit = stage.invoice(&stay, InvoiceKind::Deposit, 1, 45_000);
    let foreign = stage.invoice(&other, InvoiceKind::Rent, 1, 45_000);
    stage.write_invoices(&[late.clone(), early.clone(), deposit.clone(), foreign]).await;
    let mut uow = stage.begin().await;
    let found = uow.invoices().lock_of_booking(stay.booking_id).await.unwrap();
    assert_eq!(found, [deposit, early, late]);
    assert_eq!(uow.invoices().lock_of_booking(stage.ambient.id()).await.unwrap(), []);
    end(uow, false).await;
}

pub(super) async fn a_payment_is_read_back_whole_in_every_state(world: &dyn World) {
    let stage = Stage::set(world).await;
    let stay = stage.stay(1);
    let invoice = stage.invoice(&stay, InvoiceKind::Rent, 1, 45_000);
    stage.write_invoices(std::slice::from_ref(&invoice)).await;
    let at = later(stage.ambient.now(), 7);
    let why = Text::clean("declined – 'no'");
    for state in [PaymentState::Pending, PaymentState::Completed { at }, PaymentState::Failed { at, why }] {
        let completed = matches!(state, PaymentState::Completed { .. });
        let mut record: PaymentRecord = stage.payment(1, 45_000, state).record().clone();
        record.booking_id = Some(stay.booking_id);
        record.invoice_id = Some(invoice.id());
        record.purpose = Purpose::Invoice;
        record.fees = Some(17);
        record.gateway_id = Some("4099260516".to_owned());
        record.authorization_url = Some("https://checkout.example/abc?x=1".to_owned());
        record.asking_until = Some(at);
        if completed {
            (record.refunded, record.refund_pending) = (5, 7);
        }
        let payment = Payment::from_record(record).unwrap();
        stage.write_payment(&payment).await;
        let mut uow = stage.begin().await;
        assert_eq!(uow.payments().find(payment.id()).await.unwrap().as_ref(), Some(&payment));
        assert_eq!(uow.payments().lock(payment.id()).await.unwrap().as_ref(), Some(&payment));
        let reference = &payment.record().reference;
        let found = uow.payments().find_by_reference("sandbox", reference).await.unwrap();
        assert_eq!(found.as_ref(), Some(&payment));
        assert_eq!(uow.payments().find_by_reference("other", reference).await.unwrap(), None);
        let changed = payment.clone().not_asking(at);
        assert_eq!(uow.payments().update(&changed).await.unwrap(), PaymentWritten::Written);
        end(uow, true).await;
        let mut uow = stage.begin().await;
        assert_eq!(uow.payments().update(&changed).await.unwrap(), PaymentWritten::Stale);
        end(uow, false).await;
        let view = world.queries().payment(&stage.call(), payment.id()).await.unwrap();
        assert_eq!(view, Some(PaymentView::of(&changed)));
        let by_reference = world.queries().payment_by_reference(&stage.call(), reference).await.unwrap();
        assert_eq!(by_reference, view);
    }
}

pub(super) async fn a_reference_is_taken_once_in_all_hostels(world: &dyn World) {
    let (stage, other) = (Stage::set(world).await, Stage::set(world).await);
    let payment = stage.paid(1, 100);
    stage.write_payment(&payment).await;
    for (stage, provider, answer) in [
        (&stage, "sandbox", PaymentWritten::ReferenceTaken),
        (&other, "sandbox", PaymentWritten::ReferenceTaken),
        (&other, "another", PaymentWritten::Written),
    ] {
        let mut record = stage.paid(1, 100).record().clone();
        record.reference.clone_from(&payment.record().reference);
        provider.clone_into(&mut record.provider);
        let mut uow = stage.begin().await;
        let written = uow.payments().insert(&Payment::from_record(record).unwrap()).await.unwrap();
        assert_eq!(written, answer, "{provider}");
        end(uow, false).await;
    }
}

pub(super) async fn what_payments_are_used_for_is_summed(world: &dyn World) {
    let stage = Stage::set(world).await;
    let stay = stage.stay(1);
    let invoice = stage.invoice(&stay, InvoiceKind::Rent, 1, 45_000);
    stage.write_invoices(std::slice::from_ref(&invoice)).await;
    let (first, second) = (stage.paid(1, 40_000), stage.paid(1, 30_000));
    stage.write_payment(&first).await;
    stage.write_payment(&second).await;
    let target = Target::Invoice(invoice.id());
    let row = |payment: &Payment, target, amount| Allocation { payment_id: payment.id(), target, amount };
    let mut uow = stage.begin().await;
    let rows = [
        row(&first, target, 25_000),
        row(&first, Target::Suspense, 15_000),
        row(&second, target, 20_000),
        row(&second, Target::Wallet, 10_000),
    ];
    uow.allocations().add(&rows).await.unwrap();
    uow.allocations().add(&[row(&first, target, -5_000), row(&first, Target::Wallet, 5_000)]).await.unwrap();
    uow.allocations().add(&[row(&first, Target::Suspense, -15_000)]).await.unwrap();
    let of_first = uow.allocations().of_payment(first.id()).await.unwrap();
    assert_eq!(of_first, [(target, 20_000), (Target::Wallet, 5_000)]);
    let of_invoice = uow.allocations().of_invoice(invoice.id()).await.unwrap();
    assert_eq!(of_invoice, [(second.id(), 20_000), (first.id(), 20_000)]);
    uow.allocations().add(&[row(&first, target, -20_000)]).await.unwrap();
    assert_eq!(uow.allocations().of_invoice(invoice.id()).await.unwrap(), [(second.id(), 20_000)]);
    let mut both = [first.id(), second.id()];
    both.sort_unstable();
    assert_eq!(uow.allocations().ever_of_invoice(invoice.id()).await.unwrap(), both);
    uow.allocations().add(&[row(&first, target, 20_000)]).await.unwrap();
    end(uow, true).await;
    let uses = world.queries().uses(&stage.call(), second.id()).await.unwrap();
    let told: Vec<_> = uses.iter().map(|part| (part.target, part.invoice.map(|(kind, _)| kind), part.amount)).collect();
    assert_eq!(told, [(target, Some(InvoiceKind::Rent), 20_000), (Target::Wallet, None, 10_000)]);
}

pub(super) async fn a_refund_is_read_back_whole(world: &dyn World) {
    let stage = Stage::set(world).await;
    let payment = stage.paid(1, 40_000);
    stage.write_payment(&payment).await;
    let invoice = stage.invoice(&stage.stay(1), InvoiceKind::Deposit, 1, 45_000);
    stage.write_invoices(std::slice::from_ref(&invoice)).await;
    let deposit = stage.deposit(&invoice);
    let mut uow = stage.begin().await;
    assert_eq!(uow.deposits().insert(&deposit).await.unwrap(), Written::Written);
    end(uow, true).await;
    let mut written = Vec::new();
    for (state, origin) in [
        (RefundState::Pending, RefundOrigin::Decided),
        (RefundState::Completed, RefundOrigin::Suspense),
        (RefundState::Failed, RefundOrigin::Deposit(deposit.id())),
        (RefundState::NeedsAttention, RefundOrigin::Decided),
    ] {
        let part = |target, amount| Allocation { payment_id: payment.id(), target, amount };
        let refund = Refund::from_record(RefundRecord {
            origin,
            taken_from: vec![
                part(Target::Invoice(invoice.id()), 3),
                part(Target::Wallet, 4),
                part(Target::Suspense, 5),
            ],
            gateway_id: Some("4".to_owned()),
            message: Some(Text::clean("needs – an account")),
            attempts: 3,
            asking_until: Some(stage.ambient.now()),
            ..stage.refund(&payment, 12, state).record().clone()
        });
        let mut uow = stage.begin().await;
        assert_eq!(uow.refunds().insert(&refund).await.unwrap(), Written::Written);
        assert_eq!(uow.refunds().find(refund.id()).await.unwrap().as_ref(), Some(&refund));
        assert_eq!(uow.refunds().lock(refund.id()).await.unwrap().as_ref(), Some(&refund));
        end(uow, true).await;
        written.push(refund);
    }
    let mut uow = stage.begin().await;
    assert_eq!(uow.refunds().of_payment(payment.id()).await.unwrap(), written);
    let first = written.first().unwrap();
    let heard = first.clone().heard(RefundState::NeedsAttention, None, None, stage.ambient.now()).unwrap();
    assert_eq!(uow.refunds().update(&heard).await.unwrap(), Written::Written);
    end(uow, true).await;
    let mut uow = stage.begin().await;
    assert_eq!(uow.refunds().update(&heard).await.unwrap(), Written::Stale);
    end(uow, false).await;
    let refunds = world.queries().refunds(&stage.call(), payment.id()).await.unwrap();
    assert_eq!(refunds.len(), written.len());
    assert_eq!(refunds.first(), Some(&heard));
    let view = world.queries().refund(&stage.call(), heard.id()).await.unwrap();
    assert_eq!(view, refunds.first().map(RefundView::of));
}

pub(super) async fn a_deposit_is_read_back_whole(world: &dyn World) {
    let stage = Stage::set(world).await;
    let invoice = stage.invoice(&stage.stay(1), InvoiceKind::Deposit, 1, 45_000);
    stage.write_invoices(std::slice::from_ref(&invoice)).await;
    let first = stage.deposit(&invoice);
    let at = later(stage.ambient.now(), 9);
    let deduction = |text: &str, amount| Deduction { text: Text::clean(text), amount };
    let held = first.clone().holding(45_000, at).unwrap();
    let two = vec![deduction("a – lamp", 500), deduction("the wall", 700)];
    let assessed = held.clone().assess(two, later(at, 100), at).unwrap();
    let answered = assessed.clone().answer(false, Some(Text::clean("it was so")), at).unwrap();
    let again = answered.clone().assess(vec![deduction("a – lamp", 400)], later(at, 200), at).unwrap();
    let mut uow = stage.begin().await;
    assert_eq!(uow.deposits().insert(&first).await.unwrap(), Written::Written);
    for next in [&held, &assessed, &answered, &again] {
        assert_eq!(uow.deposits().update(next).await.unwrap(), Written::Written);
        assert_eq!(uow.deposits().lock(next.id()).await.unwrap().as_ref(), Some(next));
        assert_eq!(uow.deposits().find(next.id()).await.unwrap().as_ref(), Some(next));
    }
    let of_stay = uow.deposits().lock_of_booking(invoice.record().booking_id).await.unwrap();
    assert_eq!(of_stay.as_ref(), Some(&again));
    end(uow, true).await;
    let view = world.queries().deposit(&stage.call(), again.id()).await.unwrap();
    assert_eq!(view, Some(DepositView::of(&again)));
    let settled = crate::model::Deposit::from_record(DepositRecord {
        answer: Some(Answer { accepted: true, note: None, at }),
        status: DepositStatus::Settled,
        held: 0,
        returned: 44_500,
        version: again.version() + 1,
        ..again.record().clone()
    });
    let mut uow = stage.begin().await;
    assert_eq!(uow.deposits().update(&settled).await.unwrap(), Written::Written);
    assert_eq!(uow.deposits().find(settled.id()).await.unwrap(), Some(settled));
    end(uow, false).await;
    let mut uow = stage.begin().await;
    assert_eq!(uow.deposits().update(&held).await.unwrap(), Written::Stale);
    end(uow, false).await;
    let mut uow = stage.begin().await;
    assert_eq!(uow.deposits().insert(&stage.deposit(&invoice)).await.unwrap(), Written::Exists, "one a stay");
    end(uow, false).await;
}

pub(super) async fn a_stay_is_read_as_it_is(world: &dyn World) {
    let stage = Stage::set(world).await;
    let asked = StayFacts { state: StayState::Asked, ..stage.stay(1) };
    let mut last = asked.clone();
    let holding = StayFacts { state: StayState::Holding, ..asked.clone() };
    let shorter = StayFacts { check_out: day("2026-04-15"), total_price: cedis(111_000), ..holding.clone() };
    let moved = StayFacts {
        monthly_price: cedis(50_000),
        first_months: vec![cedis(45_000), cedis(47_500)],
        total_price: cedis(115_833),
        ..shorter.clone()
    };
    let over = StayFacts { state: StayState::MovedOut, ..moved.clone() };
    for stay in [asked, holding, shorter, moved, over] {
        world.put_stay(stage.house.id, &stay).await;
        let mut uow = stage.begin().await;
        assert_eq!(uow.stays().find(stay.booking_id).await.unwrap().as_ref(), Some(&stay));
        assert_eq!(uow.stays().find(stage.ambient.id()).await.unwrap(), None);
        end(uow, false).await;
        assert_eq!(world.queries().stay(&stage.call(), stay.booking_id).await.unwrap().as_ref(), Some(&stay));
        last = stay;
    }
    world.remove_stay(stage.house.id, &last).await;
    assert_eq!(world.queries().stay(&stage.call(), last.booking_id).await.unwrap(), None);
    let given_up = StayFacts { state: StayState::GivenUp, ..stage.stay(2) };
    world.put_stay(stage.house.id, &given_up).await;
    assert_eq!(world.queries().stay(&stage.call(), given_up.booking_id).await.unwrap(), Some(given_up));
    let (house, payer) = world.queries().parties(&stage.call(), stage.member(1)).await.unwrap();
    assert_eq!(house, world.queries().house(&stage.call()).await.unwrap());
    assert!(payer.as_ref().is_some_and(|payer| payer.email.contains('@')));
    let nobody = stage.ambient.id();
    assert_eq!(world.queries().parties(&stage.call(), nobody).await.unwrap(), (house.clone(), None));
    let mut uow = stage.begin().await;
    assert_eq!(uow.parties(stage.member(1)).await.unwrap(), (house.clone(), payer));
    assert_eq!(uow.parties(nobody).await.unwrap(), (house, None));
    end(uow, false).await;
}

pub(super) async fn one_hostel_never_sees_the_money_of_another(world: &dyn World) {
    let (stage, other) = (Stage::set(world).await, Stage::set(world).await);
    let stay = stage.stay(1);
    let invoice = stage.invoice(&stay, InvoiceKind::Rent, 1, 45_000);
    stage.write_invoices(std::slice::from_ref(&invoice)).await;
    let payment = stage.paid(1, 40_000);
    stage.write_payment(&payment).await;
    let mut uow = other.begin().await;
    assert_eq!(uow.invoices().find(invoice.id()).await.unwrap(), None);
    assert_eq!(uow.invoices().lock_of_booking(stay.booking_id).await.unwrap(), []);
    assert_eq!(uow.payments().lock(payment.id()).await.unwrap(), None);
    let reference = &payment.record().reference;
    assert_eq!(uow.payments().find_by_reference("sandbox", reference).await.unwrap(), None);
    assert_eq!(uow.allocations().of_payment(payment.id()).await.unwrap(), []);
    end(uow, false).await;
    let queries = world.queries();
    assert_eq!(queries.invoice(&other.call(), invoice.id()).await.unwrap(), None);
    assert_eq!(queries.payment(&other.call(), payment.id()).await.unwrap(), None);
    assert_eq!(queries.payment_by_reference(&other.call(), reference).await.unwrap(), None);
}
