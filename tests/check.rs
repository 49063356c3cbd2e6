//! `burgee check`.

use burgee_tests::{Backend, Burgee, Home, constant, flag_set, repository};
use serde_json::{Value, json};

fn check(home: &Home, arguments: &[&str]) -> Burgee {
    let mut all = vec!["check"];
    all.extend(arguments);
    Burgee::new(all).directory(home.as_ref())
}

async fn home() -> (Backend, Home) {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({}));
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    (backend, home)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_samples_pass() {
    Burgee::new(["check", "--config", "config/quickstart.yaml"])
        .succeeds()
        .await;
    Burgee::new(["check", "--flags", "config/flags"])
        .succeeds()
        .await;
    assert!(repository().join("config/quickstart.yaml").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_right_passes_and_says_what_was_checked() {
    let (_backend, home) = home().await;
    let outcome = check(&home, &["--config", "burgee.yaml"]).succeeds().await;
    assert!(outcome.text().contains("0 error"), "{outcome:?}");
    let outcome = check(&home, &["--flags", "flags/set.json", "--json"])
        .succeeds()
        .await;
    assert_eq!(outcome.json()["errors"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_comes_at_once_with_file_line_and_what_to_do() {
    let (_backend, home) = home().await;
    let first = "\
flags:
  a:
    state: ENABLED
    variants: { \"on\": true }
    defaultVariant: \"of\"
  b:
    state: MAYBE
    variants: { \"on\": true }
    defaultVariant: \"on\"
";
    let second = "\
flags:
  c:
    state: ENABLED
    variants: { \"on\": true }
    defaultVariant: \"on\"
    targeting:
      no_such_operator: [1]
";
    home.write("flags/first.yaml", first);
    home.write("flags/second.yaml", second);
    let outcome = check(&home, &["--flags", "flags"]).ends_with(1).await;
    for place in ["first.yaml:5:", "first.yaml:7:", "second.yaml:7:"] {
        assert!(
            outcome.text().contains(place),
            "{place}\n{}",
            outcome.text()
        );
    }
    assert!(outcome.text().contains("help:"), "{}", outcome.text());

    let outcome = check(&home, &["--flags", "flags", "--json"])
        .ends_with(1)
        .await;
    let json = outcome.json();
    let findings = json["findings"].as_array().expect("findings");
    let mut places: Vec<_> = findings
        .iter()
        .filter(|finding| finding["level"] == "error")
        .map(|finding| {
            let file = finding["file"].as_str().expect("a file").rsplit('/').next();
            format!("{}:{}", file.unwrap_or_default(), finding["line"])
        })
        .collect();
    places.dedup();
    assert_eq!(
        places,
        ["first.yaml:5", "first.yaml:7", "second.yaml:7"],
        "{json}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn syntax_errors_have_their_line() {
    let (_backend, home) = home().await;
    home.write("flags/set.json", "{\n  \"flags\": {\n    \"a\": }\n}\n");
    let outcome = check(&home, &["--flags", "flags/set.json"])
        .ends_with(1)
        .await;
    assert!(outcome.text().contains("set.json:3:"), "{}", outcome.text());
    home.write("burgee.yaml", "region: eu\ncluster: [\n");
    let outcome = check(&home, &["--config", "burgee.yaml"])
        .ends_with(1)
        .await;
    assert!(
        outcome.text().contains("burgee.yaml:"),
        "{}",
        outcome.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_cannot_be_are_errors() {
    let (_backend, home) = home().await;
    let set = |flags: Value, delivery: Value| {
        json!({ "metadata": { "bucketing": "v3" }, "flags": flags, "delivery": delivery })
            .to_string()
    };
    let on = constant("on");
    for (what, flags, delivery) in [
        (
            "a key that cannot be a header's name",
            json!({ "new checkout": on }),
            json!({}),
        ),
        (
            "two flags on one header",
            json!({ "a": on, "b": on }),
            json!({ "a": { "header": "x-flag-same" }, "b": { "header": "X_Flag_Same" } }),
        ),
        (
            "a header outside the reserved prefixes",
            json!({ "a": on }),
            json!({ "a": { "header": "x-anything" } }),
        ),
        (
            "a header that is the proxy's own",
            json!({ "a": on }),
            json!({ "a": { "header": "x-flags-revision" } }),
        ),
    ] {
        home.write("flags/set.json", &set(flags, delivery));
        let outcome = check(&home, &["--flags", "flags"]).run().await;
        assert_eq!(outcome.code, Some(1), "{what}: {outcome:?}");
        assert!(
            outcome.text().contains("set.json:1:"),
            "{what}: {outcome:?}"
        );
    }
    // The key with a name of its own is fine.
    let named = set(
        json!({ "new checkout": on }),
        json!({ "new checkout": { "header": "x-flag-nc" } }),
    );
    home.write("flags/set.json", &named);
    check(&home, &["--flags", "flags"]).succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_there_and_no_argument_are_errors() {
    let (_backend, home) = home().await;
    let outcome = check(&home, &["--flags", "nowhere.yaml"])
        .ends_with(1)
        .await;
    assert!(outcome.text().contains("nowhere.yaml"), "{outcome:?}");
    check(&home, &[]).ends_with(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_has_help_with_examples() {
    for verb in [
        &["serve"][..],
        &["demo"],
        &["check"],
        &["explain"],
        &["registry", "init"],
        &["flags", "push"],
        &["override", "set"],
    ] {
        let arguments = verb.iter().copied().chain(["--help"]);
        let help = Burgee::new(arguments).succeeds().await.stdout;
        assert!(help.contains("Example"), "{verb:?}\n{help}");
    }
    let help = Burgee::new(["--help"]).succeeds().await.stdout;
    for verb in [
        "serve", "demo", "check", "explain", "registry", "flags", "override",
    ] {
        assert!(help.contains(verb), "{verb}\n{help}");
    }
}
