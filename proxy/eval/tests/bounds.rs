//! Every bound, on both sides of it.

use std::fmt::Write as _;
use std::sync::Arc;

use burgee_eval::limits::{
    MAX_ALIASED_BYTES, MAX_FLAGS, MAX_KEY_BYTES, MAX_NESTING, MAX_PROBLEMS, MAX_RULE_DEPTH,
    MAX_RULE_NODES, MAX_SET_NAME_BYTES, MAX_TEXT_BYTES, MAX_VARIANTS,
};
use burgee_eval::text::{Format, parse};
use burgee_eval::{Compiler, Context, Moment, Reason, Severity, Snapshot, evaluate, explain};
use serde_json::{Map, Value as Json, json};

fn document(flags: impl IntoIterator<Item = (String, Json)>) -> Json {
    json!({ "flags": Map::from_iter(flags) })
}

fn flag(rule: &Json) -> Json {
    json!({ "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off", "targeting": rule })
}

/// Compiles one rule; whether it is spoiled, which its decision must say too.
fn is_spoiled(document: &Json) -> bool {
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("bounds", document)
        .expect("a rule spoils at most its flag");
    let spoiled = set
        .problems
        .iter()
        .any(|problem| problem.severity == Severity::Flag);
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let flag = snapshot.find("f").expect("it is there");
    let context = Context::new(snapshot.attributes());
    let decision = evaluate(&snapshot, flag, &context, Moment::current(0));
    assert_eq!(decision.reason == Reason::Error, spoiled);
    assert_eq!(
        explain(&snapshot, flag, &context, Moment::current(0))
            .decision
            .reason,
        decision.reason
    );
    spoiled
}

#[test]
fn text_bytes() {
    for format in [Format::Json, Format::Yaml] {
        let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(parse(&text(MAX_TEXT_BYTES), format).is_ok());
        assert!(parse(&text(MAX_TEXT_BYTES + 1), format).is_err());
    }
}

#[test]
fn nesting() {
    for format in [Format::Json, Format::Yaml] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert!(
                parse(&text(MAX_NESTING), format).is_ok(),
                "{format:?} {open}"
            );
            for depth in [MAX_NESTING + 1, 10_000] {
                let errors = parse(&text(depth), format).expect_err("too deep");
                assert!(
                    errors.len() == 1 && errors[0].message.contains("levels deep"),
                    "{format:?} {open} {depth}: {errors:?}"
                );
            }
        }
    }
}

#[test]
fn aliases() {
    let text = |copies: usize| format!("a: &x {}\nb: [{}]", "x".repeat(1008), "*x,".repeat(copies));
    // One for the anchor.
    assert!(parse(&text(MAX_ALIASED_BYTES / 1024 - 1), Format::Yaml).is_ok());
    assert!(parse(&text(MAX_ALIASED_BYTES / 1024), Format::Yaml).is_err());
    // Each level ten times the one before: a billion in 300 bytes.
    let mut laughs = "a0: &a0 [x]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{},", level - 1).repeat(10);
        writeln!(laughs, "a{level}: &a{level} [{before}]").expect("it is a string");
    }
    assert!(parse(&laughs, Format::Yaml).is_err());
    // Aliases do not get around the nesting either.
    let mut deep = "a0: &a0 [x]\n".to_owned();
    for level in 1..=MAX_NESTING {
        writeln!(deep, "a{level}: &a{level} [*a{}]", level - 1).expect("it is a string");
    }
    assert!(parse(&deep, Format::Yaml).is_err());
}

#[test]
fn set_name_bytes() {
    let compile = |bytes: usize| Compiler::new().compile(&"n".repeat(bytes), &document([]));
    assert!(compile(MAX_SET_NAME_BYTES).is_ok());
    assert!(compile(MAX_SET_NAME_BYTES + 1).is_err());
}

#[test]
fn flags() {
    let compile = |flags: usize| {
        let flags = (0..flags).map(|index| {
            (
                format!("f{index}"),
                json!({ "state": "ENABLED", "variants": { "on": 1 } }),
            )
        });
        Compiler::new().compile("bounds", &document(flags))
    };
    assert!(compile(MAX_FLAGS).is_ok());
    assert!(compile(MAX_FLAGS + 1).is_err());
}

#[test]
fn variants() {
    let compile = |variants: usize| {
        let variants: Map<String, Json> = (0..variants)
            .map(|index| (format!("v{index}"), index.into()))
            .collect();
        let last = format!("v{}", variants.len() - 1);
        let flag = json!({ "state": "ENABLED", "variants": variants, "targeting": { "if": [true, last] } });
        let mut compiler = Compiler::new();
        let set = compiler.compile("bounds", &json!({ "flags": { "f": flag } }));
        set.map(|set| {
            let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
            let context = Context::new(snapshot.attributes());
            let flag = snapshot.find("f").expect("it is there");
            let decision = evaluate(&snapshot, flag, &context, Moment::current(0));
            assert_eq!(decision.variant_name(), Some(last.as_str()));
        })
    };
    assert!(compile(1).is_ok());
    assert!(compile(MAX_VARIANTS).is_ok());
    assert!(compile(MAX_VARIANTS + 1).is_err());
}

#[test]
fn rule_nodes() {
    // The operator, its two arguments, and the items.
    let rule = |nodes: usize| {
        let items = vec![json!("x"); nodes - 3];
        json!({ "flags": { "f": flag(&json!({ "in": [{ "var": "a" }, items] })) } })
    };
    let variants = |mut document: Json| {
        document["flags"]["f"]["variants"] = json!({ "true": 1, "false": 2 });
        document["flags"]["f"]["defaultVariant"] = json!("true");
        document
    };
    // `var` is a node, and so is its path.
    assert!(!is_spoiled(&variants(rule(MAX_RULE_NODES - 1))));
    assert!(is_spoiled(&variants(rule(MAX_RULE_NODES))));
}

#[test]
fn references_do_not_get_around_the_bounds() {
    let mut evaluators = Map::new();
    evaluators.insert(
        "e0".to_owned(),
        json!({ "or": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1] }),
    );
    for level in 1..10 {
        let before = json!({ "$ref": format!("e{}", level - 1) });
        evaluators.insert(format!("e{level}"), json!({ "and": vec![before; 10] }));
    }
    let rule = |name: &str| {
        json!({
            "$evaluators": evaluators,
            "flags": { "f": flag(&json!({ "if": [{ "$ref": name }, "on", "off"] })) },
        })
    };
    assert!(!is_spoiled(&rule("e2")));
    assert!(is_spoiled(&rule("e9")));
}

#[test]
fn rule_depth() {
    // A document cannot nest as deep by itself. An operator is a level, and so is a reference.
    let rule = |depth: usize| {
        let mut evaluators = Map::from_iter([("e1".to_owned(), json!("on"))]);
        for level in 2..=depth {
            let inner = json!({ "$ref": format!("e{}", level - 1) });
            evaluators.insert(format!("e{level}"), json!({ "if": [inner] }));
        }
        let rule = flag(&json!({ "$ref": format!("e{depth}") }));
        json!({ "$evaluators": evaluators, "flags": { "f": rule } })
    };
    assert!(!is_spoiled(&rule(MAX_RULE_DEPTH / 2)));
    assert!(is_spoiled(&rule(MAX_RULE_DEPTH / 2 + 1)));
}

#[test]
fn nesting_of_a_value() {
    let document = |depth: usize| {
        let mut value = json!(1);
        for _ in 0..depth {
            value = json!([value]);
        }
        let flag = json!({ "state": "ENABLED", "variants": { "on": { "deep": value } } });
        json!({ "flags": { "f": flag } })
    };
    // The document, `flags`, the flag, `variants`, the value.
    assert!(
        Compiler::new()
            .compile("bounds", &document(MAX_NESTING - 5))
            .is_ok()
    );
    assert!(
        Compiler::new()
            .compile("bounds", &document(MAX_NESTING - 4))
            .is_err()
    );
}

#[test]
fn key_bytes() {
    for format in [Format::Json, Format::Yaml] {
        let text = |bytes: usize| format!("{{\"{}\": 1}}", "k".repeat(bytes));
        assert!(parse(&text(MAX_KEY_BYTES), format).is_ok());
        assert!(parse(&text(MAX_KEY_BYTES + 1), format).is_err());
    }
}

#[test]
fn syntax_errors() {
    for format in [Format::Json, Format::Yaml] {
        let errors = |again: usize| {
            let text = format!("{{\"a\": 0{}}}", ", \"a\": 1".repeat(again));
            parse(&text, format).expect_err("refused")
        };
        let all = errors(MAX_PROBLEMS);
        assert_eq!(all.len(), MAX_PROBLEMS);
        assert!(all.iter().all(|error| error.help.contains("remove one")));
        let some = errors(MAX_PROBLEMS + 7);
        assert_eq!(some.len(), MAX_PROBLEMS + 1);
        let last = &some[MAX_PROBLEMS];
        assert!(
            last.message.starts_with("there are 7 more errors"),
            "{last}"
        );
    }
    // A directive makes every tag as long as it likes; what is reported stays short.
    let tags = "- !e!x 1\n".repeat(MAX_PROBLEMS);
    let text = format!("%TAG !e! tag:{}\n---\n{tags}", "x".repeat(100_000));
    let errors = parse(&text, Format::Yaml).expect_err("refused");
    assert!(errors.iter().all(|error| error.message.len() < 1_000));
}

#[test]
fn problems() {
    let compile = |bad: usize| {
        let flags = (0..bad).map(|index| (format!("f{index:05}"), json!(5)));
        let problems = Compiler::new()
            .compile("bounds", &document(flags))
            .expect_err("refused");
        (
            problems.len(),
            problems.last().map(|problem| problem.message.clone()),
        )
    };
    let own = Some("a flag must be an object, not a number".to_owned());
    assert_eq!(compile(MAX_PROBLEMS), (MAX_PROBLEMS, own));
    let more = Some("there are 7 more problems".to_owned());
    assert_eq!(compile(MAX_PROBLEMS + 7), (MAX_PROBLEMS + 1, more));
    // What refuses the document does so also where it is not reported.
    let flags = (0..=MAX_PROBLEMS).map(|index| {
        let unknown = json!({ "state": "ENABLED", "variants": { "on": 1 }, "unknown": 1 });
        (
            format!("f{index:05}"),
            if index == MAX_PROBLEMS {
                json!(5)
            } else {
                unknown
            },
        )
    });
    assert!(Compiler::new().compile("bounds", &document(flags)).is_err());
}

/// Each operator evaluates its arguments once, so that nesting does not multiply the work.
#[test]
fn nesting_does_not_multiply_steps() {
    let nested = |wrap: &dyn Fn(Json) -> Json| {
        let mut rule = json!(1);
        for _ in 0..20 {
            rule = wrap(rule);
        }
        json!({ "flags": { "f": flag(&json!({ "if": [rule, "on", "off"] })) } })
    };
    assert!(!is_spoiled(&nested(
        &|inner| json!({ "fractional": ["u", [1, inner]] })
    )));
    assert!(!is_spoiled(&nested(
        &|inner| json!({ "fractional": [inner, [1]] })
    )));
    // With something that can fail inside, and does not.
    let fallible = json!({ "if": [true, 1, { "nope": [] }] });
    let spoiled = |rule: &Json| {
        let mut compiler = Compiler::new();
        let set = compiler
            .compile("bounds", rule)
            .expect("a rule spoils at most its flag");
        let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
        let flag = snapshot.find("f").expect("it is there");
        evaluate(
            &snapshot,
            flag,
            &Context::new(snapshot.attributes()),
            Moment::current(0),
        )
        .reason
            == Reason::Error
    };
    assert!(!spoiled(&nested(
        &|inner| json!({ "fractional": ["u", [inner, fallible]] })
    )));
    assert!(!spoiled(&nested(
        &|inner| json!({ "var": ["nothing", { "if": [inner, fallible] }] })
    )));
}

/// The words in `source` that stand behind `before`.
fn words<'s>(source: &'s str, before: &str, end: &[char]) -> Vec<&'s str> {
    let lines = source.lines().map(str::trim_start);
    let words = lines.filter_map(|line| line.strip_prefix(before)?.split(end).next());
    words.collect()
}

#[test]
fn every_bound_and_operator_is_documented() {
    let documentation = include_str!("../../../docs/targeting.md");
    let bounds = words(include_str!("../src/limits.rs"), "pub const ", &[':']);
    let operators = include_str!("../src/operator/build/arguments.rs");
    let operators = words(operators, "(\"", &['"']);
    assert!(bounds.len() > 20 && operators.len() > 35, "{operators:?}");
    for bound in bounds {
        assert!(documentation.contains(&format!("`{bound}`")), "{bound}");
    }
    for operator in operators {
        let alone = documentation.contains(&format!("`{operator}`"));
        let used = documentation.contains(&format!("`{{\"{operator}\": "));
        assert!(alone || used, "{operator}");
    }
}
