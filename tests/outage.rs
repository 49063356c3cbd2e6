//! Losing NATS costs freshness only.

use std::time::Duration;

use burgee_tests::{Backend, Home, Nats, constant, eventually, eventually_within};
use serde_json::json;

async fn registry() -> (Nats, Backend, Home) {
    let nats = Nats::start().await;
    nats.init().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    let backend = Backend::start("stable").await;
    let keys = json!({ "source": nats.source(), "access_log": "off" });
    let home = Home::serving(&backend, &["a", "b"], &keys);
    (nats, backend, home)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_and_restarted_under_traffic_fails_no_request() {
    let (mut nats, _backend, home) = registry().await;
    let proxy = home.start().await;
    proxy
        .metric("burgee_source_connected", &[], |connected| connected > 0.5)
        .await;
    let traffic = proxy.traffic(8, |call, number| {
        call.header("x-user-id", &format!("u{number}"))
    });
    for variant in ["off", "on"] {
        nats.kill().await;
        proxy
            .metric("burgee_source_connected", &[], |connected| connected < 0.5)
            .await;
        let so_far = traffic.answered();
        eventually("requests go on", async || {
            (traffic.answered() > so_far + 200).then_some(())
        })
        .await;
        assert!(proxy.ready().await, "stale is not unready");
        let age = proxy
            .metrics()
            .await
            .sum("burgee_snapshot_age_seconds", &[]);
        eventually("its age is visible and grows", async || {
            (proxy
                .metrics()
                .await
                .sum("burgee_snapshot_age_seconds", &[])
                > age)
                .then_some(())
        })
        .await;
        nats.resume().await;
        nats.push("set", &json!({ "a": constant(variant) })).await;
        proxy.serves("u", "x-flag-a", Some(variant)).await;
        proxy
            .metric("burgee_source_connected", &[], |connected| connected > 0.5)
            .await;
    }
    traffic.stop().await.assert_no_failure();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stops_in_good_order_fails_no_request_either() {
    let (mut nats, _backend, home) = registry().await;
    let proxy = home.start().await;
    let traffic = proxy.traffic(4, |call, _| call.header("x-user-id", "u"));
    nats.stop().await;
    proxy
        .metric("burgee_source_connected", &[], |connected| connected < 0.5)
        .await;
    nats.resume().await;
    nats.push("set", &json!({ "a": constant("off") })).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    traffic.stop().await.assert_no_failure();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_to_serve_it_is_not_ready_and_answers_503_until_the_broker_comes() {
    let mut nats = Nats::absent();
    let backend = Backend::start("stable").await;
    let routes = json!([
        { "name": "decides", "upstream": "stable", "flags": ["a"] },
        { "name": "plain", "path": "/plain", "upstream": "stable" },
    ]);
    let keys = json!({ "source": nats.source(), "routes": routes });
    let home = Home::serving(&backend, &[], &keys);
    let proxy = home.start_unready().await;
    assert_eq!(proxy.admin("/livez").send().await.status, 200);
    assert_eq!(proxy.admin("/readyz").send().await.status, 503);
    eventually("it answers", async || proxy.get("/").try_send().await.ok()).await;
    assert_eq!(proxy.get("/").send().await.status, 503);
    assert_eq!(proxy.get("/plain").echo().await.backend, "stable");
    assert_eq!(backend.requests(), 1);

    nats.resume().await;
    nats.init().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    eventually_within(Duration::from_secs(30), "the proxy is ready", async || {
        proxy.ready().await.then_some(())
    })
    .await;
    // It may have been ready with logs that were made and still empty.
    eventually("the set is in force", async || {
        (proxy.variant("u", "x-flag-a").await.as_deref() == Some("on")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_after_serves_the_baseline_without_decisions() {
    let nats = Nats::absent();
    let backend = Backend::start("stable").await;
    let keys = json!({ "source": nats.source(), "startup": { "defaults_after": "1s" } });
    let home = Home::serving(&backend, &["a"], &keys);
    let proxy = home.start_unready().await;
    let answer = eventually("the baseline serves", async || {
        let call = proxy.get("/").header("x-flag-a", "forged");
        let answer = call.try_send().await.ok()?;
        (answer.status != 503).then_some(answer)
    })
    .await;
    let echo = answer.echo();
    assert_eq!(
        (echo.backend.as_str(), echo.header("x-flag-a")),
        ("stable", None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_starts_while_the_broker_is_away_serves_from_disk() {
    let (mut nats, _backend, home) = registry().await;
    let proxy = home.start().await;
    let revision = proxy.variant("u", "x-flags-revision").await;
    proxy.stop().await;
    nats.kill().await;

    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    assert_eq!(proxy.variant("u", "x-flags-revision").await, revision);
    let snapshot = proxy.snapshot().await;
    assert!(
        snapshot["sets"].to_string().contains("\"disk\""),
        "{snapshot}"
    );
    assert!(proxy.metrics().await.sum("burgee_source_connected", &[]) < 0.5);

    nats.resume().await;
    nats.push("set", &json!({ "a": constant("off") })).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_a_disk_to_start_from() {
    let (mut nats, _backend, home) = registry().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    let before = home.settled_state().await;
    nats.push("set", &json!({ "a": constant("off") })).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    home.state_after(&before).await;
    proxy.kill().await;
    nats.kill().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_deleted_and_made_again_is_followed() {
    let (nats, _backend, home) = registry().await;
    let proxy = home.start().await;
    let context = nats.client().await;
    context
        .delete_stream("BURGEE_FLAGS")
        .await
        .expect("a deletion");
    nats.init().await;
    nats.push("other", &json!({ "b": constant("on") })).await;
    proxy.serves("u", "x-flag-b", Some("on")).await;
    // A set ends by a signed deletion, not by its absence from a log.
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_was_deleted_does_not_come_back_from_disk() {
    let (mut nats, _backend, home) = registry().await;
    nats.push("other", &json!({ "b": constant("on") })).await;
    let proxy = home.start().await;
    nats.operator(["flags", "delete", "set", "--reason", "over"])
        .succeeds()
        .await;
    proxy.serves("u", "x-flag-a", None).await;
    proxy.stop().await;
    nats.kill().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await, None);
}
