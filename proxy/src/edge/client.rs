//! Who sent a request: the peer, whether it is trusted, and the client's address behind it.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

pub(super) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Entries of `X-Forwarded-For` that are read, from the right; no sane chain is longer.
const MAX_HOPS: usize = 32;

/// Who sent a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    /// The other end of the connection.
    pub(super) peer: Option<IpAddr>,
    /// Whether the peer is a trusted proxy.
    pub(super) trusted: bool,
    /// Whose request it is. `None` where a trusted proxy says something that is not an address.
    pub(super) address: Option<IpAddr>,
}

impl Client {
    /// Walks `X-Forwarded-For` from right to left, past trusted proxies, to the first address that
    /// is not one. Whatever stands left of that one is the client's own word and is not read.
    pub(super) fn find(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let peer = peer.map(|peer| peer.to_canonical());
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
        let Some(first) = peer.filter(|peer| is_trusted(*peer)) else {
            return Self {
                peer,
                trusted: false,
                address: peer,
            };
        };
        let lines: Vec<&HeaderValue> = headers.get_all(FORWARDED_FOR).iter().collect();
        let hops = lines
            .iter()
            .rev()
            .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let hops = hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty());
        let mut address = Some(first);
        for hop in hops.take(MAX_HOPS) {
            address = parse(hop);
            if !address.is_some_and(is_trusted) {
                break;
            }
        }
        Self {
            peer,
            trusted: true,
            address,
        }
    }
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:443`.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare
        .parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// Tells the backend how the request came here: the chain of a trusted peer is continued, anything
/// else is overwritten. `host` is the request's own.
pub(super) fn write_forwarded(headers: &mut HeaderMap, client: &Client, host: Option<HeaderValue>) {
    let own = client.peer.map(|peer| peer.to_string()).unwrap_or_default();
    let chain = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter(|_| client.trusted)
        .map(HeaderValue::as_bytes)
        .chain((!own.is_empty()).then_some(own.as_bytes()))
        .collect::<Vec<_>>()
        .join(&b", "[..]);
    headers.remove(FORWARDED_FOR);
    if let Some(chain) = HeaderValue::from_bytes(&chain)
        .ok()
        .filter(|chain| !chain.is_empty())
    {
        headers.insert(FORWARDED_FOR, chain);
    }
    if !(client.trusted && headers.contains_key(FORWARDED_PROTO)) {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    }
    if let Some(host) = host.filter(|_| !(client.trusted && headers.contains_key(FORWARDED_HOST))) {
        headers.insert(FORWARDED_HOST, host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(peer: &str, forwarded: &[&str]) -> (bool, Option<String>) {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let headers = forwarded
            .iter()
            .map(|line| {
                (
                    FORWARDED_FOR,
                    HeaderValue::from_bytes(line.as_bytes()).unwrap(),
                )
            })
            .collect();
        let client = Client::find(Some(peer.parse().unwrap()), &headers, &trusted);
        (
            client.trusted,
            client.address.map(|address| address.to_string()),
        )
    }

    #[test]
    fn the_walk_ends_at_the_first_address_that_is_not_trusted() {
        let cases: [(&str, &[&str], bool, Option<&str>); 13] = [
            ("198.51.100.7", &[], false, Some("198.51.100.7")),
            (
                "198.51.100.7",
                &["203.0.113.9"],
                false,
                Some("198.51.100.7"),
            ),
            ("10.0.0.1", &[], true, Some("10.0.0.1")),
            ("10.0.0.1", &["203.0.113.9"], true, Some("203.0.113.9")),
            (
                "10.0.0.1",
                &["1.2.3.4, 203.0.113.9, 10.0.0.2"],
                true,
                Some("203.0.113.9"),
            ),
            (
                "10.0.0.1",
                &["1.2.3.4", "203.0.113.9", "10.0.0.2"],
                true,
                Some("203.0.113.9"),
            ),
            (
                "10.0.0.1",
                &["garbage, 203.0.113.9"],
                true,
                Some("203.0.113.9"),
            ),
            ("10.0.0.1", &["203.0.113.9, garbage"], true, None),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], true, Some("10.0.0.3")),
            ("10.0.0.1", &["203.0.113.9:4711"], true, Some("203.0.113.9")),
            ("fd00::1", &["[2001:db8::1]:443"], true, Some("2001:db8::1")),
            (
                "::ffff:10.0.0.1",
                &["::ffff:203.0.113.9"],
                true,
                Some("203.0.113.9"),
            ),
            (
                "10.0.0.1",
                &["", "203.0.113.9, ,"],
                true,
                Some("203.0.113.9"),
            ),
        ];
        for (peer, forwarded, trusted, address) in cases {
            assert_eq!(
                find(peer, forwarded),
                (trusted, address.map(str::to_owned)),
                "{peer} {forwarded:?}"
            );
        }
    }

    fn forwarded(client: &Client, before: &[(HeaderName, &'static str)]) -> [Option<String>; 3] {
        let mut headers: HeaderMap = before
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        write_forwarded(
            &mut headers,
            client,
            Some(HeaderValue::from_static("shop.example")),
        );
        [FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST].map(|name| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        })
    }

    #[test]
    fn a_trusted_chain_is_continued_and_any_other_overwritten() {
        let said = [
            (FORWARDED_FOR, "203.0.113.9"),
            (FORWARDED_PROTO, "https"),
            (FORWARDED_HOST, "www.shop.example"),
        ];
        let peer = Some("10.0.0.1".parse().unwrap());
        let trusted = Client {
            peer,
            trusted: true,
            address: None,
        };
        assert_eq!(
            forwarded(&trusted, &said),
            ["203.0.113.9, 10.0.0.1", "https", "www.shop.example"]
                .map(|text| Some(text.to_owned()))
        );
        let stranger = Client {
            peer,
            trusted: false,
            address: peer,
        };
        assert_eq!(
            forwarded(&stranger, &said),
            ["10.0.0.1", "http", "shop.example"].map(|text| Some(text.to_owned()))
        );
    }
}
