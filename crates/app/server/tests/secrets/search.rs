//! What was planted, and finding it in any of the spellings that a log could give it.

/// Everything that must not be found, each under a name.
#[derive(Default)]
pub(crate) struct Planted(Vec<(String, String)>);

impl Planted {
    /// Plants a secret.
    pub(crate) fn plant(&mut self, name: &str, secret: impl Into<String>) -> String {
        let secret = secret.into();
        assert!(secret.len() >= 6, "{name} is too short to be looked for");
        self.0.push((name.to_owned(), secret.clone()));
        secret
    }

    /// A secret that a password's rules take.
    pub(crate) fn password(&mut self, name: &str) -> String {
        let number = self.0.len();
        self.plant(name, format!("Zx{number:02}-{}-Horse!", name.replace(' ', "-")))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The names of those that stand in a text, with a little of what is around them.
    pub(crate) fn found_in(&self, place: &str, text: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        // What is planted is ASCII, so it stands in bytes that are no text as it would in a text.
        let text = String::from_utf8_lossy(text);
        for (name, secret) in &self.0 {
            for (spelling, needle) in spellings(secret) {
                if let Some(at) = position(&text, &needle) {
                    let end = text.len().min(at + needle.len() + 60);
                    let around = &text.as_bytes()[at.saturating_sub(160)..end];
                    let around = String::from_utf8_lossy(around).replace('\n', " ");
                    found.push(format!("{name} ({spelling}) in {place}: …{around}…"));
                }
            }
        }
        found
    }
}

/// Where a text stands, by itself: digits of a code within a longer number are not that code.
fn position(text: &str, needle: &str) -> Option<usize> {
    text.match_indices(needle).map(|(at, _)| at).find(|at| {
        let whole = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'.');
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        needle.len() > 8 || (whole(before) && whole(text.as_bytes().get(at + needle.len())))
    })
}

fn spellings(secret: &str) -> Vec<(&'static str, String)> {
    let mut all = vec![("as it is", secret.to_owned())];
    let percent: String = secret
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let json = serde_json::to_string(secret).unwrap();
    all.push(("escaped", json.trim_matches('"').to_owned()));
    all.push(("percent-encoded", percent));
    all.push((
        "hexadecimal",
        secret
            .bytes()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect(),
    ));
    all.push(("as bytes", format!("{:?}", secret.as_bytes())));
    for before in ["", "x", "xx"] {
        // As part of something longer it is shifted: the first and the last digits belong to its neighbours, too.
        let digits = base64(format!("{before}{secret}").as_bytes());
        let inner = digits.trim_end_matches('=');
        let inner = &inner[if before.is_empty() { 0 } else { 4 }..inner.len().saturating_sub(2)];
        if inner.len() >= 8 {
            all.push(("in base64", inner.to_owned()));
            all.push(("in base64url", inner.replace('+', "-").replace('/', "_")));
        }
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|(_, text)| seen.insert(text.clone()));
    all
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().chain([0, 0].iter()).take(3).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        for digit in 0..4 {
            let at = (number >> (18 - 6 * digit)) & 63;
            text.push(if digit as usize <= three.len() { char::from(DIGITS[at as usize]) } else { '=' });
        }
    }
    text
}

#[test]
fn what_is_planted_is_found_in_every_spelling() {
    let mut planted = Planted::default();
    planted.plant("it", "a s\"cret+/?");
    assert_eq!(base64(b"user:pass"), "dXNlcjpwYXNz");
    let header = base64(b"somebody:a s\"cret+/?");
    for text in ["xa s\"cret+/?x", "a s\\\"cret+/?", "a%20s%22cret%2B%2F%3F", &header] {
        assert!(!planted.found_in("here", text.as_bytes()).is_empty(), "{text}");
    }
    assert!(planted.found_in("here", b"nothing of it").is_empty());
    let mut code = Planted::default();
    code.plant("a code", "123456");
    assert!(code.found_in("here", b"a 0123456 and 10.123456 and f123456").is_empty());
    assert_eq!(code.found_in("here", b"code=123456,").len(), 1);
}
