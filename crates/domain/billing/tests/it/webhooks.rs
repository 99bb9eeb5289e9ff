//! What gateways tell: kept, processed once, and never believed blindly.

use std::sync::Arc;

use domicile_billing::{
    Acknowledged, PutAsideView, Work,
    memory::Trouble,
    model::InboxState,
    ports::{ChargeStatus, Domain, Lookout, PaymentGateway, PutAside, WebhookEvent, WebhookKind},
};
use domicile_kernel::{Currency, Money, Page};
use pollster::block_on;

use crate::house::{House, cedis, code, sums, webhook};

async fn aside(house: &House) -> Vec<String> {
    let page = Page::first("created_at", false);
    let rows = house.bursar.list_quarantined(&house.admin(), &page).await.unwrap().rows;
    rows.into_iter().map(|found| found.suspicion.as_str().to_owned()).collect()
}

#[test]
fn a_success_is_credited_once_however_often_it_is_told() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.pay(&begun.reference);
        let (signature, body) = house.gateway.webhook(&begun.reference).unwrap();
        let tell = async || {
            let told = webhook(Some(signature.clone()), body.clone());
            house.bursar.receive_webhook(&house.anybody(), told).await.unwrap()
        };
        let Acknowledged::New(id) = tell().await else { panic!("the first") };
        assert_eq!(house.payment(&begun).await.status.as_str(), "pending", "kept first, processed later");
        assert_eq!(tell().await, Acknowledged::Again(id));
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed");
        for _ in 0..3 {
            assert_eq!(tell().await, Acknowledged::Again(id));
            house.work().await;
        }
        assert_eq!((house.journals("charge:"), house.events("payment.completed").len()), (1, 1));
        let [entry] = &house.memory.inbox()[..] else { panic!("one entry") };
        assert_eq!((entry.deliveries, &entry.entry.body), (5, &body));
        assert!(matches!(entry.entry.state, InboxState::Processed { .. }));
        assert_eq!(sums(&house.invoices(&stay).await)[0].2, "paid");
    });
}

#[test]
fn what_could_not_be_processed_is_not_lost() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.pay(&begun.reference);
        house.gateway.trouble(Trouble::LostBefore);
        house.deliver(&begun.reference).await;
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "pending");
        for job in house.memory.jobs().into_iter().filter(|job| job.kind == "payment.inbox") {
            house.memory.complete_job(&job);
        }
        house.deliver(&begun.reference).await;
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed", "delivered again, wanted again");
    });
}

#[test]
fn a_failure_behind_a_success_changes_nothing() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.decline(&begun.reference);
        let (signature, late_failure) = house.gateway.webhook(&begun.reference).unwrap();
        house.gateway.pay(&begun.reference);
        house.deliver(&begun.reference).await;
        house.work().await;
        let told = webhook(Some(signature), late_failure);
        house.bursar.receive_webhook(&house.anybody(), told).await.unwrap();
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed");
        assert!(house.events("payment.failed").is_empty());
    });
}

#[test]
fn a_forged_or_broken_signature_is_refused_and_nothing_is_kept() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.pay(&begun.reference);
        let (signature, body) = house.gateway.webhook(&begun.reference).unwrap();
        let tell = async |told| house.bursar.receive_webhook(&house.anybody(), told).await;
        for bad in [None, Some(String::new()), Some(signature.to_uppercase() + "0"), Some(signature[1..].to_owned())] {
            assert_eq!(code(tell(webhook(bad, body.clone())).await), "UNAUTHORIZED");
        }
        for at in 0..body.len() {
            let mut flipped = body.clone();
            flipped[at] ^= 1;
            assert_eq!(code(tell(webhook(Some(signature.clone()), flipped)).await), "UNAUTHORIZED");
        }
        let mut elsewhere = webhook(Some(signature), body);
        elsewhere.provider = "bank".to_owned();
        assert_eq!(code(tell(elsewhere).await), "NOT_FOUND");
        assert!(house.memory.inbox().is_empty());
    });
}

#[test]
fn what_does_not_fit_is_put_aside_and_never_credited() {
    type Lie = fn(&mut domicile_billing::ports::ChargeReport);
    let lies: [(&str, Lie); 5] = [
        ("amount", |charge| charge.amount = cedis(44_999)),
        ("amount", |charge| charge.amount = cedis(45_001)),
        ("amount", |charge| charge.requested = Some(cedis(1))),
        ("currency", |charge| charge.amount = Money::new(45_000, Currency::EUR)),
        ("domain", |charge| charge.domain = Domain::Live),
    ];
    for (suspicion, lie) in lies {
        block_on(async {
            let house = House::new();
            let stay = house.agreed(0).await;
            let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
            house.gateway.pay(&begun.reference);
            house.gateway.report(&begun.reference, lie);
            house.deliver(&begun.reference).await;
            house.work().await;
            assert_eq!(house.verify(&begun).await.status.as_str(), "pending", "nor by asking");
            assert_eq!((aside(&house).await, house.journals("charge:")), (vec![suspicion.to_owned()], 0));
            let noted = house.memory.audit_trail().into_iter().filter(|row| row.action == "payment.quarantine");
            assert_eq!(noted.count(), 1, "noted once");
            assert!(matches!(house.memory.inbox()[0].entry.state, InboxState::PutAside { .. }));
        });
    }
}

#[test]
fn fees_passed_on_to_the_payer_are_no_other_amount() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.pay(&begun.reference);
        house.gateway.report(&begun.reference, |charge| {
            (charge.amount, charge.requested) = (cedis(46_000), Some(cedis(45_000)));
            charge.fees = Some(cedis(1_000));
        });
        assert_eq!(house.verify(&begun).await.status.as_str(), "completed");
        assert_eq!(sums(&house.invoices(&stay).await)[0], (45_000, 45_000, "paid"));
    });
}

#[test]
fn a_success_that_the_gateway_does_not_confirm_waits() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.pay(&begun.reference);
        let (signature, body) = house.gateway.webhook(&begun.reference).unwrap();
        house.gateway.report(&begun.reference, |charge| charge.status = ChargeStatus::Pending);
        house.bursar.receive_webhook(&house.anybody(), webhook(Some(signature), body)).await.unwrap();
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "pending");
        let waiting = house.memory.inbox()[0].entry.id;
        house.gateway.pay(&begun.reference);
        house.perform(Work::Inbox(waiting)).await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed");
    });
}

#[test]
fn what_cannot_be_read_or_concerns_nobody_is_kept_and_put_aside() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        let event = |kind, reference: Option<&str>| WebhookEvent {
            kind,
            reference: reference.map(str::to_owned),
            dedupe_key: format!("k:{}", house.ambient.ids.uuid()),
        };
        let other = event(WebhookKind::Other("transfer.success".into()), Some(&begun.reference));
        let unknown = event(WebhookKind::Other("x".into()), None);
        let mut report = None;
        house.gateway.report(&begun.reference, |charge| report = Some(charge.clone()));
        let strangers = event(WebhookKind::Charge(report.unwrap()), Some("somebody-elses"));
        let mut tolds = vec![house.gateway.sign(&other), house.gateway.sign(&unknown), house.gateway.sign(&strangers)];
        let garbage = b"{\"kind\":42}".to_vec();
        tolds.push((domicile_billing::memory::MemoryGateway::signature_of(&garbage), garbage));
        for (signature, body) in tolds {
            house.bursar.receive_webhook(&house.anybody(), webhook(Some(signature), body)).await.unwrap();
        }
        house.work().await;
        let states: Vec<_> = house.memory.inbox().into_iter().map(|entry| entry.entry.state).collect();
        assert_eq!(states.len(), 4);
        assert!(states.iter().all(|state| matches!(state, InboxState::PutAside { .. })), "{states:?}");
        assert_eq!(house.payment(&begun).await.status.as_str(), "pending");
    });
}

/// Hears what is put aside.
#[derive(Default)]
struct Ear(std::sync::Mutex<Vec<String>>);

impl Lookout for Ear {
    fn put_aside(&self, aside: &PutAside<'_>) {
        let own = if aside.hostel_id.is_some() { "ours" } else { "nobody's" };
        let line = format!("{} {own} {} {}", aside.unfit.as_str(), aside.reference.is_some(), aside.why);
        self.0.lock().unwrap().push(line);
    }
}

impl Ear {
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn listed(house: &House) -> Vec<PutAsideView> {
    house.bursar.list_put_aside(&house.admin(), &Page::first("received_at", false)).await.unwrap().rows
}

#[test]
fn what_cannot_be_read_is_heard_of_listed_and_read_again_when_it_can_be() {
    block_on(async {
        let ear = Arc::new(Ear::default());
        let mut house = House::new();
        house.bursar = house.bursar.clone().watched_by(ear.clone());
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.pay(&begun.reference);
        house.gateway.cannot_read(true);
        let why = "the field `kind` is in another shape";
        for _ in 0..2 {
            house.deliver(&begun.reference).await;
        }
        assert_eq!(ear.heard(), [format!("unreadable ours true {why}")], "once, however often it comes");
        let [aside] = &listed(&house).await[..] else { panic!("one entry") };
        assert_eq!((aside.why.as_str(), aside.deliveries), (why, 2));
        assert_eq!(aside.reference.as_deref(), Some(begun.reference.as_str()));
        assert_eq!(
            code(house.bursar.list_put_aside(&house.manager(), &Page::first("received_at", false)).await),
            "INSUFFICIENT_PERMISSIONS"
        );
        house.gateway.cannot_read(false);
        house.deliver(&begun.reference).await;
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed");
        assert_eq!(ear.heard(), Vec::<String>::new());
    });
}

#[test]
fn what_could_not_be_read_when_its_turn_came_is_read_again_when_it_is_delivered_again() {
    block_on(async {
        let ear = Arc::new(Ear::default());
        let mut house = House::new();
        house.bursar = house.bursar.clone().watched_by(ear.clone());
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.pay(&begun.reference);
        house.deliver(&begun.reference).await;
        house.gateway.cannot_read(true);
        house.work().await;
        assert_eq!(ear.heard(), ["unreadable ours true the field `kind` is in another shape"]);
        assert_eq!(listed(&house).await.len(), 1);
        house.gateway.cannot_read(false);
        house.deliver(&begun.reference).await;
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed");
        assert_eq!((listed(&house).await, house.memory.inbox().len()), (Vec::new(), 1), "as the same entry");
    });
}

#[test]
fn what_was_nobodys_and_is_somebodys_now_counts_when_it_is_delivered_again() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let begun = house.begin(&house.invoices(&stay).await[0], None).await.payment;
        house.gateway.pay(&begun.reference);
        let (signature, body) = house.gateway.webhook(&begun.reference).unwrap();
        let read = house.gateway.read(&body).unwrap();
        let nobodys = WebhookEvent { reference: None, ..read };
        let (other, before) = house.gateway.sign(&nobodys);
        for (signature, body) in [(other, before), (signature.clone(), body.clone()), (signature, body)] {
            house.bursar.receive_webhook(&house.anybody(), webhook(Some(signature), body)).await.unwrap();
        }
        house.work().await;
        assert_eq!(house.payment(&begun).await.status.as_str(), "completed");
        assert_eq!((house.memory.inbox().len(), house.journals("charge:")), (2, 1));
    });
}

#[test]
fn a_dispute_is_put_into_quarantine_and_moves_nothing() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.refund(&paid, Some(100)).await;
        let tell = async |step: &str, amount: Option<Money>| {
            let event = WebhookEvent {
                kind: WebhookKind::Dispute { step: step.to_owned(), amount },
                reference: Some(paid.reference.clone()),
                dedupe_key: format!("dispute:{step}"),
            };
            let (signature, body) = house.gateway.sign(&event);
            house.bursar.receive_webhook(&house.anybody(), webhook(Some(signature), body)).await.unwrap();
            house.work().await;
        };
        tell("create", Some(cedis(20_000))).await;
        tell("remind", Some(cedis(20_000))).await;
        assert_eq!(aside(&house).await, ["reversed"], "one dispute, however often it is told");
        tell("resolve", None).await;
        let page = Page::first("created_at", false);
        let found = house.bursar.list_quarantined(&house.admin(), &page).await.unwrap().rows;
        let reported: Vec<_> = found.iter().map(|found| (found.payment_id, found.reported)).collect();
        assert_eq!(
            reported,
            [(paid.id, cedis(20_000)), (paid.id, cedis(45_000))],
            "all of it where nobody says how much"
        );
        let why: Vec<_> = listed(&house).await.into_iter().map(|aside| aside.why.as_str().to_owned()).collect();
        assert_eq!(why, ["create", "remind", "resolve"].map(|step| format!("the payer disputes it: {step}")));
        assert_eq!(house.payment(&paid).await.status.as_str(), "partially_refunded");
        assert_eq!((house.journals("charge:"), house.journals("refund:")), (1, 1));
    });
}

#[test]
fn a_payment_that_the_gateway_takes_back_is_put_aside_for_somebody_to_look() {
    block_on(async {
        let house = House::new();
        let stay = house.agreed(0).await;
        let paid = house.pay(&house.invoices(&stay).await[0], None).await;
        house.gateway.report(&paid.reference, |charge| charge.status = ChargeStatus::Reversed);
        house.deliver(&paid.reference).await;
        house.work().await;
        assert_eq!(aside(&house).await, ["reversed"]);
        assert_eq!(house.payment(&paid).await.status.as_str(), "completed");
        // A small refund before does not hide that the rest is taken back.
        let other = house.pay(&house.invoices(&stay).await[1], None).await;
        house.refund(&other, Some(100)).await;
        house.gateway.report(&other.reference, |charge| charge.status = ChargeStatus::Reversed);
        house.deliver(&other.reference).await;
        house.work().await;
        assert_eq!(aside(&house).await, ["reversed", "reversed"]);
    });
}
