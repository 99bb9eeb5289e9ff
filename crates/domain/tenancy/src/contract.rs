//! What every implementation of the ports must do, as functions that panic when it does not. This crate runs them over
//! `memory`, the database adapter over each database. Each makes its own hostels, so they share one store.
#![expect(clippy::unwrap_used, reason = "a test suite that other crates' tests call: a failure is a panic")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domicile_kernel::{
    AccountId, Call, Currency, Feature, Flags, HostelId, IdempotencyKey, Instant, Outcome, Page, Position, Purpose,
    Scope, StoreError, Text, Zone, ports::Ambient,
};

use crate::{
    model::{ClockTime, Hostel, HostelKind, HostelStatus, Proration, Registration, Settings, SettingsChange},
    ports::{TenancyQueries, TenancyUows},
};

/// A store under test.
#[async_trait]
pub trait World: Send + Sync {
    /// Its units of work.
    fn uows(&self) -> Arc<dyn TenancyUows>;

    /// Its reads.
    fn queries(&self) -> Arc<dyn TenancyQueries>;

    /// Time and ids.
    fn ambient(&self) -> Ambient;

    /// A call by whoever may do everything, in a scope.
    fn call(&self, scope: Scope) -> Call;

    /// An account with an active membership in each of these hostels.
    async fn member_of(&self, hostels: &[HostelId]) -> AccountId;

    /// Makes a room in a hostel.
    async fn price(&self, hostel: HostelId);
}

/// Every promise, one after the other.
pub async fn all(world: &dyn World) {
    what_is_committed_is_found_and_what_is_dropped_is_not(world).await;
    a_taken_id_is_a_conflict(world).await;
    a_hostel_of_another_version_is_stale(world).await;
    settings_of_another_version_are_stale(world).await;
    settings_survive_storage(world).await;
    what_is_priced_is_told_of_ones_own_hostel(world).await;
    flags_are_put_one_by_one_and_have_defaults(world).await;
    another_hostels_settings_and_flags_are_out_of_reach(world).await;
    lists_are_sorted_and_walked_by_number_and_by_cursor(world).await;
    an_account_sees_the_hostels_of_its_memberships(world).await;
    a_key_used_again_replays_the_outcome(world).await;
}

fn installation() -> Scope {
    Scope::System(Purpose::Installation)
}

fn new_hostel(world: &dyn World, name: &str, at: Instant) -> Hostel {
    Hostel::founded(world.ambient().id(), Text::clean(name), HostelKind::Hostel, at)
}

fn new_settings(hostel: &Hostel) -> Settings {
    Settings::initial(hostel.id(), Currency::GHS, Zone::UTC, hostel.view().created_at)
}

/// A committed hostel with settings and all flags at their defaults.
async fn founded(world: &dyn World, name: &str, at: Instant) -> Hostel {
    let hostel = new_hostel(world, name, at);
    let rows: Vec<_> = Feature::ALL.iter().map(|feature| (*feature, feature.default_on())).collect();
    let mut uow = world.uows().begin(&world.call(installation())).await.unwrap();
    uow.hostels().insert(&hostel).await.unwrap();
    uow.settings().insert(&new_settings(&hostel)).await.unwrap();
    uow.flags().put(hostel.id(), &rows, None, at).await.unwrap();
    uow.commit(Outcome::done()).await.unwrap();
    hostel
}

/// A committed hostel is found by both ports, whole; one of a dropped or rolled back unit of work by neither.
pub async fn what_is_committed_is_found_and_what_is_dropped_is_not(world: &dyn World) {
    let now = world.ambient().now();
    let call = world.call(installation());
    let hostel = founded(world, "Kept", now).await;
    assert_eq!(world.queries().hostel(&call, hostel.id()).await.unwrap().as_ref(), Some(hostel.view()));
    let mut uow = world.uows().begin(&call).await.unwrap();
    assert_eq!(uow.hostels().find(hostel.id()).await.unwrap().as_ref(), Some(&hostel));
    uow.rollback().await.unwrap();

    let given_up = new_hostel(world, "Given up", now);
    let mut uow = world.uows().begin(&call).await.unwrap();
    uow.hostels().insert(&given_up).await.unwrap();
    uow.rollback().await.unwrap();
    assert_eq!(world.queries().hostel(&call, given_up.id()).await.unwrap(), None);
    let mut uow = world.uows().begin(&call).await.unwrap();
    assert_eq!(uow.hostels().find(given_up.id()).await.unwrap(), None);
    uow.rollback().await.unwrap();
}

/// Neither a hostel nor its settings can be added twice.
pub async fn a_taken_id_is_a_conflict(world: &dyn World) {
    let hostel = founded(world, "Once", world.ambient().now()).await;
    let call = world.call(installation());
    let mut uow = world.uows().begin(&call).await.unwrap();
    assert!(matches!(uow.hostels().insert(&hostel).await, Err(StoreError::Conflict(_))));
    uow.rollback().await.unwrap();
    let mut uow = world.uows().begin(&call).await.unwrap();
    assert!(matches!(uow.settings().insert(&new_settings(&hostel)).await, Err(StoreError::Conflict(_))));
    uow.rollback().await.unwrap();
}

/// Writing over a version that is not there changes nothing, and the unit of work can go on.
pub async fn a_hostel_of_another_version_is_stale(world: &dyn World) {
    let now = world.ambient().now();
    let hostel = founded(world, "Versioned", now).await;
    let call = world.call(installation());
    let later = now.plus(Duration::from_secs(1));
    let second = hostel.clone().changed(Some(Text::clean("Renamed")), Some(HostelStatus::Suspended), later);
    let mut uow = world.uows().begin(&call).await.unwrap();
    uow.hostels().update(&second, 1).await.unwrap();
    uow.commit(Outcome::done()).await.unwrap();

    let mut uow = world.uows().begin(&call).await.unwrap();
    let from_first = hostel.changed(Some(Text::clean("Too late")), None, later);
    assert!(matches!(uow.hostels().update(&from_first, 1).await, Err(StoreError::Stale)));
    assert_eq!(uow.hostels().find(second.id()).await.unwrap(), Some(second.clone()));
    let nowhere = new_hostel(world, "Nowhere", now);
    assert!(matches!(uow.hostels().update(&nowhere, 1).await, Err(StoreError::Stale)));
    uow.rollback().await.unwrap();
    assert_eq!(world.queries().hostel(&call, second.id()).await.unwrap().as_ref(), Some(second.view()));
}

/// The same for settings.
pub async fn settings_of_another_version_are_stale(world: &dyn World) {
    let now = world.ambient().now();
    let hostel = founded(world, "Settled", now).await;
    let call = world.call(Scope::Hostel(hostel.id()));
    let change = SettingsChange { pending_hold_hours: Some(5), ..SettingsChange::default() };
    let second = new_settings(&hostel).changed(change.clone(), now);
    let mut uow = world.uows().begin(&call).await.unwrap();
    uow.settings().update(&second, 1).await.unwrap();
    uow.commit(Outcome::done()).await.unwrap();
    let mut uow = world.uows().begin(&call).await.unwrap();
    assert!(matches!(uow.settings().update(&second, 1).await, Err(StoreError::Stale)));
    assert_eq!(uow.settings().find(hostel.id()).await.unwrap(), Some(second));
    uow.rollback().await.unwrap();
}

/// Every setting is read back as it was written.
pub async fn settings_survive_storage(world: &dyn World) {
    let now = world.ambient().now();
    let hostel = founded(world, "Set up", now).await;
    let call = world.call(Scope::Hostel(hostel.id()));
    let change = SettingsChange {
        currency: Some(Currency::EUR),
        time_zone: Some(Zone::parse("Asia/Kolkata").unwrap()),
        minimum_stay_months: Some(0),
        approval_required: Some(false),
        entry_request_expiry_minutes: Some(2),
        pending_hold_hours: Some(3),
        booking_deadline_hours: Some(4),
        cancellation_deadline_hours: Some(5),
        sla_low: Some(6),
        sla_medium: Some(7),
        sla_high: Some(8),
        sla_urgent: Some(9),
        quiet_start: ClockTime::new(23, 59),
        quiet_end: ClockTime::new(0, 0),
        registration: Some(Registration::Closed),
        default_country: Some("IN".to_owned()),
        proration: Some(Proration::WholeMonths),
    };
    let changed = new_settings(&hostel).changed(change, now.plus(Duration::from_micros(1)));
    let mut uow = world.uows().begin(&call).await.unwrap();
    assert_eq!(uow.settings().find(hostel.id()).await.unwrap(), Some(new_settings(&hostel)));
    uow.settings().update(&changed, 1).await.unwrap();
    uow.commit(Outcome::done()).await.unwrap();
    assert_eq!(world.queries().settings(&call, hostel.id()).await.unwrap().as_ref(), Some(changed.view()));
}

/// A hostel with a room has prices, one without has none, and another's are out of reach.
pub async fn what_is_priced_is_told_of_ones_own_hostel(world: &dyn World) {
    let now = world.ambient().now();
    let (bare, priced) = (founded(world, "Bare", now).await, founded(world, "Priced", now).await);
    world.price(priced.id()).await;
    for (inside, asked, told) in
        [(&bare, &bare, false), (&priced, &priced, true), (&bare, &priced, false), (&priced, &bare, false)]
    {
        let mut uow = world.uows().begin(&world.call(Scope::Hostel(inside.id()))).await.unwrap();
        assert_eq!(uow.settings().lock_prices(asked.id()).await.unwrap(), told);
        uow.rollback().await.unwrap();
    }
}

/// A flag is put without touching the others; one that was never put has its default.
pub async fn flags_are_put_one_by_one_and_have_defaults(world: &dyn World) {
    let now = world.ambient().now();
    let hostel = new_hostel(world, "Half flagged", now);
    let by = None;
    let mut uow = world.uows().begin(&world.call(installation())).await.unwrap();
    uow.hostels().insert(&hostel).await.unwrap();
    uow.settings().insert(&new_settings(&hostel)).await.unwrap();
    uow.flags().put(hostel.id(), &[(Feature::Payments, false)], by, now).await.unwrap();
    uow.commit(Outcome::done()).await.unwrap();

    let call = world.call(Scope::Hostel(hostel.id()));
    let first = Flags::defaults().with(Feature::Payments, false);
    let admin = world.member_of(&[hostel.id()]).await;
    let mut uow = world.uows().begin(&call).await.unwrap();
    assert_eq!(uow.flags().lock(hostel.id()).await.unwrap(), Some(first));
    let switches = [(Feature::ShuttleBooking, true), (Feature::Support, false)];
    uow.flags().put(hostel.id(), &switches, Some(admin), now).await.unwrap();
    uow.commit(Outcome::done()).await.unwrap();
    let second = first.with(Feature::ShuttleBooking, true).with(Feature::Support, false);
    assert_eq!(world.queries().flags(&call, hostel.id()).await.unwrap(), Some(second));
}

/// Inside one hostel, another's settings and flags are as if they were not there.
pub async fn another_hostels_settings_and_flags_are_out_of_reach(world: &dyn World) {
    let now = world.ambient().now();
    let own = founded(world, "Own", now).await;
    let other = founded(world, "Other", now).await;
    let call = world.call(Scope::Hostel(own.id()));
    let queries = world.queries();
    assert_eq!(queries.settings(&call, other.id()).await.unwrap(), None);
    assert_eq!(queries.flags(&call, other.id()).await.unwrap(), None);
    assert!(queries.settings(&call, own.id()).await.unwrap().is_some());
    assert!(queries.flags(&call, own.id()).await.unwrap().is_some());

    let mut uow = world.uows().begin(&call).await.unwrap();
    assert_eq!(uow.settings().find(other.id()).await.unwrap(), None);
    assert_eq!(uow.flags().lock(other.id()).await.unwrap(), None);
    let change = SettingsChange { approval_required: Some(false), ..SettingsChange::default() };
    let foreign = new_settings(&other).changed(change, now);
    assert!(matches!(uow.settings().update(&foreign, 1).await, Err(StoreError::Stale)));
    uow.rollback().await.unwrap();
}

/// A list meets every row once, in order, however it is walked.
pub async fn lists_are_sorted_and_walked_by_number_and_by_cursor(world: &dyn World) {
    let now = world.ambient().now();
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(founded(world, &format!("Listed {n}"), now.plus(Duration::from_secs(100 + n))).await.id());
    }
    let call = world.call(installation());
    for (sort, descending) in [("created_at", false), ("created_at", true), ("name", false), ("name", true)] {
        let mut expected = made.clone();
        if descending {
            expected.reverse();
        }
        let mut page = Page { position: Position::After(None), limit: 2, ..Page::first(sort, descending) };
        let mut by_cursor = Vec::new();
        loop {
            let part = world.queries().hostels(&call, &page).await.unwrap();
            assert!(part.rows.len() <= 2);
            by_cursor.extend(part.rows.into_iter().map(|view| view.id));
            match part.next {
                Some(next) => page.position = Position::After(Some(next)),
                None => break,
            }
        }
        let mut by_number = Vec::new();
        let mut number = 1;
        loop {
            page.position = Position::Number(number);
            let part = world.queries().hostels(&call, &page).await.unwrap();
            assert_eq!(part.total, Some(by_cursor.len() as u64), "the total is told past the last page too");
            if part.rows.is_empty() {
                break;
            }
            by_number.extend(part.rows.into_iter().map(|view| view.id));
            number += 1;
        }
        assert_eq!(by_number, by_cursor, "{sort} {descending}");
        by_cursor.retain(|id| made.contains(id));
        assert_eq!(by_cursor, expected, "{sort} {descending}");
    }
}

/// Only the hostels of one's own memberships, and none twice.
pub async fn an_account_sees_the_hostels_of_its_memberships(world: &dyn World) {
    let now = world.ambient().now();
    let first = founded(world, "Mine, first", now).await;
    let second = founded(world, "Mine, second", now.plus(Duration::from_secs(1))).await;
    founded(world, "Not mine", now).await;
    let account = world.member_of(&[second.id(), first.id()]).await;
    let stranger = world.member_of(&[]).await;
    let lobby = world.call(Scope::System(Purpose::Lobby));
    let page = Page::first("created_at", false);
    let mine = world.queries().hostels_of(&lobby, account, &page).await.unwrap();
    assert_eq!((mine.rows, mine.total), (vec![first.into_view(), second.into_view()], Some(2)));
    let none = world.queries().hostels_of(&lobby, stranger, &page).await.unwrap();
    assert_eq!((none.rows, none.total), (Vec::new(), Some(0)));
}

/// The same key gives the stored answer and no second unit of work; with another request it is refused; a unit of work
/// that was given up leaves the key free.
pub async fn a_key_used_again_replays_the_outcome(world: &dyn World) {
    let hostel = founded(world, "Keyed", world.ambient().now()).await;
    let key = world.ambient().id::<HostelId>().to_string();
    let mut call = world.call(Scope::Hostel(hostel.id()));
    call.idempotency = Some(IdempotencyKey { key: key.clone(), fingerprint: [7; 32] });
    world.uows().begin(&call).await.unwrap().rollback().await.unwrap();
    let outcome = Outcome::of(hostel.view());
    world.uows().begin(&call).await.unwrap().commit(outcome.clone()).await.unwrap();
    match world.uows().begin(&call).await {
        Err(StoreError::Replayed(stored)) => assert_eq!(stored, outcome),
        Err(error) => panic!("expected the stored answer, not {error:?}"),
        Ok(_) => panic!("expected the stored answer, not a second unit of work"),
    }
    call.idempotency = Some(IdempotencyKey { key, fingerprint: [8; 32] });
    assert!(matches!(world.uows().begin(&call).await, Err(StoreError::KeyReused)));
}
