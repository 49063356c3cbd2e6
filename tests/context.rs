//! What the proxy knows of a request: who, from where, with what.

use std::collections::BTreeSet;

use burgee_tests::{Answer, Backend, Home, PATIENCE, Proxy, eventually, flag_set, on_off, share};
use serde_json::{Value, json};

/// A proxy whose flag `seen` has a variant for each of `values` of one attribute, and `none`.
async fn seeing(attribute: &str, values: &[&str], keys: &Value) -> (Backend, Home, Proxy) {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["seen"], keys);
    let mut variants = json!({ "none": "none" });
    let mut rule = json!("none");
    for value in values {
        variants[value] = json!(value);
        rule = json!({ "if": [{ "==": [{ "var": attribute }, value] }, value, rule] });
    }
    let flag = json!({
        "state": "ENABLED", "variants": variants, "defaultVariant": "none", "targeting": rule,
    });
    home.write("flags/set.json", &flag_set(&json!({ "seen": flag })));
    let proxy = home.start().await;
    (backend, home, proxy)
}

/// What the flag `seen` is for a request with these headers.
async fn seen(proxy: &Proxy, target: &str, headers: &[(&str, &str)]) -> String {
    let call = proxy.get(target);
    let call = headers
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value));
    call.echo()
        .await
        .header("x-flag-seen")
        .expect("always a variant")
        .to_owned()
}

/// Addresses of institutions that have held them for decades, and their countries.
const ADDRESSES: [(&str, &str); 6] = [
    ("193.0.6.139", "NL"),        // RIPE NCC, Amsterdam
    ("130.149.7.7", "DE"),        // Technische Universität Berlin
    ("128.93.162.83", "FR"),      // Inria
    ("133.11.0.1", "JP"),         // University of Tokyo
    ("200.160.2.3", "BR"),        // NIC.br, São Paulo
    ("2001:67c:2e8:22::1", "NL"), // RIPE NCC
];

fn mmdb() -> String {
    std::env::var("BURGEE_TEST_MMDB").expect(
        "BURGEE_TEST_MMDB must name the country database of @ip-location-db: run ./test, which brings it",
    )
}

fn by_address(trusted: &[&str]) -> Value {
    json!({
        "trusted_proxies": trusted,
        "context": { "geo": { "mmdb": { "path": mmdb(), "fields": { "country": "country_code" } } } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn geography_comes_from_a_real_database_by_client_address() {
    let countries = ["NL", "DE", "FR", "JP", "BR"];
    let keys = by_address(&["127.0.0.0/8", "10.0.0.0/8"]);
    let (_backend, _home, proxy) = seeing("geo.country", &countries, &keys).await;
    for (address, country) in ADDRESSES {
        assert_eq!(
            seen(&proxy, "/", &[("x-forwarded-for", address)]).await,
            country,
            "{address}"
        );
    }
    // The client is the nearest address that is not a trusted proxy: what stands before it is hearsay.
    let chain = "133.11.0.1, 193.0.6.139, 10.1.2.3";
    assert_eq!(seen(&proxy, "/", &[("x-forwarded-for", chain)]).await, "NL");
    // Several headers of one name are one list.
    let chain = [
        ("x-forwarded-for", "133.11.0.1"),
        ("x-forwarded-for", "130.149.7.7"),
    ];
    assert_eq!(seen(&proxy, "/", &chain).await, "DE");
    // Loopback, documentation addresses and nonsense are nowhere.
    for nowhere in ["192.0.2.1", "127.0.0.1", "unknown", "", "999.1.1.1"] {
        assert_eq!(
            seen(&proxy, "/", &[("x-forwarded-for", nowhere)]).await,
            "none",
            "{nowhere:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untrusted_peer_cannot_choose_its_address() {
    let keys = by_address(&["10.0.0.0/8"]);
    let (_backend, _home, proxy) = seeing("geo.country", &["NL"], &keys).await;
    assert_eq!(
        seen(&proxy, "/", &[("x-forwarded-for", "193.0.6.139")]).await,
        "none"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_changes_is_read_again() {
    let backend = Backend::start("stable").await;
    let geo = json!({ "mmdb": { "path": "geo.mmdb", "fields": { "country": "country_code" } } });
    let home = Home::serving(&backend, &["seen"], &json!({ "context": { "geo": geo } }));
    let flag = on_off(&json!({ "if": [{ "==": [{ "var": "geo.country" }, "NL"] }, "on", "off"] }));
    home.write("flags/set.json", &flag_set(&json!({ "seen": flag })));
    let today = std::fs::read(mmdb()).expect("a database");
    std::fs::write(home.path("geo.mmdb"), without_nl(&today)).expect("a file of our own");
    let proxy = home.start().await;
    let nl = [("x-forwarded-for", "193.0.6.139")];
    assert_eq!(seen(&proxy, "/", &nl).await, "off");

    std::fs::write(home.path("aside"), &today).expect("a file of our own");
    std::fs::rename(home.path("aside"), home.path("geo.mmdb")).expect("a rename");
    eventually("the new database", async || {
        (seen(&proxy, "/", &nl).await == "on").then_some(())
    })
    .await;

    // A database that breaks while the proxy runs changes nothing.
    std::fs::write(home.path("broken"), &today[..today.len() / 2]).expect("a file of our own");
    std::fs::rename(home.path("broken"), home.path("geo.mmdb")).expect("a rename");
    proxy.logs(PATIENCE, "geo.mmdb").await;
    assert_eq!(seen(&proxy, "/", &nl).await, "on");
}

/// The same database, but what is NL is XX: countries are strings of two bytes (type and length in
/// one byte, 0x42) among the last kilobytes of the file, each stored once.
fn without_nl(database: &[u8]) -> Vec<u8> {
    let mut database = database.to_vec();
    let tail = database.len() - 64 * 1024;
    let place = database[tail..]
        .windows(3)
        .position(|bytes| bytes == b"\x42NL");
    let place = tail + place.expect("the Netherlands");
    database[place + 1..place + 3].copy_from_slice(b"XX");
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn geography_comes_from_a_trusted_cdn_header() {
    let keys =
        json!({ "context": { "geo": { "headers": { "country": { "header": "cf-ipcountry" } } } } });
    let (_backend, _home, proxy) = seeing("geo.country", &["DE", "FR"], &keys).await;
    assert_eq!(seen(&proxy, "/", &[("cf-ipcountry", "DE")]).await, "DE");
    assert_eq!(seen(&proxy, "/", &[("CF-IPCountry", "FR")]).await, "FR");
    assert_eq!(seen(&proxy, "/", &[]).await, "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_an_untrusted_peer_are_not_believed() {
    let keys = json!({
        "trusted_proxies": ["10.0.0.0/8"],
        "context": {
            "targeting_key": [{ "header": "x-user-id" }],
            "geo": { "headers": { "country": { "header": "cf-ipcountry" } } },
            "attributes": {
                "plan": { "header": "x-plan" },
                "beta": { "header": "x-beta", "from_client": true },
            },
        },
    });
    let country = seeing("geo.country", &["DE"], &keys).await;
    assert_eq!(
        seen(&country.2, "/", &[("cf-ipcountry", "DE")]).await,
        "none"
    );
    let identity = seeing("targetingKey", &["u1"], &keys).await;
    assert_eq!(seen(&identity.2, "/", &[("x-user-id", "u1")]).await, "none");
    let plan = seeing("plan", &["gold"], &keys).await;
    assert_eq!(seen(&plan.2, "/", &[("x-plan", "gold")]).await, "none");
    // What is declared as the client's own word counts from anyone.
    let beta = seeing("beta", &["yes"], &keys).await;
    assert_eq!(seen(&beta.2, "/", &[("x-beta", "yes")]).await, "yes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_known_by_its_user_agent() {
    let devices = json!({ "context": { "device": true } });
    let classes = ["desktop", "mobile", "tablet", "bot"];
    let (_backend, _home, proxy) = seeing("device.class", &classes, &devices).await;
    let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                   Chrome/126.0.0.0 Safari/537.36";
    let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
                  (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
    let pixel = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/126.0.0.0 Mobile Safari/537.36";
    let ipad = "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 \
                (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1";
    let googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    for (agent, class) in [
        (windows, "desktop"),
        (iphone, "mobile"),
        (pixel, "mobile"),
        (ipad, "tablet"),
        (googlebot, "bot"),
    ] {
        assert_eq!(
            seen(&proxy, "/", &[("user-agent", agent)]).await,
            class,
            "{agent}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_attributes_come_from_headers_cookies_and_the_query() {
    let attributes = json!({ "context": { "attributes": {
        "plan": { "header": "x-plan", "from_client": true },
        "beta": { "cookie": "beta" },
        "campaign": { "query": "utm_campaign" },
    } } });
    let plan = seeing("plan", &["gold"], &attributes).await;
    assert_eq!(seen(&plan.2, "/", &[("x-plan", "gold")]).await, "gold");
    assert_eq!(seen(&plan.2, "/", &[("plan", "gold")]).await, "none");
    let beta = seeing("beta", &["yes"], &attributes).await;
    assert_eq!(
        seen(&beta.2, "/", &[("cookie", "a=b; beta=yes")]).await,
        "yes"
    );
    assert_eq!(seen(&beta.2, "/", &[("cookie", "xbeta=yes")]).await, "none");
    let campaign = seeing("campaign", &["winter sale"], &attributes).await;
    assert_eq!(
        seen(&campaign.2, "/a?b=c&utm_campaign=winter%20sale", &[]).await,
        "winter sale"
    );
    assert_eq!(
        seen(
            &campaign.2,
            "/a?utm_campaign=x&utm_campaign=winter%20sale",
            &[]
        )
        .await,
        "none"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_source_of_the_targeting_key_that_gives_a_value_wins() {
    let keys =
        json!({ "context": { "targeting_key": [{ "header": "x-user-id" }, { "cookie": "uid" }] } });
    let (_backend, _home, proxy) = seeing("targetingKey", &["header", "cookie"], &keys).await;
    let both = [("cookie", "uid=cookie"), ("x-user-id", "header")];
    assert_eq!(seen(&proxy, "/", &both).await, "header");
    assert_eq!(seen(&proxy, "/", &both[..1]).await, "cookie");
    assert_eq!(seen(&proxy, "/", &[]).await, "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_cookie_is_minted_once_and_decides_from_the_first_request() {
    let backend = Backend::start("stable").await;
    let cookie = json!({ "anonymous_cookie": { "name": "who", "max_age": "1d", "secure": false } });
    let context = json!({ "targeting_key": [{ "header": "x-user-id" }, cookie] });
    let home = Home::serving(&backend, &["a"], &json!({ "context": context }));
    home.write("flags/set.json", &flag_set(&json!({ "a": share(50) })));
    let proxy = home.start().await;

    let mut variants = BTreeSet::new();
    for _ in 0..40 {
        let first = proxy.get("/").send().await;
        let set = first
            .header("set-cookie")
            .expect("a cookie for a stranger")
            .to_owned();
        let lower = set.to_ascii_lowercase();
        for part in ["max-age=86400", "path=/", "httponly", "samesite=lax"] {
            assert!(lower.contains(part), "{part} in {set}");
        }
        assert!(!lower.contains("secure"), "{set}");
        let pair = set.split(';').next().expect("a pair");
        assert!(pair.starts_with("who=") && pair.len() > 20, "{set}");

        let again = proxy.get("/").header("cookie", pair).send().await;
        assert_eq!(again.header("set-cookie"), None);
        let variant = |answer: &Answer| answer.echo().header("x-flag-a").map(str::to_owned);
        assert_eq!(variant(&first), variant(&again), "{pair}");
        variants.extend(variant(&first));
    }
    assert_eq!(variants.len(), 2, "forty strangers are not all alike");
    // Whoever is known otherwise gets none.
    let known = proxy.get("/").header("x-user-id", "u1").send().await;
    assert_eq!(known.header("set-cookie"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cache_may_store_the_response_that_mints_an_identity() {
    let backend = Backend::start("stable").await;
    let stored = [
        ("cache-control", "public, max-age=60, s-maxage=600"),
        ("cdn-cache-control", "max-age=600"),
        ("cloudflare-cdn-cache-control", "max-age=600"),
        ("x-litespeed-cache-control", "public,max-age=600"),
        ("surrogate-control", "max-age=600"),
        ("edge-control", "max-age=600"),
        ("x-accel-expires", "600"),
        ("expires", "Thu, 31 Dec 2037 23:55:55 GMT"),
        ("pragma", "cache"),
        ("etag", "\"v1\""),
        ("x-cache-control-policy", "the backend's own"),
    ];
    backend.set_headers(&stored);
    let cookie = json!({ "anonymous_cookie": { "name": "who", "secure": false } });
    let context = json!({ "targeting_key": [{ "header": "x-user-id" }, cookie] });
    let routes = json!([
        { "name": "shop", "upstream": "stable", "flags": ["a"] },
        { "name": "plain", "path": "/plain", "upstream": "stable" },
    ]);
    let keys = json!({ "context": context, "routes": routes });
    let home = Home::serving(&backend, &[], &keys);
    home.write("flags/set.json", &flag_set(&json!({ "a": share(50) })));
    let proxy = home.start().await;
    let said = |answer: &Answer| {
        let said = stored.iter().filter_map(|(name, _)| {
            let mut values = answer.headers.get_all(*name).iter();
            let value = values.next()?.to_str().expect("text").to_owned();
            assert_eq!(values.next(), None, "{name} twice");
            Some(((*name).to_owned(), value))
        });
        said.collect::<Vec<_>>()
    };
    let named = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
    };

    let minting = proxy.get("/").send().await;
    let set = minting.header("set-cookie").expect("a cookie").to_owned();
    let [.., etag, policy] = stored;
    let unstored = named(&[("cache-control", "no-store"), etag, policy]);
    assert_eq!(said(&minting), unstored);
    assert_eq!(minting.header("vary"), Some("cookie, x-user-id"));
    // Also where the backend says nothing of caches, and what was sent is no identity.
    backend.set_headers(&[]);
    let minting = proxy.get("/").header("cookie", "who=me").send().await;
    assert!(minting.header("set-cookie").is_some());
    assert_eq!(said(&minting), named(&[("cache-control", "no-store")]));

    // What mints nothing goes out as the backend said it.
    backend.set_headers(&stored);
    let pair = set.split(';').next().expect("a pair");
    for (target, header) in [
        ("/", ("cookie", pair)),
        ("/", ("x-user-id", "u1")),
        ("/plain", ("accept", "*/*")),
    ] {
        let answer = proxy.get(target).header(header.0, header.1).send().await;
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(said(&answer), named(&stored), "{target} {header:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_and_the_place_are_attributes() {
    for (attribute, value, target) in [
        ("http.host", "shop.example", "/"),
        ("http.method", "GET", "/"),
        ("http.path", "/a/b", "/a/b?c=d"),
        ("client.address", "193.0.6.139", "/"),
        ("region", "eu", "/"),
        ("cluster", "eu-1", "/"),
    ] {
        let (_backend, _home, proxy) = seeing(attribute, &[value], &json!({})).await;
        let headers = [("host", "shop.example"), ("x-forwarded-for", "193.0.6.139")];
        assert_eq!(seen(&proxy, target, &headers).await, value, "{attribute}");
    }
}
