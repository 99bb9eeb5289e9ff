//! Promises of the lists.

use domicile_kernel::{Page, PageOf, Position};

use super::{Stage, World, cedis, day, end};
use crate::{
    DepositFilter, InvoiceFilter, JournalFilter, PaymentFilter,
    model::{
        Account, DepositStatus, InvoiceKind, InvoiceStatus, Journal, Payment, PaymentState, PaymentStatus, Purpose,
    },
    ports::{Posted, Written},
};

/// Walks a list by cursor, two rows at a time, and checks that by number it is the same.
async fn walked<V: PartialEq + std::fmt::Debug>(
    sort: &'static str,
    descending: bool,
    list: impl AsyncFn(Page) -> PageOf<V>,
) -> Vec<V> {
    let mut page = Page { position: Position::After(None), limit: 2, ..Page::first(sort, descending) };
    let mut seen = Vec::new();
    loop {
        let part = list(page.clone()).await;
        assert_eq!(part.total, None);
        seen.extend(part.rows);
        match part.next {
            Some(next) => page.position = Position::After(Some(next)),
            None => break,
        }
    }
    let whole = list(Page { limit: 100, ..Page::first(sort, descending) }).await;
    assert_eq!((whole.total, &whole.rows), (Some(seen.len() as u64), &seen), "by {sort}");
    seen
}

pub(super) async fn invoices_are_sorted_paged_and_found(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (stay, other) = (stage.stay(1), stage.stay(2));
    let mut invoices = Vec::new();
    for (stay, sequence) in [(&stay, 3), (&stay, 1), (&other, 2), (&stay, 2), (&other, 1)] {
        invoices.push(stage.invoice(stay, InvoiceKind::Rent, sequence, 1_000));
    }
    stage.write_invoices(&invoices).await;
    let [open, paid, partly, void, _] = &invoices[..] else { panic!("five invoices") };
    let now = stage.ambient.now();
    let (voided, ..) = void
        .clone()
        .with_line(crate::model::LineKind::Adjustment, domicile_kernel::Text::clean("off"), -1_000, now)
        .unwrap();
    let mut uow = stage.begin().await;
    for changed in [paid.clone().paid_by(1_000, now).unwrap(), partly.clone().paid_by(1, now).unwrap(), voided] {
        assert_eq!(uow.invoices().update(&changed).await.unwrap(), Written::Written);
    }
    end(uow, true).await;
    let list = |filter: InvoiceFilter| {
        let stage = &stage;
        async move |page: Page| world.queries().invoices(&stage.call(), &filter, &page).await.unwrap()
    };
    for descending in [false, true] {
        let mut by_day: Vec<_> = walked("due_date", descending, list(InvoiceFilter::default()))
            .await
            .iter()
            .map(|i| (i.due_date, i.id))
            .collect();
        let mut by_birth: Vec<_> =
            walked("created_at", descending, list(InvoiceFilter::default())).await.iter().map(|i| i.id).collect();
        if descending {
            by_day.reverse();
            by_birth.reverse();
        }
        assert!(by_day.is_sorted() && by_day.len() == 5);
        assert_eq!(by_birth, invoices.iter().map(crate::model::Invoice::id).collect::<Vec<_>>());
    }
    let found = async |filter: InvoiceFilter| walked("due_date", false, list(filter)).await.len();
    assert_eq!(found(InvoiceFilter { booking_id: Some(stay.booking_id), ..InvoiceFilter::default() }).await, 3);
    assert_eq!(found(InvoiceFilter { user_id: Some(other.guest), ..InvoiceFilter::default() }).await, 2);
    assert_eq!(found(InvoiceFilter { due_until: Some(day("2026-03-01")), ..InvoiceFilter::default() }).await, 4);
    for (status, count) in [
        (InvoiceStatus::Open, 2),
        (InvoiceStatus::PartiallyPaid, 1),
        (InvoiceStatus::Paid, 1),
        (InvoiceStatus::Void, 1),
    ] {
        let filter = InvoiceFilter { status: Some(status), ..InvoiceFilter::default() };
        assert_eq!(found(filter).await, count, "{status:?}");
    }
    assert_eq!(open.status(), InvoiceStatus::Open);
}

pub(super) async fn payments_are_sorted_paged_and_found(world: &dyn World) {
    let stage = Stage::set(world).await;
    let at = stage.ambient.now();
    let stay = stage.stay(1);
    let invoice = stage.invoice(&stay, InvoiceKind::Rent, 1, 1_000);
    stage.write_invoices(std::slice::from_ref(&invoice)).await;
    let failed = PaymentState::Failed { at, why: domicile_kernel::Text::clean("no") };
    let refunded = |amount, refunded| {
        let mut record = stage.paid(1, amount).record().clone();
        record.refunded = refunded;
        (record.booking_id, record.invoice_id) = (Some(stay.booking_id), Some(invoice.id()));
        record.purpose = Purpose::Invoice;
        Payment::from_record(record).unwrap()
    };
    let payments = [
        stage.payment(1, 300, PaymentState::Pending),
        stage.payment(2, 100, failed),
        refunded(300, 0),
        refunded(50, 20),
        refunded(400, 400),
    ];
    for payment in &payments {
        stage.write_payment(payment).await;
    }
    let list = |filter: PaymentFilter| {
        let stage = &stage;
        async move |page: Page| world.queries().payments(&stage.call(), &filter, &page).await.unwrap()
    };
    for descending in [false, true] {
        let mut by_amount: Vec<_> = walked("amount", descending, list(PaymentFilter::default()))
            .await
            .iter()
            .map(|payment| (payment.amount.amount_minor(), payment.id))
            .collect();
        let mut by_birth: Vec<_> =
            walked("created_at", descending, list(PaymentFilter::default())).await.iter().map(|p| p.id).collect();
        if descending {
            by_amount.reverse();
            by_birth.reverse();
        }
        assert!(by_amount.is_sorted() && by_amount.len() == 5);
        assert_eq!(by_birth, payments.iter().map(Payment::id).collect::<Vec<_>>());
    }
    let found = async |filter: PaymentFilter| walked("created_at", true, list(filter)).await.len();
    for status in PaymentStatus::ALL {
        let filter = PaymentFilter { status: Some(*status), ..PaymentFilter::default() };
        assert_eq!(found(filter).await, 1, "{status:?}");
    }
    let by = PaymentFilter::default;
    assert_eq!(found(PaymentFilter { user_id: Some(stage.member(1)), ..by() }).await, 4);
    assert_eq!(found(PaymentFilter { booking_id: Some(stay.booking_id), ..by() }).await, 3);
    assert_eq!(found(PaymentFilter { invoice_id: Some(invoice.id()), ..by() }).await, 3);
    assert_eq!(found(PaymentFilter { purpose: Some(Purpose::WalletTopup), ..by() }).await, 2);
    assert_eq!(found(PaymentFilter { purpose: Some(Purpose::Booking), ..by() }).await, 0);
}

pub(super) async fn deposits_and_journals_are_found(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (now, mut deposits) = (stage.ambient.now(), Vec::new());
    for guest in [1, 2, 3] {
        let invoice = stage.invoice(&stage.stay(guest), InvoiceKind::Deposit, 1, 1_000);
        stage.write_invoices(std::slice::from_ref(&invoice)).await;
        let deposit = stage.deposit(&invoice);
        let mut uow = stage.begin().await;
        assert_eq!(uow.deposits().insert(&deposit).await.unwrap(), Written::Written);
        end(uow, true).await;
        deposits.push(deposit);
    }
    let first = deposits.first().unwrap();
    let mut uow = stage.begin().await;
    assert_eq!(uow.deposits().update(&first.clone().holding(5, now).unwrap()).await.unwrap(), Written::Written);
    end(uow, true).await;
    let list = |filter: DepositFilter| {
        let stage = &stage;
        async move |page: Page| world.queries().deposits(&stage.call(), &filter, &page).await.unwrap()
    };
    let ids: Vec<_> =
        walked("created_at", false, list(DepositFilter::default())).await.iter().map(|deposit| deposit.id).collect();
    assert_eq!(ids, deposits.iter().map(crate::model::Deposit::id).collect::<Vec<_>>());
    let found = async |filter: DepositFilter| walked("created_at", true, list(filter)).await.len();
    let held = DepositFilter { status: Some(DepositStatus::Held), ..DepositFilter::default() };
    assert_eq!(found(held).await, 1);
    let own = DepositFilter { user_id: Some(stage.member(2)), ..DepositFilter::default() };
    assert_eq!(found(own).await, 1);
    let booking_id = Some(first.record().booking_id);
    assert_eq!(found(DepositFilter { booking_id, ..DepositFilter::default() }).await, 1);

    let journal = |key: &str, account: Account| {
        let entries = [(Account::Gateway("sandbox".to_owned()), 5), (account, -5)];
        let (id, house, text) = (stage.ambient.id(), stage.house.id, "text".to_owned());
        Journal::new(id, house, key.to_owned(), text, domicile_kernel::Currency::GHS, entries, now).unwrap()
    };
    let (wallet, payment) = (Account::Wallet(stage.member(1)), stage.ambient.id());
    let journals =
        [journal("j:1", wallet.clone()), journal("j:2", Account::Suspense(payment)), journal("j:3", wallet.clone())];
    let mut uow = stage.begin().await;
    assert_eq!(uow.ledger().post(&journals).await.unwrap(), Posted::Posted);
    end(uow, true).await;
    let list = |filter: JournalFilter| {
        let stage = &stage;
        async move |page: Page| world.queries().journals(&stage.call(), &filter, &page).await.unwrap()
    };
    let keys = async |filter: JournalFilter| {
        walked("created_at", false, list(filter)).await.into_iter().map(|journal| journal.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(JournalFilter::default()).await, ["j:1", "j:2", "j:3"]);
    assert_eq!(keys(JournalFilter { account: Some(wallet), key: None }).await, ["j:1", "j:3"]);
    assert_eq!(keys(JournalFilter { account: None, key: Some("j:2".to_owned()) }).await, ["j:2"]);
}

pub(super) async fn an_offer_is_made_for_rooms_that_are_there(world: &dyn World) {
    let stage = Stage::set(world).await;
    let room = world.room(stage.house.id, cedis(45_000)).await;
    let (from, to) = (day("2026-02-01"), day("2026-04-16"));
    let offer = world.queries().offer(&stage.call(), room, from, to).await.unwrap().unwrap();
    // Two months, and 15 of the 30 days of April.
    assert_eq!((offer.monthly_price, offer.total_price), (cedis(45_000), cedis(112_500)));
    assert_eq!(world.queries().offer(&stage.call(), stage.ambient.id(), from, to).await.unwrap(), None);
}
