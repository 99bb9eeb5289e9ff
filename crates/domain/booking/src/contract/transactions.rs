//! Promises of the unit of work.

use domicile_kernel::{Call, Currency, IdempotencyKey, Outcome, StoreError, Zone};
use serde_json::json;

use super::{House, Stage, World, end};
use crate::{
    model::HouseTerms,
    policy::PriceRuleName,
    ports::{BookingUows, RoomWritten},
};

pub(super) async fn the_terms_are_the_hostels_own(world: &dyn World) {
    let terms = HouseTerms {
        currency: Currency::EUR,
        zone: Zone::parse("Asia/Kolkata").unwrap(),
        minimum_stay_months: 3,
        approval_required: false,
        pending_hold_hours: 5,
        booking_deadline_hours: 6,
        cancellation_deadline_hours: 7,
        proration: PriceRuleName::ThirtyDays,
    };
    let house: House = world.house(terms.clone(), 1).await;
    let stage = Stage { world, ambient: world.ambient(), house };
    let mut uow = stage.begin().await;
    assert_eq!(uow.terms().await.unwrap(), terms);
    end(uow, false).await;
}

pub(super) async fn what_is_rolled_back_or_dropped_never_was(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (rolled_back, dropped) = (stage.room("Attic", 1), stage.room("Cellar", 1));
    let mut uow = stage.begin().await;
    assert_eq!(uow.rooms().insert(&rolled_back).await.unwrap(), RoomWritten::Written);
    assert!(uow.rooms().find(rolled_back.id()).await.unwrap().is_some(), "a unit of work sees what it wrote");
    uow.rollback().await.unwrap();
    let mut uow = stage.begin().await;
    assert_eq!(uow.rooms().find(rolled_back.id()).await.unwrap(), None);
    assert_eq!(uow.rooms().insert(&dropped).await.unwrap(), RoomWritten::Written);
    drop(uow);
    let mut uow = stage.begin().await;
    assert_eq!(uow.rooms().find(dropped.id()).await.unwrap(), None);
    end(uow, false).await;
}

pub(super) async fn a_key_used_again_gets_the_first_answer(world: &dyn World) {
    let stage = Stage::set(world).await;
    let uows = world.uows();
    let with_key = |key: &str, fingerprint: u8| {
        let mut call = stage.call();
        call.idempotency = Some(IdempotencyKey { key: key.to_owned(), fingerprint: [fingerprint; 32] });
        call
    };
    let answer = Outcome::stored(json!({ "answer": 42 }));
    let uow = uows.begin(&with_key("one", 1)).await.unwrap();
    uow.commit(answer.clone()).await.unwrap();
    let again = settled(&*uows, &with_key("one", 1)).await;
    assert!(
        matches!(&again, Err(StoreError::Replayed(outcome)) if *outcome == answer),
        "the same request again must replay: {again:?}"
    );
    let reused = settled(&*uows, &with_key("one", 2)).await;
    assert!(matches!(reused, Err(StoreError::KeyReused)), "another request must be refused: {reused:?}");
    end(uows.begin(&with_key("two", 2)).await.unwrap(), false).await;
}

pub(super) async fn a_refused_command_leaves_its_key_unused(world: &dyn World) {
    let stage = Stage::set(world).await;
    let uows = world.uows();
    let mut call = stage.call();
    call.idempotency = Some(IdempotencyKey { key: "refused".to_owned(), fingerprint: [7; 32] });
    uows.begin(&call).await.unwrap().rollback().await.unwrap();
    end(uows.begin(&call).await.unwrap(), true).await;
    let again = settled(&*uows, &call).await;
    assert!(matches!(again, Err(StoreError::Replayed(_))), "{again:?}");
}

/// What a repeated key comes to. For a moment it may be said to be in flight, while what was refused before is rolled back.
async fn settled(uows: &dyn BookingUows, call: &Call) -> Result<(), StoreError> {
    for _attempt in 0..1_000 {
        match uows.begin(call).await {
            Err(StoreError::KeyInFlight) => {}
            Err(error) => return Err(error),
            Ok(uow) => return uow.rollback().await,
        }
    }
    Err(StoreError::KeyInFlight)
}
