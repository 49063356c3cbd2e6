//! Records in the log as their documentation has them, right and wrong, written by nobody's tool.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use burgee_tests::{Backend, Home, Nats, Proxy, constant, eventually, flag_set};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A broker and a proxy that serves the set `set`, whose flag `a` is `on`.
async fn serving() -> (Nats, Backend, Home, Proxy) {
    let nats = Nats::start().await;
    nats.init().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({ "source": nats.source() }));
    let proxy = home.start().await;
    (nats, backend, home, proxy)
}

/// Publishes these bytes as they are.
async fn publish(nats: &Nats, subject: &str, bytes: impl Into<bytes::Bytes>) {
    let context = nats.client().await;
    let acknowledged = context.publish(subject.to_owned(), bytes.into()).await;
    let acknowledged = acknowledged.expect("a publish");
    acknowledged.await.expect("an acknowledgement");
}

/// The payload of the last record of `set`.
async fn last_payload(nats: &Nats) -> Vec<u8> {
    let context = nats.client().await;
    let stream = context.get_stream("BURGEE_FLAGS").await.expect("the log");
    let message = stream
        .get_last_raw_message_by_subject("burgee.flags.set")
        .await;
    let message = message.expect("a record");
    let envelope: Value = serde_json::from_slice(&message.payload).expect("JSON");
    assert_eq!(envelope["signatures"], json!([]));
    let payload = envelope["payload"].as_str().expect("a payload");
    BASE64.decode(payload).expect("base64")
}

/// The record that would come next, with this text as its document.
async fn next_record(nats: &Nats, text: &str) -> Value {
    let last = last_payload(nats).await;
    let mut record: Value = serde_json::from_slice(&last).expect("JSON");
    let digest = Sha256::digest(&last);
    let digest: Vec<_> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    record["previous"] = json!(digest.concat());
    record["revision"] = json!(record["revision"].as_u64().expect("a number") + 1);
    record["document"] = json!({ "format": "json", "text": text });
    record
}

fn envelope(record: &Value) -> Value {
    json!({
        "payload": BASE64.encode(record.to_string()),
        "payloadType": "application/vnd.burgee.record.v1+json",
        "signatures": [],
    })
}

async fn rejected(proxy: &Proxy) -> f64 {
    proxy
        .metrics()
        .await
        .sum("burgee_flagset_rejected_total", &[])
}

async fn is_counted(proxy: &Proxy, before: f64, what: &str) {
    eventually(&format!("{what} is counted"), async || {
        (rejected(proxy).await > before).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_what_its_documentation_says() {
    let (nats, _backend, _home, proxy) = serving().await;
    let text = flag_set(&json!({ "a": constant("off") }));
    let record = next_record(&nats, &text).await;
    publish(&nats, "burgee.flags.set", envelope(&record).to_string()).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    let got = nats.operator(["flags", "get", "set"]).succeeds().await;
    assert_eq!(got.stdout.trim_end(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_verify_is_skipped_and_counted() {
    let (nats, backend, _home, proxy) = serving().await;
    let text = flag_set(&json!({ "a": constant("off") }));
    let record = next_record(&nats, &text).await;
    let with = |key: &str, value: Value| {
        let mut record = record.clone();
        record[key] = value;
        envelope(&record).to_string()
    };
    let outer = |key: &str, value: Value| {
        let mut envelope = envelope(&record);
        envelope[key] = value;
        envelope.to_string()
    };
    for (what, bytes) in [
        ("junk", "junk".to_owned()),
        ("nothing", String::new()),
        ("another JSON", "{}".to_owned()),
        ("another environment", with("environment", json!("staging"))),
        ("another log", with("log", json!("BURGEE_OVERRIDES_EU"))),
        (
            "another subject",
            with("subject", json!("burgee.flags.other")),
        ),
        ("an unknown field", with("surprise", json!(true))),
        ("an unknown operation", with("operation", json!("patch"))),
        (
            "a first revision with a predecessor",
            with("revision", json!(1)),
        ),
        (
            "signatures that nobody checks",
            outer("signatures", json!([{ "sig": "" }])),
        ),
        ("another type", outer("payloadType", json!("text/plain"))),
        (
            "an envelope that is not canonical",
            format!("{:#}", envelope(&record)),
        ),
        ("an unknown field outside", outer("surprise", json!(1))),
    ] {
        let before = rejected(&proxy).await;
        publish(&nats, "burgee.flags.set", bytes).await;
        is_counted(&proxy, before, what).await;
        assert_eq!(
            proxy.variant("u", "x-flag-a").await.as_deref(),
            Some("on"),
            "{what}"
        );
    }
    // Who starts afterwards finds the newest record that verifies, and so does a push.
    let fresh = Home::serving(&backend, &["a"], &json!({ "source": nats.source() }));
    let later = fresh.start().await;
    assert_eq!(later.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    nats.push("set", &json!({ "a": constant("off") })).await;
    for proxy in [&proxy, &later] {
        proxy.serves("u", "x-flag-a", Some("off")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_does_not_compile_keeps_the_last_good_one_also_over_a_restart() {
    let (mut nats, _backend, home, proxy) = serving().await;
    let before = rejected(&proxy).await;
    let broken = r#"{ "flags": { "a": { "state": "PERHAPS" } } }"#;
    let record = next_record(&nats, broken).await;
    publish(&nats, "burgee.flags.set", envelope(&record).to_string()).await;
    is_counted(&proxy, before, "the document").await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    assert!(proxy.snapshot().await["sets"][0]["rejected"].is_string());
    proxy.stop().await;

    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    proxy.stop().await;
    nats.kill().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    // A push mends it.
    nats.resume().await;
    nats.push("set", &json!({ "a": constant("off") })).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_record_that_is_played_again_changes_nothing() {
    let (nats, _backend, home, proxy) = serving().await;
    let old = last_payload(&nats).await;
    nats.push("set", &json!({ "a": constant("off") })).await;
    proxy.serves("u", "x-flag-a", Some("off")).await;
    let old: Value = serde_json::from_slice(&old).expect("JSON");
    publish(&nats, "burgee.flags.set", envelope(&old).to_string()).await;
    // A mark behind it: once that is in force, the replay has been read.
    nats.push("mark", &json!({ "b": constant("on") })).await;
    eventually("the mark", async || {
        let sets = proxy.snapshot().await["sets"].clone();
        sets.to_string().contains("\"mark\"").then_some(())
    })
    .await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));
    proxy.stop().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("off"));
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_under_a_name_that_was_never_pushed_harms_nobody() {
    let (nats, _backend, home, proxy) = serving().await;
    let before = rejected(&proxy).await;
    publish(&nats, "burgee.flags.nobody", "junk").await;
    is_counted(&proxy, before, "the junk").await;
    proxy.stop().await;
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    nats.push("nobody", &json!({ "b": constant("on") })).await;
    eventually("the new set", async || {
        let sets = proxy.snapshot().await["sets"].clone();
        sets.to_string().contains("\"nobody\"").then_some(())
    })
    .await;
}
