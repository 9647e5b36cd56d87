//! Addresses of requests, and where redirects lead from them.

use http::Uri;

use crate::ImageError;

/// An address to which a request can be sent.
pub(super) fn parse(url: &str) -> Result<Uri, ImageError> {
    let address: Option<Uri> = url.parse().ok();
    let complete = address.filter(|uri| uri.scheme().is_some() && uri.authority().is_some());
    complete.ok_or_else(|| ImageError::Unreachable {
        // What follows may be a signature.
        url: url.split('?').next().unwrap_or_default().to_owned(),
        reason: "this is no address".to_owned(),
    })
}

/// A redirect may leave out what stays the same.
pub(super) fn resolve(base: &Uri, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let scheme = base.scheme_str().unwrap_or("https");
    if let Some(rest) = location.strip_prefix("//") {
        return format!("{scheme}://{rest}");
    }
    let host = base.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{host}/{}", location.trim_start_matches('/'))
}
