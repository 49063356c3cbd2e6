//! The last step: what decided.

use serde_json::Value as Json;

use super::Step;
use super::listener::Heard;
use super::source::RULE;
use crate::evaluate::{Decision, ErrorCode, Reason};
use crate::flag::{Flag, Flaw, Targeting};
use crate::operator::shown_json;
use crate::pointer::join_pointer;

/// What led to the decision in the end; more than one step where several things spoil the flag.
pub(super) fn conclude(decision: &Decision<'_>, heard: &Heard) -> Vec<Step> {
    let flag = decision.flag;
    let reason = heard.beneath.unwrap_or(decision.reason);
    let (path, expression, outcome) = match reason {
        Reason::Disabled => (
            "/state".to_owned(),
            "\"DISABLED\"".to_owned(),
            "the flag is disabled: no variant".to_owned(),
        ),
        Reason::Error if matches!(flag.targeting, Targeting::Spoiled) => return spoiled(decision),
        Reason::Error => return vec![failed(decision, heard)],
        Reason::TargetingMatch => variant(decision, heard),
        _ => default(flag, reason),
    };
    vec![Step {
        depth: 0,
        path,
        expression,
        outcome,
    }]
}

/// The variant that the rule named.
fn variant(decision: &Decision<'_>, heard: &Heard) -> (String, String, String) {
    let name = decision.variant_name().unwrap_or_default();
    let value = decision.value().unwrap_or(&Json::Null);
    let (rule, gave) = heard.gave();
    (
        join_pointer("/variants", name),
        shown_json(value),
        format!("{rule} gave {gave}"),
    )
}

/// The default variant, and why.
fn default(flag: &Flag, reason: Reason) -> (String, String, String) {
    let why = match reason {
        Reason::Default if matches!(flag.targeting, Targeting::Rule { .. }) => "the rule gave null",
        Reason::Stale => "what is known is too old",
        Reason::Region => "this is outside of its regions",
        Reason::Prerequisite => "a prerequisite does not hold",
        Reason::Layer => "this is outside of its slots",
        _ => "there is no rule",
    };
    let (default, then) = match flag.default_variant {
        Some(index) => {
            let name = &*flag.variants[usize::from(index.0)].name;
            (Json::from(name), "the default")
        }
        None => (Json::Null, "no variant"),
    };
    (
        "/defaultVariant".to_owned(),
        shown_json(&default),
        format!("{why}: {then}"),
    )
}

/// The rule ended in an error, or gave what names no variant.
fn failed(decision: &Decision<'_>, heard: &Heard) -> Step {
    if let Some(failed) = &heard.failed {
        let outcome = match decision.error {
            // The message of the decision tells of everything that is wrong, this is what was reached.
            Some(ErrorCode::ParseError) => format!("no variant: {}", failed.why),
            _ => decision.error_message().unwrap_or_default(),
        };
        return Step {
            depth: 0,
            path: failed.path.clone(),
            expression: failed.expression.clone(),
            outcome,
        };
    }
    let (rule, gave) = heard.gave();
    Step {
        depth: 0,
        path: rule.to_owned(),
        expression: heard.rule.clone(),
        outcome: format!("gave {gave}, which names no variant"),
    }
}

/// Everything that spoils the flag, as far as it is kept.
fn spoiled(decision: &Decision<'_>) -> Vec<Step> {
    let flag = decision.flag;
    if flag.flaws.is_empty() {
        return vec![Step {
            depth: 0,
            path: RULE.to_owned(),
            expression: shown_json(&Json::Null),
            outcome: decision.error_message().unwrap_or_default(),
        }];
    }
    let step = |flaw: &Flaw| Step {
        depth: 0,
        path: from_flag(&flag.key, &flaw.place),
        expression: flaw.expression.to_string(),
        outcome: format!("no variant: {}", flaw.message),
    };
    flag.flaws.iter().map(step).collect()
}

/// A place in the document, seen from the flag; an evaluator is a part of no flag, and stays where it is.
fn from_flag(key: &str, place: &str) -> String {
    if let Some(rest) = place.strip_prefix(&join_pointer("/delivery", key)) {
        return format!("/delivery{rest}");
    }
    // Behind it is the flag's key or its number.
    match place.strip_prefix("/flags/") {
        Some(rest) => rest
            .find('/')
            .map_or_else(String::new, |end| rest[end..].to_owned()),
        None => place.to_owned(),
    }
}
