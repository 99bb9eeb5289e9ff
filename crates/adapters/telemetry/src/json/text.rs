//! JSON's own spelling of texts, numbers and instants, written straight into a buffer.

use std::{
    cell::Cell,
    fmt::{self, Write as _},
};

use domicile_kernel::Instant;

/// A text in quotes.
pub(super) fn string(bytes: &mut Vec<u8>, value: &str) {
    bytes.push(b'"');
    escape(bytes, value);
    bytes.push(b'"');
}

/// What is formatted, without quotes around it, escaped.
pub(super) fn escaped(bytes: &mut Vec<u8>, value: fmt::Arguments<'_>) {
    // Writing into a buffer cannot fail; a value that cannot be printed is told as far as it went.
    let _unprinted = Escaping(bytes).write_fmt(value);
}

/// What is formatted, as it is: for what never needs escaping.
pub(super) fn plain(bytes: &mut Vec<u8>, value: fmt::Arguments<'_>) {
    // Writing into a buffer cannot fail.
    let _unprinted = Plain(bytes).write_fmt(value);
}

/// A number with at most three digits behind the point; what JSON has no number for is null.
pub(super) fn number(bytes: &mut Vec<u8>, value: f64) {
    let thousandths = (value * 1_000.0).round();
    if thousandths.abs() < 1e15 {
        let whole = thousandths as i64;
        let sign = if whole < 0 { "-" } else { "" };
        let (units, rest) = (whole.unsigned_abs() / 1_000, whole.unsigned_abs() % 1_000);
        plain(bytes, format_args!("{sign}{units}.{rest:03}"));
        while bytes.ends_with(b"0") && !bytes.ends_with(b".0") {
            bytes.pop();
        }
    } else if value.is_finite() {
        plain(bytes, format_args!("{value:e}"));
    } else {
        bytes.extend_from_slice(b"null");
    }
}

/// An instant as the kernel prints it. The text of a whole second is kept by its thread: the calendar is asked once a
/// second and not once a line.
pub(super) fn instant(bytes: &mut Vec<u8>, at: Instant) {
    thread_local! {
        // Without anything to tear down, so that a line at a thread's very end finds it too.
        static SECOND: Cell<(i64, [u8; 40], usize)> = const { Cell::new((i64::MIN, [0; 40], 0)) };
    }
    let (known, mut text, mut length) = SECOND.get();
    let second = at.seconds();
    if known != second {
        let shown = Instant::from_seconds(second).to_string();
        let shown = shown.trim_end_matches('Z').as_bytes();
        length = shown.len().min(text.len());
        text.iter_mut().zip(shown).for_each(|(to, from)| *to = *from);
        SECOND.set((second, text, length));
    }
    bytes.extend_from_slice(text.get(..length).unwrap_or_default());
    let micros = at.micros().rem_euclid(1_000_000);
    if micros > 0 {
        plain(bytes, format_args!(".{micros:06}"));
        while bytes.ends_with(b"0") {
            bytes.pop();
        }
    }
    bytes.push(b'Z');
}

struct Plain<'a>(&'a mut Vec<u8>);

impl fmt::Write for Plain<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

struct Escaping<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

fn escape(bytes: &mut Vec<u8>, text: &str) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => b"",
            _ => continue,
        };
        bytes.extend_from_slice(text.as_bytes().get(from..at).unwrap_or_default());
        if short.is_empty() {
            plain(bytes, format_args!("\\u{byte:04x}"));
        } else {
            bytes.extend_from_slice(short);
        }
        from = at + 1;
    }
    bytes.extend_from_slice(text.as_bytes().get(from..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_text_is_read_back_as_it_was() {
        let every: String = (0..=0x2ff).filter_map(char::from_u32).collect();
        for text in ["", "a\"b\\c\n\r\t\0\u{1f}", "é 🦀 \u{2028}", &every] {
            let shown = written(|bytes| string(bytes, text));
            assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
            let shown = written(|bytes| {
                bytes.push(b'"');
                escaped(bytes, format_args!("{text}"));
                bytes.push(b'"');
            });
            assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }

    #[test]
    fn numbers_are_json_with_three_digits_at_most() {
        for (value, expected) in [
            (0.0, "0.0"),
            (1.5, "1.5"),
            (0.123_456, "0.123"),
            (-2.25, "-2.25"),
            (-0.5, "-0.5"),
            (100.0, "100.0"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
            (1e300, "1e300"),
        ] {
            assert_eq!(written(|bytes| number(bytes, value)), expected);
        }
    }

    #[test]
    fn instants_look_as_everywhere_else() {
        for text in
            ["2026-01-20T10:30:00Z", "2026-01-20T10:30:00.25Z", "2026-01-20T10:30:00.000001Z", "1969-12-31T23:59:59.5Z"]
        {
            assert_eq!(written(|bytes| instant(bytes, text.parse().unwrap())), text);
        }
    }
}
