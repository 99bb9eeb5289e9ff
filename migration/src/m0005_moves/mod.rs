//! Moves: the prices of the nights that a guest slept before moving to a room of another price. Stays of which nobody moved
//! have none; what was moved before is priced as it was.

use crate::script::Script;

/// One column, alike on both databases, checked by the code that reads it.
pub(crate) const SCRIPT: Script =
    Script { name: "m0005_moves", oldest_binary: 1, tables: include_str!("tables.sql"), postgres: "", sqlite: "" };
