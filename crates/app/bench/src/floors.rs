//! What bare code reaches with the same libraries: a handler that does nothing, and one that checks a token and answers
//! with the bytes of the room list. Nothing else of what a product needs.

use std::{net::TcpListener, path::Path};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::header::{AUTHORIZATION, CONTENT_TYPE},
    web::{Bytes, Data, get},
};
use anyhow::Context;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// Signs the tokens of all floors; they guard nothing.
pub(crate) const SECRET: &str = "a secret of the bench, which guards nothing but makes the same work";

/// As the product's: the floor's check is as much work.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    r#gen: i64,
    iat: i64,
    exp: i64,
    r#use: String,
}

/// A token that the floors take.
pub(crate) fn token() -> anyhow::Result<String> {
    crypto();
    let claims = Claims {
        iss: "domicile".to_owned(),
        aud: "domicile".to_owned(),
        sub: "01a1fbd2-cef9-75fa-9987-cf7354c7deaa".to_owned(),
        sid: "01a1fbd2-ce9d-7527-aff9-b6e1f4ef6964".to_owned(),
        r#gen: 1,
        iat: 1_700_000_000,
        exp: 4_102_444_800,
        r#use: "access".to_owned(),
    };
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(SECRET.as_bytes()))
        .context("a token can be signed")
}

fn crypto() {
    // An error means that it is there already.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

struct Door {
    key: DecodingKey,
    validation: Validation,
    answer: Bytes,
}

/// Serves both until the process is ended.
pub(crate) fn serve(answer: &Path) -> anyhow::Result<()> {
    crypto();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&["domicile"]);
    validation.set_audience(&["domicile"]);
    let door = Data::new(Door {
        key: DecodingKey::from_secret(SECRET.as_bytes()),
        validation,
        answer: std::fs::read(answer)?.into(),
    });
    let listener = TcpListener::bind("127.0.0.1:0")?;
    crate::say(&format!("listening on http://{}", listener.local_addr()?));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    actix_web::rt::System::new().block_on(async move {
        HttpServer::new(move || {
            App::new().app_data(door.clone()).route("/empty", get().to(empty)).route("/api/rooms", get().to(rooms))
        })
        .workers(workers)
        .listen(listener)?
        .run()
        .await
    })?;
    Ok(())
}

async fn empty() -> HttpResponse {
    HttpResponse::Ok().finish()
}

async fn rooms(request: HttpRequest, door: Data<Door>) -> HttpResponse {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    match jsonwebtoken::decode::<Claims>(token, &door.key, &door.validation) {
        Ok(_claims) => HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(door.answer.clone()),
        Err(_refused) => HttpResponse::Unauthorized().finish(),
    }
}
