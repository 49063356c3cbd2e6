//! What a client may not say: malformed framing is refused, forged headers are stripped.
//!
//! Works on names and raw bytes only; it never looks into a snapshot, so that a flag which does not
//! exist yet is protected as well.

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Version};

use crate::config::is_reserved;
use crate::wire::DICTIONARY;

/// Burgee's own headers, reserved whatever the configuration says.
const OWN_PREFIX: &str = "x-flags-";

/// Decides which request headers do not get through.
#[derive(Debug)]
pub(super) struct Sanitizer {
    reserved: Vec<String>,
    forwarding: Vec<String>,
}

/// A request that different servers could read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("Content-Length and Transfer-Encoding together")]
    TwoLengths,
    #[error("a Transfer-Encoding other than chunked")]
    TransferEncoding,
    #[error("no Host")]
    NoHost,
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
        let forwarding = ["x-forwarded-", "forwarded", "x-real-ip"]
            .map(str::to_owned)
            .to_vec();
        Self {
            reserved,
            forwarding,
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

    /// Names of headers that say where a request came from and cannot be believed: all of them from
    /// a peer that is not trusted; from a trusted one, those in a spelling that no proxy writes.
    pub(super) fn unbelieved<'h>(
        &self,
        headers: &'h HeaderMap,
        trusted: bool,
    ) -> Vec<&'h HeaderName> {
        headers
            .keys()
            .filter(|name| is_reserved(name.as_str(), &self.forwarding))
            .filter(|name| !trusted || name.as_str().contains(['_', '.']))
            .collect()
    }
}

/// Refuses a request that two servers could read as two different requests (RFC 9112, 6.1 and 3.2).
/// `raw` is the request's head as it came: pingora has already dropped a Content-Length that stood
/// beside a Transfer-Encoding from `headers`.
pub(super) fn check(
    version: Version,
    headers: &HeaderMap,
    raw: impl FnOnce() -> bytes::Bytes,
) -> Result<(), Malformed> {
    if version >= Version::HTTP_11 && !headers.contains_key(HOST) {
        return Err(Malformed::NoHost);
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
    if names_header(&raw(), CONTENT_LENGTH.as_str()) {
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
    use bytes::Bytes;
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
            "x-user",
        ]);
        assert_eq!(defaults().unbelieved(&headers, false).len(), 5);
        let unbelieved = defaults().unbelieved(&headers, true);
        assert_eq!(unbelieved, [&HeaderName::from_static("x_forwarded_for")]);
    }

    fn framing(
        head: &'static str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<(), Malformed> {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        check(Version::HTTP_11, &headers, || {
            Bytes::from_static(head.as_bytes())
        })
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        let host = ("host", "a");
        let chunked = ("transfer-encoding", "chunked");
        assert_eq!(framing("", &[host]), Ok(()));
        let plain = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(framing(plain, &[host, chunked]), Ok(()));
        let both =
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\ncontent-LENGTH: 5\r\n\r\n";
        assert_eq!(framing(both, &[host, chunked]), Err(Malformed::TwoLengths));
        assert_eq!(
            framing("", &[host, ("transfer-encoding", "gzip, chunked")]),
            Err(Malformed::TransferEncoding)
        );
        assert_eq!(framing("", &[]), Err(Malformed::NoHost));
    }
}
