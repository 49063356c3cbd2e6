//! What a restart finds: overrides, and files that are broken.

use std::time::Duration;

use burgee_tests::{Backend, Home, Nats, PATIENCE, constant, eventually, eventually_within};
use serde_json::json;

async fn registry() -> (Nats, Backend, Home) {
    let nats = Nats::start().await;
    nats.init().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({ "source": nats.source() }));
    (nats, backend, home)
}

async fn kill_flag(nats: &Nats, how_long: &str) {
    let set = [
        "override", "set", "a", "off", "--for", how_long, "--reason", "it burns",
    ];
    nats.operator(set).succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_while_the_broker_is_away_does_not_revive_a_killed_flag() {
    let (mut nats, _backend, home) = registry().await;
    let proxy = home.start().await;
    let before = home.settled_state().await;
    kill_flag(&nats, "30m").await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    home.state_after(&before).await;
    proxy.kill().await;
    nats.kill().await;
    for _ in 0..2 {
        let proxy = home.start().await;
        assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));
        assert!((proxy.metrics().await.sum("burgee_overrides_in_force", &[]) - 1.0).abs() < 0.5);
        proxy.stop().await;
    }
    nats.resume().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));
    nats.operator(["override", "clear", "a", "--reason", "fixed"])
        .succeeds()
        .await;
    proxy.serves("u", "x-flag-a", Some("on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_that_was_cleared_stays_cleared_without_the_broker() {
    let (mut nats, _backend, home) = registry().await;
    let proxy = home.start().await;
    let before = home.settled_state().await;
    kill_flag(&nats, "30m").await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    let before = home.state_after(&before).await;
    nats.operator(["override", "clear", "a", "--reason", "fixed"])
        .succeeds()
        .await;
    proxy.serves("u", "x-flag-a", Some("on")).await;
    home.state_after(&before).await;
    proxy.kill().await;
    nats.kill().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_from_disk_ends_by_the_clock() {
    let (mut nats, _backend, home) = registry().await;
    let proxy = home.start().await;
    kill_flag(&nats, "5s").await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    proxy.stop().await;
    nats.kill().await;
    let proxy = home.start().await;
    let echo = proxy.get("/").echo().await;
    let in_force = proxy.metrics().await.sum("burgee_overrides_in_force", &[]) > 0.5;
    // A slow machine may have taken the five seconds to start; then it must be over.
    assert!(echo.header("x-flag-a") == Some("off") || !in_force);
    proxy.serves("u", "x-flag-a", Some("on")).await;
    proxy
        .metric("burgee_overrides_in_force", &[], |count| count < 0.5)
        .await;
    // It is not back after another start.
    proxy.stop().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
}

/// A proxy that ran in another region for a while cannot know what its own region's log got meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_was_whole_for_another_region_is_not_ready_and_says_so() {
    let (mut nats, _backend, home) = registry().await;
    let init = nats.operator(["registry", "init"]);
    init.variable("BURGEE_REGION", "us").succeeds().await;
    kill_flag(&nats, "30m").await;
    let proxy = home.start().await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    proxy.stop().await;

    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    let elsewhere = config.replace(r#""region": "eu""#, r#""region": "us""#);
    assert_ne!(elsewhere, config);
    home.write("burgee.yaml", &elsewhere);
    home.start().await.stop().await;
    home.write("burgee.yaml", &config);
    nats.kill().await;

    let proxy = home.start_unready().await;
    let why = "it was last whole for the logs of BURGEE_OVERRIDES_US, and this proxy reads BURGEE_OVERRIDES_EU";
    let answer = proxy.admin("/readyz").send().await;
    assert_eq!(answer.status, 503);
    let reasons = answer.json()["reasons"].to_string();
    assert!(reasons.contains(why), "{reasons}");
    assert!(!reasons.contains("flag sets"), "{reasons}");
    proxy.logs(PATIENCE, why).await;
    let overrides = proxy.snapshot().await["overrides"].clone();
    assert_eq!(overrides[0]["origin"], "disk", "{overrides}");

    nats.resume().await;
    eventually_within(Duration::from_secs(30), "the proxy is ready", async || {
        proxy.ready().await.then_some(())
    })
    .await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));
}

/// A file that became something else, was cut to nothing, was torn, has one bit flipped.
fn spoiled(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut flipped = bytes.to_vec();
    flipped[bytes.len() / 2] ^= 0x20;
    vec![
        b"junk".to_vec(),
        Vec::new(),
        bytes[..bytes.len() / 2].to_vec(),
        flipped,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn corrupt_files_on_disk_are_reported_and_not_served() {
    let (mut nats, _backend, home) = registry().await;
    let proxy = home.start().await;
    proxy.stop().await;
    nats.kill().await;
    let good = home.state();
    assert!(!good.is_empty(), "nothing was kept");
    for way in 0..4 {
        for (path, bytes) in &good {
            let spoiled = spoiled(bytes).swap_remove(way);
            std::fs::write(path, spoiled).expect("a file of our own");
        }
        let mut proxy = home.start_unready().await;
        assert!(!proxy.ready().await);
        let answer = eventually("it answers", async || proxy.get("/").try_send().await.ok()).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(!proxy.process().stderr().contains("panicked"));
        proxy.kill().await;
    }
    // With the broker back, nothing of it is in the way.
    nats.resume().await;
    let proxy = home.start_unready().await;
    eventually_within(Duration::from_secs(30), "the proxy is ready", async || {
        proxy.ready().await.then_some(())
    })
    .await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    proxy.stop().await;
    nats.kill().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_cannot_be_written_does_not_stop_the_proxy() {
    let (nats, _backend, home) = registry().await;
    // A file where the directory should be fails for root as well, unlike permissions.
    std::fs::remove_dir(home.path("state")).expect("an empty directory");
    home.write("state", "in the way");
    let mut proxy = home.launch();
    // Refusing to start and saying so is as good as serving; dying later is not.
    eventually("it is ready, or has said why not", async || {
        let refused = proxy
            .process()
            .exited()
            .is_some_and(|status| status.code() == Some(1));
        (refused || proxy.ready().await).then_some(())
    })
    .await;
    assert!(
        proxy.process().stderr().contains("state"),
        "{}",
        proxy.process().logs()
    );
    if proxy.process().exited().is_none() {
        nats.push("set", &json!({ "a": constant("off") })).await;
        proxy.serves("u", "x-flag-a", Some("off")).await;
    }
}
