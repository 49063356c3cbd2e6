//! `$ref` outside of rules: whatever stands under `flags` may refer to what stands under `$evaluators`, as
//! for the official evaluators, which substitute in the text.

use burgee_eval::lint::{self, World};
use burgee_eval::{Compiler, FlagSet, Problem, Severity, code, limits};
use serde_json::{Value, json};

fn compile(evaluators: &Value, flags: &Value) -> Result<FlagSet, Vec<Problem>> {
    let document = json!({ "$evaluators": evaluators, "flags": flags });
    Compiler::new().compile("given", &document)
}

fn flag(variants: &Value) -> Value {
    json!({ "state": "ENABLED", "variants": variants, "defaultVariant": "on" })
}

/// What the variant `on` of a flag is, and what is told of it.
fn on(evaluators: &Value, value: &Value) -> (Value, Vec<String>) {
    let set = compile(evaluators, &json!({ "f": flag(&json!({ "on": value })) }));
    let set = set.unwrap_or_else(|problems| panic!("{problems:?}"));
    let told = set.problems.iter();
    let told = told.map(|problem| format!("{} {}", problem.path, problem.message));
    (set.flags[0].variants[0].value.clone(), told.collect())
}

#[test]
fn values_of_variants_refer_to_evaluators() {
    let evaluators = json!({
        "e": { "==": [1, 1] },
        "deep": { "x": [{ "$ref": "e" }] },
        "backwards": { "x": { "$ref": "backward" } },
        "backward": true,
        "text": "a text",
        "number": 7,
    });
    let e = json!({ "==": [1, 1] });
    for (value, expected) in [
        (json!({ "$ref": "e" }), e.clone()),
        (
            json!({ "x": [1, { "$ref": "e" }, { "y": { "$ref": "e" } }] }),
            json!({ "x": [1, e, { "y": e }] }),
        ),
        (json!({ "$ref": "deep" }), json!({ "x": [e] })),
        (json!({ "$ref": "backwards" }), json!({ "x": true })),
        (json!({ "$ref": "text" }), json!("a text")),
        (json!({ "$ref": "number" }), json!(7)),
        // These are no references.
        (
            json!({ "$ref": "e", "x": 1 }),
            json!({ "$ref": "e", "x": 1 }),
        ),
        (json!({ "$ref": 1 }), json!({ "$ref": 1 })),
        (json!({ "$ref": ["e"] }), json!({ "$ref": ["e"] })),
    ] {
        assert_eq!(on(&evaluators, &value), (expected, vec![]), "{value}");
    }
}

#[test]
fn what_refers_to_nothing_stays_and_is_told_where_there_are_evaluators() {
    let reference = json!({ "$ref": "nowhere" });
    assert_eq!(on(&json!({}), &reference), (reference.clone(), vec![]));
    let told = "/flags/f/variants/on there is no evaluator \"nowhere\", so that a reference to it is served as it stands";
    let evaluators = json!({ "e": true });
    assert_eq!(
        on(&evaluators, &reference),
        (reference, vec![told.to_owned()])
    );
}

/// As for the official evaluators, which substitute each evaluator once.
#[test]
fn a_circle_of_references_ends_where_it_closes() {
    let evaluators = json!({
        "self": { "x": { "$ref": "self" } },
        "a": { "x": { "$ref": "b" } },
        "b": { "y": { "$ref": "a" } },
        "nothing": { "$ref": "nothing" },
    });
    for (name, expected, cycle) in [
        ("self", json!({ "x": { "$ref": "self" } }), "self"),
        ("a", json!({ "x": { "y": { "$ref": "a" } } }), "a"),
        ("nothing", json!({ "$ref": "nothing" }), "nothing"),
    ] {
        let (value, told) = on(&evaluators, &json!({ "$ref": name }));
        assert_eq!(value, expected);
        let expected = format!(
            "/flags/f/variants/on the evaluator {cycle:?} refers to itself, so that a reference to it is served as it stands"
        );
        assert_eq!(told, [expected]);
    }
}

#[test]
fn every_member_of_a_flag_may_refer_to_an_evaluator() {
    let evaluators = json!({
        "state": "ENABLED",
        "variants": { "on": 1, "off": { "$ref": "number" } },
        "number": 0,
        "off": "off",
        "owner": "team",
        "metadata": { "owner": { "$ref": "owner" } },
        "rule": { "if": [{ "var": "x" }, "on"] },
        "flag": {
            "key": { "$ref": "key" },
            "state": { "$ref": "state" },
            "variants": { "$ref": "variants" },
            "defaultVariant": { "$ref": "off" },
            "metadata": { "$ref": "metadata" },
            "targeting": { "$ref": "rule" },
        },
        "key": "f",
    });
    for (flags, is_all) in [
        (json!({ "$ref": "flags" }), true),
        (json!({ "f": { "$ref": "flag" } }), false),
        (json!([{ "$ref": "flag" }]), false),
    ] {
        let mut evaluators = evaluators.clone();
        if is_all {
            evaluators["flags"] = json!({ "f": { "$ref": "flag" } });
        }
        let set = compile(&evaluators, &flags).unwrap_or_else(|problems| panic!("{problems:?}"));
        let problems: Vec<_> = set.problems.iter().collect();
        assert!(problems.is_empty(), "{problems:?}");
        let flag = &set.flags[0];
        assert_eq!(&*flag.key, "f");
        assert!(flag.enabled);
        let variants: Vec<_> = flag
            .variants
            .iter()
            .map(|of| (&*of.name, &of.value))
            .collect();
        assert_eq!(variants, [("off", &json!(0)), ("on", &json!(1))]);
        assert_eq!(flag.default_variant.map(|index| index.0), Some(0));
        assert_eq!(flag.metadata["owner"], "team");
        // None of them is reported as unused, nor compiled as a rule.
        let document = json!({ "$evaluators": evaluators, "flags": flags });
        let found = lint::document(&document, &World::default());
        let about: Vec<_> = found
            .iter()
            .filter(|problem| problem.path.starts_with("/$evaluators"))
            .collect();
        assert!(about.is_empty(), "{about:?}");
    }
}

#[test]
fn types_are_those_of_what_is_referred_to() {
    let evaluators = json!({ "yes": true, "no": false, "list": [1], "text": "x" });
    let variants = json!({ "on": { "$ref": "yes" }, "off": { "$ref": "no" } });
    assert!(compile(&evaluators, &json!({ "f": flag(&variants) })).is_ok());
    for (value, message) in [
        ("list", "a variant cannot be a list"),
        ("text", "this variant is a string, and another is a boolean"),
    ] {
        let variants = json!({ "on": { "$ref": value }, "off": { "$ref": "no" } });
        let problems = compile(&evaluators, &json!({ "f": flag(&variants) })).unwrap_err();
        assert_eq!(problems[0].message, message);
        assert_eq!(problems[0].path, "/flags/f/variants/on");
    }
}

/// Python does not look there, and refuses the document; so does Burgee.
#[test]
fn the_metadata_of_the_set_refers_to_nothing() {
    let document = json!({
        "$evaluators": { "team": "a team" },
        "metadata": { "owner": { "$ref": "team" } },
        "flags": { "f": flag(&json!({ "on": true })) },
    });
    let problems = Compiler::new().compile("given", &document).unwrap_err();
    assert_eq!(problems[0].path, "/metadata/owner");
}

#[test]
fn what_references_add_is_bounded_in_depth() {
    let nested = |levels: usize| {
        let mut value = json!(1);
        for _ in 0..levels {
            value = json!({ "x": value });
        }
        value
    };
    // Two halves, joined by a reference, which is a level of its own.
    let try_levels = |levels: usize| {
        let half = 48;
        let mut value = json!({ "$ref": "e" });
        for _ in 0..levels - half - 1 {
            value = json!({ "x": value });
        }
        let evaluators = json!({ "e": nested(half) });
        compile(&evaluators, &json!({ "f": flag(&json!({ "on": value })) }))
    };
    assert!(try_levels(limits::MAX_NESTING).is_ok());
    let problems = try_levels(limits::MAX_NESTING + 1).unwrap_err();
    assert_eq!(
        problems[0].message,
        "with what it refers to, it nests more than 96 levels deep"
    );
    assert_eq!(problems[0].path, "/flags/f/variants/on");
}

/// 64 references to a text of 1 MiB are as much as a set may take; the same goes for texts in metadata, and
/// for what doubles with each level.
#[test]
fn what_references_add_is_bounded_in_memory() {
    let refused = |evaluators: &Value, flags: &Value| {
        let problems = compile(evaluators, flags).unwrap_err();
        let first = &problems[0];
        assert_eq!(first.severity, Severity::Document);
        assert_eq!(first.code, code::INVALID_DOCUMENT);
        assert!(
            first.message.contains("more than 64 MiB"),
            "{}",
            first.message
        );
    };
    let evaluators = json!({ "long": "x".repeat(1 << 20) });
    let many = |count: usize| {
        let references: Vec<Value> = vec![json!({ "$ref": "long" }); count];
        json!({ "f": flag(&json!({ "on": { "all": references } })) })
    };
    assert!(compile(&evaluators, &many(60)).is_ok());
    refused(&evaluators, &many(64));

    let mut flag_with_owner = flag(&json!({ "on": true }));
    flag_with_owner["metadata"] = json!({ "purpose": { "$ref": "long" } });
    let flags: serde_json::Map<String, Value> = (0..65)
        .map(|number| (format!("f{number}"), flag_with_owner.clone()))
        .collect();
    refused(&evaluators, &flags.into());

    let mut doubling = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({ "$ref": format!("e{}", level + 1) });
        doubling.insert(format!("e{level}"), json!({ "a": next, "b": next }));
    }
    let flags = json!({ "f": flag(&json!({ "on": { "$ref": "e0" } })) });
    refused(&doubling.into(), &flags);

    // A reference to a reference adds nothing but time.
    let mut chain = serde_json::Map::new();
    for level in 0..90 {
        chain.insert(
            format!("e{level}"),
            json!({ "$ref": format!("e{}", level + 1) }),
        );
    }
    let references: Vec<Value> = vec![json!({ "$ref": "e0" }); 40_000];
    let flags = json!({ "f": flag(&json!({ "on": { "all": references } })) });
    refused(&chain.into(), &flags);
}
