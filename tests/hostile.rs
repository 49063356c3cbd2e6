//! Nothing that a client sends panics the proxy or keeps others from being served.

use burgee_tests::{Backend, Home, Proxy, exchange, flag_set, on_off, share};
use serde_json::json;

async fn serving() -> (Backend, Home, Proxy) {
    let backend = Backend::start("stable").await;
    let home = Home::serving(
        &backend,
        &["a", "plan"],
        &json!({ "context": {
            "targeting_key": [{ "header": "x-user-id" }, { "cookie": "uid" }],
            "attributes": {
                "plan": { "header": "x-plan", "from_client": true },
                "campaign": { "query": "utm_campaign" },
            },
            "geo": { "headers": { "country": { "header": "cf-ipcountry" } } },
        } }),
    );
    let plan = on_off(&json!({ "if": [{ "==": [{ "var": "plan" }, "gold"] }, "on", "off"] }));
    home.write(
        "flags/set.json",
        &flag_set(&json!({ "a": share(100), "plan": plan })),
    );
    let proxy = home.start().await;
    (backend, home, proxy)
}

/// Panics unless the proxy lives, has not panicked and serves a well-behaved client.
async fn assert_well(proxy: &mut Proxy) {
    let echo = proxy
        .get("/")
        .header("x-user-id", "u")
        .header("x-plan", "gold")
        .echo()
        .await;
    assert_eq!(
        (echo.header("x-flag-a"), echo.header("x-flag-plan")),
        (Some("on"), Some("on"))
    );
    let logs = proxy.process().stderr();
    assert!(!logs.contains("panicked"), "{logs}");
    let panics = proxy.metrics().await.sum("burgee_panics_total", &[]);
    assert!(panics < 0.5, "{panics} panics were caught");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_nothing_known_of_it_is_served() {
    let (_backend, _home, mut proxy) = serving().await;
    let bare = exchange(
        proxy.address(),
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    let echo = bare.echo();
    assert_eq!(
        (echo.header("x-flag-a"), echo.header("x-flag-plan")),
        (Some("off"), Some("off"))
    );
    assert_well(&mut proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_headers_are_absent_attributes() {
    let (_backend, _home, mut proxy) = serving().await;
    let long = "x".repeat(2_000);
    for line in [
        &b"X-User-Id: \xff\xfe\x80"[..],
        b"X-Plan: \xc3\x28",
        b"X-Plan:",
        b"X-User-Id:   ",
        b"Cookie: \xff; uid=\xff; ;;;=;==",
        b"Cookie: uid",
        b"CF-IPCountry: \xf0\x9f",
        b"User-Agent: \xff\xff",
        b"X-Forwarded-For: \xff, , ,999.999.999.999, [::1",
        b"X-Request-Id: \xff",
        format!("X-Plan: {long}").as_bytes(),
        format!("X-User-Id: {long}").as_bytes(),
    ] {
        let request = [
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n",
            line,
            b"\r\n\r\n",
        ]
        .concat();
        let echo = exchange(proxy.address(), request).await.echo();
        let what = String::from_utf8_lossy(line);
        assert_eq!(echo.header("x-flag-a"), Some("off"), "{what}");
        assert_eq!(echo.header("x-flag-plan"), Some("off"), "{what}");
    }
    assert_well(&mut proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_or_cookie_made_to_hurt_is_bounded() {
    let (_backend, _home, mut proxy) = serving().await;
    let target = format!("/?{}utm_campaign=%zz%", "a=b&".repeat(1_000));
    assert_eq!(
        proxy.get(&target).echo().await.header("x-flag-a"),
        Some("off")
    );
    let cookies = "c=d; ".repeat(1_000);
    let echo = proxy
        .get("/")
        .header("cookie", &format!("{cookies}uid=u"))
        .echo()
        .await;
    assert_eq!(echo.header("x-flag-a"), Some("on"));
    assert_well(&mut proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_headers_are_refused_not_swallowed() {
    let (backend, _home, mut proxy) = serving().await;
    let one = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Big: {}\r\nConnection: close\r\n\r\n",
        "x".repeat(4 << 20)
    );
    let many = "X-Many: 1\r\n".repeat(20_000);
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{many}Connection: close\r\n\r\n");
    let path = format!(
        "GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "p".repeat(4 << 20)
    );
    for request in [one, many, path] {
        let answer = exchange(proxy.address(), request).await;
        // A closed connection is an answer, too.
        assert!(
            answer
                .status()
                .is_none_or(|status| (400..500).contains(&status)),
            "{:?}",
            answer.status()
        );
    }
    assert_eq!(backend.requests(), 0);
    assert_well(&mut proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_two_servers_read_differently_are_refused() {
    let (backend, _home, mut proxy) = serving().await;
    for framing in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nTransfer_Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: +4",
        "Content-Length: 4, 5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
    ] {
        let request = format!(
            "POST /first HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        );
        let answer = exchange(proxy.address(), request).await;
        assert!(
            answer
                .status()
                .is_none_or(|status| (400..=501).contains(&status)),
            "{framing}: {}",
            String::from_utf8_lossy(&answer.bytes)
        );
        assert_eq!(backend.requests(), 0, "{framing}");
    }
    assert_well(&mut proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused() {
    let (backend, _home, mut proxy) = serving().await;
    for request in [
        &b"\r\n\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n: empty\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\nConnection: close\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        // Half of them never complete a request; what they get is the end of the connection that
        // closing our half brings.
        let answer = burgee_tests::exchange_and_close(proxy.address(), request).await;
        let status = answer.status();
        assert!(
            status.is_none_or(|status| status >= 400),
            "{:?}: {status:?}",
            String::from_utf8_lossy(request)
        );
    }
    assert_eq!(backend.requests(), 0);
    assert_well(&mut proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_but_lawful_requests_are_served() {
    let (_backend, _home, mut proxy) = serving().await;
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
                   3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-flag-a: forged\r\n\r\n";
    let echo = exchange(proxy.address(), chunked).await.echo();
    assert_eq!(
        (echo.body.as_str(), echo.header("x-flag-a")),
        ("abcde", Some("off"))
    );
    let long = "0123456789".repeat(200_000);
    let echo = proxy.get("/").post(&long).echo().await;
    assert!(echo.body == long, "a long body changed on the way");
    let absolute =
        "GET http://shop.example/a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    let echo = exchange(proxy.address(), absolute).await.echo();
    assert_eq!(echo.header("x-flag-a"), Some("off"));
    let star = "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(exchange(proxy.address(), star).await.status().is_some());
    assert_well(&mut proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_1_0_client_is_answered_and_its_connection_closed() {
    let (_backend, _home, mut proxy) = serving().await;
    // It knows the end of an answer by the end of the connection, unless it asks to keep it.
    let answer = exchange(proxy.address(), "GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.echo().header("x-flag-a"), Some("off"));
    let head = String::from_utf8_lossy(&answer.bytes).to_lowercase();
    assert!(!head.contains("connection: keep-alive"), "{head}");
    assert_well(&mut proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_in_the_middle_is_only_its_own_loss() {
    use tokio::io::AsyncWriteExt;
    let (_backend, _home, mut proxy) = serving().await;
    let mut halves = Vec::new();
    for _ in 0..50 {
        let mut stream = tokio::net::TcpStream::connect(proxy.address())
            .await
            .expect("a connection");
        stream
            .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
            .await
            .expect("a write");
        halves.push(stream);
    }
    assert_well(&mut proxy).await;
    drop(halves);
    assert_well(&mut proxy).await;
}
