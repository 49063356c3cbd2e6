//! What a backend is told, and in which form.

use burgee_tests::{Backend, Home, constant, flag_set, on_off, repository};
use serde_json::json;

fn sample(home: &Home, name: &str) {
    let text = std::fs::read_to_string(repository().join("config/flags").join(name));
    home.write(&format!("flags/{name}"), &text.expect("a sample flag set"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_flag_of_the_route_is_a_header() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(
        &backend,
        &["new-checkout", "banner", "mobile-layout", "free-shipping"],
        &json!({ "context": {
            "targeting_key": [{ "header": "x-user-id" }],
            "attributes": { "plan": { "header": "x-plan", "from_client": true } },
        } }),
    );
    sample(&home, "checkout.yaml");
    sample(&home, "storefront.yaml");
    let proxy = home.start().await;

    let echo = proxy
        .get("/basket?a=b")
        .header("x-plan", "gold")
        .echo()
        .await;
    assert_eq!(
        (echo.backend.as_str(), echo.target.as_str()),
        ("stable", "/basket?a=b")
    );
    assert_eq!(echo.header("x-flag-new-checkout"), Some("off"));
    assert_eq!(echo.header("x-flag-banner"), Some("plain"));
    assert_eq!(echo.header("x-flag-mobile-layout"), Some("wide"));
    // Its own name, from `delivery`, instead of the one made from its key.
    assert_eq!(echo.header("x-flag-shipping"), Some("yes"));
    assert_eq!(echo.header("x-flag-free-shipping"), None);
    // A flag that the route does not list is not told.
    assert_eq!(echo.header("x-flag-checkout-backend"), None);

    let revision = echo.header("x-flags-revision").expect("a revision");
    assert!(revision.len() == 16 && revision.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_without_a_variant_has_no_header() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["open", "disabled", "unknown"], &json!({}));
    let mut open = on_off(&json!(null));
    open["defaultVariant"] = json!(null);
    let mut disabled = constant("on");
    disabled["state"] = json!("DISABLED");
    home.write(
        "flags/set.json",
        &flag_set(&json!({ "open": open, "disabled": disabled })),
    );
    let proxy = home.start().await;

    let echo = proxy.get("/").echo().await;
    let told = echo
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-flag-"));
    assert_eq!(told.count(), 0, "{:?}", echo.headers);
    assert!(echo.header("x-flags-revision").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_may_ask_for_values() {
    let backend = Backend::start("stable").await;
    let flags = ["bool", "number", "text", "foreign", "object"];
    let home = Home::serving(
        &backend,
        &[],
        &json!({ "routes": [
            { "name": "all", "upstream": "stable", "flags": flags, "present": { "content": "value" } },
        ] }),
    );
    let only =
        |value| json!({ "state": "ENABLED", "variants": { "v": value }, "defaultVariant": "v" });
    let document = flag_set(&json!({
        "bool": only(json!(true)),
        "number": only(json!(2.5)),
        "text": only(json!("sale-50%")),
        "foreign": only(json!("Köln")),
        "object": only(json!({ "a": [1, 2] })),
    }));
    home.write("flags/set.json", &document);
    let proxy = home.start().await;

    let echo = proxy.get("/").echo().await;
    assert_eq!(echo.header("x-flag-bool"), Some("true"));
    assert_eq!(echo.header("x-flag-number"), Some("2.5"));
    assert!(
        echo.header("x-flag-text")
            .is_some_and(|value| value.starts_with("sale-50"))
    );
    assert_eq!(echo.header("x-flag-foreign"), Some("K%C3%B6ln"));
    assert_eq!(echo.header("x-flag-object"), Some(r#"{"a":[1,2]}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_may_ask_for_one_dictionary() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(
        &backend,
        &[],
        &json!({ "routes": [
            {
                "name": "names", "upstream": "stable", "flags": ["new-checkout", "spaced", "missing"],
                "present": { "form": "dictionary" },
            },
            {
                "name": "values", "path": "/values", "upstream": "stable",
                "flags": ["new-checkout", "spaced"],
                "present": { "form": "dictionary", "content": "value" },
            },
        ] }),
    );
    let document = flag_set(&json!({
        "new-checkout": constant("on"),
        "spaced": {
            "state": "ENABLED",
            "variants": { "two words": 7 },
            "defaultVariant": "two words",
        },
    }));
    home.write("flags/set.json", &document);
    let proxy = home.start().await;

    let names = proxy.get("/").echo().await;
    assert_eq!(
        names.header("flags"),
        Some(r#"new-checkout=on, spaced="two words""#)
    );
    assert_eq!(names.header("x-flag-new-checkout"), None);
    let values = proxy.get("/values/1").echo().await;
    // RFC 9651 writes a member that is true as its key alone.
    assert_eq!(values.header("flags"), Some("new-checkout, spaced=7"));
    assert_eq!(
        names.header("x-flags-revision"),
        values.header("x-flags-revision")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_revision_changes_with_the_flags_and_is_equal_on_equal_proxies() {
    let backend = Backend::start("stable").await;
    let homes: Vec<_> = (0..2)
        .map(|_| Home::serving(&backend, &["a"], &json!({})))
        .collect();
    for home in &homes {
        home.write("flags/one.json", &flag_set(&json!({ "a": constant("on") })));
    }
    let first = homes[0].start().await;
    let second = homes[1].start().await;
    let of = async |proxy: &burgee_tests::Proxy| proxy.variant("u", "x-flags-revision").await;
    let revision = of(&first).await;
    assert!(revision.is_some());
    assert_eq!(revision, of(&second).await);

    homes[0].write(
        "flags/one.json",
        &flag_set(&json!({ "a": constant("off") })),
    );
    first.serves("u", "x-flag-a", Some("off")).await;
    assert_ne!(of(&first).await, revision);
    homes[0].write("flags/one.json", &flag_set(&json!({ "a": constant("on") })));
    first.serves("u", "x-flag-a", Some("on")).await;
    assert_eq!(of(&first).await, revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_match_by_host_then_by_the_longest_path() {
    let backend = Backend::start("stable").await;
    let route = |name: &str, host: Option<&str>, path: &str, flag: &str| {
        let mut route =
            json!({ "name": name, "path": path, "upstream": "stable", "flags": [flag] });
        if let Some(host) = host {
            route["host"] = json!(host);
        }
        route
    };
    let home = Home::serving(
        &backend,
        &[],
        &json!({ "routes": [
            route("rest", None, "/", "a"),
            route("api", None, "/api", "b"),
            route("shop", Some("shop.example"), "/", "c"),
        ] }),
    );
    let flags = json!({ "a": constant("on"), "b": constant("on"), "c": constant("on") });
    home.write("flags/set.json", &flag_set(&flags));
    let proxy = home.start().await;

    for (host, path, flag) in [
        ("other.example", "/", "x-flag-a"),
        ("other.example", "/api", "x-flag-b"),
        ("other.example", "/api/v1", "x-flag-b"),
        // A prefix matches whole segments.
        ("other.example", "/apian", "x-flag-a"),
        ("shop.example", "/api", "x-flag-c"),
        ("SHOP.example:8080", "/", "x-flag-c"),
    ] {
        let echo = proxy.get(path).header("host", host).echo().await;
        let told: Vec<_> = echo
            .headers
            .iter()
            .filter(|(name, _)| name.starts_with("x-flag-"))
            .collect();
        assert_eq!(told.len(), 1, "{host}{path}: {told:?}");
        assert_eq!(told[0].0, flag, "{host}{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarded_headers_are_as_people_expect() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &[], &json!({}));
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    let proxy = home.start().await;

    let echo = proxy.get("/").header("host", "shop.example").echo().await;
    assert_eq!(echo.header("host"), Some("shop.example"));
    assert_eq!(echo.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(echo.header("x-forwarded-proto"), Some("http"));
    assert_eq!(echo.header("x-forwarded-host"), Some("shop.example"));
    assert!(echo.header("x-request-id").is_some_and(|id| id.len() >= 16));

    // A trusted peer's own are continued, not replaced.
    let echo = proxy
        .get("/")
        .header("x-forwarded-for", "193.0.6.139")
        .header("x-request-id", "from-the-cdn")
        .echo()
        .await;
    let forwarded = echo
        .header("x-forwarded-for")
        .unwrap_or_default()
        .replace(' ', "");
    assert_eq!(forwarded, "193.0.6.139,127.0.0.1");
    assert_eq!(echo.header("x-request-id"), Some("from-the-cdn"));
}

/// The table of docs/configuration.md.
#[tokio::test(flavor = "multi_thread")]
async fn what_says_where_a_request_came_from_counts_only_from_trusted_proxies() {
    let said = [
        ("x-forwarded-for", "193.0.6.139"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
        ("x-request-id", "from-the-cdn"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-server", "cdn-1"),
        ("x-forwarded-prefix", "/shop"),
        ("forwarded", "for=193.0.6.139"),
        ("x-real-ip", "193.0.6.139"),
        ("x_forwarded_for", "193.0.6.139"),
        ("x.real.ip", "193.0.6.139"),
        ("x_request_id", "another"),
        ("content_length", "9"),
        ("transfer.encoding", "chunked"),
        ("connection", "x-nominated"),
        ("x-nominated", "of the connection"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authenticate", "Basic"),
        ("proxy-authorization", "Basic eDp5"),
        ("te", "trailers"),
        ("trailer", "x-end"),
        ("http2-settings", "AAMAAABk"),
        ("upgrade", "other"),
        ("x-anything", "else"),
        ("cookie", "a=b"),
    ];
    let arrived = async |trusted: &str| {
        let backend = Backend::start("stable").await;
        let keys = json!({ "trusted_proxies": [trusted] });
        let home = Home::serving(&backend, &[], &keys);
        home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
        let proxy = home.start().await;
        let call = proxy.get("/").header("host", "own.example");
        let call = said
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value));
        let mut headers = call.echo().await.headers;
        headers.sort();
        headers
    };
    let named = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
    };

    let trusted = arrived("127.0.0.0/8").await;
    let expected = named(&[
        ("cookie", "a=b"),
        ("forwarded", "for=193.0.6.139"),
        ("host", "own.example"),
        ("x-anything", "else"),
        ("x-forwarded-for", "193.0.6.139, 127.0.0.1"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-prefix", "/shop"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-server", "cdn-1"),
        ("x-real-ip", "193.0.6.139"),
        ("x-request-id", "from-the-cdn"),
    ]);
    assert_eq!(trusted, expected);

    let mut untrusted = arrived("10.0.0.0/8").await;
    let (name, id) = untrusted.pop().expect("headers");
    assert_eq!(name, "x-request-id");
    assert!(
        id != "from-the-cdn" && id != "another" && id.len() == 36,
        "{id}"
    );
    let expected = named(&[
        ("cookie", "a=b"),
        ("host", "own.example"),
        ("x-anything", "else"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "own.example"),
        ("x-forwarded-proto", "http"),
    ]);
    assert_eq!(untrusted, expected);
}
