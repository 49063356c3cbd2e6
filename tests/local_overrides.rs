//! For the night when the broker itself is what is broken.

use burgee_tests::{Backend, Burgee, Home, Nats, constant, eventually, flag_set};
use serde_json::json;

/// `burgee override …` without a broker, writing into the proxy's watched directory.
fn operator(home: &Home, arguments: &[&str]) -> Burgee {
    let directory = home.path("overrides");
    let mut all = arguments.to_vec();
    all.extend([
        "--local",
        directory.to_str().expect("a temporary path is UTF-8"),
    ]);
    Burgee::new(all)
        .variable("BURGEE_ENVIRONMENT", "test")
        .variable("BURGEE_REGION", "eu")
}

const SET: [&str; 8] = [
    "override",
    "set",
    "a",
    "off",
    "--for",
    "30m",
    "--reason",
    "the broker burns",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_local_override_works_while_the_broker_is_away() {
    let mut nats = Nats::start().await;
    nats.init().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    let backend = Backend::start("stable").await;
    let mut source = nats.source();
    source["nats"]["local_overrides"] = json!("overrides/");
    let home = Home::serving(&backend, &["a"], &json!({ "source": source }));
    let proxy = home.start().await;
    nats.kill().await;

    operator(&home, &SET).succeeds().await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    let records = std::fs::read_dir(home.path("overrides"))
        .expect("a directory")
        .count();
    assert_eq!(records, 1);
    // It holds over a restart, for the file is still there.
    proxy.kill().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));
    // The broker coming back changes nothing about it.
    nats.resume().await;
    nats.push("set", &json!({ "a": constant("on"), "b": constant("on") }))
        .await;
    proxy
        .metric("burgee_source_connected", &[], |connected| connected > 0.5)
        .await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));

    operator(&home, &["override", "clear", "a", "--reason", "mended"])
        .succeeds()
        .await;
    proxy.serves("u", "x-flag-a", Some("on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_come_from_files_where_flags_do() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({}));
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    let proxy = home.start().await;
    operator(&home, &SET).succeeds().await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    let listed = operator(&home, &["override", "list", "--json"]).run().await;
    if listed.code == Some(0) {
        assert!(listed.stdout.contains("the broker burns"), "{listed:?}");
    }
    // Removing the file ends it, too.
    for entry in std::fs::read_dir(home.path("overrides")).expect("a directory") {
        std::fs::remove_file(entry.expect("an entry").path()).expect("a file of our own");
    }
    proxy.serves("u", "x-flag-a", Some("on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_override_ends_by_the_clock_and_junk_beside_it_is_counted() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({}));
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    home.write("overrides/junk.json", "junk");
    let proxy = home.start().await;
    proxy
        .metric("burgee_override_rejected_total", &[], |count| count > 0.5)
        .await;
    let mut short = SET;
    short[5] = "2s";
    operator(&home, &short).succeeds().await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    proxy.serves("u", "x-flag-a", Some("on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_another_environment_means_nothing_here() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({}));
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    let proxy = home.start().await;
    operator(&home, &SET)
        .variable("BURGEE_ENVIRONMENT", "staging")
        .succeeds()
        .await;
    proxy
        .metric("burgee_override_rejected_total", &[], |count| count > 0.5)
        .await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    let refused = eventually("it is shown", async || {
        proxy.snapshot().await["refused"].get(0).cloned()
    })
    .await;
    assert_eq!(refused["reason"], "environment", "{refused}");
    assert!(
        refused["message"].to_string().contains("staging"),
        "{refused}"
    );
    // In the right environment it takes the same file, once that is meant; the refusal is over.
    operator(&home, &SET).ends_with(1).await;
    let forced: Vec<&str> = SET.into_iter().chain(["--force"]).collect();
    operator(&home, &forced).succeeds().await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    assert_eq!(proxy.snapshot().await["refused"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_another_regions_log_is_refused_for_that() {
    let mut nats = Nats::start().await;
    nats.init().await;
    let init = nats.operator(["registry", "init"]);
    init.variable("BURGEE_REGION", "us").succeeds().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    let backend = Backend::start("stable").await;
    let mut source = nats.source();
    source["nats"]["local_overrides"] = json!("overrides/");
    let keys = json!({ "source": source, "region": "us", "cluster": "us-1" });
    let home = Home::serving(&backend, &["a"], &keys);
    let proxy = home.start().await;
    nats.kill().await;

    operator(&home, &SET).succeeds().await;
    let refused = eventually("it is shown", async || {
        proxy.snapshot().await["refused"].get(0).cloned()
    })
    .await;
    assert_eq!(refused["reason"], "log", "{refused}");
    let message = refused["message"].to_string();
    for part in [
        "BURGEE_OVERRIDES_EU",
        "is BURGEE_OVERRIDES_US:",
        "`override_regions`",
        "BURGEE_REGION",
    ] {
        assert!(message.contains(part), "{part}: {refused}");
    }
    let labels = [("reason", "log")];
    proxy
        .metric("burgee_override_rejected_total", &labels, |count| {
            count > 0.5
        })
        .await;
    operator(&home, &SET)
        .variable("BURGEE_REGION", "us")
        .succeeds()
        .await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
}

/// As a fresh clone with `config/nats.yaml`: nobody has made the directory.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_not_there_is_no_reason_not_to_serve() {
    let nats = Nats::start().await;
    nats.init().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    let backend = Backend::start("stable").await;
    let mut source = nats.source();
    source["nats"]["local_overrides"] = json!("overrides/");
    let homes = [
        Home::serving(&backend, &["a"], &json!({ "source": source })),
        Home::serving(&backend, &["a"], &json!({})),
    ];
    homes[1].write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    for home in homes {
        std::fs::remove_dir(home.path("overrides")).expect("an empty directory");
        let proxy = home.start().await;
        assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
        proxy
            .logs(burgee_tests::PATIENCE, "it counts as empty until it does")
            .await;
        operator(&home, &SET).succeeds().await;
        proxy.serves("u", "x-flag-a", Some("off")).await;
        operator(&home, &["override", "clear", "a"])
            .succeeds()
            .await;
        proxy.serves("u", "x-flag-a", Some("on")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_flag_sets_that_is_not_there_is_said_and_not_ready() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({}));
    std::fs::remove_dir(home.path("flags")).expect("an empty directory");
    let proxy = home.start_unready().await;
    proxy
        .logs(
            burgee_tests::PATIENCE,
            "the proxy waits for it before it is ready",
        )
        .await;
    assert!(!proxy.ready().await);
}

/// The steps of the rule contradict what an override decides, so they are told as what would be without
/// it.
#[tokio::test(flavor = "multi_thread")]
async fn an_override_is_the_step_that_decided() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["lay"], &json!({}));
    let layer = json!({ "layer": { "name": "tests", "from": 0, "to": 0 } });
    let set = json!({ "flags": { "lay": constant("off") }, "delivery": { "lay": layer } });
    home.write("flags/set.json", &set.to_string());
    let proxy = home.start().await;
    let explain = async |user: &str| {
        let question = json!({ "flag": "lay", "context": { "targetingKey": user } });
        let asked = proxy.admin("/explain").post(&question.to_string());
        asked.send().await.json()
    };
    let before = explain("bob").await;
    assert_eq!(before["reason"], "LAYER", "{before}");
    assert!(before["override"].is_null(), "{before}");

    let set = ["override", "set", "lay", "on", "--for", "30m", "--reason"];
    let whom = ["t2", "--scope", "region:eu", "--keys", "bob"];
    let all: Vec<&str> = set.into_iter().chain(whom).collect();
    operator(&home, &all).succeeds().await;
    proxy.serves("bob", "x-flag-lay", Some("on")).await;
    let told = explain("bob").await;
    assert_eq!(
        (&told["reason"], &told["variant"]),
        (&json!("OVERRIDE"), &json!("on"))
    );
    let by = &told["override"];
    assert_eq!(
        (&by["scope"], &by["keys"]),
        (&json!("region:eu"), &json!(1))
    );
    assert_eq!(told["steps"].as_array().map(Vec::len), Some(1), "{told}");
    let step = &told["steps"][0];
    assert_eq!(step["path"], "/override", "{told}");
    let outcome = step["outcome"].as_str().unwrap_or_default();
    let text = |member: &str| by[member].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        outcome,
        format!(
            "\"on\" for one named targeting key, which is this one (scope region:eu) until {}; set by {} at {}: t2",
            text("ends"),
            text("who"),
            text("when")
        )
    );
    assert!(
        !text("who").is_empty() && !text("ends").is_empty(),
        "{told}"
    );
    let without = &told["withoutOverride"];
    assert_eq!(without["reason"], "LAYER", "{told}");
    assert_eq!(without["steps"], before["steps"], "{told}");
    // Nobody else is meant.
    assert_eq!(explain("ann").await["reason"], "LAYER");
}
