//! How JavaScript's evaluator reads a rule: it loads the whole of it before it evaluates anything, and
//! is strict about arguments.

use serde_json::Value as Json;

use super::{Case, Class, operations};
use crate::oracle::Official;
use crate::rules::ALL_OPERATORS;

const JAVASCRIPT: &[Official] = &[Official::JavaScript];

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "unreached-operator",
        officials: JAVASCRIPT,
        applies: unreached_operator,
        example: r#"{"rule": {"if": [true, "on", {"unknown": []}]}}"#,
        near_miss: r#"{"rule": {"if": [false, "on", {"unknown": []}]}}"#,
    },
    Class {
        name: "operator-without-name",
        officials: JAVASCRIPT,
        applies: operator_without_name,
        example: r#"{"rule": {"": 1}}"#,
        near_miss: r#"{"rule": {"nowhere": 1}}"#,
    },
    Class {
        name: "operator-of-its-own",
        officials: JAVASCRIPT,
        applies: operator_of_its_own,
        example: r#"{"rule": {"not": [false]}}"#,
        near_miss: r#"{"rule": {"nor": [false]}}"#,
    },
    Class {
        name: "several-keys",
        officials: JAVASCRIPT,
        applies: several_keys,
        example: r#"{"rule": {"if": [{"a": 1, "b": 2}, "on", "off"]}}"#,
        near_miss: r#"{"rule": {"if": [{"a": 1}, "on", "off"]}}"#,
    },
    Class {
        name: "no-list-of-arguments",
        officials: JAVASCRIPT,
        applies: no_list_of_arguments,
        example: r#"{"rule": {"or": {"var": "a"}}, "context": {"a": "on"}}"#,
        near_miss: r#"{"rule": {"or": [{"var": "a"}]}, "context": {"a": "on"}}"#,
    },
    Class {
        name: "too-few-arguments",
        officials: JAVASCRIPT,
        applies: too_few_arguments,
        example: r#"{"rule": {"==": [{"var": "a"}]}}"#,
        near_miss: r#"{"rule": {"==": [{"var": "a"}, null]}}"#,
    },
    Class {
        name: "too-many-arguments",
        officials: JAVASCRIPT,
        applies: too_many_arguments,
        example: r#"{"rule": {"==": [1, {"var": "a"}, 2]}, "context": {"a": 1}}"#,
        near_miss: r#"{"rule": {"==": [1, {"var": "a"}]}, "context": {"a": 1}}"#,
    },
    Class {
        name: "computed-list-of-arguments",
        officials: JAVASCRIPT,
        applies: computed_list_of_arguments,
        example: r#"{"rule": {"==": [{"cat": {"var": "a"}}, "12"]}, "context": {"a": [1, 2]}}"#,
        near_miss: r#"{"rule": {"==": [{"cat": {"var": "a"}}, "12"]}, "context": {"a": "12"}}"#,
    },
    Class {
        name: "constant-that-fails",
        officials: JAVASCRIPT,
        applies: constant_that_fails,
        example: r#"{"rule": {"if": [true, "on", {"/": [1, 0]}]}}"#,
        near_miss: r#"{"rule": {"if": [true, "on", {"/": [1, {"var": "a"}]}]}}"#,
    },
    Class {
        name: "without-brackets",
        officials: JAVASCRIPT,
        applies: without_brackets,
        example: r#"{"rule": {"cat": ["o", {"or": [{"var": "a"}, "ff"]}]}, "context": {"a": "n"}}"#,
        near_miss: r#"{"rule": {"cat": ["o", {"if": [true, {"var": "a"}]}]}, "context": {"a": "n"}}"#,
    },
    Class {
        name: "left-side-overwritten",
        officials: JAVASCRIPT,
        applies: left_side_overwritten,
        example: r#"{"rule": {"==": [{"var": "a"}, {"var": "b"}]}, "context": {"a": false}}"#,
        near_miss: r#"{"rule": {"==": [{"var": "a"}, {"var": "b"}]}, "context": {"a": false, "b": false}}"#,
    },
];

/// An operator that JavaScript does not know, `log` among them, spoils the flag whether or not it is
/// reached.
fn unreached_operator(case: &Case<'_>) -> bool {
    case.they_fail()
        && case.theirs_error() != case.ours_error()
        && operations(case).iter().any(|(operator, _)| {
            !operator.is_empty() && (!ALL_OPERATORS.contains(operator) || *operator == "log")
        })
}

/// `{"": …}` is a constant in JavaScript.
fn operator_without_name(case: &Case<'_>) -> bool {
    operations(case)
        .iter()
        .any(|(operator, _)| operator.is_empty())
}

/// JavaScript has operators that flagd does not have.
fn operator_of_its_own(case: &Case<'_>) -> bool {
    const OWN: [&str; 13] = [
        "length", "keys", "val", "exists", "get", "try", "throw", "pipe", "eachKey", "every",
        "not", "??", "preserve",
    ];
    case.ours_error() == Some("PARSE_ERROR")
        && operations(case)
            .iter()
            .any(|(operator, _)| OWN.contains(operator))
}

/// An object with several keys is a constant in Python, and spoils the flag in JavaScript.
fn several_keys(case: &Case<'_>) -> bool {
    fn any(value: &Json) -> bool {
        match value {
            Json::Array(items) => items.iter().any(any),
            Json::Object(members) => members.len() > 1 || members.values().any(any),
            _ => false,
        }
    }
    case.they_fail() && any(case.rule)
}

const COMPARISONS: [&str; 8] = ["==", "!=", "===", "!==", "<", "<=", ">", ">="];
const LOOSE: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];
const LOOPS: [&str; 6] = ["map", "filter", "reduce", "all", "none", "some"];

/// One argument that does not stand in a list, for an operator that takes several.
fn no_list_of_arguments(case: &Case<'_>) -> bool {
    case.they_fail()
        && operations(case).iter().any(|(operator, arguments)| {
            let several = ["if", "?:", "and", "or", "in"].contains(operator)
                || COMPARISONS.contains(operator)
                || LOOPS.contains(operator);
            // Of these, a constant is put into a list, and what is computed is not.
            let factors = ["*", "/", "%"].contains(operator) && arguments.is_object();
            (several && !arguments.is_array()) || factors
        })
}

/// What is not given counts as null in Python.
fn too_few_arguments(case: &Case<'_>) -> bool {
    case.they_fail()
        && operations(case).iter().any(|(operator, arguments)| {
            let given = arguments.as_array().map_or(1, Vec::len);
            let needed = match *operator {
                "-" | "/" | "min" | "max" | "substr" => 1,
                "%" | "missing_some" => 2,
                _ if COMPARISONS.contains(operator) || LOOPS.contains(operator) => 2,
                _ => 0,
            };
            given < needed
        })
}

/// Python evaluates what is too much, which can fail, and ignores it; JavaScript goes on with it, or does
/// not evaluate it.
fn too_many_arguments(case: &Case<'_>) -> bool {
    operations(case).iter().any(|(operator, arguments)| {
        let given = arguments.as_array().map_or(1, Vec::len);
        let most = match *operator {
            "!" | "!!" => 1,
            "==" | "!=" | "===" | "!==" | "-" | "/" | "%" | "var" | "in" | "missing_some" => 2,
            "<" | "<=" | ">" | ">=" | "substr" => 3,
            _ => usize::MAX,
        };
        given > most
    })
}

/// `{"+": {"var": "list"}}`: JavaScript takes the items of the list for the arguments, Python takes the
/// list for the only one.
fn computed_list_of_arguments(case: &Case<'_>) -> bool {
    case.trace.iter().any(|step| {
        let alone = step.given.as_array().is_none_or(|given| given.len() == 1);
        !LOOPS.contains(&step.op.as_str())
            && alone
            && match step.args.as_slice() {
                [Json::Array(items)] if ["!", "!!"].contains(&step.op.as_str()) => {
                    items.first().is_some_and(is_false)
                }
                [Json::Array(_)] => true,
                _ => false,
            }
    })
}

/// What is not truthy in JavaScript.
fn is_false(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Bool(true) => false,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(members) => members.is_empty() || members.contains_key("$float"),
    }
}

/// What reads nothing is evaluated when JavaScript loads the rule, and spoils the flag where it fails,
/// reached or not.
fn constant_that_fails(case: &Case<'_>) -> bool {
    case.they_fail()
        && (case
            .trace
            .iter()
            .any(|step| step.constant && step.result.is_none())
            || operations(case)
                .iter()
                .any(|(operator, arguments)| constant_operand_fails(case, operator, arguments)))
}

/// Among operands that are computed, one that is constant, and no number, or a divisor of 0; a loop of
/// which the expression is null.
fn constant_operand_fails(case: &Case<'_>, operator: &str, arguments: &Json) -> bool {
    let Json::Array(operands) = arguments else {
        return false;
    };
    if LOOPS.contains(&operator) && operands.get(1) == Some(&Json::Null) {
        return true;
    }
    ["+", "-", "*", "/", "%"].contains(&operator)
        && operands.iter().enumerate().any(|(index, operand)| {
            let divides = index > 0 && operator == "/";
            match constant_value(case, operand) {
                None => false,
                Some(Json::Array(_) | Json::Object(_)) => true,
                Some(Json::String(text)) => text.parse::<f64>().is_err() && !text.trim().is_empty(),
                Some(Json::Null | Json::Bool(false)) => divides,
                Some(value) => divides && value.as_f64() == Some(0.0),
            }
        })
}

/// What an operand is, if it is constant.
fn constant_value<'c>(case: &Case<'c>, operand: &'c Json) -> Option<&'c Json> {
    let Some((operator, given)) = operand
        .as_object()
        .filter(|members| members.len() == 1)
        .and_then(|members| members.iter().next())
    else {
        return Some(operand);
    };
    case.trace
        .iter()
        .find(|step| step.constant && step.op == *operator && step.given == *given)?
        .result
        .as_ref()
}

/// JavaScript compiles a rule to a text, and leaves out the brackets around some operators: what stands
/// beside them binds more tightly.
fn without_brackets(case: &Case<'_>) -> bool {
    let bare = |value: &Json| {
        let operators = ["and", "or", "all", "missing", "missing_some"];
        operators
            .iter()
            .any(|operator| value.get(operator).is_some())
    };
    operations(case).iter().any(|(operator, arguments)| {
        let Json::Array(arguments) = arguments else {
            return false;
        };
        match *operator {
            "cat" => arguments.iter().any(bare),
            "var" | "in" => arguments.get(1).is_some_and(bare),
            _ if LOOPS.contains(operator) => arguments.first().is_some_and(bare),
            _ => false,
        }
    })
}

/// JavaScript keeps the left side of a comparison in a variable that evaluating the right side
/// overwrites, and then checks that one in its place. The check matters for null, and where the last
/// that was evaluated is no number.
fn left_side_overwritten(case: &Case<'_>) -> bool {
    case.steps(&LOOSE)
        .chain(case.steps(&["missing_some"]))
        .any(|step| {
            let Json::Array(given) = &step.given else {
                return false;
            };
            if step.op == "missing_some" {
                // There, it is the keys that are missing, and the number of them that are needed.
                return given.first().is_some_and(Json::is_object);
            }
            given.iter().skip(1).any(|right| match right {
                Json::Object(members) if members.contains_key("var") => {
                    step.args.iter().any(Json::is_null)
                }
                right => right.is_object(),
            })
        })
}
