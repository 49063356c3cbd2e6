//! What holds for every user, whatever the numbers and the rules are. Shares and independence are in
//! `distribution.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use burgee_eval::{
    Compiler, Context, ErrorCode, FlagSet, Moment, Reason, Snapshot, evaluate, explain,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value as Json, json};

/// Operators of flagd's targeting schema.
const OPERATORS: &[&str] = &[
    "var",
    "missing",
    "missing_some",
    "if",
    "==",
    "===",
    "!=",
    "!==",
    "!",
    "!!",
    "or",
    "and",
    ">",
    ">=",
    "<",
    "<=",
    "max",
    "min",
    "+",
    "-",
    "*",
    "/",
    "%",
    "map",
    "filter",
    "reduce",
    "all",
    "none",
    "some",
    "merge",
    "in",
    "cat",
    "substr",
    "log",
    "fractional",
    "sem_ver",
    "starts_with",
    "ends_with",
];

/// Attributes, variants, evaluators, and what is like them.
const WORDS: &[&str] = &[
    "",
    "on",
    "off",
    "true",
    "plan",
    "gold",
    "age",
    "geo",
    "geo.country",
    "DE",
    "list",
    "list.1",
    "targetingKey",
    "$flagd.flagKey",
    "$flagd.timestamp",
    "user-1",
    "1",
    "1.2.3",
    ">=",
    "known",
    "unknown",
    "ü\u{1f600}",
];

type Outcome = (Option<String>, Reason, Option<ErrorCode>);

/// What every flag decides, by key.
type Outcomes = BTreeMap<String, Outcome>;

proptest! {
    /// With a constant total and no other weight raised: `bucketing.rs` says why.
    #[test]
    fn raising_a_weight_moves_nobody_out(
        weights in vec((0..1_000_u32, 0..=100_u32), 2..9),
        scale in select(vec![1, 7, 10_000, 268_000]),
        raised in any::<Index>(),
        users in vec("\\PC{1,12}", 64),
    ) {
        let raised = raised.index(weights.len());
        let mut before: Vec<u32> = weights.iter().map(|(weight, _)| weight * scale).collect();
        before[raised] += 1; // Not all are 0.
        let mut after = before.clone();
        for (number, (_, percent)) in weights.iter().enumerate() {
            let taken = before[number] / 100 * percent;
            after[number] -= taken;
            after[raised] += taken;
        }
        for bucketing in ["v2", "v3"] {
            let [before, after] = [&before, &after].map(|weights| split(bucketing, weights));
            for user in &users {
                let context = json!({ "targetingKey": user });
                let [was, is] = [&before, &after].map(|snapshot| {
                    let (variant, ..) = outcomes(snapshot, &context, 0).remove("f").expect("it is there");
                    variant.expect("everybody has a share")
                });
                prop_assert!(
                    was != raised.to_string() || is == was,
                    "{bucketing}: {user:?} was moved out of {was} to {is}"
                );
            }
        }
    }

    /// Whatever stands in the place of one flag, or of one part of it, the others decide as before;
    /// and where it refuses the whole set, the other sets do.
    #[test]
    fn a_bad_flag_changes_no_other(
        rules in vec(rule(), 4),
        victim in any::<Index>(),
        part in select(vec!["", "targeting", "variants", "state", "defaultVariant", "metadata", "delivery"]),
        junk in prop_oneof![expression(), rule()],
        contexts in vec(context(), 4),
    ) {
        let sound = document(&rules);
        let mut bad = sound.clone();
        let victim = format!("f{}", victim.index(rules.len()));
        match part {
            "" => bad["flags"][&victim] = junk,
            "delivery" => bad["delivery"] = json!({ &victim: junk }),
            part => bad["flags"][&victim][part] = junk,
        }
        let neighbour = named("neighbour", &rules);
        let before = join(&[&sound, &neighbour]);
        let after = join(&[&bad, &neighbour]);
        let refused = Compiler::new().compile("other", &bad).is_err();
        for context in &contexts {
            let mut before = outcomes(&before, context, 0);
            let mut after = outcomes(&after, context, 0);
            before.remove(&victim);
            after.remove(&victim);
            if refused {
                before.retain(|key, _| key.starts_with("neighbour"));
            }
            prop_assert_eq!(before, after);
        }
    }

    /// The snapshot, the context and the moment decide, and nothing else: not when and where it is
    /// asked, nor what the compiler saw before, nor how the sets came.
    #[test]
    fn nothing_else_decides(
        sets in vec(vec(rule(), 3), 3),
        others in vec(rule(), 8),
        order in Just([0, 1, 2]).prop_shuffle(),
        contexts in vec(context(), 4),
        gates in 0..8_u8,
        age in 0..120_u64,
    ) {
        let documents: Vec<Json> = sets
            .iter()
            .enumerate()
            .map(|(number, rules)| gated(number, rules, gates))
            .collect();
        let first = join(&documents.iter().collect::<Vec<_>>());
        // Attributes are numbered as they are met.
        let mut compiler = Compiler::new();
        compiler.compile("others", &document(&others)).expect("a rule refuses no set");
        let shuffled: Vec<Arc<FlagSet>> = order
            .iter()
            .map(|number| {
                let set = compiler.compile("set", &documents[*number]);
                Arc::new(set.expect("a rule refuses no set"))
            })
            .collect();
        let other = Snapshot::new(&compiler, shuffled);
        for context in &contexts {
            let expected = outcomes(&first, context, age);
            prop_assert_eq!(&outcomes(&first, context, age), &expected, "again");
            prop_assert_eq!(&outcomes(&other, context, age), &expected, "in another order");
            std::thread::scope(|scope| {
                let threads = [&first, &other].map(|snapshot| {
                    scope.spawn(move || outcomes(snapshot, context, age))
                });
                for thread in threads {
                    assert_eq!(thread.join().expect("it decides"), expected, "in another thread");
                }
            });
        }
    }
}

/// A flag `f` that splits; its variants are the places of the weights.
fn split(bucketing: &str, weights: &[u32]) -> Snapshot {
    let names = 0..weights.len();
    let variants: Map<String, Json> = names.map(|name| (name.to_string(), json!(name))).collect();
    let entries = weights.iter().enumerate();
    let entries: Vec<Json> = entries
        .map(|(name, weight)| json!([name.to_string(), weight]))
        .collect();
    let flag = json!({
        "state": "ENABLED",
        "variants": variants,
        "targeting": { "fractional": entries },
    });
    join(&[&json!({ "metadata": { "bucketing": bucketing }, "flags": { "f": flag } })])
}

/// Flags `f0`, `f1`, … with these rules.
fn document(rules: &[Json]) -> Json {
    named("f", rules)
}

/// A set of this name, whose flags begin with it.
fn named(name: &str, rules: &[Json]) -> Json {
    let flags = rules.iter().enumerate();
    let flags: Map<String, Json> = flags
        .map(|(number, rule)| {
            let flag = json!({
                "state": "ENABLED",
                "variants": { "on": true, "off": false, "true": true },
                "defaultVariant": "off",
                "targeting": rule,
            });
            (format!("{name}{number}"), flag)
        })
        .collect();
    json!({
        "metadata": { "flagSetId": name },
        "$evaluators": { "known": { "==": [{ "var": "plan" }, "gold"] } },
        "flags": flags,
    })
}

/// A set of three, whose flags have those of the gates that `which` has a bit for: the first requires
/// a flag of the set after this one.
fn gated(number: usize, rules: &[Json], which: u8) -> Json {
    let name = format!("set{number}");
    let [first, second, third] = [0, 1, 2].map(|flag| format!("{name}{flag}"));
    let required = format!("set{}1", (number + 1) % 3);
    let gates = [
        (first, json!({ "requires": { required: ["on", "true"] } })),
        (
            second,
            json!({ "layer": { "name": "layer", "from": number * 2_000, "to": 9_000 } }),
        ),
        (
            third,
            json!({ "regions": ["eu-*"], "stale": { "after": "1m", "then": "default" } }),
        ),
    ];
    let mut document = named(&name, rules);
    document["delivery"] = gates
        .into_iter()
        .enumerate()
        .filter(|(gate, _)| which & (1 << gate) != 0)
        .map(|(_, entry)| entry)
        .collect();
    document
}

/// The sets that are not refused.
fn join(documents: &[&Json]) -> Snapshot {
    let mut compiler = Compiler::new();
    let sets: Vec<Arc<FlagSet>> = documents
        .iter()
        .filter_map(|document| compiler.compile("test", document).ok())
        .map(Arc::new)
        .collect();
    Snapshot::new(&compiler, sets)
}

/// Decided, and explained to the same end, by a snapshot of this age in seconds.
fn outcomes(snapshot: &Snapshot, context: &Json, age: u64) -> Outcomes {
    let context = Context::from_json(snapshot.attributes(), context);
    let moment = Moment {
        now: 1_700_000_000,
        synced_at: Some(1_700_000_000 - age),
    };
    snapshot
        .flags()
        .map(|(index, flag)| {
            let decided = evaluate(snapshot, index, &context, moment);
            let explained = explain(snapshot, index, &context, moment).decision;
            let [outcome, explained] = [decided, explained].map(|decision| {
                let variant = decision.variant_name().map(str::to_owned);
                (variant, decision.reason, decision.error)
            });
            assert_eq!(outcome, explained, "{}", flag.key);
            (flag.key.to_string(), outcome)
        })
        .collect()
}

/// A rule that mostly decides something.
fn rule() -> impl Strategy<Value = Json> {
    let variant = || select(vec![json!("on"), json!("off"), json!(true), Json::Null]);
    prop_oneof![
        4 => (expression(), variant(), variant())
            .prop_map(|(condition, then, otherwise)| json!({ "if": [condition, then, otherwise] })),
        2 => (expression(), 0..5_i64, variant())
            .prop_map(|(unit, weight, variant)| json!({ "fractional": [unit, ["on", weight], [variant, 2]] })),
        1 => (0..5_i64, expression())
            .prop_map(|(weight, variant)| json!({ "fractional": [["on", weight], [variant]] })),
        1 => expression(),
        1 => (expression(), select(vec!["unheard_of", "$ref"]), variant())
            .prop_map(|(condition, bad, then)| json!({ "if": [condition, { bad: "unknown" }, then] })),
    ]
}

/// Operators of any kind in one another.
fn expression() -> impl Strategy<Value = Json> {
    value().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            4 => (select(OPERATORS), vec(inner.clone(), 0..4))
                .prop_map(|(operator, arguments)| json!({ operator: arguments })),
            2 => vec(inner.clone(), 3).prop_map(|arguments| json!({ "if": arguments })),
            1 => vec(inner, 0..3).prop_map(Json::from),
        ]
    })
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3..100_i64).prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        select(WORDS).prop_map(Json::from),
        select(WORDS).prop_map(|word| json!({ "var": word })),
        Just(json!({ "$ref": "known" })),
    ]
}

fn context() -> impl Strategy<Value = Json> {
    let name = select(vec!["plan", "age", "geo", "list", "targetingKey", "region"]);
    let value = prop_oneof![
        value(),
        vec(value(), 0..4).prop_map(Json::from),
        select(WORDS).prop_map(|word| json!({ "country": word })),
    ];
    // Most requests have a key and a region.
    let usual = (any::<bool>(), select(vec!["eu-1", "us-1"]), 0..1_000);
    (btree_map(name, value, 0..6), usual).prop_map(|(members, (usual, region, user))| {
        let mut members = json!(members);
        if usual {
            members["region"] = json!(region);
            members["targetingKey"] = json!(format!("user-{user}"));
        }
        members
    })
}
