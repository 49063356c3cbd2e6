//! Clients that hold connections without using them: every one of them is bounded.

use std::time::{Duration, Instant};

use burgee_tests::{Backend, Home, Proxy, constant, eventually, exchange, flag_set};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn serving(limits: Value) -> (Backend, Home, Proxy) {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({ "limits": limits }));
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    let proxy = home.start().await;
    (backend, home, proxy)
}

async fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).await;
    stream.expect("the proxy listens")
}

/// How long the proxy kept a connection open, and what it said on it.
async fn until_closed(stream: &mut TcpStream) -> (Duration, Vec<u8>) {
    let began = Instant::now();
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut said))
        .await
        .expect("it should have been closed");
    (began.elapsed(), said)
}

async fn ended(proxy: &Proxy, reason: &str) {
    proxy
        .metric(
            "burgee_connections_ended_total",
            &[("reason", reason)],
            |count| count > 0.5,
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_dribbles_is_given_up() {
    let (_backend, _home, proxy) = serving(json!({ "head_timeout": "1s" })).await;
    let (mut reading, mut writing) = connect(&proxy).await.into_split();
    let dribble = tokio::spawn(async move {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: "
            .iter()
            .chain(std::iter::repeat(&b'a'));
        for byte in head {
            if writing.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let began = Instant::now();
    let mut said = Vec::new();
    let _ = reading.read_to_end(&mut said).await;
    let lasted = began.elapsed();
    assert!(
        lasted < Duration::from_secs(5),
        "it was held for {lasted:?}"
    );
    dribble.abort();
    ended(&proxy, "head_timeout").await;
    proxy.serves("u", "x-flag-a", Some("on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_dribbles_is_given_up_on_a_connection_that_served_before() {
    let (_backend, _home, proxy) = serving(json!({ "head_timeout": "1s" })).await;
    let mut stream = connect(&proxy).await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect("it listens");
    let mut answer = vec![0; 4096];
    let count = stream.read(&mut answer).await.expect("an answer");
    assert!(answer[..count].starts_with(b"HTTP/1.1 200"));
    stream
        .write_all(b"GET / HTTP/1.1\r\nHo")
        .await
        .expect("it listens");
    let (lasted, _) = until_closed(&mut stream).await;
    assert!(
        lasted < Duration::from_secs(5),
        "it was held for {lasted:?}"
    );
    ended(&proxy, "head_timeout").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed() {
    let (_backend, _home, proxy) = serving(json!({ "keepalive": "1s" })).await;
    let (lasted, said) = until_closed(&mut connect(&proxy).await).await;
    assert!(
        lasted < Duration::from_secs(5),
        "it was held for {lasted:?}"
    );
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_at_the_limit_is_served_and_one_beyond_it_is_refused() {
    let (_backend, _home, proxy) = serving(json!({ "head_bytes": 4096 })).await;
    let head = |bytes: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-A: ";
        let filler = "a".repeat(bytes - start.len() - 4);
        format!("{start}{filler}\r\n\r\n")
    };
    assert_eq!(
        exchange(proxy.address(), head(4096)).await.status(),
        Some(200)
    );
    assert_eq!(
        exchange(proxy.address(), head(4097)).await.status(),
        Some(431)
    );
    ended(&proxy, "head_size").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_body_does_not_count_as_head() {
    let (_backend, _home, proxy) =
        serving(json!({ "head_bytes": 1024, "head_timeout": "1s" })).await;
    let body = "b".repeat(1_000_000);
    let echo = proxy.get("/").post(&body).echo().await;
    assert!(echo.body == body, "the body changed on the way");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_is_closed_and_room_is_given_back() {
    let (_backend, _home, proxy) = serving(json!({ "connections": 4 })).await;
    let mut held = Vec::new();
    for _ in 0..12 {
        let mut stream = connect(&proxy).await;
        // Those beyond the fourth may be closed before they can say anything.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n").await;
        held.push(stream);
    }
    let limit = [("reason", "limit")];
    proxy
        .metric("burgee_connections_ended_total", &limit, |count| {
            count > 7.5
        })
        .await;
    assert!(
        proxy.ready().await,
        "the admin listener has room of its own"
    );
    drop(held);
    eventually("there is room again", async || {
        let answer = proxy.get("/").try_send().await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
}
