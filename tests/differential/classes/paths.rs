//! What JavaScript's evaluator finds under a path, and what it calls missing.

use serde_json::Value as Json;

use super::{Case, Class};
use crate::oracle::Official;

const JAVASCRIPT: &[Official] = &[Official::JavaScript];

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "path-with-escapes",
        officials: JAVASCRIPT,
        applies: path_with_escapes,
        example: r#"{"rule": {"var": "a\\.b"}, "context": {"a.b": "on"}}"#,
        near_miss: r#"{"rule": {"var": "a.b"}, "context": {"a": {"b": "on"}}}"#,
    },
    Class {
        name: "path-of-other-than-text",
        officials: JAVASCRIPT,
        applies: path_of_other_than_text,
        example: r#"{"rule": {"var": 1}, "context": {"1": "on"}}"#,
        near_miss: r#"{"rule": {"var": "1"}, "context": {"1": "on"}}"#,
    },
    Class {
        name: "path-beyond-length",
        officials: JAVASCRIPT,
        applies: path_beyond_length,
        example: r#"{"rule": {"!!": {"var": "a.length.b"}}, "context": {"a": "xyz"}}"#,
        near_miss: r#"{"rule": {"!!": {"var": "a.length"}}, "context": {"a": "xyz"}}"#,
    },
    Class {
        name: "path-to-inherited",
        officials: JAVASCRIPT,
        applies: path_to_inherited,
        example: r#"{"rule": {"!": {"missing": ["constructor"]}}}"#,
        near_miss: r#"{"rule": {"!": {"missing": ["a"]}}}"#,
    },
    Class {
        name: "null-and-default",
        officials: JAVASCRIPT,
        applies: null_and_default,
        example: r#"{"rule": {"var": [{"cat": ["a", ""]}, "on"]}, "context": {"a": null}}"#,
        near_miss: r#"{"rule": {"var": [{"cat": ["a", ""]}, "on"]}, "context": {}}"#,
    },
    Class {
        name: "default-that-fails",
        officials: JAVASCRIPT,
        applies: default_that_fails,
        example: r#"{"rule": {"var": ["a", {"%": [1, {"var": "b"}]}]}, "context": {"a": "on", "b": 0}}"#,
        near_miss: r#"{"rule": {"var": ["a", {"%": [1, {"var": "b"}]}]}, "context": {"a": "on", "b": 1}}"#,
    },
    Class {
        name: "null-is-not-missing",
        officials: JAVASCRIPT,
        applies: null_is_not_missing,
        example: r#"{"rule": {"!": {"missing": ["a"]}}, "context": {"a": null}}"#,
        near_miss: r#"{"rule": {"!": {"missing": ["a"]}}, "context": {"a": 0}}"#,
    },
    Class {
        name: "missing-of-other-than-paths",
        officials: JAVASCRIPT,
        applies: missing_of_other_than_paths,
        example: r#"{"rule": {"!": {"missing_some": [1, "a"]}}, "context": {}}"#,
        near_miss: r#"{"rule": {"!": {"missing_some": [1, ["a"]]}}, "context": {}}"#,
    },
];

/// The paths that a case reads.
fn paths<'c>(case: &'c Case<'_>) -> impl Iterator<Item = &'c Json> {
    case.steps(&["var", "missing", "missing_some"])
        .flat_map(|step| match step.op.as_str() {
            "var" => step.args.iter().take(1).collect::<Vec<_>>(),
            "missing_some" => keys(step.args.get(1)),
            _ => match step.args.as_slice() {
                [Json::Array(keys), ..] => keys.iter().collect(),
                keys => keys.iter().collect(),
            },
        })
}

fn keys(list: Option<&Json>) -> Vec<&Json> {
    list.and_then(Json::as_array)
        .map(|keys| keys.iter().collect())
        .unwrap_or_default()
}

/// In JavaScript a backslash quotes a dot, `../` climbs out of a loop, and dots alone have one part
/// less.
fn path_with_escapes(case: &Case<'_>) -> bool {
    paths(case).filter_map(Json::as_str).any(|path| {
        path.contains('\\')
            || path.starts_with("../")
            || (!path.is_empty() && path.chars().all(|c| c == '.'))
    })
}

/// A number names no member of an object in Python; in JavaScript its text does, and so does the text
/// of a boolean, a list or an object.
fn path_of_other_than_text(case: &Case<'_>) -> bool {
    case.steps(&["var"])
        .any(|step| !matches!(step.args.first(), None | Some(Json::String(_) | Json::Null)))
}

/// Python's path ends at a `length`, whatever follows.
fn path_beyond_length(case: &Case<'_>) -> bool {
    paths(case)
        .filter_map(Json::as_str)
        .any(|path| path.contains("length."))
}

/// What every object has in JavaScript.
fn path_to_inherited(case: &Case<'_>) -> bool {
    paths(case)
        .filter_map(Json::as_str)
        .any(|path| path.split('.').any(|part| part == "constructor"))
}

/// A path that finds null gives null, whatever its default says: where it is computed, and where
/// JavaScript interprets a rule instead of compiling it.
fn null_and_default(case: &Case<'_>) -> bool {
    case.steps(&["var"]).any(|step| {
        let path = step.args.first().and_then(Json::as_str);
        path.is_some_and(|path| find(&step.scope, path) == Some(&Json::Null))
            && step.args.get(1).is_some_and(|default| !default.is_null())
    })
}

/// JavaScript evaluates a default only where it is needed.
fn default_that_fails(case: &Case<'_>) -> bool {
    matches!(case.ours_error(), Some("GENERAL" | "PARSE_ERROR"))
        && case.steps(&["var"]).any(|step| {
            let given = step.given.as_array().map(Vec::as_slice);
            step.result.is_none() && matches!(given, Some([_, Json::Object(_) | Json::Array(_)]))
        })
}

/// In JavaScript only what is not there at all is missing; in Python also null and an empty text.
fn null_is_not_missing(case: &Case<'_>) -> bool {
    case.steps(&["missing", "missing_some"]).any(|step| {
        let missing = keys(step.result.as_ref());
        missing
            .iter()
            .filter_map(|key| key.as_str())
            .any(|key| match find(&step.scope, key) {
                Some(found) => found.is_null() || *found == "",
                None => false,
            })
    })
}

fn find<'j>(value: &'j Json, path: &str) -> Option<&'j Json> {
    path.split('.').try_fold(value, |value, part| match value {
        Json::Array(items) => items.get(part.parse::<usize>().ok()?),
        value => value.get(part),
    })
}

/// Keys that are no texts or empty, or a list among other keys, or no list where one belongs.
fn missing_of_other_than_paths(case: &Case<'_>) -> bool {
    case.steps(&["missing", "missing_some"]).any(|step| {
        let list = match step.op.as_str() {
            "missing_some" => step.args.get(1),
            _ => None,
        };
        match (step.op.as_str(), list) {
            ("missing_some", Some(Json::Array(keys))) => {
                !keys.iter().all(is_path)
                    || step.args.first().is_none_or(|needed| !needed.is_number())
            }
            ("missing_some", _) => true,
            _ => !step.args.iter().all(is_path),
        }
    })
}

/// The empty path is the whole context in Python, and an attribute without a name in JavaScript.
fn is_path(key: &Json) -> bool {
    key.as_str().is_some_and(|path| !path.is_empty())
}
