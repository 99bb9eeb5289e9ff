//! One line an event, for people.

use serde_json::{Map, Value};

/// What of an event's data a person wants to see in one line, in this order.
const SHOWN: &[&str] = &[
    "name",
    "room_name",
    "status",
    "check_in_date",
    "check_out_date",
    "online",
    "is_enabled",
    "user_id",
    "room_id",
    "bed_id",
    "id",
];

/// Time, number, type, and what it is about.
pub(super) fn of(message: &Value) -> String {
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = text("timestamp").get(11..19).unwrap_or("--:--:--");
    let seq = message.get("seq").and_then(Value::as_i64).map_or_else(|| "-".to_owned(), |seq| seq.to_string());
    let about = match message.get("data") {
        Some(Value::Object(fields)) => fields_of(fields),
        Some(Value::Array(items)) => format!("{} of them", items.len()),
        _ => match message.get("topic").and_then(Value::as_str) {
            Some(topic) => topic.to_owned(),
            None => String::new(),
        },
    };
    plain(&format!("{time}Z {seq:>7}  {:<22} {about}", text("type")))
}

fn fields_of(fields: &Map<String, Value>) -> String {
    let shown = SHOWN.iter().filter_map(|name| {
        let value = match fields.get(*name)? {
            Value::String(text) => text.clone(),
            Value::Bool(yes) => yes.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(format!("{name}={value}"))
    });
    shown.collect::<Vec<_>>().join("  ")
}

/// Without anything that a terminal would obey: what is shown may come from anybody.
pub(super) fn plain(text: &str) -> String {
    let line = text.chars().filter(|letter| !letter.is_control() && !is_direction(*letter)).collect::<String>();
    line.trim_end().to_owned()
}

/// Marks that turn the direction of writing, and with it what a person believes to read.
const fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = json!({
            "type": "booking.approved", "seq": 42, "timestamp": "2026-01-20T10:30:00.125Z",
            "data": { "id": "b1", "status": "approved", "check_in_date": "2026-02-01", "beds": [1] },
        });
        assert_eq!(
            of(&event),
            "10:30:00Z      42  booking.approved       status=approved  check_in_date=2026-02-01  id=b1"
        );
    }

    #[test]
    fn what_is_missing_or_hostile_breaks_no_line() {
        assert_eq!(of(&json!({ "type": "x" })), "--:--:--Z       -  x");
        let hostile = json!({ "type": "room.created", "data": { "name": "\u{1b}[2J\r\nA\u{202e}B" } });
        assert!(of(&hostile).ends_with("name=[2JAB"), "{}", of(&hostile));
        assert_eq!(of(&json!({ "type": "ä", "timestamp": "äääääääääää" })), "--:--:--Z       -  ä");
    }
}
