//! One line of the access log. It names no query, no targeting key and no attribute: those are people's.

use std::net::{IpAddr, SocketAddr};

use pingora::Error;
use pingora::proxy::Session;
use serde::Serialize;

use super::Passage;
use super::attempts::Attempts;
use super::identity;
use super::plan::Plan;

/// Bytes of a method, host or path that are logged.
const MAX_TEXT_BYTES: usize = 1024;

/// Fields in the order in which they are written. `duration_ms` runs from the request's headers to
/// the last byte of its response.
#[derive(Serialize)]
struct Line<'p> {
    time: String,
    request_id: Option<&'p str>,
    client: Option<IpAddr>,
    method: &'p str,
    host: Option<&'p str>,
    path: &'p str,
    route: &'p str,
    status: Option<u16>,
    duration_ms: f64,
    sent_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<SocketAddr>,
    #[serde(skip_serializing_if = "is_zero")]
    connect_failures: usize,
    /// The flag whose canary the baseline served for.
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    identity: identity::Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<&'p Plan>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A client decides how long these are, and the queue of lines must not grow with them.
fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// The line of a request that is over, without its line end.
pub(super) fn render(
    session: &Session,
    passage: &Passage,
    route: &str,
    status: Option<u16>,
    error: Option<&Error>,
) -> String {
    let head = session.req_header();
    let plan = passage.plan.as_ref();
    let attempts = passage.attempts.as_ref();
    let fallback = attempts
        .filter(|attempts| attempts.fell_back())
        .and(plan)
        .and_then(Plan::canary);
    let line = Line {
        time: format!("{:.3}", jiff::Timestamp::now()),
        request_id: passage.request_id.as_ref().and_then(|id| id.to_str().ok()),
        client: passage.client.address,
        method: clip(head.method.as_str()),
        host: head
            .headers
            .get(http::header::HOST)
            .and_then(|host| host.to_str().ok())
            .map(clip),
        path: clip(head.uri.path()),
        route,
        status,
        duration_ms: (passage.started.elapsed().as_secs_f64() * 1e6).round() / 1e3,
        sent_bytes: session.body_bytes_sent(),
        upstream: attempts.map(|attempts| &*attempts.pool().name),
        endpoint: attempts
            .and_then(Attempts::endpoint)
            .map(|endpoint| endpoint.address),
        connect_failures: attempts.map_or(0, Attempts::failures),
        fallback: fallback.map(|(flag, _)| flag),
        error: error.map(|error| error.etype().as_str().to_owned()),
        identity: passage.identity,
        revision: plan.map(Plan::revision),
        decisions: plan,
    };
    serde_json::to_string(&line).expect("a line has only string keys")
}
