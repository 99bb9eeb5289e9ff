//! Promises of the unit of work.

use domicile_kernel::{Call, IdempotencyKey, Outcome, StoreError};
use serde_json::json;

use super::{Stage, World, end};
use crate::{
    model::InvoiceKind,
    ports::{BillingUows, PaymentWritten, Written},
};

pub(super) async fn what_is_rolled_back_or_dropped_never_was(world: &dyn World) {
    let stage = Stage::set(world).await;
    let invoice = stage.invoice(&stage.stay(1), InvoiceKind::Rent, 1, 100);
    let payment = stage.paid(1, 100);
    for dropped in [false, true] {
        let mut uow = stage.begin().await;
        assert_eq!(uow.invoices().insert(std::slice::from_ref(&invoice)).await.unwrap(), Written::Written);
        assert_eq!(uow.payments().insert(&payment).await.unwrap(), PaymentWritten::Written);
        assert!(uow.invoices().find(invoice.id()).await.unwrap().is_some(), "a unit of work sees what it wrote");
        if dropped {
            drop(uow);
        } else {
            uow.rollback().await.unwrap();
        }
        let mut uow = stage.begin().await;
        assert_eq!(uow.invoices().find(invoice.id()).await.unwrap(), None);
        assert_eq!(uow.payments().find(payment.id()).await.unwrap(), None);
        end(uow, false).await;
    }
}

fn with_key(stage: &Stage<'_>, key: &str, fingerprint: u8) -> Call {
    let mut call = stage.call();
    call.idempotency = Some(IdempotencyKey { key: key.to_owned(), fingerprint: [fingerprint; 32] });
    call
}

pub(super) async fn a_key_used_again_gets_the_first_answer(world: &dyn World) {
    let stage = Stage::set(world).await;
    let uows = world.uows();
    let answer = Outcome::stored(json!({ "answer": 42 }));
    uows.begin(&with_key(&stage, "one", 1)).await.unwrap().commit(answer.clone()).await.unwrap();
    let again = settled(&*uows, &with_key(&stage, "one", 1)).await;
    assert!(matches!(&again, Err(StoreError::Replayed(outcome)) if *outcome == answer), "{again:?}");
    let reused = settled(&*uows, &with_key(&stage, "one", 2)).await;
    assert!(matches!(reused, Err(StoreError::KeyReused)), "{reused:?}");
}

pub(super) async fn the_last_step_replaces_the_answer_of_the_first(world: &dyn World) {
    let stage = Stage::set(world).await;
    let uows = world.uows();
    let call = with_key(&stage, "steps", 1);
    let (first, last) = (Outcome::stored(json!({ "step": 1 })), Outcome::stored(json!({ "step": 2 })));
    uows.begin(&call).await.unwrap().commit(first.clone()).await.unwrap();
    uows.begin(&call.completes()).await.unwrap().rollback().await.unwrap();
    let again = settled(&*uows, &call).await;
    assert!(matches!(&again, Err(StoreError::Replayed(outcome)) if *outcome == first), "{again:?}");
    uows.begin(&call.completes()).await.unwrap().commit(last.clone()).await.unwrap();
    let again = settled(&*uows, &call).await;
    assert!(matches!(&again, Err(StoreError::Replayed(outcome)) if *outcome == last), "{again:?}");
    // A key that is not kept any more is no hindrance to the last step, and is not made by it.
    let gone = with_key(&stage, "gone", 1);
    uows.begin(&gone.completes()).await.unwrap().commit(last).await.unwrap();
    end(uows.begin(&gone).await.unwrap(), false).await;
}

/// What a repeated key comes to. For a moment it may be said to be in flight, while what was refused before is rolled back.
async fn settled(uows: &dyn BillingUows, call: &Call) -> Result<(), StoreError> {
    for _attempt in 0..1_000 {
        match uows.begin(call).await {
            Err(StoreError::KeyInFlight) => {}
            Err(error) => return Err(error),
            Ok(uow) => return uow.rollback().await,
        }
    }
    Err(StoreError::KeyInFlight)
}
