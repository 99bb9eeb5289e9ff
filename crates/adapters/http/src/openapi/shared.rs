//! The schemas that every operation shares: refusals, wrong fields, where a list stands.

use domicile_kernel::Code;
use serde_json::{Value, json};

use crate::version::Version;

/// The shapes every operation shares.
pub(super) fn schemas(version: Version) -> Vec<(String, Value)> {
    let field = json!({
        "type": "object",
        "required": ["field", "message", "msg", "rule", "params"],
        "properties": {
            "field": { "type": "string" },
            "message": { "type": "string" },
            "msg": { "type": "string", "description": "The same as message" },
            "rule": { "type": "string" },
            "params": { "type": "object" },
        },
    });
    let words: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let code = json!({ "type": "string", "enum": words });
    let errors = json!({ "type": "array", "items": { "$ref": "#/components/schemas/FieldError" } });
    let whole = json!({ "type": "integer", "format": "int64" });
    let (name, refusal, pagination) = if version == Version::V2 {
        let refusal = json!({
            "type": "object",
            "required": ["type", "title", "status", "detail", "code", "request_id"],
            "properties": {
                "type": { "type": "string", "format": "uri-reference" },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "detail": { "type": "string" },
                "instance": { "type": "string", "format": "uri-reference" },
                "code": code,
                "errors": errors,
                "data": {},
                "request_id": { "type": "string" },
            },
        });
        let pagination = json!({
            "type": "object",
            "required": ["limit", "next_cursor", "has_more"],
            "properties": {
                "limit": whole,
                "next_cursor": { "type": ["string", "null"] },
                "has_more": { "type": "boolean" },
            },
        });
        ("Problem", refusal, pagination)
    } else {
        let refusal = json!({
            "type": "object",
            "required": ["success", "code", "message", "timestamp", "request_id"],
            "properties": {
                "success": { "type": "boolean", "const": false },
                "code": code,
                "message": { "type": "string" },
                "errors": errors,
                "data": {},
                "timestamp": { "type": "string", "format": "date-time" },
                "request_id": { "type": "string" },
            },
        });
        let pagination = json!({
            "type": "object",
            "required": ["page", "limit", "total", "total_pages"],
            "properties": { "page": whole, "limit": whole, "total": whole, "total_pages": whole },
        });
        ("Refusal", refusal, pagination)
    };
    vec![("FieldError".to_owned(), field), (name.to_owned(), refusal), ("Pagination".to_owned(), pagination)]
}
