//! What `delivery` asks for before a rule: regions, prerequisites, layers, staleness.

use std::time::Duration;

use burgee_tests::{
    Backend, Burgee, Home, Nats, PATIENCE, constant, delivered, eventually_within, flag_set, on_off,
};
use serde_json::{Value, json};

/// `on` by its rule, `off` by default.
fn ruled() -> Value {
    on_off(&json!({ "if": [true, "on"] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_stays_in_its_regions_whatever_a_client_says() {
    let backend = Backend::start("stable").await;
    let set = delivered(
        &json!({ "a": ruled() }),
        &json!({ "a": { "regions": ["eu", "eu-*"] } }),
    );
    for (region, expected, reason) in [
        ("eu", "on", "TARGETING_MATCH"),
        ("eu-west", "on", "TARGETING_MATCH"),
        ("us", "off", "REGION"),
    ] {
        let home = Home::serving(&backend, &["a"], &json!({ "region": region }));
        home.write("flags/set.json", &set);
        let proxy = home.start().await;
        let echo = proxy
            .get("/?region=eu")
            .header("region", "eu")
            .header("x-region", "eu")
            .header("cookie", "region=eu")
            .echo()
            .await;
        assert_eq!(echo.header("x-flag-a"), Some(expected), "in {region}");
        let labels = [("flag", "a"), ("reason", reason)];
        proxy
            .metric("burgee_decisions_total", &labels, |count| count > 0.5)
            .await;

        // An explanation stands where the proxy stands, unless it is asked about another place.
        let told = proxy.admin("/explain?flag=a").send().await.json();
        assert_eq!(
            (&told["variant"], &told["reason"]),
            (&json!(expected), &json!(reason)),
            "{told}"
        );
        assert_eq!(told["steps"][0]["path"], "/delivery/regions", "{told}");
        let question = json!({ "flag": "a", "context": { "region": "ap" } }).to_string();
        let told = proxy.admin("/explain").post(&question).send().await.json();
        assert_eq!(told["reason"], "REGION", "{told}");
        proxy.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_configuration_lets_a_client_choose_its_region() {
    let backend = Backend::start("stable").await;
    for source in [
        json!({ "header": "x-region", "from_client": true }),
        json!({ "query": "region" }),
    ] {
        let context = json!({ "attributes": { "region": source } });
        let home = Home::serving(&backend, &[], &json!({ "context": context }));
        let refused = Burgee::new(["check", "--config", "burgee.yaml"])
            .directory(home.as_ref())
            .ends_with(1)
            .await;
        assert!(refused.text().contains("the proxy's own"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_of_a_prerequisite_in_another_set_kills_what_requires_it() {
    let nats = Nats::start().await;
    nats.init().await;
    nats.push("cart", &json!({ "new-cart": ruled() })).await;
    let checkout = delivered(
        &json!({ "checkout": ruled() }),
        &json!({ "checkout": { "requires": { "new-cart": ["on"] } } }),
    );
    nats.push_text("checkout", &checkout).await;
    let backend = Backend::start("stable").await;
    // The route does not even list what is required.
    let home = Home::serving(&backend, &["checkout"], &json!({ "source": nats.source() }));
    let proxy = home.start().await;
    proxy.serves("u", "x-flag-checkout", Some("on")).await;

    let kill = [
        "override",
        "set",
        "new-cart",
        "off",
        "--for",
        "30m",
        "--reason",
        "errors in the cart",
    ];
    nats.operator(kill).succeeds().await;
    proxy.serves("u", "x-flag-checkout", Some("off")).await;
    let labels = [("flag", "checkout"), ("reason", "PREREQUISITE")];
    proxy
        .metric("burgee_decisions_total", &labels, |count| count > 0.5)
        .await;
    let told = proxy.admin("/explain?flag=checkout").send().await.json();
    assert_eq!(told["reason"], "PREREQUISITE", "{told}");
    assert_eq!(
        told["steps"][0]["path"], "/delivery/requires/new-cart",
        "{told}"
    );
    assert_eq!(
        told["steps"][0]["outcome"], "false (new-cart is \"off\", OVERRIDE)",
        "{told}"
    );
    let logged = proxy.access_log();
    let killed = logged
        .iter()
        .any(|line| line.to_string().contains("PREREQUISITE"));
    assert!(killed, "{logged:#?}");

    let clear = ["override", "clear", "new-cart", "--reason", "fixed"];
    nats.operator(clear).succeeds().await;
    proxy.serves("u", "x-flag-checkout", Some("on")).await;

    // For some users only.
    let some = [
        "override",
        "set",
        "new-cart",
        "off",
        "--for",
        "30m",
        "--keys",
        "v",
        "--reason",
        "v complains",
    ];
    nats.operator(some).succeeds().await;
    proxy.serves("v", "x-flag-checkout", Some("off")).await;
    proxy.serves("u", "x-flag-checkout", Some("on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_between_sets_is_seen_until_it_is_mended() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({}));
    let requires = |key: &str| json!({ "a": { "requires": { key: ["on"] } } });
    home.write(
        "flags/a.json",
        &delivered(&json!({ "a": ruled() }), &requires("b")),
    );
    let proxy = home.start().await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    let problems = proxy.snapshot().await["problems"].clone();
    assert_eq!(
        problems,
        json!([{
            "set": "a",
            "flag": "a",
            "path": "/delivery/a/requires/b",
            "message": "there is no flag \"b\", which \"a\" requires",
            "help": problems[0]["help"],
        }])
    );
    proxy
        .metric("burgee_flag_problems", &[], |count| count > 0.5)
        .await;
    proxy
        .logs(
            PATIENCE,
            "there is no flag \\\"b\\\", which \\\"a\\\" requires",
        )
        .await;

    home.write("flags/b.json", &flag_set(&json!({ "b": constant("on") })));
    proxy.serves("u", "x-flag-a", Some("on")).await;
    proxy
        .metric("burgee_flag_problems", &[], |count| count < 0.5)
        .await;
    proxy.logs(PATIENCE, "all flags fit together again").await;

    // A cycle through both.
    let b = delivered(
        &json!({ "b": constant("on") }),
        &json!({ "b": { "requires": { "a": ["off"] } } }),
    );
    home.write("flags/b.json", &b);
    proxy.serves("u", "x-flag-a", Some("off")).await;
    proxy
        .metric("burgee_flag_problems", &[], |count| count > 1.5)
        .await;
    let told = proxy.admin("/explain?flag=a").send().await.text();
    assert!(told.contains("a cycle"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_users_are_never_in_two_tests_that_exclude_each_other() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a", "b"], &json!({ "access_log": "off" }));
    let layer =
        |from: u32, to: u32| json!({ "layer": { "name": "tests", "from": from, "to": to } });
    // In two sets, and each of them would be on for everyone.
    for (key, entry) in [("a", layer(0, 4_999)), ("b", layer(5_000, 8_999))] {
        let set = delivered(&json!({ key: ruled() }), &json!({ key: entry }));
        home.write(&format!("flags/{key}.json"), &set);
    }
    let proxy = home.start().await;
    let users: Vec<String> = (0..10_000).map(|number| format!("user-{number}")).collect();
    let in_a = proxy.variants(&users, "x-flag-a").await;
    let in_b = proxy.variants(&users, "x-flag-b").await;
    let count = |holds: &dyn Fn(bool, bool) -> bool| {
        let is_on = |variant: &Option<String>| variant.as_deref() == Some("on");
        let both = in_a.iter().zip(&in_b);
        both.filter(|(a, b)| holds(is_on(a), is_on(b))).count()
    };
    assert_eq!(count(&|a, b| a && b), 0, "nobody is in both");
    // Four standard deviations of 10,000 draws of 50, 40 and 10 %.
    assert!(
        count(&|a, _| a).abs_diff(5_000) <= 200,
        "{}",
        count(&|a, _| a)
    );
    assert!(
        count(&|_, b| b).abs_diff(4_000) <= 196,
        "{}",
        count(&|_, b| b)
    );
    assert!(count(&|a, b| !a && !b).abs_diff(1_000) <= 120);
    proxy
        .metric("burgee_decisions_total", &[("reason", "LAYER")], |count| {
            count > 10_000.0
        })
        .await;
}

/// A proxy asks its log every ten seconds, jittered by a quarter, whether it is current; so 16 seconds are
/// more than what it may not know for, and as short as this test can be.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_cut_off_serves_defaults_after_a_while_and_recovers() {
    let mut nats = Nats::start().await;
    nats.init().await;
    let stale = |then: &str| json!({ "stale": { "after": "16s", "then": then } });
    let set = delivered(
        &json!({ "falls-back": ruled(), "serves": ruled(), "plain": ruled() }),
        &json!({ "falls-back": stale("default"), "serves": stale("serve") }),
    );
    nats.push_text("set", &set).await;
    let backend = Backend::start("stable").await;
    let flags = ["falls-back", "serves", "plain"];
    let home = Home::serving(&backend, &flags, &json!({ "source": nats.source() }));
    let proxy = home.start().await;
    let served = async || {
        let echo = proxy.get("/").echo().await;
        flags.map(|flag| echo.header(&format!("x-flag-{flag}")).map(str::to_owned))
    };
    let on = || Some("on".to_owned());
    assert_eq!(served().await, [on(), on(), on()]);

    nats.stop().await;
    let stopped = std::time::Instant::now();
    let limit = Duration::from_secs(40);
    eventually_within(limit, "the default is served", async || {
        let now = served().await;
        assert_eq!(now[1..], [on(), on()], "nothing else changes");
        (now[0].as_deref() == Some("off")).then_some(())
    })
    .await;
    // At most 13 seconds and a fraction had passed since the last confirmation.
    assert!(
        stopped.elapsed() > Duration::from_secs(1),
        "{:?}",
        stopped.elapsed()
    );
    for flag in ["falls-back", "serves"] {
        let labels = [
            ("flag", flag),
            ("variant", if flag == "serves" { "on" } else { "off" }),
            ("reason", "STALE"),
        ];
        proxy
            .metric("burgee_decisions_total", &labels, |count| count > 0.5)
            .await;
    }
    assert!(proxy.ready().await, "stale is not unready");
    let told = proxy.admin("/explain?flag=serves").send().await.json();
    assert_eq!(
        (&told["variant"], &told["reason"]),
        (&json!("on"), &json!("STALE")),
        "{told}"
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let fresh = format!("/explain?flag=falls-back&syncedAt={now}");
    assert_eq!(proxy.admin(&fresh).send().await.json()["variant"], "on");

    nats.resume().await;
    eventually_within(limit, "the rule decides again", async || {
        (served().await == [on(), on(), on()]).then_some(())
    })
    .await;
    assert_eq!(
        proxy.admin("/explain?flag=serves").send().await.json()["reason"],
        "TARGETING_MATCH"
    );
    let never = proxy
        .admin("/explain?flag=serves&syncedAt=never")
        .send()
        .await
        .json();
    assert_eq!(never["reason"], "STALE", "{never}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_asks_about_another_moment_and_tells_a_flags_life() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &[], &json!({}));
    let mut flag = ruled();
    flag["metadata"] = json!({ "owner": "team-checkout", "purpose": "one page", "stage": "rollout", "expires": "2024-12-31" });
    let stale = json!({ "a": { "stale": { "after": "15m", "then": "default" } } });
    home.write("flags/set.json", &delivered(&json!({ "a": flag }), &stale));
    let explain = |more: &[&'static str]| {
        let all = [
            "explain",
            "--flags",
            "flags",
            "--flag",
            "a",
            "--now",
            "1735689600",
        ];
        Burgee::new(all.iter().chain(more).copied()).directory(home.as_ref())
    };
    let text = explain(&[]).succeeds().await.stdout;
    for line in [
        "reason   TARGETING_MATCH",
        "owner    team-checkout",
        "purpose  one page",
        "stage    rollout",
        "expires  2024-12-31 (over; it is still served as authored)",
        "/delivery/stale",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let told = explain(&["--json"]).succeeds().await.json();
    let lifecycle = json!({ "owner": "team-checkout", "purpose": "one page", "stage": "rollout", "expires": "2024-12-31", "expired": true });
    assert_eq!(told["lifecycle"], lifecycle);
    for (synced_at, reason) in [
        ("1735688700", "TARGETING_MATCH"),
        ("1735688699", "STALE"),
        ("never", "STALE"),
    ] {
        let told = explain(&["--json", "--synced-at", synced_at])
            .succeeds()
            .await
            .json();
        assert_eq!(told["reason"], reason, "{synced_at}");
    }
    let unknown = json!({ "a": { "requires": { "b": ["on"] } } });
    home.write("other.json", &delivered(&json!({ "a": ruled() }), &unknown));
    let other = ["explain", "--flags", "other.json", "--flag", "a"];
    let told = Burgee::new(other).directory(home.as_ref()).succeeds().await;
    assert!(told.stdout.contains("reason   PREREQUISITE"), "{told:?}");
    assert!(told.stderr.contains("other.json:1:"), "{told:?}");
    assert!(told.stderr.contains("there is no flag \"b\""), "{told:?}");
    explain(&["--synced-at", "yesterday"]).ends_with(2).await;

    let lines = [
        json!({ "flag": "a", "now": 1000 }),
        json!({ "flag": "a", "now": 1000, "syncedAt": 100 }),
        json!({ "flag": "a", "now": 1000, "syncedAt": 99 }),
        json!({ "flag": "a", "now": 1000, "syncedAt": "never" }),
        json!({ "flag": "a", "now": 1000, "syncedAt": null }),
        json!({ "flag": "a", "now": 1000, "syncedAt": "soon" }),
    ];
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let batch = async |more: &[&'static str]| {
        let all = ["explain", "--batch", "--flags", "flags"];
        let run = Burgee::new(all.iter().chain(more).copied());
        let outcome = run
            .directory(home.as_ref())
            .input(lines.join("\n"))
            .succeeds()
            .await;
        let reasons = outcome
            .json_lines()
            .into_iter()
            .map(|answer| answer["reason"].clone());
        reasons.collect::<Vec<Value>>()
    };
    let fresh = "TARGETING_MATCH";
    assert_eq!(
        batch(&[]).await,
        [fresh, fresh, "STALE", "STALE", fresh, "ERROR"]
    );
    let never = batch(&["--synced-at", "never"]).await;
    assert_eq!(never, ["STALE", fresh, "STALE", "STALE", "STALE", "ERROR"]);
}
