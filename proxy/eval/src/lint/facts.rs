//! What is known of conditions on the way to a part of a rule: a condition reads nothing that changes
//! during an evaluation, so the same one has the same truth wherever it stands again.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::Findings;
use super::part::{Evaluators, Part};

/// A condition that is written longer than this is not remembered.
const MAX_CONDITION_BYTES: usize = 16 * 1024;

/// So many bytes of a condition's text take as long as looking at a part of a rule.
const BYTES_PER_STEP: usize = 32;

/// Of one condition, so many parts are remembered.
const MAX_PARTS: usize = 64;

/// Conditions by their text, whether each is truthy, and where it stood.
#[derive(Default)]
pub(super) struct Facts {
    known: BTreeMap<String, (bool, String)>,
    order: Vec<String>,
}

impl Facts {
    /// For [`Facts::forget`].
    pub(super) fn mark(&self) -> usize {
        self.order.len()
    }

    /// Forgets what was assumed since.
    pub(super) fn forget(&mut self, mark: usize) {
        for text in self.order.drain(mark..) {
            self.known.remove(&text);
        }
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
