//! `burgee explain`.

use burgee_tests::{Backend, Burgee, Home, constant, flag_set, share};
use serde_json::{Value, json};

const SAMPLE: &str = "config/flags/checkout.yaml";

#[tokio::test(flavor = "multi_thread")]
async fn it_prints_value_variant_reason_and_the_rule_that_decided() {
    let germany = r#"{"targetingKey":"u1","geo":{"country":"DE"}}"#;
    let arguments = [
        "explain",
        "--flags",
        SAMPLE,
        "--flag",
        "new-checkout",
        "--context",
        germany,
    ];
    let text = Burgee::new(arguments).succeeds().await.stdout;
    for part in [
        "new-checkout",
        "TARGETING_MATCH",
        "fractional",
        "geo.country",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let json = Burgee::new(arguments.into_iter().chain(["--json"]))
        .succeeds()
        .await
        .json();
    assert_eq!(json["flag"], "new-checkout");
    assert_eq!(json["reason"], "TARGETING_MATCH");
    assert!(
        json["value"].is_boolean() && json["variant"].is_string(),
        "{json}"
    );
    assert_eq!(json["value"] == true, json["variant"] == "on", "{json}");
    assert!(
        json["steps"]
            .as_array()
            .is_some_and(|steps| !steps.is_empty()),
        "{json}"
    );
    assert_eq!(json["metadata"]["owner"], "team-checkout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_or_a_file_that_is_not_there_is_an_error() {
    let outcome = Burgee::new(["explain", "--flags", SAMPLE, "--flag", "new-checkuot"])
        .ends_with(1)
        .await;
    assert!(
        outcome.stderr.contains("new-checkout"),
        "it suggests: {}",
        outcome.stderr
    );
    Burgee::new(["explain", "--flags", "nowhere.yaml", "--flag", "a"])
        .ends_with(1)
        .await;
    let broken = [
        "explain",
        "--flags",
        SAMPLE,
        "--flag",
        "new-checkout",
        "--context",
        "{",
    ];
    Burgee::new(broken).ends_with(1).await;
}

/// A home whose flag set has one of each kind.
async fn kinds() -> (Backend, Home) {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &[], &json!({}));
    let one = |value: Value| json!({ "state": "ENABLED", "variants": { "v": value }, "defaultVariant": "v" });
    let mut disabled = constant("on");
    disabled["state"] = json!("DISABLED");
    let mut spoiled = constant("on");
    spoiled["targeting"] = json!({ "no_such_operator": [] });
    let document = flag_set(&json!({
        "bool": one(json!(true)),
        "text": one(json!("x")),
        "integer": one(json!(7)),
        "float": one(json!(0.5)),
        "object": one(json!({ "a": 1 })),
        "disabled": disabled,
        "spoiled": spoiled,
        "share": share(50),
        "late": { "state": "ENABLED", "variants": { "before": 1, "after": 2 }, "defaultVariant": "before",
            "targeting": { "if": [{ ">": [{ "var": "$flagd.timestamp" }, 1_000] }, "after", "before"] } },
    }));
    home.write("flags/set.json", &document);
    (backend, home)
}

async fn batch(home: &Home, lines: &str) -> Vec<Value> {
    let arguments = ["explain", "--batch", "--flags", "flags"];
    Burgee::new(arguments)
        .directory(home.as_ref())
        .input(lines)
        .succeeds()
        .await
        .json_lines()
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_answers_every_line_in_order_whatever_the_line() {
    let (_backend, home) = kinds().await;
    let lines = [
        r#"{"flag":"bool","context":{}}"#,
        r#"{"flag":"nowhere","context":{}}"#,
        r#"{"flag":"bool","context":"#,
        r#"{"flag":"text","context":{},"type":"boolean"}"#,
        r"junk",
        r"[1,2]",
        r#"{"context":{}}"#,
        r#"{"flag":"bool","context":7}"#,
        r#"{"flag":"disabled","context":{}}"#,
        r#"{"flag":"spoiled","context":{}}"#,
        r#"{"flag":"late","context":{},"now":999}"#,
        r#"{"flag":"late","context":{},"now":1001}"#,
        r#"{"flag":"object","context":{},"type":"object"}"#,
    ];
    let answers = batch(&home, &lines.join("\n")).await;
    assert_eq!(answers.len(), lines.len(), "{answers:#?}");
    let told: Vec<_> = answers
        .iter()
        .map(|answer| {
            let text = |key: &str| answer[key].as_str().unwrap_or("-").to_owned();
            [text("variant"), text("reason"), text("errorCode")].join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "v STATIC -",
            "- ERROR FLAG_NOT_FOUND",
            "- ERROR PARSE_ERROR",
            "- ERROR TYPE_MISMATCH",
            "- ERROR PARSE_ERROR",
            "- ERROR PARSE_ERROR",
            "- ERROR PARSE_ERROR",
            "- ERROR PARSE_ERROR",
            "- DISABLED -",
            "- ERROR PARSE_ERROR",
            "before TARGETING_MATCH -",
            "after TARGETING_MATCH -",
            "v STATIC -",
        ],
        "{answers:#?}"
    );
    assert_eq!(
        answers[0],
        json!({ "flag": "bool", "value": true, "variant": "v", "reason": "STATIC", "metadata": answers[0]["metadata"] })
    );
    assert_eq!(answers[1]["flag"], "nowhere");
    assert!(
        answers
            .iter()
            .all(|answer| answer["errorCode"].is_null() || answer["errorMessage"].is_string())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_checks_the_type_that_an_sdk_asks_for() {
    let (_backend, home) = kinds().await;
    let (flags, types) = (
        ["bool", "text", "integer", "float", "object"],
        ["boolean", "string", "integer", "float", "object"],
    );
    let mut lines = Vec::new();
    for flag in flags {
        for r#type in types {
            lines.push(json!({ "flag": flag, "context": {}, "type": r#type }).to_string());
        }
    }
    let answers = batch(&home, &lines.join("\n")).await;
    for (index, answer) in answers.iter().enumerate() {
        let (flag, asked) = (index / 5, index % 5);
        // Every whole number is a float; a float with a fraction is no integer.
        let fits = flag == asked || (flags[flag], types[asked]) == ("integer", "float");
        let code = answer["errorCode"].as_str();
        let expected = if fits { None } else { Some("TYPE_MISMATCH") };
        assert_eq!(
            code, expected,
            "{} as {}: {answer}",
            flags[flag], types[asked]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_survives_long_and_binary_lines() {
    let (_backend, home) = kinds().await;
    let mut input = br#"{"flag":"bool","context":{"a":""#.to_vec();
    input.extend(std::iter::repeat_n(b'x', 3 << 20));
    input.extend(b"\"}}\n\xff\xfe\0\n");
    input.extend(std::iter::repeat_n(b'[', 100_000));
    input.extend(b"\n{\"flag\":\"bool\",\"context\":{}}\n");
    let arguments = ["explain", "--batch", "--flags", "flags"];
    let outcome = Burgee::new(arguments)
        .directory(home.as_ref())
        .input(input)
        .succeeds()
        .await;
    let answers = outcome.json_lines();
    assert_eq!(answers.len(), 4, "{}", answers.len());
    assert_eq!(answers[3]["variant"], "v");
    assert_eq!(answers[1]["errorCode"], "PARSE_ERROR");
    assert_eq!(answers[2]["errorCode"], "PARSE_ERROR");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_refused_answers_nothing() {
    let (_backend, home) = kinds().await;
    home.write(
        "flags/set.json",
        r#"{ "flags": { "a": { "state": "PERHAPS" } } }"#,
    );
    let arguments = ["explain", "--batch", "--flags", "flags"];
    let outcome = Burgee::new(arguments)
        .directory(home.as_ref())
        .input(r#"{"flag":"a","context":{}}"#)
        .ends_with(1)
        .await;
    assert_eq!(outcome.stdout, "");
    assert!(outcome.stderr.contains("set.json:1:"), "{}", outcome.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_of_one_set_or_flag_are_refused() {
    let (_backend, home) = kinds().await;
    home.write("a.json", &flag_set(&json!({ "a": constant("on") })));
    home.write("b.json", &flag_set(&json!({ "a": constant("off") })));
    let named = r#"{ "metadata": { "flagSetId": "a" }, "flags": {} }"#;
    home.write("c.json", named);
    for (second, part) in [("b.json", "flag \"a\""), ("c.json", "flag set \"a\"")] {
        let arguments = ["explain", "--flags", "a.json", "--flags", second];
        let one = arguments.iter().chain(&["--flag", "a"]).copied();
        let outcome = Burgee::new(one.clone())
            .directory(home.as_ref())
            .ends_with(1)
            .await;
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
        for more in [&["--json"][..], &["--batch", "--json"]] {
            let all = if more.len() == 1 {
                one.clone().chain(more.iter().copied()).collect()
            } else {
                [&arguments[..], more].concat()
            };
            let told = Burgee::new(all).directory(home.as_ref()).ends_with(1).await;
            let told = told.json();
            assert!(told["error"].is_string(), "{told}");
            assert_eq!(told["findings"][0]["file"], second, "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_concerns_the_flag_is_said_of_its_file() {
    let (_backend, home) = kinds().await;
    let explain = |flag: &'static str| {
        Burgee::new(["explain", "--flags", "flags", "--flag", flag]).directory(home.as_ref())
    };
    assert_eq!(explain("bool").succeeds().await.stderr, "");
    let spoiled = explain("spoiled").succeeds().await;
    assert!(spoiled.stderr.contains("no_such_operator"), "{spoiled:?}");
    let missing = explain("boole").ends_with(1).await;
    assert!(missing.stdout.contains("reason   ERROR"), "{missing:?}");
    assert!(missing.stdout.contains("FLAG_NOT_FOUND"), "{missing:?}");
    assert!(
        missing.stderr.contains("did you mean \"bool\"?"),
        "{missing:?}"
    );
    let arguments = ["explain", "--flags", "flags", "--flag", "boole", "--json"];
    let missing = Burgee::new(arguments)
        .directory(home.as_ref())
        .ends_with(1)
        .await
        .json();
    assert_eq!(missing["errorCode"], "FLAG_NOT_FOUND");
    assert!(missing["error"].is_string(), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_takes_whole_numbers_as_times_and_passes_blank_lines_by() {
    let (_backend, home) = kinds().await;
    let lines = [
        r#"{"flag":"late","now":999.0}"#,
        "",
        "  ",
        r#"{"flag":"late","now":1.001e3}"#,
        r#"{"flag":"late","now":999.5}"#,
        r#"{"flag":"late","now":-1.0}"#,
        r#"{"flag":"late","now":1e300}"#,
    ];
    let answers = batch(&home, &lines.join("\n")).await;
    assert_eq!(answers.len(), 5, "{answers:#?}");
    assert_eq!(answers[0]["variant"], "before");
    assert_eq!(answers[1]["variant"], "after");
    for answer in &answers[2..] {
        assert_eq!(answer["errorCode"], "PARSE_ERROR", "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_enough_is_no_error() {
    use std::io::{BufRead as _, Write as _};
    use std::process::{Command, Stdio};

    let (_backend, home) = kinds().await;
    let mut child = Command::new(burgee_tests::binary())
        .args(["explain", "--batch", "--json", "--flags", "flags"])
        .current_dir(&home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    input.write_all(b"{\"flag\":\"bool\"}\n").expect("it reads");
    output.read_line(&mut line).expect("an answer");
    drop(output);
    let _ = input.write_all(b"{\"flag\":\"bool\"}\n");
    drop(input);
    let ended = child.wait_with_output().expect("an end");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}
