//! A second server over the same database and data folder, to be beside the first or, with nothing running in the
//! background, to have its round trips counted.

use std::{net::TcpListener, time::Duration};

use actix_web::dev::ServerHandle;
use domicile_cache::StandingLimits;
use domicile_http::AppState;
use domicile_kernel::{Ambient, Clock};
use domicile_server::{house::House, serve::Backstage, system};
use reqwest::Method;

use crate::support::{Asked, Person, TestApp, Told};

pub(crate) struct Node {
    pub(crate) house: Box<House>,
    base: String,
    client: reqwest::Client,
    server: ServerHandle,
    backstage: Option<Backstage>,
}

impl Node {
    /// With everything that runs beside requests.
    pub(crate) async fn beside(app: &TestApp) -> Self {
        Self::open(app, true, |_state| ()).await
    }

    /// Without: nobody asks the database but requests.
    pub(crate) async fn quiet(app: &TestApp) -> Self {
        Self::quiet_with(app, |_state| ()).await
    }

    /// The same with other parts in the HTTP adapter: its cache is outdated by its own writes, and only by them.
    pub(crate) async fn quiet_with(app: &TestApp, change: impl FnOnce(&mut AppState)) -> Self {
        Self::open(app, false, change).await
    }

    async fn open(app: &TestApp, live: bool, change: impl FnOnce(&mut AppState)) -> Self {
        let ambient = Ambient { clock: app.clock.clone() as std::sync::Arc<dyn Clock>, ..system::ambient() };
        let house = Box::new(Box::pin(House::open(app.house.settings.clone(), ambient)).await.unwrap());
        let (backstage, mut front) = Backstage::start(&house).await.unwrap();
        let backstage = if live {
            Some(backstage)
        } else {
            backstage.end(Duration::from_millis(500)).await;
            // Its last look at what other nodes ended is trusted for a while, in which letting somebody in costs nothing.
            // After that each request asks, the first like the last: only then are round trips worth comparing.
            tokio::time::sleep(StandingLimits::default().trusted + Duration::from_millis(1)).await;
            None
        };
        change(&mut front.state);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = domicile_http::serve(listener, 2, front.state).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        Self { house, base, client: reqwest::Client::new(), server: handle, backstage }
    }

    pub(crate) async fn get(&self, path: &str, person: &Person) -> Told {
        self.ask(Method::GET, path).by(person).told().await
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Asked {
        Asked(self.client.request(method, format!("{}{path}", self.base)))
    }

    pub(crate) async fn end(mut self) {
        self.client = reqwest::Client::new();
        self.server.stop(true).await;
        if let Some(backstage) = self.backstage.take() {
            backstage.end(Duration::from_secs(5)).await;
        }
        self.house.database.close().await;
    }
}
