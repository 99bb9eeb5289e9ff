//! Rules on the text of the sources that no compiler checks.

use std::fs;

use crate::workspace::{root, rust_files, shown};

/// What the source of a domain crate may not name, and what to use instead.
const OUTSIDE_WORLD: &[(&str, &str)] = &[
    ("sea_orm", "a port of the crate"),
    ("sqlx", "a port of the crate"),
    ("actix_web", "a use case knows no HTTP"),
    ("actix", "a use case knows no HTTP"),
    ("reqwest", "a port of the crate"),
    ("redis", "a port of the crate"),
    ("moka", "a port of the crate"),
    ("lettre", "a port of the crate"),
    ("tokio", "async-trait and plain futures; tests use pollster"),
    ("tracing", "events and errors carry what is to be known; the edges log"),
    ("rand", "kernel::Secrets"),
    ("SystemTime", "kernel::Clock"),
    ("std::time::Instant", "kernel::Clock"),
    ("std::fs", "a port of the crate"),
    ("std::net", "a port of the crate"),
    ("std::env", "configuration comes in as arguments"),
    ("std::process", "a port of the crate"),
    ("std::thread", "a use case is one task"),
];

#[test]
fn domain_crates_do_not_name_technologies() {
    let mut offences = Vec::new();
    // A domain crate's tests may use threads to race; its sources may not.
    for file in rust_files(&root().join("crates/domain")).into_iter().filter(|file| !shown(file).contains("/tests/")) {
        let text = fs::read_to_string(&file).expect("a source file can be read");
        for (number, line) in text.lines().enumerate() {
            // A comment may explain itself with anything.
            let code = line.split("//").next().unwrap_or_default();
            for (name, instead) in OUTSIDE_WORLD {
                if names(code, name) {
                    offences.push(format!("{}:{}: `{name}` (instead: {instead})", shown(&file), number + 1));
                }
            }
        }
    }
    assert!(
        offences.is_empty(),
        "A domain crate is pure: no I/O, no clock, no randomness, no framework (docs/architecture.md, section 1).\n{}",
        offences.join("\n")
    );
}

#[test]
fn every_source_file_opens_with_what_it_is_for() {
    let mut offences = Vec::new();
    for folder in ["crates", "migration"] {
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).expect("a source file can be read");
            let opening = text.lines().next().and_then(|line| line.strip_prefix("//!")).unwrap_or_default();
            if opening.trim().is_empty() || opening.contains("To be written") {
                offences.push(shown(&file));
            }
        }
    }
    assert!(offences.is_empty(), "These files do not open with `//!` and what they are for:\n{}", offences.join("\n"));
}

/// Whether the code holds the path as a path: used, imported or called, not as a part of a longer word, and not as
/// something of our own with that name.
fn names(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let before = code.get(..at).unwrap_or_default();
        let after = code.get(at + path.len()..).unwrap_or_default();
        let starts = !before.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '"');
        let ends = !after.starts_with(|first: char| first.is_alphanumeric() || first == '_');
        let is_path = path.contains("::")
            || path.starts_with(char::is_uppercase)
            || after.starts_with("::")
            || before.trim_end().ends_with("use");
        starts && ends && is_path
    })
}

#[test]
fn a_name_is_found_as_a_path_and_only_so() {
    assert!(names("use tokio::sync::Mutex;", "tokio"));
    assert!(names("    let now = std::time::SystemTime::now();", "SystemTime"));
    assert!(names("use redis;", "redis"));
    assert!(!names("let operand::x = 1;", "rand"));
    assert!(!names("let rand = 1;", "rand"));
    assert!(!names("let tokio_like = my_tokio::new();", "tokio"));
}
