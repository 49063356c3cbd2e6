//! What others wrote, on an operator's terminal: it is shown, and never obeyed.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use burgee_tests::{Burgee, Nats, Outcome, constant, flag_set};
use serde_json::{Value, json};

/// Clears the screen in C0 and C1, goes back over the line, turns what follows around, begins a new line.
const NASTY: &str = "x\u{1b}[2J\u{9b}2J\r\u{7f}\u{8}\u{202e}\u{2066}\u{2029}\u{200f}\t\ny";

/// `NASTY` as people see it.
const SHOWN: &str =
    "x\\u{1b}[2J\\u{9b}2J\\u{d}\\u{7f}\\u{8}\\u{202e}\\u{2066}\\u{2029}\\u{200f}\\u{9}\\u{a}y";

/// Panics where an output holds anything that acts on a terminal but the ends of lines.
fn acts_on_no_terminal(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        let acts = text.chars().filter(|character| {
            let direction =
                matches!(character, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            direction || (character.is_control() && *character != '\n')
        });
        let acts: Vec<char> = acts.collect();
        assert!(acts.is_empty(), "{acts:?} in {text:?}");
        assert!(!text.contains('\u{fffd}'), "not UTF-8: {text:?}");
    }
}

/// A flag whose every text is nasty; its rule ends in an error, or in a variant.
fn flag(rule: &Value) -> Value {
    json!({
        "state": "ENABLED",
        "variants": { NASTY: { NASTY: NASTY }, "off": {} },
        "defaultVariant": NASTY,
        "metadata": {
            "owner": NASTY, "purpose": NASTY, "stage": NASTY, "expires": "2020-01-01", NASTY: NASTY,
        },
        "targeting": rule,
    })
}

/// A set of flags by key, with headers that `push` takes.
fn set(name: &str, flags: &Value) -> String {
    let mut delivery = json!({});
    for (number, key) in flags.as_object().expect("flags").keys().enumerate() {
        delivery[key] = json!({ "header": format!("x-flag-{number}") });
    }
    json!({ "flags": flags, "delivery": delivery, "metadata": { "flagSetId": name, "owner": NASTY } }).to_string()
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file of our own");
    path.to_str().expect("a temporary path is UTF-8").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_set_is_checked_and_explained_without_acting_on_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let sound = json!({ "if": [{ "==": [{ "var": NASTY }, NASTY] }, NASTY, "off"] });
    let spoiled = json!({ NASTY: [{ "$ref": NASTY }, { "var": NASTY }] });
    let path = file(
        folder.path(),
        &format!("{NASTY}.json"),
        &set(
            "s\u{202e}t",
            &json!({ NASTY: flag(&sound), "spoiled": flag(&spoiled) }),
        ),
    );
    let context = json!({ NASTY: NASTY }).to_string();
    let explain = |more: &[&str]| {
        let all = ["explain", "--flags", &path, "--context", &context];
        Burgee::new(all.iter().chain(more))
    };

    let outcome = explain(&["--flag", NASTY]).succeeds().await;
    acts_on_no_terminal(&outcome);
    for line in [
        format!("flag     {SHOWN} (set s\\u{{202e}}t)"),
        format!("variant  {SHOWN}"),
        format!("owner    {SHOWN}"),
    ] {
        assert!(
            outcome.stdout.lines().any(|found| found == line),
            "{}",
            outcome.stdout
        );
    }
    let outcome = explain(&["--flag", NASTY, "--json"]).succeeds().await;
    acts_on_no_terminal(&outcome);
    let answer = outcome.json();
    assert_eq!(answer["variant"], NASTY);
    assert_eq!(answer["value"], json!({ NASTY: NASTY }));
    assert_eq!(answer["metadata"][NASTY], NASTY);

    for arguments in [&["--flag", "spoiled"][..], &["--flag", "spoiled", "--json"]] {
        let outcome = explain(arguments).succeeds().await;
        acts_on_no_terminal(&outcome);
        assert!(outcome.stdout.contains("PARSE_ERROR"), "{}", outcome.stdout);
    }
    // What is nearest is named.
    let near = &NASTY[..NASTY.len() - 1];
    for arguments in [&["--flag", near][..], &["--flag", near, "--json"]] {
        let outcome = explain(arguments).ends_with(1).await;
        acts_on_no_terminal(&outcome);
        assert!(
            outcome.text().contains("did you mean"),
            "{}",
            outcome.text()
        );
    }
    let question = json!({ "flag": NASTY, "context": { NASTY: NASTY } });
    let batch = Burgee::new(["explain", "--flags", &path, "--batch"]);
    let outcome = batch.input(format!("{question}\n{{}}\n")).succeeds().await;
    acts_on_no_terminal(&outcome);
    assert_eq!(outcome.json_lines()[0]["variant"], NASTY);

    for format in ["human", "short", "json", "sarif"] {
        let outcome = Burgee::new(["check", &path, "--format", format]);
        let outcome = outcome.ends_with(1).await;
        acts_on_no_terminal(&outcome);
        assert!(
            outcome.stdout.contains("unknown-operator"),
            "{}",
            outcome.stdout
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_holds_is_listed_without_acting_on_a_terminal() {
    let nats = Nats::start().await;
    nats.init().await;
    let folder = tempfile::tempdir().expect("a folder");
    let rule = json!({ "if": [{ "var": NASTY }, NASTY, "off"] });
    let flags = json!({ NASTY: flag(&rule), "plain": constant("on") });
    let text = set("set", &flags);
    let pushed = file(folder.path(), "set.json", &text);
    let operator = |arguments: &[&str]| nats.operator(arguments.to_vec());

    let reason = ["--reason", NASTY];
    let outcome = operator(&["flags", "push", &pushed, reason[0], reason[1]])
        .run()
        .await;
    assert_ne!(
        outcome.code,
        Some(0),
        "such a reason would be in the record for ever"
    );
    acts_on_no_terminal(&outcome);
    acts_on_no_terminal(&operator(&["flags", "push", &pushed]).succeeds().await);
    let got = operator(&["flags", "get", "set"]).succeeds().await;
    assert_eq!(got.stdout, text, "byte for byte, where it is no terminal");
    // Another set that requires it, which may not lose it.
    let mut requiring: Value =
        serde_json::from_str(&flag_set(&json!({ "b": constant("on") }))).expect("JSON");
    requiring["delivery"] = json!({ "b": { "requires": { NASTY: [NASTY] } } });
    nats.push_text("requiring", &requiring.to_string()).await;
    let outcome = operator(&["flags", "delete", "set", "--reason", "r"])
        .ends_with(1)
        .await;
    acts_on_no_terminal(&outcome);
    assert!(
        outcome.stderr.contains("\n  requiring: "),
        "{}",
        outcome.stderr
    );

    // What is no record, and what is another environment's; anybody can write both.
    let log = nats.client().await;
    let last = log.get_stream("BURGEE_FLAGS").await.expect("the log");
    let last = last
        .get_last_raw_message_by_subject("burgee.flags.set")
        .await;
    let envelope: Value =
        serde_json::from_slice(&last.expect("a record").payload).expect("an envelope");
    let payload = BASE64.decode(envelope["payload"].as_str().expect("base64"));
    let mut record: Value = serde_json::from_slice(&payload.expect("base64")).expect("JSON");
    record["environment"] = json!(NASTY);
    record["subject"] = json!("burgee.flags.foreign");
    let foreign = json!({
        "payload": BASE64.encode(record.to_string()),
        "payloadType": envelope["payloadType"],
        "signatures": [],
    });
    for (subject, message) in [
        ("burgee.flags.foreign", foreign.to_string()),
        (
            "burgee.flags.junk",
            json!({ "payloadType": NASTY, NASTY: 1 }).to_string(),
        ),
        ("burgee.flags.j\u{1b}[2J\u{9b}\u{202e}", "junk".to_owned()),
    ] {
        let sent = log
            .publish(subject, message.into())
            .await
            .expect("a publish");
        sent.await.expect("an acknowledgement");
    }
    for arguments in [
        &["flags", "list"][..],
        &["flags", "list", "--json"],
        &["flags", "get", "set", "--json"],
        &["override", "list"],
    ] {
        let outcome = operator(arguments).succeeds().await;
        acts_on_no_terminal(&outcome);
        if arguments[1] == "list" && arguments[0] == "flags" {
            assert_eq!(
                outcome.stderr.matches("skipped message").count(),
                3,
                "{}",
                outcome.stderr
            );
            assert_eq!(outcome.stderr.lines().count(), 3, "{}", outcome.stderr);
        }
    }
    let arguments = ["flags", "get", "foreign"];
    for more in [None, Some("--json")] {
        let outcome = operator(&arguments.into_iter().chain(more).collect::<Vec<_>>());
        let outcome = outcome.ends_with(1).await;
        acts_on_no_terminal(&outcome);
        assert!(
            outcome.text().contains("of environment"),
            "{}",
            outcome.text()
        );
    }

    // Flags and variants that are named by mistake, with what they could have been.
    for (flag, variant) in [(&NASTY[1..], NASTY), (NASTY, "of")] {
        let set = [
            "override", "set", flag, variant, "--for", "1m", "--reason", "r",
        ];
        let outcome = operator(&set).ends_with(1).await;
        acts_on_no_terminal(&outcome);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_overrides_is_listed_without_acting_on_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    file(folder.path(), &format!("{NASTY}.json"), "junk");
    let wrong = json!({ "payload": "", "payloadType": NASTY, "signatures": [], NASTY: NASTY });
    file(folder.path(), "wrong.json", &wrong.to_string());
    let local = folder.path().to_str().expect("a temporary path is UTF-8");
    for arguments in [
        &["override", "list", "--local", local][..],
        &["override", "list", "--local", local, "--json"],
    ] {
        let outcome = Burgee::new(arguments).succeeds().await;
        acts_on_no_terminal(&outcome);
        let skipped = outcome
            .stderr
            .lines()
            .filter(|line| line.starts_with("skipped "));
        assert_eq!(skipped.count(), 2, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(SHOWN), "{}", outcome.stderr);
    }
}
