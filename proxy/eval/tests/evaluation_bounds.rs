//! The bounds of one evaluation, on both sides of each: whatever a rule and a context are made of, it
//! ends soon, and says why.

use std::sync::Arc;

use burgee_eval::limits::{
    MAX_EVALUATION_STEPS, MAX_EXPLAINED_STEPS, MAX_RULE_DEPTH, MAX_RULE_NODES, MAX_VALUE_DEPTH,
};
use burgee_eval::{Compiler, Context, ErrorCode, Explanation, Moment, Snapshot, evaluate, explain};
use serde_json::{Map, Value as Json, json};

/// Decides by whether a rule is truthy; says how it was explained, or with what message it failed.
fn steps(document: &Json, context: &Json) -> Result<Vec<String>, String> {
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("bounds", document)
        .expect("a rule spoils at most its flag");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let flag = snapshot.find("f").expect("it is there");
    let context = Context::from_json(snapshot.attributes(), context);
    let decision = evaluate(&snapshot, flag, &context, Moment::current(0));
    let Explanation {
        decision: explained,
        steps,
        ..
    } = explain(&snapshot, flag, &context, Moment::current(0));
    assert_eq!(explained.variant, decision.variant);
    assert_eq!(explained.error, decision.error);
    assert_eq!(explained.error_message(), decision.error_message());
    let outcomes = steps
        .into_iter()
        .map(|step| step.outcome)
        .collect::<Vec<_>>();
    match decision.error_message() {
        None => Ok(outcomes),
        Some(message) => {
            assert_eq!(decision.error, Some(ErrorCode::General));
            // The last step says what the decision says.
            assert_eq!(outcomes.last(), Some(&message));
            Err(message)
        }
    }
}

fn document(rule: &Json) -> Json {
    json!({ "flags": { "f": {
        "state": "ENABLED",
        "variants": { "on": true, "off": false },
        "targeting": { "if": [rule, "on", "off"] },
    } } })
}

fn run(rule: &Json, context: &Json) -> Result<Vec<String>, String> {
    steps(&document(rule), context)
}

#[track_caller]
fn fits(rule: &Json, context: &Json) {
    let result = run(rule, context);
    assert!(result.is_ok(), "{:?}", result.err());
}

#[track_caller]
fn takes_too_many_steps(rule: &Json, context: &Json) {
    let message = run(rule, context).expect_err("it is stopped");
    assert_eq!(
        message,
        format!(
            "the rule of \"f\" fails: the rule takes more than {MAX_EVALUATION_STEPS} steps: shorten the lists or texts that it goes through"
        )
    );
}

fn numbers(count: usize) -> Json {
    json!({ "list": (0..count).collect::<Vec<_>>() })
}

/// A turn takes a step, and one for each of the nodes that it evaluates.
#[test]
fn turns_of_a_loop() {
    let rule = json!({ "some": [{ "var": "list" }, { "<": [{ "var": "" }, 0] }] });
    // The turn, the comparison and its two sides.
    let turns = MAX_EVALUATION_STEPS / 4;
    fits(&rule, &numbers(turns));
    takes_too_many_steps(&rule, &numbers(turns + 1));
}

/// `map` and `filter` take one more for each item, for the array that they make.
#[test]
fn arrays_that_are_made() {
    for operator in ["map", "filter"] {
        let rule = json!({ operator: [{ "var": "list" }, true] });
        fits(&rule, &numbers(MAX_EVALUATION_STEPS / 3));
        takes_too_many_steps(&rule, &numbers(MAX_EVALUATION_STEPS / 3 + 1));
    }
    let rule = json!({ "merge": [{ "var": "list" }, { "var": "list" }] });
    fits(&rule, &numbers(MAX_EVALUATION_STEPS / 2));
    takes_too_many_steps(&rule, &numbers(MAX_EVALUATION_STEPS / 2 + 1));
    let rule = json!({ "missing": [{ "var": "list" }] });
    fits(&rule, &numbers(MAX_EVALUATION_STEPS));
    takes_too_many_steps(&rule, &numbers(MAX_EVALUATION_STEPS + 1));
}

#[test]
fn loops_in_loops() {
    let inner = json!({ "map": [{ "var": "list" }, 1] });
    // Inside, `var` sees the item, which holds a list in its turn.
    let rule = json!({ "map": [{ "var": "outer" }, inner] });
    let context = |outer: usize, inner: usize| json!({ "outer": vec![numbers(inner); outer] });
    fits(&rule, &context(100, 300));
    takes_too_many_steps(&rule, &context(400, 300));
    takes_too_many_steps(&rule, &context(100, 400));
}

#[test]
fn what_is_searched_and_compared() {
    let rule = json!({ "in": [-1, { "var": "list" }] });
    fits(&rule, &numbers(MAX_EVALUATION_STEPS));
    takes_too_many_steps(&rule, &numbers(MAX_EVALUATION_STEPS + 1));
    let context = |bytes: usize| json!({ "text": "x".repeat(bytes), "same": "x".repeat(bytes) });
    let rule = json!({ "in": ["y", { "var": "text" }] });
    fits(&rule, &context(16 * MAX_EVALUATION_STEPS));
    takes_too_many_steps(&rule, &context(16 * MAX_EVALUATION_STEPS + 16));
    for rule in [
        json!({ "==": [{ "var": "text" }, { "var": "same" }] }),
        json!({ "<": [{ "var": "text" }, { "var": "same" }] }),
        json!({ "ends_with": [{ "var": "text" }, { "var": "same" }] }),
        json!({ "fractional": [{ "var": "text" }, ["on"]] }),
    ] {
        fits(&rule, &context(64 * MAX_EVALUATION_STEPS));
        takes_too_many_steps(&rule, &context(64 * MAX_EVALUATION_STEPS + 64));
    }
}

/// No operator of a rule without loops does more than its share of the work either.
#[test]
fn many_operators_over_one_long_text() {
    let rule = |operators: usize| {
        let one = json!({ "in": ["y", { "var": "text" }] });
        json!({ "or": vec![one; operators] })
    };
    let context = json!({ "text": "x".repeat(16 * 1_000) });
    fits(&rule(MAX_EVALUATION_STEPS / 1_000), &context);
    takes_too_many_steps(&rule(MAX_EVALUATION_STEPS / 1_000 + 1), &context);
    let key = json!({ "targetingKey": "x".repeat(64 * 1_000) });
    let rule = |operators: usize| {
        let one = json!({ "fractional": [["", 1]] });
        json!({ "or": vec![one; operators] })
    };
    fits(&rule(MAX_EVALUATION_STEPS / 1_000), &key);
    takes_too_many_steps(&rule(MAX_EVALUATION_STEPS / 1_000 + 1), &key);
}

/// What doubles with every turn is stopped before it fills the memory.
#[test]
fn values_that_grow() {
    let double = |operator: &str, start: Json| {
        let so_far = json!({ "var": "accumulator" });
        json!({ "reduce": [{ "var": "list" }, { operator: [so_far, so_far] }, start] })
    };
    for rule in [double("cat", json!("x")), double("merge", json!([1]))] {
        fits(&rule, &numbers(10));
        takes_too_many_steps(&rule, &numbers(60));
    }
}

/// An array of twice the same array, and so on, is small in memory, and 2^60 items for whoever looks
/// at all of them.
#[test]
fn values_that_share_their_parts() {
    let share = |start: Json| {
        let so_far = json!({ "var": "accumulator" });
        json!({ "reduce": [{ "var": "list" }, [so_far, so_far], start] })
    };
    let shared = share(json!("x"));
    let list = numbers(60);
    fits(&shared, &list);
    for looks in [
        json!({ "cat": [shared] }),
        json!({ "===": [shared, share(json!("x"))] }),
        json!({ "in": ["x", { "cat": [shared] }] }),
        json!({ "in": [share(json!("x")), [shared, 1]] }),
        json!({ "<": [shared, "x"] }),
        json!({ "==": [shared, "x"] }),
        json!({ "var": { "merge": [{ "cat": [shared] }] } }),
        json!({ "missing": [[shared]] }),
    ] {
        takes_too_many_steps(&looks, &list);
    }
    // What is the same is equal without looking inside, and no number is looked for in two items.
    for looks in [
        json!({ "reduce": [[shared], { "===": [{ "var": "current" }, { "var": "current" }] }, 0] }),
        json!({ "!": { "+": [shared] } }),
        json!({ "var": [{ "+": [shared] }, true] }),
    ] {
        fits(&looks, &list);
    }
    // As a bucketing value it needs an object around it, for an array is the first entry.
    let frame = json!({ "reduce": [[shared], { "fractional": [{ "var": "" }, ["on"]] }, 0] });
    takes_too_many_steps(&frame, &list);
}

#[test]
fn value_depth() {
    let nested = |levels: usize| {
        let wrapped = json!({ "reduce": [{ "var": "list" }, [{ "var": "accumulator" }], "x"] });
        (wrapped, numbers(levels))
    };
    let too_deep = |result: Result<Vec<String>, String>| {
        let message = result.expect_err("it is stopped");
        let expected = format!("a value nests more than {MAX_VALUE_DEPTH} levels deep");
        assert!(message.ends_with(&expected), "{message}");
    };
    let (wrapped, _) = nested(0);
    let compare = json!({ "===": [wrapped, { "reduce": [{ "var": "list" }, [{ "var": "accumulator" }], "y"] }] });
    let hash = json!({ "reduce": [[wrapped], { "fractional": [{ "var": "" }, ["on"]] }, 0] });
    for (rule, levels) in [(json!({ "cat": [wrapped] }), 0), (compare, 0), (hash, 1)] {
        let (_, within) = nested(MAX_VALUE_DEPTH + 1 - levels);
        fits(&rule, &within);
        let (_, beyond) = nested(MAX_VALUE_DEPTH + 2 - levels);
        too_deep(run(&rule, &beyond));
    }
    // An array of one counts as what is in it, however deep: that needs no stack.
    let (wrapped, deep) = nested(20_000);
    fits(&json!({ "!": { "+": [wrapped] } }), &deep);
}

/// Every level of a rule may be a loop.
#[test]
fn loops_as_deep_as_a_rule_goes() {
    let mut evaluators = Map::from_iter([("e1".to_owned(), json!(1))]);
    let deepest = MAX_RULE_DEPTH / 2 - 2;
    for level in 2..=deepest {
        let inner = json!({ "$ref": format!("e{}", level - 1) });
        evaluators.insert(format!("e{level}"), json!({ "map": [[1], inner] }));
    }
    let mut rule = document(&json!({ "$ref": format!("e{deepest}") }));
    rule["$evaluators"] = json!(evaluators);
    let steps = steps(&rule, &json!({})).expect("it fits");
    // The innermost is a constant; `if`, and the conclusion.
    assert_eq!(steps.len(), deepest + 1);
}

#[test]
fn explained_steps() {
    let rule = json!({ "some": [{ "var": "list" }, { "<": [{ "var": "" }, 0] }] });
    let count = |turns: usize| run(&rule, &numbers(turns)).expect("it fits");
    // `if`, `some`, the turns, and the conclusion.
    let all = count(MAX_EXPLAINED_STEPS - 2);
    assert_eq!(all.len(), MAX_EXPLAINED_STEPS + 1);
    let some = count(MAX_EXPLAINED_STEPS + 5);
    assert_eq!(some.len(), MAX_EXPLAINED_STEPS + 2);
    assert_eq!(some[MAX_EXPLAINED_STEPS], "7 more steps are not listed");
    // The loop itself says how it ended.
    assert!(
        some[1].ends_with("it holds for none of 1005 items)"),
        "{}",
        some[1]
    );
}

/// A constant that is never evaluated is a part of the rule nevertheless.
#[test]
fn constants_are_parts_of_a_rule() {
    let rule = |parts: usize| {
        let start = json!({ "a": vec![0; parts], "b": 1 });
        document(&json!({ "reduce": [[], 1, start] }))
    };
    let compile = |parts: usize| {
        let set = Compiler::new()
            .compile("bounds", &rule(parts))
            .expect("at most a flag");
        set.problems.len()
    };
    // `if` and its two other arguments, `reduce`, its first two, and of the object itself the
    // object, the array and `b`.
    assert_eq!(compile(MAX_RULE_NODES - 9), 0);
    assert_eq!(compile(MAX_RULE_NODES - 8), 1);
}
