//! What one set takes in memory is bounded, whatever its references multiply. One test in a binary of
//! its own, for the counter counts every thread.

mod many_sets;

use std::alloc::System;
use std::sync::Arc;

use burgee_eval::limits::{MAX_PROBLEM_BYTES, MAX_PROBLEMS, MAX_SET_BYTES};
use burgee_eval::{
    Compiler, Context, FlagSet, Moment, Problem, Reason, Severity, Snapshot, evaluate,
};
use serde_json::{Map, Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What the test runner's own thread may allocate meanwhile.
const TEST_RUNNER_BYTES: usize = 4096;

#[test]
fn what_a_set_takes_is_bounded() {
    the_estimate_is_no_lower_than_what_is_held();
    gates_and_flaws_are_counted();
    the_flags_of_an_organisation_fit_into_one_set();
    references_multiply_no_further_than_the_bound();
    a_rule_that_is_refused_holds_nothing();
    long_texts_multiply_no_further_than_the_bound();
    what_is_wrong_takes_little();
}

/// So many flags whose rule is the evaluator `r`.
fn document(evaluators: &Value, flags: usize) -> Value {
    let flag = json!({
        "state": "ENABLED",
        "variants": { "a": true },
        "defaultVariant": "a",
        "targeting": { "$ref": "r" },
    });
    let flags: Map<String, Value> = (0..flags)
        .map(|index| (format!("f{index:05}"), flag.clone()))
        .collect();
    json!({ "$evaluators": evaluators, "flags": flags })
}

/// Three evaluators in few bytes, of which `r` has 203 parts for each of `wide`.
fn fan_out(wide: usize) -> Value {
    json!({
        "p": { "==": [{ "var": "x" }, 1] },
        "q": { "or": vec![json!({ "$ref": "p" }); 40] },
        "r": { "if": [{ "or": vec![json!({ "$ref": "q" }); wide] }, "a"] },
    })
}

fn held(change: Stats) -> usize {
    change.bytes_allocated - change.bytes_deallocated
}

struct Compiled {
    result: Result<FlagSet, Vec<Problem>>,
    /// Bytes that the result holds, and the compiler that made it.
    held: usize,
    /// Bytes that were allocated on the way, all together.
    worked: usize,
}

fn compile(document: &Value) -> Compiled {
    let mut compiler = Compiler::new();
    let region = Region::new(ALLOCATOR);
    let result = compiler.compile("memory", document);
    let change = region.change();
    Compiled {
        result,
        held: held(change),
        worked: change.bytes_allocated,
    }
}

fn accepted(name: &str, compiled: Compiled) -> (FlagSet, usize) {
    match compiled.result {
        Ok(set) => (set, compiled.held),
        Err(problems) => panic!("{name}: {}: {}", problems.len(), problems[0].message),
    }
}

/// That a document is refused for its size; what that holds.
fn refused(name: &str, compiled: &Compiled) -> usize {
    let Err(problems) = &compiled.result else {
        panic!("{name} is accepted");
    };
    let first = &problems[0];
    assert_eq!(first.severity, Severity::Document, "{name}");
    assert!(
        first.message.contains("MiB of memory"),
        "{name}: {}",
        first.message
    );
    // Vectors double while they grow, and every rule is taken apart again.
    assert!(
        compiled.worked <= 8 * MAX_SET_BYTES,
        "{name}: {}",
        compiled.worked
    );
    compiled.held
}

/// Problems with their texts, and the unused half of the list.
fn problem_bytes(problems: &[Problem]) -> usize {
    let bytes = |problem: &Problem| {
        let flag = problem.flag.as_ref().map_or(0, String::capacity);
        let help = problem.help.as_ref().map_or(0, String::capacity);
        2 * size_of::<Problem>()
            + problem.path.capacity()
            + problem.message.capacity()
            + flag
            + help
    };
    problems.iter().map(bytes).sum()
}

/// Evaluators `r` that are as wasteful as rules can be, each in its way.
#[allow(clippy::too_many_lines)] // It is a list.
fn wasteful() -> Vec<(&'static str, Value)> {
    let many = |item: Value| vec![item; 400];
    let deep =
        |wrap: &dyn Fn(Value) -> Value| (0..40).fold(json!({ "var": "x" }), |rule, _| wrap(rule));
    let x = || json!({ "var": "x" });
    let any = |item: Value| json!({ "or": many(item) });
    let long: String = "x".repeat(5_000);
    vec![
        ("comparisons", any(json!({ "==": [x(), 1] }))),
        ("orders", any(json!({ "<": [1, x(), 3] }))),
        (
            "negations",
            json!({ "or": vec![deep(&|rule| json!({ "!": [rule] })); 100] }),
        ),
        ("brackets", any(json!([[[[x()]]]]))),
        ("empty", any(json!({ "cat": [] }))),
        ("without arguments", any(json!({ "or": [] }))),
        ("null", any(json!({ "starts_with": [x(), null] }))),
        ("texts", any(json!({ "starts_with": [x(), long] }))),
        (
            "short texts",
            any(json!({ "in": [x(), ["a", "b", "c", "d"]] })),
        ),
        (
            "long texts",
            any(json!({ "in": [x(), ["123456789", "b", "c", "d"]] })),
        ),
        (
            "many texts",
            any(json!({ "in": [x(), vec!["123456789"; 20]] })),
        ),
        ("many numbers", any(json!({ "in": [x(), vec![12; 20]] }))),
        (
            "members",
            any(json!({ "in": [x(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, null, [1], {}, "a"]] })),
        ),
        ("computed items", any(json!({ "in": [1, [x(), 2]] }))),
        (
            "objects",
            json!({ "in": [x(), many(json!({ "a": 1, "b": 2 }))] }),
        ),
        (
            "large objects",
            json!({ "in": [x(), many(json!({ "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9, "j": 0, "k": 1, "l": 2 }))] }),
        ),
        (
            "short fractional",
            any(json!({ "fractional": [["a", 1], ["b", 1]] })),
        ),
        ("bare fractional", any(json!({ "fractional": [] }))),
        ("one entry", any(json!({ "fractional": [["a"]] }))),
        (
            "fractional of nothing",
            any(json!({ "fractional": [x(), []] })),
        ),
        (
            "fractional",
            any(json!({ "fractional": [{ "cat": [x(), "-salt"] }, ["a", 1], ["b", 1]] })),
        ),
        (
            "computed fractional",
            any(json!({ "fractional": [x(), [x(), x()], [x()]] })),
        ),
        ("versions", any(json!({ "sem_ver": [x(), ">=", "1.2.3"] }))),
        ("parts", any(json!({ "substr": [x(), 1] }))),
        ("sums", any(json!({ "+": [x()] }))),
        ("differences", any(json!({ "-": [x()] }))),
        ("defaults", any(json!({ "var": ["x", 1] }))),
        ("paths", any(json!({ "var": [x()] }))),
        ("whole", any(json!({ "var": [] }))),
        (
            "key",
            any(json!({ "cat": [{ "var": "$flagd.flagKey" }, x()] })),
        ),
        ("missing", any(json!({ "missing": ["x", "y"] }))),
        ("one missing", any(json!({ "missing": "x" }))),
        (
            "some missing",
            any(json!({ "missing_some": [1, ["x", "y"]] })),
        ),
        ("computed missing", any(json!({ "missing": [x(), "a"] }))),
        ("loops", any(json!({ "map": [x(), { "var": "y" }] }))),
        ("bare loops", any(json!({ "map": [] }))),
        (
            "reductions",
            any(json!({ "reduce": [x(), { "var": "accumulator.long.path" }, {}] })),
        ),
        (
            "missing in items",
            any(json!({ "map": [x(), { "missing": ["y", "z"] }] })),
        ),
        (
            "fractional in items",
            any(json!({ "map": [x(), { "fractional": [["a", 1]] }] })),
        ),
        ("conditions", any(json!({ "if": [x(), "a", x(), "b"] }))),
        ("unknown", any(json!({ "nope": [1] }))),
        ("nothing of three", any(json!({ "substr": [] }))),
        ("nothing of two", any(json!({ "missing_some": [] }))),
        ("computed and missing", any(json!({ "missing": [x()] }))),
        ("ignored", any(json!({ "!": [x(), { "/": [1, 0] }] }))),
        (
            "ignored that may fail",
            any(json!({ "!": [x(), { "/": [x(), x()] }] })),
        ),
        ("merged", any(json!({ "merge": [x(), [1, 2]] }))),
        ("folded", any(json!({ "merge": [["a"], [[]]] }))),
        ("several keys", any(json!({ "a": 1, "b": [x()] }))),
    ]
}

fn the_estimate_is_no_lower_than_what_is_held() {
    for (name, evaluator) in wasteful() {
        let compiled = compile(&document(&json!({ "r": evaluator }), 10));
        let (set, held) = accepted(name, compiled);
        let most = set.bytes + problem_bytes(&set.problems) + TEST_RUNNER_BYTES;
        assert!(held <= most, "{name}: {held} of {most} bytes are held");
    }
}

/// What stands beside a flag, and what is wrong with it, multiply its text, too.
fn gates_and_flaws_are_counted() {
    let names = |count: usize| -> Vec<String> { (0..count).map(|name| name.to_string()).collect() };
    let wildcards = "*".repeat(128);
    let required: Map<String, Value> = (0..16)
        .map(|key| (format!("f{key:05}"), json!(names(400))))
        .collect();
    for (name, entry) in [
        ("regions", json!({ "regions": vec![wildcards; 64] })),
        ("short regions", json!({ "regions": vec!["a"; 64] })),
        ("prerequisites", json!({ "requires": required })),
        (
            "layer",
            json!({ "layer": { "name": "l", "from": 0, "to": 9 } }),
        ),
        ("header", json!({ "header": "x-flag-of-a-long-name" })),
        ("flaws", json!({ "regions": vec![0; 64], "nope": 1 })),
    ] {
        let mut document = document(&json!({ "r": { "if": [true, "a"] } }), 100);
        let keys = document["flags"].as_object().expect("it is one").keys();
        let delivery: Map<String, Value> = keys.map(|key| (key.clone(), entry.clone())).collect();
        document["delivery"] = Value::Object(delivery);
        let (set, held) = accepted(name, compile(&document));
        let most = set.bytes + problem_bytes(&set.problems) + TEST_RUNNER_BYTES;
        assert!(held <= most, "{name}: {held} of {most} bytes are held");
    }
}

fn the_flags_of_an_organisation_fit_into_one_set() {
    let mut flags = Map::new();
    for (_, text) in many_sets::texts() {
        let set: Value = serde_json::from_str(&text).expect("it is JSON");
        flags.extend(set["flags"].as_object().expect("it is one").clone());
    }
    assert_eq!(flags.len(), many_sets::SETS * many_sets::FLAGS);
    let staff = json!({ "ends_with": [{ "var": "email" }, "@example.com"] });
    let document = json!({
        "metadata": { "owner": "everyone", "bucketing": "v3" },
        "$evaluators": { "staff": staff },
        "flags": flags,
    });
    let (set, held) = accepted("10,000 flags", compile(&document));
    assert!(held <= set.bytes, "{held} of {}", set.bytes);
    let most = MAX_SET_BYTES * 3 / 5;
    assert!(set.bytes <= most, "{} of {most}", set.bytes);
}

fn references_multiply_no_further_than_the_bound() {
    let bytes = |flags: usize| {
        let (set, _) = accepted("few", compile(&document(&fan_out(48), flags)));
        set.bytes
    };
    let (none, one) = (bytes(0), bytes(1) - bytes(0));
    let most = (MAX_SET_BYTES - none) / one;
    let (set, held) = accepted("most", compile(&document(&fan_out(48), most)));
    assert_eq!(set.flags.len(), most);
    assert!(held <= MAX_SET_BYTES, "{held} bytes are held");
    drop(set);
    for flags in [most + 1, 5_300] {
        let held = refused("fan-out", &compile(&document(&fan_out(48), flags)));
        assert!(held <= TEST_RUNNER_BYTES, "{held} bytes are held");
    }
}

fn a_rule_that_is_refused_holds_nothing() {
    let document = document(&fan_out(60), 20);
    let mut compiler = Compiler::new();
    let region = Region::new(ALLOCATOR);
    let set = compiler.compile("memory", &document).expect("it is served");
    let held = held(region.change());
    assert!(held <= 64 * 1024, "{held} bytes are held");
    let is_told = |problem: &Problem| problem.message == "the rule has more than 10000 parts";
    assert!(set.problems.iter().all(is_told), "{:?}", set.problems);
    assert_eq!(set.problems.len(), 20);
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    for (flag, _) in snapshot.flags() {
        let context = Context::new(snapshot.attributes());
        let decision = evaluate(&snapshot, flag, &context, Moment::current(0));
        assert_eq!(decision.reason, Reason::Error);
    }
    // Each of them was work, of which there is no more than of what is kept.
    let held = refused(
        "refused rules",
        &compile(&self::document(&fan_out(60), 5_300)),
    );
    let problems = MAX_PROBLEMS * 4 * size_of::<Problem>();
    assert!(held <= problems, "{held} bytes are held");
}

fn long_texts_multiply_no_further_than_the_bound() {
    let long = "x".repeat(1_000_000);
    let object: Map<String, Value> = (0..1_000)
        .map(|key| (format!("{key}{}", "k".repeat(900)), json!(1)))
        .collect();
    for (name, evaluator) in [
        (
            "a text",
            json!({ "or": vec![json!({ "$ref": "long" }); 100] }),
        ),
        (
            "an object",
            json!({ "in": [1, vec![json!({ "$ref": "object" }); 8]] }),
        ),
        (
            "a constant",
            json!({ "or": vec![json!({ "in": [{ "$ref": "long" }, "x"] }); 100] }),
        ),
    ] {
        let evaluators = json!({ "r": evaluator, "long": long, "object": object });
        let held = refused(name, &compile(&document(&evaluators, 20)));
        assert!(held <= 1024 * 1024, "{name}: {held} bytes are held");
    }
    let mut document = document(&json!({ "r": { "if": [true, "a"] } }), 10_000);
    assert!(compile(&document).result.is_ok());
    document["metadata"] = json!({ "purpose": "x".repeat(10_000) });
    let held = refused("metadata", &compile(&document));
    assert!(held <= TEST_RUNNER_BYTES, "{held} bytes are held");
}

fn what_is_wrong_takes_little() {
    let long = "x".repeat(10_000);
    let deep = (0..40).fold(
        json!(1),
        |rule, level| json!({ format!("{level}{}", "k".repeat(1_000)): [rule] }),
    );
    for (name, evaluator, flags) in [
        ("a reference", json!({ "$ref": long }), 2_000),
        (
            "a reference inside",
            json!({ "cat": [{ "$ref": long }] }),
            2_000,
        ),
        // What is to be told of each of them, where it is reached, has a long path as well.
        ("operators", deep, 50),
    ] {
        let compiled = compile(&document(&json!({ "r": evaluator }), flags));
        let (set, _) = accepted(name, compiled);
        let bytes = problem_bytes(&set.problems);
        let most = 2 * MAX_PROBLEM_BYTES + 2 * (MAX_PROBLEMS + 1) * size_of::<Problem>();
        assert!(bytes <= most, "{name}: {bytes} of {most}");
        let last = set.problems.last().expect("there are some");
        assert!(last.message.contains("more problems"), "{name}");
    }
}
