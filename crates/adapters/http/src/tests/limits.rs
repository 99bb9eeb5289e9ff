//! Which rules a request is counted under and what its answer says, over a limiter that remembers everything.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex},
};

use actix_web::{
    http::Method,
    test::TestRequest,
    web::{self},
};
use domicile_kernel::Instant;
use serde_json::json;

use super::{Bench, OTHER_HOSTEL, Said, ask};
use crate::{
    Answer, Caller,
    limits::{Limits, Quota, Rule},
    operation::{Access, LimitClass, Operation},
    ports::{Limiter, Receipt, Standing, Subject},
};

type Key = (&'static str, [u128; 2], String);

/// Keeps every pass under its key; receipts number them.
#[derive(Default)]
pub(super) struct Counter(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    passes: HashMap<Key, Vec<(i64, Instant)>>,
    next: i64,
}

impl Limiter for Counter {
    fn take(&self, rule: &'static str, subject: Subject<'_>, quota: Quota, now: Instant) -> Standing {
        let mut kept = self.0.lock().unwrap();
        kept.next += 1;
        let number = kept.next;
        let passes = kept.passes.entry((rule, subject.numbers, subject.text.to_owned())).or_default();
        passes.retain(|(_, passed)| now.since(*passed) < quota.window());
        let allowed = passes.len() < quota.most as usize;
        if allowed {
            passes.push((number, now));
        }
        Standing {
            allowed,
            limit: quota.most,
            remaining: quota.most - passes.len() as u32,
            reset: passes[0].1.plus(quota.window()),
            receipt: Receipt { key: 0, stamp: number },
        }
    }

    fn give_back(&self, receipt: Receipt) {
        for passes in self.0.lock().unwrap().passes.values_mut() {
            passes.retain(|(number, _)| *number != receipt.stamp);
        }
    }
}

impl Counter {
    /// How many passes stand under a rule, whoever is counted.
    fn standing(&self, rule: Rule) -> usize {
        let kept = self.0.lock().unwrap();
        kept.passes.iter().filter(|((name, _, _), _)| *name == rule.name()).map(|(_, passes)| passes.len()).sum()
    }
}

static TABLE: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    fn done() -> actix_web::Route {
        web::route().to(|Caller(_): Caller| async { Answer::nothing("Done") })
    }
    vec![
        Operation::get("things.list", "/things", "T", "t", done),
        Operation::post("things.make", "/things", "T", "t", done).limited(LimitClass::CreateBooking),
        Operation::put("things.change", "/things/{id}", "T", "t", done),
        Operation::moves("things.close", "/things/{id}/close", "T", "t", done),
        Operation::delete("things.delete", "/things/{id}", "T", "t", done),
        Operation::post("auth.enter", "/auth/enter", "T", "t", done).access(Access::Public).limited(LimitClass::Login),
        Operation::get("well", "/health", "T", "t", done).at_root().bare(),
    ]
});

const THING: &str = "/api/things/0190f5a0-0000-7000-8000-0000000000aa";

fn bench(set: impl FnOnce(&mut Limits)) -> (Bench, Arc<Counter>) {
    let mut bench = Bench::new();
    let counter = Arc::new(Counter::default());
    let mut limits = Limits::default();
    set(&mut limits);
    bench.shell.limits = Arc::new(limits);
    bench.shell.limiter = counter.clone();
    (bench, counter)
}

impl Bench {
    async fn says(&self, request: TestRequest) -> Said {
        self.ask(&TABLE, (), request.peer_addr(peer("198.51.100.7"))).await
    }

    async fn says_to(&self, ip: &str, request: TestRequest) -> Said {
        self.ask(&TABLE, (), request.peer_addr(peer(ip))).await
    }
}

fn peer(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 4_711)
}

fn nobody(method: Method, path: &str) -> TestRequest {
    TestRequest::with_uri(path).method(method)
}

#[actix_web::test]
async fn every_answer_tells_how_its_tightest_rule_stands() {
    let (bench, _) = bench(|_| ());
    for left in [99, 98] {
        let told = bench.says(ask(Method::GET, "/api/things", "admin")).await;
        assert_eq!((told.status, told.header("x-ratelimit-limit")), (200, "100"));
        assert_eq!(told.header("x-ratelimit-remaining"), left.to_string());
        assert_eq!(told.header("x-ratelimit-reset"), "1768905060");
        assert_eq!(told.header("ratelimit-policy"), "\"general-get\";q=100;w=60");
        assert_eq!(told.header("ratelimit"), format!("\"general-get\";r={left};t=60"));
        assert_eq!(told.header("retry-after"), "");
    }
    // Of two rules the one with less left, and on refusals for other reasons as well.
    let made = bench.says(ask(Method::POST, "/api/things", "admin")).await;
    assert_eq!(made.header("ratelimit"), "\"create-booking\";r=4;t=3600");
    let wrong = bench.says(ask(Method::POST, "/api/things", "admin").set_payload("x")).await;
    assert_eq!((wrong.status, wrong.header("x-ratelimit-remaining")), (415, "3"));
    let unknown = bench.says(nobody(Method::GET, "/api/things")).await;
    assert_eq!((unknown.status, unknown.header("x-ratelimit-remaining")), (401, "99"));
}

#[actix_web::test]
async fn one_too_many_is_refused_in_the_printed_words() {
    let (bench, _) = bench(|limits| limits.set(Rule::GeneralDelete, Some(Quota::new(1, 60))));
    assert_eq!(bench.says(ask(Method::DELETE, THING, "admin")).await.status, 200);
    let told = bench.says(ask(Method::DELETE, THING, "admin")).await;
    assert_eq!(told.status, 429);
    let data = json!({ "retry_after": 60, "limit": 1, "reset_at": "2026-01-20T10:31:00Z" });
    let mut body = told.body.clone();
    assert!(body.as_object_mut().unwrap().remove("request_id").is_some());
    assert_eq!(
        body,
        json!({
            "success": false,
            "code": "RATE_LIMIT_EXCEEDED",
            "message": "Too many requests. Please try again later.",
            "data": data,
            "timestamp": "2026-01-20T10:30:00Z",
        })
    );
    assert_eq!((told.header("retry-after"), told.header("x-ratelimit-remaining")), ("60", "0"));
    let problem = bench.says(ask(Method::DELETE, &THING.replace("/api", "/api/v2"), "admin")).await;
    assert_eq!(problem.header("content-type"), "application/problem+json");
    assert_eq!((&problem.body["status"], &problem.body["data"]), (&json!(429), &data));
    let figures = bench.shell.watch.meters.text();
    assert!(figures.contains("rate_limit_exceeded{rule=\"general-delete\"} 2"), "{figures}");
}

#[actix_web::test]
async fn other_methods_and_spellings_of_an_operation_share_its_rule() {
    let (bench, counter) = bench(|_| ());
    for (method, path) in [
        (Method::PUT, THING.to_owned()),
        (Method::PATCH, THING.to_owned()),
        (Method::PATCH, THING.replace("/api", "/api/v2")),
        (Method::POST, format!("{THING}/close")),
        (Method::PUT, format!("{THING}/close")),
    ] {
        assert_eq!(bench.says(ask(method, &path, "admin")).await.status, 200);
    }
    assert_eq!((counter.standing(Rule::GeneralPut), counter.standing(Rule::GeneralPost)), (5, 0));
    bench.says(ask(Method::HEAD, "/api/things", "admin")).await;
    bench.says(ask(Method::GET, "/api/v0/things", "admin")).await;
    assert_eq!(counter.standing(Rule::GeneralGet), 2);
}

#[actix_web::test]
async fn who_is_refused_by_one_rule_is_counted_by_no_other() {
    let (bench, counter) = bench(|limits| limits.set(Rule::GeneralPost, Some(Quota::new(6, 60))));
    for _ in 0..5 {
        assert_eq!(bench.says(ask(Method::POST, "/api/things", "admin")).await.status, 200);
    }
    // The particular rule refuses: the general one keeps its place.
    assert_eq!(bench.says(ask(Method::POST, "/api/things", "admin")).await.status, 429);
    assert_eq!((counter.standing(Rule::CreateBooking), counter.standing(Rule::GeneralPost)), (5, 5));
    // The general rule refuses: the particular one gets its place back.
    let (bench, counter) = self::bench(|limits| limits.set(Rule::GeneralPost, Some(Quota::new(2, 60))));
    for _ in 0..4 {
        bench.says(ask(Method::POST, "/api/things", "admin")).await;
    }
    assert_eq!((counter.standing(Rule::CreateBooking), counter.standing(Rule::GeneralPost)), (2, 2));
    // All that arrives stays counted, or whoever is refused could go on for ever.
    assert_eq!(counter.standing(Rule::Address), 4);
}

#[actix_web::test]
async fn junk_tokens_count_against_the_address_and_not_against_anybody() {
    let (bench, _) = bench(|limits| limits.set(Rule::GeneralGet, Some(Quota::new(2, 60))));
    for status in [401, 401, 429, 429] {
        assert_eq!(bench.says(ask(Method::GET, "/api/things", "nonsense")).await.status, status);
    }
    assert_eq!(bench.says(nobody(Method::GET, "/api/things")).await.status, 429);
    // Another address, and somebody with an account behind the same one, are not touched.
    assert_eq!(bench.says_to("198.51.100.8", nobody(Method::GET, "/api/things")).await.status, 401);
    assert_eq!(bench.says(ask(Method::GET, "/api/things", "admin")).await.status, 200);
}

#[actix_web::test]
async fn a_flood_is_stopped_before_anybody_asks_who_it_is() {
    let (bench, _) = bench(|limits| limits.set(Rule::Address, Some(Quota::new(3, 60))));
    assert_eq!(bench.says(ask(Method::GET, "/api/things", "admin")).await.status, 200);
    assert_eq!(bench.says(nobody(Method::GET, "/api/nowhere")).await.status, 404);
    assert_eq!(bench.says(nobody(Method::POST, &format!("{THING}/closed"))).await.status, 404);
    for request in [
        ask(Method::GET, "/api/things", "admin"),
        nobody(Method::GET, "/api/nowhere"),
        nobody(Method::POST, THING),
        nobody(Method::POST, "/api/auth/enter"),
    ] {
        let told = bench.says(request).await;
        assert_eq!((told.status, told.header("retry-after")), (429, "60"));
    }
    assert_eq!(bench.says(nobody(Method::GET, "/health")).await.status, 200);
    assert_eq!(bench.says(nobody(Method::GET, "/health")).await.header("x-ratelimit-limit"), "");
}

#[actix_web::test]
async fn too_many_comes_before_why_else_not() {
    let (bench, _) = bench(|limits| limits.set(Rule::GeneralPost, Some(Quota::new(1, 60))));
    assert_eq!(bench.says(ask(Method::POST, "/api/things", "admin").set_payload("x")).await.status, 415);
    assert_eq!(bench.says(ask(Method::POST, "/api/things", "admin").set_payload("x")).await.status, 429);
    // Somebody known at a foreign door is counted too, by who they are.
    let (bench, counter) = self::bench(|limits| limits.set(Rule::GeneralGet, Some(Quota::new(1, 60))));
    let foreign = || ask(Method::GET, "/api/things", "admin").insert_header(("X-Hostel-ID", OTHER_HOSTEL));
    assert_eq!(bench.says(foreign()).await.status, 403);
    assert_eq!(bench.says(foreign()).await.status, 429);
    assert_eq!(counter.standing(Rule::GeneralGet), 1);
    assert_eq!(bench.says(ask(Method::GET, "/api/things", "admin")).await.status, 200);
}

#[actix_web::test]
async fn roles_and_networks_may_have_more() {
    let (bench, _) = bench(|limits| {
        limits.set(Rule::GeneralGet, Some(Quota::new(2, 60)));
        limits.configure("role_multipliers", "manager=3").unwrap();
        limits.configure("trusted_networks", "203.0.113.0/24").unwrap();
        limits.configure("trusted_multiplier", "4").unwrap();
    });
    let manager = bench.says(ask(Method::GET, "/api/things", "manager")).await;
    assert_eq!(manager.header("x-ratelimit-limit"), "6");
    let house = bench.says_to("203.0.113.9", nobody(Method::POST, "/api/auth/enter")).await;
    assert_eq!(house.header("x-ratelimit-limit"), "20");
    // A person has no more for sitting in a trusted house.
    let student = bench.says_to("203.0.113.9", ask(Method::GET, "/api/things", "student")).await;
    assert_eq!(student.header("x-ratelimit-limit"), "2");
}

#[actix_web::test]
async fn a_household_of_ipv6_is_one_address() {
    let (bench, _) = bench(|limits| limits.set(Rule::Login, Some(Quota::new(1, 60))));
    let enter = || nobody(Method::POST, "/api/auth/enter");
    assert_eq!(bench.says_to("2001:db8:1:2::1", enter()).await.status, 200);
    assert_eq!(bench.says_to("2001:db8:1:2:ffff::9", enter()).await.status, 429);
    assert_eq!(bench.says_to("2001:db8:1:3::1", enter()).await.status, 200);
    assert_eq!(bench.says_to("198.51.100.7", enter()).await.status, 200);
    assert_eq!(bench.says_to("198.51.100.8", enter()).await.status, 200);
}

#[actix_web::test]
async fn tiers_hold_beside_the_printed_rules_once_they_are_set() {
    let (bench, _) = bench(|limits| limits.configure("tier_auth", "2/1h").unwrap());
    for status in [200, 200, 429] {
        assert_eq!(bench.says(nobody(Method::POST, "/api/auth/enter")).await.status, status);
    }
    let told = bench.says(ask(Method::GET, "/api/things", "admin")).await;
    assert_eq!(told.header("ratelimit-policy"), "\"general-get\";q=100;w=60");
}

#[actix_web::test]
async fn switched_off_nobody_is_counted() {
    let (bench, counter) = bench(|limits| limits.enabled = false);
    for _ in 0..12 {
        let told = bench.says(ask(Method::DELETE, THING, "admin")).await;
        assert_eq!((told.status, told.header("x-ratelimit-limit")), (200, ""));
    }
    assert_eq!(counter.standing(Rule::GeneralDelete), 0);
}

#[actix_web::test]
async fn pages_may_read_how_they_stand() {
    let (bench, _) = bench(|_| ());
    let request = ask(Method::GET, "/api/things", "admin").insert_header(("Origin", "https://app.example.org"));
    let told = bench.says(request).await;
    let exposed = told.header("access-control-expose-headers").to_lowercase();
    for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy"] {
        assert!(exposed.split(',').any(|exposed| exposed.trim() == name), "{name} in {exposed}");
    }
}
