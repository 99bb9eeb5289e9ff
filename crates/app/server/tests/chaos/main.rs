//! Proofs that take longer than the suite has time for: `cargo test -p domicile-server --test chaos`. Each has a smaller run
//! of the same code in the suite.

mod import;

#[path = "../it/import/place.rs"]
mod place;
