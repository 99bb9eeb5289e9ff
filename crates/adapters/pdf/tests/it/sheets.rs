//! Sheets to print.

use domicile_billing::ports::{ReceiptLine, ReceiptSheet, StatementLine, StatementSheet};
use domicile_kernel::{Currency, HostelDay, Instant, Money, Zone};
use domicile_pdf::PdfPrinter;

pub(crate) fn printer() -> PdfPrinter {
    PdfPrinter::new().expect("the typefaces are part of the program")
}

pub(crate) fn cedis(minor: i64) -> Money {
    Money::new(minor, Currency::GHS)
}

pub(crate) fn instant(text: &str) -> Instant {
    text.parse().expect("an instant")
}

pub(crate) fn receipt() -> ReceiptSheet {
    ReceiptSheet {
        hostel: "Sunrise Hostel".into(),
        zone: Zone::parse("Africa/Accra").expect("a zone"),
        number: "pay_0198f2a1c3".into(),
        paid_at: instant("2026-09-01T14:32:10Z"),
        payer: "Ama Mensah".into(),
        provider: "paystack".into(),
        lines: vec![
            ReceiptLine { text: "Rent 2026-09-01 to 2026-10-01".into(), amount: cedis(45_000) },
            ReceiptLine { text: "Deposit".into(), amount: cedis(90_050) },
        ],
        amount: cedis(135_050),
        refunded: cedis(0),
        made_at: instant("2026-09-02T08:00:00Z"),
    }
}

/// A statement of so many lines that adds up.
pub(crate) fn statement(count: usize) -> StatementSheet {
    let opening = 12_500;
    let mut owed = opening;
    let first = instant("2026-01-01T09:00:00Z");
    let lines: Vec<StatementLine> = (0..count)
        .map(|at| {
            let amount = if at % 2 == 0 { 45_000 } else { -44_000 };
            owed += amount;
            let what =
                if at % 2 == 0 { "Rent for room B-204, bed 3, period" } else { "Payment by Paystack, reference" };
            StatementLine {
                at: Instant::from_seconds(first.seconds() + 6 * 3_600 * i64::try_from(at).expect("few lines")),
                text: format!("{what} {at:04}"),
                amount: cedis(amount),
                balance: cedis(owed),
            }
        })
        .collect();
    StatementSheet {
        hostel: "Sunrise Hostel".into(),
        zone: Zone::parse("Africa/Accra").expect("a zone"),
        person: "Ama Mensah".into(),
        from: HostelDay::new(2026, 1, 1).expect("a day"),
        to: HostelDay::new(2026, 12, 31).expect("a day"),
        opening: cedis(opening),
        lines,
        closing: cedis(owed),
        made_at: instant("2027-01-01T08:00:00Z"),
    }
}
