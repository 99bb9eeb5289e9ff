//! Free text as it is stored: what a person typed, without anything a browser or a terminal could obey (J8).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Clean text. Made only by [`Text::clean`], so a value of this type never holds a tag, a comment, the content of a
/// script or style element, a control character (line breaks and tabs stay) or a bidirectional override, and has no
/// space at its ends. What a person typed otherwise stays: `Tom & Jerry`, `5 < 6`, `&lt;b&gt;`.
///
/// ```
/// use domicile_kernel::Text;
/// assert_eq!(Text::clean(" <b>Quiet</b> room<script>alert(1)</script>, 5 < 6 ").as_str(), "Quiet room, 5 < 6");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Cleans what somebody typed. Cleaning twice changes nothing more.
    #[must_use]
    pub fn clean(raw: &str) -> Self {
        if raw.bytes().all(is_plain) {
            return Self(raw.trim().to_owned());
        }
        let mut text: String = raw.chars().filter(|c| is_kept(*c)).collect();
        // Removing a tag can bring the halves of another together (`<<b>script>`), so it is done until nothing goes.
        for _ in 0..MOST_PASSES {
            let stripped = strip_markup(&text);
            if stripped.len() == text.len() {
                return Self(text.trim().to_owned());
            }
            text = stripped;
        }
        // Nobody nests so deep but to keep us busy: a megabyte of `<<<<…b>b>b>` would take a day. Without its signs no
        // markup can be left.
        text.retain(|c| c != '<');
        Self(text.trim().to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many characters (Unicode scalar values) it has, after cleaning: what every length rule counts.
    #[must_use]
    pub fn chars(&self) -> usize {
        self.0.chars().count()
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text as an owned string.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|raw| Self::clean(&raw))
    }
}

/// How often markup is taken out before what is left of it loses its signs: what keeps cleaning linear.
const MOST_PASSES: usize = 16;

/// Whether a byte is part of a text in which there is nothing to clean but its ends: what most texts are made of, whether
/// typed or read back from where they are stored.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\t') && byte != b'<'
}

/// Line breaks and tabs stay; other controls, bidi overrides and isolates, and invisible separators go.
fn is_kept(c: char) -> bool {
    match c {
        '\n' | '\t' => true,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}' => false,
        '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        _ => !c.is_control(),
    }
}

/// One pass: drops comments, script and style elements with their content, and every tag.
fn strip_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quotes_close = true;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        match markup_len(from, &mut quotes_close) {
            Some(len) => rest = from.get(len..).unwrap_or(""),
            None => {
                out.push('<');
                rest = from.get(1..).unwrap_or("");
            }
        }
    }
    out.push_str(rest);
    out
}

/// How many bytes of `from`, which starts with `<`, are markup; `None` when the sign stands for itself. `quotes_close`: no
/// quote that stays open to the end was met before.
fn markup_len(from: &str, quotes_close: &mut bool) -> Option<usize> {
    if from.starts_with("<!--") {
        return Some(from.find("-->").map_or(from.len(), |end| end + 3));
    }
    let mut chars = from.chars().skip(1);
    let first = chars.next()?;
    let opens = first.is_ascii_alphabetic()
        || matches!(first, '!' | '?')
        || (first == '/' && chars.next().is_some_and(|c| c.is_ascii_alphabetic()));
    if !opens {
        return None;
    }
    for element in ["script", "style"] {
        if starts_element(from, element) {
            return Some(raw_element_len(from, element));
        }
    }
    // A tag that is never closed swallows the rest in a browser, so the rest goes with it.
    Some(tag_end(from, quotes_close).unwrap_or(from.len()))
}

fn starts_element(from: &str, element: &str) -> bool {
    let name = from.get(1..=element.len()).is_some_and(|name| name.eq_ignore_ascii_case(element));
    let after = from.get(element.len() + 1..).and_then(|rest| rest.chars().next());
    name && after.is_none_or(|c| !c.is_ascii_alphanumeric())
}

/// From `<script …>` to behind its closing tag, or to the end.
fn raw_element_len(from: &str, element: &str) -> usize {
    let closes = |at: usize| {
        let name = from.get(at + 2..at + 2 + element.len());
        name.is_some_and(|name| name.eq_ignore_ascii_case(element))
    };
    let found = from.match_indices("</").map(|(at, _)| at).find(|at| closes(*at));
    found.map_or(from.len(), |at| {
        let tail = from.get(at..).unwrap_or("");
        at + tail.find('>').map_or(tail.len(), |end| end + 1)
    })
}

/// Where a tag ends, minding quotes around attribute values. Once a quote was found to stay open to the end, the rest of
/// the pass does not mind them: otherwise each of many such tags would read to the end again.
fn tag_end(from: &str, quotes_close: &mut bool) -> Option<usize> {
    if !*quotes_close {
        return from.find('>').map(|at| at + 1);
    }
    let mut quote = None;
    let mut after_equals = false;
    for (at, c) in from.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if after_equals => quote = Some(c),
            (None, '>') => return Some(at + 1),
            (None, _) => {}
        }
        if !c.is_whitespace() {
            after_equals = c == '=';
        }
    }
    // An unclosed quote: end at the first sign that could close the tag.
    *quotes_close = false;
    from.find('>').map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(raw: &str) -> String {
        Text::clean(raw).into_string()
    }

    #[test]
    fn what_a_person_typed_stays() {
        for text in
            ["Tom & Jerry", "5 < 6", "6 > 5", "a <3 b", "&lt;b&gt;", "O'Brien", "naïve — 東京 🏠", "line\nbreak\ttab"]
        {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn what_a_browser_would_obey_goes() {
        for (raw, want) in [
            ("<b>bold</b>", "bold"),
            ("a<script>alert(1)</script>b", "ab"),
            ("a<SCRIPT src=x>alert(1)</ScRiPt >b", "ab"),
            ("a<style>p{}</style>b", "ab"),
            ("a<!-- hidden -->b", "ab"),
            ("a<!-- never closed", "a"),
            ("<<b>script>alert(1)</script>", ""),
            ("<img src=x onerror=\"alert('>')\">x", "x"),
            ("<a href='", ""),
            ("</p>", ""),
            ("<?php echo 1 ?>x", "x"),
            ("scr<b>ipt", "script"),
            ("evil\u{202e}txt.exe\u{0}", "eviltxt.exe"),
            ("  spaced  ", "spaced"),
        ] {
            assert_eq!(clean(raw), want, "{raw}");
        }
    }

    #[test]
    fn cleaning_what_was_made_to_keep_us_busy_is_quick_and_complete() {
        let n = 40_000;
        let hostile = [
            format!("{}{}", "<".repeat(n), "b>".repeat(n)),
            "<script></SCRIPT>".repeat(n),
            "<script></".repeat(n),
            "<a ='><a ' y='>".repeat(n),
            "<!--".repeat(n),
        ];
        for raw in hostile {
            let once = clean(&raw);
            assert_eq!(clean(&once), once);
            assert!(!once.contains("<a") && !once.contains("<b"), "markup was left");
        }
        // When every layer was a pass of its own each took minutes, and the test runner ends what takes five.
    }

    proptest::proptest! {
        #[test]
        fn cleaning_is_idempotent(raw in "\\PC*|[<>a-z!/\"'= -]{0,60}|(<script>|</script>|<!--|-->|<b|>|<|x){0,12}") {
            let once = clean(&raw);
            proptest::prop_assert_eq!(clean(&once), once);
        }

        #[test]
        fn no_tag_survives(raw in "(<script>|</script>|<!--|-->|<b|>|<|/|x|=|\"){0,16}") {
            let once = clean(&raw);
            let tagged = once.char_indices().any(|(at, c)| c == '<' && once[at + 1..].starts_with(|n: char| n.is_ascii_alphabetic()));
            proptest::prop_assert!(!tagged, "{}", once);
        }
    }
}
