//! Promises of the inbox, of the quarantine, and of finding what was left unfinished.

use std::collections::BTreeSet;

use domicile_kernel::{HostelId, Outcome, Page, Text};

use super::{Stage, World, cedis, end, later};
use crate::{
    PutAsideView, QuarantineView, Unfinished, Work,
    model::{
        Allocation, InboxEntry, InboxState, NewInboxEntry, PaymentState, Quarantined, Refund, RefundOrigin,
        RefundState, Suspicion, Target,
    },
    ports::{Received, Written},
    queries::STUCK_FOR,
};

fn entry(stage: &Stage<'_>, key: &str, hostel_id: Option<HostelId>) -> NewInboxEntry {
    NewInboxEntry {
        id: stage.ambient.id(),
        hostel_id,
        provider: "sandbox".to_owned(),
        dedupe_key: format!("{key}:{}", stage.ambient.ids.uuid()),
        reference: Some("dom-1".to_owned()),
        headers: "x-signature: abc\n".to_owned(),
        body: vec![0, 159, 146, 150, b'{', b'}'],
        state: InboxState::Waiting,
        received_at: stage.ambient.now(),
    }
}

async fn receive(stage: &Stage<'_>, entry: &NewInboxEntry) -> Received {
    let mut uow = stage.begin_installation().await;
    let received = uow.inbox().receive(entry).await.unwrap();
    uow.commit(Outcome::done()).await.unwrap();
    received
}

pub(super) async fn a_webhook_is_kept_once(world: &dyn World) {
    let stage = Stage::set(world).await;
    let first = entry(&stage, "charge:1", Some(stage.house.id));
    assert_eq!(receive(&stage, &first).await, Received::New);
    let again = NewInboxEntry { id: stage.ambient.id(), body: vec![1], ..first.clone() };
    let known = Received::Again { id: first.id, hostel_id: Some(stage.house.id), waiting: true, aside: false };
    assert_eq!(receive(&stage, &again).await, known);
    let elsewhere = NewInboxEntry { id: stage.ambient.id(), provider: "another".to_owned(), ..first.clone() };
    assert_eq!(receive(&stage, &elsewhere).await, Received::New, "another provider has its own keys");

    let mut uow = stage.begin().await;
    let kept = uow.inbox().lock(first.id).await.unwrap();
    assert_eq!(kept, Some(InboxEntry { entry: first.clone(), deliveries: 2 }));
    let processed = InboxState::Processed { at: later(stage.ambient.now(), 3) };
    uow.inbox().mark(first.id, &processed).await.unwrap();
    end(uow, true).await;
    let mut uow = stage.begin().await;
    assert_eq!(uow.inbox().find(first.id).await.unwrap().map(|kept| kept.entry.state), Some(processed));
    assert_eq!(uow.inbox().find(again.id).await.unwrap(), None);
    end(uow, false).await;
    let known = Received::Again { id: first.id, hostel_id: Some(stage.house.id), waiting: false, aside: false };
    assert_eq!(receive(&stage, &again).await, known);

    let unfit = InboxState::PutAside { at: stage.ambient.now(), why: Text::clean("no – payment") };
    let aside = NewInboxEntry { state: unfit.clone(), ..entry(&stage, "charge:2", Some(stage.house.id)) };
    assert_eq!(receive(&stage, &aside).await, Received::New);
    let known = Received::Again { id: aside.id, hostel_id: Some(stage.house.id), waiting: false, aside: true };
    assert_eq!(receive(&stage, &NewInboxEntry { state: InboxState::Waiting, ..aside.clone() }).await, known);
    let mut uow = stage.begin().await;
    assert_eq!(uow.inbox().lock(aside.id).await.unwrap().map(|kept| kept.entry.state), Some(unfit));
    uow.inbox().mark(aside.id, &InboxState::Waiting).await.unwrap();
    end(uow, true).await;
    let mut uow = stage.begin().await;
    assert!(uow.inbox().find(aside.id).await.unwrap().is_some_and(|kept| kept.is_waiting()), "it may wait again");
    end(uow, false).await;
}

pub(super) async fn what_was_put_aside_is_listed_to_its_hostel(world: &dyn World) {
    let (stage, other) = (Stage::set(world).await, Stage::set(world).await);
    let state = InboxState::PutAside { at: stage.ambient.now(), why: Text::clean("the field `a` – missing") };
    let mut expected = Vec::new();
    for number in 1..=3 {
        let received_at = later(stage.ambient.now(), number);
        let aside = NewInboxEntry { state: state.clone(), received_at, ..entry(&stage, "aside", Some(stage.house.id)) };
        for _ in 0..number {
            let _kept = receive(&stage, &aside).await;
        }
        expected.push(PutAsideView {
            id: aside.id,
            provider: aside.provider,
            reference: aside.reference,
            why: Text::clean("the field `a` – missing"),
            received_at,
            deliveries: number as i64,
        });
    }
    let waiting = entry(&stage, "waiting", Some(stage.house.id));
    let nobodys = NewInboxEntry { state, ..entry(&stage, "nobodys", None) };
    for entry in [&waiting, &nobodys] {
        assert_eq!(receive(&stage, entry).await, Received::New);
    }
    let page = Page { limit: 2, ..Page::first("received_at", false) };
    let listed = world.queries().put_aside(&stage.call(), &page).await.unwrap();
    assert!(listed.rows.iter().eq(expected.iter().take(2)) && listed.total == Some(3), "{listed:?}");
    let latest = world.queries().put_aside(&stage.call(), &Page::first("received_at", true)).await.unwrap();
    assert_eq!(latest.rows.first(), expected.last());
    let page = Page::first("received_at", true);
    assert_eq!(world.queries().put_aside(&other.call(), &page).await.unwrap().rows, []);
}

pub(super) async fn an_entry_belongs_to_the_hostel_of_its_payment(world: &dyn World) {
    let (stage, other) = (Stage::set(world).await, Stage::set(world).await);
    let payment = stage.payment(1, 100, PaymentState::Pending);
    stage.write_payment(&payment).await;
    let mut uow = other.begin_installation().await;
    let whose = uow.inbox().whose("sandbox", &payment.record().reference).await.unwrap();
    assert_eq!(whose, Some((stage.house.id, payment.id())));
    assert_eq!(uow.inbox().whose("another", &payment.record().reference).await.unwrap(), None);
    assert_eq!(uow.inbox().whose("sandbox", "dom-unknown").await.unwrap(), None);
    end(uow, false).await;
    let (own, nobodys) = (entry(&stage, "o", Some(stage.house.id)), entry(&stage, "n", None));
    assert_eq!(receive(&stage, &own).await, Received::New);
    assert_eq!(receive(&stage, &nobodys).await, Received::New);
    let again = NewInboxEntry { id: stage.ambient.id(), ..nobodys.clone() };
    assert_eq!(
        receive(&stage, &again).await,
        Received::Again { id: nobodys.id, hostel_id: None, waiting: true, aside: false },
        "an entry of nobody is kept once, too"
    );
    let mut uow = other.begin().await;
    assert_eq!(uow.inbox().find(own.id).await.unwrap(), None);
    assert_eq!(uow.inbox().lock(nobodys.id).await.unwrap(), None);
    end(uow, false).await;
}

pub(super) async fn what_does_not_fit_is_put_aside_once(world: &dyn World) {
    let stage = Stage::set(world).await;
    let payment = stage.payment(1, 100, PaymentState::Pending);
    stage.write_payment(&payment).await;
    let found = |suspicion, reported| Quarantined {
        id: stage.ambient.id(),
        hostel_id: stage.house.id,
        payment_id: payment.id(),
        provider: "sandbox".to_owned(),
        suspicion,
        expected: cedis(100),
        reported: cedis(reported),
        note: Text::clean("reported – success"),
        at: stage.ambient.now(),
    };
    let first = found(Suspicion::Amount, 99);
    for (found, new) in [
        (first.clone(), true),
        (found(Suspicion::Amount, 99), false),
        (found(Suspicion::Amount, 98), true),
        (found(Suspicion::Domain, 99), true),
    ] {
        let mut uow = stage.begin().await;
        assert_eq!(uow.quarantine().add(&found).await.unwrap(), new, "{found:?}");
        end(uow, true).await;
    }
    let kept = world.queries().quarantined(&stage.call(), &Page::first("created_at", false)).await.unwrap();
    assert_eq!((kept.rows.len(), kept.total), (3, Some(3)));
    assert!(kept.rows.contains(&QuarantineView::of(&first)));
}

pub(super) async fn what_is_unfinished_is_found(world: &dyn World) {
    let stage = Stage::set(world).await;
    let now = stage.ambient.now();
    let open = stage.payment(1, 100, PaymentState::Pending);
    let why = Text::clean("declined");
    let declined = stage.payment(1, 100, PaymentState::Failed { at: now, why: why.clone() });
    let lost = stage.payment(1, 100, PaymentState::Failed { at: later(now, 1_800), why });
    let (suspended, tried) = (stage.paid(1, 100), stage.paid(1, 100));
    let done = stage.paid(1, 100);
    for payment in [&open, &declined, &lost, &suspended, &tried, &done] {
        stage.write_payment(payment).await;
    }
    let waiting = entry(&stage, "w", Some(stage.house.id));
    let nobodys = entry(&stage, "n", None);
    let old = NewInboxEntry { state: InboxState::Processed { at: now }, ..entry(&stage, "p", Some(stage.house.id)) };
    for entry in [&waiting, &nobodys, &old] {
        assert_eq!(receive(&stage, entry).await, Received::New);
    }
    let going = stage.refund(&done, 10, RefundState::Pending);
    let over = stage.refund(&done, 10, RefundState::Completed);
    let stuck = stage.refund(&done, 10, RefundState::NeedsAttention);
    let failed = {
        let mut record = stage.refund(&tried, 100, RefundState::Failed).record().clone();
        record.origin = RefundOrigin::Suspense;
        Refund::from_record(record)
    };
    let mut uow = stage.begin().await;
    for refund in [&going, &over, &stuck, &failed] {
        assert_eq!(uow.refunds().insert(refund).await.unwrap(), Written::Written);
    }
    let row = |payment_id, target| Allocation { payment_id, target, amount: 100 };
    let rows =
        [row(suspended.id(), Target::Suspense), row(tried.id(), Target::Suspense), row(done.id(), Target::Wallet)];
    uow.allocations().add(&rows).await.unwrap();
    end(uow, true).await;
    let unfinished = async |before| {
        let all = world.queries().unfinished(&stage.installation(), before, None, 100_000).await.unwrap();
        let own = all.into_iter().filter(|found| found.hostel_id == stage.house.id);
        let mut work: Vec<Work> = own.map(|Unfinished { work, .. }| work).collect();
        work.sort_unstable();
        work
    };
    assert_eq!(unfinished(now).await, [], "what has just changed is left alone");
    let expected = [
        Work::Verify(open.id()),
        Work::Verify(declined.id()),
        Work::Inbox(waiting.id),
        Work::Refund(going.id()),
        Work::Suspense(suspended.id()),
    ];
    assert_eq!(unfinished(later(now, 60)).await, expected);
    let days = later(now, STUCK_FOR.as_secs() + 60);
    let also = expected.into_iter().chain([Work::Refund(stuck.id())]).collect::<BTreeSet<_>>();
    assert_eq!(unfinished(days).await, also.into_iter().collect::<Vec<_>>(), "it lost its job");
    // All of it can be read a part at a time, in one order, wherever a part ends.
    let all = world.queries().unfinished(&stage.installation(), later(now, 60), None, 100_000).await.unwrap();
    assert!(all.is_sorted_by_key(|one| (one.since, one.work)) && all.len() >= expected.len());
    for most in [1, 2, 3] {
        let mut parts: Vec<Unfinished> = Vec::new();
        loop {
            let after = parts.last().copied();
            let part =
                world.queries().unfinished(&stage.installation(), later(now, 60), after.as_ref(), most).await.unwrap();
            assert!(part.len() <= most as usize);
            if part.is_empty() {
                break;
            }
            parts.extend(part);
        }
        assert_eq!(parts, all, "{most} at a time");
    }
    assert!(
        world.queries().unfinished(&stage.call(), later(now, 60), None, 2).await.is_err(),
        "no hostel sees the others'"
    );
}
