//! Statements.

use domicile_billing::ports::{Printer as _, StatementSheet};
use domicile_kernel::Money;

use crate::{
    poppler,
    sheets::{cedis, printer, statement},
};

#[test]
fn every_line_is_told_once_in_order_with_its_day_its_amount_and_its_balance() {
    let sheet = statement(300);
    let pdf = printer().statement(&sheet).unwrap();
    let text = poppler::text(&pdf);
    let mut rest = text.as_str();
    for (at, line) in sheet.lines.iter().enumerate() {
        let amount = Money::new(line.amount.amount_minor().abs(), line.amount.currency());
        let expected = format!("{} {} {}", line.text, amount.printed(), line.balance.printed());
        let found = rest.find(&expected).unwrap_or_else(|| panic!("line {at}, `{expected}`, is not in: {rest}"));
        assert_eq!(text.matches(&expected).count(), 1, "line {at}");
        rest = &rest[found + expected.len()..];
    }
    // 75 days of four lines each.
    assert_eq!(text.matches("15 Jan 2026").count(), 4, "{text}");
}

#[test]
fn a_statement_tells_what_was_owed_what_happened_and_what_is_owed() {
    let text = poppler::text(&printer().statement(&statement(3)).unwrap());
    for expected in [
        "Statement",
        "1 Jan 2026 – 31 Dec 2026",
        "Account of Ama Mensah",
        "Balance due ₵585.00",
        "Owed on 31 Dec 2026",
        "1 Jan 2026 Opening balance ₵125.00",
        "Charged ₵900.00",
        "Paid or credited -₵440.00",
        "Closing balance ₵585.00",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in: {text}");
    }
}

#[test]
fn a_balance_below_zero_is_called_credit() {
    let text = poppler::text(&printer().statement(&StatementSheet { closing: cedis(-2_000), ..statement(0) }).unwrap());
    assert!(text.contains("In credit ₵20.00") && text.contains("Closing balance -₵20.00"), "{text}");
    let text = poppler::text(&printer().statement(&StatementSheet { closing: cedis(0), ..statement(0) }).unwrap());
    assert!(text.contains("Nothing is owed"), "{text}");
}

#[test]
fn each_of_many_pages_has_the_table_s_head_the_hostel_and_its_number() {
    let pdf = printer().statement(&statement(1_000)).unwrap();
    let pages = poppler::pages(&pdf);
    assert_eq!(poppler::info(&pdf, "Pages"), pages.len().to_string());
    assert!((20..60).contains(&pages.len()), "{} pages", pages.len());
    for (at, page) in pages.iter().enumerate() {
        assert!(page.contains(&format!("Page {} of {}", at + 1, pages.len())), "{page}");
        for expected in ["Sunrise Hostel", "Date", "Description", "Charged", "Paid or credited", "Balance"] {
            assert!(page.contains(expected), "`{expected}` is not on page {}: {page}", at + 1);
        }
    }
    assert!(pages.last().unwrap().contains("Closing balance"));
}

#[test]
fn amounts_of_a_column_end_at_one_place() {
    let pdf = printer().statement(&statement(200)).unwrap();
    let words = poppler::words(&pdf);
    let ends: Vec<f32> =
        words.iter().filter(|word| word.text.starts_with('₵') && word.right > 500.0).map(|word| word.right).collect();
    assert!(ends.len() > 200, "{}", ends.len());
    assert!(ends.iter().all(|end| (end - ends[0]).abs() < 0.6), "{ends:?}");
}
