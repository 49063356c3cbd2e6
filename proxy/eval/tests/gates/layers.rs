//! Slots that exclude each other.

use burgee_eval::bucketing::slot;
use burgee_eval::{Context, evaluate};
use serde_json::json;

use crate::world::{MET, Set, decide, disabled, flag, join, moment, one, problems, ruled};

#[test]
fn overlapping_slots_are_found_and_served_as_authored() {
    let layer = |name: &str, from: u32, to: u32| json!({ "layer": { "name": name, "from": from, "to": to } });
    let snapshot = join(&[
        Set(
            "one",
            json!({ "a": ruled(), "b": ruled(), "c": ruled(), "other": ruled(), "off": disabled() }),
            json!({
                "a": layer("x", 0, 4999), "b": layer("x", 4999, 6000), "c": layer("x", 7000, 9999),
                "other": layer("y", 0, 9999), "off": layer("x", 0, 9999),
            }),
        ),
        Set(
            "two",
            json!({ "d": ruled(), "e": ruled() }),
            json!({ "d": layer("x", 7500, 7600), "e": layer("x", 7700, 7700) }),
        ),
    ]);
    assert_eq!(
        problems(&snapshot),
        [
            "one /delivery/a/layer \"a\" and \"b\" (of flag set \"one\") share slot 4999 of layer \"x\"",
            "one /delivery/b/layer \"b\" and \"a\" (of flag set \"one\") share slot 4999 of layer \"x\"",
            "one /delivery/c/layer \"c\" and \"d\" (of flag set \"two\") share slots 7500 to 7600 of layer \"x\"",
            "two /delivery/d/layer \"d\" and \"c\" (of flag set \"one\") share slots 7500 to 7600 of layer \"x\"",
            "two /delivery/e/layer \"e\" and \"c\" (of flag set \"one\") share slot 7700 of layer \"x\"",
        ]
    );
    let user = (0..1_000_000)
        .map(|n| format!("u{n}"))
        .find(|key| slot("x", key) == 4999)
        .expect("one of them has it");
    let context = json!({ "targetingKey": user });
    assert_eq!(decide(&snapshot, "a", &context), MET);
    assert_eq!(decide(&snapshot, "b", &context), MET);
}

/// Ten thousand users, a layer cut into parts, and flags that would all be on.
#[test]
fn flags_with_slots_of_their_own_never_both_serve() {
    let cuts = [0, 1, 2500, 4999, 5000, 9998, 9999, 10_000];
    let keys: Vec<String> = (1..cuts.len()).map(|part| format!("part-{part}")).collect();
    let flags: serde_json::Map<_, _> = keys.iter().map(|key| (key.clone(), ruled())).collect();
    let delivery: serde_json::Map<_, _> = keys
        .iter()
        .zip(cuts.windows(2))
        .map(|(key, cut)| {
            (
                key.clone(),
                json!({ "layer": { "name": "x", "from": cut[0], "to": cut[1] - 1 } }),
            )
        })
        .collect();
    let snapshot = one(flags.into(), delivery.into());
    assert_eq!(problems(&snapshot), [] as [String; 0]);
    let mut users = vec![0_u32; keys.len()];
    for user in 0..10_000 {
        let user = format!("user-{user}");
        let mut context = Context::new(snapshot.attributes());
        context.set_targeting_key(&user);
        let serving: Vec<usize> = (0..keys.len())
            .filter(|part| {
                let flag = snapshot.find(&keys[*part]).expect("it is there");
                evaluate(&snapshot, flag, &context, moment()).variant_name() == Some("on")
            })
            .collect();
        // The parts are all of the layer, so that exactly one of them has each user.
        assert_eq!(serving.len(), 1, "{user} is served by {serving:?}");
        users[serving[0]] += 1;
    }
    for (part, cut) in cuts.windows(2).enumerate() {
        let share = cut[1] - cut[0];
        assert!(
            users[part].abs_diff(share) <= 4 * 50,
            "part {part} has {} of {share}",
            users[part]
        );
    }
}

/// A slot says nothing of a bucket: half of a layer has half of each half of a flag, in both bucketings
/// and in another layer.
#[test]
fn slots_are_independent_of_splits_and_of_other_layers() {
    let mut split = flag("off");
    split["targeting"] = json!({ "fractional": [["on", 50], ["off", 50]] });
    let half = |name: &str| json!({ "layer": { "name": name, "from": 0, "to": 4999 } });
    let snapshot = one(
        json!({ "v2": split, "v3": split, "x": ruled(), "y": ruled() }),
        json!({ "v2": { "bucketing": "v2" }, "v3": { "bucketing": "v3" }, "x": half("x"), "y": half("y") }),
    );
    let on = |key: &str, context: &Context<'_>| {
        let flag = snapshot.find(key).expect("it is there");
        evaluate(&snapshot, flag, context, moment()).variant_name() == Some("on")
    };
    for other in ["v2", "v3", "y"] {
        let mut both = 0_u32;
        for user in 0..10_000 {
            let user = format!("user-{user}");
            let mut context = Context::new(snapshot.attributes());
            context.set_targeting_key(&user);
            both += u32::from(on("x", &context) && on(other, &context));
        }
        // Four standard deviations of 10,000 draws of a quarter.
        assert!(both.abs_diff(2_500) <= 4 * 44, "x and {other}: {both}");
    }
}
