use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::{Test, Verdict, decide, read};
use crate::lint::part::{Evaluators, Part};
use crate::{Compiler, Context, Moment, Snapshot, evaluate};

/// What comparisons are made with, and what attributes are: whatever is alike to one of them, and not to
/// another.
fn scalars() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-0.0),
        json!(1),
        json!(1.0),
        json!(2),
        json!(2.5),
        json!(3),
        json!(5),
        json!(-1),
        json!(1e300),
        json!(""),
        json!(" "),
        json!("0"),
        json!("1"),
        json!("1.0"),
        json!(" 1"),
        json!("2"),
        json!("03"),
        json!("3"),
        json!("5e0"),
        json!("10"),
        json!("-1"),
        json!("inf"),
        json!("-inf"),
        json!("nan"),
        json!("null"),
        json!("nulls"),
        json!("True"),
        json!("true"),
        json!("a"),
        json!("DE"),
        json!("DE,FR"),
        json!("FR"),
        json!("[object Object]"),
        json!("ü"),
        json!("\u{10ffff}"),
    ]
}

/// Values of every type.
fn values() -> Vec<Value> {
    let mut values = scalars();
    values.extend([
        json!(9_007_199_254_740_993_u64),
        json!(-9_223_372_036_854_775_808_i64),
        json!(0.5),
        json!(4),
        json!(2.75),
        json!("b"),
        json!("0.5"),
        json!("4"),
        json!("12"),
        json!({}),
        json!({ "a": 1 }),
        json!([]),
        json!([[]]),
        json!([null]),
        json!([{}]),
        json!([1, 2]),
        json!(["DE", "FR"]),
        json!([["DE"]]),
    ]);
    let alone: Vec<Value> = scalars()
        .into_iter()
        .map(|scalar| json!([scalar]))
        .collect();
    values.extend(alone);
    values
}

fn condition() -> impl Strategy<Value = Value> {
    let x = || select(vec![json!({ "var": "x" }), json!({ "var": ["x"] })]);
    let constant = || select(scalars());
    let operator = select(vec!["==", "===", "!=", "!==", "<", "<=", ">", ">="]);
    let comparison =
        (operator, x(), constant(), any::<bool>()).prop_map(|(operator, x, c, left)| {
            let arguments = if left { json!([x, c]) } else { json!([c, x]) };
            Value::Object(Map::from_iter([(operator.to_owned(), arguments)]))
        });
    let list = proptest::collection::vec(constant(), 0..4);
    let member = (x(), list).prop_map(|(x, list)| json!({ "in": [x, list] }));
    prop_oneof![6 => comparison, 2 => member, 1 => x()]
}

fn test_of(condition: &Value) -> (Test, bool) {
    let none = Map::new();
    let part = Part {
        value: condition,
        path: String::new(),
    };
    let read = read(Evaluators::new(&none), &part);
    let (attribute, test, positive) = read.unwrap_or_else(|| panic!("{condition}"));
    assert_eq!(attribute, "x");
    (test, positive)
}

/// Whether each condition holds, as evaluation has it, for each value.
fn truths(conditions: &[Value]) -> Vec<(Value, Vec<bool>)> {
    let flags: Map<String, Value> = conditions
        .iter()
        .enumerate()
        .map(|(index, condition)| {
            let flag = json!({
                "state": "ENABLED",
                "variants": { "on": true, "off": false },
                "targeting": { "if": [condition, "on", "off"] },
            });
            (index.to_string(), flag)
        })
        .collect();
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("tests", &json!({ "flags": flags }))
        .expect("a set");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let moment = Moment::current(0);
    let absent = [None];
    let there = values().into_iter().map(Some);
    let each = absent.into_iter().chain(there).map(|value| {
        let context = match &value {
            Some(value) => json!({ "x": value }),
            None => json!({}),
        };
        let context = Context::from_json(snapshot.attributes(), &context);
        let truths = (0..conditions.len()).map(|index| {
            let flag = snapshot.find(&index.to_string()).expect("it is there");
            let decision = evaluate(&snapshot, flag, &context, moment);
            decision.variant_name() == Some("on")
        });
        (value.unwrap_or_default(), truths.collect())
    });
    each.collect()
}

/// Whether a claim is right for every value at hand; how many cases it was about.
fn check(conditions: &[Value], known: &[bool], verdict: Verdict) -> usize {
    let mut cases = 0;
    for (value, truths) in truths(conditions) {
        let Some((truth, before)) = truths.split_last() else {
            unreachable!("there is a condition");
        };
        if before != known {
            continue;
        }
        cases += 1;
        let claim = match verdict {
            Verdict::ButForLists(_) if value.is_array() || value.is_object() => continue,
            Verdict::Always(claim) | Verdict::ButForLists(claim) => claim,
        };
        let (_, positive) = test_of(conditions.last().expect("there is one"));
        assert_eq!(
            *truth,
            claim == positive,
            "{conditions:?} are {known:?} before, and for {value} {verdict:?} was claimed"
        );
    }
    cases
}

fn verdict(conditions: &[Value], known: &[bool]) -> Option<Verdict> {
    let tests: Vec<(Test, bool)> = conditions.iter().map(test_of).collect();
    let ((test, _), before) = tests.split_last().expect("there is one");
    let before: Vec<(&Test, bool)> = before
        .iter()
        .zip(known)
        .map(|((test, positive), truth)| (test, truth == positive))
        .collect();
    decide(&before, test)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// No claim is wrong, whatever the conditions are and whatever the attribute is.
    #[test]
    fn what_is_claimed_holds_for_values_of_every_type(
        conditions in proptest::collection::vec(condition(), 1..4),
        known in proptest::collection::vec(any::<bool>(), 3),
    ) {
        let known = &known[..conditions.len() - 1];
        if let Some(verdict) = verdict(&conditions, known) {
            check(&conditions, known, verdict);
        }
    }
}

/// Every pair of comparisons with these constants, so that the property above is not about nothing.
#[test]
fn claims_are_made_and_right_for_every_pair() {
    let constants = [
        json!(null),
        json!(1),
        json!(3),
        json!("3"),
        json!("b"),
        json!(""),
    ];
    let mut conditions = vec![
        json!({ "var": "x" }),
        json!({ "in": [{ "var": "x" }, [1, "b"]] }),
    ];
    for constant in &constants {
        for operator in ["==", "===", "<", "<=", ">", ">="] {
            let arguments = json!([{ "var": "x" }, constant]);
            conditions.push(Value::Object(Map::from_iter([(
                operator.to_owned(),
                arguments,
            )])));
        }
    }
    let (mut claims, mut cases) = (0, 0);
    for before in &conditions {
        for later in &conditions {
            let pair = [before.clone(), later.clone()];
            for known in [true, false] {
                if let Some(verdict) = verdict(&pair, &[known]) {
                    claims += 1;
                    cases += check(&pair, &[known], verdict);
                }
            }
        }
    }
    assert!(
        claims > 400 && cases > 10_000,
        "{claims} claims, {cases} cases"
    );
}

#[test]
#[allow(clippy::too_many_lines)] // A table.
fn what_people_write_twice_is_claimed() {
    use Verdict::{Always, ButForLists};
    let x = || json!({ "var": "x" });
    for (conditions, known, expected) in [
        (
            vec![
                json!({ "in": [x(), ["DE", "FR"]] }),
                json!({ "===": [x(), "DE"] }),
            ],
            vec![false],
            Some(Always(false)),
        ),
        (
            vec![
                json!({ "in": [x(), ["DE", "FR"]] }),
                json!({ "in": [x(), ["FR"]] }),
            ],
            vec![false],
            Some(Always(false)),
        ),
        // `["DE"] == "DE"`, and no list is in a list of texts.
        (
            vec![
                json!({ "in": [x(), ["DE", "FR"]] }),
                json!({ "==": [x(), "DE"] }),
            ],
            vec![false],
            Some(ButForLists(false)),
        ),
        (
            vec![json!({ "==": [x(), "DE"] }), json!({ "in": [x(), ["DE"]] })],
            vec![false],
            Some(Always(false)),
        ),
        (
            vec![json!({ "==": [x(), "a"] }), json!({ "==": [x(), "b"] })],
            vec![true],
            Some(Always(false)),
        ),
        // A number is equal to both.
        (
            vec![json!({ "==": [x(), "1"] }), json!({ "==": [x(), "1.0"] })],
            vec![true],
            None,
        ),
        (
            vec![json!({ "in": [x(), []] })],
            vec![],
            Some(Always(false)),
        ),
        (
            vec![json!({ "<": [x(), 5] }), json!({ "<": [x(), 3] })],
            vec![false],
            Some(Always(false)),
        ),
        (
            vec![json!({ "<": [x(), 5] }), json!({ ">": [3, x()] })],
            vec![false],
            Some(Always(false)),
        ),
        (
            vec![json!({ "<": [x(), 3] }), json!({ "<": [x(), 5] })],
            vec![true],
            Some(Always(true)),
        ),
        (
            vec![json!({ ">": [x(), 5] }), json!({ ">=": [x(), 6] })],
            vec![false],
            Some(Always(false)),
        ),
        (
            vec![json!({ ">": [x(), 5] }), json!({ "==": [x(), 7] })],
            vec![false],
            Some(Always(false)),
        ),
        (
            vec![json!({ ">": [x(), 5] }), json!({ "<": [x(), 3] })],
            vec![true],
            Some(Always(false)),
        ),
        // What is no number is neither.
        (
            vec![json!({ "<": [x(), 5] }), json!({ ">=": [x(), 5] })],
            vec![false],
            None,
        ),
        // As texts, "10" comes before "9".
        (
            vec![json!({ "<": [x(), "9"] }), json!({ "<": [x(), 3] })],
            vec![false],
            None,
        ),
        (
            vec![json!({ "<": [x(), "b"] }), json!({ "<": [x(), "a"] })],
            vec![false],
            Some(Always(false)),
        ),
        (
            vec![json!({ "===": [x(), 1] }), json!({ "===": [x(), true] })],
            vec![false],
            Some(Always(false)),
        ),
        // Together.
        (
            vec![
                json!({ "===": [x(), "a"] }),
                json!({ "===": [x(), "b"] }),
                json!({ "in": [x(), ["b", "a"]] }),
            ],
            vec![false, false],
            Some(Always(false)),
        ),
        (
            vec![json!({ "===": [x(), "a"] }), x()],
            vec![true],
            Some(Always(true)),
        ),
    ] {
        assert_eq!(
            verdict(&conditions, &known),
            expected,
            "{conditions:?} {known:?}"
        );
    }
}
