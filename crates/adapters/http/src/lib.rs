//! The HTTP front: actix-web, the operations table, versions and aliases, bodies and lists, the envelope, OpenAPI. It
//! holds no rule of the business: every handler turns a request into a command, runs the use case and shows its answer.
//!
//! Where to look:
//!
//! | question | file |
//! | --- | --- |
//! | what can be asked | [`operations`], one table |
//! | what a row says | [`operation`] |
//! | which layers a request passes | `app`, `front`, `admit` |
//! | how a connection becomes a socket | `upgrade` |
//! | how an answer looks in each version | `present` |
//! | who may ask how often | [`limits`] |
//! | which status a refusal has | [`error`] |
//! | what the server must provide | [`ports`], [`Shell`] |

mod admit;
mod aliases;
mod answer;
mod app;
mod body;
pub mod client;
mod endpoints;
pub mod error;
mod expected;
mod facts;
mod front;
mod gate;
mod kept;
pub mod limits;
mod list;
pub mod openapi;
pub mod operation;
pub mod operations;
pub mod ports;
mod present;
mod segment;
mod shell;
mod state;
#[cfg(test)]
mod tests;
mod upgrade;
mod version;

pub use admit::{Caller, Id};
pub use aliases::table as aliases;
pub use answer::Answer;
pub use app::{app, serve};
pub use body::{Body, Nothing};
pub use error::ApiError;
pub use expected::{Expected, ExpectedIfSent};
pub use list::{Filters, KeyKind, Listing, SortField};
pub use present::Pagination;
pub use shell::{Done, HttpConfig, Shell};
pub use state::AppState;
pub use version::Version;
