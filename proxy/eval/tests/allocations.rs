//! Deciding allocates nothing. One test in a binary of its own, for the counter counts every thread.

use std::alloc::System;
use std::sync::Arc;

use burgee_eval::{Compiler, Context, Moment, Snapshot, Value, evaluate};
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Each gate once open, once closed, and two of them behind each other.
fn gates() -> serde_json::Value {
    let layer = |name: &str, from: u32, to: u32| json!({ "name": name, "from": from, "to": to });
    json!({
        "equal": { "regions": ["us-*", "eu-*-1"] },
        "strict": { "regions": ["us", "*-2"] },
        "logic": { "layer": layer("x", 0, 9999) },
        "between": { "layer": layer("y", 0, 0) },
        "text-order": { "stale": { "after": "1m", "then": "serve" } },
        "in-text": { "stale": { "after": "1m", "then": "default" } },
        "in-short": { "requires": { "equal": ["on"], "strict": ["off"], "in-long": ["on"] } },
        "in-long": { "requires": { "logic": ["on"] }, "layer": layer("z", 0, 9999) },
    })
}

#[test]
fn deciding_allocates_nothing_or_little() {
    deciding_allocates_nothing();
    what_grows_is_stopped();
}

fn deciding_allocates_nothing() {
    let rules = json!({
        "equal": { "if": [{ "==": [{ "var": "age" }, "42"] }, "on", "off"] },
        "strict": { "if": [{ "!==": [{ "var": ["plan", "none"] }, "gold"] }, "on", "off"] },
        "logic": { "if": [{ "and": [{ "or": [{ "!": [{ "var": "x" }] }, false] }, { "!!": [1] }] }, "on", "off"] },
        "between": { "if": [{ "<": [18, { "var": "age" }, 65] }, "on", "off"] },
        "text-order": { "if": [{ ">=": [{ "var": "plan" }, "b"] }, "on", "off"] },
        "in-text": { "if": [{ "in": ["@example.com", { "var": "email" }] }, "on", "off"] },
        "number-in-text": { "if": [{ "in": [{ "var": "ratio" }, "0.25"] }, "on", "off"] },
        "in-short": { "if": [{ "in": [{ "var": "plan" }, ["gold", "silver"]] }, "on", "off"] },
        "in-long": { "if": [{ "in": [{ "var": "plan" }, ["longer than eight", "gold"]] }, "on", "off"] },
        "in-many": { "in": [{ "var": "plan" }, ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"]] },
        "in-computed": { "in": ["gold", [{ "var": "email" }, { "var": "plan" }]] },
        "short-form": { "fractional": [["on", 10], ["off", 90]] },
        "by-value": { "fractional": [{ "var": "email" }, ["on", 10], ["off", 90]] },
        "by-joined": { "fractional": [{ "cat": [{ "var": "$flagd.flagKey" }, "-", { "var": "email" }] }, ["on", 10], ["off", 90]] },
        "in-numbers": { "in": [{ "var": "age" }, [1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 42]] },
        "by-number": { "fractional": [{ "var": "ratio" }, ["on"], ["off"]] },
        "computed": { "fractional": [["on", { "var": "age" }], [{ "var": "variant" }, 50]] },
        "versions": { "if": [{ "sem_ver": [{ "var": "version" }, ">=", "1.2"] }, "on", "off"] },
        "prefix": { "if": [{ "starts_with": [{ "var": "email" }, "a"] }, "on", "off"] },
        "suffix": { "if": [{ "ends_with": [{ "var": "email" }, ".com"] }, "on", "off"] },
        "time": { "if": [{ ">": [{ "var": "$flagd.timestamp" }, 1000] }, "on", "off"] },
        "arithmetic": { "if": [{ ">": [{ "%": [{ "*": [{ "var": "age" }, 7] }, 100] }, { "min": [{ "/": [{ "var": "ratio" }, 2] }, 3] }] }, "on", "off"] },
        "part": { "if": [{ "==": [{ "substr": [{ "var": "email" }, -3] }, "com"] }, "on", "off"] },
        "one-text": { "cat": [{ "substr": [{ "var": "variant" }, 0] }] },
        "nothing-missing": { "if": [{ "missing": ["plan", "age"] }, "off", "on"] },
        "enough": { "if": [{ "missing_some": [1, ["plan", "age"]] }, "off", "on"] },
        "some": { "some": [["a", "b", 3], { "==": [{ "var": "" }, 3] }] },
        "all": { "all": [["a", "b"], { "in": [{ "var": "" }, ["a", "b"]] }] },
        "none": { "none": [{ "var": "nothing" }, true] },
        "key": { "if": [{ "==": [{ "var": "$flagd.flagKey" }, "key"] }, "on", "off"] },
    });
    let rules = rules.as_object().expect("it is one");
    let flags: serde_json::Map<String, serde_json::Value> = rules
        .iter()
        .map(|(key, rule)| {
            let variants = json!({ "on": 1, "off": 2, "true": 3, "false": 4 });
            let flag = json!({ "state": "ENABLED", "variants": variants, "defaultVariant": "off", "targeting": rule });
            (key.clone(), flag)
        })
        .collect();
    let mut compiler = Compiler::new();
    let set = compiler
        .compile(
            "allocations",
            &json!({ "flags": flags, "delivery": gates() }),
        )
        .expect("valid");
    assert_eq!(set.problems, []);
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);

    let mut context = Context::new(snapshot.attributes());
    context.set_targeting_key("user-1");
    for (name, value) in [
        ("age", Value::Number(42.0)),
        ("plan", Value::Str("gold")),
        ("email", Value::Str("anna@example.com")),
        ("ratio", Value::Number(0.25)),
        ("version", Value::Str("v1.10.0-rc.1")),
        ("variant", Value::Str("off")),
        ("region", Value::Str("eu-west-1")),
    ] {
        context.set(
            snapshot.attributes().find(name).expect("a rule reads it"),
            value,
        );
    }

    assert_eq!(snapshot.problems(), []);
    let old = Moment {
        now: 2000,
        synced_at: None,
    };
    let moments = [Moment::current(2000), old];
    for ((index, flag), moment) in snapshot
        .flags()
        .flat_map(|flag| moments.map(|moment| (flag, moment)))
    {
        let region = Region::new(ALLOCATOR);
        let decision = evaluate(&snapshot, index, &context, moment);
        let change = region.change();
        assert_eq!(decision.error, None, "{}", flag.key);
        assert_eq!(
            change.allocations + change.reallocations,
            0,
            "{} allocates",
            flag.key
        );
    }
}

/// Rules that make as much as they can before their steps are used up.
fn what_grows_is_stopped() {
    const MIB: usize = 1024 * 1024;
    let piece = "x".repeat(63);
    let list: Vec<usize> = (0..30_000).collect();
    let so_far = json!({ "var": "accumulator" });
    let reduce = |body: serde_json::Value, start: serde_json::Value| json!({ "reduce": [{ "var": "list" }, body, start] });
    for rule in [
        reduce(json!({ "cat": [so_far, so_far] }), json!("x")),
        reduce(json!({ "cat": [so_far, piece] }), json!("")),
        reduce(json!({ "merge": [so_far, so_far] }), json!([1])),
        reduce(
            json!({ "merge": [so_far, { "var": "current" }] }),
            json!([]),
        ),
        reduce(
            json!([
                so_far, so_far, so_far, so_far, so_far, so_far, so_far, so_far
            ]),
            json!(1),
        ),
        json!({ "map": [{ "var": "list" }, { "cat": [piece, { "var": "" }] }] }),
        json!({ "cat": [{ "map": [{ "var": "list" }, "x".repeat(1000)] }] }),
        json!({ "==": ["x", { "map": [{ "var": "list" }, "x".repeat(1000)] }] }),
    ] {
        let rule = json!({ "if": [rule, "on", "off"] });
        let flag =
            json!({ "state": "ENABLED", "variants": { "on": 1, "off": 2 }, "targeting": rule });
        let mut compiler = Compiler::new();
        let region = Region::new(ALLOCATOR);
        let set = compiler
            .compile("allocations", &json!({ "flags": { "f": flag } }))
            .expect("valid");
        let bytes = region.change().bytes_allocated;
        assert!(bytes < MIB, "{rule} compiles to {bytes} bytes");
        let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
        let index = snapshot.find("f").expect("it is there");
        let tree = json!({ "list": list });
        let context = Context::from_json(snapshot.attributes(), &tree);
        let region = Region::new(ALLOCATOR);
        evaluate(&snapshot, index, &context, Moment::current(0));
        let allocated = region.change().bytes_allocated;
        assert!(allocated < 20 * MIB, "{rule} allocates {allocated} bytes");
    }
}
