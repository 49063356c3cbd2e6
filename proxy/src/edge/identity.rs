//! Whose request it is: the targeting key, and the cookie that stands in for one.

use std::borrow::Cow;

use cookie::{Cookie, SameSite};
use http::HeaderValue;
use uuid::{Uuid, Variant, Version};

use super::request::Request;
use crate::config::{AnonymousCookie, KeySource};

/// Where a targeting key came from, for the access log. The key itself is never logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Origin {
    /// There is none.
    #[default]
    None,
    Header,
    Cookie,
    /// A cookie that the proxy minted, now or before.
    Anonymous,
}

/// A targeting key, and the cookie that must be set for it to last.
#[derive(Debug, Default)]
pub(super) struct Identity<'r> {
    pub(super) key: Option<Cow<'r, str>>,
    pub(super) origin: Origin,
    pub(super) set_cookie: Option<HeaderValue>,
}

/// The first source that gives a value. `mint` says whether a cookie may be minted: only where a
/// rule reads the key, for a cookie that nothing reads only follows people around.
pub(super) fn find<'r>(sources: &[KeySource], request: &Request<'r>, mint: bool) -> Identity<'r> {
    for source in sources {
        let (key, origin) = match source {
            KeySource::Header(header) => (request.header_from(header), Origin::Header),
            KeySource::Cookie(name) => (request.cookie(name), Origin::Cookie),
            KeySource::Anonymous(cookie) => {
                let sent = request
                    .cookie(&cookie.name)
                    .filter(|value| is_minted(value));
                if sent.is_none() && mint {
                    return minted(cookie);
                }
                (sent, Origin::Anonymous)
            }
        };
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            return Identity {
                key: Some(Cow::Borrowed(key)),
                origin,
                set_cookie: None,
            };
        }
    }
    Identity::default()
}

/// A fresh identity: 122 random bits, so that nobody can guess another's.
fn minted(settings: &AnonymousCookie) -> Identity<'static> {
    let id = Uuid::new_v4().to_string();
    let max_age = settings.max_age.as_secs().try_into().unwrap_or(i64::MAX);
    let mut cookie = Cookie::build((settings.name.as_str(), id.as_str()))
        .path("/")
        .max_age(cookie::time::Duration::seconds(max_age))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(settings.secure)
        .build();
    if let Some(domain) = &settings.domain {
        cookie.set_domain(domain.as_str());
    }
    let set_cookie = HeaderValue::from_str(&cookie.to_string()).ok();
    Identity {
        key: Some(Cow::Owned(id)),
        origin: Origin::Anonymous,
        set_cookie,
    }
}

/// Whether a value is one that this proxy could have minted, in the very form in which it does;
/// a client that makes up another is given a new one.
fn is_minted(value: &str) -> bool {
    Uuid::try_parse(value).is_ok_and(|id| {
        id.get_version() == Some(Version::Random)
            && id.get_variant() == Variant::RFC4122
            && id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == value
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderName, Method, Uri};

    use super::*;
    use crate::config::HeaderSource;
    use crate::edge::client::Client;

    const ID: &str = "7d444840-9dc0-41d1-b245-5ffdce74fad2";

    fn sources() -> Vec<KeySource> {
        vec![
            KeySource::Header(HeaderSource {
                name: HeaderName::from_static("x-user-id"),
                from_client: false,
            }),
            KeySource::Cookie("uid".into()),
            KeySource::Anonymous(AnonymousCookie {
                name: "burgee_id".into(),
                max_age: Duration::from_mins(1),
                secure: true,
                domain: None,
            }),
        ]
    }

    fn identify(
        trusted: bool,
        headers: &[(&'static str, &str)],
        mint: bool,
    ) -> (Option<String>, Origin, Option<String>) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        let client = Client {
            trusted,
            ..Client::default()
        };
        let request = Request {
            method: &Method::GET,
            uri: &Uri::from_static("/"),
            headers: &headers,
            client: &client,
            limit: 64,
        };
        let found = find(&sources(), &request, mint);
        let set_cookie = found
            .set_cookie
            .map(|value| value.to_str().unwrap().to_owned());
        (found.key.map(Cow::into_owned), found.origin, set_cookie)
    }

    #[test]
    fn the_first_source_that_gives_a_value_wins() {
        let everything = [("x-user-id", "u1"), ("cookie", "uid=u2")];
        assert_eq!(
            identify(true, &everything, true),
            (Some("u1".into()), Origin::Header, None)
        );
        assert_eq!(
            identify(false, &everything, true),
            (Some("u2".into()), Origin::Cookie, None)
        );
        assert_eq!(
            identify(true, &[("x-user-id", ""), ("cookie", "uid=u2")], true).1,
            Origin::Cookie
        );
    }

    #[test]
    fn a_minted_cookie_comes_back_and_anything_else_is_replaced() {
        let known = format!("burgee_id={ID}");
        assert_eq!(
            identify(false, &[("cookie", &known)], true),
            (Some(ID.into()), Origin::Anonymous, None)
        );
        for forged in [
            "admin",
            &ID.to_uppercase(),
            &ID.replace('-', ""),
            "00000000-0000-0000-0000-000000000000",
        ] {
            let (key, origin, cookie) =
                identify(false, &[("cookie", &format!("burgee_id={forged}"))], true);
            assert_ne!(key.as_deref(), Some(forged));
            assert_eq!(origin, Origin::Anonymous);
            assert!(cookie.is_some(), "{forged}");
        }
    }

    #[test]
    fn the_cookie_is_kept_from_scripts_and_other_sites() {
        let (key, _, cookie) = identify(false, &[], true);
        let key = key.unwrap();
        assert!(is_minted(&key));
        assert_eq!(
            cookie.unwrap(),
            format!("burgee_id={key}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60")
        );
    }

    #[test]
    fn nothing_is_minted_where_no_rule_reads_the_key() {
        assert_eq!(identify(false, &[], false), (None, Origin::None, None));
    }
}
