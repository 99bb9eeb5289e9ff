//! The same request with the same key has one effect (W9).

use domicile_booking::BookingView;
use domicile_kernel::{Fault, IdempotencyKey};
use pollster::block_on;

use crate::house::{House, code, new_stay};

#[test]
fn a_booking_asked_for_twice_with_one_key_is_one_booking() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 2).await;
        let call = |fingerprint: u8| {
            let mut call = house.student(0);
            call.idempotency = Some(IdempotencyKey { key: "k".to_owned(), fingerprint: [fingerprint; 32] });
            call
        };
        let first = house.desk.create_booking(&call(1), new_stay(&room)).await.unwrap();
        let again = house.desk.create_booking(&call(1), new_stay(&room)).await.unwrap_err();
        assert_eq!(again.replayed().unwrap().view::<BookingView>().unwrap(), first);
        assert_eq!(code(house.desk.create_booking(&call(2), new_stay(&room)).await), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(house.memory.events().iter().filter(|event| event.aggregate == "booking").count(), 1);
    });
}
