//! The sandbox's checkout page: plain HTML, one form, no scripts. Everything that is not the page's own is escaped.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domicile_kernel::Money;
use sha2::{Digest as _, Sha256};

use super::charge::{Action, SandboxCharge, SandboxState};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1c1c1c}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}dt{color:#555}dd{margin:0;overflow-wrap:anywhere}\
button{font:inherit;margin:.25rem .5rem .25rem 0;padding:.5rem 1rem}\
.play{background:#fff3c4;padding:.5rem 1rem}.said{border-left:4px solid #1c1c1c;padding:.5rem 1rem}";

/// The header `Content-Security-Policy` to serve the page with: its own style, its own form, and nothing else.
pub fn content_security_policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
}

/// The page of a charge, with what is to be said about it. The form posts `action=pay|decline|hang|pay_twice` to the
/// page's own address; it is there for as long as something can still be decided.
pub fn page(charge: &SandboxCharge, message: Option<&str>) -> String {
    page_at(charge, message, false)
}

pub(super) fn page_at(charge: &SandboxCharge, message: Option<&str>, is_over: bool) -> String {
    let mut body = String::new();
    if let Some(message) = message {
        let _ = write!(body, "<p class=\"said\" role=\"status\">{}</p>", escaped(message));
    }
    let rows = [
        ("Amount", charge.amount.to_string()),
        ("For", charge.description.clone()),
        ("Reference", charge.reference.clone()),
        ("State", charge.state.as_str().to_owned()),
    ];
    body.push_str("<dl>");
    for (name, value) in rows {
        let _ = write!(body, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    body.push_str("</dl>");
    if !is_over && matches!(charge.state, SandboxState::Open | SandboxState::Hanging) {
        form(&mut body, charge.amount);
    }
    if let Some(url) = charge.return_url.as_deref().filter(|url| leads_to_a_page(url)) {
        let _ = write!(body, "<p><a href=\"{}\" rel=\"noreferrer\">Back to where you came from</a></p>", escaped(url));
    }
    whole(&body)
}

/// The page for an address that belongs to no charge.
pub fn page_not_found() -> String {
    whole("<p class=\"said\" role=\"status\">There is no such payment.</p>")
}

fn form(body: &mut String, amount: Money) {
    body.push_str("<form method=\"post\">");
    for action in Action::ALL {
        let label = match action {
            Action::Pay => format!("Pay {amount}"),
            Action::Decline => "Be declined".to_owned(),
            Action::Hang => "Let it hang".to_owned(),
            Action::PayTwice => "Pay in two tabs".to_owned(),
        };
        let _ = write!(
            body,
            "<button type=\"submit\" name=\"action\" value=\"{}\">{}</button>",
            action.as_str(),
            escaped(&label)
        );
    }
    body.push_str("</form>");
}

fn whole(body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>Sandbox checkout</title><style>{STYLE}</style></head><body><h1>Sandbox checkout</h1>\
         <p class=\"play\">No real money moves here.</p>{body}</body></html>"
    )
}

/// A link that a browser opens as a page, and does not run.
pub(super) fn leads_to_a_page(url: &str) -> bool {
    let scheme = |name: &str| url.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    (scheme("https://") || scheme("http://")) && !url.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Text that is text in HTML, between tags and between quotes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}
