//! Every vector, in every way in which a flag can be decided. `vectors/README.md` says where they come
//! from.

use std::sync::Arc;

use burgee_eval::{
    AttributeId, Compiler, Context, Decision, Explanation, Moment, Reason, Snapshot, Value,
    ValueType, evaluate, explain,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

#[derive(Deserialize)]
struct Case {
    /// What it shows, where a person wrote it.
    #[serde(default)]
    name: String,
    document: Json,
    flag: String,
    context: Json,
    now: u64,
    r#type: Option<String>,
    expect: Json,
}

#[test]
fn v3() {
    check(include_str!("vectors/v3.json"));
}

#[test]
fn v3_generated() {
    check(include_str!("vectors/v3-generated.json"));
}

#[test]
fn v2_generated() {
    check(include_str!("vectors/v2-generated.json"));
}

fn check(cases: &str) {
    let mut cases: Vec<Case> = serde_json::from_str(cases).expect("the vectors are cases");
    assert!(cases.len() > 50, "only {} cases", cases.len());
    for (index, case) in cases.iter_mut().enumerate() {
        // Each stands on a line of its own, the first on the second.
        case.name = format!("line {}: {}", index + 2, case.name);
        if let Some(value) = case.expect.get_mut("value") {
            *value = one_type_of_number(value);
        }
        check_case(case);
    }
}

fn check_case(case: &Case) {
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("vectors", &case.document)
        .unwrap_or_else(|problems| panic!("{}: {problems:?}", case.name));
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let flag = snapshot
        .find(&case.flag)
        .expect("the flag is in its document");
    let tree = Context::from_json(snapshot.attributes(), &case.context);

    let decision = evaluate(&snapshot, flag, &tree, Moment::current(case.now));
    assert_eq!(answer(decision, case), case.expect, "{}", case.name);

    let explanation = explain(&snapshot, flag, &tree, Moment::current(case.now));
    assert_eq!(
        answer(explanation.decision, case),
        case.expect,
        "{} explained",
        case.name
    );
    decided(&explanation, case);

    // The edge has no tree: it sets the attributes that the rules read, one by one.
    if !snapshot.flag(flag).reads_tree {
        let mut slots = Context::new(snapshot.attributes());
        for id in &snapshot.flag(flag).reads {
            slots.set(*id, tree.get(*id));
        }
        assert_eq!(
            answer(
                evaluate(&snapshot, flag, &slots, Moment::current(case.now)),
                case
            ),
            case.expect,
            "{} by slots",
            case.name
        );
    }
    if !snapshot.flag(flag).reads_time {
        let later = evaluate(&snapshot, flag, &tree, Moment::current(case.now + 86_400));
        assert_eq!(answer(later, case), case.expect, "{} later", case.name);
    }
    if !snapshot
        .flag(flag)
        .reads
        .contains(&AttributeId::TARGETING_KEY)
    {
        let mut other = Context::from_json(snapshot.attributes(), &case.context);
        other.set(AttributeId::TARGETING_KEY, Value::Str("somebody else"));
        assert_eq!(
            answer(
                evaluate(&snapshot, flag, &other, Moment::current(case.now)),
                case
            ),
            case.expect,
            "{} for another",
            case.name
        );
    }
}

/// Every explanation has the step that decided, and ends with what was concluded from it.
fn decided(explanation: &Explanation<'_>, case: &Case) {
    let decision = &explanation.decision;
    let told = format!("{}: {:#?}", case.name, explanation.steps);
    for step in &explanation.steps {
        assert!(step.path.starts_with('/'), "{told}");
        assert!(!step.outcome.is_empty(), "{told}");
        let operator = step.path.rsplit('/').next().unwrap_or_default();
        let operator = operator.replace("~1", "/").replace("~0", "~");
        let quoted = step.expression.starts_with(&format!("{{{operator:?}:"));
        let is_operator = step.path.starts_with("/targeting/");
        assert!(quoted || !is_operator, "{told}");
        assert!(!step.expression.is_empty(), "{told}");
    }
    let (last, before) = explanation.steps.split_last().expect("there is one");
    let rule = before
        .iter()
        .find(|step| step.depth == 0 && step.path.starts_with("/targeting"));
    let gave = |value: &str| rule.is_some_and(|rule| rule.outcome.starts_with(value));
    assert_eq!(last.depth, 0, "{told}");
    match decision.reason {
        Reason::Disabled => assert_eq!(last.path, "/state", "{told}"),
        Reason::Static => assert_eq!(last.path, "/defaultVariant", "{told}"),
        Reason::Default => {
            assert_eq!(last.path, "/defaultVariant", "{told}");
            assert!(rule.is_none() || gave("null"), "{told}");
        }
        Reason::TargetingMatch => {
            let name = decision.variant_name().expect("it matched");
            let escaped = name.replace('~', "~0").replace('/', "~1");
            assert_eq!(last.path, format!("/variants/{escaped}"), "{told}");
            assert!(gave(name) || gave(&Json::from(name).to_string()), "{told}");
            let rule = rule.expect("it matched");
            assert!(last.outcome.starts_with(&rule.path), "{told}");
        }
        Reason::Error => {
            let failed = before.iter().find(|step| step.path == last.path);
            match failed {
                Some(failed) => assert_eq!(failed.expression, last.expression, "{told}"),
                // Only what is no rule at all is no step.
                None => assert_eq!((&*last.path, before.len()), ("/targeting", 0), "{told}"),
            }
        }
        other => panic!("{other:?} is no reason of a vector's: {told}"),
    }
}

/// Python makes a float of an integer for one who asks for a float: 1 and 1.0 are the same number here.
fn one_type_of_number(value: &Json) -> Json {
    match value {
        Json::Number(number) => number.as_f64().map_or_else(|| value.clone(), Json::from),
        Json::Array(items) => items.iter().map(one_type_of_number).collect(),
        Json::Object(members) => members
            .iter()
            .map(|(key, member)| (key.clone(), one_type_of_number(member)))
            .collect(),
        _ => value.clone(),
    }
}

/// A decision in the form of the vectors.
fn answer(decision: Decision<'_>, case: &Case) -> Json {
    let decision = match case.r#type.as_deref() {
        None => decision,
        Some("boolean") => decision.typed(ValueType::Boolean),
        Some("string") => decision.typed(ValueType::String),
        Some("integer") => decision.typed(ValueType::Integer),
        Some("float") => decision.typed(ValueType::Float),
        Some("object") => decision.typed(ValueType::Object),
        Some(other) => panic!("{}: there is no type {other}", case.name),
    };
    let mut answer = Map::new();
    let json = |value| serde_json::to_value(value).expect("reasons and codes are strings");
    answer.insert("reason".to_owned(), json(decision.reason));
    if let Some(variant) = decision.variant_name() {
        answer.insert("variant".to_owned(), variant.into());
    }
    if let Some(value) = decision.value() {
        answer.insert("value".to_owned(), one_type_of_number(value));
    }
    if let Some(error) = decision.error {
        answer.insert(
            "errorCode".to_owned(),
            serde_json::to_value(error).expect("codes are strings"),
        );
        assert!(
            decision
                .error_message()
                .is_some_and(|message| !message.is_empty())
        );
    }
    Json::Object(answer)
}
