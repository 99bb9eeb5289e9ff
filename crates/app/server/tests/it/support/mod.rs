//! The whole application in the test's process, on a port of its own, over a throw-away database, with a clock that stands
//! still until the test moves it. What a test sees is what a client sees: HTTP.

mod dice;
mod kept;
pub(crate) mod people;
mod records;
mod stays;
mod wire;

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::dev::ServerHandle;
use domicile_db::schema;
use domicile_http::AppState;
use domicile_kernel::{Ambient, Clock, HostelId, Purpose, Scope, ports::fixed::FixedClock};
use domicile_server::{
    cli::{Common, Serve},
    house::House,
    serve::Backstage,
    settings::Settings,
    system,
};
use domicile_tenancy::CreateHostel;
use domicile_testkit::{postgres, store::Owner};
use tempfile::TempDir;

pub(crate) use dice::Dice;
#[allow(unused_imports, reason = "not every test binary that shares this module keeps an application")]
pub(crate) use kept::Kept;
pub(crate) use people::{PASSWORD, Person};
pub(crate) use stays::{Place, deadlocks, month, stay};
pub(crate) use wire::{Asked, Told};

/// When the clock stands still, unless the test moves it.
pub(crate) const NOW: &str = "2026-01-20T10:30:00Z";

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Sqlite,
    Postgres,
}

/// The application.
pub(crate) struct TestApp {
    /// Where it answers.
    pub(crate) base: String,
    /// Everything behind it.
    /// On the heap: every test holds it across its awaits.
    pub(crate) house: Box<House>,
    /// Its clock.
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) client: reqwest::Client,
    url: String,
    backstage: Option<Backstage>,
    server: ServerHandle,
    folder: TempDir,
    database: Option<postgres::Database>,
}

impl TestApp {
    /// Starts on SQLite.
    pub(crate) async fn sqlite() -> Self {
        Self::start(On::Sqlite).await
    }

    /// Starts on PostgreSQL.
    pub(crate) async fn postgres() -> Self {
        Self::start(On::Postgres).await
    }

    pub(crate) async fn start(on: On) -> Self {
        Self::start_with(on, |_state| ()).await
    }

    /// Starts with other parts in the HTTP adapter than the house gives it.
    pub(crate) async fn start_with(on: On, change: impl FnOnce(&mut AppState)) -> Self {
        Self::start_as(on, |_settings| (), change).await
    }

    /// Starts with other settings than the usual ones.
    #[allow(dead_code, reason = "not every test binary that shares this module has settings of its own")]
    pub(crate) async fn start_with_settings(on: On, configure: impl FnOnce(&mut Settings)) -> Self {
        Self::start_as(on, configure, |_state| ()).await
    }

    async fn start_as(on: On, configure: impl FnOnce(&mut Settings), change: impl FnOnce(&mut AppState)) -> Self {
        let folder = TempDir::with_prefix("domicile-app-").unwrap();
        let (url, database) = match on {
            On::Sqlite => (format!("sqlite://{}", folder.path().join("domicile.db").display()), None),
            On::Postgres => {
                let cluster = postgres::Cluster::shared();
                let database =
                    postgres::Database::create(&cluster, &domicile_migration::fingerprint(), |url| async move {
                        schema::migrate(&url).await.map(|_applied| ())
                    })
                    .await;
                (database.url(), Some(database))
            }
        };
        let clock = FixedClock::at(NOW);
        let common = Common {
            data_dir: Some(folder.path().join("data")),
            database: Some(url.clone()),
            profile: Some("local".to_owned()),
        };
        let mut settings = Settings::load(&Serve { common, ..Serve::default() }).unwrap();
        // Tests ask more often than a person does; those of the limits switch them on.
        settings.rate_limits.enabled = false;
        configure(&mut settings);
        let (house, backstage, server, base) = open(settings, &clock, change).await;
        let client = client();
        Self { base, house, clock, client, url, backstage: Some(backstage), server, folder, database }
    }

    /// The same after a restart: over the same database and data folder, with the same clock, on another port.
    pub(crate) async fn restarted(mut self) -> Self {
        self.close().await;
        let (house, backstage, server, base) = open(self.house.settings.clone(), &self.clock, |_state| ()).await;
        self.house = house;
        self.backstage = Some(backstage);
        self.server = server;
        self.base = base;
        self
    }

    /// A hostel with the usual settings.
    pub(crate) async fn hostel(&self, name: &str) -> HostelId {
        let call = self.house.operator(Scope::System(Purpose::Installation));
        let command = CreateHostel { name: Some(name.to_owned()), ..CreateHostel::default() };
        self.house.tenancy.create_hostel(&call, command).await.unwrap().id
    }

    /// The database past the adapter, for a look at what is stored.
    pub(crate) async fn owner(&self) -> Owner {
        Owner::connect(&self.url).await
    }

    /// Waits until every committed event is in the log and every audit row is sealed.
    pub(crate) async fn settle(&self) {
        for _ in 0..200 {
            let batch = self.house.database.relay_all(self.house.seal.as_ref()).await.unwrap();
            if !batch.busy {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the relay never came to rest");
    }

    /// Ends it in order.
    pub(crate) async fn end(mut self) {
        self.close().await;
    }

    async fn close(&mut self) {
        // Connections that are kept for later would be waited for.
        self.client = client();
        self.server.stop(true).await;
        if let Some(backstage) = self.backstage.take() {
            backstage.end(Duration::from_secs(5)).await;
        }
        self.house.database.close().await;
    }
}

/// Opens the house and serves it on a port of its own.
async fn open(
    settings: Settings,
    clock: &Arc<FixedClock>,
    change: impl FnOnce(&mut AppState),
) -> (Box<House>, Backstage, ServerHandle, String) {
    let ambient = Ambient { clock: clock.clone() as Arc<dyn Clock>, ..system::ambient() };
    let house = Box::new(Box::pin(House::open(settings, ambient)).await.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    house.payments.here.listens_on(address);
    let (backstage, mut front) = Backstage::start(&house).await.unwrap();
    change(&mut front.state);
    let base = format!("http://{address}");
    let server = domicile_http::serve(listener, 2, front.state).unwrap();
    let handle = server.handle();
    tokio::spawn(server);
    (house, backstage, handle, base)
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().pool_max_idle_per_host(256).timeout(Duration::from_mins(1)).build().unwrap()
}
