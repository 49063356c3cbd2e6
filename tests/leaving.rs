//! How a proxy leaves.

use std::time::{Duration, Instant};

use burgee_tests::{Backend, Home, Proxy, Signal, constant, eventually, exchange, flag_set};
use serde_json::{Value, json};

async fn serving(shutdown: Value) -> (Backend, Home, Proxy) {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({ "shutdown": shutdown }));
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    let proxy = home.start().await;
    (backend, home, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_fails_no_request_of_a_client_that_listens() {
    let (backend, _home, mut proxy) = serving(json!({ "drain": "1s", "timeout": "10s" })).await;
    // Some requests are always in flight.
    backend.set_delay(Duration::from_millis(20));
    let mut traffic = proxy.traffic(16, |call, number| {
        if number % 3 == 0 {
            call.post(&format!("{number}"))
        } else {
            call
        }
    });
    eventually("requests run", async || {
        (traffic.answered() > 200).then_some(())
    })
    .await;

    let began = Instant::now();
    proxy.process().signal(Signal::Terminate);
    eventually("it is not ready", async || {
        (!proxy.ready().await).then_some(())
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "not ready only after {:?}",
        began.elapsed()
    );
    // New connections are still served meanwhile: not everyone has looked at readiness yet.
    assert_eq!(proxy.get("/").echo().await.backend, "stable");

    eventually("every client has gone", async || {
        traffic.gone().then_some(())
    })
    .await;
    let status = proxy.exit(Duration::from_secs(10)).await;
    let lasted = began.elapsed();
    assert!(status.success(), "{status}\n{}", proxy.process().logs());
    // Nothing was in flight, so it did not wait for the longest that was allowed.
    assert!(lasted < Duration::from_secs(6), "it took {lasted:?}");
    let report = traffic.stop().await;
    report.assert_no_failure();
    assert!(report.announced_closes >= 16, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_finished_first() {
    let (backend, _home, mut proxy) = serving(json!({ "drain": "100ms", "timeout": "10s" })).await;
    backend.set_delay(Duration::from_secs(2));
    let slow = tokio::spawn(proxy.get("/slow").send());
    eventually("the backend has it", async || {
        (backend.requests() == 1).then_some(())
    })
    .await;
    proxy.process().signal(Signal::Terminate);
    let answer = slow.await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(proxy.exit(Duration::from_secs(5)).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_is_given_up_after_the_timeout() {
    let (backend, _home, mut proxy) = serving(json!({ "drain": "100ms", "timeout": "1s" })).await;
    backend.set_delay(Duration::from_hours(1));
    let stuck = tokio::spawn(proxy.get("/").try_send());
    eventually("the backend has it", async || {
        (backend.requests() == 1).then_some(())
    })
    .await;
    let began = Instant::now();
    proxy.process().signal(Signal::Terminate);
    proxy.exit(Duration::from_secs(8)).await;
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "it gave up after {:?}",
        began.elapsed()
    );
    let answer = stuck.await.expect("an end");
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status.is_server_error()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_does_not_hold_it() {
    let (_backend, _home, mut proxy) = serving(json!({ "drain": "100ms", "timeout": "20s" })).await;
    let idle = tokio::net::TcpStream::connect(proxy.address())
        .await
        .expect("a connection");
    proxy.process().signal(Signal::Interrupt);
    assert!(proxy.exit(Duration::from_secs(8)).await.success());
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_say_close_while_it_drains() {
    let (_backend, _home, mut proxy) = serving(json!({ "drain": "3s", "timeout": "5s" })).await;
    proxy.process().signal(Signal::Terminate);
    eventually("it is not ready", async || {
        (!proxy.ready().await).then_some(())
    })
    .await;
    // `exchange` reads to the end: without a close it would wait for the keep-alive to run out.
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = exchange(proxy.address(), request).await;
    assert_eq!(answer.status(), Some(200));
    let text = String::from_utf8_lossy(&answer.bytes).to_lowercase();
    assert!(text.contains("connection: close"), "{text}");
    assert_eq!(
        proxy.admin("/livez").send().await.status,
        200,
        "draining is alive"
    );
}
