//! Keeping a response out of every cache: one that carries a new identity belongs to one client.

use http::HeaderValue;
use http::header::CACHE_CONTROL;
use pingora::Result;
use pingora::http::ResponseHeader;

/// Names that end so speak to one cache or kind of caches, which follow them instead of Cache-Control
/// (RFC 9213): `CDN-Cache-Control`, `Cloudflare-CDN-Cache-Control`, `X-LiteSpeed-Cache-Control`.
const TARGETED: &str = "-cache-control";

/// What caches follow instead of Cache-Control, or beside it: reverse proxies and content delivery
/// networks (W3C's Edge Architecture, Akamai, nginx), and the two of HTTP/1.0.
const ELSEWHERE: [&str; 5] = [
    "surrogate-control",
    "edge-control",
    "x-accel-expires",
    "expires",
    "pragma",
];

/// Says that no cache may store this response, in the place of whatever the backend said.
pub(super) fn forbid(response: &mut ResponseHeader) -> Result<()> {
    let names = response.headers.keys();
    let lifted = names.filter(|name| {
        let name = name.as_str();
        name.ends_with(TARGETED) || ELSEWHERE.contains(&name)
    });
    for name in lifted.cloned().collect::<Vec<_>>() {
        response.remove_header(&name);
    }
    response.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
