//! Many people, many sockets, many events: where they come from, and what somebody may see of a log, read past all code.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domicile_kernel::{AccountId, HostelId, Purpose, Role, Scope};
use domicile_server::{
    cli::{Common, Serve},
    house::House,
    settings::Settings,
    system,
};
use domicile_tenancy::CreateHostel;
use domicile_testkit::{
    process::{Launch, Node},
    socket::{Client, kind},
    store::Owner,
};
use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    process::ground::{Ground, start},
    support::{
        On, Person,
        people::{member_of, session_in},
    },
};

/// How many sockets may be on their way in at once: an address has a bound on those that have not signed in.
const ENTERING: usize = 40;

/// How many sockets an account may have.
pub(crate) const SOCKETS_PER_ACCOUNT: usize = 20;

/// A node of its own with one hostel, and its use cases in the test's process: what is done by them does not need the node.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) office: House,
    pub(crate) hostel: HostelId,
    pub(crate) ground: Ground,
}

impl Stage {
    /// On a database.
    pub(crate) async fn on(on: On) -> Self {
        Self::over(Ground::on(on).await).await
    }

    /// On a data folder and a database that are there.
    pub(crate) async fn over(ground: Ground) -> Self {
        let office = office(&ground).await;
        let hostel = hostel(&office, "Volta Hall").await;
        let node = start(launch(&ground));
        Self { node, office, hostel, ground }
    }

    /// Another node on the same database, with the same keys.
    pub(crate) fn second_node(&self) -> Node {
        let launch = domicile_testkit::process::Binary::dev().serve();
        let launch = launch.data_dir(self.ground.folder.path().join("second"));
        let launch = launch.env("DOMICILE_KEYS__RING_FILE", self.ground.data().join("keys.json"));
        start(unlimited(launch).arg("--database").arg(self.ground.url()))
    }

    /// A member with a session.
    pub(crate) async fn member(&self, role: Role) -> Person {
        member_of(&self.office, self.hostel, role).await
    }

    /// So many students.
    pub(crate) async fn students(&self, count: usize) -> Vec<Person> {
        let mut people = Vec::with_capacity(count);
        for _ in 0..count {
            people.push(self.member(Role::Student).await);
        }
        people
    }

    /// Another session of somebody.
    pub(crate) async fn again(&self, person: &Person) -> Person {
        session_in(&self.office, person.id, person.email.clone(), person.hostel).await
    }

    /// Waits until everything committed is in the log.
    pub(crate) async fn settled(&self) {
        settled(&mut self.ground.owner().await).await;
    }
}

/// A `serve` without limits on requests: a test asks more often than a person.
pub(crate) fn unlimited(launch: Launch) -> Launch {
    // One arena: how much the system's allocator keeps for itself otherwise depends on which threads met.
    let launch = launch.env("MALLOC_ARENA_MAX", "1");
    launch.env("DOMICILE_RATE_LIMITS__ENABLED", "false")
}

/// A `serve` on a ground, about to be started.
pub(crate) fn launch(ground: &Ground) -> Launch {
    unlimited(ground.launch())
}

/// The use cases over a ground, without a server; makes the keys and the schema when they are not there.
pub(crate) async fn office(ground: &Ground) -> House {
    let common =
        Common { data_dir: Some(ground.data()), database: Some(ground.url()), profile: Some("local".to_owned()) };
    let mut settings = Settings::load(&Serve { common, ..Serve::default() }).unwrap();
    settings.connections = 4;
    House::open(settings, system::ambient()).await.unwrap()
}

/// A hostel.
pub(crate) async fn hostel(office: &House, name: &str) -> HostelId {
    let command = CreateHostel { name: Some(name.to_owned()), ..CreateHostel::default() };
    let call = office.operator(Scope::System(Purpose::Installation));
    office.tenancy.create_hostel(&call, command).await.unwrap().id
}

/// Waits until everything committed is in the log.
pub(crate) async fn settled(owner: &mut Owner) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while owner.number("SELECT count(*) FROM outbox").await > 0 {
        assert!(Instant::now() < deadline, "events wait for a relay");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The last `seq` of a hostel.
pub(crate) async fn head(owner: &mut Owner, hostel: HostelId) -> i64 {
    let hostel = owner.id(hostel.uuid());
    owner.number(format!("SELECT COALESCE(max(seq), 0) FROM events WHERE hostel_id = {hostel}")).await
}

/// A run of events, as some use case would have committed them all at once.
pub(crate) struct Run<'a> {
    pub(crate) hostel: HostelId,
    pub(crate) kind: &'a str,
    /// As the outbox keeps it.
    pub(crate) audience: String,
    /// `data.n` counts from this one up to, not including, the other.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// How long `data.pad` is.
    pub(crate) pad: usize,
}

/// Puts events into the outbox, past all code; the node's relay finds them by its poll.
pub(crate) async fn commit(owner: &mut Owner, run: Run<'_>) {
    let hostel = owner.id(run.hostel.uuid());
    let now = system::ambient().now().micros();
    let (kind, audience, from, to, pad) = (run.kind, run.audience, run.from, run.to, run.pad);
    let columns = "event_id, hostel_id, kind, version, audience, aggregate, aggregate_id, aggregate_version, actor, at, \
                   request_id, data";
    let same = format!("{hostel}, '{kind}', 1, '{audience}', 'room'");
    let sql = match owner {
        Owner::Postgres(_) => format!(
            "INSERT INTO outbox ({columns}) SELECT gen_random_uuid(), {same}, gen_random_uuid(), 1, 'operator', {now}, \
             'test', jsonb_build_object('n', n, 'pad', repeat('x', {pad})) FROM generate_series({from}, {to} - 1) AS n \
             ORDER BY n"
        ),
        Owner::Sqlite(_) => format!(
            "WITH RECURSIVE numbers (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {to}) \
             INSERT INTO outbox ({columns}) SELECT randomblob(16), {same}, randomblob(16), 1, 'operator', {now}, 'test', \
             json_object('n', n, 'pad', '{}') FROM numbers",
            "x".repeat(pad)
        ),
    };
    assert_eq!(owner.run(sql).await as usize, to - from);
}

/// One event, as somebody sees it or should.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) seq: i64,
    pub(crate) kind: String,
    /// `data.n`, where the event is of a [`Run`].
    pub(crate) n: String,
}

impl Seen {
    /// What came over a socket; nothing for what is no event of the log.
    pub(crate) fn of(message: &Value) -> Option<Self> {
        let n = &message["data"]["n"];
        let n = if n.is_null() { String::new() } else { n.to_string() };
        seq(message).map(|seq| Self { seq, kind: kind(message).to_owned(), n })
    }
}

/// What the log holds that somebody may see: read past all code, and decided by the words of the audience alone. `holds` are
/// the permissions of their role that an audience can name.
pub(crate) async fn visible(
    owner: &mut Owner,
    hostel: HostelId,
    after: i64,
    who: AccountId,
    holds: &[&str],
) -> Vec<Seen> {
    let hostel = owner.id(hostel.uuid());
    let sql = format!(
        "SELECT CAST(seq AS TEXT), kind, audience, CAST(data ->> 'n' AS TEXT) FROM events WHERE hostel_id = {hostel} AND \
         seq > {after} ORDER BY events.seq"
    );
    let rows = owner.texts(sql).await;
    let (own, private) = (format!("account:{who}"), format!("person:{who}:"));
    let mine = |kind: &str, audience: &str| {
        let held = |permission: &&str| {
            audience == format!("permission:{permission}")
                || (audience.starts_with("person:") && audience.ends_with(&format!(":{permission}")))
        };
        let told = audience == "hostel" || audience == own || audience.starts_with(&private);
        kind != "session.revoked" && (told || holds.iter().any(held))
    };
    rows.into_iter()
        .filter(|row| mine(&row[1], &row[2]))
        .map(|row| Seen { seq: row[0].parse().unwrap(), kind: row[1].clone(), n: row[3].clone() })
        .collect()
}

/// What a manager holds, of that which audiences name.
pub(crate) const MANAGER: &[&str] = &["bookings:read:all", "users:read:all"];

/// An event's place in its hostel's log; none for what is no event of the log.
pub(crate) fn seq(message: &Value) -> Option<i64> {
    (!matches!(kind(message), "auth_success" | "live" | "resync")).then(|| message["seq"].as_i64()).flatten()
}

/// So many sockets of people in a hostel, each person with as many as they may have; all are in when it answers.
pub(crate) async fn enter(base: &str, hostel: HostelId, people: &[Person], count: usize) -> Vec<Client> {
    assert!(count <= people.len() * SOCKETS_PER_ACCOUNT, "more sockets than these people may have");
    let gate = Arc::new(Semaphore::new(ENTERING));
    let mut entering = JoinSet::new();
    for number in 0..count {
        let (base, token, hostel) = (base.to_owned(), people[number % people.len()].token.clone(), hostel.to_string());
        let gate = Arc::clone(&gate);
        entering.spawn(async move {
            let _place = gate.acquire().await.unwrap();
            Client::enter(&base, &token, &hostel).await
        });
    }
    entering.join_all().await
}

/// Reads events of the log until one fits; answers their places and all of them. Everything else but events is passed over.
pub(crate) async fn events_until(
    client: &mut Client,
    patience: Duration,
    mut fits: impl FnMut(&Value) -> bool,
) -> Vec<Value> {
    let came = client.until_in(patience, |message| seq(message).is_some() && fits(message)).await;
    came.into_iter().filter(|message| seq(message).is_some()).collect()
}

/// Anonymous memory that a process holds, in KiB.
pub(crate) fn memory(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}
