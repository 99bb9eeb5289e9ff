//! `GET /` and `GET /api`: who answers here (A62).

use actix_web::{HttpResponse, http::StatusCode, web::Data};
use serde_json::json;

use crate::shell::Shell;

pub(crate) async fn handle(shell: Data<Shell>) -> HttpResponse {
    let said = json!({
        "name": "Domicile",
        "message": "Domicile is running",
        "status": "ok",
        "version": shell.config.release,
        "docs": "/docs",
        "openapi": "/api/openapi.json",
    });
    super::bare(StatusCode::OK, &said)
}
