//! The one table of paths that mean another one (W4), read before routing. Exact rows first, with their method; then
//! prefixes on whole segments, where literals win over ids because only an id in the shape of a UUID is taken for one.
//! Nothing is pluralised by rule. Paths here are without `/api` and without version.

use std::borrow::Cow;

use actix_web::http::Method;

/// Method, path, the canonical path.
const EXACT: &[(&str, &str, &str)] = &[
    // The marketplace document prints the own profile as `/user`; the visitor document as `/profile/me`.
    ("PUT", "/user", "/profile"),
    ("PATCH", "/user", "/profile"),
    ("GET", "/user", "/users"),
    ("GET", "/profile/me", "/profile"),
    ("PUT", "/profile/me", "/profile"),
    ("POST", "/auth/refresh", "/auth/refresh-token"),
];

/// Prefix, canonical prefix.
const PREFIXES: &[(&str, &str)] =
    &[("/admin/users", "/users"), ("/admin/societies", "/admin/hostels"), ("/user", "/users")];

/// The path that a path means.
pub(crate) fn canonical<'a>(method: &Method, path: &'a str) -> Cow<'a, str> {
    let exact =
        EXACT.iter().find(|(verb, from, _)| *from == path && (*verb == method.as_str() || is_head(verb, method)));
    if let Some((_, _, to)) = exact {
        return Cow::Borrowed(to);
    }
    for (from, to) in PREFIXES {
        match path.strip_prefix(from) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => return Cow::Owned(format!("{to}{rest}")),
            _ => {}
        }
    }
    Cow::Borrowed(path)
}

fn is_head(verb: &str, method: &Method) -> bool {
    verb == "GET" && *method == Method::HEAD
}

/// Every alias as `(method or *, alias, canonical)`, for the documentation and its tests.
#[must_use]
pub fn table() -> Vec<(&'static str, &'static str, &'static str)> {
    EXACT.iter().copied().chain(PREFIXES.iter().map(|(from, to)| ("*", *from, *to))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_and_exact_path_come_before_prefixes() {
        assert_eq!(canonical(&Method::PUT, "/user"), "/profile");
        assert_eq!(canonical(&Method::GET, "/user"), "/users");
        assert_eq!(canonical(&Method::HEAD, "/user"), "/users");
        assert_eq!(canonical(&Method::PUT, "/user/7"), "/users/7");
        assert_eq!(canonical(&Method::GET, "/profile/me"), "/profile");
        assert_eq!(canonical(&Method::POST, "/auth/refresh"), "/auth/refresh-token");
    }

    #[test]
    fn prefixes_hold_on_whole_segments_only() {
        assert_eq!(canonical(&Method::GET, "/users"), "/users");
        assert_eq!(canonical(&Method::GET, "/username"), "/username");
        assert_eq!(canonical(&Method::GET, "/admin/users/7/x"), "/users/7/x");
        assert_eq!(canonical(&Method::POST, "/admin/societies"), "/admin/hostels");
        assert_eq!(canonical(&Method::GET, "/booking"), "/booking");
    }
}
