//! How a flag is resolved around its rule: documents, references, types, what a rule's result names.

use burgee_eval::limits::MAX_EVALUATION_STEPS;
use serde_json::Value as Json;

use super::{Case, Class};
use crate::oracle::Official;

const PYTHON: &[Official] = &[Official::PythonV3, Official::PythonV2];
const PYTHON_V2: &[Official] = &[Official::PythonV2];
const JAVASCRIPT: &[Official] = &[Official::JavaScript];
const ALL: &[Official] = &Official::ALL;

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "too-many-steps",
        officials: ALL,
        applies: too_many_steps,
        example: r#"{"rule": {"==": [{"reduce": [{"var": "a"}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "abcdefgh"]}, ""]}, "context": {"a": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]}}"#,
        near_miss: r#"{"rule": {"==": [{"reduce": [{"var": "a"}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "abcdefgh"]}, ""]}, "context": {"a": [0, 0, 0, 0]}}"#,
    },
    Class {
        name: "beyond-64-bits",
        officials: PYTHON,
        applies: beyond_64_bits,
        example: r#"{"rule": {"==": [{"var": "a"}, {"var": "b"}]}, "context": {"a": {"$integer": "36893488147419103233"}, "b": {"$integer": "36893488147419103232"}}}"#,
        near_miss: r#"{"rule": {"==": [{"var": "a"}, {"var": "b"}]}, "context": {"a": {"$integer": "18446744073709551615"}, "b": {"$integer": "18446744073709551614"}}}"#,
    },
    Class {
        name: "digits-beyond-ascii",
        officials: PYTHON,
        applies: digits_beyond_ascii,
        example: r#"{"rule": {"==": [{"var": "a"}, 3]}, "context": {"a": "٣"}}"#,
        near_miss: r#"{"rule": {"==": [{"var": "a"}, 3]}, "context": {"a": "½"}}"#,
    },
    Class {
        name: "default-names-no-variant",
        officials: PYTHON,
        applies: default_names_no_variant,
        example: r#"{"rule": null, "flag": {"defaultVariant": "nowhere"}}"#,
        near_miss: r#"{"rule": null, "flag": {"defaultVariant": ""}}"#,
    },
    Class {
        name: "evaluator-with-escapes",
        officials: PYTHON,
        applies: evaluator_with_escapes,
        example: r#"{"rule": {"if": [{"$ref": "e"}, "on", "off"]}, "evaluators": {"e": {"==": ["ü", "ü"]}}}"#,
        near_miss: r#"{"rule": {"if": [{"$ref": "e"}, "on", "off"]}, "evaluators": {"e": {"==": ["u", "u"]}}}"#,
    },
    Class {
        name: "reference-to-earlier",
        officials: ALL,
        applies: reference_to_earlier,
        example: r#"{"rule": {"$ref": "b"}, "evaluators": {"a": {"!": [false]}, "b": {"if": [{"$ref": "a"}, "on"]}}}"#,
        near_miss: r#"{"rule": {"$ref": "a"}, "evaluators": {"b": {"!": [false]}, "a": {"if": [{"$ref": "b"}, "on"]}}}"#,
    },
    Class {
        name: "value-of-earlier",
        officials: ALL,
        applies: value_of_earlier,
        example: r#"{"rule": null, "flag": {"variants": {"on": {"$ref": "b"}}, "defaultVariant": "on"}, "evaluators": {"a": true, "b": {"x": {"$ref": "a"}}}}"#,
        near_miss: r#"{"rule": null, "flag": {"variants": {"on": {"$ref": "a"}}, "defaultVariant": "on"}, "evaluators": {"a": {"x": {"$ref": "b"}}, "b": true}}"#,
    },
    Class {
        name: "reference-in-metadata-of-the-set",
        officials: JAVASCRIPT,
        applies: reference_in_metadata_of_the_set,
        example: r#"{"rule": null, "metadata": {"owner": {"$ref": "e"}}, "evaluators": {"e": "a team"}}"#,
        near_miss: r#"{"rule": null, "flag": {"metadata": {"owner": {"$ref": "e"}}}, "evaluators": {"e": "a team"}}"#,
    },
    Class {
        name: "evaluator-with-dollar",
        officials: JAVASCRIPT,
        applies: evaluator_with_dollar,
        example: r#"{"rule": null, "flag": {"variants": {"on": {"$ref": "e"}}, "defaultVariant": "on"}, "evaluators": {"e": {"price": "$$5"}}}"#,
        near_miss: r#"{"rule": null, "flag": {"variants": {"on": {"$ref": "e"}}, "defaultVariant": "on"}, "evaluators": {"e": {"price": "$5"}}}"#,
    },
    Class {
        name: "boolean-as-float",
        officials: PYTHON,
        applies: boolean_as_float,
        example: r#"{"rule": {"if": [true, "on"]}, "wanted": "float"}"#,
        near_miss: r#"{"rule": {"if": [true, "on"]}, "wanted": "integer"}"#,
    },
    Class {
        name: "one-type-of-number",
        officials: JAVASCRIPT,
        applies: one_type_of_number,
        example: r#"{"rule": {"if": [true, "on"]}, "flag": {"variants": {"on": 1.5}}, "wanted": "integer"}"#,
        near_miss: r#"{"rule": {"if": [true, "on"]}, "flag": {"variants": {"on": 1}}, "wanted": "integer"}"#,
    },
    Class {
        name: "rule-without-operator",
        officials: JAVASCRIPT,
        applies: rule_without_operator,
        example: r#"{"rule": ["on"]}"#,
        near_miss: r#"{"rule": []}"#,
    },
    Class {
        name: "result-as-text",
        officials: ALL,
        applies: result_as_text,
        example: r#"{"rule": {"+": [1, 1]}, "flag": {"variants": {"2": true}}}"#,
        near_miss: r#"{"rule": {"cat": [1, 1]}, "flag": {"variants": {"11": true}}}"#,
    },
    Class {
        name: "integral-weight",
        officials: PYTHON,
        applies: integral_weight,
        example: r#"{"rule": {"fractional": [["on", 10.0]]}, "context": {"targetingKey": "u"}}"#,
        near_miss: r#"{"rule": {"fractional": [["on", 10.5]]}, "context": {"targetingKey": "u"}}"#,
    },
    Class {
        name: "targeting-key-without-text",
        officials: PYTHON_V2,
        applies: targeting_key_without_text,
        example: r#"{"rule": {"fractional": [["on", 1]]}, "context": {"targetingKey": 7}}"#,
        near_miss: r#"{"rule": {"fractional": [["on", 1]]}, "context": {"targetingKey": ""}}"#,
    },
];

/// Burgee bounds what one evaluation may take.
fn too_many_steps(case: &Case<'_>) -> bool {
    case.ours_error() == Some("GENERAL")
        && case.ours.is_ok_and(|ours| {
            ours.raised
                .as_ref()
                .is_some_and(|why| why.contains(&format!("more than {MAX_EVALUATION_STEPS} steps")))
        })
}

/// Python's integers are exact at any size; what 64 bits do not hold is a double here.
fn beyond_64_bits(case: &Case<'_>) -> bool {
    fn any(value: &Json) -> bool {
        match value {
            Json::Array(items) => items.iter().any(any),
            Json::Object(members) => members.contains_key("$integer") || members.values().any(any),
            _ => false,
        }
    }
    case.trace.iter().any(|step| {
        let values = step.args.iter().chain(&step.result);
        values.chain([&step.scope]).any(any)
    })
}

/// Python's `float` reads every digit of Unicode; here, as elsewhere, only those of ASCII make a number.
fn digits_beyond_ascii(case: &Case<'_>) -> bool {
    // Arabic-Indic and full-width ones: those that are generated.
    let digit = |c: char| matches!(c, '\u{660}'..='\u{669}' | '\u{FF10}'..='\u{FF19}');
    let digits = |text: &str| {
        let text = text.trim();
        text.chars().any(digit)
            && text
                .chars()
                .all(|c| digit(c) || "0123456789+-.eE_".contains(c))
    };
    case.trace
        .iter()
        .flat_map(|step| &step.args)
        .any(|arg| arg.as_str().is_some_and(digits))
}

/// A document whose `defaultVariant` names no variant is refused, whichever flag is asked for.
fn default_names_no_variant(case: &Case<'_>) -> bool {
    case.ours.is_err()
        && case.flags().any(|flag| {
            flag["defaultVariant"]
                .as_str()
                .is_some_and(|name| !name.is_empty() && flag["variants"].get(name).is_none())
        })
}

/// Python substitutes with `re.sub`, which reads escapes in what it puts in, and `json.dumps` writes
/// every character beyond ASCII as one.
fn evaluator_with_escapes(case: &Case<'_>) -> bool {
    case.evaluators().any(|(name, rule)| {
        let text = format!("{name}{rule}");
        !text.is_ascii() || text.contains('\\')
    })
}

/// The officials substitute each evaluator once, in the order in which they are defined.
fn reference_to_earlier(case: &Case<'_>) -> bool {
    case.theirs_error() == Some("PARSE_ERROR")
        && case.evaluators().any(|(name, rule)| {
            case.evaluators()
                .filter(|(other, _)| *other < name)
                .any(|(other, _)| refers_to(rule, other))
        })
}

/// The same in what a variant gives: the reference is left there, and served.
fn value_of_earlier(case: &Case<'_>) -> bool {
    let served = case.theirs.ok().and_then(|theirs| theirs.value.as_ref());
    served.is_some_and(|value| {
        case.evaluators().any(|(name, _)| {
            let refer = |(other, rule): (&str, &Json)| name <= other && refers_to(rule, name);
            refers_to(value, name) && case.evaluators().any(refer)
        })
    })
}

/// JavaScript substitutes in the whole document, Python in its flags.
fn reference_in_metadata_of_the_set(case: &Case<'_>) -> bool {
    case.ours.is_err()
        && case
            .evaluators()
            .any(|(name, _)| refers_to(&case.tree["metadata"], name))
}

/// JavaScript substitutes with `replaceAll`, which reads `$$`, `$&`, `` $` `` and `$'` in what it puts in.
fn evaluator_with_dollar(case: &Case<'_>) -> bool {
    case.evaluators().any(|(_, rule)| {
        let text = rule.to_string();
        ["$$", "$&", "$`", "$'"]
            .iter()
            .any(|pattern| text.contains(pattern))
    })
}

fn refers_to(rule: &Json, name: &str) -> bool {
    match rule {
        Json::Array(items) => items.iter().any(|item| refers_to(item, name)),
        Json::Object(members) => {
            (members.len() == 1 && members.get("$ref").is_some_and(|target| target == name))
                || members.values().any(|member| refers_to(member, name))
        }
        _ => false,
    }
}

/// In Python a boolean is an integer, and an integer is a float.
fn boolean_as_float(case: &Case<'_>) -> bool {
    case.ours_error() == Some("TYPE_MISMATCH")
        && case.ask.wanted == Some(burgee_eval::ValueType::Float)
        && case.flag()["variants"]
            .as_object()
            .is_some_and(|variants| variants.values().all(Json::is_boolean))
}

/// In JavaScript a float is as much of a number as an integer.
fn one_type_of_number(case: &Case<'_>) -> bool {
    case.ours_error() == Some("TYPE_MISMATCH")
        && case.ask.wanted == Some(burgee_eval::ValueType::Integer)
        && case
            .theirs
            .is_ok_and(|theirs| theirs.value.as_ref().is_some_and(Json::is_number))
}

/// A rule that is a list, a number, a text: an error in Python; JavaScript takes some for constants,
/// and others for no rule.
fn rule_without_operator(case: &Case<'_>) -> bool {
    !case.rule.is_object() && case.ours_error() == Some("PARSE_ERROR")
}

/// Python and JavaScript make a text of whatever a rule gives, and look for a variant of that name.
fn result_as_text(case: &Case<'_>) -> bool {
    case.ours_error() == Some("GENERAL")
        && !case.they_fail()
        && matches!(
            case.result(),
            Some(Json::Number(_) | Json::Array(_) | Json::Object(_))
        )
}

/// `10.0` is no integer in Python.
pub(super) fn integral_weight(case: &Case<'_>) -> bool {
    case.steps(&["fractional"]).any(|step| {
        step.args.iter().any(|entry| {
            matches!(entry.as_array().map(Vec::as_slice), Some([_, Json::Number(weight)])
                if weight.is_f64() && weight.as_f64().is_some_and(|weight| weight.fract() == 0.0))
        })
    })
}

/// The short form adds the targeting key to the flag's: only a text can be.
fn targeting_key_without_text(case: &Case<'_>) -> bool {
    case.theirs_error() == Some("GENERAL")
        && case.steps(&["fractional"]).any(|step| {
            !step.constant && step.result.is_none() && !step.scope["targetingKey"].is_string()
        })
}
