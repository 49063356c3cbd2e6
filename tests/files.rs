//! Flag sets in a watched directory.

use std::os::unix::fs::symlink;

use burgee_tests::{Backend, Home, Proxy, constant, flag_set};
use serde_json::{Value, json};

async fn serving(flags: &[&str], sets: &[(&str, Value)]) -> (Backend, Home, Proxy) {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, flags, &json!({}));
    for (set, flags) in sets {
        home.write(&format!("flags/{set}.json"), &flag_set(flags));
    }
    let proxy = home.start().await;
    (backend, home, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_place_changes_the_next_requests() {
    let (_backend, home, proxy) = serving(&["a"], &[("set", json!({ "a": constant("on") }))]).await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    for variant in ["off", "on", "off"] {
        home.write(
            "flags/set.json",
            &flag_set(&json!({ "a": constant(variant) })),
        );
        proxy.serves("u", "x-flag-a", Some(variant)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_that_renames_on_save_is_understood() {
    let (_backend, home, proxy) = serving(&["a"], &[("set", json!({ "a": constant("on") }))]).await;
    for variant in ["off", "on", "off"] {
        home.replace(
            "flags/set.json",
            &flag_set(&json!({ "a": constant(variant) })),
        );
        proxy.serves("u", "x-flag-a", Some(variant)).await;
    }
    // What an editor leaves beside the file is no flag set.
    home.write(
        "flags/set.json~",
        &flag_set(&json!({ "b": constant("on") })),
    );
    home.write("flags/.set.json.swp", "b0VIM 9.1");
    home.write("flags/README.md", "# Flags");
    home.write(
        "flags/other.json",
        &flag_set(&json!({ "c": constant("on") })),
    );
    burgee_tests::eventually("the second set", async || {
        let snapshot = proxy.snapshot().await;
        (snapshot["sets"].as_array()?.len() == 2).then_some(())
    })
    .await;
    assert!(
        proxy
            .metrics()
            .await
            .sum("burgee_flagset_rejected_total", &[])
            .abs()
            < 0.5
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_swapped_by_a_symbolic_link_is_understood() {
    // This is how Kubernetes updates a mounted ConfigMap.
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({}));
    let publish = |version: &str, variant: &str| {
        let directory = home.path(&format!("flags/..{version}"));
        std::fs::create_dir(&directory).expect("a new directory");
        let document = flag_set(&json!({ "a": constant(variant) }));
        std::fs::write(directory.join("set.json"), document).expect("a file of our own");
        let link = home.path("flags/..data_tmp");
        symlink(&directory, &link).expect("a link");
        std::fs::rename(link, home.path("flags/..data")).expect("a rename");
    };
    publish("1", "on");
    symlink("..data/set.json", home.path("flags/set.json")).expect("a link");
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    for (version, variant) in [("2", "off"), ("3", "on")] {
        publish(version, variant);
        proxy.serves("u", "x-flag-a", Some(variant)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_is_removed_or_added_is_gone_or_there() {
    let sets = [
        ("one", json!({ "a": constant("on") })),
        ("two", json!({ "b": constant("on") })),
    ];
    let (_backend, home, proxy) = serving(&["a", "b", "c"], &sets).await;
    home.remove("flags/one.json");
    proxy.serves("u", "x-flag-a", None).await;
    assert_eq!(proxy.variant("u", "x-flag-b").await.as_deref(), Some("on"));
    home.write("flags/three.yaml", "flags:\n  c:\n    state: ENABLED\n    variants: { \"on\": true }\n    defaultVariant: \"on\"\n");
    proxy.serves("u", "x-flag-c", Some("on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_set_keeps_its_last_good_version_and_is_counted() {
    let sets = [
        ("one", json!({ "a": constant("on") })),
        ("two", json!({ "b": constant("on") })),
    ];
    let (_backend, home, proxy) = serving(&["a", "b"], &sets).await;
    let mut rejected = 0.0;
    for corrupt in [
        "{ \"flags\": { \"a\": ",
        "\u{0}\u{1}\u{2}",
        "[]",
        r#"{ "flags": { "a": { "state": "ENABLED", "variants": { "on": true }, "defaultVariant": "of" } } }"#,
    ] {
        home.replace("flags/one.json", corrupt);
        proxy
            .metric("burgee_flagset_rejected_total", &[], |count| {
                count > rejected
            })
            .await;
        rejected = proxy
            .metrics()
            .await
            .sum("burgee_flagset_rejected_total", &[]);
        let echo = proxy.get("/").echo().await;
        assert_eq!(echo.header("x-flag-a"), Some("on"), "{corrupt}");
        assert_eq!(echo.header("x-flag-b"), Some("on"), "{corrupt}");
        let snapshot = proxy.snapshot().await;
        let sets = snapshot["sets"].as_array().expect("sets");
        let one = sets
            .iter()
            .find(|set| set["name"] == "one")
            .expect("the set");
        assert!(one["rejected"].is_string(), "{one}");
    }
    // Other sets go on changing, and this one does when it is mended.
    home.replace(
        "flags/two.json",
        &flag_set(&json!({ "b": constant("off") })),
    );
    proxy.serves("u", "x-flag-b", Some("off")).await;
    home.replace(
        "flags/one.json",
        &flag_set(&json!({ "a": constant("off") })),
    );
    proxy.serves("u", "x-flag-a", Some("off")).await;
    let snapshot = proxy.snapshot().await;
    assert!(!snapshot.to_string().contains("\"rejected\""), "{snapshot}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_be_compiled_spoils_its_own_flag_only() {
    let mut spoiled = constant("off");
    spoiled["targeting"] = json!({ "no_such_operator": [1, 2] });
    let flags = json!({ "a": spoiled, "b": constant("on") });
    let (_backend, _home, proxy) = serving(&["a", "b"], &[("set", flags)]).await;
    let echo = proxy.get("/").echo().await;
    assert_eq!(echo.header("x-flag-b"), Some("on"));
    let decision = json!({ "flag": "a", "context": {} }).to_string();
    let told = proxy
        .admin("/explain")
        .header("content-type", "application/json")
        .post(&decision);
    let told = told.send().await.json();
    assert_eq!(told["reason"], "ERROR", "{told}");
    assert!(
        proxy
            .snapshot()
            .await
            .to_string()
            .contains("no_such_operator")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sets_with_one_flag_are_resolved_alike_and_reported() {
    let sets = [
        ("b-set", json!({ "a": constant("off") })),
        ("a-set", json!({ "a": constant("on") })),
    ];
    let (_backend, home, proxy) = serving(&["a"], &sets).await;
    // The set whose name sorts first has it.
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    let conflicts = proxy.snapshot().await["conflicts"].clone();
    assert_eq!(conflicts.as_array().map(Vec::len), Some(1), "{conflicts}");
    proxy
        .metric("burgee_flag_conflicts", &[], |count| count > 0.5)
        .await;
    home.remove("flags/a-set.json");
    proxy.serves("u", "x-flag-a", Some("off")).await;
    proxy
        .metric("burgee_flag_conflicts", &[], |count| count < 0.5)
        .await;
}
