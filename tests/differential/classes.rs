//! Classes of cases on which an official evaluator and Burgee differ, and may.
//!
//! Each is a narrow predicate over a case on which they do differ: over the document, the question,
//! both answers and the steps of the official Python evaluator. `docs/decisions/0004-evaluation.md`
//! lists them under the same names, with both answers and the choice.

mod numbers;
mod paths;
mod python;
mod resolution;
mod shape;
mod values;

use serde_json::Value as Json;

use crate::answer::{Answer, Step};
use crate::documents::Ask;
use crate::oracle::Official;

/// A case on which the two differ, and how the evaluator went about it.
pub(crate) struct Case<'c> {
    pub(crate) official: Official,
    pub(crate) tree: &'c Json,
    pub(crate) ask: &'c Ask,
    /// The document with references substituted.
    pub(crate) substituted: &'c Json,
    /// The rule of the flag in it.
    pub(crate) rule: &'c Json,
    pub(crate) ours: Result<&'c Answer, &'c str>,
    pub(crate) theirs: Result<&'c Answer, &'c str>,
    /// The steps of the Python evaluator with the same bucketing.
    pub(crate) trace: &'c [Step],
}

/// A named exception.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    /// Who differs.
    pub(crate) officials: &'static [Official],
    pub(crate) applies: fn(&Case<'_>) -> bool,
    /// A case that belongs to it, in the form of [`crate::evidence`].
    pub(crate) example: &'static str,
    /// One that does not, although it is close.
    pub(crate) near_miss: &'static str,
}

/// The exception that a case belongs to, if any: the first that applies.
pub(crate) fn class_of(case: &Case<'_>) -> Option<&'static str> {
    classes()
        .filter(|class| class.officials.contains(&case.official))
        .find(|class| (class.applies)(case))
        .map(|class| class.name)
}

/// Every exception, in the order in which they are tried.
pub(crate) fn classes() -> impl Iterator<Item = &'static Class> {
    [
        resolution::CLASSES,
        python::CLASSES,
        paths::CLASSES,
        values::CLASSES,
        numbers::CLASSES,
        shape::CLASSES,
    ]
    .into_iter()
    .flatten()
}

impl Case<'_> {
    fn flag(&self) -> &Json {
        &self.substituted["flags"][&self.ask.flag]
    }

    fn flags(&self) -> impl Iterator<Item = &Json> {
        let members = self.substituted["flags"].as_object();
        members.into_iter().flat_map(serde_json::Map::values)
    }

    fn evaluators(&self) -> impl Iterator<Item = (&str, &Json)> {
        let members = self.tree["$evaluators"].as_object();
        members
            .into_iter()
            .flatten()
            .map(|(name, rule)| (name.as_str(), rule))
    }

    /// Steps of these operators, also those of constants, which JavaScript evaluates when it loads.
    fn steps(&self, operators: &[&str]) -> impl Iterator<Item = &Step> {
        self.trace
            .iter()
            .filter(move |step| operators.contains(&step.op.as_str()))
    }

    /// What the whole rule gave.
    fn result(&self) -> Option<&Json> {
        let last = self.trace.iter().rfind(|step| !step.constant)?;
        last.result.as_ref()
    }

    fn theirs_error(&self) -> Option<&str> {
        self.theirs.ok()?.error_code.as_deref()
    }

    fn ours_error(&self) -> Option<&str> {
        self.ours.ok()?.error_code.as_deref()
    }

    /// They end in an error of the rule: when it is evaluated, or, for what is constant, loaded.
    fn they_fail(&self) -> bool {
        matches!(self.theirs_error(), Some("GENERAL" | "PARSE_ERROR"))
    }
}

/// Every operator of the rule with its arguments as authored, reached or not.
fn operations<'c>(case: &Case<'c>) -> Vec<(&'c str, &'c Json)> {
    fn walk<'c>(value: &'c Json, into: &mut Vec<(&'c str, &'c Json)>) {
        match value {
            Json::Array(items) => items.iter().for_each(|item| walk(item, into)),
            Json::Object(members) => {
                if let (1, Some((operator, arguments))) = (members.len(), members.iter().next()) {
                    into.push((operator, arguments));
                    walk(arguments, into);
                }
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    walk(case.rule, &mut all);
    all
}
