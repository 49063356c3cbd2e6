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

/// Operators of flagd's targeting schema, and one that is none.
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
    "$ref",
    "unheard_of",
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
                    let (variant, ..) = outcomes(snapshot, &context).remove("f").expect("it is there");
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
        junk in rule(),
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
            let mut before = outcomes(&before, context);
            let mut after = outcomes(&after, context);
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
    ) {
        let documents: Vec<Json> = sets
            .iter()
            .enumerate()
            .map(|(number, rules)| named(&format!("set{number}"), rules))
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
            let expected = outcomes(&first, context);
            prop_assert_eq!(&outcomes(&first, context), &expected, "again");
            prop_assert_eq!(&outcomes(&other, context), &expected, "in another order");
            std::thread::scope(|scope| {
                let threads = [&first, &other].map(|snapshot| {
                    scope.spawn(move || outcomes(snapshot, context))
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

/// Decided, and explained to the same end.
fn outcomes(snapshot: &Snapshot, context: &Json) -> Outcomes {
    let context = Context::from_json(snapshot.attributes(), context);
    let moment = Moment::current(1_700_000_000);
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

/// Operators of any kind in one another; now and then one that decides something.
fn rule() -> impl Strategy<Value = Json> {
    value().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            4 => (select(OPERATORS), vec(inner.clone(), 0..4))
                .prop_map(|(operator, arguments)| json!({ operator: arguments })),
            2 => (inner.clone(), inner.clone()).prop_map(|(condition, then)| {
                json!({ "if": [condition, then, "off"] })
            }),
            1 => inner.clone().prop_map(|unit| {
                json!({ "fractional": [unit, ["on", 1], ["off", 2]] })
            }),
            1 => inner.prop_map(|argument| json!([argument])),
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
    let name = select(vec!["plan", "age", "geo", "list", "targetingKey", "other"]);
    let value = prop_oneof![
        value(),
        vec(value(), 0..4).prop_map(Json::from),
        select(WORDS).prop_map(|word| json!({ "country": word })),
    ];
    btree_map(name, value, 0..6).prop_map(|members| json!(members))
}
