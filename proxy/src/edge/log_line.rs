//! One line of the access log. It names no query, no targeting key and no attribute: those are people's.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pingora::proxy::Session;
use pingora::{Error, ErrorType};
use serde::Serialize;

use super::Passage;
use super::attempts::Attempts;
use super::identity;
use super::plan::Plan;

/// Why [`super::Edge`] itself ends a request with a status, and nothing else does.
pub(super) const NO_ENDPOINT: &str = "no endpoint could be reached";
/// Bytes of a method, host or path that are logged.
const MAX_TEXT_BYTES: usize = 1024;

/// Fields in the order in which they are written. `duration_ms` runs from the request's headers to
/// the last byte of its response.
#[derive(Serialize)]
struct Line<'p> {
    time: String,
    request_id: Option<Cow<'p, str>>,
    client: Option<IpAddr>,
    method: Cow<'p, str>,
    host: Option<Cow<'p, str>>,
    path: Cow<'p, str>,
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
    error: Option<&'p str>,
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

/// A client decides how long these are and what is in them. The queue of lines must not grow with
/// them, and they must not move the cursor or turn the line around in the terminal of who reads it.
fn plain(text: &str) -> Cow<'_, str> {
    let text = clip(text);
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if steers(letter) {
            plain.extend(utf8_percent_encode(
                letter.encode_utf8(&mut [0; 4]),
                NON_ALPHANUMERIC,
            ));
        } else {
            plain.push(letter);
        }
    }
    plain.truncate(clip(&plain).len());
    Cow::Owned(plain)
}

fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// Control characters (C0, DEL, C1), line ends of Unicode, and what changes the direction of text.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
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
        request_id: passage
            .request_id
            .as_ref()
            .and_then(|id| id.to_str().ok())
            .map(plain),
        client: passage.client.address,
        method: plain(head.method.as_str()),
        host: head
            .headers
            .get(http::header::HOST)
            .and_then(|host| host.to_str().ok())
            .map(plain),
        path: plain(head.uri.path()),
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
        error: error.map(|error| match error.etype() {
            ErrorType::HTTPStatus(_) => NO_ENDPOINT,
            other => other.as_str(),
        }),
        identity: passage.identity,
        revision: plan.map(Plan::revision),
        decisions: plan,
    };
    serde_json::to_string(&line).expect("a line has only string keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_encoded() {
        for (sent, logged) in [
            ("/a\u{9b}31m", "/a%C2%9B31m"),
            ("/\u{85}", "/%C2%85"),
            ("/\x1b[31m\x7f", "/%1B[31m%7F"),
            ("/\u{202e}gpj.exe", "/%E2%80%AEgpj.exe"),
            ("/\u{2066}\u{2069}", "/%E2%81%A6%E2%81%A9"),
            ("/\u{2028}", "/%E2%80%A8"),
            ("/\u{fc}ber/%20", "/\u{fc}ber/%20"),
        ] {
            assert_eq!(plain(sent), logged);
        }
    }

    #[test]
    fn what_is_encoded_is_clipped_as_well() {
        let long = "\u{9b}".repeat(MAX_TEXT_BYTES);
        assert!((MAX_TEXT_BYTES - 6..=MAX_TEXT_BYTES).contains(&plain(&long).len()));
        assert_eq!(plain(&"x".repeat(5_000)).len(), MAX_TEXT_BYTES);
    }
}
