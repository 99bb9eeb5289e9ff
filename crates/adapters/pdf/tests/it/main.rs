//! Sheets as a reader sees them: everything here looks at the finished documents, through poppler, which is not ours.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that asks for what is not there fails, which is its purpose"
)]

mod bytes;
mod hostile;
mod poppler;
mod receipt;
mod sheets;
mod statement;
