//! What a client may not say: malformed framing is refused, forged headers are stripped.
//!
//! Works on names and raw bytes only; it never looks into a snapshot, so that a flag which does not
//! exist yet is protected as well.

use std::net::Ipv6Addr;

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Method, Version};
use pingora::http::authority::{RawTargetAuthority, raw_target_authority};

use crate::config::is_reserved;
use crate::wire::DICTIONARY;

/// Burgee's own headers, reserved whatever the configuration says.
const OWN_PREFIX: &str = "x-flags-";

/// Decides which request headers do not get through.
#[derive(Debug)]
pub(super) struct Sanitizer {
    reserved: Vec<String>,
    /// What only a trusted peer may say.
    forwarding: Vec<String>,
    /// What nobody may say in another spelling than its own.
    framing: Vec<String>,
}

/// A request that different servers could read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("Content-Length and Transfer-Encoding together")]
    TwoLengths,
    #[error("a Transfer-Encoding other than chunked")]
    TransferEncoding,
    #[error("a Content-Length that is not one number")]
    ContentLength,
    #[error("no Host")]
    NoHost,
    #[error("a Host that is not one name or address with at most a port")]
    Host,
    #[error("a request target that is neither a path nor an http address")]
    Target,
}

impl Sanitizer {
    /// `reserved` is `Config::reserved`.
    pub(super) fn new(reserved: &[String]) -> Self {
        let mut reserved = reserved.to_vec();
        for own in [OWN_PREFIX, DICTIONARY.as_str()] {
            if !reserved.iter().any(|entry| entry == own) {
                reserved.push(own.to_owned());
            }
        }
        let forwarding = ["x-forwarded-", "forwarded", "x-real-ip", "x-request-id"];
        let framing = [CONTENT_LENGTH.as_str(), TRANSFER_ENCODING.as_str()];
        Self {
            reserved,
            forwarding: forwarding.map(str::to_owned).to_vec(),
            framing: framing.map(str::to_owned).to_vec(),
        }
    }

    /// Names of headers under a reserved prefix, however they are spelled. All of them are stripped,
    /// from trusted peers too: only this proxy decides.
    pub(super) fn forged<'h>(&self, headers: &'h HeaderMap) -> Vec<&'h HeaderName> {
        headers
            .keys()
            .filter(|name| is_reserved(name.as_str(), &self.reserved))
            .collect()
    }

    /// Names of headers that cannot be believed. Those that say where a request came from and which
    /// one it is: all of them from a peer that is not trusted; from a trusted one, those in a spelling
    /// that no proxy writes. And look-alikes of what says how long a body is, from everybody.
    pub(super) fn unbelieved<'h>(
        &self,
        headers: &'h HeaderMap,
        trusted: bool,
    ) -> Vec<&'h HeaderName> {
        headers
            .keys()
            .filter(|name| {
                let name = name.as_str();
                let odd = name
                    .bytes()
                    .any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-');
                (odd && is_reserved(name, &self.framing))
                    || ((odd || !trusted) && is_reserved(name, &self.forwarding))
            })
            .collect()
    }
}

/// Refuses a request that two servers could read as two different requests (RFC 9112, 3.2 and 6).
/// `raw` is the request's head as it came: pingora has already dropped from `headers` a Content-Length
/// that stood beside a Transfer-Encoding, and reads a target that it does not know as `/`.
pub(super) fn check(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
    raw: &[u8],
) -> Result<(), Malformed> {
    let authority = authority(method, target(raw))?;
    check_host(version, headers, authority)?;
    check_framing(headers, raw)
}

/// The request target as it came; empty where there is none.
fn target(raw: &[u8]) -> &[u8] {
    let raw = raw.trim_ascii_start();
    let line = raw.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.split(|byte| *byte == b' ').nth(1).unwrap_or_default()
}

/// What a target in absolute form names, nothing for the other forms that a proxy in front of its
/// own backends serves. The rest is refused.
fn authority<'t>(method: &Method, target: &'t [u8]) -> Result<Option<&'t [u8]>, Malformed> {
    if target.first() == Some(&b'/') || (target == b"*" && method == Method::OPTIONS) {
        return Ok(None);
    }
    if method == Method::CONNECT {
        return Err(Malformed::Target);
    }
    match raw_target_authority(target) {
        RawTargetAuthority::Absolute {
            scheme, authority, ..
        } if scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https") => {
            Ok(Some(authority))
        }
        _ => Err(Malformed::Target),
    }
}

/// One Host, or none from a client of HTTP/1.0 that names no authority either: then routes of every
/// host serve it.
fn check_host(
    version: Version,
    headers: &HeaderMap,
    authority: Option<&[u8]>,
) -> Result<(), Malformed> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 && authority.is_none() => Ok(()),
        (None, _) => Err(Malformed::NoHost),
        (Some(_), Some(_)) => Err(Malformed::Host),
        (Some(host), None) => {
            let host = host.as_bytes();
            let same = authority.is_none_or(|authority| authority == host);
            let sound = same && is_host(host);
            if sound { Ok(()) } else { Err(Malformed::Host) }
        }
    }
}

/// `name`, `192.0.2.1` or `[2001:db8::1]`, with a port or without. Of the names that RFC 3986 allows,
/// those that servers agree on: nothing encoded, nothing that ends or splits a name elsewhere.
fn is_host(host: &[u8]) -> bool {
    let (port, sound) = if let Some(bracketed) = host.strip_prefix(b"[") {
        let Some(end) = bracketed.iter().position(|byte| *byte == b']') else {
            return false;
        };
        let address = std::str::from_utf8(&bracketed[..end]).ok();
        let address = address.and_then(|address| address.parse::<Ipv6Addr>().ok());
        (&bracketed[end + 1..], address.is_some())
    } else {
        let end = host.iter().position(|byte| *byte == b':');
        let (name, port) = host.split_at(end.unwrap_or(host.len()));
        let sound = name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        (port, sound && !name.is_empty() && name != b".")
    };
    sound && is_port(port)
}

/// Nothing, or a colon and a number that a port can have.
fn is_port(port: &[u8]) -> bool {
    let Some(digits) = port.strip_prefix(b":") else {
        return port.is_empty();
    };
    let number = std::str::from_utf8(digits).ok();
    (1..=5).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && number.is_some_and(|number| number.parse::<u16>().is_ok())
}

/// One length, or chunks. pingora takes a length that is said twice; not every server does.
fn check_framing(headers: &HeaderMap, raw: &[u8]) -> Result<(), Malformed> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let sound = lengths.next().is_none_or(|length| {
        !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit)
    });
    if !sound || lengths.next().is_some() {
        return Err(Malformed::ContentLength);
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(());
    };
    if codings.next().is_some()
        || !coding
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked")
    {
        return Err(Malformed::TransferEncoding);
    }
    if names_header(raw, CONTENT_LENGTH.as_str()) {
        return Err(Malformed::TwoLengths);
    }
    Ok(())
}

/// Whether a header of this name stands in the head of a request.
fn names_header(raw: &[u8], wanted: &str) -> bool {
    raw.split(|byte| *byte == b'\n').skip(1).any(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn defaults() -> Sanitizer {
        Sanitizer::new(&["x-flag-", "x-flags-", "flags"].map(str::to_owned))
    }

    fn headers(names: &[&str]) -> HeaderMap {
        let value = HeaderValue::from_static("forged");
        names
            .iter()
            .map(|name| {
                (
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    value.clone(),
                )
            })
            .collect()
    }

    #[test]
    fn every_spelling_of_a_reserved_name_is_forged() {
        for name in [
            "x-flag-new-checkout",
            "X-Flag-New-Checkout",
            "X-FLAG-NEW-CHECKOUT",
            "x_flag_new_checkout",
            "X_Flag_New-Checkout",
            "x-flag_new-checkout",
            "x.flag.new.checkout",
            "X.Flag-new_checkout",
            "x!flag!new-checkout",
            "x~flag~a",
            "x#flag-a",
            "x|flag`a",
            "x-flags'revision",
            "x-flag-no-such-flag",
            "x-flag-",
            "x-flags-revision",
            "X_Flags_Revision",
            "x-flags-fallback",
            "flags",
            "Flags",
            "FLAGS",
        ] {
            let headers = headers(&[name]);
            assert_eq!(defaults().forged(&headers).len(), 1, "{name}");
        }
    }

    #[test]
    fn neighbours_of_reserved_names_get_through() {
        let headers = headers(&[
            "x-flagship",
            "x-fla",
            "flags-of-the-world",
            "flag",
            "my-x-flag-a",
            "host",
            "x-flag",
        ]);
        assert!(defaults().forged(&headers).is_empty());
    }

    #[test]
    fn own_headers_are_reserved_whatever_the_configuration_says() {
        let sanitizer = Sanitizer::new(&["x-ff-".to_owned()]);
        let headers = headers(&["x-flags-revision", "flags", "x-ff-a", "x-flag-a"]);
        let mut forged: Vec<&str> = sanitizer
            .forged(&headers)
            .iter()
            .map(|name| name.as_str())
            .collect();
        forged.sort_unstable();
        assert_eq!(forged, ["flags", "x-ff-a", "x-flags-revision"]);
    }

    #[test]
    fn forwarding_headers_count_only_from_trusted_peers_and_in_their_own_spelling() {
        let headers = headers(&[
            "x-forwarded-for",
            "x_forwarded_for",
            "forwarded",
            "x-real-ip",
            "x-forwarded-host",
            "x-request-id",
            "x_request_id",
            "x!real~ip",
            "x-user",
        ]);
        assert_eq!(defaults().unbelieved(&headers, false).len(), 8);
        let mut unbelieved: Vec<&str> = defaults()
            .unbelieved(&headers, true)
            .iter()
            .map(|name| name.as_str())
            .collect();
        unbelieved.sort_unstable();
        assert_eq!(unbelieved, ["x!real~ip", "x_forwarded_for", "x_request_id"]);
    }

    #[test]
    fn look_alikes_of_framing_headers_are_believed_from_nobody() {
        let headers = headers(&[
            "content-length",
            "transfer-encoding",
            "content-type",
            "content_length",
            "content.length",
            "transfer_encoding",
            "transfer~encoding",
        ]);
        for trusted in [false, true] {
            let unbelieved = defaults().unbelieved(&headers, trusted);
            assert_eq!(unbelieved.len(), 4, "{unbelieved:?}");
            assert!(!unbelieved.contains(&&CONTENT_LENGTH));
            assert!(!unbelieved.contains(&&TRANSFER_ENCODING));
        }
    }

    /// Checks a head as pingora would hand it over.
    fn checked(head: &str) -> Result<(), Malformed> {
        let mut lines = head.split("\r\n");
        let line: Vec<&str> = lines.next().unwrap().split(' ').collect();
        let version = match line[2] {
            "HTTP/1.0" => Version::HTTP_10,
            _ => Version::HTTP_11,
        };
        let mut headers: HeaderMap = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| {
                (
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_bytes(value.as_bytes()).unwrap(),
                )
            })
            .collect();
        if headers.contains_key(TRANSFER_ENCODING) {
            headers.remove(CONTENT_LENGTH);
        }
        let method = line[0].parse().unwrap();
        check(&method, version, &headers, head.as_bytes())
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        let framing = |lines: &str| checked(&format!("POST / HTTP/1.1\r\nHost: a{lines}"));
        for sound in [
            "",
            "\r\nContent-Length: 4",
            "\r\nContent-Length: 0",
            "\r\nTransfer-Encoding: chunked",
            "\r\nTransfer-Encoding: Chunked",
        ] {
            assert_eq!(framing(sound), Ok(()), "{sound:?}");
        }
        for (lines, malformed) in [
            (
                "\r\nTransfer-Encoding: chunked\r\ncontent-LENGTH: 5",
                Malformed::TwoLengths,
            ),
            (
                "\r\nTransfer-Encoding: gzip, chunked",
                Malformed::TransferEncoding,
            ),
            (
                "\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                Malformed::TransferEncoding,
            ),
            (
                "\r\nContent-Length: 4\r\nContent-Length: 4",
                Malformed::ContentLength,
            ),
            ("\r\nContent-Length: 4, 4", Malformed::ContentLength),
            ("\r\nContent-Length: +4", Malformed::ContentLength),
            ("\r\nContent-Length: ", Malformed::ContentLength),
        ] {
            assert_eq!(framing(lines), Err(malformed), "{lines:?}");
        }
    }

    #[test]
    fn a_host_is_one_name_or_address_with_at_most_a_port() {
        for host in [
            "a",
            "shop.example",
            "Shop.Example.:8080",
            "my_shop-1.example:65535",
            "192.0.2.1:80",
            "[2001:db8::1]",
            "[::1]:8080",
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: {host}");
            assert_eq!(checked(&head), Ok(()), "{host}");
        }
        for host in [
            "",
            ".",
            ":80",
            "shop.example/x",
            "a, b",
            "a b",
            "a\tb",
            "shop.example#x",
            "shop.example?x",
            "shop.example%00",
            "shop%2eexample",
            "sh\u{f6}p.example",
            "user@shop.example",
            "shop.example:",
            "shop.example:8o",
            "shop.example:80:80",
            "shop.example:65536",
            "shop.example:000080",
            "shop.example:+80",
            "2001:db8::1",
            "[::1",
            "[::1]80",
            "[::1%25eth0]",
            "[shop.example]",
            "[]",
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: {host}");
            assert_eq!(checked(&head), Err(Malformed::Host), "{host:?}");
        }
        let twice = "GET / HTTP/1.1\r\nHost: a\r\nHost: a";
        assert_eq!(checked(twice), Err(Malformed::Host));
        assert_eq!(checked("GET / HTTP/1.1"), Err(Malformed::NoHost));
    }

    #[test]
    fn without_a_host_only_an_http_1_0_path_is_served() {
        assert_eq!(checked("GET /a HTTP/1.0"), Ok(()));
        assert_eq!(
            checked("GET http://shop.example/a HTTP/1.0"),
            Err(Malformed::NoHost)
        );
        assert_eq!(
            checked("GET /a HTTP/1.0\r\nHost: a/b"),
            Err(Malformed::Host)
        );
    }

    #[test]
    fn a_target_is_a_path_an_http_address_of_the_same_host_or_the_star_of_options() {
        let target = |line: &str| checked(&format!("{line} HTTP/1.1\r\nHost: shop.example"));
        for line in [
            "GET /",
            "GET //double",
            "GET /?q",
            "GET http://shop.example",
            "GET http://shop.example/a",
            "GET HTTPS://shop.example/a?b",
            "OPTIONS *",
        ] {
            assert_eq!(target(line), Ok(()), "{line}");
        }
        for line in [
            "GET *",
            "GET a",
            "GET ?q",
            "GET #f",
            "GET shop.example",
            "GET shop.example/a",
            "GET http:/a",
            "GET http:shop.example/a",
            "GET ftp://shop.example/a",
            "GET ://shop.example/a",
            "CONNECT shop.example:443",
            "CONNECT http://shop.example/",
        ] {
            assert_eq!(target(line), Err(Malformed::Target), "{line}");
        }
        for line in ["GET http://other.example/", "GET http://shop.example:80/"] {
            assert_eq!(target(line), Err(Malformed::Host), "{line}");
        }
    }
}
