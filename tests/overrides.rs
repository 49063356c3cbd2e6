//! What an operator does at three in the morning.

use std::time::{Duration, Instant};

use burgee_tests::{Backend, Home, Nats, PATIENCE, Proxy, constant, eventually, share};
use serde_json::{Value, json};

/// A broker whose flag `a` is `on` for everyone, and a backend.
async fn registry() -> (Nats, Backend) {
    let nats = Nats::start().await;
    nats.init().await;
    nats.push("set", &json!({ "a": constant("on"), "b": constant("on") }))
        .await;
    (nats, Backend::start("stable").await)
}

fn home(nats: &Nats, backend: &Backend, keys: &Value) -> Home {
    let mut all = json!({ "source": nats.source() });
    let keys = keys.as_object().expect("keys of a configuration");
    all.as_object_mut().expect("an object").extend(keys.clone());
    Home::serving(backend, &["a", "b"], &all)
}

/// `burgee override set a VARIANT`, with these further arguments.
async fn set(nats: &Nats, variant: &str, arguments: &[&str]) {
    let mut all = vec![
        "override",
        "set",
        "a",
        variant,
        "--reason",
        "errors on checkout",
    ];
    all.extend(arguments);
    nats.operator(all).succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_is_in_force_on_the_next_request_until_it_is_cleared() {
    let (nats, backend) = registry().await;
    let home = home(&nats, &backend, &json!({}));
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    let revision = proxy.variant("u", "x-flags-revision").await;

    set(&nats, "off", &["--for", "30m"]).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    let echo = proxy.get("/").echo().await;
    assert_eq!(
        echo.header("x-flag-b"),
        Some("on"),
        "another flag is not touched"
    );
    assert_ne!(echo.header("x-flags-revision"), revision.as_deref());
    proxy
        .metric("burgee_overrides_in_force", &[], |count| {
            (count - 1.0).abs() < 0.5
        })
        .await;
    proxy
        .metric(
            "burgee_decisions_total",
            &[("flag", "a"), ("reason", "OVERRIDE")],
            |n| n > 0.5,
        )
        .await;

    let listed = nats
        .operator(["override", "list", "--json"])
        .succeeds()
        .await;
    for part in ["\"a\"", "\"off\"", "errors on checkout"] {
        assert!(listed.stdout.contains(part), "{part} in {}", listed.stdout);
    }
    listed.json();
    let for_people = nats.operator(["override", "list"]).succeeds().await.stdout;
    assert!(for_people.contains("errors on checkout"), "{for_people}");

    // Setting it again replaces it.
    set(&nats, "on", &["--for", "30m"]).await;
    proxy.serves("u", "x-flag-a", Some("on")).await;
    proxy
        .metric("burgee_overrides_in_force", &[], |count| {
            (count - 1.0).abs() < 0.5
        })
        .await;
    set(&nats, "off", &["--for", "30m"]).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;

    nats.operator(["override", "clear", "a", "--reason", "fixed"])
        .succeeds()
        .await;
    proxy.serves("u", "x-flag-a", Some("on")).await;
    proxy
        .metric("burgee_overrides_in_force", &[], |count| count < 0.5)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_reaches_its_region_or_cluster_and_no_other() {
    let (nats, backend) = registry().await;
    nats.operator(["registry", "init"])
        .variable("BURGEE_REGION", "us")
        .succeeds()
        .await;
    let source = json!({ "nats": { "servers": [nats.url()], "override_regions": ["eu", "us"] } });
    let places = [("eu", "eu-1"), ("eu", "eu-2"), ("us", "us-1")];
    let homes = places.map(|(region, cluster)| {
        home(
            &nats,
            &backend,
            &json!({ "region": region, "cluster": cluster, "source": source }),
        )
    });
    let mut proxies = Vec::new();
    for home in &homes {
        proxies.push(home.start().await);
    }
    for (scope, expected) in [
        ("region:eu", ["off", "off", "on"]),
        ("region:us", ["on", "on", "off"]),
        ("cluster:eu-2", ["on", "off", "on"]),
        ("global", ["off", "off", "off"]),
    ] {
        set(&nats, "off", &["--for", "30m", "--scope", scope]).await;
        // A mark behind it: once that is in force everywhere, so would the override be.
        let mark = [
            "override", "set", "b", "off", "--for", "30m", "--scope", "global", "--reason", "mark",
        ];
        nats.operator(mark).succeeds().await;
        for (proxy, expected) in proxies.iter().zip(expected) {
            proxy.serves("u", "x-flag-b", Some("off")).await;
            proxy.serves("u", "x-flag-a", Some(expected)).await;
        }
        let clear = [
            "override", "clear", "a", "--scope", scope, "--reason", "done",
        ];
        nats.operator(clear).succeeds().await;
        let clear = [
            "override", "clear", "b", "--scope", "global", "--reason", "done",
        ];
        nats.operator(clear).succeeds().await;
        for proxy in &proxies {
            proxy.serves("u", "x-flag-b", Some("on")).await;
            proxy.serves("u", "x-flag-a", Some("on")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_for_some_users_beats_one_for_everyone_and_spares_the_rest() {
    let (nats, backend) = registry().await;
    let home = home(&nats, &backend, &json!({}));
    let proxy = home.start().await;
    set(
        &nats,
        "off",
        &["--for", "30m", "--scope", "global", "--keys", "u1,u2"],
    )
    .await;
    proxy.serves("u1", "x-flag-a", Some("off")).await;
    assert_eq!(
        proxy.variant("u2", "x-flag-a").await.as_deref(),
        Some("off")
    );
    assert_eq!(proxy.variant("u3", "x-flag-a").await.as_deref(), Some("on"));
    assert_eq!(proxy.get("/").echo().await.header("x-flag-a"), Some("on"));

    set(&nats, "off", &["--for", "30m", "--scope", "cluster:eu-1"]).await;
    proxy.serves("u3", "x-flag-a", Some("off")).await;
    set(
        &nats,
        "on",
        &["--for", "30m", "--scope", "global", "--keys", "u4"],
    )
    .await;
    proxy.serves("u4", "x-flag-a", Some("on")).await;
    assert_eq!(
        proxy.variant("u3", "x-flag-a").await.as_deref(),
        Some("off")
    );

    // A log forgets nothing, so it is told no user's name.
    let context = nats.client().await;
    let stream = context
        .get_stream("BURGEE_OVERRIDES_EU")
        .await
        .expect("the log");
    let messages = stream.cached_info().state.messages;
    for sequence in 1..=messages {
        let message = stream.get_raw_message(sequence).await.expect("a message");
        assert!(!String::from_utf8_lossy(&message.payload).contains("u1,u2"));
    }
    let snapshot = proxy.snapshot().await.to_string();
    assert!(
        !snapshot.contains("\"u1\"") && !snapshot.contains("\"u4\""),
        "{snapshot}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearer_scope_wins() {
    let (nats, backend) = registry().await;
    let home = home(&nats, &backend, &json!({}));
    let proxy = home.start().await;
    set(&nats, "off", &["--for", "30m", "--scope", "cluster:eu-1"]).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    set(&nats, "on", &["--for", "30m", "--scope", "global"]).await;
    proxy
        .metric("burgee_overrides_in_force", &[], |count| count > 1.5)
        .await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));
    let clear = [
        "override",
        "clear",
        "a",
        "--scope",
        "cluster:eu-1",
        "--reason",
        "done",
    ];
    nats.operator(clear).succeeds().await;
    proxy.serves("u", "x-flag-a", Some("on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn default_forces_the_default_variant() {
    let (nats, backend) = registry().await;
    nats.push("set", &json!({ "a": share(100), "b": constant("on") }))
        .await;
    let home = home(&nats, &backend, &json!({}));
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    set(&nats, "default", &["--for", "30m"]).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_ends_by_itself_also_while_the_broker_is_away() {
    let (mut nats, backend) = registry().await;
    let home = home(&nats, &backend, &json!({}));
    let proxy = home.start().await;
    let began = Instant::now();
    set(&nats, "off", &["--for", "4s"]).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    nats.kill().await;
    proxy.serves("u", "x-flag-a", Some("on")).await;
    let lasted = began.elapsed();
    // It was set after `began`, and seconds may be rounded.
    assert!(
        lasted >= Duration::from_secs(3),
        "it ended after {lasted:?}"
    );
    proxy
        .metric("burgee_overrides_in_force", &[], |count| count < 0.5)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_starts_later_has_what_is_in_force_and_not_what_is_over() {
    let (nats, backend) = registry().await;
    let first = home(&nats, &backend, &json!({}));
    let proxy = first.start().await;
    set(&nats, "off", &["--for", "30m"]).await;
    let short = [
        "override",
        "set",
        "b",
        "off",
        "--for",
        "1s",
        "--reason",
        "for a moment",
    ];
    nats.operator(short).succeeds().await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    proxy.serves("u", "x-flag-b", Some("on")).await;
    let second = home(&nats, &backend, &json!({}));
    // From its first request on: readiness waits for overrides.
    let proxy = second.start().await;
    let echo = proxy.get("/").echo().await;
    assert_eq!(
        (echo.header("x-flag-a"), echo.header("x-flag-b")),
        (Some("off"), Some("on"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_that_the_flag_does_not_have_is_refused_or_ignored_and_counted() {
    let (nats, backend) = registry().await;
    let home = home(&nats, &backend, &json!({}));
    let proxy = home.start().await;
    let wrong = [
        "override", "set", "a", "purple", "--for", "30m", "--reason", "a slip",
    ];
    let outcome = nats.operator(wrong).run().await;
    if outcome.code == Some(0) {
        proxy
            .metric("burgee_override_rejected_total", &[], |count| count > 0.5)
            .await;
    } else {
        assert!(outcome.text().contains("purple"), "{}", outcome.text());
    }
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));

    // One that was right when it was set: the flag loses that variant afterwards.
    set(&nats, "off", &["--for", "30m"]).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    let only_on = json!({ "state": "ENABLED", "variants": { "on": true }, "defaultVariant": "on" });
    nats.push("set", &json!({ "a": only_on, "b": constant("on") }))
        .await;
    proxy.serves("u", "x-flag-a", Some("on")).await;
    let reason = [("reason", "unknown_variant")];
    proxy
        .metric("burgee_overrides_ignored", &reason, |count| count > 0.5)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_with_what_to_do() {
    let (nats, _backend) = registry().await;
    for (arguments, expected) in [
        (
            vec!["override", "set", "a", "off", "--reason", "no end"],
            "--for",
        ),
        (
            vec![
                "override", "set", "a", "off", "--for", "soon", "--reason", "r",
            ],
            "soon",
        ),
        (
            vec!["override", "set", "a", "off", "--for", "30m"],
            "--reason",
        ),
        (
            vec![
                "override", "set", "a", "off", "--for", "30m", "--reason", "r", "--scope", "moon",
            ],
            "moon",
        ),
    ] {
        let what = arguments.join(" ");
        let outcome = nats.operator(arguments).run().await;
        assert!(
            outcome.code.is_some_and(|code| code != 0),
            "{what}: {outcome:?}"
        );
        assert!(
            outcome.stderr.contains(expected),
            "{what}: {}",
            outcome.stderr
        );
    }
    let listed = nats
        .operator(["override", "list", "--json"])
        .succeeds()
        .await;
    assert!(!listed.stdout.contains("\"off\""), "{}", listed.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_in_the_log_is_skipped_and_counted() {
    let (nats, backend) = registry().await;
    let home = home(&nats, &backend, &json!({}));
    let proxy = home.start().await;
    set(&nats, "off", &["--for", "30m"]).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    let context = nats.client().await;
    let stream = context
        .get_stream("BURGEE_OVERRIDES_EU")
        .await
        .expect("the log");
    let last = stream
        .get_raw_message(stream.cached_info().state.last_sequence)
        .await;
    let subject = last.expect("the override").subject;
    let sent = context
        .publish(subject, "junk".into())
        .await
        .expect("a publish");
    sent.await.expect("an acknowledgement");
    // The newest record of the subject that verifies still counts, now and for who starts later.
    let second = self::home(&nats, &backend, &json!({}));
    let later = second.start().await;
    for proxy in [&proxy, &later] {
        junk_was_counted(proxy).await;
        assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));
    }
}

async fn junk_was_counted(proxy: &Proxy) {
    burgee_tests::eventually_within(PATIENCE, "the junk is counted", async || {
        let metrics = proxy.metrics().await;
        let names = [
            "burgee_override_rejected_total",
            "burgee_record_rejected_total",
        ];
        names
            .iter()
            .any(|name| metrics.sum(name, &[]) > 0.5)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_under_load_fails_no_request_and_takes_effect_at_once() {
    let (nats, backend) = registry().await;
    let home = home(&nats, &backend, &json!({ "access_log": "off" }));
    let proxy = home.start().await;
    let traffic = proxy.traffic(8, |call, number| {
        call.header("x-user-id", &format!("u{number}"))
    });
    for variant in ["off", "on", "off"] {
        set(&nats, variant, &["--for", "30m"]).await;
        proxy.serves("u", "x-flag-a", Some(variant)).await;
    }
    let so_far = traffic.answered();
    eventually("requests go on", async || {
        (traffic.answered() > so_far + 100).then_some(())
    })
    .await;
    traffic.stop().await.assert_no_failure();
}
