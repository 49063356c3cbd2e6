//! Changing flags through the registry.

use burgee_tests::{Backend, Home, Nats, Relay, constant, delivered, eventually};
use serde_json::json;

async fn registry() -> (Nats, Backend, Home) {
    let nats = Nats::start().await;
    nats.init().await;
    let backend = Backend::start("stable").await;
    let keys = json!({ "source": nats.source(), "access_log": "off" });
    let home = Home::serving(&backend, &["a", "b"], &keys);
    (nats, backend, home)
}

/// How many records the log of flag sets holds.
async fn records(nats: &Nats) -> u64 {
    let context = nats.client().await;
    context
        .get_stream("BURGEE_FLAGS")
        .await
        .expect("the log")
        .cached_info()
        .state
        .messages
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_init_can_be_repeated() {
    let (nats, _backend, _home) = registry().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    nats.init().await;
    assert_eq!(records(&nats).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn push_get_list_and_delete() {
    let (nats, _backend, home) = registry().await;
    nats.push("one", &json!({ "a": constant("on") })).await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    nats.push("one", &json!({ "a": constant("off") })).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;

    // What is stored is what was reviewed, byte for byte.
    let path = nats.document("two", &json!({ "b": constant("on") }));
    nats.operator(["flags", "push", &path]).succeeds().await;
    let got = nats
        .operator(["flags", "get", "two"])
        .succeeds()
        .await
        .stdout;
    let reviewed = std::fs::read_to_string(&path).expect("the file");
    assert_eq!(got.trim_end(), reviewed.trim_end());
    proxy.serves("u", "x-flag-b", Some("on")).await;

    let list = nats.operator(["flags", "list"]).succeeds().await.stdout;
    assert!(list.contains("one") && list.contains("two"), "{list}");
    let list = nats
        .operator(["flags", "list", "--json"])
        .succeeds()
        .await
        .json()
        .to_string();
    assert!(
        list.contains("\"one\"") && list.contains("\"two\""),
        "{list}"
    );

    nats.operator(["flags", "delete", "two", "--reason", "over"])
        .succeeds()
        .await;
    proxy.serves("u", "x-flag-b", None).await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));
    let gone = nats.operator(["flags", "get", "two"]).run().await;
    assert_eq!(gone.code, Some(1), "{gone:?}");
    // A deleted set can be pushed again.
    nats.push("two", &json!({ "b": constant("off") })).await;
    proxy.serves("u", "x-flag-b", Some("off")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_pushed_set_by_set_and_a_second_time_changes_nothing() {
    let (nats, _backend, _home) = registry().await;
    let path = nats.document("one", &json!({ "a": constant("on") }));
    nats.document("two", &json!({ "b": constant("on") }));
    let directory = std::path::Path::new(&path).parent().expect("a directory");
    let directory = directory.to_str().expect("UTF-8").to_owned();
    nats.operator(["flags", "push", &directory])
        .succeeds()
        .await;
    assert_eq!(records(&nats).await, 2);
    nats.operator(["flags", "push", &directory])
        .succeeds()
        .await;
    assert_eq!(records(&nats).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_check_refuses_is_not_pushed() {
    let (nats, _backend, _home) = registry().await;
    let mut spoiled = constant("on");
    spoiled["targeting"] = json!({ "no_such_operator": [] });
    let mut wrong = constant("on");
    wrong["defaultVariant"] = json!("purple");
    for (flag, part) in [(spoiled, "no_such_operator"), (wrong, "purple")] {
        let path = nats.document("set", &json!({ "a": flag }));
        let outcome = nats.operator(["flags", "push", &path]).ends_with(1).await;
        assert!(outcome.text().contains(part), "{outcome:?}");
        assert!(outcome.text().contains("set.json:"), "{outcome:?}");
    }
    // A flag that another set already has.
    nats.push("first", &json!({ "a": constant("on") })).await;
    let path = nats.document("second", &json!({ "a": constant("off") }));
    let outcome = nats.operator(["flags", "push", &path]).ends_with(1).await;
    assert!(outcome.text().contains("first"), "{outcome:?}");
    assert_eq!(records(&nats).await, 1);
}

/// A set of one flag `a` that splits users, without a pin.
fn unpinned() -> serde_json::Value {
    json!({
        "metadata": { "owner": "us" },
        "flags": { "a": {
            "state": "ENABLED",
            "variants": { "on": true, "off": false },
            "defaultVariant": "off",
            "targeting": { "fractional": [["on", 1], ["off", 1]] },
        } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_does_not_say_how_it_splits_is_not_pushed_until_it_is_fixed() {
    let (nats, _backend, _home) = registry().await;
    let path = nats.document("set", &json!({}));
    std::fs::write(&path, unpinned().to_string()).expect("a file");
    let outcome = nats.operator(["flags", "push", &path]).ends_with(1).await;
    assert!(
        outcome.text().contains("error[unpinned-bucketing]"),
        "{outcome:?}"
    );
    assert!(outcome.text().contains("burgee check --fix"), "{outcome:?}");
    assert_eq!(records(&nats).await, 0);
    nats.operator(["check", "--fix", &path]).succeeds().await;
    nats.operator(["flags", "push", &path]).succeeds().await;
    assert_eq!(records(&nats).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_are_told_and_stop_a_push_only_where_asked() {
    let (nats, _backend, _home) = registry().await;
    let path = nats.document("set", &json!({ "a": constant("on") }));
    let strict = nats.operator(["flags", "push", "--strict", &path]);
    let outcome = strict.ends_with(1).await;
    assert!(outcome.stderr.contains("warning[no-owner]"), "{outcome:?}");
    assert_eq!(records(&nats).await, 0);
    let outcome = nats.operator(["flags", "push", &path]).succeeds().await;
    assert!(outcome.stderr.contains("warning[no-owner]"), "{outcome:?}");
    assert_eq!(records(&nats).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_checked_against_the_sets_of_the_log() {
    let (nats, _backend, _home) = registry().await;
    let requiring = |variant: &str| {
        let flags = json!({ "b": constant("on") });
        let requires = json!({ "a": [variant] });
        json!({ "flags": flags, "delivery": { "b": { "requires": requires } } }).to_string()
    };
    nats.push("one", &json!({ "a": constant("on") })).await;
    let path = nats.document("two", &json!({}));
    std::fs::write(&path, requiring("onn")).expect("a file");
    let outcome = nats.operator(["flags", "push", &path]).ends_with(1).await;
    assert!(
        outcome.text().contains("error[unknown-prerequisite]"),
        "{outcome:?}"
    );
    std::fs::write(&path, requiring("on")).expect("a file");
    nats.operator(["flags", "push", &path]).succeeds().await;
    // The other set is still required.
    let path = nats.document("one", &json!({ "z": constant("on") }));
    let outcome = nats.operator(["flags", "push", &path]).ends_with(1).await;
    let breaks = "break the flag set \"two\" of the log: there is no flag \"a\"";
    assert!(outcome.text().contains(breaks), "{outcome:?}");
    assert!(outcome.text().contains("--force"), "{outcome:?}");
    assert_eq!(records(&nats).await, 2);
    // What is wrong with the file itself is refused even so.
    let mut wrong = constant("on");
    wrong["defaultVariant"] = json!("purple");
    let path = nats.document("one", &json!({ "z": wrong }));
    let forced = ["flags", "push", "--force", &path];
    let outcome = nats.operator(forced).ends_with(1).await;
    assert!(outcome.text().contains("purple"), "{outcome:?}");
    assert_eq!(records(&nats).await, 2);
    // What it breaks for others is told, and no warning that `--strict` would refuse.
    let mut owned = constant("on");
    owned["metadata"] = json!({ "owner": "us" });
    let path = nats.document("one", &json!({ "z": owned }));
    let forced = ["flags", "push", "--force", "--strict", &path];
    let outcome = nats.operator(forced).succeeds().await;
    assert!(outcome.stderr.contains(breaks), "{outcome:?}");
    assert_eq!(records(&nats).await, 3);
    // It is broken already: nobody is asked again.
    let path = nats.document("one", &json!({ "y": constant("on") }));
    nats.operator(["flags", "push", &path]).succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_another_one_requires_is_not_deleted_unless_forced() {
    let (nats, _backend, _home) = registry().await;
    nats.push("one", &json!({ "a": constant("on") })).await;
    nats.push("alone", &json!({ "c": constant("on") })).await;
    let two = json!({
        "flags": { "b": constant("on") },
        "delivery": { "b": { "requires": { "a": ["on"] } } },
    });
    let path = nats.document("two", &json!({}));
    std::fs::write(&path, two.to_string()).expect("a file");
    nats.operator(["flags", "push", &path]).succeeds().await;

    let delete = |set: &'static str| ["flags", "delete", set, "--reason", "over"];
    let outcome = nats.operator(delete("one")).ends_with(1).await;
    let breaks = "two: there is no flag \"a\", which \"b\" requires";
    for part in ["nothing was deleted", breaks, "--force"] {
        assert!(outcome.stderr.contains(part), "{part}: {outcome:?}");
    }
    assert_eq!(records(&nats).await, 3);
    // What nobody requires goes, and so does what requires others.
    nats.operator(delete("alone")).succeeds().await;
    let forced = ["flags", "delete", "one", "--reason", "over", "--force"];
    let outcome = nats.operator(forced).succeeds().await;
    assert!(outcome.stderr.contains(breaks), "{outcome:?}");
    let outcome = nats.operator(delete("two")).succeeds().await;
    assert!(!outcome.stderr.contains("breaks"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_renames_a_variant_names_every_flag_that_it_would_break() {
    let (nats, _backend, _home) = registry().await;
    let flag = |name: &str| json!({ "cart": { "state": "ENABLED", "variants": { name: true, "off": false }, "defaultVariant": name } });
    nats.push("cart", &flag("on")).await;
    for requiring in ["checkout", "gifts"] {
        let flags = json!({ requiring: constant("on") });
        let delivery = json!({ requiring: { "requires": { "cart": ["on"] } } });
        nats.push_text(requiring, &delivered(&flags, &delivery))
            .await;
    }
    let path = nats.document("cart", &flag("enabled"));
    let outcome = nats.operator(["flags", "push", &path]).ends_with(1).await;
    for requiring in ["checkout", "gifts"] {
        let told = format!(
            "break the flag set \"{requiring}\" of the log: \"cart\" has no variant \"on\", which \"{requiring}\" requires"
        );
        // As one line, for it is drawn to the width of a terminal.
        let text: Vec<String> = outcome
            .text()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        assert!(text.join(" ").contains(&told), "{told}\n{outcome:?}");
    }
    assert_eq!(records(&nats).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_while_requests_run_fails_none_of_them() {
    let (nats, _backend, home) = registry().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    let proxy = home.start().await;
    let traffic = proxy.traffic(8, |call, number| {
        call.header("x-user-id", &format!("u{number}"))
    });
    for variant in ["off", "on", "off", "on"] {
        nats.push("set", &json!({ "a": constant(variant) })).await;
        proxy.serves("u", "x-flag-a", Some(variant)).await;
    }
    let so_far = traffic.answered();
    eventually("requests go on", async || {
        (traffic.answered() > so_far + 100).then_some(())
    })
    .await;
    traffic.stop().await.assert_no_failure();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_race_of_two_pushes_is_reported_and_overwrites_nothing() {
    let (nats, _backend, home) = registry().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    let proxy = home.start().await;
    let before = records(&nats).await;

    // The slow push has read the head and is held just before it writes; another one is faster.
    let relay = Relay::start(nats.address(), "Nats-Expected-Last-Subject-Sequence").await;
    let path = nats.document("set", &json!({ "a": constant("on"), "b": constant("on") }));
    let url = format!("nats://{}", relay.address());
    let slow = tokio::spawn(nats.operator_at(&url, ["flags", "push", &path]).run());
    relay.held().await;
    nats.push("set", &json!({ "a": constant("off") })).await;
    relay.release();

    let slow = slow.await.expect("an outcome");
    assert_eq!(slow.code, Some(1), "{slow:?}");
    let text = slow.text().to_lowercase();
    assert!(
        text.contains("set") && (text.contains("race") || text.contains("meantime")),
        "{text}"
    );
    assert_eq!(records(&nats).await, before + 1);
    proxy.serves("u", "x-flag-a", Some("off")).await;
    assert_eq!(proxy.variant("u", "x-flag-b").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_of_different_sets_do_not_disturb_each_other() {
    let (nats, _backend, home) = registry().await;
    let one = nats.document("one", &json!({ "a": constant("on") }));
    let two = nats.document("two", &json!({ "b": constant("on") }));
    let (one, two) = tokio::join!(
        nats.operator(["flags", "push", &one]).run(),
        nats.operator(["flags", "push", &two]).run(),
    );
    assert_eq!((one.code, two.code), (Some(0), Some(0)), "{one:?} {two:?}");
    let proxy = home.start().await;
    let echo = proxy.get("/").echo().await;
    assert_eq!(
        (echo.header("x-flag-a"), echo.header("x-flag-b")),
        (Some("on"), Some("on"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_made_later_is_found() {
    let nats = Nats::start().await;
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({ "source": nats.source() }));
    let proxy = home.start_unready().await;
    assert!(!proxy.ready().await);
    nats.init().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    eventually("the proxy is ready", async || {
        proxy.ready().await.then_some(())
    })
    .await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_log_is_known_to_be_empty() {
    let (nats, backend, _home) = registry().await;
    // Routes without flags need none to be served.
    let home = Home::serving(&backend, &[], &json!({ "source": nats.source() }));
    let proxy = home.start().await;
    assert_eq!(proxy.get("/").echo().await.backend, "stable");
}
