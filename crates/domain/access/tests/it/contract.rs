//! The in-memory ports keep every promise.

use domicile_access::{contract, memory::Memory};

#[test]
fn memory_keeps_every_promise() {
    pollster::block_on(contract::all(&Memory::at("2026-01-20T10:00:00Z")));
}
