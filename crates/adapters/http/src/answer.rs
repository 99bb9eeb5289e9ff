//! What a handler gives back: the view of a use case, with its version, its address and a word for a person. Which shape
//! that takes on the wire is the presentation's business.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use domicile_kernel::PageOf;
use serde::Serialize;

use crate::{
    error::ApiError,
    facts::Facts,
    front::Bare,
    kept::Kept,
    list::Listing,
    present::{self, Standing, Success},
    shell::Done,
};

/// A successful answer.
pub struct Answer<T> {
    data: Data<T>,
    status: StatusCode,
    standing: Option<Standing>,
    message: Option<&'static str>,
    etag: Option<i64>,
    location: Option<String>,
    replayed: bool,
    gone: bool,
}

enum Data<T> {
    View(T),
    /// Serialised before, and perhaps kept.
    Bytes(Bytes),
    Nothing,
}

impl<T: Serialize> Answer<T> {
    fn with(data: Data<T>) -> Self {
        Self {
            data,
            status: StatusCode::OK,
            standing: None,
            message: None,
            etag: None,
            location: None,
            replayed: false,
            gone: false,
        }
    }

    /// Here it is.
    pub fn of(view: T) -> Self {
        Self::with(Data::View(view))
    }

    /// It is done, and this is it now.
    pub fn done(done: Done<T>) -> Self {
        Self { replayed: done.replayed, ..Self::of(done.value) }
    }

    /// An answer that was serialised before, as it is kept.
    pub(crate) fn kept(kept: Kept) -> Self {
        Self { standing: kept.standing, etag: kept.version, ..Self::with(Data::Bytes(kept.data)) }
    }

    /// It was made: 201, at this address (without `/api`).
    #[must_use]
    pub fn created(mut self, path: impl FnOnce(&T) -> String) -> Self {
        if let Data::View(view) = &self.data {
            self.location = Some(path(view));
        }
        self.status = StatusCode::CREATED;
        self
    }

    /// Another status of success.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The version of the record, sent as its `ETag` (W7).
    #[must_use]
    pub fn version(mut self, of: impl FnOnce(&T) -> i64) -> Self {
        if let Data::View(view) = &self.data {
            self.etag = Some(of(view));
        }
        self
    }

    /// Something was taken away: where the version shows nothing for that, nothing is shown.
    #[must_use]
    pub fn shown_as_gone(mut self) -> Self {
        self.gone = true;
        self
    }

    /// A word for a person.
    #[must_use]
    pub fn saying(mut self, message: &'static str) -> Self {
        self.message = Some(message);
        self
    }
}

impl Answer<()> {
    /// It is gone.
    pub fn gone(done: Done<()>, message: &'static str) -> Self {
        Self { replayed: done.replayed, gone: true, message: Some(message), ..Self::with(Data::Nothing) }
    }

    /// It is done, and there is nothing to show.
    pub fn nothing(message: &'static str) -> Self {
        Self { message: Some(message), ..Self::with(Data::Nothing) }
    }
}

impl<T: Serialize> Answer<Vec<T>> {
    /// One page of a list.
    pub fn page<F>(listing: &Listing<F>, page: PageOf<T>) -> Self {
        let pagination = listing.pagination(page.total, page.next.as_ref());
        // Numbers and a text: there is nothing in it that JSON could not say.
        Self { standing: Standing::of(&pagination).ok(), ..Self::of(page.rows) }
    }
}

impl<T: Serialize> Responder for Answer<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse<BoxBody> {
        let Some(facts) = Facts::of(request) else {
            return HttpResponse::from_error(ApiError::internal("the request did not come through the first layer"));
        };
        let data = match self.data {
            Data::Bytes(bytes) => bytes,
            Data::Nothing => Bytes::from_static(b"null"),
            Data::View(view) => match serde_json::to_vec(&view) {
                Ok(bytes) => bytes.into(),
                Err(error) => return HttpResponse::from_error(ApiError::internal(error.to_string())),
            },
        };
        let said =
            Success { status: self.status, data, standing: self.standing, message: self.message, gone: self.gone };
        let mut response = present::success(said, &facts);
        let headers = response.headers_mut();
        if let Some(version) = self.etag {
            put(headers, header::ETAG, &format!("\"{version}\""));
        }
        if let Some(path) = self.location {
            put(headers, header::LOCATION, &facts.address(&path));
        }
        if self.replayed {
            put(headers, HeaderName::from_static("idempotency-replayed"), "true");
        }
        response
    }
}

/// A printed sheet, to be kept as a file. It stands bare (W13).
pub(crate) struct Sheet {
    /// The name of the file: letters, digits, `-` and `.`.
    pub(crate) name: String,
    /// The PDF.
    pub(crate) pdf: Vec<u8>,
}

impl Responder for Sheet {
    type Body = BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::Ok().body(self.pdf);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PDF));
        put(headers, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{}\"", self.name));
        response.extensions_mut().insert(Bare);
        response
    }
}

/// The media type of a sheet.
pub(crate) const PDF: &str = "application/pdf";

fn put(headers: &mut header::HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
