//! The operator's verbs: the real binary against a real server.

mod support;

use std::path::Path;
use std::process::Output;

use burgee::envelope::{Change, Document};
use burgee::overrides::{OverrideDocument, Scope};
use burgee::registry::Log;
use support::{ENVIRONMENT, Nats, Proxy, flag_set, from_files, overrides_log, text, write};
use tempfile::TempDir;
use tokio::process::Command;

async fn burgee(nats: &Nats, arguments: &[&str]) -> Output {
    burgee_as(nats, ENVIRONMENT, arguments).await
}

async fn burgee_as(nats: &Nats, environment: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_burgee"));
    command
        .args(arguments)
        .env("BURGEE_NATS_URL", nats.url())
        .env("BURGEE_ENVIRONMENT", environment)
        .env("BURGEE_REGION", "eu");
    command.output().await.unwrap()
}

/// What it said on standard error under another environment; exit code 1.
async fn fails_as(nats: &Nats, environment: &str, arguments: &[&str]) -> String {
    let output = burgee_as(nats, environment, arguments).await;
    assert_eq!(output.status.code(), Some(1), "{arguments:?} should fail");
    String::from_utf8(output.stderr).unwrap()
}

async fn succeeds(nats: &Nats, arguments: &[&str]) {
    let output = burgee(nats, arguments).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
}

/// What it said on standard error; exit code 1.
async fn fails(nats: &Nats, arguments: &[&str]) -> String {
    let output = burgee(nats, arguments).await;
    assert_eq!(output.status.code(), Some(1), "{arguments:?} should fail");
    String::from_utf8(output.stderr).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn revision(nats: &Nats, set: &str) -> u64 {
    let subject = Log::flags().subject(set).unwrap();
    let head = nats
        .registry()
        .await
        .head(&Log::flags(), &subject)
        .await
        .unwrap();
    head.newest.map_or(0, |newest| newest.record().revision)
}

/// Overrides that are set in the log.
async fn overrides_in(nats: &Nats) -> Vec<OverrideDocument> {
    let (records, _) = nats
        .registry()
        .await
        .newest(&overrides_log())
        .await
        .unwrap();
    let documents = records
        .iter()
        .filter_map(|record| match &record.record().change {
            Change::Put(Document::Override(document)) => Some(document.clone()),
            _ => None,
        });
    documents.collect()
}

#[tokio::test]
async fn sets_are_pushed_once_and_deleted() {
    let nats = Nats::start();
    let files = TempDir::new().unwrap();
    write(
        files.path(),
        "checkout.yaml",
        text(&flag_set("checkout", "a", "on")),
    );
    assert!(
        fails(&nats, &["flags", "push", path(files.path())])
            .await
            .contains("registry init")
    );
    succeeds(&nats, &["registry", "init"]).await;
    succeeds(&nats, &["registry", "init"]).await;
    succeeds(&nats, &["flags", "push", path(files.path())]).await;
    succeeds(&nats, &["flags", "push", path(files.path())]).await;
    assert_eq!(
        revision(&nats, "checkout").await,
        1,
        "an unchanged set is not appended again"
    );
    write(
        files.path(),
        "checkout.yaml",
        text(&flag_set("checkout", "a", "off")),
    );
    succeeds(
        &nats,
        &[
            "flags",
            "push",
            path(files.path()),
            "--reason",
            "off for all",
        ],
    )
    .await;
    assert_eq!(revision(&nats, "checkout").await, 2);
    succeeds(&nats, &["flags", "get", "checkout"]).await;
    succeeds(&nats, &["flags", "list", "--json"]).await;
    succeeds(&nats, &["flags", "delete", "checkout", "--reason", "done"]).await;
    assert_eq!(revision(&nats, "checkout").await, 3);
    assert!(
        fails(&nats, &["flags", "get", "checkout"])
            .await
            .contains("no flag set")
    );
    succeeds(&nats, &["flags", "push", path(files.path())]).await;
    assert_eq!(revision(&nats, "checkout").await, 4);
}

#[tokio::test]
async fn what_proxies_would_refuse_is_not_pushed() {
    let nats = Nats::start();
    succeeds(&nats, &["registry", "init"]).await;
    let files = TempDir::new().unwrap();
    write(
        files.path(),
        "checkout.yaml",
        text(&flag_set("checkout", "a", "on")),
    );
    succeeds(&nats, &["flags", "push", path(files.path())]).await;

    let refused = [
        (
            "no-variant.yaml",
            text(&flag_set("bad", "b", "purple")).to_owned(),
        ),
        (
            "same-flag.yaml",
            text(&flag_set("other", "a", "on")).to_owned(),
        ),
        ("unparsable.json", "{".to_owned()),
        (
            "foreign-header.yaml",
            format!(
                "{}delivery: {{ b: {{ header: content-type }} }}\n",
                text(&flag_set("bad", "b", "on"))
            ),
        ),
        (
            "no-name.yaml",
            text(&flag_set("two.tokens", "b", "on")).to_owned(),
        ),
    ];
    for (name, text) in refused {
        let files = TempDir::new().unwrap();
        write(
            files.path(),
            "good.yaml",
            support::text(&flag_set("good", "g", "on")),
        );
        write(files.path(), name, &text);
        assert!(
            fails(&nats, &["flags", "push", path(files.path())])
                .await
                .contains("nothing was pushed"),
            "{name}"
        );
    }
    assert_eq!(
        revision(&nats, "good").await,
        0,
        "one bad file holds back the others"
    );
}

#[tokio::test]
async fn overrides_are_set_replaced_and_cleared() {
    let nats = Nats::start();
    succeeds(&nats, &["registry", "init"]).await;
    let files = TempDir::new().unwrap();
    write(
        files.path(),
        "checkout.yaml",
        text(&flag_set("checkout", "new-checkout", "on")),
    );
    succeeds(&nats, &["flags", "push", path(files.path())]).await;

    let set = |flag: &'static str, variant: &'static str| {
        vec![
            "override", "set", flag, variant, "--for", "30m", "--reason", "test",
        ]
    };
    assert!(
        fails(&nats, &set("new-checkot", "off"))
            .await
            .contains("did you mean \"new-checkout\"?")
    );
    assert!(
        fails(&nats, &set("new-checkout", "blue"))
            .await
            .contains("\"off\", \"on\" and `default`")
    );
    succeeds(&nats, &[set("elsewhere", "blue"), vec!["--force"]].concat()).await;
    succeeds(&nats, &["override", "clear", "elsewhere"]).await;

    succeeds(&nats, &set("new-checkout", "on")).await;
    succeeds(&nats, &set("new-checkout", "off")).await;
    let found = overrides_in(&nats).await;
    assert_eq!(found.len(), 1, "setting it again replaces it");
    assert_eq!(found[0].variant.as_deref(), Some("off"));
    assert_eq!(found[0].scope, Scope::Region("eu".into()));

    succeeds(
        &nats,
        &[set("new-checkout", "on"), vec!["--keys", "u1,u2"]].concat(),
    )
    .await;
    succeeds(
        &nats,
        &[set("new-checkout", "default"), vec!["--keys", "u2,u1"]].concat(),
    )
    .await;
    let found = overrides_in(&nats).await;
    let keyed: Vec<_> = found
        .iter()
        .filter(|document| document.keys.is_some())
        .collect();
    assert_eq!(
        keyed.len(),
        1,
        "the same keys replace each other, in whatever order"
    );
    assert_eq!(keyed[0].variant, None);
    assert!(
        !serde_json::to_string(&found).unwrap().contains("u1"),
        "a key never stands in the log"
    );

    assert!(
        fails(
            &nats,
            &["override", "clear", "new-checkout", "--keys", "u1"]
        )
        .await
        .contains("for these keys")
    );
    succeeds(
        &nats,
        &["override", "clear", "new-checkout", "--keys", "u1,u2"],
    )
    .await;
    succeeds(&nats, &["override", "list"]).await;
    succeeds(&nats, &["override", "clear", "new-checkout"]).await;
    assert!(overrides_in(&nats).await.is_empty());
}

#[tokio::test]
async fn a_local_override_reaches_the_proxy_that_watches() {
    let nats = Nats::away();
    let (flags, local) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(
        flags.path(),
        "checkout.yaml",
        text(&flag_set("checkout", "a", "on")),
    );
    let proxy = Proxy::start(from_files(flags.path(), Some(local.path())));
    proxy.serves("a", Some("on")).await;
    let directory = path(local.path());
    succeeds(
        &nats,
        &[
            "override", "set", "a", "off", "--for", "1h", "--reason", "x", "--local", directory,
        ],
    )
    .await;
    proxy.decides("a", None, "off").await;
    succeeds(&nats, &["override", "list", "--local", directory]).await;
    succeeds(&nats, &["override", "clear", "a", "--local", directory]).await;
    proxy.decides("a", None, "on").await;
    succeeds(
        &nats,
        &[
            "override", "set", "a", "off", "--for", "1h", "--reason", "x", "--keys", "u1",
            "--local", directory,
        ],
    )
    .await;
    proxy.decides("a", Some("u1"), "off").await;
    proxy.decides("a", Some("u2"), "on").await;
}

#[tokio::test]
async fn a_log_of_another_environment_is_not_written_to() {
    let nats = Nats::start();
    succeeds(&nats, &["registry", "init"]).await;
    let files = TempDir::new().unwrap();
    write(
        files.path(),
        "checkout.yaml",
        text(&flag_set("checkout", "a", "on")),
    );
    let push = ["flags", "push", path(files.path())];
    let set = [
        "override", "set", "a", "off", "--for", "1h", "--reason", "x",
    ];
    let forced = [&set[..], &["--force"]].concat();
    succeeds(&nats, &push).await;
    succeeds(&nats, &set).await;

    let said = fails_as(&nats, "default", &push).await;
    for part in [
        "1 record of environment \"test\"",
        "\"default\"",
        "--environment",
        "BURGEE_ENVIRONMENT",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = fails_as(&nats, "default", &set).await;
    assert!(
        said.contains(
            "BURGEE_FLAGS holds 1 record of environment \"test\"; you asked as \"default\""
        ),
        "{said}"
    );
    let said = fails_as(&nats, "default", &["override", "clear", "a"]).await;
    assert!(said.contains("environment \"test\""), "{said}");
    let said = fails_as(&nats, "default", &["flags", "get", "checkout"]).await;
    assert!(said.contains("environment \"test\""), "{said}");
    assert_eq!(revision(&nats, "checkout").await, 1);
    assert_eq!(overrides_in(&nats).await.len(), 1);

    // What was written by mistake is deleted under its own environment; then the log is free.
    succeeds(
        &nats,
        &["flags", "delete", "checkout", "--reason", "moving"],
    )
    .await;
    succeeds(&nats, &["override", "clear", "a"]).await;
    assert!(
        burgee_as(&nats, "default", &push).await.status.success(),
        "nothing counts there any more"
    );
    assert!(burgee_as(&nats, "default", &forced).await.status.success());
    // In a log that has records of both, what stands under another's subject is safe all the same.
    let said = fails(&nats, &push).await;
    assert!(
        said.contains("environment \"default\"") && said.contains("\"test\" would replace"),
        "{said}"
    );
}

#[tokio::test]
async fn a_local_record_of_another_environment_is_not_overwritten() {
    let nats = Nats::away();
    let parent = TempDir::new().unwrap();
    let local = parent.path().join("made/by/set");
    let set = |variant: &'static str| {
        vec![
            "override",
            "set",
            "a",
            variant,
            "--for",
            "1h",
            "--reason",
            "x",
            "--local",
            path(&local),
        ]
    };
    let output = burgee(&nats, &set("off")).await;
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("(not checked against any flag set)"),
        "{said}"
    );
    let file = std::fs::read_dir(&local)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let before = std::fs::read(&file).unwrap();
    let clear = ["override", "clear", "a", "--local", path(&local)];
    for arguments in [&set("on")[..], &clear] {
        let said = fails_as(&nats, "default", arguments).await;
        assert!(
            said.contains("\"test\"") && said.contains("\"default\""),
            "{said}"
        );
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
    // A directory needs no region to be listed.
    let mut list = Command::new(env!("CARGO_BIN_EXE_burgee"));
    list.args(["override", "list", "--json", "--local", path(&local)])
        .env_remove("BURGEE_REGION")
        .env("BURGEE_ENVIRONMENT", ENVIRONMENT);
    let listed = list.output().await.unwrap();
    assert!(listed.status.success());
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed[0]["log"], "BURGEE_OVERRIDES_EU", "{listed}");
}

#[tokio::test]
async fn what_an_operator_means_is_understood_or_asked_for() {
    let nats = Nats::start();
    succeeds(&nats, &["registry", "init"]).await;
    let files = TempDir::new().unwrap();
    write(
        files.path(),
        "checkout.yaml",
        text(&flag_set("checkout", "a", "on")),
    );
    succeeds(&nats, &["flags", "push", path(files.path())]).await;
    let set = [
        "override", "set", "a", "off", "--for", "1h", "--reason", "x",
    ];
    let with = |more: &[&'static str]| [&set[..], more].concat();

    let elsewhere = burgee(&nats, &with(&["--scope", "region:us"])).await;
    assert!(elsewhere.status.success());
    let note = String::from_utf8(elsewhere.stderr).unwrap();
    assert!(
        note.contains("note: recorded in BURGEE_OVERRIDES_EU; proxies of us read it only where"),
        "{note}"
    );
    let here = burgee(&nats, &with(&["--scope", "region:eu"])).await;
    assert!(here.stderr.is_empty());

    succeeds(&nats, &with(&["--keys", "alice, bob"])).await;
    succeeds(&nats, &with(&["--keys", " bob ,alice"])).await;
    let found = overrides_in(&nats).await;
    let keys: Vec<_> = found
        .iter()
        .filter_map(|document| document.keys.as_ref())
        .collect();
    assert_eq!(keys.len(), 1, "the same keys");
    assert!(keys[0].contains("bob") && !keys[0].contains(" bob"));

    for (arguments, part) in [
        (with(&["--keys", "alice, ,bob"]), "a key is empty"),
        (with(&["--scope", "cluster:EU"]), "cluster \"EU\""),
        (
            [&set[..7], &[" "]].concat(),
            "whoever reads the record later",
        ),
    ] {
        let output = burgee(&nats, &arguments).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test]
async fn nothing_to_push_is_a_failure() {
    let nats = Nats::start();
    succeeds(&nats, &["registry", "init"]).await;
    let files = TempDir::new().unwrap();
    let said = fails(&nats, &["flags", "push", path(files.path())]).await;
    assert!(said.contains("there is nothing to push"), "{said}");
}

/// One object on standard output and exit code 1, whatever went wrong.
async fn told(nats: &Nats, arguments: &[&str]) -> serde_json::Value {
    let output = burgee(nats, &[arguments, &["--json"]].concat()).await;
    assert_eq!(output.status.code(), Some(1), "{arguments:?} should fail");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told["error"].is_string(), "{told}");
    told
}

#[tokio::test]
async fn programs_are_told_of_errors_in_json() {
    let (nats, away) = (Nats::start(), Nats::away());
    let files = TempDir::new().unwrap();
    write(
        files.path(),
        "bad.yaml",
        text(&flag_set("bad", "b", "purple")),
    );
    let push = ["flags", "push", path(files.path())];
    let set = [
        "override", "set", "a", "off", "--for", "1h", "--reason", "x",
    ];
    for verb in [
        &push[..],
        &set,
        &["flags", "list"],
        &["flags", "get", "a"],
        &["flags", "delete", "a", "--reason", "x"],
        &["override", "list"],
        &["override", "clear", "a"],
        &["registry", "init"],
    ] {
        told(&away, verb).await;
    }
    told(&nats, &push).await;
    succeeds(&nats, &["registry", "init"]).await;
    let refused = told(&nats, &push).await;
    assert_eq!(refused["error"], "nothing was pushed");
    let findings = refused["findings"].as_array().expect("findings");
    let purple = findings.iter().find(|finding| finding["level"] == "error");
    assert_eq!(purple.expect("an error")["rule"], "unknown-default-variant");
    told(&nats, &set).await;
    told(&nats, &["override", "clear", "a"]).await;
    told(&nats, &["flags", "get", "a"]).await;
}
