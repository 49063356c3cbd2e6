//! Each gate by itself, and their order.

use burgee_eval::bucketing::{LAYER_SLOTS, slot};
use serde_json::{Value as Json, json};

use crate::world::{NOW, at, decide, flag, one, problems, ruled, synced};

#[test]
fn outside_of_its_regions_a_flag_has_its_default() {
    let snapshot = one(
        json!({ "f": ruled() }),
        json!({ "f": { "regions": ["eu", "eu-*"] } }),
    );
    assert_eq!(problems(&snapshot), [] as [String; 0]);
    for (region, expected) in [
        (json!("eu"), "on TARGETING_MATCH"),
        (json!("eu-west"), "on TARGETING_MATCH"),
        (json!("eu-"), "on TARGETING_MATCH"),
        (json!("europe"), "off REGION"),
        (json!("us"), "off REGION"),
        (json!(""), "off REGION"),
        (json!("EU"), "off REGION"),
        (json!(null), "off REGION"),
        (json!(true), "off REGION"),
        (json!(["eu"]), "off REGION"),
    ] {
        assert_eq!(
            decide(&snapshot, "f", &json!({ "region": region })),
            expected,
            "{region}"
        );
    }
    assert_eq!(
        decide(&snapshot, "f", &json!({})),
        "off REGION",
        "without a region"
    );
}

#[test]
fn without_a_default_the_gate_stays_the_reason() {
    let mut flag = ruled();
    flag["defaultVariant"] = json!(null);
    let snapshot = one(json!({ "f": flag }), json!({ "f": { "regions": ["eu"] } }));
    assert_eq!(decide(&snapshot, "f", &json!({})), "- REGION");
}

#[test]
fn outside_of_its_slots_a_flag_has_its_default() {
    let layer = |from: u32, to: u32| json!({ "layer": { "name": "x", "from": from, "to": to } });
    for user in 0..200 {
        let key = format!("user-{user}");
        let context = json!({ "targetingKey": key });
        let slot = slot("x", &key);
        let snapshot = one(
            json!({ "all": ruled(), "just": ruled(), "below": ruled(), "above": ruled() }),
            json!({
                "all": layer(0, LAYER_SLOTS - 1),
                "just": layer(slot, slot),
                "below": layer(0, slot.max(1) - 1),
                "above": layer((slot + 1).min(LAYER_SLOTS - 1), LAYER_SLOTS - 1),
            }),
        );
        assert!(
            0 < slot && slot < LAYER_SLOTS - 1,
            "none of these keys is at an end"
        );
        assert_eq!(decide(&snapshot, "all", &context), "on TARGETING_MATCH");
        assert_eq!(decide(&snapshot, "just", &context), "on TARGETING_MATCH");
        assert_eq!(decide(&snapshot, "below", &context), "off LAYER");
        assert_eq!(decide(&snapshot, "above", &context), "off LAYER");
        for nobody in [
            json!({}),
            json!({ "targetingKey": "" }),
            json!({ "targetingKey": 5 }),
        ] {
            assert_eq!(decide(&snapshot, "all", &nobody), "off LAYER", "{nobody}");
        }
    }
}

#[test]
fn stale_counts_from_the_first_second_beyond() {
    let snapshot = one(
        json!({ "d": ruled(), "s": ruled(), "bad": {
            "state": "ENABLED", "variants": { "on": 1 }, "defaultVariant": "on", "targeting": { "if": [true, "nope"] } } }),
        json!({
            "d": { "stale": { "after": "15m", "then": "default" } },
            "s": { "stale": { "after": "15m", "then": "serve" } },
            "bad": { "stale": { "after": "15m", "then": "serve" } },
        }),
    );
    for (synced_at, default, serve) in [
        (Some(NOW), "on TARGETING_MATCH", "on TARGETING_MATCH"),
        (Some(NOW - 900), "on TARGETING_MATCH", "on TARGETING_MATCH"),
        (Some(NOW - 901), "off STALE", "on STALE"),
        (Some(0), "off STALE", "on STALE"),
        (None, "off STALE", "on STALE"),
        // A clock that was set back.
        (Some(NOW + 1), "on TARGETING_MATCH", "on TARGETING_MATCH"),
        (Some(u64::MAX), "on TARGETING_MATCH", "on TARGETING_MATCH"),
    ] {
        let moment = synced(synced_at);
        assert_eq!(
            at(&snapshot, "d", &json!({}), moment),
            default,
            "{synced_at:?}"
        );
        assert_eq!(
            at(&snapshot, "s", &json!({}), moment),
            serve,
            "{synced_at:?}"
        );
        assert_eq!(
            at(&snapshot, "bad", &json!({}), moment),
            "- ERROR",
            "an error stays one"
        );
    }
}

/// What closes each gate, in the order in which they count.
#[test]
fn the_first_closed_gate_is_the_reason() {
    type Close = fn(&mut Json, &mut Json);
    let gates: [(&str, Close); 6] = [
        ("- DISABLED", |flag, _| flag["state"] = json!("DISABLED")),
        ("- ERROR", |_, delivery| {
            delivery["heeder"] = json!("spoils it");
        }),
        ("off STALE", |_, delivery| {
            delivery["stale"] = json!({ "after": "1m", "then": "default" });
        }),
        ("off REGION", |_, delivery| {
            delivery["regions"] = json!(["eu"]);
        }),
        ("off PREREQUISITE", |_, delivery| {
            delivery["requires"] = json!({ "other": ["off"] });
        }),
        ("off LAYER", |_, delivery| {
            delivery["layer"] = json!({ "name": "x", "from": 0, "to": 9999 });
        }),
    ];
    // Nobody, nowhere, long ago: every gate that is there is closed.
    let context = json!({});
    let moment = synced(None);
    let decided = |closed: &[Close]| {
        let (mut flag, mut delivery) = (ruled(), json!({}));
        for close in closed {
            close(&mut flag, &mut delivery);
        }
        let snapshot = one(
            json!({ "f": flag, "other": self::flag("on") }),
            json!({ "f": delivery }),
        );
        at(&snapshot, "f", &context, moment)
    };
    assert_eq!(decided(&[]), "on TARGETING_MATCH");
    for (first, (expected, close)) in gates.iter().enumerate() {
        assert_eq!(decided(&[*close]), *expected);
        for (_, later) in &gates[first + 1..] {
            assert_eq!(decided(&[*close, *later]), *expected);
            assert_eq!(decided(&[*later, *close]), *expected);
        }
    }
    let all: Vec<Close> = gates.iter().map(|(_, close)| *close).collect();
    for first in 0..gates.len() {
        assert_eq!(decided(&all[first..]), gates[first].0);
    }

    // Where it is served on, it is stale for whatever reason it is served so; but it is stale.
    let serve: Close = |_, delivery| delivery["stale"] = json!({ "after": "1m", "then": "serve" });
    for (expected, close) in &gates {
        let stale = match *expected {
            "- DISABLED" | "- ERROR" => expected,
            "off STALE" => continue,
            _ => "off STALE",
        };
        assert_eq!(decided(&[serve, *close]), stale);
    }
    assert_eq!(decided(&[serve]), "on STALE");
}
