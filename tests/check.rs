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

/// Whoever begins with it meets no warning.
#[tokio::test(flavor = "multi_thread")]
async fn the_set_in_the_readme_passes_strictly() {
    let (_backend, home) = home().await;
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("a text");
    let (_, sample) = readme.split_once("```yaml\n").expect("a sample");
    let (sample, _) = sample.split_once("```").expect("its end");
    home.write("flags/readme.yaml", sample);
    let outcome = check(&home, &["flags/readme.yaml", "--strict"]);
    let outcome = outcome.succeeds().await;
    assert!(outcome.stdout.contains("0 error(s), 0 warning(s)"));
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
    let json = check(&home, &["--flags", "flags/set.json", "--json"]);
    let json = json.ends_with(1).await.json();
    let finding = &json["findings"][0];
    assert_eq!(finding["rule"], "syntax", "{json}");
    let help = finding["help"].as_str().unwrap_or_default();
    assert!(help.starts_with("write a string in double"), "{json}");
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
async fn directories_inside_a_directory_are_told_and_not_read() {
    let (_backend, home) = home().await;
    for directory in ["flags/deep/er", "flags/texts", "flags/.git"] {
        std::fs::create_dir_all(home.as_ref().join(directory)).expect("a directory");
    }
    home.write("flags/deep/er/broken.yaml", "flags: {");
    home.write("flags/texts/notes.md", "Nothing to read.");
    home.write("flags/.git/hidden.json", "{");
    let outcome = check(&home, &["flags"]).succeeds().await;
    let told = "\
warning[skipped-directory]: this directory lies in another and is not looked into; a proxy reads no flag set in it
--> flags/deep
";
    assert!(outcome.stdout.contains(told), "{outcome:?}");
    let skipped = outcome.stdout.matches("skipped-directory").count();
    assert_eq!(skipped, 1, "{outcome:?}");
    check(&home, &["flags", "--strict"]).ends_with(1).await;
    // What is named is read.
    let outcome = check(&home, &["flags", "flags/deep/er"]).ends_with(1).await;
    assert!(outcome.stdout.contains("broken.yaml"), "{outcome:?}");
    // A refused file was looked at as well.
    let counted = "checked 2 file(s) of flag sets: 1 error(s)";
    assert!(outcome.stdout.contains(counted), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_there_and_no_argument_are_errors() {
    let (_backend, home) = home().await;
    let outcome = check(&home, &["--flags", "nowhere.yaml"])
        .ends_with(1)
        .await;
    assert!(outcome.text().contains("nowhere.yaml"), "{outcome:?}");
    let outcome = check(&home, &[]).ends_with(2).await;
    assert!(outcome.stderr.contains("FILE_OR_DIRECTORY"), "{outcome:?}");
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

/// A set with several things wrong, of which a proxy would serve all.
const DOUBTFUL: &str = "\
metadata: { owner: us }
flags:
  a:
    state: ENABLED
    variants: { \"on\": true, \"off\": false }
    defaultVariant: \"off\"
    targeting:
      if:
        - { in: [ { var: plam }, [gold] ] }
        - \"onn\"
        - { fractional: [ [\"on\", 1], [\"off\", 1] ] }
    metadata: { expires: \"2000-01-01\" }
";

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_drawn_with_its_line() {
    let (_backend, home) = home().await;
    home.write("flags/set.yaml", DOUBTFUL);
    home.write("flags/set.json", &flag_set(&json!({ "b": constant("on") })));
    let outcome = check(&home, &["flags/set.yaml"]).ends_with(1).await;
    let drawn = "\
error[unknown-variant]: flag \"a\": there is no variant \"onn\"
  --> flags/set.yaml:10:11
   |
10 |         - \"onn\"
   |           ^^^^^
   |
   = help: did you mean \"on\"?
";
    assert!(outcome.stdout.contains(drawn), "{}", outcome.stdout);
    let pin = "run `burgee check --fix flags/set.yaml`";
    assert!(outcome.stdout.contains(pin), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains('\x1b'), "no terminal, no colours");
    // What the configuration provides is known only with it.
    assert!(!outcome.stdout.contains("plam\\"), "{}", outcome.stdout);
    let with = ["--config", "burgee.yaml", "--format", "short"];
    let outcome = check(&home, &with).ends_with(1).await;
    let unknown =
        "set.yaml:9:21: warning: flag \"a\": the configuration never provides the attribute";
    assert!(outcome.stdout.contains(unknown), "{}", outcome.stdout);
    let expired = "set.yaml:12:17: warning: flag \"a\": this flag was to go by 2000-01-01";
    assert!(outcome.stdout.contains(expired), "{}", outcome.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_fail_where_they_are_not_wanted() {
    let (_backend, home) = home().await;
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    let outcome = check(&home, &["flags"]).succeeds().await;
    assert!(outcome.stdout.contains("warning[no-owner]"), "{outcome:?}");
    assert!(
        outcome.stdout.contains("0 error(s), 1 warning(s)"),
        "{outcome:?}"
    );
    check(&home, &["flags", "--strict"]).ends_with(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_answered_in_json_and_sarif() {
    let (_backend, home) = home().await;
    home.write("flags/set.json", "{}");
    home.write("flags/a set.yaml", DOUBTFUL);
    let json = check(&home, &["flags", "--format", "json"])
        .ends_with(1)
        .await
        .json();
    assert_eq!(
        json,
        check(&home, &["flags", "--json"]).ends_with(1).await.json()
    );
    let findings = json["findings"].as_array().expect("findings");
    let unknown = findings
        .iter()
        .find(|finding| finding["rule"] == "unknown-variant");
    let unknown = unknown.expect("an unknown variant");
    let place = [&unknown["line"], &unknown["column"], &unknown["endColumn"]];
    assert_eq!(place, [10, 11, 16], "{unknown}");

    let log = check(&home, &["flags", "--format", "sarif"])
        .ends_with(1)
        .await
        .json();
    assert_eq!(log["version"], "2.1.0");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), findings.len());
    let unknown = results
        .iter()
        .find(|result| result["ruleId"] == "unknown-variant");
    let place = &unknown.expect("an unknown variant")["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "flags/a%20set.yaml");
    let region = json!({ "startLine": 10, "startColumn": 11, "endColumn": 16 });
    assert_eq!(place["region"], region);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_pin_is_written_and_nothing_else() {
    let (_backend, home) = home().await;
    home.write("flags/set.json", &flag_set(&json!({ "b": constant("on") })));
    let text = DOUBTFUL.replace("onn", "on").replace("2000", "2999");
    home.write("flags/set.yaml", &text);
    home.write(
        "flags/alias.yaml",
        &text
            .replace("  a:", "  c:")
            .replace("{ owner: us }", "&m { owner: us }")
            .replace("metadata: { expires: \"2999-01-01\" }", "metadata: *m"),
    );
    let outcome = check(&home, &["--fix", "flags/set.yaml"]).succeeds().await;
    let said = "fixed flags/set.yaml:1: wrote metadata.bucketing: v3";
    assert!(outcome.stdout.contains(said), "{outcome:?}");
    let written = std::fs::read_to_string(home.as_ref().join("flags/set.yaml"));
    let expected = text.replace("{ owner: us }", "{ bucketing: v3, owner: us }");
    assert_eq!(written.expect("a text"), expected);
    let again = check(&home, &["--fix", "flags/set.yaml"]).succeeds().await;
    assert!(!again.stdout.contains("fixed"), "{again:?}");
    // What cannot be mended stays as it is, and is told.
    let outcome = check(&home, &["--fix", "flags"]).ends_with(1).await;
    for rule in ["cannot-fix", "unpinned-bucketing"] {
        assert!(
            outcome.stdout.contains(&format!("error[{rule}]")),
            "{outcome:?}"
        );
    }
    assert!(!outcome.stdout.contains("run `burgee"), "{outcome:?}");
}

/// What refuses the file may be the metadata itself.
#[tokio::test(flavor = "multi_thread")]
async fn no_pin_is_written_into_a_file_that_is_refused() {
    let (_backend, home) = home().await;
    let text = DOUBTFUL.replace("onn", "on").replace("2000", "2999");
    for (change, advice) in [
        ("metadata:\n", "by hand"),
        (
            "metadata: { owner: us }\ndelivery: 3\n",
            "mend what refuses the file, then run `burgee check --fix flags/set.yaml`",
        ),
    ] {
        let text = text.replace("metadata: { owner: us }\n", change);
        home.write("flags/set.yaml", &text);
        let outcome = check(&home, &["--fix", "flags/set.yaml"])
            .ends_with(1)
            .await;
        let told = "error[cannot-fix]: the pin was not written: the file is refused as it is";
        assert!(outcome.stdout.contains(told), "{outcome:?}");
        assert!(outcome.stdout.contains(advice), "{outcome:?}");
        let written = std::fs::read_to_string(home.as_ref().join("flags/set.yaml"));
        assert_eq!(written.expect("a text"), text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_and_a_link_to_it_are_fixed_once() {
    let (_backend, home) = home().await;
    let text = DOUBTFUL.replace("onn", "on").replace("2000", "2999");
    home.write("flags/set.yaml", &text);
    let link = home.as_ref().join("flags/same.yaml");
    std::os::unix::fs::symlink("set.yaml", link).expect("a link");
    let both = ["--fix", "flags/set.yaml", "flags/same.yaml"];
    // Two names are two sets all the same, as for a proxy.
    let outcome = check(&home, &both).ends_with(1).await;
    assert_eq!(outcome.stdout.matches("fixed flags/").count(), 1);
    for wrong in ["cannot-fix", "unpinned-bucketing"] {
        assert!(!outcome.stdout.contains(wrong), "{outcome:?}");
    }
    assert!(outcome.stdout.contains("duplicate-flag"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_elsewhere_is_left_out_where_asked() {
    let backend = Backend::start("stable").await;
    let geo = json!({ "context": { "geo": { "mmdb": { "path": "gone.mmdb" } } } });
    let home = Home::serving(&backend, &["a"], &geo);
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    let with = ["--config", "burgee.yaml"];
    let outcome = check(&home, &with).ends_with(1).await;
    let error = "error[unreadable-database]";
    assert!(outcome.stdout.contains(error), "{outcome:?}");
    assert!(outcome.stdout.contains("--no-database"), "{outcome:?}");
    let without = ["--config", "burgee.yaml", "--no-database"];
    let outcome = check(&home, &without).succeeds().await;
    assert!(!outcome.stdout.contains("database"), "{outcome:?}");
    // Without a configuration, no database is looked for.
    check(&home, &["--no-database", "flags"]).ends_with(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flag_sets_are_checked_beside_each_other() {
    let (_backend, home) = home().await;
    let set = |flags: Value, delivery: Value| {
        let document =
            json!({ "metadata": { "owner": "us" }, "flags": flags, "delivery": delivery });
        serde_json::to_string_pretty(&document).expect("JSON")
    };
    let on = constant("on");
    let slots = |from: u32, to: u32| json!({ "layer": { "name": "l", "from": from, "to": to } });
    home.write(
        "flags/set.json",
        &set(
            json!({ "a": on }),
            json!({ "a": { "requires": { "b": ["onn"], "x": ["on"] } } }),
        ),
    );
    home.write(
        "flags/two.json",
        &set(
            json!({ "b": on }),
            json!({ "b": { "requires": { "c": ["on"] } } }),
        ),
    );
    home.write(
        "flags/three.json",
        &set(
            json!({ "c": on, "d": on, "e": on }),
            json!({ "c": { "requires": { "b": ["on"] } }, "d": slots(0, 10), "e": slots(10, 20) }),
        ),
    );
    let outcome = check(&home, &["flags", "--json"]).ends_with(1).await.json();
    let findings = outcome["findings"].as_array().expect("findings");
    let mut shown: Vec<String> = findings
        .iter()
        .map(|finding| {
            let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            format!("{} {}", word("file"), word("rule"))
        })
        .collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            "flags/set.json unknown-prerequisite",
            "flags/set.json unknown-prerequisite",
            "flags/three.json overlapping-layers",
            "flags/three.json overlapping-layers",
            "flags/three.json prerequisite-cycle",
            "flags/two.json prerequisite-cycle",
        ],
        "{outcome:#}"
    );
    // Flags of a file that cannot be read may well be there.
    home.write("flags/two.json", "{");
    let outcome = check(&home, &["flags", "--json"]).ends_with(1).await.json();
    // What is wrong elsewhere is told all the same.
    for rule in ["syntax", "overlapping-layers"] {
        assert!(outcome.to_string().contains(rule), "{outcome:#}");
    }
    assert!(
        !outcome.to_string().contains("unknown-prerequisite"),
        "{outcome:#}"
    );
}

/// What `check` lets pass has a record, so that no push fails for its length; see the tests of envelopes.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_as_long_as_its_record_may_be() {
    let (_backend, home) = home().await;
    let set = flag_set(&json!({ "a": constant("on") }));
    // A tab takes two bytes in a record.
    let json = |text: &str| serde_json::to_string(text).expect("a text").len();
    let tabs = (720_000 - json(&set)) / 2;
    let fits = set.clone() + &"\t".repeat(tabs);
    home.write("long.json", &fits);
    let outcome = check(&home, &["long.json"]).succeeds().await;
    assert!(outcome.stdout.contains("0 error(s)"), "{outcome:?}");

    home.write("long.json", &(fits + "\t"));
    let outcome = check(&home, &["long.json"]).ends_with(1).await;
    let said = outcome.text();
    assert!(said.contains("at most 720000 fit a record"), "{said}");
    assert!(said.contains("split the flag set"), "{said}");

    home.write("long.json", &(set + &" ".repeat(524_288)));
    let outcome = check(&home, &["long.json"]).ends_with(1).await;
    assert!(
        outcome.text().contains("at most 524288 are allowed"),
        "{outcome:?}"
    );
}
