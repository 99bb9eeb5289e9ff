//! The checkout page of the sandbox gateway: public, for whoever was sent there has no token in their browser. It is counted
//! as anything that anybody may ask, by the address; and a ticket that was not given out is found out before anything is
//! looked up.

use actix_web::web;

use crate::{
    endpoints::sandbox::{page, press},
    operation::{Access, BodyKind, Operation},
};

const TAG: &str = "Sandbox";
const HTML: &str = "text/html";

pub(super) fn rows() -> Vec<Operation> {
    vec![
        Operation::get("sandbox.page", "/sandbox/checkout/{ticket}", TAG, "The checkout page of the sandbox", || {
            web::route().to(page::handle)
        })
        .access(Access::Public)
        .at_root()
        .sends(HTML),
        Operation::post("sandbox.press", "/sandbox/checkout/{ticket}", TAG, "Press a button of that page", || {
            web::route().to(press::handle)
        })
        .access(Access::Public)
        .at_root()
        .reads(BodyKind::Form, press::BODY_LIMIT)
        .takes::<press::CheckoutForm>()
        .sends(HTML),
    ]
}
