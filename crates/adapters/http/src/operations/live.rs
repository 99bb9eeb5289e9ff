//! Sockets, as far as HTTP knows them.

use actix_web::web;

use crate::{
    endpoints::platform::live::{self, PROTOCOL},
    operation::Operation,
};

const TAG: &str = "Live";

pub(super) fn rows() -> Vec<Operation> {
    vec![
        Operation::get("live.socket", "/ws", TAG, "Events as they happen, over a WebSocket", || {
            web::route().to(live::wanted)
        })
        .at_root()
        .bare()
        .status(101)
        .explained(PROTOCOL),
        Operation::get("live.page", "/docs/live", TAG, "A page that shows events as they happen", || {
            web::route().to(live::page)
        })
        .at_root()
        .bare(),
    ]
}
