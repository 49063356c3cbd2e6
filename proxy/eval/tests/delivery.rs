//! Gates as authored: what is accepted, what is refused, and where it says so.

use std::sync::Arc;

use burgee_eval::limits::{
    MAX_LAYER_NAME_BYTES, MAX_PREREQUISITES, MAX_REGION_BYTES, MAX_REGIONS, MAX_VARIANTS,
};
use burgee_eval::text::{Format, parse};
use burgee_eval::{Compiler, Context, FlagSet, Moment, Problem, Severity, Snapshot, explain};
use serde_json::{Value as Json, json};

fn compile(entry: &Json) -> FlagSet {
    let document = json!({
        "flags": { "f": { "state": "ENABLED", "variants": { "on": 1, "off": 2 }, "defaultVariant": "off" } },
        "delivery": { "f": entry },
    });
    Compiler::new()
        .compile("set", &document)
        .expect("a gate refuses no document")
}

fn problems(entry: &Json) -> Vec<Problem> {
    let problems = compile(entry).problems;
    for problem in &problems {
        assert_eq!(problem.flag.as_deref(), Some("f"), "{problem:?}");
        assert!(problem.help.is_some(), "says what to do: {problem:?}");
    }
    problems
}

/// `path message (help)`, one for each problem that spoils the flag.
#[track_caller]
fn spoils(entry: &Json, expected: &[&str]) {
    let problems = problems(entry);
    let shown: Vec<String> = problems
        .iter()
        .map(
            |Problem {
                 path,
                 message,
                 help,
                 severity,
                 ..
             }| {
                assert_eq!(*severity, Severity::Flag, "{message}");
                let path = path.strip_prefix("/delivery/f").expect("it stands there");
                format!("{path} {message} ({})", help.as_deref().unwrap_or_default())
            },
        )
        .collect();
    assert_eq!(shown, expected, "{entry}");
}

#[track_caller]
fn fine(entry: &Json) {
    assert_eq!(problems(entry), [], "{entry}");
}

#[test]
fn regions() {
    fine(&json!({ "regions": ["eu"] }));
    fine(&json!({ "regions": ["eu", "eu-*", "*", "us_1", "*-*"] }));
    spoils(
        &json!({ "regions": [] }),
        &[
            "/regions there is no region in the list, so the flag would be nowhere (name regions, such as `[eu, eu-*]`, or remove `regions`)",
        ],
    );
    spoils(
        &json!({ "regions": "eu" }),
        &["/regions regions are a list, not a string (write a list, such as `[eu, eu-*]`)"],
    );
    spoils(
        &json!({ "regions": ["eu", 5, "EU", "", "eu-?", "eu 1"] }),
        &[
            "/regions/1 a region is a text, not a number (write its name in quotes)",
            "/regions/2 \"EU\" matches no region (use lower-case letters, digits, `-` and `_`, and `*` for any number of them)",
            "/regions/3 \"\" matches no region (use lower-case letters, digits, `-` and `_`, and `*` for any number of them)",
            "/regions/4 \"eu-?\" matches no region (use lower-case letters, digits, `-` and `_`, and `*` for any number of them)",
            "/regions/5 \"eu 1\" matches no region (use lower-case letters, digits, `-` and `_`, and `*` for any number of them)",
        ],
    );
}

#[test]
fn requires() {
    fine(&json!({ "requires": { "g": ["on"] } }));
    fine(&json!({ "requires": { "g": ["on", "off", "on"], "h/i": ["x"] } }));
    spoils(
        &json!({ "requires": [] }),
        &[
            "/requires requires is an object by flag, not a list (write flags with the variants that are wanted, such as `{ new-cart: [\"on\"] }`)",
        ],
    );
    spoils(
        &json!({ "requires": {} }),
        &[
            "/requires no flag is required (write flags with the variants that are wanted, such as `{ new-cart: [\"on\"] }`, or remove it)",
        ],
    );
    spoils(
        &json!({ "requires": { "a": "on", "b": true, "c": [], "d": [true, ["x"], "on"], "e~/": 1 } }),
        &[
            "/requires/a the variants that are wanted are a list (write a list, also of one: `[\"on\"]`)",
            "/requires/b the variants that are wanted are a list, not a boolean (write a list of their names, such as `[\"on\"]`)",
            "/requires/c no variant is wanted, so this can never hold (name variants, such as `[\"on\"]`, or remove it)",
            "/requires/d/0 this is a boolean, and a variant is named by a text (quote it: \"true\")",
            "/requires/d/1 this is a list, and a variant is named by a text (write its name in quotes)",
            "/requires/e~0~1 the variants that are wanted are a list, not a number (write a list of their names, such as `[\"on\"]`)",
        ],
    );
}

#[test]
fn layers() {
    fine(&json!({ "layer": { "name": "x", "from": 0, "to": 9999 } }));
    fine(&json!({ "layer": { "name": "x", "from": 5, "to": 5 } }));
    fine(&json!({ "layer": { "name": "x", "from": 5.0, "to": 6 } }));
    spoils(
        &json!({ "layer": "x" }),
        &[
            "/layer a layer is an object, not a string (write `{ name: checkout-tests, from: 0, to: 4999 }`)",
        ],
    );
    spoils(
        &json!({ "layer": { "nmae": "x" } }),
        &[
            "/layer/nmae a layer has no setting \"nmae\" (did you mean \"name\"?)",
            "/layer `name` is missing (write `{ name: checkout-tests, from: 0, to: 4999 }`)",
            "/layer `from` is missing (write `{ name: checkout-tests, from: 0, to: 4999 }`)",
            "/layer `to` is missing (write `{ name: checkout-tests, from: 0, to: 4999 }`)",
        ],
    );
    let wrong = |slot: Json| {
        let entry = json!({ "layer": { "name": "x", "from": slot, "to": 9999 } });
        let expected =
            format!("/layer/from {slot} is not a slot (write a whole number from 0 to 9999)");
        spoils(&entry, &[&expected]);
    };
    for slot in [
        json!(-1),
        json!(10_000),
        json!(0.5),
        json!("0"),
        json!(null),
        json!(true),
        json!(1e300),
    ] {
        wrong(slot);
    }
    spoils(
        &json!({ "layer": { "name": "", "from": 0, "to": 1 } }),
        &["/layer/name the layer has no name (give it a name)"],
    );
    spoils(
        &json!({ "layer": { "name": 5, "from": 0, "to": 1 } }),
        &["/layer/name the layer's name is a text, not a number (write it in quotes)"],
    );
    spoils(
        &json!({ "layer": { "name": "x", "from": 5, "to": 4 } }),
        &["/layer the slots from 5 to 4 are none (write the lower one as `from`; both count)"],
    );
}

#[test]
fn stale() {
    for after in ["30s", "90s", "15m", "1h 30m", "366d"] {
        fine(&json!({ "stale": { "after": after, "then": "default" } }));
    }
    fine(&json!({ "stale": { "after": "15m", "then": "serve" } }));
    spoils(
        &json!({ "stale": "15m" }),
        &[
            "/stale stale is an object, not a string (write `{ after: 15m, then: default }` or `{ after: 15m, then: serve }`)",
        ],
    );
    spoils(
        &json!({ "stale": { "after": "15m", "than": "serve" } }),
        &[
            "/stale/than stale has no setting \"than\" (did you mean \"then\"?)",
            "/stale `then` is missing (write `{ after: 15m, then: default }` or `{ after: 15m, then: serve }`)",
        ],
    );
    spoils(
        &json!({ "stale": { "after": 900, "then": "fail" } }),
        &[
            "/stale/after 900 is not a duration (write a duration such as 90s, 15m, 2h or 1d)",
            "/stale/then \"fail\" is nothing that can be done (write `default` (the default variant) or `serve` (what would be served anyway))",
        ],
    );
    for after in ["0s", "500ms", "1s 1ms", "366d 1s", "400d"] {
        let expected = format!(
            "/stale/after {after:?} is not possible (write whole seconds, from 1s to 366d)"
        );
        spoils(
            &json!({ "stale": { "after": after, "then": "serve" } }),
            &[&expected],
        );
    }
    for after in ["", "15", "m", "-5m", "99999999999999999999d", "15 minutos"] {
        let problems = problems(&json!({ "stale": { "after": after, "then": "serve" } }));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].message.contains("is not a duration: "),
            "{problems:?}"
        );
    }
}

/// Not a mistake that spoils anything, for how often a proxy learns that it is current is the proxy's.
#[test]
fn a_short_stale_is_a_warning() {
    for after in ["1s", "29s"] {
        let set = compile(&json!({ "stale": { "after": after, "then": "default" } }));
        assert_eq!(set.problems.len(), 1);
        assert_eq!(set.problems[0].severity, Severity::Warning);
        assert_eq!(set.problems[0].path, "/delivery/f/stale/after");
    }
}

/// One at the bound, one beyond it.
#[test]
fn bounds() {
    let regions = |count: usize| json!({ "regions": vec!["eu"; count] });
    fine(&regions(MAX_REGIONS));
    spoils(
        &regions(MAX_REGIONS + 1),
        &[
            "/regions there are 65 regions, and at most 64 are allowed (let a pattern such as `eu-*` stand for several)",
        ],
    );
    let region = |bytes: usize| json!({ "regions": ["e".repeat(bytes)] });
    fine(&region(MAX_REGION_BYTES));
    spoils(
        &region(MAX_REGION_BYTES + 1),
        &[
            "/regions/0 the region has 129 bytes, and at most 128 are allowed (shorten it, or end it with `*`)",
        ],
    );
    let requires = |count: usize| {
        let flags = (0..count).map(|number| (format!("f{number}"), json!(["on"])));
        json!({ "requires": flags.collect::<serde_json::Map<_, _>>() })
    };
    fine(&requires(MAX_PREREQUISITES));
    spoils(
        &requires(MAX_PREREQUISITES + 1),
        &[
            "/requires 17 flags are required, and at most 16 are allowed (require a flag that requires some of them)",
        ],
    );
    let wanted = |count: usize| json!({ "requires": { "g": vec!["on"; count] } });
    fine(&wanted(MAX_VARIANTS));
    spoils(
        &wanted(MAX_VARIANTS + 1),
        &["/requires/g there are 1001 variants, and a flag has at most 1000 (name each once)"],
    );
    let layer =
        |bytes: usize| json!({ "layer": { "name": "x".repeat(bytes), "from": 0, "to": 1 } });
    fine(&layer(MAX_LAYER_NAME_BYTES));
    spoils(
        &layer(MAX_LAYER_NAME_BYTES + 1),
        &[
            "/layer/name the name of the layer has 129 bytes, and at most 128 are allowed (shorten it)",
        ],
    );
}

/// The example of the documentation compiles without a word, and does what is said of it there.
#[test]
fn the_documented_example() {
    let text = include_str!("../../../docs/flags.md");
    let block = text.split("```yaml\n").nth(1).expect("there is one");
    let (example, _) = block.split_once("```").expect("it ends");
    let parsed = parse(example, Format::Yaml).expect("it is YAML");
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("file", &parsed.value)
        .expect("it is valid");
    assert_eq!(set.problems, []);
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    assert_eq!(snapshot.problems(), []);
    let flag = snapshot.find("new-checkout").expect("it is there");
    let context = json!({ "targetingKey": "alice", "region": "eu", "geo": { "country": "DE" } });
    let context = Context::from_json(snapshot.attributes(), &context);
    for step in explain(&snapshot, flag, &context, Moment::current(1_800_000_000)).steps {
        let shown = format!("{}  {}\n    = {}", step.path, step.expression, step.outcome);
        assert!(text.contains(&shown), "{shown}");
    }
}
