//! What counts as a number for JavaScript's evaluator, and what it compares as one.

use serde_json::Value as Json;

use super::{Case, Class};
use crate::oracle::Official;

const JAVASCRIPT: &[Official] = &[Official::JavaScript];

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "beyond-double",
        officials: JAVASCRIPT,
        applies: beyond_double,
        example: r#"{"rule": {"==": [{"var": "a"}, {"var": "b"}]}, "context": {"a": 9007199254740993, "b": 9007199254740992}}"#,
        near_miss: r#"{"rule": {"==": [{"var": "a"}, {"var": "b"}]}, "context": {"a": 9007199254740991, "b": 9007199254740990}}"#,
    },
    Class {
        name: "no-number",
        officials: JAVASCRIPT,
        applies: no_number,
        example: r#"{"rule": {"==": [{"var": "a"}, 0]}, "context": {"a": ""}}"#,
        near_miss: r#"{"rule": {"==": [{"var": "a"}, 0]}, "context": {"a": "0.0"}}"#,
    },
    Class {
        name: "least-of-other-than-numbers",
        officials: JAVASCRIPT,
        applies: least_of_other_than_numbers,
        example: r#"{"rule": {"==": [{"max": [{"var": "a"}, 1]}, 2]}, "context": {"a": "2"}}"#,
        near_miss: r#"{"rule": {"==": [{"max": [{"var": "a"}, 1]}, 2]}, "context": {"a": 2}}"#,
    },
    Class {
        name: "remainder-of-negative",
        officials: JAVASCRIPT,
        applies: remainder_of_negative,
        example: r#"{"rule": {"==": [{"%": [{"var": "a"}, 3]}, 2]}, "context": {"a": -7}}"#,
        near_miss: r#"{"rule": {"==": [{"%": [{"var": "a"}, 3]}, 2]}, "context": {"a": 8}}"#,
    },
    Class {
        name: "arithmetic-with-null",
        officials: JAVASCRIPT,
        applies: arithmetic_with_null,
        example: r#"{"rule": {"==": [{"-": [{"var": "a"}, {"var": "b"}]}, 5]}, "context": {"a": 5}}"#,
        near_miss: r#"{"rule": {"==": [{"-": [{"var": "a"}, {"var": "b"}]}, 5]}, "context": {"a": 5, "b": 0}}"#,
    },
    Class {
        name: "null-beside-text",
        officials: JAVASCRIPT,
        applies: null_beside_text,
        example: r#"{"rule": {"<": [{"var": "a"}, "1"]}}"#,
        near_miss: r#"{"rule": {"<": [{"var": "a"}, 1]}}"#,
    },
    Class {
        name: "between-and-null",
        officials: JAVASCRIPT,
        applies: between_and_null,
        example: r#"{"rule": {"<": [1, 2, {"var": "a"}]}}"#,
        near_miss: r#"{"rule": {"<": [1, 2, {"var": "a"}]}, "context": {"a": 3}}"#,
    },
    Class {
        name: "strictly-equal",
        officials: JAVASCRIPT,
        applies: strictly_equal,
        example: r#"{"rule": {"===": [{"var": "a"}, 1]}, "context": {"a": true}}"#,
        near_miss: r#"{"rule": {"===": [{"var": "a"}, 1]}, "context": {"a": 1}}"#,
    },
];

const ARITHMETIC: [&str; 5] = ["+", "-", "*", "/", "%"];
const ORDER: [&str; 4] = ["<", "<=", ">", ">="];
const LOOSE: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];

/// An integer that a double does not hold: Python's are exact, JavaScript's are doubles.
fn beyond_double(case: &Case<'_>) -> bool {
    fn any(value: &Json) -> bool {
        match value {
            Json::Number(number) => {
                !number.is_f64()
                    && number
                        .as_f64()
                        .is_some_and(|n| n.abs() >= 9_007_199_254_740_992.0)
            }
            Json::Array(items) => items.iter().any(any),
            Json::Object(members) => members.contains_key("$integer") || members.values().any(any),
            _ => false,
        }
    }
    case.trace
        .iter()
        .any(|step| step.args.iter().chain(&step.result).any(any))
}

/// What is no number: Python goes on with one that is not a number, JavaScript fails; and they read
/// some texts differently (`""`, `0x10`, `1_000`, Unicode digits and blanks).
fn no_number(case: &Case<'_>) -> bool {
    case.trace.iter().any(|step| {
        let operator = step.op.as_str();
        if ARITHMETIC.contains(&operator) {
            return step.args.iter().any(|arg| !is_plainly_number(arg))
                || step
                    .result
                    .as_ref()
                    .is_some_and(|result| !result.is_number());
        }
        // Two texts, or a text and null, are compared as they are.
        let as_texts = |pair: &[Json]| {
            pair.iter()
                .all(|arg| matches!(arg, Json::String(_) | Json::Null))
        };
        LOOSE.contains(&operator)
            && step
                .args
                .windows(2)
                .any(|pair| !as_texts(pair) && pair.iter().any(|arg| !is_plainly_number(arg)))
    })
}

/// A value that counts as the same number in both.
fn is_plainly_number(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => true,
        Json::String(text) => is_plain_decimal(text),
        _ => false,
    }
}

/// Digits, perhaps with a sign, a fraction and an exponent.
fn is_plain_decimal(text: &str) -> bool {
    text.parse::<f64>().is_ok()
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || "+-.eE".contains(c))
}

/// `min` and `max` fail in JavaScript for anything but numbers; in Python the rest counts as numbers.
fn least_of_other_than_numbers(case: &Case<'_>) -> bool {
    case.they_fail()
        && case
            .steps(&["min", "max"])
            .any(|step| step.args.is_empty() || !step.args.iter().all(Json::is_number))
}

/// The sign of a remainder is the divisor's in Python, the dividend's in JavaScript.
fn remainder_of_negative(case: &Case<'_>) -> bool {
    case.steps(&["%"])
        .any(|step| step.args.iter().any(is_negative))
}

fn is_negative(value: &Json) -> bool {
    match value {
        Json::Number(number) => number.as_f64().is_some_and(f64::is_sign_negative),
        Json::String(text) => text.trim_start().starts_with('-'),
        _ => false,
    }
}

/// One argument of `/` is a divisor in JavaScript and a dividend in Python; a null beside `-` is 0 in
/// JavaScript and as if not given in Python.
fn arithmetic_with_null(case: &Case<'_>) -> bool {
    case.steps(&["-", "/"])
        .any(|step| match step.args.as_slice() {
            [_] => step.op == "/",
            [_, second, ..] => step.op == "-" && second.is_null(),
            [] => true,
        })
}

/// Null before a text: `null` in Python, 0 in JavaScript.
fn null_beside_text(case: &Case<'_>) -> bool {
    case.steps(&ORDER).any(|step| {
        step.args.windows(2).any(|pair| {
            pair.iter().any(Json::is_null)
                && pair
                    .iter()
                    .all(|arg| matches!(arg, Json::Null | Json::String(_)))
        })
    })
}

/// A third argument of null is none in Python.
fn between_and_null(case: &Case<'_>) -> bool {
    case.steps(&ORDER)
        .any(|step| step.args.get(2).is_some_and(Json::is_null))
}

/// Python's equality looks into lists and objects, and takes booleans for numbers; JavaScript's does
/// neither.
fn strictly_equal(case: &Case<'_>) -> bool {
    let differs = |a: &Json, b: &Json| {
        let structured = |value: &Json| value.is_array() || value.is_object();
        (structured(a) && structured(b))
            || (a.is_boolean() && b.is_number())
            || (a.is_number() && b.is_boolean())
    };
    case.steps(&["===", "!=="])
        .any(|step| matches!(step.args.as_slice(), [a, b, ..] if differs(a, b)))
        || case.steps(&["in"]).any(|step| {
            matches!(step.args.as_slice(), [needle, Json::Array(items), ..]
                if items.iter().any(|item| differs(needle, item)))
        })
}
