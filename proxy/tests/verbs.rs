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
    Command::new(env!("CARGO_BIN_EXE_burgee"))
        .args(arguments)
        .args([
            "--server",
            &nats.url(),
            "--environment",
            ENVIRONMENT,
            "--region",
            "eu",
        ])
        .output()
        .await
        .unwrap()
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
