//! Holds that end by themselves.

use domicile_booking::HoldPayload;
use domicile_kernel::{JobTicket, Purpose, Who};
use pollster::block_on;

use crate::house::{House, code, new_stay};

fn worker(house: &House) -> domicile_kernel::Call {
    house.call_of(Who::System(Purpose::Jobs))
}

#[test]
fn a_hold_that_nobody_approved_ends_and_frees_the_bed() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        house.go_to("2026-01-23T10:00:00Z");
        let [job] = &house.memory.jobs()[..] else { panic!("one job") };
        let payload: HoldPayload = serde_json::from_value(job.payload.clone()).unwrap();
        assert_eq!((payload.hostel_id, payload.booking_id), (house.id, stay.id));
        let mut call = worker(&house);
        call.job = Some(JobTicket { id: job.id, lease_until: job.due });
        let ended = house.desk.end_hold(&call, stay.id).await.unwrap().unwrap();
        assert_eq!((ended.status.as_str(), ended.reason.unwrap().as_str()), ("cancelled", "hold_expired"));
        let event = house.last_event();
        assert_eq!((event.kind, &event.data["reason"]), ("booking.cancelled", &"hold_expired".into()));
        assert_eq!(house.memory.audit_trail().pop().unwrap().action, "booking.end_hold");
        assert!(house.memory.jobs().is_empty(), "the job is done with its effect");
        assert!(house.desk.create_booking(&house.student(1), new_stay(&room)).await.is_ok());
    });
}

#[test]
fn a_job_that_lost_its_lease_changes_nothing() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        house.go_to("2026-01-24T10:00:00Z");
        let mut call = worker(&house);
        call.job = Some(JobTicket { id: house.ambient.id(), lease_until: house.ambient.now() });
        assert_eq!(code(house.desk.end_hold(&call, stay.id).await), "RESOURCE_CONFLICT");
        assert_eq!(house.desk.booking(&house.manager(), stay.id).await.unwrap(), stay);
    });
}

#[test]
fn a_hold_does_not_end_before_its_time() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        house.go_to("2026-01-23T09:59:59Z");
        assert_eq!(code(house.desk.end_hold(&worker(&house), stay.id).await), "RESOURCE_CONFLICT");
        assert_eq!(house.memory.jobs().len(), 1, "the job comes again");
    });
}

#[test]
fn a_booking_that_moved_on_or_is_gone_is_left_alone() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.approved(&room, 0).await;
        house.go_to("2026-01-24T10:00:00Z");
        let told = house.memory.events().len();
        assert_eq!(house.desk.end_hold(&worker(&house), stay.id).await.unwrap(), None);
        assert_eq!(house.desk.end_hold(&worker(&house), house.ambient.id()).await.unwrap(), None);
        assert_eq!(house.memory.events().len(), told);
        assert_eq!(code(house.desk.end_hold(&house.student(0), stay.id).await), "INSUFFICIENT_PERMISSIONS");
    });
}
