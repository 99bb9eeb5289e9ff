//! The segments of paths that stand in braces: what each may look like, and how a handler takes those that are no ids. To
//! add one, add a row to both tables.

use std::{
    future::{Ready, ready},
    marker::PhantomData,
};

use actix_web::{Error, FromRequest, HttpRequest, dev::Payload};

use crate::error::{ApiError, NO_ROUTE};

/// What a segment looks like, by its name. One of another shape is no such address. Names that are not listed match
/// anything but a slash.
const SHAPES: &[(&str, &str)] = &[
    // A UUID.
    ("id", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
    // How a payment is known at its provider.
    ("reference", "[0-9A-Za-z._-]{1,100}"),
    // The same with a proof behind it that the sandbox gave the address out.
    ("ticket", "[0-9A-Za-z._~-]{1,200}"),
    // A payment provider.
    ("provider", "[0-9a-z_]{1,40}"),
];

/// A path as actix matches it.
pub(crate) fn pattern(path: &str) -> String {
    SHAPES.iter().fold(path.to_owned(), |path, (name, shape)| {
        path.replace(&format!("{{{name}}}"), &format!("{{{name}:{shape}}}"))
    })
}

/// A segment of the path that is no id, by its name in the pattern.
#[derive(Debug, Clone)]
pub(crate) struct Segment<S>(pub(crate) String, PhantomData<S>);

/// Which segment.
pub(crate) trait Named: 'static {
    /// Its name in the braces.
    const NAME: &'static str;
}

macro_rules! segments {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub(crate) enum $name {}

            impl Named for $name {
                const NAME: &'static str = $text;
            }
        )+
    };
}

segments! {
    /// The `{reference}` of a payment.
    Reference = "reference";
    /// The `{ticket}` of a page of the sandbox.
    Ticket = "ticket";
    /// The `{provider}` that tells something.
    Provider = "provider";
}

impl<S: Named> FromRequest for Segment<S> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let found = request.match_info().get(S::NAME).map(|text| Self(text.to_owned(), PhantomData));
        ready(found.ok_or_else(|| ApiError::not_found(NO_ROUTE).into()))
    }
}
