//! Sets to lint, and findings as text.

use burgee_eval::lint::{self, World};
use burgee_eval::{Problem, code};
use serde_json::{Value, json};

pub(crate) const NOTHING: [&str; 0] = [];

/// Findings as `code path`, sorted.
pub(crate) fn shown(problems: &[Problem]) -> Vec<String> {
    for problem in problems {
        assert!(problem.help.is_some(), "says what to do: {problem:?}");
        let code = code::ALL.iter().find(|code| code.id == problem.code);
        let code = code.unwrap_or_else(|| panic!("{problem:?}"));
        assert_eq!(code.severity, problem.severity, "{problem:?}");
    }
    let shown = problems.iter();
    let shown = shown.map(|problem| format!("{} {}", problem.code, problem.path));
    let mut shown: Vec<String> = shown.collect();
    shown.sort();
    shown
}

pub(crate) fn lint(document: &Value) -> Vec<String> {
    shown(&lint::document(document, &World::default()))
}

/// A set with an owner and pinned bucketing, of one flag `a` with this rule and variants on, off.
pub(crate) fn set(rule: &Value, evaluators: &Value) -> Value {
    json!({
        "metadata": { "owner": "team", "bucketing": "v3" },
        "flags": { "a": {
            "state": "ENABLED",
            "variants": { "on": true, "off": false },
            "defaultVariant": "off",
            "targeting": rule,
        } },
        "$evaluators": evaluators,
    })
}
