//! Whoever may no longer listen is not told any more: within two seconds, on whichever node they are, whatever became of the
//! wake-ups between nodes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domicile_access::{Password, usecases::directory::CreateUser};
use domicile_kernel::{HostelId, Role, Scope};
use domicile_server::house::House;
use domicile_testkit::{
    socket::{Client, Got, kind},
    store::Owner,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::crowd::Stage;
use crate::{
    process::ground::client,
    support::{
        On, PASSWORD, Person, TestApp,
        people::{member_of, session_in},
    },
};

/// How long somebody may still listen, and how long they may still ask, on any node.
const SOCKETS: Duration = Duration::from_secs(2);
const REQUESTS: Duration = Duration::from_secs(1);

/// How somebody stops being welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// They sign out.
    Logout,
    /// They change their password in another session.
    Password,
    /// They end this session from another one.
    Ended,
    /// They end all sessions but another one.
    OthersEnded,
    /// An admin deactivates the membership.
    Deactivated,
    /// A super_admin deletes the account.
    Deleted,
}

impl Way {
    const ALL: [Self; 6] =
        [Self::Logout, Self::Password, Self::Ended, Self::OthersEnded, Self::Deactivated, Self::Deleted];

    /// What the socket is closed with.
    const fn codes(self) -> &'static [u16] {
        match self {
            Self::Logout | Self::Password | Self::Ended | Self::OthersEnded => &[4_401],
            Self::Deactivated => &[4_403],
            Self::Deleted => &[4_401, 4_403],
        }
    }

    /// Whether their token still opens the house itself.
    const fn may_still_ask(self) -> bool {
        matches!(self, Self::Deactivated)
    }
}

/// A server to ask over HTTP.
struct Door {
    client: reqwest::Client,
    base: String,
}

impl Door {
    fn of(base: String) -> Self {
        Self { client: client(), base }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        person: &Person,
        hostel: HostelId,
        version: Option<i64>,
        body: &Value,
    ) -> (u16, Value) {
        let asked = self.client.request(method.clone(), format!("{}{path}", self.base)).bearer_auth(&person.token);
        let mut asked = asked.header("x-hostel-id", hostel.to_string());
        if let Some(version) = version {
            asked = asked.header("if-match", version.to_string());
        }
        if !body.is_null() {
            asked = asked.json(body);
        }
        let answer = asked.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    async fn told(
        &self,
        method: Method,
        path: &str,
        person: &Person,
        hostel: HostelId,
        version: Option<i64>,
        body: Value,
    ) {
        let (status, told) = self.ask(method, path, person, hostel, version, &body).await;
        assert_eq!(status, 200, "{path}: {told}");
    }
}

/// Who takes part.
struct Cast {
    hostel: HostelId,
    admin: Person,
    owner: Person,
}

impl Cast {
    async fn of(house: &House, hostel: HostelId, owner: Person) -> Self {
        Self { hostel, admin: member_of(house, hostel, Role::Admin).await, owner }
    }

    /// Somebody with a password and two sessions.
    async fn person(&self, house: &House, role: Role) -> [Person; 2] {
        let email = format!("{}@leaving.example", house.ambient.ids.uuid().simple());
        let command = CreateUser {
            email: Some(email.clone()),
            first_name: Some("Ama".into()),
            last_name: Some("Owusu".into()),
            role: Some(role.as_str().into()),
            password: Some(Password::new(PASSWORD)),
            ..CreateUser::default()
        };
        let id = house.directory.create_user(&house.operator(Scope::Hostel(self.hostel)), command).await.unwrap().id;
        let first = session_in(house, id, email.clone(), Some(self.hostel)).await;
        [first, session_in(house, id, email, Some(self.hostel)).await]
    }

    /// Makes it so.
    async fn end(&self, door: &Door, way: Way, person: &Person, other: &Person) {
        let (hostel, path) = (self.hostel, format!("/api/users/{}", person.id));
        match way {
            Way::Logout => door.told(Method::POST, "/api/auth/logout", person, hostel, None, json!({})).await,
            Way::Password => {
                let body = json!({ "current_password": PASSWORD, "new_password": "Another-horse-2!" });
                door.told(Method::PUT, "/api/auth/password", other, hostel, None, body).await;
            }
            Way::Ended => {
                let path = format!("/api/auth/sessions/{}", person.session);
                door.told(Method::DELETE, &path, other, hostel, None, Value::Null).await;
            }
            Way::OthersEnded => door.told(Method::DELETE, "/api/auth/sessions", other, hostel, None, Value::Null).await,
            Way::Deactivated => {
                let body = json!({ "status": "deactivated" });
                door.told(Method::PUT, &path, &self.admin, hostel, Some(1), body).await;
            }
            Way::Deleted => door.told(Method::DELETE, &path, &self.owner, hostel, Some(1), Value::Null).await,
        }
    }

    async fn room(&self, door: &Door, name: &str) {
        let (status, told) = door
            .ask(Method::POST, "/api/rooms", &self.admin, self.hostel, None, &crate::process::ground::room(name))
            .await;
        assert_eq!(status, 201, "{told}");
    }
}

/// A socket of theirs and one of somebody else, both at a node; then they stop being welcome at another (or the same) one.
async fn is_closed(house: &House, cast: &Cast, here: &Door, there: &Door, way: Way) -> Duration {
    let [person, other] = cast.person(house, Role::Student).await;
    let bystander = member_of(house, cast.hostel, Role::Student).await;
    let hostel = cast.hostel.to_string();
    let mut socket = Client::enter(&there.base, &person.token, &hostel).await;
    let mut stays = Client::enter(&there.base, &bystander.token, &hostel).await;
    assert_eq!(there.ask(Method::GET, "/api/auth/me", &person, cast.hostel, None, &Value::Null).await.0, 200);

    cast.end(here, way, &person, &other).await;
    let ended = Instant::now();
    let asking = async {
        while there.ask(Method::GET, "/api/auth/me", &person, cast.hostel, None, &Value::Null).await.0 == 200 {
            assert!(ended.elapsed() < REQUESTS, "{way:?}: they may still ask");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(way.may_still_ask() || ended.elapsed() < REQUESTS, "{way:?}: they could ask for {:?}", ended.elapsed());
    };
    let listening = async {
        let (code, reason) = socket.closed_in(SOCKETS).await;
        assert!(way.codes().contains(&code), "{way:?}: {code} {reason}");
        assert!(!reason.is_empty());
        ended.elapsed()
    };
    let (took, ()) = tokio::join!(listening, asking);
    // What happens now is told to those who stay, and there is no socket of theirs any more that could hear it.
    let name = format!("After {way:?} at {}", there.base);
    cast.room(here, &name).await;
    stays.until(|event| event["data"]["name"] == name).await;
    assert!(matches!(socket.within(Duration::from_millis(100)).await, None | Some(Got::Gone)));
    // Nor do they come in again.
    let mut again = Client::connect(&there.base).await;
    again.send(&domicile_testkit::socket::auth(&person.token, &hostel, None)).await;
    assert!(way.codes().contains(&again.closed().await.0));
    took
}

/// A manager who is made a student hears what students hear, two seconds later at the latest.
async fn is_demoted(house: &House, cast: &Cast, here: &Door, there: &Door) {
    let [person, _other] = cast.person(house, Role::Manager).await;
    let mut socket = Client::enter(&there.base, &person.token, &cast.hostel.to_string()).await;
    let created = async |name: &str| {
        // Told to who may read every user: managers, no students.
        let body = json!({ "email": format!("{name}@new.example"), "first_name": "Esi", "last_name": "Mensah", "role": "staff" });
        let (status, told) = here.ask(Method::POST, "/api/users", &cast.admin, cast.hostel, None, &body).await;
        assert_eq!(status, 201, "{told}");
        told["data"]["id"].clone()
    };
    let before = created(&format!("before-{}", house.ambient.ids.uuid().simple())).await;
    socket.until(|event| kind(event) == "user.created" && event["data"]["id"] == before).await;
    let path = format!("/api/users/{}", person.id);
    let body = json!({ "role": "student" });
    here.told(Method::PUT, &path, &cast.admin, cast.hostel, Some(1), body).await;
    tokio::time::sleep(SOCKETS).await;
    let after = created(&format!("after-{}", house.ambient.ids.uuid().simple())).await;
    let name = format!("After the demotion {}", house.ambient.ids.uuid().simple());
    cast.room(here, &name).await;
    let mut behind = Vec::new();
    loop {
        match socket.next().await {
            Got::Message(message) if message["data"]["name"] == name => break,
            Got::Message(message) => behind.push(message),
            Got::Ping => {}
            // Sent away to come back with their new rights: right as well.
            Got::Closed(4_401 | 4_403, _) => return,
            end => panic!("{end:?}"),
        }
    }
    let told = behind.iter().any(|event| event["data"]["id"] == after);
    assert!(!told, "a student hears what managers hear: {behind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_longer_welcome_is_told_nothing_more() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let cast = Cast::of(&app.house, hostel, app.super_admin().await).await;
    let door = Door::of(app.base.clone());
    for way in Way::ALL {
        let took = is_closed(&app.house, &cast, &door, &door, way).await;
        println!("{way:?}: closed after {took:?}");
    }
    is_demoted(&app.house, &cast, &door, &door).await;
    drop(door);
    app.end().await;
}

/// Ends the connections by which nodes hear each other's wake-ups, again and again, until dropped.
struct Deafener {
    task: tokio::task::JoinHandle<()>,
    ended: Arc<AtomicUsize>,
}

impl Deafener {
    async fn over(url: &str) -> Self {
        const LISTENERS: &str = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                                 WHERE datname = current_database() AND query LIKE 'LISTEN%') AS ended";
        let mut owner = Owner::connect(url).await;
        let ended = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ended);
        let task = tokio::spawn(async move {
            loop {
                counted.fetch_add(owner.number(LISTENERS).await as usize, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Self { task, ended }
    }
}

impl Drop for Deafener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_node_tells_them_nothing_more_either_with_every_wake_up_dead() {
    let stage = Stage::on(On::Postgres).await;
    let second = stage.second_node();
    let owner = crate::support::people::super_admin_of(&stage.office).await;
    let cast = Cast::of(&stage.office, stage.hostel, owner).await;
    let (here, there) = (Door::of(stage.node.base_url()), Door::of(second.base_url()));
    let deafener = Deafener::over(&stage.ground.url()).await;
    for way in Way::ALL {
        let took = is_closed(&stage.office, &cast, &here, &there, way).await;
        println!("{way:?}: closed on the other node after {took:?}");
    }
    is_demoted(&stage.office, &cast, &here, &there).await;
    let deaf = deafener.ended.load(Ordering::SeqCst);
    println!("{deaf} listening connections were ended meanwhile");
    assert!(deaf >= 2, "nobody was listening: the wake-ups were not dead");
}

/// Somebody's session is ended in the table alone: no event, no wake-up, nothing but that every node asks for itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_without_any_event_is_refused_and_its_sockets_closed_on_every_node() {
    let stage = Stage::on(On::Postgres).await;
    let second = stage.second_node();
    let (person, stays) = (stage.member(Role::Student).await, stage.member(Role::Student).await);
    let hostel = stage.hostel.to_string();
    stage.settled().await;
    let doors = [Door::of(stage.node.base_url()), Door::of(second.base_url())];
    let (mut theirs, mut others) = (Vec::new(), Vec::new());
    for door in &doors {
        theirs.push(Client::enter(&door.base, &person.token, &hostel).await);
        others.push(Client::enter(&door.base, &stays.token, &hostel).await);
        assert_eq!(door.ask(Method::GET, "/api/auth/me", &person, stage.hostel, None, &Value::Null).await.0, 200);
    }
    let mut owner = stage.ground.owner().await;
    let logged = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM outbox)";
    let before = owner.number(logged).await;
    let (now, session) = (stage.office.ambient.now().micros(), owner.id(person.session.uuid()));
    let sql = format!("UPDATE sessions SET revoked_at = {now}, revoke_reason = 'signed_out' WHERE id = {session}");
    assert_eq!(owner.run(sql).await, 1);
    let ended = Instant::now();
    let asking = futures_util::future::join_all(doors.iter().map(async |door| {
        while door.ask(Method::GET, "/api/auth/me", &person, stage.hostel, None, &Value::Null).await.0 != 401 {
            assert!(ended.elapsed() < REQUESTS, "they may still ask {}", door.base);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }));
    let listening = futures_util::future::join_all(theirs.iter_mut().map(async |socket| {
        let (code, reason) = socket.closed_in(SOCKETS).await;
        assert_eq!(code, 4_401, "{reason}");
        ended.elapsed()
    }));
    let (took, _refused) = tokio::join!(listening, asking);
    println!("ended in the table alone: closed after {took:?}");
    assert_eq!(owner.number(logged).await, before, "there was an event of it: this proves nothing");
    for (door, socket) in doors.iter().zip(&mut others) {
        assert_eq!(door.ask(Method::GET, "/api/auth/me", &stays, stage.hostel, None, &Value::Null).await.0, 200);
        assert!(!matches!(socket.within(Duration::from_millis(50)).await, Some(Got::Closed(..) | Got::Gone)));
    }
}
