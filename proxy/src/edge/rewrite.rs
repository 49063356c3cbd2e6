//! Changing the request that goes upstream.

use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::Result;
use pingora::http::RequestHeader;
use uuid::Uuid;

use super::request::Request;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer than any that is meant to be one.
const MAX_REQUEST_ID: usize = 128;

/// Changes headers as a plain map. `RequestHeader::insert_header` parses the name anew each time,
/// which with many flags costs more than everything else; the letter case in which the client wrote
/// its header names is given up for it.
pub(super) fn edit(request: &mut RequestHeader, change: impl FnOnce(&mut HeaderMap)) -> Result<()> {
    let raw_path = request.raw_path().to_vec();
    let taken = std::mem::replace(request, RequestHeader::build_no_case("GET", b"/", Some(0))?);
    let mut parts: http::request::Parts = taken.into();
    change(&mut parts.headers);
    *request = parts.into();
    if raw_path.starts_with(b"/") && request.raw_path() != raw_path {
        // Not UTF-8: the URI does not reproduce it. Of absolute-form it has the path and query, and
        // with those the backend is asked: Host says the rest, and backends disagree about that form.
        request.set_raw_path(&raw_path)?;
    }
    Ok(())
}

/// The peer's, where a trusted one gives a sane one; else a new one.
pub(super) fn request_id(request: &Request<'_>) -> HeaderValue {
    let given = request
        .headers
        .get(REQUEST_ID)
        .filter(|_| request.client.trusted);
    let sane = |id: &&HeaderValue| {
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    given.filter(sane).cloned().unwrap_or_else(|| {
        HeaderValue::from_str(&Uuid::now_v7().to_string()).expect("a UUID is visible ASCII")
    })
}
