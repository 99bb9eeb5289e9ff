//! The sandbox's page: what it shows, and that nothing somebody wrote becomes part of it.

use domicile_payments::sandbox::{Action, SandboxCharge, SandboxState, content_security_policy, page, page_not_found};

use crate::support::{NOW, at, cedis};

fn charge(state: SandboxState) -> SandboxCharge {
    SandboxCharge {
        reference: "pay-0190a1".to_owned(),
        description: "Invoice 2026-02, Attic Hostel".to_owned(),
        amount: cedis(45_000),
        refunded: cedis(0),
        state,
        return_url: Some("https://attic.example.org/paid?a=1&b=2".to_owned()),
        created_at: at(NOW),
        expires_at: at("2026-02-01T13:00:00Z"),
        decided_at: None,
        notices_due: 0,
        notices_sent: 0,
        version: 1,
    }
}

#[test]
fn the_page_shows_amount_reference_hostel_and_state() {
    let html = page(&charge(SandboxState::Open), Some("Hello"));
    for shown in ["GHS 450.00", "pay-0190a1", "Invoice 2026-02, Attic Hostel", "<dd>open</dd>", "Hello"] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
}

#[test]
fn the_form_posts_to_the_page_itself_and_needs_no_script() {
    for state in [SandboxState::Open, SandboxState::Hanging] {
        let html = page(&charge(state), None);
        assert!(html.contains("<form method=\"post\">"), "{html}");
        for action in Action::ALL {
            assert!(html.contains(&format!("name=\"action\" value=\"{}\"", action.as_str())), "{html}");
        }
        assert!(!html.contains("<script") && !html.contains("javascript:") && !html.contains(" on"), "{html}");
    }
}

#[test]
fn what_is_decided_has_no_buttons_and_a_way_back() {
    for state in [SandboxState::Paid, SandboxState::Declined] {
        let html = page(&charge(state), None);
        assert!(!html.contains("<form") && !html.contains("<button"), "{html}");
        assert!(html.contains("<a href=\"https://attic.example.org/paid?a=1&amp;b=2\" rel=\"noreferrer\">"), "{html}");
    }
}

#[test]
fn everything_that_somebody_wrote_is_text() {
    let evil = "\"><script>alert('x')</script><img src=x onerror=alert(1)> & &lt;";
    let html = page(
        &SandboxCharge {
            reference: evil.to_owned(),
            description: evil.to_owned(),
            return_url: Some(format!("https://attic.example.org/{}", evil.replace(' ', "+"))),
            ..charge(SandboxState::Paid)
        },
        Some(evil),
    );
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    let whole =
        "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; &amp; &amp;lt;";
    assert_eq!(html.matches(whole).count(), 3, "{html}");
    // Apart from what is escaped, the tags are those of a page nobody wrote into.
    assert_eq!(html.matches('<').count(), page(&charge(SandboxState::Paid), Some("x")).matches('<').count());
}

#[test]
fn the_way_back_leads_to_a_page_or_there_is_none() {
    for bad in [
        "javascript:alert(1)",
        "data:text/html,x",
        "//attic.example.org",
        "/paid",
        "ftp://x",
        "https://a b",
        " https://a",
        "https://a\nb",
        "",
    ] {
        let html = page(&SandboxCharge { return_url: Some(bad.to_owned()), ..charge(SandboxState::Paid) }, None);
        assert!(!html.contains("<a "), "{bad}: {html}");
    }
    for good in ["https://attic.example.org", "HTTP://127.0.0.1:8080/"] {
        let html = page(&SandboxCharge { return_url: Some(good.to_owned()), ..charge(SandboxState::Paid) }, None);
        assert!(html.contains(good), "{html}");
    }
    let html = page(&SandboxCharge { return_url: None, ..charge(SandboxState::Paid) }, None);
    assert!(!html.contains("<a "), "{html}");
}

#[test]
fn the_policy_allows_the_pages_own_style_and_its_form_only() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let html = page_not_found();
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
    let policy = content_security_policy();
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"), "{policy}");
    assert!(!html.contains("style=\""), "{html}");
}

#[test]
fn a_form_presses_one_button_or_none() {
    assert_eq!(Action::from_form(b"action=pay"), Some(Action::Pay));
    assert_eq!(Action::from_form(b"x=1&action=pay_twice&y="), Some(Action::PayTwice));
    for none in [
        "",
        "action=",
        "action=PAY",
        "action=pay&action=decline",
        "action=pay&action=pay",
        "action=refund",
        "xaction=pay",
        "action=pay%20",
        "action =pay",
    ] {
        assert_eq!(Action::from_form(none.as_bytes()), None, "{none}");
    }
    assert_eq!(Action::from_form(b"action=pay\xff"), None);
    for action in Action::ALL {
        assert_eq!(Action::from_form(format!("action={}", action.as_str()).as_bytes()), Some(action));
    }
}
