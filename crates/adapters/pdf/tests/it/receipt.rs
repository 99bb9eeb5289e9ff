//! Receipts.

use domicile_billing::ports::{Printer as _, ReceiptLine, ReceiptSheet};
use domicile_kernel::{Currency, Money};

use crate::{
    poppler,
    sheets::{cedis, printer, receipt},
};

#[test]
fn a_receipt_tells_who_paid_what_for_what_and_when() {
    let pdf = printer().receipt(&receipt()).unwrap();
    let text = poppler::text(&pdf);
    for expected in [
        "Sunrise Hostel",
        "Receipt",
        "pay_0198f2a1c3",
        "Received from Ama Mensah",
        "1 Sep 2026, 14:32",
        "Paystack",
        "Rent 2026-09-01 to 2026-10-01 ₵450.00",
        "Deposit ₵900.50",
        "Amount paid ₵1,350.50",
        "Page 1 of 1",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in: {text}");
    }
    assert!(!text.contains("efunded"), "nothing was refunded: {text}");
    assert_eq!(poppler::info(&pdf, "Pages"), "1");
}

#[test]
fn what_came_back_is_told_with_what_remains() {
    let sheet = ReceiptSheet { refunded: cedis(35_050), ..receipt() };
    let text = poppler::text(&printer().receipt(&sheet).unwrap());
    for expected in
        ["₵350.50 refunded since", "Amount paid ₵1,350.50", "Refunded -₵350.50", "Paid after refunds ₵1,000.00"]
    {
        assert!(text.contains(expected), "`{expected}` is not in: {text}");
    }

    let sheet = ReceiptSheet { refunded: cedis(135_050), ..receipt() };
    let text = poppler::text(&printer().receipt(&sheet).unwrap());
    assert!(text.contains("Refunded in full") && text.contains("Paid after refunds ₵0.00"), "{text}");
}

#[test]
fn a_payment_that_is_used_for_nothing_yet_has_a_receipt_too() {
    let text = poppler::text(&printer().receipt(&ReceiptSheet { lines: vec![], ..receipt() }).unwrap());
    assert!(text.contains("Not used for an invoice yet."), "{text}");
}

#[test]
fn every_currency_is_in_the_text_as_it_is_printed_elsewhere() {
    for code in ["GHS", "NGN", "INR", "EUR", "USD", "GBP", "JPY", "KES", "ZAR", "XOF", "KWD", "CHF"] {
        let amount = Money::new(123_456_789, Currency::parse(code).unwrap());
        let sheet = ReceiptSheet {
            lines: vec![ReceiptLine { text: "Rent".into(), amount }],
            amount,
            refunded: Money::zero(amount.currency()),
            ..receipt()
        };
        let text = poppler::text(&printer().receipt(&sheet).unwrap());
        let printed = poppler::one_line(&amount.printed());
        // Beside its label, in its line of the table, and as the sum.
        assert_eq!(text.matches(&printed).count(), 3, "{code}: `{printed}` in: {text}");
    }
}

#[test]
fn currency_signs_are_drawn_and_differ_from_the_box_of_an_unknown_character() {
    // The same sheet but for the hostel's name, of one character: what is drawn at its place.
    let drawn = |name: &str| {
        let sheet = ReceiptSheet { hostel: name.into(), ..receipt() };
        poppler::darkness(&printer().receipt(&sheet).unwrap())[12..18]
            .iter()
            .map(|row| row[13..20].iter().map(|dark| (dark * 50.0) as u32).collect())
            .collect::<Vec<Vec<u32>>>()
    };
    let (unknown, blank) = (drawn("王"), drawn(" "));
    assert_ne!(unknown, blank, "a character without a glyph is visible");
    assert!(blank.iter().flatten().all(|dark| *dark == 0), "{blank:?}");
    let signs: Vec<_> = ["₵", "₦", "₹", "€", "£", "$", "¥"].map(|sign| (sign, drawn(sign))).into();
    for (at, (sign, seen)) in signs.iter().enumerate() {
        assert_ne!(*seen, unknown, "{sign}");
        assert_ne!(*seen, blank, "{sign}");
        assert!(signs.iter().skip(at + 1).all(|(_, other)| other != seen), "{sign}");
    }
}

#[test]
fn a_receipt_of_many_lines_goes_on_on_the_next_page() {
    let lines: Vec<ReceiptLine> =
        (0..90).map(|at| ReceiptLine { text: format!("Invoice {at:03}"), amount: cedis(100) }).collect();
    let pdf = printer().receipt(&ReceiptSheet { lines, ..receipt() }).unwrap();
    let pages = poppler::pages(&pdf);
    assert!(pages.len() > 1);
    for page in &pages {
        assert!(page.contains("Description") && page.contains("Amount") && page.contains("pay_0198f2a1c3"), "{page}");
    }
    let text = poppler::text(&pdf);
    assert!((0..90).all(|at| text.contains(&format!("Invoice {at:03} ₵1.00"))), "{text}");
}
