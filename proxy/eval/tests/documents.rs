//! What is wrong with a document is found, all of it at once, each with its place.

use burgee_eval::text::{Format, parse};
use burgee_eval::{Compiler, FlagSet, Problem, Severity, code};

fn compile(text: &str) -> (Result<FlagSet, Vec<Problem>>, burgee_eval::text::Locations) {
    let parsed = parse(text, Format::Yaml).unwrap_or_else(|errors| panic!("{errors:?} in {text}"));
    (
        Compiler::new().compile("given", &parsed.value),
        parsed.locations,
    )
}

/// Problems as `severity path line:column message`, in their order.
fn problems(text: &str) -> Vec<String> {
    let (result, locations) = compile(text);
    let (problems, refused) = match result {
        Ok(set) => (set.problems, false),
        Err(problems) => (problems, true),
    };
    let document = problems
        .iter()
        .any(|problem| problem.severity == Severity::Document);
    assert_eq!(
        refused, document,
        "refused exactly when a problem says so: {problems:?}"
    );
    for problem in &problems {
        assert!(problem.help.is_some(), "says what to do: {problem:?}");
        let code = code::ALL.iter().find(|code| code.id == problem.code);
        let severity = code.map(|code| code.severity);
        assert_eq!(severity, Some(problem.severity), "{problem:?}");
    }
    let shown = problems.iter().map(|problem| {
        let place = locations.find(&problem.path);
        let severity = match problem.severity {
            Severity::Mistake => "mistake",
            Severity::Warning => "warning",
            Severity::Flag => "flag",
            Severity::Document => "document",
        };
        let (path, message) = (&problem.path, &problem.message);
        format!(
            "{severity} {path} {}:{} {message}",
            place.line, place.column
        )
    });
    shown.collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(problems(text), expected);
}

/// One flag whose rule is `rule`.
fn with_rule(rule: &str) -> String {
    format!(
        "flags:\n  f:\n    state: ENABLED\n    variants: {{ on: true, off: false }}\n    defaultVariant: off\n    targeting: {rule}\n"
    )
}

#[test]
fn a_document_is_an_object_with_flags() {
    check("[]", &["document  1:1 a flag set is an object, not a list"]);
    check("", &["document  1:1 a flag set is an object, not null"]);
    check("metadata: {}", &["document  1:1 there are no flags"]);
    check(
        "flags: 5",
        &["document /flags 1:1 flags are an object or a list, not a number"],
    );
    check("flags: {}", &[]);
    check("flags: []", &[]);
    check("$schema: x\nanything: [1]\nflags: {}", &[]);
}

#[test]
fn every_problem_comes_at_once() {
    check(
        "metadata: { flagSetId: a.b, x: [1] }\nflags:\n  one:\n    state: ON\n    variants: { a: 1, b: x }\n    defaultVariant: c\n  two: 5\n",
        &[
            "document /metadata/x 1:29 metadata holds strings, numbers and booleans, not a list",
            "document /metadata/flagSetId 1:13 \"a.b\" cannot name a flag set",
            "document /flags/one/state 4:5 the state \"ON\" does not exist",
            "document /flags/one/variants/b 5:23 this variant is a string, and another is a number",
            "document /flags/one/defaultVariant 6:5 there is no variant \"c\"",
            "document /flags/two 7:3 a flag must be an object, not a number",
        ],
    );
}

#[test]
fn a_wrong_shape_hides_no_rule() {
    let b = "  b: { state: ENABLED, variants: { t: 1 }, targeting: { zap: [1] } }\n";
    check(
        &format!("flags:\n  a: {{ state: ENBLED, variants: {{ t: 1 }} }}\n{b}"),
        &[
            "document /flags/a/state 2:8 the state \"ENBLED\" does not exist",
            "flag /flags/b/targeting/zap 3:57 there is no operator \"zap\"",
        ],
    );
    // Nor that of the same flag, nor what its rule refers to, nor what it is delivered with.
    check(
        "$evaluators: { e: { zip: [] } }\nflags:\n  a: { state: ENBLED, targeting: { if: [{ $ref: e }, { $ref: e }, { $ref: f }] } }\ndelivery: { a: { bucketing: v4 }, b: { heeder: x } }\n",
        &[
            "document /flags/a/state 3:8 the state \"ENBLED\" does not exist",
            "document /flags/a 3:3 this flag has no variants",
            "flag /delivery/a/bucketing 4:18 \"v4\" is not a bucketing",
            "flag /delivery/b 4:35 there is no flag \"b\" in this set",
            "flag /delivery/b/heeder 4:40 there is no delivery setting \"heeder\"",
            "flag /$evaluators/e/zip 1:21 there is no operator \"zip\"",
            "flag /flags/a/targeting/if/2/$ref 3:69 there is no evaluator \"f\"",
        ],
    );
    // Whatever else refuses the document.
    check(
        &format!("metadata: 5\nflags:\n{b}"),
        &[
            "document /metadata 1:1 this must be an object, not a number",
            "flag /flags/b/targeting/zap 3:57 there is no operator \"zap\"",
        ],
    );
}

#[test]
fn what_could_not_be_read_is_not_missed_elsewhere() {
    // The flag is there, though it is none.
    check(
        "flags: { a: 5 }\ndelivery: { a: { header: x, heeder: x } }",
        &[
            "document /flags/a 1:10 a flag must be an object, not a number",
            "flag /delivery/a/heeder 2:29 there is no delivery setting \"heeder\"",
        ],
    );
    check(
        "flags: null\ndelivery: { a: { heeder: x } }",
        &[
            "document /flags 1:1 flags are an object or a list, not null",
            "flag /delivery/a/heeder 2:18 there is no delivery setting \"heeder\"",
        ],
    );
    check(
        "flags:\n- { state: ENABLED, variants: { on: 1 } }\ndelivery: { a: { header: x } }",
        &["document /flags/0 2:3 this flag has no key"],
    );
    check(
        &format!(
            "$evaluators: []\n{}",
            with_rule("{ if: [{ $ref: e }, on, { zap: [] }] }")
        ),
        &[
            "document /$evaluators 1:1 this must be an object, not a list",
            "flag /flags/f/targeting/if/2/zap 7:42 there is no operator \"zap\"",
        ],
    );
}

#[test]
fn a_refused_document_numbers_no_attributes() {
    let mut compiler = Compiler::new();
    let document = parse(
        "flags: { a: { state: ENBLED, variants: { t: 1 }, targeting: { '!': [{ var: x }] } } }",
        Format::Yaml,
    );
    let document = document.expect("it parses").value;
    let before = format!("{:?}", compiler.attributes());
    compiler.compile("given", &document).expect_err("refused");
    assert_eq!(format!("{:?}", compiler.attributes()), before);
}

#[test]
fn a_flag_needs_a_state_and_variants() {
    check(
        "flags: { f: {} }",
        &[
            "document /flags/f 1:10 this flag has no state",
            "document /flags/f 1:10 this flag has no variants",
        ],
    );
    let variants =
        |variants: &str| format!("flags: {{ f: {{ state: ENABLED, variants: {variants} }} }}");
    check(
        &variants("{}"),
        &["document /flags/f/variants 1:31 there are no variants"],
    );
    check(
        &variants("[1]"),
        &["document /flags/f/variants 1:31 variants are an object, not a list"],
    );
    check(
        &variants("{ '': 1 }"),
        &["document /flags/f/variants/ 1:43 a variant's name is empty"],
    );
    check(
        &variants("{ a: null, b: [1] }"),
        &[
            "document /flags/f/variants/a 1:43 a variant cannot be null",
            "document /flags/f/variants/b 1:52 a variant cannot be a list",
        ],
    );
    check(
        &variants("{ a: 9007199254740991, b: -9007199254740991 }"),
        &[],
    );
    let unsafe_integer = |number: &str| {
        check(
            &variants(&format!("{{ a: {number} }}")),
            &[&format!(
                "warning /flags/f/variants/a 1:43 {number} is an integer that not every language holds without loss"
            )],
        );
    };
    unsafe_integer("9007199254740992");
    unsafe_integer("-9223372036854775808");
    unsafe_integer("18446744073709551615");
    // Whoever reads these has doubles.
    check(
        &variants("{ a: 1e300, b: -1e300, c: 9007199254740993.0 }"),
        &[],
    );
}

#[test]
fn a_default_variant_is_a_name_or_nothing() {
    let default = |default: &str| {
        format!(
            "flags:\n  f:\n    state: ENABLED\n    variants: {{ on: 1 }}\n    defaultVariant: {default}\n"
        )
    };
    check(&default("on"), &[]);
    check(&default("null"), &[]);
    check(
        &default("''"),
        &["warning /flags/f/defaultVariant 5:5 an empty defaultVariant counts as none"],
    );
    check(
        &default("true"),
        &[
            "document /flags/f/defaultVariant 5:5 defaultVariant names a variant, and this is a boolean",
        ],
    );
    check(
        &default("onn"),
        &["document /flags/f/defaultVariant 5:5 there is no variant \"onn\""],
    );
}

#[test]
fn flags_in_a_list_have_a_key_each() {
    check(
        "flags:\n- { key: a, state: ENABLED, variants: { on: 1 } }\n- { state: ENABLED, variants: { on: 1 } }\n- { key: 1, state: ENABLED, variants: { on: 1 } }\n- { key: a, state: ENABLED, variants: { on: 1 } }\n",
        &[
            "document /flags/1 3:3 this flag has no key",
            "document /flags/2/key 4:5 a flag's key must be a string, not a number",
            "document /flags/3 5:3 the flag \"a\" is defined a second time",
        ],
    );
    // What has no key is examined like any other.
    check(
        "flags:\n- { state: ENBLED, variants: { on: 1 }, targeting: { zap: [] } }\n- { key: 1 }\n- 5\n- { key: '', state: ENABLED, variants: { on: 1 } }\n",
        &[
            "document /flags/0 2:3 this flag has no key",
            "document /flags/0/state 2:5 the state \"ENBLED\" does not exist",
            "document /flags/1/key 3:5 a flag's key must be a string, not a number",
            "document /flags/1 3:3 this flag has no state",
            "document /flags/1 3:3 this flag has no variants",
            "document /flags/2 4:3 a flag must be an object, not a number",
            "document /flags/3/key 5:5 a flag's key is empty",
            "flag /flags/0/targeting/zap 2:54 there is no operator \"zap\"",
        ],
    );
    let (result, _) = compile("flags: [{ state: ENBLED }, 5]");
    for problem in result.expect_err("refused") {
        assert_eq!(problem.flag, None, "no flag is called nothing");
    }
    let (set, _) = compile(
        "flags:\n- { key: b, state: ENABLED, variants: { on: 1 } }\n- { key: a, state: ENABLED, variants: { on: 1 } }\n",
    );
    let keys: Vec<_> = set
        .expect("valid")
        .flags
        .iter()
        .map(|flag| flag.key.to_string())
        .collect();
    assert_eq!(keys, ["a", "b"]);
}

#[test]
fn an_unknown_key_of_a_flag_is_a_warning() {
    check(
        "flags: { f: { state: ENABLED, variants: { on: 1 }, source: x, defaultVarient: on } }",
        &[
            "warning /flags/f/defaultVarient 1:63 flagd does not know \"defaultVarient\", and some of its evaluators refuse the whole document",
        ],
    );
}

#[test]
fn a_set_is_named_by_the_document_or_by_the_caller() {
    let name = |text: &str| compile(text).0.map(|set| set.id.to_string());
    assert_eq!(name("flags: {}"), Ok("given".to_owned()));
    assert_eq!(
        name("metadata: { flagSetId: own }\nflags: {}"),
        Ok("own".to_owned())
    );
    for bad in ["''", "a.b", "'a b'", "'*'", "'>'", "a/b", "5"] {
        assert!(
            name(&format!("metadata: {{ flagSetId: {bad} }}\nflags: {{}}")).is_err(),
            "{bad}"
        );
    }
    assert!(
        Compiler::new()
            .compile("a.b", &serde_json::json!({ "flags": {} }))
            .is_err()
    );
}

#[test]
fn metadata_of_the_flag_wins() {
    let (set, _) = compile(
        "metadata: { owner: set, version: '1' }\nflags: { f: { state: ENABLED, variants: { on: 1 }, metadata: { owner: flag, n: 2 } } }",
    );
    let set = set.expect("valid");
    let expected = serde_json::json!({ "owner": "flag", "version": "1", "n": 2 });
    assert_eq!(
        serde_json::Value::Object(set.flags[0].metadata.clone()),
        expected
    );
}

#[test]
fn delivery_is_never_ignored() {
    let delivery = |delivery: &str| {
        format!(
            "flags: {{ f: {{ state: ENABLED, variants: {{ on: 1 }}, defaultVariant: on }} }}\ndelivery: {delivery}\n"
        )
    };
    check(&delivery("{ f: { header: x-flag-f, bucketing: v2 } }"), &[]);
    check(
        &delivery("[]"),
        &["document /delivery 2:1 delivery is an object by flag, not a list"],
    );
    check(
        &delivery("{ g: {} }"),
        &["flag /delivery/g 2:13 there is no flag \"g\" in this set"],
    );
    check(
        &delivery("{ f: 5 }"),
        &["flag /delivery/f 2:13 this must be an object, not a number"],
    );
    check(
        &delivery("{ f: { header: 5 } }"),
        &["flag /delivery/f/header 2:18 5 is not the name of a header"],
    );
    check(
        &delivery("{ f: { bucketing: v4 } }"),
        &["flag /delivery/f/bucketing 2:18 \"v4\" is not a bucketing"],
    );
    check(
        &delivery("{ f: { regions: [eu], heeder: x } }"),
        &["flag /delivery/f/heeder 2:33 there is no delivery setting \"heeder\""],
    );
    check(
        "metadata: { bucketing: v1 }\nflags: {}",
        &["document /metadata/bucketing 1:13 \"v1\" is not a bucketing"],
    );
}

#[test]
fn help_says_what_to_do() {
    let help = |text: &str| {
        let (result, _) = compile(text);
        let problems = result.map_or_else(|problems| problems, |set| set.problems);
        problems[0].help.clone().unwrap_or_default()
    };
    let nearest =
        "flags: { f: { state: ENABLED, variants: { on: 1 } } }\ndelivery: { f: { heeder: x } }";
    assert_eq!(help(nearest), "did you mean \"header\"?");
    assert_eq!(
        help(&with_rule("{ frctional: [[on, 1]] }")),
        "did you mean \"fractional\"?"
    );
    assert_eq!(
        help("flags: { f: { state: enabled, variants: { on: 1 } } }"),
        "write ENABLED or DISABLED"
    );
    assert_eq!(
        help("flags: null"),
        "write a flag under it, or `flags: {}` where there is none yet"
    );
    assert_eq!(
        help("flags: { f: { state: ENABLED, variants: [on] } }"),
        "give each value a name: `\"on\": true`"
    );
    assert_eq!(
        help("metadata: { flagSetId: 5 }\nflags: {}"),
        "quote it: \"5\""
    );
    assert_eq!(
        help(&with_rule("{ '==': [1] }")),
        "add the 1 missing at the end"
    );
    assert_eq!(help(&with_rule("{ '!': [1, 2, 3] }")), "remove the last 2");
    assert_eq!(
        help(&with_rule("{ if: on }")),
        "write them in brackets: `\"if\": [ … ]`"
    );
    assert_eq!(
        help("flags: { f: 5 }"),
        "write its `state` and its `variants`"
    );
}

#[test]
fn a_rule_that_cannot_be_compiled_spoils_its_flag() {
    check(
        &with_rule("{ if: [{ cat: [a] }, on, { frobnicate: [] }] }"),
        &["flag /flags/f/targeting/if/2/frobnicate 6:43 there is no operator \"frobnicate\""],
    );
    check(
        &with_rule("[1]"),
        &["flag /flags/f/targeting 6:5 targeting is one operator with its arguments, not a list"],
    );
    check(
        &with_rule("{ if: [true, on], or: [] }"),
        &[
            "flag /flags/f/targeting 6:5 an object in a rule has one operator, and this one has several keys",
        ],
    );
    check(
        &with_rule("{ '==': [1] }"),
        &["flag /flags/f/targeting/== 6:18 `==` takes 2 arguments, not 1"],
    );
    check(
        &with_rule("{ '<': [1, 2, 3, 4] }"),
        &["flag /flags/f/targeting/< 6:18 `<` takes 2 to 3 arguments, not 4"],
    );
    check(
        &with_rule("{ if: on }"),
        &["flag /flags/f/targeting/if 6:18 the arguments of `if` are a list"],
    );
    check(
        &with_rule("{ '?:': [true, on] }"),
        &["flag /flags/f/targeting/?: 6:18 flagd's schema does not know `?:`: write `if`"],
    );
    check(
        &with_rule("{ var: [a, b, c] }"),
        &["flag /flags/f/targeting/var 6:18 `var` takes a path and a default, and nothing more"],
    );
}

#[test]
fn references_are_found_or_reported() {
    let document =
        |evaluators: &str, rule: &str| format!("$evaluators: {evaluators}\n{}", with_rule(rule));
    check(
        &document(
            "{ a: { '!': [{ $ref: b }] }, b: true }",
            "{ if: [{ $ref: a }, on] }",
        ),
        &[],
    );
    check(
        &document("{ abc: true }", "{ if: [{ $ref: abd }, on] }"),
        &["flag /flags/f/targeting/if/0/$ref 7:25 there is no evaluator \"abd\""],
    );
    check(
        &document("{ abc: true }", "{ $ref: abd }"),
        &["flag /flags/f/targeting/$ref 7:18 there is no evaluator \"abd\""],
    );
    check(
        &document(
            "{ a: { '!': [{ $ref: b }] }, b: { $ref: a } }",
            "{ if: [{ $ref: a }, on] }",
        ),
        &["flag /$evaluators/b/$ref 1:48 the evaluator \"a\" refers to itself"],
    );
    // What is wrong inside of an evaluator is reported where it stands.
    check(
        &document("{ a: { nope: [] } }", "{ if: [{ $ref: a }, on] }"),
        &["flag /$evaluators/a/nope 1:21 there is no operator \"nope\""],
    );
    check(
        "$evaluators: []\nflags: {}",
        &["document /$evaluators 1:1 this must be an object, not a list"],
    );
}

#[test]
fn arguments_of_operators_are_counted() {
    let told = |rule: &str, expected: &str| {
        let (result, _) = compile(&with_rule(rule));
        let set = result.expect("a rule spoils at most its flag");
        let messages: Vec<&str> = set
            .problems
            .iter()
            .map(|problem| &*problem.message)
            .collect();
        assert_eq!(messages, [expected], "{rule}");
    };
    told("{ '%': [1] }", "`%` takes 2 arguments, not 1");
    told("{ '*': [1] }", "`*` takes at least 2 arguments, not 1");
    told("{ '+': [] }", "`+` takes at least 1 argument, not 0");
    told("{ cat: x }", "the arguments of `cat` are a list");
    told("{ substr: [x] }", "`substr` takes 2 to 3 arguments, not 1");
    told("{ map: [[1]] }", "`map` takes 2 arguments, not 1");
    told("{ reduce: [[1], 2] }", "`reduce` takes 3 arguments, not 2");
    told(
        "{ missing_some: [1] }",
        "`missing_some` takes 2 arguments, not 1",
    );
    for rule in [
        "{ missing: [] }",
        "{ '-': [1] }",
        "{ merge: [[], 1, 2] }",
        "{ substr: [x, 1, 2] }",
    ] {
        assert_eq!(
            compile(&with_rule(rule)).0.expect("valid").problems,
            [],
            "{rule}"
        );
    }
}

#[test]
fn what_is_only_odd_is_a_warning() {
    check(
        &with_rule("{ log: on }"),
        &[
            "warning /flags/f/targeting/log 6:18 flagd's schema does not know `log`, which only gives its argument",
        ],
    );
    check(
        &with_rule("{ reduce: [[1], 2, { var: a }] }"),
        &[
            "warning /flags/f/targeting/reduce/2 6:35 what `reduce` begins with is taken as it stands: this is not evaluated",
        ],
    );
}

/// Inside a loop a rule is checked as everywhere else.
#[test]
fn a_loop_is_compiled_whole() {
    check(
        &with_rule("{ some: [[1], { frobnicate: [] }] }"),
        &["flag /flags/f/targeting/some/1/frobnicate 6:32 there is no operator \"frobnicate\""],
    );
}
