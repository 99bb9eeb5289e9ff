//! The documentation agrees with what answers, and is served without anybody else's help (B5).

use std::collections::BTreeSet;

use domicile_http::operations;
use reqwest::Method;
use serde_json::Value;

use crate::{
    money::stage::Stage,
    support::{On, TestApp},
};

/// Every `$ref` in a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_str() {
                    Some(text) if key == "$ref" => drop(found.insert(text.to_owned())),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// What a document says can be asked: methods with paths.
fn documented(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_path_answers_and_every_route_is_documented() {
    let stage = Stage::on(On::Sqlite).await;
    let begun = stage.begin(&stage.bill().await).await;
    let (app, ticket) = (stage.app, begun.url.rsplit('/').next().unwrap());
    for version in ["v0", "v1", "v2"] {
        let document = app.get(&format!("/api/{version}/openapi.json")).told().await.is(200);
        assert_eq!(document.header("content-type"), "application/json");
        let document = document.json;
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{version}");
        let mut refs = BTreeSet::new();
        references(&document, &mut refs);
        assert!(refs.len() > 10);
        for reference in refs {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{version}: {reference} leads nowhere");
        }
        let ids: Vec<_> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|methods| methods.as_object().unwrap().values())
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{version}: an operation id is used twice");

        let found = documented(&document);
        let expected: BTreeSet<_> = operations::all()
            .iter()
            .flat_map(|operation| {
                let full = operation.full_path();
                let path = match full.strip_prefix("/api") {
                    Some(rest) if version != "v1" => format!("/api/{version}{rest}"),
                    _ => full,
                };
                std::iter::once(&operation.method)
                    .chain(&operation.also_methods)
                    .map(move |method| (method.to_string(), path.clone()))
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(found, expected, "{version}");
        for (method, path) in found {
            let path = path.replace("{id}", &app.house.ambient.ids.uuid().to_string()).replace("{file}", "index.html");
            let path = path.replace("{reference}", &begun.reference).replace("{provider}", "sandbox");
            let path = path.replace("{ticket}", ticket);
            let told = app.ask(method.parse::<Method>().unwrap(), &path).told().await;
            assert!(
                !matches!(told.status, 404 | 405) && told.status < 500,
                "{method} {path}: {} {}",
                told.status,
                told.text
            );
        }
    }
    // Without a version it is the stable one; the header counts as everywhere.
    let stable = app.get("/api/openapi.json").told().await.is(200);
    assert_eq!(stable.text, app.get("/api/v1/openapi.json").told().await.text);
    let current = app.get("/api/openapi.json").header("api-version", "v2").told().await.is(200);
    assert_eq!(current.text, app.get("/api/v2/openapi.json").told().await.text);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_its_parts_come_from_here() {
    let app = TestApp::sqlite().await;
    let page = app.get("/docs").told().await.is(200);
    assert!(page.header("content-type").starts_with("text/html"), "{}", page.text);
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    let mut parts = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        for rest in page.text.split(attribute).skip(1) {
            parts.push(rest.split('"').next().unwrap().to_owned());
        }
    }
    assert!(
        ["swagger-ui-bundle.js", "swagger-ui.css"].iter().all(|name| parts.iter().any(|part| part.ends_with(name))),
        "{parts:?}"
    );
    for address in ["http://", "https://", "\"//"] {
        assert!(!page.text.contains(address), "the page asks somebody else: {}", page.text);
    }
    for part in parts {
        let path = format!("/docs/{}", part.strip_prefix("./").unwrap_or(&part));
        let told = app.get(&path).told().await.is(200);
        assert!(!told.text.is_empty(), "{path}");
        // What the page itself loads further, it loads from here too.
        if path.ends_with("swagger-initializer.js") {
            for version in ["/api/v0/openapi.json", "/api/v1/openapi.json", "/api/v2/openapi.json"] {
                assert!(told.text.contains(version), "{}", told.text);
            }
            assert!(!told.text.contains("petstore"), "{}", told.text);
        }
    }
    // Packed for those who read that, and only for them.
    let script = "/docs/swagger-ui-bundle.js";
    for (accepted, packed) in
        [("gzip, br", true), ("GZIP;q=0.5", true), ("*", true), ("gzip;q=0", false), ("identity", false), ("br", false)]
    {
        let answer =
            app.client.get(format!("{}{script}", app.base)).header("accept-encoding", accepted).send().await.unwrap();
        assert_eq!(answer.headers().get("content-encoding").is_some(), packed, "{accepted}");
        assert_eq!(answer.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]), packed, "{accepted}");
    }
    app.get("/docs/nothing.js").told().await.refuses(404, "NOT_FOUND");
    let errors = app.get("/docs/errors").told().await.is(200);
    assert!(errors.text.contains("id=\"version-conflict\"") && !errors.text.contains("http://"));
    // Problem documents point there.
    let problem = app.get("/api/v2/rooms").told().await.is(401);
    assert_eq!(problem.json["type"], "/docs/errors#unauthorized");
    assert!(errors.text.contains("id=\"unauthorized\""));
    app.end().await;
}
