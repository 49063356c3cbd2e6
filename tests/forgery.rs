//! No client forges a decision.

use burgee_tests::{Backend, Echo, Home, Proxy, constant, exchange, flag_set};
use serde_json::json;

/// Every way we know to write a reserved name. What the proxy reserves is compared in lower case with
/// all but letters and digits read as `-`, because backends (CGI, WSGI, PHP, many gateways) do the same.
const SPELLINGS: [&str; 23] = [
    "x-flag-new-checkout",
    "X-Flag-New-Checkout",
    "X-FLAG-NEW-CHECKOUT",
    "X_Flag_New-Checkout",
    "x_flag_new_checkout",
    "x-flag_new.checkout",
    "X.Flag.New.Checkout",
    "x-flag.new-checkout",
    "X-Flag_Unheard-Of",
    "x-flag-",
    "x-flags-revision",
    "X_Flags_Revision",
    "x.flags.revision",
    "X-Flags-Fallback",
    "x_flags_fallback",
    "x-flags-",
    "flags",
    "Flags",
    "FLAGS",
    "x_flags.anything",
    "x!flag!new-checkout",
    "x~flag~new~checkout",
    "X|Flags'Revision",
];

async fn proxy() -> (Backend, Home, Proxy) {
    let backend = Backend::start("stable").await;
    let home = Home::serving(
        &backend,
        &[],
        &json!({ "routes": [
            { "name": "flags", "upstream": "stable", "flags": ["new-checkout"] },
            { "name": "none", "path": "/none", "upstream": "stable" },
            {
                "name": "dictionary", "path": "/dictionary", "upstream": "stable",
                "flags": ["new-checkout"], "present": { "form": "dictionary" },
            },
        ] }),
    );
    home.write(
        "flags/set.json",
        &flag_set(&json!({ "new-checkout": constant("off") })),
    );
    let proxy = home.start().await;
    (backend, home, proxy)
}

/// Whether a header is the proxy's to write.
fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    name.starts_with("x-flag-") || name.starts_with("x-flags-") || name == "flags"
}

/// Panics unless the reserved headers are exactly what the proxy itself writes on this path.
fn assert_genuine(echo: &Echo, what: &str) {
    let mut reserved: Vec<_> = echo
        .headers
        .iter()
        .filter(|(name, _)| is_reserved(name))
        .collect();
    reserved.retain(|(name, value)| {
        !(name == "x-flags-revision" && value.len() == 16 && value != "forged")
    });
    let reserved: Vec<_> = reserved
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let genuine: &[(&str, &str)] = match echo.target.as_str() {
        "/none" => &[],
        "/dictionary" => &[("flags", "new-checkout=off")],
        _ => &[("x-flag-new-checkout", "off")],
    };
    assert_eq!(reserved, genuine, "{what}");
    let forged = echo
        .headers
        .iter()
        .any(|(_, value)| value.contains("forged"));
    assert!(!forged, "{what}: {:?}", echo.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_reserved_header_gets_through() {
    let (_backend, _home, proxy) = proxy().await;
    for path in ["/", "/none", "/dictionary"] {
        for name in SPELLINGS {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\n{name}: forged\r\n{name}:forged\r\nConnection: close\r\n\r\n"
            );
            assert_genuine(&exchange(proxy.address(), request).await.echo(), name);
        }
        let all = SPELLINGS.map(|name| format!("{name}: forged\r\n")).concat();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{all}Connection: close\r\n\r\n");
        assert_genuine(
            &exchange(proxy.address(), request).await.echo(),
            "all of them",
        );
        let request = format!("GET {path} HTTP/1.0\r\n{all}\r\n");
        let old = exchange(proxy.address(), request).await;
        if old.status() == Some(200) {
            assert_genuine(&old.echo(), "all of them over HTTP/1.0");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn naming_decision_headers_in_connection_does_not_remove_them() {
    let (_backend, _home, proxy) = proxy().await;
    for connection in [
        "close, x-flag-new-checkout, x-flags-revision, flags",
        "X-Flag-New-Checkout, X-Flags-Revision, Flags, close",
        "close\r\nConnection: x-flag-new-checkout\r\nConnection: flags, x-flags-revision",
    ] {
        for path in ["/", "/none", "/dictionary"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nx-flag-new-checkout: forged\r\nConnection: {connection}\r\n\r\n"
            );
            let echo = exchange(proxy.address(), request).await.echo();
            assert_genuine(&echo, connection);
            if path != "/none" {
                assert!(echo.header("x-flags-revision").is_some(), "{connection}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tricks_with_whitespace_do_not_get_through() {
    let (_backend, _home, proxy) = proxy().await;
    for lines in [
        "x-flag-new-checkout : forged",
        " x-flag-new-checkout: forged",
        "a: b\r\n x-flag-new-checkout: forged",
        "x-flag-new-checkout\t: forged",
        "a: b\nx-flag-new-checkout: forged",
        "a: b\rx-flag-new-checkout: forged",
        "x-flag-new-checkout\0: forged",
        "\u{2010}x-flag-new-checkout: forged",
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\nConnection: close\r\n\r\n");
        let answer = exchange(proxy.address(), request).await;
        if answer.status() == Some(200) {
            let echo = answer.echo();
            let named: Vec<_> = echo
                .headers
                .iter()
                .filter(|(name, _)| is_reserved(name))
                .collect();
            assert!(
                named.iter().all(|(_, value)| !value.contains("forged")),
                "{lines:?}: {named:?}"
            );
            assert_eq!(echo.header("x-flag-new-checkout"), Some("off"), "{lines:?}");
        }
    }
    // It goes on serving whoever behaves.
    assert_genuine(&proxy.get("/").echo().await, "afterwards");
}

#[tokio::test(flavor = "multi_thread")]
async fn prefixes_of_our_own_are_reserved_as_well() {
    let backend = Backend::start("stable").await;
    let reserved = json!(["x-flag-", "x-flags-", "flags", "x-internal-"]);
    let home = Home::serving(&backend, &[], &json!({ "reserved": reserved }));
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    let proxy = home.start().await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX_Internal.User: root\r\nx-flag-a: forged\r\n\
                   x-public: kept\r\nConnection: close\r\n\r\n";
    let echo = exchange(proxy.address(), request).await.echo();
    assert!(
        !echo
            .headers
            .iter()
            .any(|(_, value)| value == "root" || value == "forged")
    );
    assert_eq!(echo.header("x-public"), Some("kept"));
}
