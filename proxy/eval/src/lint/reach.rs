//! What flags get to through references: which evaluators are used, in rules and elsewhere, and whether
//! users are split by `fractional` where nothing says by which bucketing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::part::{Evaluators, Part};
use super::{Findings, Rule};
use crate::code;
use crate::document::reference;
use crate::problem::{Problem, Severity};

/// Names of the evaluators that are used.
pub(super) fn document<'d>(
    document: &Value,
    rules: &[Rule<'d>],
    evaluators: Evaluators<'d>,
    findings: &mut Findings,
) -> BTreeSet<&'d str> {
    let mut reach = Reach {
        evaluators,
        splits: BTreeMap::new(),
        findings,
    };
    let mut unpinned: Vec<(&str, String)> = Vec::new();
    let set_pins = document.pointer("/metadata/bucketing").is_some();
    for rule in rules {
        let Some(place) = reach.split(&rule.part) else {
            continue;
        };
        let own = document
            .get("delivery")
            .and_then(|delivery| delivery.get(rule.flag));
        if !set_pins && own.and_then(|own| own.get("bucketing")).is_none() {
            unpinned.push((rule.flag, place));
        }
    }
    let mut used: BTreeSet<&str> = BTreeSet::new();
    if evaluators.names().next().is_some()
        && let Some(flags) = document.get("flags")
    {
        reach.outside_rules(flags, &mut used);
    }
    used.extend(reach.splits.into_keys());
    if let [(first, place), others @ ..] = &*unpinned {
        findings.report(unpinned_bucketing(first, place, others.len()));
    }
    used
}

/// One for the whole set, for one pin mends all of it.
fn unpinned_bucketing(flag: &str, place: &str, others: usize) -> Problem {
    let of = match others {
        0 => format!("the flag {flag:?} splits"),
        1 => format!("the flag {flag:?} and another split"),
        others => format!("the flag {flag:?} and {others} others split"),
    };
    let message = format!(
        "{of} users by `fractional`, and the set does not say by which bucketing: an upgrade could move them"
    );
    Problem::new(Severity::Mistake, place, message)
        .code(code::UNPINNED_BUCKETING)
        .help(
            "write `bucketing: v3` into the metadata of the set, or let `burgee check --fix` do it",
        )
}

struct Reach<'d, 'f> {
    evaluators: Evaluators<'d>,
    /// Of the evaluators that were looked at, where the first `fractional` is; nothing while one is,
    /// so that a cycle ends.
    splits: BTreeMap<&'d str, Option<String>>,
    findings: &'f mut Findings,
}

impl<'d> Reach<'d, '_> {
    /// Where the first `fractional` is that a part gets to. Follows every reference in it.
    fn split(&mut self, part: &Part<'d>) -> Option<String> {
        if !self.findings.enter() {
            return None;
        }
        let found = self.inside(part);
        self.findings.leave();
        found
    }

    fn inside(&mut self, part: &Part<'d>) -> Option<String> {
        if let Some(items) = part.items() {
            return self.first(&items);
        }
        let Some((operator, argument)) = part.operation() else {
            // Of several keys, none is an operator.
            return None;
        };
        if operator == "$ref" {
            return self.evaluator(&argument);
        }
        // The arguments of an operator are as deep as the list that they stand in, as for the compiler.
        let inside = match argument.items() {
            Some(items) => self.first(&items),
            None => self.split(&argument),
        };
        match operator {
            "fractional" => Some(argument.path),
            _ => inside,
        }
    }

    /// What flags refer to outside of their rules.
    fn outside_rules(&mut self, flags: &Value, used: &mut BTreeSet<&'d str>) {
        let flags: Vec<&Value> = match flags {
            Value::Object(members) if reference(flags).is_none() => members.values().collect(),
            Value::Array(items) => items.iter().collect(),
            other => vec![other],
        };
        for flag in flags {
            match flag {
                Value::Object(members) if reference(flag).is_none() => {
                    for (_, member) in members.iter().filter(|(key, _)| *key != "targeting") {
                        self.values(member, used);
                    }
                }
                other => self.values(other, used),
            }
        }
    }

    /// What a value refers to, and what that refers to.
    fn values(&mut self, value: &Value, used: &mut BTreeSet<&'d str>) {
        if !self.findings.enter() {
            return;
        }
        if let Some((name, target)) = reference(value).and_then(|name| self.evaluators.part(name)) {
            if used.insert(name) {
                self.values(target.value, used);
            }
        } else {
            let inside: Vec<&Value> = match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(members) => members.values().collect(),
                _ => Vec::new(),
            };
            for value in inside {
                self.values(value, used);
            }
        }
        self.findings.leave();
    }

    /// All of them are looked at, for what they use.
    fn first(&mut self, parts: &[Part<'d>]) -> Option<String> {
        let mut first = None;
        for part in parts {
            let found = self.split(part);
            first = first.or(found);
        }
        first
    }

    fn evaluator(&mut self, name: &Part<'d>) -> Option<String> {
        let (name, target) = self.evaluators.part(name.value.as_str()?)?;
        if let Some(known) = self.splits.get(name) {
            return known.clone();
        }
        self.splits.insert(name, None);
        let found = self.split(&target);
        self.splits.insert(name, found.clone());
        found
    }
}
