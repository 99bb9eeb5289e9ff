//! Promises of the ledger.

use domicile_kernel::{Currency, Instant};

use super::{Stage, World, cedis, end, later};
use crate::{
    JournalFilter,
    model::{Account, Journal},
    ports::Posted,
};

fn journal(stage: &Stage<'_>, key: &str, at: Instant, entries: Vec<(Account, i64)>) -> Journal {
    let text = format!("{key} – '₵'");
    let (id, house) = (stage.ambient.id(), stage.house.id);
    Journal::new(id, house, key.to_owned(), text, Currency::GHS, entries, at).unwrap()
}

async fn post(stage: &Stage<'_>, journals: &[Journal]) -> Posted {
    let mut uow = stage.begin().await;
    let posted = uow.ledger().post(journals).await.unwrap();
    end(uow, posted == Posted::Posted).await;
    posted
}

pub(super) async fn journals_move_balances(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (now, person) = (stage.ambient.now(), stage.member(1));
    let billed =
        journal(&stage, "invoice:1", now, vec![(Account::Receivable(person), 500), (Account::RentIncome, -500)]);
    let paid = journal(
        &stage,
        "charge:1",
        later(now, 1),
        vec![
            (Account::Gateway("sandbox".to_owned()), 700),
            (Account::Receivable(person), -500),
            (Account::Wallet(person), -200),
        ],
    );
    let mut uow = stage.begin().await;
    assert_eq!(uow.ledger().balance(&Account::RentIncome, Currency::GHS).await.unwrap(), 0);
    assert_eq!(uow.ledger().post(&[billed.clone(), paid.clone()]).await.unwrap(), Posted::Posted);
    assert_eq!(uow.ledger().balance(&Account::Wallet(person), Currency::GHS).await.unwrap(), -200);
    assert_eq!(uow.ledger().balance(&Account::Wallet(person), Currency::EUR).await.unwrap(), 0);
    end(uow, true).await;
    let call = stage.call();
    let queries = world.queries();
    let expected = [
        (Account::Gateway("sandbox".to_owned()), cedis(700)),
        (Account::RentIncome, cedis(-500)),
        (Account::Wallet(person), cedis(-200)),
    ];
    assert_eq!(queries.balances(&call).await.unwrap(), expected);
    assert_eq!(queries.balance(&call, &Account::Receivable(person)).await.unwrap(), cedis(0));
    assert_eq!(queries.balance(&call, &Account::OtherIncome).await.unwrap(), cedis(0));
    let page = domicile_kernel::Page::first("created_at", true);
    let kept = queries.journals(&call, &JournalFilter::default(), &page).await.unwrap();
    assert_eq!(kept.rows, [crate::JournalView::of(&paid), crate::JournalView::of(&billed)]);
}

pub(super) async fn a_key_is_posted_once_in_a_hostel(world: &dyn World) {
    let (stage, other) = (Stage::set(world).await, Stage::set(world).await);
    let entries = |stage: &Stage<'_>| vec![(Account::Receivable(stage.member(1)), 5), (Account::RentIncome, -5)];
    let now = stage.ambient.now();
    assert_eq!(post(&stage, &[journal(&stage, "k:1", now, entries(&stage))]).await, Posted::Posted);
    let again = post(&stage, &[journal(&stage, "k:1", now, entries(&stage))]).await;
    assert_eq!(again, Posted::Repeated("k:1".to_owned()));
    let twice = [journal(&stage, "k:2", now, entries(&stage)), journal(&stage, "k:2", now, entries(&stage))];
    assert_eq!(post(&stage, &twice).await, Posted::Repeated("k:2".to_owned()));
    assert_eq!(post(&other, &[journal(&other, "k:1", now, entries(&other))]).await, Posted::Posted);
    let income = world.queries().balance(&stage.call(), &Account::RentIncome).await.unwrap();
    assert_eq!(income, cedis(-5), "what was repeated changed nothing");
}

pub(super) async fn an_account_never_has_the_wrong_sign(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (now, person, payment) = (stage.ambient.now(), stage.member(1), stage.ambient.id());
    let gateway = || Account::Gateway("sandbox".to_owned());
    for (key, wrong, other, amount) in [
        ("w:1", Account::Wallet(person), Account::Receivable(person), 1),
        ("w:2", Account::Receivable(person), Account::Wallet(person), -1),
        ("w:3", Account::RentIncome, gateway(), 1),
        ("w:4", Account::DepositLiability(person), gateway(), 1),
        ("w:5", Account::Suspense(payment), Account::RefundPayable(payment), 1),
        ("w:6", gateway(), Account::OtherIncome, -1),
    ] {
        let entries = vec![(wrong.clone(), amount), (other.clone(), -amount)];
        let posted = post(&stage, &[journal(&stage, key, now, entries)]).await;
        let Posted::Overdrawn(account) = posted else { panic!("{wrong} took the wrong sign") };
        assert!(account == wrong || account == other, "{account} is neither {wrong} nor {other}");
    }
    assert_eq!(world.queries().balances(&stage.call()).await.unwrap(), []);
    let fill = vec![(gateway(), 10), (Account::Wallet(person), -10)];
    assert_eq!(post(&stage, &[journal(&stage, "f:1", now, fill)]).await, Posted::Posted);
    let spend = |key: &str, amount| {
        vec![journal(&stage, key, now, vec![(Account::Wallet(person), amount), (Account::RentIncome, -amount)])]
    };
    assert_eq!(post(&stage, &spend("s:1", 6)).await, Posted::Posted);
    assert_eq!(post(&stage, &spend("s:2", 5)).await, Posted::Overdrawn(Account::Wallet(person)));
    assert_eq!(post(&stage, &spend("s:3", 4)).await, Posted::Posted);
}

pub(super) async fn signs_are_judged_after_all_journals(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (now, person) = (stage.ambient.now(), stage.member(1));
    let spends = vec![(Account::Wallet(person), 5), (Account::RentIncome, -5)];
    let fills = vec![(Account::Gateway("sandbox".to_owned()), 5), (Account::Wallet(person), -5)];
    let both = [journal(&stage, "j:1", now, spends), journal(&stage, "j:2", now, fills)];
    assert_eq!(post(&stage, &both).await, Posted::Posted);
}

pub(super) async fn what_a_person_owes_is_told_by_time(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (now, person, other) = (stage.ambient.now(), stage.member(1), stage.member(2));
    let gateway = || Account::Gateway("sandbox".to_owned());
    let journals = [
        journal(&stage, "a", now, vec![(Account::Receivable(person), 500), (Account::RentIncome, -500)]),
        journal(&stage, "b", later(now, 1), vec![(gateway(), 700), (Account::Wallet(person), -700)]),
        journal(&stage, "c", later(now, 2), vec![(Account::Wallet(person), 300), (Account::Receivable(person), -300)]),
        journal(&stage, "d", later(now, 2), vec![(Account::Receivable(other), 9), (Account::RentIncome, -9)]),
        journal(&stage, "e", later(now, 3), vec![(Account::Receivable(person), 50), (Account::RentIncome, -50)]),
    ];
    assert_eq!(post(&stage, &journals).await, Posted::Posted);
    let (queries, call) = (world.queries(), stage.call());
    for (seconds, owed) in [(0, 0), (1, 500), (2, -200), (3, -200), (4, -150)] {
        let told = queries.owed_before(&call, person, later(now, seconds)).await.unwrap();
        assert_eq!(told, cedis(owed), "before {seconds}");
    }
    let moved = queries.movements(&call, person, later(now, 1), later(now, 4)).await.unwrap();
    let told: Vec<_> = moved.iter().map(|movement| (movement.at, movement.amount)).collect();
    assert_eq!(told, [(later(now, 1), -700), (later(now, 3), 50)], "what moves nothing of theirs is not told");
    assert_eq!(moved.first().map(|movement| movement.text.as_str()), Some("b – '₵'"));
    assert_eq!(queries.movements(&call, person, later(now, 9), later(now, 10)).await.unwrap(), []);

    // What of their payments waits or goes back is theirs as well, and nobody else's.
    let (own, foreign) = (stage.paid(1, 80), stage.paid(2, 80));
    stage.write_payment(&own).await;
    stage.write_payment(&foreign).await;
    let (waits, leaves) = (Account::Suspense(own.id()), Account::RefundPayable(own.id()));
    let journals = [
        journal(&stage, "f", later(now, 20), vec![(gateway(), 80), (waits.clone(), -80)]),
        journal(&stage, "g", later(now, 21), vec![(waits, 80), (leaves.clone(), -80)]),
        journal(&stage, "h", later(now, 22), vec![(leaves, 80), (gateway(), -80)]),
        journal(&stage, "i", later(now, 22), vec![(gateway(), 80), (Account::Suspense(foreign.id()), -80)]),
    ];
    assert_eq!(post(&stage, &journals).await, Posted::Posted);
    let moved = queries.movements(&call, person, later(now, 20), later(now, 30)).await.unwrap();
    let told: Vec<_> = moved.iter().map(|movement| (movement.at, movement.amount)).collect();
    assert_eq!(told, [(later(now, 20), -80), (later(now, 22), 80)]);
    assert_eq!(queries.owed_before(&call, person, later(now, 22)).await.unwrap(), cedis(-230));
    assert_eq!(queries.owed_before(&call, person, later(now, 30)).await.unwrap(), cedis(-150));
    assert_eq!(queries.owed_before(&call, other, later(now, 30)).await.unwrap(), cedis(9 - 80));
}
