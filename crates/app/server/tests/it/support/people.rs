//! People of a test: members with a session, made without hashing a password where the test does not need one.

use std::time::Duration;

use domicile_access::{
    AccessUows, Password, Session,
    crypto::{AccessClaims, AccessTokens, RefreshTokens},
    usecases::directory::{CreateGuest, CreateSuperAdmin, CreateUser},
};
use domicile_identity::{DerivedRefreshTokens, JwtTokens, KeyRing};
use domicile_kernel::{AccountId, HostelId, Outcome, Purpose, Role, Scope, SessionId};
use domicile_server::house::House;

use super::TestApp;

/// The password of everybody who has one.
pub(crate) const PASSWORD: &str = "Right-horse-1!";

/// Somebody with a session.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: AccountId,
    pub(crate) email: String,
    pub(crate) hostel: Option<HostelId>,
    pub(crate) session: SessionId,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

impl TestApp {
    /// A member of a hostel with a session and no password.
    pub(crate) async fn member(&self, hostel: HostelId, role: Role) -> Person {
        member_of(&self.house, hostel, role).await
    }

    /// A member of a hostel with a password and a proved address, not signed in yet.
    pub(crate) async fn member_with_password(&self, hostel: HostelId, role: Role, email: &str) -> AccountId {
        let command = CreateUser {
            email: Some(email.to_owned()),
            first_name: Some("Test".into()),
            last_name: Some("Person".into()),
            role: Some(role.as_str().into()),
            password: Some(Password::new(PASSWORD)),
            ..CreateUser::default()
        };
        self.house.directory.create_user(&self.house.operator(Scope::Hostel(hostel)), command).await.unwrap().id
    }

    /// A super_admin with a session.
    pub(crate) async fn super_admin(&self) -> Person {
        super_admin_of(&self.house).await
    }

    /// A fresh session of an account, as signing in would have made it.
    pub(crate) async fn session_of(&self, account: AccountId, email: String, hostel: Option<HostelId>) -> Person {
        session_in(&self.house, account, email, hostel).await
    }
}

/// A super_admin with a session.
pub(crate) async fn super_admin_of(house: &House) -> Person {
    let email = format!("owner-{}@test.example", house.ambient.ids.uuid().simple());
    let command = CreateSuperAdmin {
        email: Some(email.clone()),
        password: Some(Password::new(PASSWORD)),
        ..CreateSuperAdmin::default()
    };
    let call = house.operator(Scope::System(Purpose::Installation));
    let id = house.directory.create_super_admin(&call, command).await.unwrap().id;
    session_in(house, id, email, None).await
}

/// A member of a hostel with a session and no password, made in a house wherever it is served.
pub(crate) async fn member_of(house: &House, hostel: HostelId, role: Role) -> Person {
    let number = house.ambient.ids.uuid().simple().to_string();
    let email = format!("{}-{number}@test.example", role.as_str());
    let call = house.operator(Scope::Hostel(hostel));
    let id = if role == Role::Student {
        let command = CreateGuest {
            email: Some(email.clone()),
            first_name: Some("Test".into()),
            last_name: Some("Guest".into()),
        };
        house.directory.create_guest(&call, command).await.unwrap()
    } else {
        let command = CreateUser {
            email: Some(email.clone()),
            first_name: Some("Test".into()),
            last_name: Some("Person".into()),
            role: Some(role.as_str().into()),
            ..CreateUser::default()
        };
        house.directory.create_user(&call, command).await.unwrap().id
    };
    session_in(house, id, email, Some(hostel)).await
}

/// A fresh session of an account, as signing in would have made it.
pub(crate) async fn session_in(house: &House, account: AccountId, email: String, hostel: Option<HostelId>) -> Person {
    const DAY: u64 = 86_400;
    let keys = std::fs::read_to_string(house.settings.data_dir.join("keys.json")).unwrap();
    let keys = KeyRing::parse(&keys).unwrap();
    let (jwt, refresh) = (JwtTokens::new(&keys), DerivedRefreshTokens::new(&keys));
    let now = house.ambient.now();
    let id: SessionId = house.ambient.id();
    let refresh_token = refresh.derive(id, 1);
    let session = Session {
        id,
        account_id: account,
        generation: 1,
        rotated_at: now,
        token_hash: refresh.fingerprint(&refresh_token),
        created_at: now,
        last_used_at: now,
        idle_expires_at: now.plus(Duration::from_secs(7 * DAY)),
        absolute_expires_at: now.plus(Duration::from_secs(90 * DAY)),
        revoked_at: None,
        revoke_reason: None,
        device_info: None,
        ip: None,
        user_agent: None,
    };
    let call = house.operator(Scope::System(Purpose::SignIn));
    let mut uow = AccessUows::begin(&house.database, &call).await.unwrap();
    uow.sessions().insert(&session).await.unwrap();
    uow.commit(Outcome::done()).await.unwrap();
    let expires_at = now.plus(Duration::from_hours(1));
    let token = jwt.issue(&AccessClaims { account, session: id, generation: 1, issued_at: now, expires_at });
    Person { id: account, email, hostel, session: id, token, refresh_token }
}
