//! Where a node stands: a data folder and a database that outlive it, and somebody who talks to it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "set-up of tests: a failure is a panic")]

use std::{fs, path::PathBuf, time::Duration};

use domicile_db::schema;
use domicile_testkit::{
    postgres::{Cluster, Database},
    process::{Binary, Launch, Node},
    store::Owner,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::On;

/// A data folder and a database.
pub(crate) struct Ground {
    pub(crate) folder: TempDir,
    database: Option<Database>,
}

impl Ground {
    /// Nothing yet on SQLite; on PostgreSQL, a database of the cluster that all tests share.
    pub(crate) async fn on(on: On) -> Self {
        let folder = TempDir::with_prefix("domicile-node-").unwrap();
        match on {
            On::Sqlite => Self { folder, database: None },
            On::Postgres => Self::over(&tokio::task::block_in_place(Cluster::shared), folder).await,
        }
    }

    /// On a database of a certain cluster.
    pub(crate) async fn over(cluster: &Cluster, folder: TempDir) -> Self {
        let database = Database::create(cluster, &domicile_migration::fingerprint(), |url| async move {
            schema::migrate(&url).await.map(|_applied| ())
        })
        .await;
        Self { folder, database: Some(database) }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A `serve` here, about to be started.
    pub(crate) fn launch(&self) -> Launch {
        // Storms and drains ask more often than a person may.
        let launch = Binary::dev().serve().data_dir(self.data()).env("DOMICILE_RATE_LIMITS__ENABLED", "false");
        match &self.database {
            Some(database) => launch.arg("--database").arg(database.url()),
            None => launch,
        }
    }

    /// A running node.
    pub(crate) fn start(&self) -> Node {
        start(self.launch())
    }

    /// What the demo of an earlier start left here.
    pub(crate) fn demo(&self) -> Value {
        serde_json::from_slice(&fs::read(self.data().join("demo.json")).unwrap()).unwrap()
    }

    /// The database's address.
    pub(crate) fn url(&self) -> String {
        match &self.database {
            Some(database) => database.url(),
            None => format!("sqlite://{}", self.data().join("domicile.db").display()),
        }
    }

    /// The database past the adapter.
    pub(crate) async fn owner(&self) -> Owner {
        Owner::connect(&self.url()).await
    }
}

/// Starts a node from within a test's runtime.
pub(crate) fn start(launch: Launch) -> Node {
    tokio::task::block_in_place(|| launch.start())
}

/// A client that does not wait for ever.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}

/// Signs in and answers the whole answer's data.
pub(crate) async fn sign_in(base: &str, email: &str, password: &str) -> Value {
    let body = json!({ "identifier": email, "password": password });
    let answer = client().post(format!("{base}/api/auth/login")).json(&body).send().await.unwrap();
    let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{email} cannot sign in: {text}");
    serde_json::from_str::<Value>(&text).unwrap()["data"].take()
}

/// Somebody signed in, in a hostel.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    client: reqwest::Client,
    pub(crate) base: String,
    pub(crate) token: String,
    pub(crate) hostel: String,
}

impl Visitor {
    /// The demo's account of this role in its first hostel.
    pub(crate) async fn of_demo(demo: &Value, base: &str, role: &str) -> Self {
        let hostel = demo["hostels"][0]["id"].as_str().unwrap();
        let account =
            demo["accounts"].as_array().unwrap().iter().find(|a| a["role"] == role && a["hostel_id"] == hostel);
        Self::signed_in(base, hostel, account.unwrap()).await
    }

    /// The demo's account of this address in its first hostel.
    pub(crate) async fn known(demo: &Value, base: &str, email: &str) -> Self {
        let hostel = demo["hostels"][0]["id"].as_str().unwrap();
        let account = demo["accounts"].as_array().unwrap().iter().find(|a| a["email"] == email).unwrap();
        Self::signed_in(base, hostel, account).await
    }

    async fn signed_in(base: &str, hostel: &str, account: &Value) -> Self {
        let (email, password) = (account["email"].as_str().unwrap(), account["password"].as_str().unwrap());
        let signed_in = sign_in(base, email, password).await;
        Self {
            client: client(),
            base: base.to_owned(),
            token: signed_in["access_token"].as_str().unwrap().to_owned(),
            hostel: hostel.to_owned(),
        }
    }

    /// The same person at another node.
    pub(crate) fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), client: client(), ..self.clone() }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let asked = self.client.request(method, format!("{}{path}", self.base));
        asked.bearer_auth(&self.token).header("x-hostel-id", &self.hostel)
    }

    /// Status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        told(self.ask(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        told(self.ask(Method::POST, path).json(body)).await
    }

    /// The names of the hostel's rooms, newest first, as the cached list tells them.
    pub(crate) async fn rooms(&self) -> Vec<String> {
        let (status, list) = self.get("/api/rooms?limit=100&sort=-created_at").await;
        assert_eq!(status, 200, "{list}");
        list["data"].as_array().unwrap().iter().map(|room| room["name"].as_str().unwrap().to_owned()).collect()
    }
}

async fn told(asked: RequestBuilder) -> (u16, Value) {
    let answer = asked.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

/// A room's creation.
pub(crate) fn room(name: &str) -> Value {
    json!({
        "name": name, "room_type": "single", "bed_count": 1,
        "monthly_price": { "amount_minor": 50_000, "currency": "GHS" },
    })
}
