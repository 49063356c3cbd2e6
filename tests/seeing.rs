//! What operators see.

use burgee_tests::{Backend, Home, Proxy, Signal, constant, eventually, flag_set, share};
use serde_json::{Value, json};

async fn serving(keys: Value) -> (Backend, Home, Proxy) {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a", "b"], &keys);
    home.write(
        "flags/set.json",
        &flag_set(&json!({ "a": share(100), "b": constant("off") })),
    );
    let proxy = home.start().await;
    (backend, home, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_requests_and_decisions_and_name_the_revision() {
    let (_backend, _home, proxy) = serving(json!({})).await;
    for number in 0..10 {
        proxy
            .get("/")
            .header("x-user-id", &format!("u{number}"))
            .echo()
            .await;
    }
    let revision = proxy
        .variant("u", "x-flags-revision")
        .await
        .expect("a revision");
    proxy
        .metric("burgee_requests_total", &[("route", "all")], |count| {
            (count - 11.0).abs() < 0.5
        })
        .await;
    let metrics = proxy.metrics().await;
    let decided = |flag, variant, reason| {
        metrics.sum(
            "burgee_decisions_total",
            &[("flag", flag), ("variant", variant), ("reason", reason)],
        )
    };
    assert!(
        (decided("a", "on", "TARGETING_MATCH") - 11.0).abs() < 0.5,
        "{}",
        metrics.text()
    );
    assert!(
        (decided("b", "off", "STATIC") - 11.0).abs() < 0.5,
        "{}",
        metrics.text()
    );
    assert!((metrics.sum("burgee_snapshot_info", &[("revision", &revision)]) - 1.0).abs() < 0.5);
    assert!((metrics.sum("burgee_request_duration_seconds_count", &[]) - 11.0).abs() < 0.5);
    for name in [
        "burgee_snapshot_age_seconds",
        "burgee_source_connected",
        "burgee_overrides_in_force",
    ] {
        assert!(metrics.series(name) > 0, "{name}\n{}", metrics.text());
    }
    // Conventions: each has help and a type, counters end in _total.
    for line in metrics
        .text()
        .lines()
        .filter(|line| line.starts_with("# TYPE "))
    {
        let mut words = line.split(' ').skip(2);
        let (name, kind) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        assert!(
            name.starts_with("burgee_") || name.starts_with("process_"),
            "{line}"
        );
        assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        assert!(
            metrics.text().contains(&format!("# HELP {name} ")),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn label_sets_of_clients_making_do_not_grow() {
    let (_backend, _home, proxy) = serving(json!({})).await;
    proxy.get("/").echo().await;
    proxy
        .metric("burgee_requests_total", &[], |count| count > 0.5)
        .await;
    let before = proxy.metrics().await.text().lines().count();
    for number in 0..200 {
        let call = proxy
            .get(&format!("/{number}?{number}"))
            .header("host", &format!("h{number}.example"));
        call.header("x-user-id", &format!("u{number}")).send().await;
    }
    proxy
        .metric("burgee_requests_total", &[], |count| count > 200.5)
        .await;
    let after = proxy.metrics().await.text().lines().count();
    assert!(after < before + 20, "{before} lines became {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_results_are_told_by_variant() {
    let (stable, new) = (
        Backend::start("stable").await,
        Backend::start("canary").await,
    );
    let home = Home::new(&json!({
        "upstreams": {
            "stable": { "endpoints": [stable.address()] },
            "canary": { "endpoints": [new.address()] },
        },
        "routes": [{ "name": "all", "upstream": "stable",
            "canary": { "flag": "a", "upstreams": { "on": "canary" } } }],
    }));
    home.write("flags/set.json", &flag_set(&json!({ "a": share(50) })));
    let proxy = home.start().await;
    let mut on = 0;
    for number in 0..40 {
        let echo = proxy
            .get("/")
            .header("x-user-id", &format!("u{number}"))
            .echo()
            .await;
        on += u32::from(echo.backend == "canary");
    }
    let name = "burgee_upstream_results_total";
    let labels = [("upstream", "canary"), ("variant", "on"), ("result", "2xx")];
    proxy
        .metric(name, &labels, |count| (count - f64::from(on)).abs() < 0.5)
        .await;
    let labels = [
        ("upstream", "stable"),
        ("variant", "off"),
        ("result", "2xx"),
    ];
    proxy
        .metric(name, &labels, |count| {
            (count - f64::from(40 - on)).abs() < 0.5
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_is_a_json_line_a_request_with_its_decisions() {
    let (_backend, _home, proxy) = serving(json!({})).await;
    let call = proxy.get("/basket?secret=token").header("x-user-id", "u1");
    let answer = call.header("x-request-id", "request-7").send().await;
    assert_eq!(answer.status, 200);
    let line = eventually("the line", async || {
        proxy
            .access_log()
            .into_iter()
            .find(|line| line.to_string().contains("request-7"))
    })
    .await;
    assert_eq!(line["status"], 200, "{line}");
    assert_eq!(line["method"], "GET", "{line}");
    assert_eq!(line["route"], "all", "{line}");
    assert_eq!(line["upstream"], "stable", "{line}");
    let text = line.to_string();
    for part in ["/basket", "\"a\"", "\"b\"", "\"on\"", "\"off\""] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Neither who it was nor what the query carried.
    assert!(
        !text.contains("token") && !text.contains("\"u1\""),
        "{text}"
    );
    proxy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_can_go_to_a_file_or_nowhere() {
    let (_backend, home, proxy) = serving(json!({ "access_log": { "file": "access.log" } })).await;
    proxy.get("/").echo().await;
    eventually("a line in the file", async || {
        let text = std::fs::read_to_string(home.path("access.log")).unwrap_or_default();
        (text.lines().count() == 1).then_some(())
    })
    .await;
    assert!(proxy.access_log().is_empty());
    proxy.stop().await;
    let (_backend, _home, proxy) = serving(json!({ "access_log": "off" })).await;
    proxy.get("/").echo().await;
    proxy
        .metric("burgee_requests_total", &[], |count| count > 0.5)
        .await;
    assert!(proxy.access_log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_opens_the_access_log_anew() {
    let (_backend, home, mut proxy) =
        serving(json!({ "access_log": { "file": "access.log" } })).await;
    let lines = |name: &str| {
        let text = std::fs::read_to_string(home.path(name)).unwrap_or_default();
        text.lines().count()
    };
    proxy.get("/").echo().await;
    eventually("a line in the file", async || {
        (lines("access.log") == 1).then_some(())
    })
    .await;
    std::fs::rename(home.path("access.log"), home.path("access.log.1")).expect("it is there");
    proxy.process().signal(Signal::Hangup);
    eventually("lines go to a new file", async || {
        proxy.get("/").echo().await;
        (lines("access.log") > 0).then_some(())
    })
    .await;
    assert!(proxy.ready().await, "it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snapshot_tells_sets_and_revision() {
    let (_backend, _home, proxy) = serving(json!({})).await;
    let snapshot = proxy.snapshot().await;
    let revision = proxy
        .variant("u", "x-flags-revision")
        .await
        .expect("a revision");
    assert_eq!(snapshot["revision"], json!(revision), "{snapshot}");
    let set = &snapshot["sets"][0];
    assert_eq!(set["name"], "set", "{snapshot}");
    assert_eq!(set["flags"], 2, "{snapshot}");
    assert_eq!(set["origin"], "file", "{snapshot}");
    assert_eq!(set["digest"].as_str().map(str::len), Some(64), "{snapshot}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_explains_by_get_and_post() {
    let (_backend, _home, proxy) = serving(json!({})).await;
    let context = "%7B%22targetingKey%22%3A%22u1%22%7D";
    let told = proxy
        .admin(&format!("/explain?flag=a&context={context}"))
        .send()
        .await
        .json();
    assert_eq!(
        (&told["variant"], &told["reason"]),
        (&json!("on"), &json!("TARGETING_MATCH")),
        "{told}"
    );
    let question = json!({ "flag": "a", "context": { "targetingKey": "u1" } }).to_string();
    let posted = proxy.admin("/explain").post(&question).send().await.json();
    assert_eq!(posted["variant"], told["variant"]);
    let missing = proxy
        .admin("/explain?flag=nowhere&context=%7B%7D")
        .send()
        .await;
    assert!(
        missing.text().contains("FLAG_NOT_FOUND"),
        "{}",
        missing.text()
    );
    for wrong in ["/explain", "/explain?flag=a&context=%7B"] {
        assert_eq!(proxy.admin(wrong).send().await.status, 400, "{wrong}");
    }
    assert_eq!(proxy.admin("/nowhere").send().await.status, 404);
}
