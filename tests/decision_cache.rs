//! Decisions of routes with many flags are kept, and never longer than they are right.

use std::time::{SystemTime, UNIX_EPOCH};

use burgee_tests::{Backend, Burgee, Home, Proxy, constant, eventually, flag_set, on_off, share};
use serde_json::{Map, Value, json};

const FLAGS: usize = 100;

fn keys() -> Vec<String> {
    (0..FLAGS).map(|number| format!("flag-{number}")).collect()
}

/// The same rule for a hundred flags.
fn hundred(flag: &Value) -> Value {
    let flags = keys().into_iter().map(|key| (key, flag.clone()));
    Value::Object(flags.collect::<Map<_, _>>())
}

/// A proxy that tells a backend of a hundred flags in one header.
fn home(backend: &Backend, further: &Value) -> Home {
    let mut all = json!({
        "routes": [{
            "name": "all",
            "upstream": "stable",
            "flags": keys(),
            "present": { "form": "dictionary" },
        }],
    });
    let further = further.as_object().expect("keys").clone();
    all.as_object_mut().expect("an object").extend(further);
    Home::serving(backend, &[], &all)
}

/// What the backend is told of the first flag, and whether the others are all the same.
async fn told(proxy: &Proxy, user: &str) -> (String, bool) {
    let dictionary = proxy.variant(user, "flags").await.expect("it is told");
    let mut values = dictionary.split(", ").map(|member| {
        let (_, value) = member.split_once('=').expect("key=value");
        value.to_owned()
    });
    let first = values.next().expect("there are a hundred");
    let others: Vec<String> = values.collect();
    assert_eq!(others.len(), FLAGS - 1);
    (first, others.iter().all(|other| *other == others[0]))
}

/// Hits and misses.
async fn counted(proxy: &Proxy) -> (f64, f64) {
    let metrics = proxy.metrics().await;
    let count = |name| metrics.sum(&format!("burgee_decision_cache_{name}_total"), &[]);
    (count("hits"), count("misses"))
}

async fn overrides(home: &Home, arguments: &[&str]) {
    let directory = home.path("overrides");
    let local = ["--local", directory.to_str().expect("it is UTF-8")];
    let all = ["override"].iter().chain(arguments).chain(&local).copied();
    Burgee::new(all.collect::<Vec<_>>())
        .variable("BURGEE_ENVIRONMENT", "test")
        .variable("BURGEE_REGION", "eu")
        .succeeds()
        .await;
}

/// Waits for the override to be there (or not), in what operators see. No request is made meanwhile.
async fn heard_of(proxy: &Proxy, count: usize) {
    eventually("the proxy hears of it", async || {
        let snapshot = proxy.snapshot().await;
        let overrides = snapshot["overrides"].as_array().expect("a list");
        (overrides.len() == count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_is_in_force_on_the_next_request_though_decisions_are_kept() {
    let backend = Backend::start("stable").await;
    let home = home(&backend, &json!({}));
    home.write("flags/set.json", &flag_set(&hundred(&constant("on"))));
    let proxy = home.start().await;
    for _ in 0..5 {
        assert_eq!(told(&proxy, "u").await, ("on".into(), true));
    }
    assert_eq!(counted(&proxy).await, (4.0, 1.0), "the cache is warm");

    let set = ["set", "flag-0", "off", "--for", "30m", "--reason", "errors"];
    overrides(&home, &set).await;
    heard_of(&proxy, 1).await;
    assert_eq!(told(&proxy, "u").await, ("off".into(), true));
    assert_eq!(told(&proxy, "u").await, ("off".into(), true));
    overrides(&home, &["clear", "flag-0", "--reason", "mended"]).await;
    heard_of(&proxy, 0).await;
    assert_eq!(told(&proxy, "u").await, ("on".into(), true));

    // What was found is counted flag by flag, as what was decided.
    proxy
        .metric("burgee_decisions_total", &[("flag", "flag-1")], |count| {
            (count - 8.0).abs() < 0.5
        })
        .await;
    let metrics = proxy.metrics().await;
    let overridden = [("flag", "flag-0"), ("reason", "OVERRIDE")];
    let count = metrics.sum("burgee_decisions_total", &overridden);
    assert!((count - 2.0).abs() < 0.5, "{count}");
    let entries = metrics.sum("burgee_decision_cache_entries", &[]);
    assert!(entries > 0.5, "{}", metrics.text());
    proxy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_flag_set_is_in_force_on_the_next_request_though_decisions_are_kept() {
    let backend = Backend::start("stable").await;
    let home = home(&backend, &json!({}));
    home.write("flags/set.json", &flag_set(&hundred(&constant("on"))));
    let proxy = home.start().await;
    assert_eq!(told(&proxy, "u").await, ("on".into(), true));
    for variant in ["off", "on", "off"] {
        let before = proxy.snapshot().await["revision"].clone();
        home.replace("flags/set.json", &flag_set(&hundred(&constant(variant))));
        eventually("it is published", async || {
            (proxy.snapshot().await["revision"] != before).then_some(())
        })
        .await;
        assert_eq!(told(&proxy, "u").await, (variant.to_owned(), true));
    }
    proxy.stop().await;
}

/// Between two publications.
#[tokio::test(flavor = "multi_thread")]
async fn flags_that_read_the_time_change_on_time() {
    let backend = Backend::start("stable").await;
    let home = home(&backend, &json!({}));
    home.write("flags/set.json", &flag_set(&hundred(&constant("on"))));
    let proxy = home.start().await;
    let before = proxy.snapshot().await["revision"].clone();

    let begins = unix_seconds() + 5;
    let later = json!({ ">=": [{ "var": "$flagd.timestamp" }, begins] });
    let mut flags = hundred(&share(50));
    flags["flag-0"] = on_off(&json!({ "if": [later, "on", "off"] }));
    home.replace("flags/set.json", &flag_set(&flags));
    let revision = eventually("it is published", async || {
        let revision = proxy.snapshot().await["revision"].clone();
        (revision != before).then_some(revision)
    })
    .await;
    let (hits, misses) = counted(&proxy).await;
    eventually("the time comes", async || {
        let asked = unix_seconds();
        let (told, _) = told(&proxy, "u").await;
        if unix_seconds() < begins {
            assert_eq!(told, "off");
        } else if asked >= begins {
            assert_eq!(told, "on");
        }
        (asked > begins).then_some(())
    })
    .await;
    assert_eq!(proxy.snapshot().await["revision"], revision);
    let after = counted(&proxy).await;
    assert!(after.0 - hits > 0.5, "{hits}");
    assert!((after.1 - misses - 1.0).abs() < 0.5, "{misses}");
    proxy.stop().await;
}

fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_where_the_configuration_says_so() {
    let backend = Backend::start("stable").await;
    let home = home(&backend, &json!({ "decisions": { "cache_bytes": 0 } }));
    home.write("flags/set.json", &flag_set(&hundred(&constant("on"))));
    let proxy = home.start().await;
    for _ in 0..2 {
        assert_eq!(told(&proxy, "u").await, ("on".into(), true));
    }
    assert_eq!(
        proxy
            .metrics()
            .await
            .series("burgee_decision_cache_hits_total"),
        0
    );
    proxy.stop().await;
}
