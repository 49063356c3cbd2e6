//! A request as the context sees it, borrowed: headers, cookies, query parameters.
//!
//! Everything here is a client's word. Values that are not UTF-8, or longer than the limit, are absent.

use std::borrow::Cow;

use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderName, Method, Uri};
use percent_encoding::percent_decode_str;

use super::client::Client;
use crate::config::HeaderSource;

/// One request, borrowed.
#[derive(Debug)]
pub(super) struct Request<'r> {
    pub(super) method: &'r Method,
    pub(super) uri: &'r Uri,
    pub(super) headers: &'r HeaderMap,
    pub(super) client: &'r Client,
    /// Longest value that counts, in bytes.
    pub(super) limit: usize,
}

impl<'r> Request<'r> {
    /// The first header of this name.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&'r str> {
        let value = std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok()?;
        self.bounded(value)
    }

    /// A header, where its word counts.
    pub(super) fn header_from(&self, source: &HeaderSource) -> Option<&'r str> {
        if source.from_client || self.client.trusted {
            self.header(&source.name)
        } else {
            None
        }
    }

    /// The first cookie of this name, as it was sent, without the quotes around it.
    pub(super) fn cookie(&self, name: &str) -> Option<&'r str> {
        let lines = self.headers.get_all(COOKIE).iter();
        let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        let value = pairs
            .filter_map(|pair| {
                let equals = pair.iter().position(|byte| *byte == b'=')?;
                Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
            })
            .find_map(|(found, value)| (found == name.as_bytes()).then_some(value))?;
        let bare = value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""))
            .unwrap_or(value);
        self.bounded(std::str::from_utf8(bare).ok()?)
    }

    /// The first query parameter of this name, decoded.
    pub(super) fn query(&self, name: &str) -> Option<Cow<'r, str>> {
        let pairs = self
            .uri
            .query()?
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = pairs
            .into_iter()
            .find(|(found, _)| unescape(found).is_some_and(|found| found == name))?;
        // The limit is on what the client sent; decoding only shortens.
        unescape(self.bounded(value)?)
    }

    /// The host without its port and without the dot that ends a whole name, of whatever length:
    /// routes are matched by it.
    pub(super) fn host(&self) -> Option<&'r str> {
        let host = std::str::from_utf8(self.headers.get(HOST)?.as_bytes()).ok()?;
        let end = match host.strip_prefix('[') {
            Some(address) => address.find(']').map_or(host.len(), |end| end + 2),
            None => host.find(':').unwrap_or(host.len()),
        };
        let host = host.get(..end)?;
        let host = host.strip_suffix('.').unwrap_or(host);
        (!host.is_empty()).then_some(host)
    }

    /// A value, unless it is longer than counts.
    pub(super) fn bounded(&self, value: &'r str) -> Option<&'r str> {
        (value.len() <= self.limit).then_some(value)
    }
}

/// `application/x-www-form-urlencoded`; `None` where it is not UTF-8.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(Cow::Owned(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with<R>(
        uri: &str,
        headers: &[(&'static str, &[u8])],
        read: impl FnOnce(&Request<'_>) -> R,
    ) -> R {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_bytes(value).unwrap(),
                )
            })
            .collect();
        let uri: Uri = uri.parse().unwrap();
        let client = Client::default();
        read(&Request {
            method: &Method::GET,
            uri: &uri,
            headers: &headers,
            client: &client,
            limit: 16,
        })
    }

    #[test]
    fn cookies() {
        let line: &[u8] =
            b"a=1; b=\"two\";c = 3 ; broken; =x; a=again; bad=\xff; long=12345678901234567";
        with("/", &[("cookie", line), ("cookie", b"d=4")], |request| {
            for (name, value) in [
                ("a", Some("1")),
                ("b", Some("two")),
                ("c", Some("3")),
                ("d", Some("4")),
                ("broken", None),
                ("bad", None),
                ("long", None),
                ("missing", None),
            ] {
                assert_eq!(request.cookie(name), value, "{name}");
            }
        });
    }

    #[test]
    fn query_parameters() {
        with(
            "/x?a=1&b=%C3%BC+x&b=2&c&%64=4&bad=%ff&long=12345678901234567",
            &[],
            |request| {
                for (name, value) in [
                    ("a", Some("1")),
                    ("b", Some("ü x")),
                    ("c", Some("")),
                    ("d", Some("4")),
                    ("bad", None),
                    ("long", None),
                    ("missing", None),
                ] {
                    assert_eq!(request.query(name).as_deref(), value, "{name}");
                }
            },
        );
    }

    #[test]
    fn hosts() {
        for (sent, host) in [
            ("a.example", Some("a.example")),
            ("a.example:80", Some("a.example")),
            ("a.example.", Some("a.example")),
            ("a.example.:80", Some("a.example")),
            ("a.example..", Some("a.example.")),
            ("[2001:db8::1]:80", Some("[2001:db8::1]")),
            ("[2001:db8:", Some("[2001:db8:")),
            (":80", None),
            ("", None),
        ] {
            with("/", &[("host", sent.as_bytes())], |request| {
                assert_eq!(request.host(), host, "{sent}");
            });
        }
    }

    #[test]
    fn a_header_counts_from_a_trusted_peer_or_where_it_is_declared() {
        let name = HeaderName::from_static("x-user");
        with("/", &[("x-user", b"u1")], |request| {
            let declared = HeaderSource {
                name: name.clone(),
                from_client: true,
            };
            let undeclared = HeaderSource {
                name: name.clone(),
                from_client: false,
            };
            assert_eq!(request.header_from(&declared), Some("u1"));
            assert_eq!(request.header_from(&undeclared), None);
            let client = Client {
                trusted: true,
                ..*request.client
            };
            let trusted = Request {
                client: &client,
                ..*request
            };
            assert_eq!(trusted.header_from(&undeclared), Some("u1"));
        });
    }
}
