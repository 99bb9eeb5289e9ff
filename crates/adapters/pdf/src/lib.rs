//! Receipts and statements as PDF: A4, with text that can be selected, in one typeface that is part of the document. The
//! same sheet is always the same bytes.
//!
//! Sheets are set in Noto Sans, of which `fonts/` holds the part for Latin, Greek and Cyrillic letters and currency signs
//! (`fonts/README.md` says where it comes from; its licence is the SIL Open Font License 1.1, `fonts/OFL.txt`). A
//! character that is not in it, as in a name in Chinese or Arabic, is drawn as an empty box; copied out of the document it
//! is still the character.
//!
//! On the way a sheet of the domain becomes a [`sheet::Sheet`], texts in their places; `layout` turns that into
//! [`page::Page`]s, on which everything has been measured; `write` turns those into bytes.

mod calendar;
mod font;
mod layout;
mod page;
mod receipt;
mod sheet;
mod statement;
mod text;
mod write;

use domicile_billing::ports::{PrintError, Printer, ReceiptSheet, StatementSheet};
use domicile_kernel::Instant;
pub use font::FontError;

use crate::{font::Fonts, sheet::Sheet, write::About};

/// Prints sheets as PDF. Made once: it has read its typefaces then.
#[derive(Debug)]
pub struct PdfPrinter {
    fonts: Fonts,
}

impl PdfPrinter {
    /// Reads the typefaces that are part of the program.
    pub fn new() -> Result<Self, FontError> {
        Ok(Self { fonts: Fonts::new()? })
    }

    fn print(&self, sheet: &Sheet, made_at: Instant) -> Result<Vec<u8>, PrintError> {
        let pages = layout::set(&self.fonts, sheet);
        let title = text::clean(&format!("{} {} · {}", sheet.title, sheet.number, sheet.issuer));
        let author = text::clean(&sheet.issuer);
        let about = About { title: &title, author: &author, made_at };
        write::write(&self.fonts, &pages, &about).map_err(|error| PrintError(Box::new(error)))
    }
}

impl Printer for PdfPrinter {
    fn receipt(&self, sheet: &ReceiptSheet) -> Result<Vec<u8>, PrintError> {
        self.print(&receipt::sheet(sheet), sheet.made_at)
    }

    fn statement(&self, sheet: &StatementSheet) -> Result<Vec<u8>, PrintError> {
        self.print(&statement::sheet(sheet), sheet.made_at)
    }
}
