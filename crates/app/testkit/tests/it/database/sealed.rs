//! Personal columns (J14): what was typed is found in no table and no file, and opens only where it was put.

use std::sync::Arc;

use domicile_access::{
    AccessUows,
    ports::{AccountInsertion, AccountUpdate},
};
use domicile_booking::{BookingQueries, CreateBooking, CreateRoom, FrontDesk, model::BookingId, ports::BookingUows};
use domicile_kernel::{
    AccountId, Call, Currency, HostelId, IdempotencyKey, Instant, Money, NewJob, Outcome, Purpose, Role, Scope,
    StoreError, Text,
};
use domicile_testkit::store::{Owner, TestStore};
use serde_json::json;
use spellings::{base64, hex};

/// The two spellings of bytes in which a dump could hide a text.
mod spellings {
    pub(super) fn hex(text: &str) -> String {
        let digit = |n: u8| char::from_digit(u32::from(n), 16).expect("four bits are one digit");
        text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// The part of the text's base64 that does not depend on what stands before it.
    pub(super) fn base64(text: &str) -> Vec<String> {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..3)
            .map(|skip| {
                let bytes = &text.as_bytes()[skip..];
                let whole = &bytes[..bytes.len() / 3 * 3];
                whole
                    .chunks(3)
                    .flat_map(|three| {
                        let n = (u32::from(three[0]) << 16) | (u32::from(three[1]) << 8) | u32::from(three[2]);
                        [18, 12, 6, 0].map(|shift| char::from(DIGITS[((n >> shift) & 63) as usize]))
                    })
                    .collect()
            })
            .collect()
    }
}

const PHONE: &str = "+233209876543";
const CARD_PHONE: &str = "+233201112223";
const CONTACT: &str = "Auntie Efua Quaye, by the old lighthouse";
const JOB: &str = "the-code-is-493817";
const CALL_NAME: &str = "Grandmother Adwoa Boatemaa";
const CALL_PHONE: &str = "+233244556677";

/// Books a bed under an idempotency key: the booking names whom to call, and so does the answer that is kept for a replay.
async fn book(store: &TestStore, hostel: HostelId, guest: AccountId) -> (Call, BookingId) {
    let database = Arc::new(store.database.clone());
    let desk = FrontDesk::new(database.clone(), database, store.ambient.clone());
    let room = CreateRoom {
        name: Some("Attic".to_owned()),
        room_type: Some("double".to_owned()),
        bed_count: Some(2),
        monthly_price: Some(Money::new(45_000, Currency::GHS)),
        ..CreateRoom::default()
    };
    let manager = store.call_as(guest, Some(Role::Manager), Scope::Hostel(hostel));
    let room = desk.create_room(&manager, room).await.expect("a room can be made");
    let mut call = store.call_as(guest, Some(Role::Student), Scope::Hostel(hostel));
    call.idempotency = Some(IdempotencyKey { key: "once".to_owned(), fingerprint: [1; 32] });
    let asked = CreateBooking {
        room_id: Some(room.id.to_string()),
        check_in_date: Some("2026-02-01".to_owned()),
        check_out_date: Some("2026-04-01".to_owned()),
        emergency_contact_name: Some(CALL_NAME.to_owned()),
        emergency_contact_phone: Some(CALL_PHONE.to_owned()),
        terms_accepted: Some(true),
        ..CreateBooking::default()
    };
    let view = desk.create_booking(&call, asked).await.expect("a bed can be booked");
    (call, view.id)
}

/// A hostel and a member, with every personal column filled, a booking made under a key, and a job that holds a secret.
async fn planted(store: &TestStore) -> (HostelId, AccountId) {
    let hostel = store.hostel("Sealed").await;
    let account = store
        .account(|account| {
            account.phone = Some(PHONE.to_owned());
            account.emergency_contact = Some(Text::clean(CONTACT));
        })
        .await;
    store.enrol(hostel, account, Role::Student, |membership| membership.card.phone = Some(CARD_PHONE.to_owned())).await;
    let call = store.call(Scope::System(Purpose::Enrolment));
    let mut uow = AccessUows::begin(&store.database, &call).await.unwrap();
    uow.enqueue(NewJob {
        id: store.ambient.id(),
        kind: "mail.send",
        key: "one".to_owned(),
        due: store.ambient.now(),
        payload: json!({ "code": JOB, "to": CONTACT }),
    });
    uow.commit(Outcome::done()).await.unwrap();
    book(store, hostel, account).await;
    (hostel, account)
}

/// Every table, every column as text; on SQLite the bytes of every file as well.
async fn dump(store: &TestStore, owner: &mut Owner) -> String {
    let mut dump = String::new();
    if store.is_postgres() {
        let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()";
        for table in owner.texts(tables).await {
            for row in owner.texts(format!("SELECT r::text FROM {} r", table[0])).await {
                dump.push_str(&row[0]);
                dump.push('\n');
            }
        }
    } else {
        store.database.close().await;
        for file in std::fs::read_dir(store.folder().expect("SQLite has a folder")).unwrap() {
            dump.push_str(&String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()));
        }
    }
    dump
}

fn is_in(text: &str, dump: &str) -> bool {
    let lower = dump.to_ascii_lowercase();
    dump.contains(text) || lower.contains(&hex(text)) || base64(text).iter().any(|spelling| dump.contains(spelling))
}

#[tokio::test]
async fn what_is_personal_is_found_in_no_table_and_no_file() {
    for store in TestStore::both().await {
        planted(&store).await;
        let mut owner = store.owner().await;
        // The search finds what is there: a name in the open, and bytes as a table shows them.
        let canary = "a canary in the open, 493817";
        owner.run(format!("UPDATE accounts SET program = '{canary}'")).await;
        let bytes = hex("a canary in bytes, 112223");
        let literal = if store.is_postgres() { format!("'\\x{bytes}'") } else { format!("x'{bytes}'") };
        owner.run(format!("UPDATE accounts SET phone_index = {literal}")).await;
        let dump = dump(&store, &mut owner).await;
        assert!(is_in(canary, &dump) && is_in("a canary in bytes, 112223", &dump), "the search is blind");
        let parts = ["209876543", "201112223", "244556677", "Efua Quaye", "lighthouse", "Adwoa"];
        for planted in [PHONE, CARD_PHONE, CONTACT, JOB, CALL_NAME, CALL_PHONE].into_iter().chain(parts) {
            assert!(!is_in(planted, &dump), "{planted} stands in the open");
        }
    }
}

#[tokio::test]
async fn what_was_sealed_is_read_back_and_looked_up_by_its_index() {
    for store in TestStore::both().await {
        let (hostel, account) = planted(&store).await;
        let call = store.call(Scope::System(Purpose::Enrolment));
        let mut uow = AccessUows::begin(&store.database, &call).await.unwrap();
        let found = uow.accounts().find_by_phone(PHONE).await.unwrap().expect("the phone leads to its account");
        assert_eq!((found.id, found.phone.as_deref()), (account, Some(PHONE)));
        assert_eq!(found.emergency_contact.as_ref().map(Text::as_str), Some(CONTACT));
        let card = uow.memberships().find(hostel, account).await.unwrap().unwrap().card;
        assert_eq!(card.phone.as_deref(), Some(CARD_PHONE));
        assert_eq!(uow.accounts().find_by_phone("+233200000000").await.unwrap(), None);
        uow.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn whom_to_call_is_read_back_from_the_booking_and_from_the_answer_kept_for_its_key() {
    for store in TestStore::both().await {
        let hostel = store.hostel("Sealed").await;
        let guest = store.member(hostel, Role::Student).await;
        let (mut call, id) = book(&store, hostel, guest).await;
        let mut owner = store.owner().await;
        assert_eq!(owner.number("SELECT count(*) FROM idempotency_keys WHERE outcome IS NOT NULL").await, 1);
        let Err(StoreError::Replayed(outcome)) = BookingUows::begin(&store.database, &call).await.map(drop) else {
            panic!("the key was used");
        };
        call.idempotency = None;
        let view = BookingQueries::booking(&store.database, &call, id).await.unwrap().expect("the booking is there");
        let contact = (view.emergency_contact_name.as_ref().map(Text::as_str), view.emergency_contact_phone.as_deref());
        assert_eq!(contact, (Some(CALL_NAME), Some(CALL_PHONE)));
        assert_eq!(outcome.value(), &serde_json::to_value(&view).unwrap());
    }
}

#[tokio::test]
async fn equal_values_have_different_ciphertexts_and_each_opens_only_in_its_place() {
    for store in TestStore::both().await {
        let (hostel, first) = planted(&store).await;
        let second = store.account(|account| account.emergency_contact = Some(Text::clean(CONTACT))).await;
        store.enrol(hostel, second, Role::Student, |member| member.card.phone = Some(CARD_PHONE.to_owned())).await;
        let mut owner = store.owner().await;
        let different =
            ["SELECT count(DISTINCT phone) FROM memberships", "SELECT count(DISTINCT emergency_contact) FROM accounts"];
        for sql in different {
            assert_eq!(owner.number(sql).await, 2, "equal values must not look equal: {sql}");
        }
        // The same value sealed again is another ciphertext too.
        let before = owner.numbers("SELECT count(*) FROM memberships").await;
        let copies = "CREATE TABLE copies AS SELECT account_id, phone FROM memberships";
        owner.run(copies).await;
        let call = store.call(Scope::System(Purpose::Enrolment));
        let mut uow = AccessUows::begin(&store.database, &call).await.unwrap();
        let membership = uow.memberships().find(hostel, second).await.unwrap().unwrap();
        assert!(uow.memberships().update(&membership, membership.version).await.unwrap());
        uow.commit(Outcome::done()).await.unwrap();
        let same =
            "SELECT count(*) FROM memberships m JOIN copies c ON c.account_id = m.account_id AND c.phone = m.phone";
        assert_eq!(owner.number(same).await + 1, before[0]);

        // Moved to another row, or to another column, it does not open.
        let (one, two) = (owner.id(first.uuid()), owner.id(second.uuid()));
        let moves = [
            format!(
                "UPDATE memberships SET phone = (SELECT phone FROM copies WHERE account_id = {one}) WHERE account_id = {two}"
            ),
            format!(
                "UPDATE accounts SET emergency_contact = (SELECT emergency_contact FROM accounts WHERE id = {one}) WHERE id = {two}"
            ),
            format!("UPDATE accounts SET phone = emergency_contact WHERE id = {one}"),
        ];
        for sql in &moves {
            assert_eq!(owner.run(sql.clone()).await, 1);
        }
        for account in [first, second] {
            let mut uow = AccessUows::begin(&store.database, &call).await.unwrap();
            let found = uow.accounts().find(account).await;
            assert!(matches!(found, Err(StoreError::Corrupt(_))), "a moved ciphertext opened: {found:?}");
        }
        let mut uow = AccessUows::begin(&store.database, &call).await.unwrap();
        let found = uow.memberships().find(hostel, second).await;
        assert!(matches!(found, Err(StoreError::Corrupt(_))), "a moved ciphertext opened: {found:?}");
    }
}

#[tokio::test]
async fn a_jobs_payload_moved_to_another_job_does_not_open_and_holds_up_no_other_job() {
    for store in TestStore::both().await {
        planted(&store).await;
        let mut owner = store.owner().await;
        owner.run("DELETE FROM jobs WHERE kind <> 'mail.send'").await;
        owner.run("UPDATE jobs SET key = 'two'").await;
        let call = store.call(Scope::System(Purpose::Enrolment));
        let mut uow = AccessUows::begin(&store.database, &call).await.unwrap();
        let (kind, due) = ("test.job", store.ambient.now());
        uow.enqueue(NewJob { id: store.ambient.id(), kind, key: "behind".to_owned(), due, payload: json!({}) });
        uow.commit(Outcome::done()).await.unwrap();
        let lease = |from: Instant| from.plus(std::time::Duration::from_secs(1));
        let taken = store.database.take_jobs(due, lease(due), 10).await.unwrap();
        assert_eq!(taken.iter().map(|job| job.key.as_str()).collect::<Vec<_>>(), ["behind"]);
        // It waits, with the reason, for a node that has the key.
        let waiting = "SELECT due FROM jobs WHERE key = 'two' AND lease_until IS NULL AND last_error IS NOT NULL";
        let put_off = due.plus(std::time::Duration::from_hours(1));
        assert_eq!(owner.numbers(waiting).await, [put_off.micros()]);
        owner.run("UPDATE jobs SET key = 'one' WHERE key = 'two'").await;
        assert_eq!(store.database.take_jobs(put_off, lease(put_off), 10).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_phone_is_unique_although_it_is_sealed() {
    for store in TestStore::both().await {
        let (_, account) = planted(&store).await;
        let other = store.account(|_as_it_is| ()).await;
        let call = store.call(Scope::System(Purpose::Enrolment));
        let mut uow = AccessUows::begin(&store.database, &call).await.unwrap();
        let mut person = uow.accounts().find(other).await.unwrap().unwrap();
        person.phone = Some(PHONE.to_owned());
        let seen = person.version;
        assert_eq!(
            uow.accounts().update(&person.clone().edited(store.ambient.now()), seen).await.unwrap(),
            AccountUpdate::PhoneTaken
        );
        person.id = store.ambient.id();
        person.email = domicile_access::Email::stored("third@example.com");
        assert_eq!(uow.accounts().insert(&person).await.unwrap(), AccountInsertion::PhoneTaken);
        assert!(uow.accounts().find(account).await.unwrap().is_some(), "the transaction lives on");
        uow.rollback().await.unwrap();
    }
}
