//! OpenAPI 3.1 out of the operations table (B5): paths, parameters, headers, security and error answers from the rows,
//! schemas from the types themselves. What is not in the table is not in the document, and the other way round.

mod shared;

use std::collections::BTreeMap;

use actix_web::http::{Method, StatusCode};
use domicile_kernel::Code;
use serde_json::{Map, Value, json};

use crate::{
    aliases,
    error::status_of,
    operation::{Access, BodyKind, IfMatch, LimitClass, Mount, Operation, SchemaOf},
    operations,
    version::Version,
};

/// The document of a version, as indented JSON.
#[must_use]
pub fn text(version: Version) -> String {
    let document = document(version, operations::all());
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn document(version: Version, table: &[Operation]) -> Value {
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for row in table {
        let methods = std::iter::once(&row.method).chain(&row.also_methods);
        for method in methods {
            let described = operation(row, method, version, &mut schemas);
            paths.entry(path(row, version)).or_default().insert(method.as_str().to_ascii_lowercase(), described);
        }
    }
    schemas.extend(shared::schemas(version));
    let mut tags: Vec<&str> = table.iter().map(|row| row.tag).collect();
    tags.dedup();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Domicile",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "One backend for shared homes",
            "description": introduction(version),
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
        },
    });
    let aliases: Vec<_> = aliases::table()
        .iter()
        .map(|(method, from, to)| json!({ "method": method, "alias": from, "canonical": to }))
        .collect();
    if let Some(object) = document.as_object_mut() {
        object.insert("x-aliases".to_owned(), aliases.into());
    }
    document
}

fn introduction(version: Version) -> String {
    let about = match version {
        Version::V0 => "Version 0 is deprecated: it answers with bare data. Please move to v1 or v2.",
        Version::V1 => "Version 1 is stable and speaks when nobody names a version.",
        Version::V2 => "Version 2 is current: problem documents (RFC 9457) and lists by cursor.",
    };
    format!(
        "{about}\n\nName a version in the path (`/api/v2/rooms`), by the header `API-Version` or by `?version=v2`. \
         Keys are snake_case; camelCase spellings of the same keys are read too. Times are RFC 3339 in UTC, dates \
         `YYYY-MM-DD`, money whole minor units with a currency.\n\nWhat happens also comes as it happens, over a \
         WebSocket at `/ws`; [/docs/live](/docs/live) is a page that shows it."
    )
}

fn path(row: &Operation, version: Version) -> String {
    match (row.mount, version) {
        (Mount::Root, _) => row.path.to_owned(),
        (Mount::Api, Version::V1) => format!("/api{}", row.path),
        (Mount::Api, other) => format!("/api/{}{}", other.as_str(), row.path),
    }
}

fn operation(row: &Operation, method: &Method, version: Version, schemas: &mut BTreeMap<String, Value>) -> Value {
    let id = if *method == row.method {
        row.id.to_owned()
    } else {
        format!("{}.{}", row.id, method.as_str().to_ascii_lowercase())
    };
    let mut described = json!({
        "operationId": id,
        "summary": row.summary,
        "tags": [row.tag],
        "parameters": parameters(row, version),
        "responses": responses(row, version, schemas),
        "security": if row.access == Access::Public { json!([]) } else { json!([{ "bearer": [] }]) },
    });
    let Some(object) = described.as_object_mut() else { return described };
    if let Some(about) = row.about {
        object.insert("description".to_owned(), json!(about));
    }
    if !row.permissions.is_empty() {
        let names: Vec<_> = row.permissions.iter().map(|permission| permission.as_str()).collect();
        object.insert("x-permissions-any-of".to_owned(), json!(names));
    }
    if let Some(feature) = row.feature {
        object.insert("x-feature".to_owned(), json!(feature.key()));
    }
    if version == Version::V0 && !row.bare {
        object.insert("deprecated".to_owned(), json!(true));
    }
    if let Some(body) = request_body(row, schemas) {
        object.insert("requestBody".to_owned(), body);
    }
    described
}

fn request_body(row: &Operation, schemas: &mut BTreeMap<String, Value>) -> Option<Value> {
    let (required, media_type) = match row.body {
        BodyKind::Json => (row.success == 201, "application/json"),
        BodyKind::Form => (true, "application/x-www-form-urlencoded"),
        BodyKind::Raw => {
            let any = json!({ "type": "object", "description": "As its sender defines it" });
            return Some(json!({ "required": true, "content": { "application/json": { "schema": any } } }));
        }
    };
    let schema = row.request?(schemas);
    Some(json!({ "required": required, "content": { media_type: { "schema": schema } } }))
}

fn parameter(name: &str, place: &str, required: bool, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": place, "required": required, "description": description, "schema": schema })
}

fn parameters(row: &Operation, version: Version) -> Vec<Value> {
    let mut all = Vec::new();
    for name in row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let schema =
            if name == "id" { json!({ "type": "string", "format": "uuid" }) } else { json!({ "type": "string" }) };
        all.push(parameter(name, "path", true, "Which one", schema));
    }
    if matches!(row.access, Access::Hostel | Access::HostelOptional) {
        let required = row.access == Access::Hostel;
        let schema = json!({ "type": "string", "format": "uuid" });
        all.push(parameter("X-Hostel-ID", "header", required, "The hostel", schema));
    }
    if row.if_match != IfMatch::None {
        let told = "The version you saw, as its ETag has it; or send `version` in the body";
        all.push(parameter("If-Match", "header", false, told, json!({ "type": "string", "example": "\"5\"" })));
    }
    if row.idempotent {
        let told = "The same key with the same request is answered once";
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255 });
        all.push(parameter("Idempotency-Key", "header", false, told, schema));
    }
    if let Some(query) = row.query {
        fields(query, |field, schema| {
            let told = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
            all.push(parameter(field, "query", false, &told, schema));
        });
    }
    let Some((filters, sorts)) = row.filters else { return all };
    fields(filters, |field, schema| all.push(parameter(field, "query", false, "Filter", schema)));
    if version == Version::V2 {
        let told = "The next_cursor of the page before";
        all.push(parameter("cursor", "query", false, told, json!({ "type": "string" })));
    } else {
        let schema = json!({ "type": "integer", "minimum": 1, "default": 1 });
        all.push(parameter("page", "query", false, "Which page", schema));
    }
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 });
    all.push(parameter("limit", "query", false, "Rows a page", schema));
    let words: Vec<_> = sorts.iter().flat_map(|field| [field.name.to_owned(), format!("-{}", field.name)]).collect();
    all.push(parameter("sort", "query", false, "The order", json!({ "type": "string", "enum": words })));
    all
}

/// The fields of what stands in a query: only parameters, for the struct itself never goes over the wire.
fn fields(of: SchemaOf, mut each: impl FnMut(&str, Value)) {
    let mut own = BTreeMap::new();
    let name = of(&mut own);
    let name = name.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let properties = own.get(name).and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    for (field, schema) in properties.into_iter().flatten() {
        each(field, schema.clone());
    }
}

fn responses(row: &Operation, version: Version, schemas: &mut BTreeMap<String, Value>) -> Map<String, Value> {
    let mut all = Map::new();
    let gone = version == Version::V2 && row.method == Method::DELETE;
    let status = if gone { 204 } else { row.success };
    let said = success(row, gone, version, schemas);
    if let Some(other) = row.also_success {
        all.insert(other.to_string(), said.clone());
    }
    all.insert(status.to_string(), said);
    // What nobody is kept from has no refusals of this shape.
    if row.bare && row.limit == LimitClass::Exempt {
        return all;
    }
    let error = match version {
        Version::V2 => json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } }),
        Version::V0 | Version::V1 => {
            json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Refusal" } } })
        }
    };
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in codes(row) {
        by_status.entry(status_of(code.kind()).as_u16()).or_default().push(code.as_str());
    }
    for (status, codes) in by_status {
        let mut said = json!({ "description": codes.join(", "), "content": error });
        let header = match status {
            401 => Some("WWW-Authenticate"),
            429 | 503 => Some("Retry-After"),
            _ => None,
        };
        if let (Some(name), Some(object)) = (header, said.as_object_mut()) {
            object.insert("headers".to_owned(), json!({ name: { "schema": { "type": "string" } } }));
        }
        all.insert(status.to_string(), said);
    }
    all
}

/// The refusals an operation can meet, from what its row says.
fn codes(row: &Operation) -> Vec<Code> {
    let mut codes =
        vec![Code::InvalidInput, Code::UnsupportedApiVersion, Code::InternalError, Code::ServiceUnavailable];
    if row.limit != LimitClass::Exempt {
        codes.push(Code::RateLimitExceeded);
    }
    if row.access != Access::Public {
        codes.extend([Code::Unauthorized, Code::InvalidToken, Code::TokenExpired, Code::TokenRevoked]);
    }
    if matches!(row.access, Access::Hostel | Access::HostelOptional) {
        codes.push(Code::Forbidden);
    }
    if !row.permissions.is_empty() {
        codes.push(Code::InsufficientPermissions);
    }
    if row.feature.is_some() {
        codes.push(Code::FeatureDisabled);
    }
    if row.path.contains('{') {
        codes.push(Code::NotFound);
    }
    codes.extend(row.refusals);
    if row.request.is_some() || row.filters.is_some() || row.query.is_some() {
        codes.push(Code::ValidationError);
    }
    if row.request.is_some() || row.body != BodyKind::Json {
        codes.push(Code::PayloadTooLarge);
    }
    if row.request.is_some() {
        codes.push(Code::UnsupportedMediaType);
    }
    if row.if_match != IfMatch::None {
        codes.extend([Code::PreconditionRequired, Code::VersionConflict, Code::ResourceConflict]);
    }
    if row.idempotent {
        codes.extend([Code::IdempotencyKeyReused, Code::ResourceConflict]);
    }
    codes.sort_by_key(|code| code.as_str());
    codes.dedup();
    codes
}

fn success(row: &Operation, gone: bool, version: Version, schemas: &mut BTreeMap<String, Value>) -> Value {
    let status = StatusCode::from_u16(row.success).ok().and_then(|status| status.canonical_reason());
    if gone {
        return json!({ "description": "It is gone" });
    }
    if let Some(media_type) = row.media_type {
        let schema = json!({ "type": "string", "contentMediaType": media_type });
        return json!({ "description": status.unwrap_or("OK"), "content": { media_type: { "schema": schema } } });
    }
    if row.bare && row.response.is_none() {
        return json!({ "description": status.unwrap_or("OK") });
    }
    let data = row.response.map_or_else(|| json!({ "type": "null" }), |response| response(schemas));
    let data = if row.list { json!({ "type": "array", "items": data }) } else { data };
    let schema = match version {
        Version::V0 => data,
        Version::V1 => {
            let mut properties = json!({
                "success": { "type": "boolean", "const": true },
                "data": data,
                "message": { "type": "string" },
                "timestamp": { "type": "string", "format": "date-time" },
                "request_id": { "type": "string" },
            });
            paginate(row, &mut properties);
            json!({
                "type": "object",
                "required": ["success", "data", "timestamp", "request_id"],
                "properties": properties,
            })
        }
        Version::V2 => {
            let mut properties = json!({ "data": data });
            paginate(row, &mut properties);
            json!({ "type": "object", "required": ["data"], "properties": properties })
        }
    };
    let mut said = json!({
        "description": status.unwrap_or("OK"),
        "content": { "application/json": { "schema": schema } },
    });
    let mut headers = Map::new();
    let text = json!({ "schema": { "type": "string" } });
    headers.insert("X-Request-ID".to_owned(), text.clone());
    if row.if_match != IfMatch::None && row.method != Method::DELETE || row.success == 201 {
        headers.insert("ETag".to_owned(), text.clone());
    }
    if row.success == 201 {
        headers.insert("Location".to_owned(), text.clone());
    }
    if row.idempotent {
        headers.insert("Idempotency-Replayed".to_owned(), text);
    }
    if let Some(object) = said.as_object_mut() {
        object.insert("headers".to_owned(), headers.into());
    }
    said
}

fn paginate(row: &Operation, properties: &mut Value) {
    if let (Some(_), Some(object)) = (row.filters, properties.as_object_mut()) {
        object.insert("pagination".to_owned(), json!({ "$ref": "#/components/schemas/Pagination" }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_documented_in_every_version_and_every_reference_resolves() {
        for version in Version::ALL {
            let document: Value = serde_json::from_str(&text(*version)).unwrap();
            for row in operations::all() {
                let operation = &document["paths"][path(row, *version)][row.method.as_str().to_ascii_lowercase()];
                assert_eq!(operation["operationId"], row.id, "{version:?}");
            }
            let mut references = Vec::new();
            collect(&document, &mut references);
            for reference in references {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some_and(|found| !found.is_null()), "{reference} leads nowhere");
            }
        }
    }

    #[test]
    fn files_forms_and_raw_bodies_are_documented_as_what_they_are() {
        let document: Value = serde_json::from_str(&text(Version::V1)).unwrap();
        let at = |path: &str, method: &str| document["paths"][path][method].clone();
        let receipt = at("/api/payments/{id}/receipt", "get");
        assert!(receipt["responses"]["200"]["content"]["application/pdf"].is_object(), "{receipt}");
        assert!(receipt["responses"]["403"]["content"]["application/json"].is_object(), "{receipt}");
        let form = at("/sandbox/checkout/{ticket}", "post");
        let reference = &form["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["$ref"];
        assert_eq!(reference, "#/components/schemas/CheckoutForm", "{form}");
        assert!(form["responses"]["429"].is_object(), "{form}");
        let webhook = at("/api/payments/webhook/{provider}", "post");
        assert_eq!((webhook["requestBody"]["required"].as_bool(), &webhook["security"]), (Some(true), &json!([])));
        assert!(webhook["responses"]["401"].is_object() && webhook["responses"]["429"].is_null(), "{webhook}");
        let begin = at("/api/payments/initialize", "post");
        assert_eq!(begin["responses"]["202"]["content"], begin["responses"]["201"]["content"]);
        assert_eq!(begin["responses"]["402"]["description"], "PAYMENT_FAILED");
        assert!(at("/health", "get")["responses"]["500"].is_null());
    }

    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    if let ("$ref", Some(text)) = (key.as_str(), value.as_str()) {
                        into.push(text.to_owned());
                    }
                    collect(value, into);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
            _ => {}
        }
    }
}
