//! What `/explain` on the admin listener answers and refuses: about another region or cluster than the
//! proxy's own, above all.

use burgee_tests::{Backend, Home, Nats, Proxy, constant, delivered, eventually, flag_set};
use serde_json::{Value, json};

const PLACES: [(&str, &str); 3] = [("eu", "eu-1"), ("eu", "eu-2"), ("us", "us-1")];
const FLAGS: [&str; 4] = ["plain", "disabled", "european", "requiring"];

/// A flag, the variant that an override gives it, and where the override counts.
const OVERRIDES: [[&str; 3]; 5] = [
    ["plain", "off", "global"],
    ["plain", "on", "cluster:eu-2"],
    ["plain", "off", "region:us"],
    ["disabled", "on", "cluster:eu-1"],
    ["european", "on", "region:us"],
];

/// A proxy's answer about a flag, in the region and cluster of `place` where there is one.
async fn told(proxy: &Proxy, flag: &str, place: Option<(&str, &str)>) -> Value {
    let context = match place {
        Some((region, cluster)) => json!({ "region": region, "cluster": cluster }),
        None => json!({}),
    };
    let question = json!({ "flag": flag, "context": context }).to_string();
    let asked = proxy.admin("/explain").post(&question).send().await;
    let mut answer = asked.json();
    // It is of what the answering proxy serves.
    answer["revision"].take();
    // It ends by the clock of the answering proxy, which measures it against the broker's by itself.
    match answer["override"]["ends"].as_str() {
        Some(ends) => {
            let answer = answer.to_string().replace(ends, "THE END");
            serde_json::from_str(&answer).expect("JSON")
        }
        None => answer,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_another_place_is_the_one_given_there() {
    let nats = Nats::start().await;
    nats.init().await;
    let init = nats.operator(["registry", "init"]);
    init.variable("BURGEE_REGION", "us").succeeds().await;
    let mut disabled = constant("off");
    disabled["state"] = json!("DISABLED");
    let flags = json!({ "plain": constant("on"), "disabled": disabled,
        "european": constant("off"), "requiring": constant("on") });
    let delivery = json!({ "european": { "regions": ["eu"] }, "requiring": { "requires": { "plain": ["on"] } } });
    nats.push_text("set", &delivered(&flags, &delivery)).await;
    for [flag, variant, scope] in OVERRIDES {
        let set = ["override", "set", flag, variant, "--scope", scope];
        let more = ["--for", "30m", "--reason", "a test", "--force"];
        nats.operator(set.into_iter().chain(more)).succeeds().await;
    }
    let backend = Backend::start("stable").await;
    let mut source = nats.source();
    source["nats"]["override_regions"] = json!(["eu"]);
    let mut proxies = Vec::new();
    for (region, cluster) in PLACES {
        let keys = json!({ "source": source, "region": region, "cluster": cluster });
        let home = Home::serving(&backend, &[], &keys);
        let proxy = home.start().await;
        eventually("every override is known", async || {
            let listed = proxy.snapshot().await["overrides"].as_array().map(Vec::len);
            (listed == Some(OVERRIDES.len())).then_some(())
        })
        .await;
        proxies.push((home, proxy));
    }
    let mut reasons = Vec::new();
    for (place, (_, there)) in PLACES.into_iter().zip(&proxies) {
        for flag in FLAGS {
            let expected = told(there, flag, None).await;
            for (_, asked) in &proxies {
                let answer = told(asked, flag, Some(place)).await;
                assert_eq!(answer, expected, "{flag} in {place:?}");
            }
            reasons.push(format!("{} {}", place.1, expected["reason"]));
        }
    }
    let expected = [
        ["OVERRIDE", "OVERRIDE", "STATIC", "PREREQUISITE"],
        ["OVERRIDE", "DISABLED", "STATIC", "STATIC"],
        ["OVERRIDE", "DISABLED", "OVERRIDE", "PREREQUISITE"],
    ];
    let expected = PLACES
        .iter()
        .zip(expected)
        .flat_map(|(place, reasons)| reasons.map(|reason| format!("{} \"{reason}\"", place.1)));
    assert_eq!(reasons, expected.collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_is_no_object_is_not_a_question() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &[], &json!({}));
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    let proxy = home.start().await;
    for context in [json!([]), json!("x"), json!(5), Value::Null] {
        let body = json!({ "flag": "a", "context": context }).to_string();
        let query = context.to_string().replace('"', "%22");
        let query = format!("/explain?flag=a&context={query}");
        let asked = [
            proxy.admin("/explain").post(&body).send().await,
            proxy.admin(&query).send().await,
        ];
        for answer in asked {
            assert_eq!(answer.status, 400, "{context}");
            let text = answer.text();
            assert!(text.contains("`context` must be a JSON object"), "{text}");
        }
    }
}
