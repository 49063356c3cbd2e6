//! How JavaScript's evaluator takes texts, lists and objects, and what flagd's own operators make of
//! them.

use serde_json::Value as Json;

use super::resolution::integral_weight;
use super::{Case, Class, operations};
use crate::answer::Step;
use crate::oracle::Official;

const JAVASCRIPT: &[Official] = &[Official::JavaScript];

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "untraced-variant",
        officials: JAVASCRIPT,
        applies: untraced_variant,
        example: r#"{"rule": {"if": [{"+": {"fractional": [["x", 1.0]]}}, "on"]}, "context": {"targetingKey": "u"}}"#,
        near_miss: r#"{"rule": {"if": [{"+": {"fractional": [["5", 1.0]]}}, "on"]}, "context": {"targetingKey": "u"}}"#,
    },
    Class {
        name: "empty-object-is-false",
        officials: JAVASCRIPT,
        applies: empty_object_is_false,
        example: r#"{"rule": {"!": {"var": "a"}}, "context": {"a": {}}}"#,
        near_miss: r#"{"rule": {"!": {"var": "a"}}, "context": {"a": {"b": 1}}}"#,
    },
    Class {
        name: "in-other-than-list-or-text",
        officials: JAVASCRIPT,
        applies: in_other_than_list_or_text,
        example: r#"{"rule": {"in": [1, {"var": "a"}]}, "context": {"a": 1}}"#,
        near_miss: r#"{"rule": {"in": [1, {"var": "a"}]}, "context": {"a": [1]}}"#,
    },
    Class {
        name: "text-of-value",
        officials: JAVASCRIPT,
        applies: text_of_value,
        example: r#"{"rule": {"==": [{"cat": [{"var": "a"}]}, "true"]}, "context": {"a": true}}"#,
        near_miss: r#"{"rule": {"==": [{"cat": [{"var": "a"}]}, "1.5"]}, "context": {"a": 1.5}}"#,
    },
    Class {
        name: "substr-of-other-than-text",
        officials: JAVASCRIPT,
        applies: substr_of_other_than_text,
        example: r#"{"rule": {"==": [{"substr": [{"var": "a"}, 1]}, "5"]}, "context": {"a": 15}}"#,
        near_miss: r#"{"rule": {"==": [{"substr": [{"var": "a"}, 1]}, "5"]}, "context": {"a": "15"}}"#,
    },
    Class {
        name: "utf-16",
        officials: JAVASCRIPT,
        applies: utf_16,
        example: r#"{"rule": {"==": [{"var": "a.length"}, 1]}, "context": {"a": "👍"}}"#,
        near_miss: r#"{"rule": {"==": [{"var": "a.length"}, 1]}, "context": {"a": "日"}}"#,
    },
    Class {
        name: "loop-over-other-than-list",
        officials: JAVASCRIPT,
        applies: loop_over_other_than_list,
        example: r#"{"rule": {"all": [{"var": "a"}, true]}}"#,
        near_miss: r#"{"rule": {"all": [{"var": "a"}, true]}, "context": {"a": []}}"#,
    },
    Class {
        name: "reduce-start",
        officials: JAVASCRIPT,
        applies: reduce_start,
        example: r#"{"rule": {"==": [{"reduce": [{"var": "a"}, {"+": [{"var": "accumulator"}, {"*": [2, {"var": "current"}]}]}]}, 5]}, "context": {"a": [1, 2]}}"#,
        near_miss: r#"{"rule": {"==": [{"reduce": [{"var": "a"}, {"+": [{"var": "accumulator"}, {"*": [2, {"var": "current"}]}]}, 0]}, 6]}, "context": {"a": [1, 2]}}"#,
    },
    Class {
        name: "reduce-to-nested",
        officials: JAVASCRIPT,
        applies: reduce_to_nested,
        example: r#"{"rule": {"!!": {"reduce": [{"var": "a"}, {"merge": [{"var": "accumulator"}, {"var": "current"}]}, "s"]}}, "context": {"a": [[{"b": 1}]]}}"#,
        near_miss: r#"{"rule": {"!!": {"reduce": [{"var": "a"}, {"merge": [{"var": "accumulator"}, {"var": "current"}]}, "s"]}}, "context": {"a": [[1]]}}"#,
    },
    Class {
        name: "flagd-operator-in-loop",
        officials: JAVASCRIPT,
        applies: flagd_operator_in_loop,
        example: r#"{"rule": {"some": [{"var": "a"}, {"starts_with": [{"var": ""}, "x"]}]}, "context": {"a": ["xy"]}}"#,
        near_miss: r#"{"rule": {"some": [{"var": "a"}, {"in": ["x", {"var": ""}]}]}, "context": {"a": ["xy"]}}"#,
    },
    Class {
        name: "version-spelling",
        officials: JAVASCRIPT,
        applies: version_spelling,
        example: r#"{"rule": {"sem_ver": [{"var": "a"}, "=", "1.2.3"]}, "context": {"a": " 1.2.3"}}"#,
        near_miss: r#"{"rule": {"sem_ver": [{"var": "a"}, "=", "1.2.3"]}, "context": {"a": "v1.2.3"}}"#,
    },
    Class {
        name: "bucketing-beyond-ascii",
        officials: JAVASCRIPT,
        applies: bucketing_beyond_ascii,
        example: r#"{"rule": {"fractional": [{"var": "a"}, ["on", 50], ["off", 50]]}, "context": {"a": "日本"}}"#,
        near_miss: r#"{"rule": {"fractional": [{"var": "a"}, ["on", 50], ["off", 50]]}, "context": {"a": "u1"}}"#,
    },
    Class {
        name: "bucketing-without-text",
        officials: JAVASCRIPT,
        applies: bucketing_without_text,
        example: r#"{"rule": {"fractional": [["on", 1]]}, "context": {"targetingKey": true}}"#,
        near_miss: r#"{"rule": {"fractional": [["on", 1]]}, "context": {"targetingKey": "true"}}"#,
    },
    Class {
        name: "variant-of-fractional",
        officials: JAVASCRIPT,
        applies: variant_of_fractional,
        example: r#"{"rule": {"fractional": [["on", 1], [{"var": "a"}, 0]]}, "context": {"targetingKey": "u", "a": ["off"]}}"#,
        near_miss: r#"{"rule": {"fractional": [["on", 1], [{"var": "a"}, 0]]}, "context": {"targetingKey": "u", "a": "off"}}"#,
    },
];

const ORDER: [&str; 4] = ["<", "<=", ">", ">="];
const LOOPS: [&str; 6] = ["map", "filter", "reduce", "all", "none", "some"];

/// A weight of `1.0` gives a variant here and in JavaScript, which then fails at what it is used for; in
/// Python's steps it is null, and nothing shows.
fn untraced_variant(case: &Case<'_>) -> bool {
    case.they_fail() && integral_weight(case)
}

/// `{}` is true in Python, and false in JavaScript.
fn empty_object_is_false(case: &Case<'_>) -> bool {
    let empty = |value: &Json| value.as_object().is_some_and(serde_json::Map::is_empty);
    case.steps(&[
        "if", "?:", "and", "or", "!", "!!", "filter", "all", "some", "none",
    ])
    .any(|step| step.args.iter().any(empty))
}

/// In what is neither list nor text there is nothing in Python; JavaScript fails. The empty text has
/// nothing in it in JavaScript, and itself in Python.
fn in_other_than_list_or_text(case: &Case<'_>) -> bool {
    case.steps(&["in"]).any(|step| match step.args.get(1) {
        Some(Json::Array(_)) => false,
        Some(Json::String(text)) => text.is_empty(),
        _ => true,
    })
}

/// Where a value becomes a text: `True` in Python and `true` in JavaScript; numbers with 15 digits, or
/// as many as they need; null is `null` in Python, and in JavaScript nothing at some places, an error
/// at others.
fn text_of_value(case: &Case<'_>) -> bool {
    case.trace.iter().any(|step| match step.op.as_str() {
        "cat" => step
            .args
            .iter()
            .any(|arg| arg.is_null() || differs_as_text(arg)),
        "in" => {
            matches!(step.args.as_slice(), [needle, Json::String(_), ..] if differs_as_text(needle))
        }
        _ => false,
    })
}

fn differs_as_text(value: &Json) -> bool {
    match value {
        Json::Bool(_) => true,
        Json::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => {
                let digits = format!("{float:e}");
                let mantissa = digits.split('e').next().unwrap_or_default();
                let digits = mantissa.chars().filter(char::is_ascii_digit).count();
                let ordinary = (1e-4..1e15).contains(&float.abs());
                digits > 15 || !ordinary && (float != 0.0 || float.is_sign_negative())
            }
            _ => false,
        },
        Json::Array(items) => items
            .iter()
            .any(|item| item.is_null() || differs_as_text(item)),
        Json::Object(members) => members.contains_key("$float"),
        _ => false,
    }
}

/// `substr` of anything but a text fails in JavaScript; a length of null is none in Python and 0 in
/// JavaScript; positions that are no whole numbers are cut differently.
fn substr_of_other_than_text(case: &Case<'_>) -> bool {
    case.steps(&["substr"]).any(|step| {
        let whole = |value: &Json| value.as_f64().is_some_and(|value| value.fract() == 0.0);
        !matches!(step.args.first(), Some(Json::String(_)))
            || step.args.get(1).is_some_and(|from| !whole(from))
            || step.args.get(2).is_some_and(|length| !whole(length))
    })
}

/// Characters beyond the first plane are two in JavaScript, and sort before some others.
fn utf_16(case: &Case<'_>) -> bool {
    fn astral(value: &Json) -> bool {
        match value {
            Json::String(text) => text.chars().any(|c| c > '\u{FFFF}'),
            Json::Array(items) => items.iter().any(astral),
            Json::Object(members) => members.values().any(astral),
            _ => false,
        }
    }
    case.trace.iter().any(|step| match step.op.as_str() {
        "substr" => step.args.iter().any(astral),
        operator if ORDER.contains(&operator) => step.args.iter().any(astral),
        "var" => {
            let path = step.args.first().and_then(Json::as_str).unwrap_or_default();
            let last = path.rsplit('.').next().unwrap_or_default();
            (last == "length" || last.parse::<usize>().is_ok()) && astral(&step.scope)
        }
        _ => false,
    })
}

/// A loop over what is no list has no items in Python; in JavaScript it fails, or, where the value is
/// not truthy, `all` is true; and a constant text has its characters.
fn loop_over_other_than_list(case: &Case<'_>) -> bool {
    case.steps(&LOOPS).any(|step| {
        let over_text = matches!(step.args.first(), Some(Json::String(_)));
        let over_characters = over_text && ["some", "none"].contains(&step.op.as_str());
        !matches!(step.args.first(), Some(Json::Array(_)))
            && (case.they_fail() || step.op == "all" || over_characters)
    })
}

/// Without a start, JavaScript starts with the first item and Python with null; and Python does not
/// evaluate the start, whereas JavaScript can fail at it when it loads the rule.
fn reduce_start(case: &Case<'_>) -> bool {
    let odd = |given: &Json| match given.as_array().map(Vec::as_slice) {
        Some([_, _, start]) => start.is_array() || start.is_object(),
        _ => true,
    };
    case.steps(&["reduce"]).any(|step| odd(&step.given))
        || case.theirs_error() == Some("PARSE_ERROR")
            && operations(case)
                .iter()
                .any(|(operator, given)| *operator == "reduce" && odd(given))
}

/// JavaScript refuses to accumulate lists and objects that hold others.
fn reduce_to_nested(case: &Case<'_>) -> bool {
    let nested = |value: &Json| match value {
        Json::Array(items) => items.iter().any(|item| item.is_array() || item.is_object()),
        Json::Object(members) => members
            .values()
            .any(|member| member.is_array() || member.is_object()),
        _ => false,
    };
    case.they_fail()
        && case
            .steps(&["reduce"])
            .any(|step| step.args.iter().skip(1).any(nested))
}

/// flagd's own operators need the context, which JavaScript does not give to what is in a loop.
fn flagd_operator_in_loop(case: &Case<'_>) -> bool {
    case.they_fail()
        && case
            .steps(&["fractional", "sem_ver", "starts_with", "ends_with"])
            .any(|step| step.inner)
}

/// JavaScript ignores blanks and a second `v` or a `=` before a version, takes no partial version with
/// a pre-release or a build, but one with leading zeros, and no number that a double does not hold.
fn version_spelling(case: &Case<'_>) -> bool {
    case.steps(&["sem_ver"]).any(|step| {
        let versions = [step.args.first(), step.args.get(2)];
        let odd = versions.into_iter().flatten().any(|version| match version {
            Json::String(text) => oddly_spelled(text),
            Json::Number(number) => oddly_spelled(&number.to_string()),
            // The text of a list of one is the text of that one.
            Json::Array(_) => true,
            _ => false,
        });
        odd || step
            .args
            .get(1)
            .is_some_and(|operator| !operator.is_string())
    })
}

fn oddly_spelled(text: &str) -> bool {
    let version = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let numbers = version.split(['-', '+']).next().unwrap_or_default();
    let partial = numbers.matches('.').count() < 2;
    let large = numbers.split('.').any(|number| number.len() > 15);
    let suffixed = numbers.len() < version.len();
    let zeros = numbers
        .split('.')
        .any(|number| number.len() > 1 && number.starts_with('0'));
    version.starts_with(['v', 'V', '='])
        || version.trim() != version
        || (partial && (suffixed || zeros))
        || large
}

/// JavaScript hashes UTF-16 units, cut to what fits.
fn bucketing_beyond_ascii(case: &Case<'_>) -> bool {
    case.steps(&["fractional"]).any(|step| {
        let value = match step.args.first() {
            Some(Json::String(text)) => text.clone(),
            _ => format!("{}{}", case.ask.flag, step.scope["targetingKey"]),
        };
        !value.is_ascii()
    })
}

/// An empty text is no bucketing value in Python; JavaScript hashes it. A targeting key that is no text
/// becomes one in JavaScript.
fn bucketing_without_text(case: &Case<'_>) -> bool {
    case.steps(&["fractional"])
        .any(|step| match step.args.first() {
            Some(Json::String(text)) => text.is_empty(),
            _ => !matches!(&step.scope["targetingKey"], Json::String(_) | Json::Null),
        })
}

/// What JavaScript's `fractional` gives is a text, a number, a boolean or null; it gives null where an
/// entry has anything else, chosen or not.
fn variant_of_fractional(case: &Case<'_>) -> bool {
    case.steps(&["fractional"]).any(|step: &Step| {
        step.args.iter().any(|entry| {
            entry
                .get(0)
                .is_some_and(|variant| variant.is_array() || variant.is_object())
        })
    })
}
