//! A printer that writes plain text: what a sheet says, line by line.

use std::fmt::Write as _;

use crate::ports::{PrintError, Printer, ReceiptSheet, StatementSheet};

/// Prints text in the place of PDF.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainPrinter;

impl Printer for PlainPrinter {
    fn receipt(&self, sheet: &ReceiptSheet) -> Result<Vec<u8>, PrintError> {
        let mut text = format!("{}\nReceipt {}\n{}\n", sheet.hostel, sheet.number, sheet.payer);
        for line in &sheet.lines {
            let _infallible = writeln!(text, "{} {}", line.text, line.amount.printed());
        }
        let _infallible = writeln!(text, "Paid {}", sheet.amount.printed());
        Ok(text.into_bytes())
    }

    fn statement(&self, sheet: &StatementSheet) -> Result<Vec<u8>, PrintError> {
        let mut text = format!("{}\n{}\n{} {}\n", sheet.hostel, sheet.person, sheet.from, sheet.opening.printed());
        for line in &sheet.lines {
            let _infallible = writeln!(text, "{} {} {}", line.text, line.amount.printed(), line.balance.printed());
        }
        let _infallible = writeln!(text, "{} {}", sheet.to, sheet.closing.printed());
        Ok(text.into_bytes())
    }
}
