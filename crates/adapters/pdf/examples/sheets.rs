//! Prints two sheets to look at, and how long a statement of 1,000 lines takes:
//! `cargo run --release -p domicile-pdf --example sheets -- FOLDER`.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::{error::Error, fs, path::PathBuf, time::Instant as Clock};

use domicile_billing::ports::{Printer as _, ReceiptLine, ReceiptSheet, StatementLine, StatementSheet};
use domicile_kernel::{Currency, HostelDay, Instant, Money, Zone};
use domicile_pdf::PdfPrinter;

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args().nth(1).ok_or("which folder?")?.into();
    let started = Clock::now();
    let printer = PdfPrinter::new()?;
    println!("reading the typefaces: {:.1?}", started.elapsed());

    let receipt = receipt()?;
    let started = Clock::now();
    let pdf = printer.receipt(&receipt)?;
    println!("a receipt: {:.1?}, {} bytes", started.elapsed(), pdf.len());
    fs::write(folder.join("receipt.pdf"), pdf)?;

    let statement = statement()?;
    let mut times = Vec::new();
    for _ in 0..11 {
        let started = Clock::now();
        let pdf = printer.statement(&statement)?;
        times.push(started.elapsed());
        fs::write(folder.join("statement.pdf"), pdf)?;
    }
    println!("the first statement of 1,000 lines: {:.1?}", times.first().copied().unwrap_or_default());
    times.sort();
    println!("the median of eleven: {:.1?}", times.get(5).copied().unwrap_or_default());
    println!("the slowest: {:.1?}", times.last().copied().unwrap_or_default());
    Ok(())
}

fn receipt() -> Result<ReceiptSheet, Box<dyn Error>> {
    let line = |text: &str, minor: i64| ReceiptLine { text: text.into(), amount: Money::new(minor, Currency::GHS) };
    Ok(ReceiptSheet {
        hostel: "Sunrise Hostel, East Legon".into(),
        zone: Zone::parse("Africa/Accra")?,
        number: "dom_0198f2a1c3d4".into(),
        paid_at: "2026-09-01T14:32:10Z".parse()?,
        payer: "Ọlá Ɔ\u{301}sɛ\u{301}i-Mensah 王小明".into(),
        provider: "paystack".into(),
        lines: vec![
            line("Rent 2026-09-01 to 2026-10-01, room B-204, bed 3", 45_000),
            line(
                "Deposit, one month of rent, held until the end of the stay and given back less what was agreed for damages",
                90_050,
            ),
            line("Into the wallet", 5_000),
        ],
        amount: Money::new(140_050, Currency::GHS),
        refunded: Money::new(20_000, Currency::GHS),
        made_at: "2026-09-02T08:00:00Z".parse()?,
    })
}

fn statement() -> Result<StatementSheet, Box<dyn Error>> {
    let naira = Currency::parse("NGN")?;
    let mut owed = 1_250_000;
    let first: Instant = "2026-01-01T09:00:00Z".parse()?;
    let lines = (0..1_000i64)
        .map(|at| {
            let amount = if at % 2 == 0 { 4_500_000 } else { -4_499_000 };
            owed += amount;
            let text = if at % 2 == 0 {
                format!("Rent 2026-09-01 to 2026-10-01, room B-{at}, bed 3, with everything that belongs to it")
            } else {
                format!("Payment dom_0198f2a1c3d{at:04} by Paystack")
            };
            StatementLine {
                at: Instant::from_seconds(first.seconds() + at * 7 * 3_600),
                text,
                amount: Money::new(amount, naira),
                balance: Money::new(owed, naira),
            }
        })
        .collect();
    Ok(StatementSheet {
        hostel: "Unity Hall, Yaba".into(),
        zone: Zone::parse("Africa/Lagos")?,
        person: "Chidinma Ọkọnkwọ".into(),
        from: HostelDay::new(2026, 1, 1).ok_or("a day")?,
        to: HostelDay::new(2026, 12, 31).ok_or("a day")?,
        opening: Money::new(1_250_000, naira),
        lines,
        closing: Money::new(owed, naira),
        made_at: "2027-01-01T08:00:00Z".parse()?,
    })
}
