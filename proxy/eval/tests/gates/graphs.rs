//! Prerequisites of prerequisites: cycles, and how far a decision may walk.

use std::sync::Arc;

use burgee_eval::limits::{MAX_PREREQUISITE_WALK, MAX_PREREQUISITES};
use burgee_eval::{Compiler, Context, Snapshot, explain};
use serde_json::{Value as Json, json};

use crate::world::{MET, UNMET, decide, flag, moment, one, problems, ruled};

fn permutations<T: Copy>(items: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = items.split_first() else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for shorter in permutations(rest) {
        for at in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(at, *first);
            all.push(longer);
        }
    }
    all
}

#[test]
fn a_cycle_across_sets_is_found_in_whatever_order_they_come() {
    let requires = |key: &str, required: &[&str]| {
        let required: serde_json::Map<_, _> = required
            .iter()
            .map(|key| ((*key).to_owned(), json!(["on"])))
            .collect();
        json!({ key: { "requires": required } })
    };
    // b -> a -> c -> b, and d <-> a; `out` and `self` lead into no other cycle.
    let names = ["a", "b", "c", "d", "out", "self"];
    let edges: [&[&str]; 6] = [
        &["c", "d", "free"],
        &["a"],
        &["b"],
        &["a"],
        &["a"],
        &["self"],
    ];
    let mut free = ruled();
    free["defaultVariant"] = json!("on");
    for order in permutations(&[0, 1, 2, 3, 4, 5]) {
        let mut compiler = Compiler::new();
        let mut sets: Vec<_> = order
            .iter()
            .map(|number| {
                let (name, needed) = (names[*number], edges[*number]);
                let document =
                    json!({ "flags": { name: ruled() }, "delivery": requires(name, needed) });
                Arc::new(compiler.compile(name, &document).expect("valid"))
            })
            .collect();
        let document = json!({ "flags": { "free": free } });
        sets.push(Arc::new(
            compiler.compile("free", &document).expect("valid"),
        ));
        let snapshot = Snapshot::new(&compiler, sets);
        for name in names {
            assert_eq!(
                decide(&snapshot, name, &json!({})),
                UNMET,
                "{name} in order {order:?}"
            );
        }
        assert_eq!(decide(&snapshot, "free", &json!({})), MET);
        assert_eq!(
            problems(&snapshot),
            [
                "a /delivery/a/requires/d \"a\" requires \"d\", which requires \"a\": a cycle",
                "b /delivery/b/requires/a \"b\" requires \"a\", which requires \"c\", which requires \"b\": a cycle",
                "c /delivery/c/requires/b \"c\" requires \"b\", which requires \"a\", which requires \"c\": a cycle",
                "d /delivery/d/requires/a \"d\" requires \"a\", which requires \"d\": a cycle",
                "self /delivery/self/requires/self \"self\" requires \"self\": a cycle",
            ],
            "{order:?}"
        );
    }
}

/// A member of a cycle is served its default, and whoever is no member sees it as it is served.
#[test]
fn a_cycle_is_seen_from_outside_as_it_is_served() {
    let snapshot = one(
        json!({ "a": ruled(), "b": ruled(), "wants-off": ruled() }),
        json!({
            "a": { "requires": { "b": ["on"] } },
            "b": { "requires": { "a": ["off"] } },
            "wants-off": { "requires": { "a": ["off"] } },
        }),
    );
    assert_eq!(decide(&snapshot, "a", &json!({})), UNMET);
    assert_eq!(
        decide(&snapshot, "b", &json!({})),
        UNMET,
        "not even what holds, in a cycle"
    );
    assert_eq!(decide(&snapshot, "wants-off", &json!({})), MET);
}

#[test]
fn a_long_cycle_is_named_in_part() {
    let key = |number: usize| format!("flag-{:05}", number % 3_000);
    let flags: serde_json::Map<_, _> = (0..3_000).map(|number| (key(number), ruled())).collect();
    let delivery: serde_json::Map<_, _> = (0..3_000)
        .map(|number| {
            (
                key(number),
                json!({ "requires": { key(number + 1): ["on"] } }),
            )
        })
        .collect();
    let snapshot = one(flags.into(), delivery.into());
    let found = snapshot.problems();
    assert_eq!(found.len(), 1_001);
    let message = &found[0].problem.message;
    assert!(
        message
            .starts_with("\"flag-00000\" requires \"flag-00001\", which requires \"flag-00002\""),
        "{message}"
    );
    assert!(
        message.ends_with("and so on through 2983 more to \"flag-00000\" again: a cycle"),
        "{message}"
    );
    assert_eq!(
        found[1_000].problem.message,
        "there are 2000 more problems between flags"
    );
    for number in [0, 999, 1_000, 2_999] {
        assert_eq!(decide(&snapshot, &key(number), &json!({})), UNMET);
    }
}

/// A chain: each flag requires the next, and the last one nothing.
fn chain(length: usize) -> Snapshot {
    let key = |number: usize| format!("f{number:04}");
    let flags: serde_json::Map<_, _> = (0..=length).map(|number| (key(number), ruled())).collect();
    let delivery: serde_json::Map<_, _> = (0..length)
        .map(|number| {
            (
                key(number),
                json!({ "requires": { key(number + 1): ["on"] } }),
            )
        })
        .collect();
    one(flags.into(), delivery.into())
}

#[test]
fn a_walk_is_bounded() {
    let at_bound = chain(MAX_PREREQUISITE_WALK);
    assert_eq!(problems(&at_bound), [] as [String; 0]);
    assert_eq!(decide(&at_bound, "f0000", &json!({})), MET);

    let beyond = chain(MAX_PREREQUISITE_WALK + 1);
    assert_eq!(
        problems(&beyond),
        [
            "one /delivery/f0000/requires what \"f0000\" requires takes 65 evaluations with all that it requires in turn, and at most 64 are allowed"
        ]
    );
    assert_eq!(decide(&beyond, "f0000", &json!({})), UNMET);
    assert_eq!(
        decide(&beyond, "f0001", &json!({})),
        MET,
        "the others are not touched"
    );

    // What is beyond the bound costs its dependants nothing: it is one evaluation.
    let longer = chain(MAX_PREREQUISITE_WALK + 2);
    assert_eq!(problems(&longer).len(), 1);
    assert_eq!(decide(&longer, "f0001", &json!({})), UNMET);
    assert_eq!(decide(&longer, "f0000", &json!({})), UNMET);
}

/// Few flags, each of which requires all of the next layer: their walks grow without end.
#[test]
fn a_walk_is_counted_with_repetition() {
    let key = |level: usize, number: usize| format!("l{level}-{number}");
    let (mut flags, mut delivery) = (serde_json::Map::new(), serde_json::Map::new());
    for level in 0..20 {
        for number in 0..MAX_PREREQUISITES {
            flags.insert(key(level, number), ruled());
            let next: serde_json::Map<_, _> = (0..MAX_PREREQUISITES)
                .map(|next| (key(level + 1, next), json!(["on"])))
                .collect();
            if level < 19 {
                delivery.insert(key(level, number), json!({ "requires": next }));
            }
        }
    }
    let snapshot = one(flags.into(), delivery.into());
    // 16 at the end; 16 and 16 times 16 before that, which is too many.
    assert_eq!(decide(&snapshot, "l18-0", &json!({})), MET);
    assert_eq!(decide(&snapshot, "l17-0", &json!({})), UNMET);
    assert_eq!(decide(&snapshot, "l0-0", &json!({})), UNMET);
    let needs = snapshot.needs(snapshot.find("l18-0").expect("it is there"));
    assert_eq!(needs.attributes.len(), 0);
}

/// Rules that each take most of the steps that one evaluation may take.
#[test]
fn the_steps_of_prerequisites_are_bounded_together() {
    let mut looping = flag("off");
    looping["targeting"] = json!({ "if": [{ "some": [{ "var": "items" }, { "==": [{ "var": "" }, -1] }] }, "off", "on"] });
    let snapshot = one(
        json!({ "x": looping, "y": looping, "z": looping, "one": ruled(), "two": ruled(), "chain": ruled(), "default": ruled() }),
        json!({
            "one": { "requires": { "x": ["on"] } },
            "two": { "requires": { "x": ["on"], "y": ["on"] } },
            // It takes its steps for itself, and again where another requires it.
            "z": { "requires": { "x": ["on"] } },
            "chain": { "requires": { "z": ["on"] } },
            "default": { "requires": { "z": ["off", "on"] } },
        }),
    );
    assert_eq!(problems(&snapshot), [] as [String; 0]);
    let items = |count: usize| json!({ "items": (0..count).collect::<Vec<_>>() });
    let decided = |context: &Json| {
        ["x", "y", "z", "one", "two", "chain", "default"].map(|key| decide(&snapshot, key, context))
    };
    let short = items(100);
    assert_eq!(decided(&short), [MET; 7]);
    let long = (1..100)
        .map(|thousands| items(thousands * 1_000))
        .take_while(|context| decide(&snapshot, "x", context) == MET)
        .last()
        .expect("a thousand are possible");
    assert_eq!(decided(&long), [MET, MET, MET, MET, UNMET, UNMET, UNMET]);
    let told = explain_steps(&snapshot, "chain", &long);
    let outcome = "false (the rules of what is required take more than 100000 steps)";
    assert!(told.iter().any(|step| step == outcome), "{told:?}");
}

fn explain_steps(snapshot: &Snapshot, key: &str, context: &Json) -> Vec<String> {
    let flag = snapshot.find(key).expect("it is there");
    let context = Context::from_json(snapshot.attributes(), context);
    let explanation = explain(snapshot, flag, &context, moment());
    explanation
        .steps
        .into_iter()
        .map(|step| step.outcome)
        .collect()
}
