//! The walk over rules: what is constant, what is never reached, and what each operator is given.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::constant::{fold, over_nothing, truthy};
use super::facts::{Facts, Implied};
use super::part::{Evaluators, Part};
use super::reads::Reads;
use super::{Findings, Rule, World};
use crate::problem::Problem;

/// Walks over every rule, and over every evaluator that one of them uses.
pub(super) fn rules<'d>(
    rules: &[Rule<'d>],
    evaluators: Evaluators<'d>,
    world: &World<'_>,
    findings: &mut Findings,
) {
    let mut walk = Walk {
        evaluators,
        reads: Reads::new(world),
        findings,
        flag: None,
        outcomes: BTreeMap::new(),
        facts: Facts::default(),
        unreachable: 0,
        in_item: false,
    };
    for rule in rules {
        walk.flag = Some(rule.flag);
        walk.examine(&rule.part);
    }
}

/// What is known of a part beforehand.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome<'d> {
    /// What it gives, where that is always the same.
    pub(super) value: Option<Cow<'d, Value>>,
    /// Whether it is truthy, where that is always the same.
    pub(super) truth: Option<bool>,
}

impl<'d> Outcome<'d> {
    pub(super) const UNKNOWN: Self = Self {
        value: None,
        truth: None,
    };

    fn constant(value: Cow<'d, Value>) -> Self {
        Self {
            truth: Some(truthy(&value)),
            value: Some(value),
        }
    }

    pub(super) fn truth(truth: bool) -> Self {
        Self {
            value: None,
            truth: Some(truth),
        }
    }
}

pub(super) struct Walk<'d, 'w> {
    pub(super) evaluators: Evaluators<'d>,
    pub(super) reads: Reads<'w>,
    findings: &'w mut Findings,
    /// Whose rule it is in; `None` in an evaluator, which is many flags'.
    flag: Option<&'d str>,
    /// Of the evaluators that were walked over, inside of a loop or not; `None` while one is, so that
    /// a cycle ends.
    outcomes: BTreeMap<(&'d str, bool), Option<Outcome<'d>>>,
    pub(super) facts: Facts,
    /// How many parts around it are never reached; reported once, from the outside.
    pub(super) unreachable: usize,
    /// Inside an operator that takes the items of a list for its context.
    in_item: bool,
}

impl<'d> Walk<'d, '_> {
    /// Walks over a part and everything in it.
    pub(super) fn examine(&mut self, part: &Part<'d>) -> Outcome<'d> {
        if !self.findings.enter() {
            return Outcome::UNKNOWN;
        }
        let outcome = self.inside(part);
        self.findings.leave();
        outcome
    }

    fn inside(&mut self, part: &Part<'d>) -> Outcome<'d> {
        if part.is_plain() {
            return Outcome::constant(Cow::Borrowed(part.value));
        }
        if let Some(items) = part.items() {
            let outcomes = self.examine_all(&items);
            let values: Option<Vec<Value>> = outcomes
                .into_iter()
                .map(|outcome| outcome.value.map(Cow::into_owned))
                .collect();
            return match values {
                Some(values) => Outcome::constant(Cow::Owned(values.into())),
                // No list with something in it is empty.
                None => Outcome::truth(true),
            };
        }
        // An object of several keys is no operator, which the compiler reports.
        let Some((operator, argument)) = part.operation() else {
            return Outcome::UNKNOWN;
        };
        if operator == "$ref" {
            return self.reference(&argument);
        }
        let arguments = self.evaluators.arguments(&argument);
        match operator {
            "if" | "?:" => self.conditional(&arguments),
            "and" => self.chain(&arguments, false),
            "or" => self.chain(&arguments, true),
            "fractional" => self.fractional(part, &arguments),
            "map" | "filter" | "all" | "none" | "some" | "reduce" => {
                self.over_items(operator, &arguments)
            }
            _ => self.operator(operator, &arguments),
        }
    }

    pub(super) fn examine_all(&mut self, parts: &[Part<'d>]) -> Vec<Outcome<'d>> {
        parts.iter().map(|part| self.examine(part)).collect()
    }

    /// An evaluator is walked over once, and belongs to nobody.
    fn reference(&mut self, name: &Part<'d>) -> Outcome<'d> {
        let found = name
            .value
            .as_str()
            .and_then(|name| self.evaluators.part(name));
        let Some((name, target)) = found else {
            return Outcome::UNKNOWN;
        };
        let key = (name, self.in_item);
        if let Some(outcome) = self.outcomes.get(&key) {
            return outcome.clone().unwrap_or_default();
        }
        self.outcomes.insert(key, None);
        let flag = self.flag.take();
        let unreachable = std::mem::take(&mut self.unreachable);
        let facts = std::mem::take(&mut self.facts);
        let outcome = self.examine(&target);
        self.facts = facts;
        self.unreachable = unreachable;
        self.flag = flag;
        self.outcomes.insert(key, Some(outcome.clone()));
        outcome
    }

    /// The first argument is a list, the second is evaluated with each of its items as the context.
    /// What a `reduce` begins with is taken as it stands.
    fn over_items(&mut self, operator: &str, arguments: &[Part<'d>]) -> Outcome<'d> {
        let list = arguments.first().map(|list| self.examine(list));
        let nothing = list.and_then(|list| list.value);
        let nothing = nothing.and_then(|list| over_nothing(operator, &list, arguments.len()));
        if let Some(inside) = arguments.get(1) {
            let facts = std::mem::take(&mut self.facts);
            let in_item = std::mem::replace(&mut self.in_item, true);
            self.examine(inside);
            self.in_item = in_item;
            self.facts = facts;
        }
        match nothing {
            Some(value) => Outcome::constant(Cow::Owned(value)),
            None => Outcome::UNKNOWN,
        }
    }

    fn operator(&mut self, operator: &str, arguments: &[Part<'d>]) -> Outcome<'d> {
        let outcomes = self.examine_all(arguments);
        match operator {
            "sem_ver" => self.sem_ver(arguments, &outcomes),
            "var" | "missing" | "missing_some" if !self.in_item => {
                self.attributes(operator, arguments, &outcomes);
            }
            _ => {}
        }
        let values: Option<Vec<Cow<'_, Value>>> =
            outcomes.into_iter().map(|outcome| outcome.value).collect();
        match values.and_then(|values| fold(operator, &values)) {
            Some(value) => Outcome::constant(Cow::Owned(value)),
            None => Outcome::UNKNOWN,
        }
    }

    /// From here on, `condition` is truthy or not.
    pub(super) fn assume(&mut self, condition: &Part<'d>, truth: bool) {
        self.facts
            .assume(self.evaluators, condition, truth, self.findings);
    }

    /// Whether a condition is known to be truthy or not, and where it stood.
    pub(super) fn known(&mut self, condition: &Part<'d>) -> Option<(bool, &str)> {
        self.facts.of(self.evaluators, condition, self.findings)
    }

    /// What a comparison comes to by those before it.
    pub(super) fn implied(&mut self, condition: &Part<'d>) -> Option<Implied> {
        self.facts
            .implied(self.evaluators, condition, self.findings)
    }

    /// Reports something of the flag at hand, or of no flag where it stands in an evaluator.
    pub(super) fn report(&mut self, problem: Problem) {
        let in_evaluator = problem.path.starts_with("/$evaluators/");
        let flag = self.flag.filter(|_| !in_evaluator);
        let problem = problem.of(flag.unwrap_or_default());
        self.findings.report(problem);
    }
}
