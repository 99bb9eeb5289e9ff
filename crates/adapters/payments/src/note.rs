//! Our own reference on a refund. Gateways give refunds no field for it, so it travels in the note to the merchant.

const BEFORE: &str = "domicile refund ";

/// The note that carries a reference.
pub(crate) fn of(reference: &str) -> String {
    format!("{BEFORE}{reference}")
}

/// The reference that a note carries, if it is one of ours.
pub(crate) fn reference_in(note: &str) -> Option<&str> {
    note.strip_prefix(BEFORE).filter(|reference| is_sendable(reference))
}

/// Whether a reference is made of what gateways take: letters, digits, `-`, `.` and `=`, at most 100 and not dots alone.
pub(crate) fn is_sendable(reference: &str) -> bool {
    let kept = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'=');
    (1..=100).contains(&reference.len()) && reference.bytes().all(kept) && reference.bytes().any(|b| b != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_gives_back_the_reference_it_was_made_of() {
        assert_eq!(reference_in(&of("rf-1.a=")), Some("rf-1.a="));
        for other in ["", "rf-1", "Refund for transaction x by y", "domicile refund ", "domicile refund a b"] {
            assert_eq!(reference_in(other), None, "{other}");
        }
    }

    #[test]
    fn a_reference_cannot_walk_out_of_its_place_in_a_path() {
        for bad in ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "a\n", "ä", &"x".repeat(101)] {
            assert!(!is_sendable(bad), "{bad:?}");
        }
        assert!(is_sendable("pay-0190.7f="));
    }
}
