//! Where Python's objects and numbers show through.

use serde_json::Value as Json;

use super::{Case, Class};
use crate::oracle::Official;
use crate::values::exactly;

const PYTHON: &[Official] = &[Official::PythonV3, Official::PythonV2];

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "integral-float",
        officials: PYTHON,
        applies: integral_float,
        example: r#"{"rule": {"==": [{"cat": [{"var": "a"}]}, "1e+15"]}, "context": {"a": 1e15}}"#,
        near_miss: r#"{"rule": {"==": [{"cat": [{"var": "a"}]}, "10"]}, "context": {"a": 10.0}}"#,
    },
    Class {
        name: "scope-of-reduce",
        officials: PYTHON,
        applies: scope_of_reduce,
        example: r#"{"rule": {"==": [{"reduce": [{"var": "a"}, {"if": [{"var": "accumulator.current"}, {"var": "accumulator.current"}, {"var": ""}]}, 0]}, 1]}, "context": {"a": [1, 2]}}"#,
        near_miss: r#"{"rule": {"==": [{"reduce": [{"var": "a"}, {"if": [{"var": "accumulator.current"}, {"var": "accumulator.current"}, {"var": "current"}]}, 0]}, 2]}, "context": {"a": [1, 2]}}"#,
    },
    Class {
        name: "identity",
        officials: PYTHON,
        applies: identity,
        example: r#"{"rule": {"reduce": [{"map": [[1, 2], [7]]}, {"if": [{"var": "accumulator"}, {"==": [{"var": "accumulator"}, {"var": "current"}]}, {"var": "current"}]}, null]}}"#,
        near_miss: r#"{"rule": {"==": [{"var": "a"}, {"var": "b"}]}, "context": {"a": [1], "b": [2]}}"#,
    },
    Class {
        name: "no-number-in-list",
        officials: PYTHON,
        applies: no_number_in_list,
        example: r#"{"rule": {"some": [{"map": [["x"], {"+": [{"var": ""}]}]}, {"===": [[{"var": ""}], [{"var": ""}]]}]}}"#,
        near_miss: r#"{"rule": {"some": [{"map": [["1"], {"+": [{"var": ""}]}]}, {"===": [[{"var": ""}], [{"var": ""}]]}]}}"#,
    },
];

/// A float without a fraction is an integer here: as a text, where it is -0 or has 16 digits or more,
/// and in what is computed of it, where that is 0 or beyond 2^53, or it is computed with an integer that
/// is. What is read from a text is a float here, too, but not what is computed of it. And `-0`, an integer
/// to Python, is a float.
fn integral_float(case: &Case<'_>) -> bool {
    const BEYOND: f64 = 9_007_199_254_740_992.0;
    let float = |value: &Json| {
        let number = value.as_number().filter(|number| number.is_f64())?;
        number.as_f64().filter(|float| float.fract() == 0.0)
    };
    let negative_zero = |value: &Json| *value == exactly("-0");
    let negative_zero = any(case.tree, &negative_zero) || any(&case.ask.context, &negative_zero);
    let odd_as_text = |value: &Json| {
        let float = float(value);
        float.is_some_and(|float| float.abs() >= 1e15 || (float == 0.0 && float.is_sign_negative()))
            || (negative_zero && value.as_i64() == Some(0))
    };
    let as_text = |step: &crate::answer::Step| {
        [
            "cat", "in", "substr", "sem_ver", "var", "==", "!=", "<", "<=", ">", ">=",
        ]
        .contains(&step.op.as_str())
            && step.args.iter().any(|arg| any(arg, &odd_as_text))
    };
    let computed = |step: &crate::answer::Step| {
        let from_float = |arg: &Json| any(arg, &|value| float(value).is_some());
        let is_beyond = |number: f64| number.abs() >= BEYOND;
        let with_beyond = |arg: &Json| {
            any(arg, &|value| {
                !value.is_f64() && value.as_f64().is_some_and(is_beyond)
            })
        };
        let result = step.result.as_ref().and_then(Json::as_f64);
        ["+", "-", "*", "/", "%", "min", "max"].contains(&step.op.as_str())
            && (step.op == "/" || step.args.iter().any(from_float))
            && (result.is_some_and(|result| result == 0.0 || is_beyond(result))
                || step.args.iter().any(with_beyond))
    };
    case.trace
        .iter()
        .any(|step| as_text(step) || computed(step))
}

/// Whether a value or something in it is so.
fn any(value: &Json, so: &impl Fn(&Json) -> bool) -> bool {
    so(value)
        || match value {
            Json::Array(items) => items.iter().any(|item| any(item, so)),
            Json::Object(members) => members.values().any(|member| any(member, so)),
            _ => false,
        }
}

/// Python's `reduce` has one object for all turns: what a turn gives may be that object, or hold it,
/// and later turns change it.
fn scope_of_reduce(case: &Case<'_>) -> bool {
    let scope = |value: &Json| {
        value.get("$deep").is_some()
            || (value.get("accumulator").is_some() && value.get("current").is_some())
    };
    case.steps(&["reduce"])
        .any(|step| step.args.iter().skip(1).any(|turn| any(turn, &scope)))
}

/// `==` of two lists or objects is whether they are one in Python's memory.
fn identity(case: &Case<'_>) -> bool {
    case.steps(&["==", "!="]).any(|step| {
        matches!(step.args.as_slice(),
            [a @ (Json::Array(_) | Json::Object(_)), b, ..] if a == b)
    })
}

/// Python takes what is no number for equal to itself where it is one object in two lists.
fn no_number_in_list(case: &Case<'_>) -> bool {
    let no_number = |value: &Json| value.get("$float").is_some_and(|float| float == "nan");
    case.steps(&["===", "!==", "in"]).any(|step| {
        step.args
            .iter()
            .filter(|arg| arg.is_array() || arg.is_object())
            .any(|arg| any(arg, &no_number))
    })
}
