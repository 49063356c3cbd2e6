//! What is known of conditions on the way to a part of a rule: a condition reads nothing that changes
//! during an evaluation, so the same one has the same truth wherever it stands again.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::Findings;
use super::implication::{MAX_CONSTANTS, Test, Verdict, decide, read};
use super::part::{Evaluators, Part};
use crate::limits::MAX_RULE_DEPTH;

/// A condition that is written longer than this is not remembered.
const MAX_CONDITION_BYTES: usize = 16 * 1024;

/// So many bytes of a condition's text take as long as looking at a part of a rule.
const BYTES_PER_STEP: usize = 32;

/// Of one condition, so many parts are remembered.
const MAX_PARTS: usize = 64;

/// So many comparisons of one attribute are looked at together.
const MAX_TESTS: usize = 32;

/// Comparing so many constants with each other takes as long as looking at a part of a rule.
const PAIRS_PER_STEP: usize = 8;

/// Conditions by their text, whether each is truthy, and where it stood; and comparisons among them.
#[derive(Default)]
pub(super) struct Facts {
    known: BTreeMap<String, (bool, String)>,
    order: Vec<String>,
    tests: Vec<Fact>,
}

/// What a comparison of an attribute came to, and where it stood.
struct Fact {
    attribute: String,
    test: Test,
    truth: bool,
    at: String,
}

/// How much is known.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    conditions: usize,
    tests: usize,
}

/// What follows for a comparison from those before it.
pub(super) struct Implied {
    pub(super) verdict: Verdict,
    /// Where the one stands that is enough for it; `None`: it takes several.
    pub(super) by: Option<String>,
    /// Whether it takes any.
    pub(super) is_constant: bool,
}

impl Facts {
    /// For [`Facts::forget`].
    pub(super) fn mark(&self) -> Mark {
        Mark {
            conditions: self.order.len(),
            tests: self.tests.len(),
        }
    }

    /// Forgets what was assumed since.
    pub(super) fn forget(&mut self, mark: Mark) {
        for text in self.order.drain(mark.conditions..) {
            self.known.remove(&text);
        }
        self.tests.truncate(mark.tests);
    }

    /// Whether a condition is known to be truthy or not, and where it stood.
    pub(super) fn of(
        &self,
        evaluators: Evaluators<'_>,
        condition: &Part<'_>,
        findings: &mut Findings,
    ) -> Option<(bool, &str)> {
        let mut condition = evaluators.follow(condition);
        let mut negated = false;
        while let Some((operator @ ("!" | "!!"), argument)) = condition.operation() {
            let known = self.known.get(&text(evaluators, &condition, findings)?);
            if let Some((truth, path)) = known {
                return Some((truth ^ negated, path));
            }
            condition = alone(&argument)?;
            negated ^= operator == "!";
        }
        let (truth, path) = self.known.get(&text(evaluators, &condition, findings)?)?;
        Some((truth ^ negated, path))
    }

    /// What a comparison comes to by those of the same attribute that stood before.
    pub(super) fn implied(
        &self,
        evaluators: Evaluators<'_>,
        condition: &Part<'_>,
        findings: &mut Findings,
    ) -> Option<Implied> {
        let mut condition = evaluators.follow(condition);
        let mut negated = false;
        // References may lead in a circle.
        for _ in 0..MAX_RULE_DEPTH {
            let Some((operator @ ("!" | "!!"), argument)) = condition.operation() else {
                break;
            };
            condition = evaluators.follow(&alone(&argument)?);
            negated ^= operator == "!";
        }
        let (attribute, test, positive) = read(evaluators, &condition)?;
        let mut constants = test.constants().len();
        let of_attribute = |fact: &&Fact| fact.attribute == attribute;
        let latest = self.tests.iter().rev().filter(of_attribute);
        let facts: Vec<&Fact> = latest
            .take(MAX_TESTS)
            .take_while(|fact| {
                constants += 1 + fact.test.constants().len();
                constants <= MAX_CONSTANTS
            })
            .collect();
        findings.take_steps(1 + constants * constants / PAIRS_PER_STEP);
        if constants > 2 * MAX_CONSTANTS || !findings.has_steps() {
            return None;
        }
        let all: Vec<_> = facts.iter().map(|fact| (&fact.test, fact.truth)).collect();
        let verdict = decide(&all, &test)?;
        let is_enough = |known: &[(&Test, bool)]| decide(known, &test) == Some(verdict);
        let is_constant = is_enough(&[]);
        let mut alone = facts.iter().rev();
        let by = alone.find(|fact| is_enough(&[(&fact.test, fact.truth)]));
        let negated = negated == positive;
        Some(Implied {
            verdict: match verdict {
                Verdict::Always(truth) => Verdict::Always(truth ^ negated),
                Verdict::ButForLists(truth) => Verdict::ButForLists(truth ^ negated),
            },
            by: by.map(|fact| fact.at.clone()),
            is_constant,
        })
    }

    /// From here on, `condition` is truthy or not. Looks into an evaluator that stands for all of it,
    /// and not into those inside.
    pub(super) fn assume(
        &mut self,
        evaluators: Evaluators<'_>,
        condition: &Part<'_>,
        truth: bool,
        findings: &mut Findings,
    ) {
        let mut note = Note {
            evaluators,
            at: condition.path.as_str(),
            left: MAX_PARTS,
            findings,
        };
        self.note(&evaluators.follow(condition), truth, &mut note);
    }

    fn note(&mut self, part: &Part<'_>, truth: bool, note: &mut Note<'_>) {
        if note.left == 0 {
            return;
        }
        note.left -= 1;
        match (part.operation(), truth) {
            (Some((operator @ ("!" | "!!"), argument)), _) => {
                if let Some(inner) = alone(&argument) {
                    let truth = truth ^ (operator == "!");
                    return self.note(&inner, truth, note);
                }
            }
            (Some(("and", argument)), true) | (Some(("or", argument)), false) => {
                for inner in argument.items().unwrap_or_default() {
                    self.note(&inner, truth, note);
                }
            }
            _ => {}
        }
        if let Some((attribute, test, positive)) = read(note.evaluators, part)
            && test.constants().len() <= MAX_CONSTANTS
        {
            self.tests.push(Fact {
                attribute: attribute.to_owned(),
                test,
                truth: truth == positive,
                at: note.at.to_owned(),
            });
        }
        if let Some(text) = text(note.evaluators, part, note.findings)
            && !self.known.contains_key(&text)
        {
            self.order.push(text.clone());
            self.known.insert(text, (truth, note.at.to_owned()));
        }
    }
}

/// A condition that is being remembered.
struct Note<'n> {
    evaluators: Evaluators<'n>,
    /// Where it stands.
    at: &'n str,
    /// How many more of its parts are remembered.
    left: usize,
    findings: &'n mut Findings,
}

/// The one argument of `!` or `!!`.
fn alone<'d>(argument: &Part<'d>) -> Option<Part<'d>> {
    match argument.items() {
        None => Some(argument.clone()),
        Some(items) => <[Part<'d>; 1]>::try_from(items).ok().map(|[item]| item),
    }
}

/// `None` for constants, which need no memory, for what is too long, and where too much was looked at.
fn text(
    evaluators: Evaluators<'_>,
    condition: &Part<'_>,
    findings: &mut Findings,
) -> Option<String> {
    let condition = evaluators.follow(condition);
    if condition.is_plain() || !findings.has_steps() {
        return None;
    }
    let mut text = Short(String::new());
    let whole = write!(text, "{}", condition.value);
    findings.take_steps(text.0.len() / BYTES_PER_STEP);
    whole.ok().map(|()| text.0)
}

/// A text that ends the writing where it becomes too long.
struct Short(String);

impl fmt::Write for Short {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.0.len() + more.len() > MAX_CONDITION_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(more);
        Ok(())
    }
}
