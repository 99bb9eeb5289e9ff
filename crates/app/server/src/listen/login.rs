//! Who listens: a token that was given, or a login that keeps its session alive.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{End, before};
use crate::{
    cli::Listen,
    commands::{ask_password, read_password},
};

/// Where the server answers.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// `http://host:port`.
    pub(super) base: String,
    /// `host:port`.
    pub(super) authority: String,
    client: reqwest::Client,
}

/// What is shown at the socket's door.
pub(super) enum Login {
    /// A token, as it was given: when it ends, so does listening.
    Token(String),
    /// A session of our own.
    Session(Session),
}

/// The two tokens of a session. Neither is ever printed.
pub(super) struct Session {
    access: String,
    refresh: String,
    /// When a new pair is asked for: before this one ends.
    renew_at: Instant,
}

/// Where nobody says otherwise.
const USUAL: &str = "http://127.0.0.1:8080";

impl Server {
    fn at(base: &str) -> anyhow::Result<Self> {
        let base = base.trim_end_matches('/');
        let Some(authority) = base.strip_prefix("http://").or_else(|| base.strip_prefix("ws://")) else {
            bail!("{base} is no plain http:// address, and listen speaks no TLS: talk to the server beside its proxy");
        };
        if authority.is_empty() || authority.contains(['/', '@', '?', '#']) {
            bail!("{base} is no address; write it like {USUAL}");
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let client = reqwest::Client::builder().timeout(Duration::from_secs(15)).build()?;
        Ok(Self { base: format!("http://{authority}"), authority, client })
    }

    /// Asks the API; the `data` of its answer, or what it says when it refuses.
    async fn post(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        let url = format!("{}/api/v1{path}", self.base);
        let gone = |error: reqwest::Error| Refused::Unreachable(error.without_url().to_string());
        let answer = self.client.post(url).json(body).send().await.map_err(gone)?;
        let status = answer.status();
        let mut told: Value = answer.json().await.map_err(gone)?;
        if status.is_success() {
            return Ok(told.get_mut("data").map(Value::take).unwrap_or_default());
        }
        let message = told.get("message").and_then(Value::as_str).unwrap_or("it does not say why");
        // What a server says is not believed to be harmless to a terminal.
        let message = super::line::plain(message);
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(Refused::Unreachable(message));
        }
        Err(Refused::Told(message))
    }
}

/// Why the API gave nothing.
enum Refused {
    /// It may later.
    Unreachable(String),
    /// It will not.
    Told(String),
}

impl From<Refused> for anyhow::Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unreachable(why) => anyhow::anyhow!("the server cannot be asked: {why}"),
            Refused::Told(why) => anyhow::anyhow!("the server refuses: {why}"),
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Session {
    fn of(tokens: &Value) -> Self {
        let lives = tokens.get("expires_in").and_then(Value::as_u64).unwrap_or(3_600).min(86_400);
        let lives = Duration::from_secs(lives);
        Self {
            access: text(tokens, "access_token").to_owned(),
            refresh: text(tokens, "refresh_token").to_owned(),
            renew_at: before(lives),
        }
    }
}

impl Login {
    /// The token to show.
    pub(super) fn token(&self) -> &str {
        match self {
            Self::Token(token) => token,
            Self::Session(session) => &session.access,
        }
    }

    /// When the token must be renewed, if it can be.
    pub(super) fn renew_at(&self) -> Option<Instant> {
        match self {
            Self::Token(_) => None,
            Self::Session(session) => Some(session.renew_at),
        }
    }

    /// The token did not count. Whether another can be had.
    pub(super) fn worn_out(&mut self) -> bool {
        match self {
            Self::Token(_) => false,
            Self::Session(session) => {
                session.renew_at = Instant::now();
                true
            }
        }
    }

    /// Gets a new pair when it is time.
    pub(super) async fn freshen(&mut self, server: &Server) -> Result<(), End> {
        let Self::Session(session) = self else { return Ok(()) };
        if Instant::now() < session.renew_at {
            return Ok(());
        }
        match server.post("/auth/refresh-token", &json!({ "refresh_token": session.refresh })).await {
            Ok(tokens) => {
                *session = Session::of(&tokens);
                Ok(())
            }
            Err(Refused::Unreachable(why)) => Err(End::Again(format!("the token could not be renewed ({why})"))),
            Err(Refused::Told(why)) => Err(End::Never(format!("the session is over ({why}); sign in again"))),
        }
    }
}

/// Where, as whom and in which hostel, from what was said on the command line.
pub(super) async fn resolve(flags: &Listen) -> anyhow::Result<(Server, Login, String)> {
    let demo = match &flags.demo {
        Some(who) => Some(Demo::read(flags.data_dir.as_deref().unwrap_or(Path::new("data")), who)?),
        None => None,
    };
    let base = flags.url.clone().or_else(|| demo.as_ref().map(|demo| demo.base.clone()));
    let server = Server::at(base.as_deref().unwrap_or(USUAL))?;
    if let Some(token) = &flags.token {
        let hostel = flags.hostel.clone().context("say which hostel, by --hostel")?;
        let token = token.strip_prefix("Bearer ").unwrap_or(token).trim().to_owned();
        return Ok((server, Login::Token(token), hostel));
    }
    let (email, password, demo_hostel) = match (demo, &flags.email) {
        (Some(demo), _) => (demo.email, demo.password, demo.hostel),
        (None, Some(email)) => {
            let password = if flags.password_stdin { read_password()? } else { ask_password()? };
            (email.clone(), password, None)
        }
        (None, None) => bail!("say who listens: --demo manager, --email or --token"),
    };
    let login = json!({ "identifier": email, "password": password });
    let signed_in = server.post("/auth/login", &login).await.map_err(anyhow::Error::from)?;
    let hostel = match flags.hostel.clone().or(demo_hostel) {
        Some(hostel) => hostel,
        None => only_hostel(&signed_in)?,
    };
    Ok((server, Login::Session(Session::of(&signed_in)), hostel))
}

/// The one hostel somebody may enter, when it is one.
fn only_hostel(signed_in: &Value) -> anyhow::Result<String> {
    let hostels: Vec<&Value> = signed_in
        .get("hostels")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter(|hostel| text(hostel, "status") == "active").collect())
        .unwrap_or_default();
    match hostels.as_slice() {
        [one] => Ok(super::line::plain(text(one, "id"))),
        [] => bail!("you are a member of no hostel; say which one you want to enter, by --hostel"),
        many => {
            let names: Vec<String> = many
                .iter()
                .map(|hostel| super::line::plain(&format!("{} ({})", text(hostel, "id"), text(hostel, "name"))))
                .collect();
            bail!("say which hostel, by --hostel: {}", names.join(", "))
        }
    }
}

/// An account of the demo.
struct Demo {
    base: String,
    email: String,
    password: String,
    hostel: Option<String>,
}

impl Demo {
    /// The first account with this role, this address, or this name before the `@`.
    fn read(data_dir: &Path, who: &str) -> anyhow::Result<Self> {
        let path = data_dir.join("demo.json");
        let bytes = std::fs::read(&path)
            .with_context(|| format!("{} cannot be read; start the server with --demo first", path.display()))?;
        let demo: Value = serde_json::from_slice(&bytes).with_context(|| format!("{} is no JSON", path.display()))?;
        Self::find(&demo, who).with_context(|| format!("{} knows nobody called {who}", path.display()))
    }

    fn find(demo: &Value, who: &str) -> Option<Self> {
        let accounts = demo.get("accounts")?.as_array()?;
        let is = |account: &&Value| {
            let email = text(account, "email");
            text(account, "role") == who || email == who || email.split('@').next() == Some(who)
        };
        let account = accounts.iter().find(is)?;
        let first_hostel = || demo.get("hostels")?.as_array()?.first()?.get("id")?.as_str();
        let hostel = account.get("hostel_id").and_then(Value::as_str).or_else(first_hostel);
        Some(Self {
            base: text(demo, "base_url").to_owned(),
            email: text(account, "email").to_owned(),
            password: text(account, "password").to_owned(),
            hostel: hostel.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_plain_http() {
        assert_eq!(Server::at("http://127.0.0.1:8080/").unwrap().authority, "127.0.0.1:8080");
        assert_eq!(Server::at("http://house.example").unwrap().base, "http://house.example:80");
        assert_eq!(Server::at("http://[::1]:9").unwrap().authority, "[::1]:9");
        for bad in ["https://house.example", "house.example", "http://", "http://a@b", "http://a/b"] {
            assert!(Server::at(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_demo_is_asked_by_role_name_or_address() {
        let demo = json!({
            "base_url": "http://127.0.0.1:8080",
            "hostels": [{ "id": "h1" }, { "id": "h2" }],
            "accounts": [
                { "email": "owner@x.example", "password": "p", "role": "super_admin", "hostel_id": null },
                { "email": "manager@volta.example", "password": "p", "role": "manager", "hostel_id": "h1" },
                { "email": "kofi@sahara.example", "password": "p", "role": "student", "hostel_id": "h2" },
            ],
        });
        let found = |who: &str| Demo::find(&demo, who).map(|demo| (demo.email, demo.hostel));
        assert_eq!(found("manager"), Some(("manager@volta.example".into(), Some("h1".into()))));
        assert_eq!(found("kofi"), Some(("kofi@sahara.example".into(), Some("h2".into()))));
        assert_eq!(found("owner@x.example"), Some(("owner@x.example".into(), Some("h1".into()))));
        assert_eq!(found("nobody"), None);
    }

    #[test]
    fn one_hostel_needs_no_name_and_several_do() {
        let of = |hostels: Value| only_hostel(&json!({ "hostels": hostels }));
        let (a, b) = (json!({ "id": "a", "name": "A", "status": "active" }), json!({ "id": "b", "status": "pending" }));
        assert_eq!(of(json!([a, b])).unwrap(), "a");
        assert!(of(json!([b])).is_err());
        assert!(of(json!([a, a])).unwrap_err().to_string().contains("a (A)"));
    }
}
