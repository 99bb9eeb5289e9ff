//! The sandbox's checkout page over HTTP, with a page in its place that says what it was asked.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use actix_web::{http::Method, test::TestRequest};
use async_trait::async_trait;
use domicile_kernel::StoreError;

use super::{Bench, Said, endpoints::House};
use crate::{
    limits::Limits,
    ports::{Checkout, CheckoutOutcome, CheckoutPage},
};

const POLICY: &str = "default-src 'none'; form-action 'self'";

/// Knows one ticket, and counts what it was asked.
#[derive(Default)]
struct Page(AtomicUsize);

#[async_trait]
impl Checkout for Page {
    async fn page(&self, ticket: &str) -> Result<CheckoutPage, StoreError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let (outcome, html) = match ticket {
            "dom-1~a0" => (CheckoutOutcome::Shown, "<!doctype html><p>open"),
            "broken" => return Err(StoreError::Other("disk I/O error".into())),
            _ => (CheckoutOutcome::Unknown, "<!doctype html><p>no such payment"),
        };
        Ok(CheckoutPage { outcome, html: html.to_owned(), policy: POLICY.to_owned() })
    }

    async fn act(&self, ticket: &str, action: &str) -> Result<CheckoutPage, StoreError> {
        let page = self.page(ticket).await?;
        if page.outcome != CheckoutOutcome::Shown {
            return Ok(page);
        }
        match action {
            "pay" | "decline" | "hang" | "pay_twice" => {
                Ok(CheckoutPage { html: format!("<!doctype html><p>{action}"), ..page })
            }
            _ => Ok(CheckoutPage { outcome: CheckoutOutcome::NotAnAction, ..page }),
        }
    }
}

impl House {
    fn with_a_sandbox(bench: Bench) -> (Self, Arc<Page>) {
        let mut house = Self::on(bench);
        let page = Arc::new(Page::default());
        house.state.checkout = Some(page.clone());
        (house, page)
    }

    async fn look(&self, ticket: &str) -> Said {
        self.send(TestRequest::with_uri(&format!("/sandbox/checkout/{ticket}"))).await
    }

    async fn press(&self, ticket: &str, form: &str) -> Said {
        let request = TestRequest::with_uri(&format!("/sandbox/checkout/{ticket}")).method(Method::POST);
        let request = request.insert_header(("Content-Type", "application/x-www-form-urlencoded"));
        self.send(request.insert_header(("Origin", "null")).set_payload(form.to_owned())).await
    }
}

#[actix_web::test]
async fn the_page_is_bare_html_with_the_policy_that_its_form_needs() {
    let (house, _) = House::with_a_sandbox(Bench::new());
    let shown = house.look("dom-1~a0").await;
    assert_eq!((shown.status, shown.text.as_str()), (200, "<!doctype html><p>open"));
    assert_eq!(shown.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(shown.header("content-security-policy"), POLICY);
    assert_eq!((shown.header("cache-control"), shown.header("x-frame-options")), ("no-store", "DENY"));
    assert_eq!(house.look("dom-1%7Ea0").await.text, shown.text);
    let unknown = house.look("dom-2~a0").await;
    assert_eq!((unknown.status, unknown.text.as_str()), (404, "<!doctype html><p>no such payment"));
    assert_eq!(unknown.header("content-type"), "text/html; charset=utf-8");
}

#[actix_web::test]
async fn a_button_is_pressed_by_its_word_and_no_other() {
    let (house, page) = House::with_a_sandbox(Bench::new());
    for action in ["pay", "decline", "hang", "pay_twice"] {
        let said = house.press("dom-1~a0", &format!("action={action}")).await;
        assert_eq!((said.status, said.text), (200, format!("<!doctype html><p>{action}")));
    }
    for form in ["", "action=", "action=steal", "action=pay&action=decline", "pay"] {
        let said = house.press("dom-1~a0", form).await;
        assert_eq!((said.status, said.text.as_str()), (400, "<!doctype html><p>open"), "{form}");
    }
    assert_eq!(house.press("dom-2~a0", "action=pay").await.status, 404);
    let asked = page.0.load(Ordering::Relaxed);
    let request = TestRequest::with_uri("/sandbox/checkout/dom-1~a0").method(Method::POST);
    let request = request.insert_header(("Content-Type", "application/json")).set_payload(r#"{"action":"pay"}"#);
    assert_eq!(house.send(request).await.body["code"], "UNSUPPORTED_MEDIA_TYPE");
    let large = format!("action=pay&x={}", "x".repeat(1024));
    assert_eq!(house.press("dom-1~a0", &large).await.body["code"], "PAYLOAD_TOO_LARGE");
    assert_eq!(house.look("dom-1~a0%2Fb").await.body["code"], "NOT_FOUND");
    assert_eq!(house.look(&"x".repeat(201)).await.body["code"], "NOT_FOUND");
    assert_eq!(page.0.load(Ordering::Relaxed), asked);
}

#[actix_web::test]
async fn where_there_is_no_sandbox_there_is_no_page() {
    let house = House::new();
    assert_eq!(house.look("dom-1~a0").await.body["code"], "NOT_FOUND");
    assert_eq!(house.press("dom-1~a0", "action=pay").await.status, 404);
}

#[actix_web::test]
async fn a_store_that_fails_behind_the_page_is_our_fault_and_tells_no_more() {
    let (house, _) = House::with_a_sandbox(Bench::new());
    let said = house.look("broken").await;
    assert_eq!((said.status, said.body["code"].as_str()), (500, Some("DATABASE_ERROR")), "{}", said.text);
    assert!(!said.text.contains("disk"), "{}", said.text);
}

#[actix_web::test]
async fn whoever_floods_the_page_is_turned_away_before_it_is_asked() {
    let mut bench = Bench::new();
    bench.shell.limits = Arc::new(Limits::default());
    let (house, page) = House::with_a_sandbox(bench);
    for _ in 0..30 {
        assert_eq!(house.press("dom-2~a0", "action=pay").await.status, 404);
    }
    assert_eq!(house.press("dom-2~a0", "action=pay").await.body["code"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(page.0.load(Ordering::Relaxed), 30);
    for _ in 0..100 {
        assert_eq!(house.look("dom-1~a0").await.status, 200);
    }
    assert_eq!(house.look("dom-1~a0").await.status, 429);
}
