//! What is promised of accounts.

use super::{World, begin_system, commit, insert, inserted, somebody, system};
use crate::{
    crypto::PasswordHash,
    model::{Account, AccountStatus, Email, Username},
    ports::{AccountInsertion, AccountUpdate},
};
use domicile_kernel::{AccountId, Text};

/// Every field survives, the sealed ones too, through the unit of work and through the queries.
pub async fn an_account_comes_back_as_it_was_written(world: &dyn World) {
    let ambient = world.ambient();
    let bare = Account::new(
        ambient.id(),
        Email::parse(&format!("b{}@example.com", ambient.id::<AccountId>().uuid().simple())).unwrap(),
        Text::clean("Esi"),
        Text::default(),
        ambient.now(),
    );
    insert(world, &bare).await;
    let full = inserted(world).await;
    for account in [&bare, &full] {
        let mut uow = begin_system(world).await;
        assert_eq!(uow.accounts().find(account.id).await.unwrap().as_ref(), Some(account));
        assert_eq!(uow.accounts().find_for_update(account.id).await.unwrap().as_ref(), Some(account));
        uow.rollback().await.unwrap();
        assert_eq!(world.queries().account(&system(world), account.id).await.unwrap().as_ref(), Some(account));
    }
    let mut uow = begin_system(world).await;
    let edited = Account { status: AccountStatus::Disabled, super_admin: true, ..full.clone().edited(ambient.now()) };
    assert_eq!(uow.accounts().update(&edited, 1).await.unwrap(), AccountUpdate::Updated);
    assert_eq!(uow.accounts().find(full.id).await.unwrap(), Some(edited));
    commit(uow).await;
}

/// By address, by username without regard to case, by telephone number.
pub async fn an_account_is_found_by_each_of_its_names(world: &dyn World) {
    let account = inserted(world).await;
    let mut uow = begin_system(world).await;
    let shouted = Username::parse(&account.username.as_ref().unwrap().as_str().to_uppercase()).unwrap();
    assert_eq!(uow.accounts().find_by_email(&account.email).await.unwrap().as_ref(), Some(&account));
    assert_eq!(uow.accounts().find_by_username(&shouted).await.unwrap().as_ref(), Some(&account));
    let phone = account.phone.as_deref().unwrap();
    assert_eq!(uow.accounts().find_by_phone(phone).await.unwrap().as_ref(), Some(&account));
    assert_eq!(uow.accounts().find(world.ambient().id()).await.unwrap(), None);
    assert_eq!(uow.accounts().find_by_email(&Email::stored("nobody@nowhere")).await.unwrap(), None);
    assert_eq!(uow.accounts().find_by_phone("+10").await.unwrap(), None);
    uow.rollback().await.unwrap();
}

/// A collision writes nothing, says which value, and leaves the unit of work usable.
pub async fn a_taken_value_is_an_answer_and_the_work_goes_on(world: &dyn World) {
    let holder = inserted(world).await;
    let other = inserted(world).await;
    let mut uow = begin_system(world).await;
    let fresh = somebody(world);
    for (account, answer) in [
        (Account { email: holder.email.clone(), ..fresh.clone() }, AccountInsertion::EmailTaken),
        (Account { username: holder.username.clone(), ..fresh.clone() }, AccountInsertion::UsernameTaken),
        (Account { phone: holder.phone.clone(), ..fresh.clone() }, AccountInsertion::PhoneTaken),
    ] {
        assert_eq!(uow.accounts().insert(&account).await.unwrap(), answer);
        assert_eq!(uow.accounts().find(fresh.id).await.unwrap(), None);
    }
    for (account, answer) in [
        (Account { email: holder.email.clone(), ..other.clone() }, AccountUpdate::EmailTaken),
        (Account { username: holder.username.clone(), ..other.clone() }, AccountUpdate::UsernameTaken),
        (Account { phone: holder.phone.clone(), ..other.clone() }, AccountUpdate::PhoneTaken),
    ] {
        assert_eq!(uow.accounts().update(&account.edited(other.updated_at), 1).await.unwrap(), answer);
        assert_eq!(uow.accounts().find(other.id).await.unwrap().as_ref(), Some(&other));
    }
    assert_eq!(uow.accounts().insert(&fresh).await.unwrap(), AccountInsertion::Inserted);
    commit(uow).await;
}

/// The stale one and the absent one write nothing.
pub async fn an_update_needs_the_version_that_was_seen(world: &dyn World) {
    let account = inserted(world).await;
    let mut uow = begin_system(world).await;
    let edited = Account { program: None, ..account.clone().edited(account.updated_at) };
    assert_eq!(uow.accounts().update(&edited, 7).await.unwrap(), AccountUpdate::Stale);
    assert_eq!(uow.accounts().update(&somebody(world), 1).await.unwrap(), AccountUpdate::Stale);
    assert_eq!(uow.accounts().find(account.id).await.unwrap().as_ref(), Some(&account));
    assert_eq!(uow.accounts().update(&edited, 1).await.unwrap(), AccountUpdate::Updated);
    assert_eq!(uow.accounts().update(&edited, 1).await.unwrap(), AccountUpdate::Stale);
    commit(uow).await;
}

/// `update` leaves the hash alone; `set_password` leaves all else alone.
pub async fn a_password_is_set_apart_from_the_profile(world: &dyn World) {
    let account = inserted(world).await;
    let mut uow = begin_system(world).await;
    let stolen = Account { password_hash: Some(PasswordHash::new("x")), ..account.clone() };
    assert_eq!(uow.accounts().update(&stolen, 1).await.unwrap(), AccountUpdate::Updated);
    assert_eq!(uow.accounts().find(account.id).await.unwrap().as_ref(), Some(&account));
    for hash in [Some(PasswordHash::new("$argon2id$new")), None] {
        uow.accounts().set_password(account.id, hash.as_ref()).await.unwrap();
        let found = uow.accounts().find(account.id).await.unwrap().unwrap();
        assert_eq!(found, Account { password_hash: hash, ..account.clone() });
    }
    uow.accounts().set_password(world.ambient().id(), None).await.unwrap();
    commit(uow).await;
}
