//! `if`, `and` and `or`: what is never reached.

use super::implication::Verdict;
use super::part::Part;
use super::walk::{Outcome, Walk};
use crate::code;
use crate::problem::{Problem, Severity};

/// A condition whose truth is known beforehand.
struct Known {
    truth: bool,
    why: Why,
    /// Not of lists, which compare like the one item in them.
    but_for_lists: bool,
}

enum Why {
    Constant,
    /// The same condition stood there before.
    Same(String),
    /// What stood there before, or what several did, decides it.
    Implied(Option<String>),
}

impl Known {
    /// What is so, of whom: a condition, or what is before something.
    fn of(&self, what: &str, same: &str, constant: &str) -> String {
        match &self.why {
            Why::Constant => format!("{what} is always {constant}"),
            Why::Same(before) => format!("{what} stands at {before} too, and {same} there"),
            Why::Implied(Some(before)) => {
                format!(
                    "{what} is always {} here, by what stands at {before}",
                    self.truth
                )
            }
            Why::Implied(None) => {
                format!(
                    "{what} is always {} here, by what stands before it",
                    self.truth
                )
            }
        }
    }
}

impl<'d> Walk<'d, '_> {
    /// `if`: pairs of a condition and a result, then the rest.
    pub(super) fn conditional(&mut self, arguments: &[Part<'d>]) -> Outcome<'d> {
        let mark = self.facts.mark();
        let outcome = self.branches(arguments);
        self.facts.forget(mark);
        outcome
    }

    fn branches(&mut self, arguments: &[Part<'d>]) -> Outcome<'d> {
        // No condition before can have been true.
        let mut certain = true;
        let mut rest = arguments;
        while let [condition, then, after @ ..] = rest {
            let (_, known, for_most) = self.condition(condition);
            let mark = self.facts.mark();
            self.assume(condition, true);
            if let Some(known @ Known { truth: false, .. }) = known.as_ref().or(for_most.as_ref()) {
                let why = known.of("its condition", "was not true", "false");
                let help = "mend the condition, or remove it and its result";
                self.never(then, known.but_for_lists, &why, help);
            }
            if let Some(Known { truth: false, .. }) = &known {
                self.unreached(std::slice::from_ref(then));
                self.facts.forget(mark);
            } else {
                let outcome = self.examine(then);
                self.facts.forget(mark);
                if let Some(known @ Known { truth: true, .. }) =
                    known.as_ref().or(for_most.as_ref())
                    && let Some(next) = after.first()
                {
                    let why = known.of("the condition before it", "was true", "true");
                    let help = "mend the condition, or remove what follows its result";
                    self.never(next, known.but_for_lists, &why, help);
                }
                if known.is_some() {
                    self.unreached(after);
                    return if certain { outcome } else { Outcome::UNKNOWN };
                }
                certain = false;
            }
            self.assume(condition, false);
            rest = after;
        }
        let outcome = match rest.first() {
            Some(last) => self.examine(last),
            None => Outcome::UNKNOWN,
        };
        if certain { outcome } else { Outcome::UNKNOWN }
    }

    /// `and` ends at the first that is not truthy, `or` at the first that is: `ends_at`.
    pub(super) fn chain(&mut self, arguments: &[Part<'d>], ends_at: bool) -> Outcome<'d> {
        let mark = self.facts.mark();
        let outcome = self.links(arguments, ends_at);
        self.facts.forget(mark);
        outcome
    }

    fn links(&mut self, arguments: &[Part<'d>], ends_at: bool) -> Outcome<'d> {
        // What is before cannot have ended it.
        let mut certain = true;
        let mut rest = arguments;
        while let [argument, after @ ..] = rest {
            let (found, known, for_most) = self.condition(argument);
            if let Some(ends) = known.as_ref().or(for_most.as_ref())
                && ends.truth == ends_at
                && let Some(next) = after.first()
            {
                let (same, constant) = if ends_at {
                    ("was true", "true, and ends the `or`")
                } else {
                    ("was false", "false, and ends the `and`")
                };
                let why = ends.of("what is before it", same, constant);
                let help = "mend what is before it, or remove what follows";
                self.never(next, ends.but_for_lists, &why, help);
            }
            match known {
                Some(known) if known.truth == ends_at => {
                    self.unreached(after);
                    return if certain {
                        found
                    } else {
                        Outcome::truth(ends_at)
                    };
                }
                Some(_) => {}
                None => certain &= after.is_empty(),
            }
            if after.is_empty() && certain {
                return found;
            }
            self.assume(argument, !ends_at);
            rest = after;
        }
        Outcome::UNKNOWN
    }

    /// What a condition gives, and its truth where that is known: it is constant, or what stood before
    /// decides it; apart from that, its truth where that is known for all values but lists.
    fn condition(&mut self, condition: &Part<'d>) -> (Outcome<'d>, Option<Known>, Option<Known>) {
        let outcome = self.examine(condition);
        let known = match outcome.truth {
            Some(truth) => Some(Known {
                truth,
                why: Why::Constant,
                but_for_lists: false,
            }),
            None => self.known_by_others(condition),
        };
        match known {
            Some(known) if known.but_for_lists => (outcome, None, Some(known)),
            Some(known) if outcome.truth.is_none() => {
                (Outcome::truth(known.truth), Some(known), None)
            }
            known => (outcome, known, None),
        }
    }

    fn known_by_others(&mut self, condition: &Part<'d>) -> Option<Known> {
        if let Some((truth, before)) = self.known(condition) {
            return Some(Known {
                truth,
                why: Why::Same(before.to_owned()),
                but_for_lists: false,
            });
        }
        let implied = self.implied(condition)?;
        let (truth, but_for_lists) = match implied.verdict {
            Verdict::Always(truth) => (truth, false),
            Verdict::ButForLists(truth) => (truth, true),
        };
        let why = if implied.is_constant {
            Why::Constant
        } else {
            Why::Implied(implied.by)
        };
        Some(Known {
            truth,
            why,
            but_for_lists,
        })
    }

    /// Walks over parts that are never reached: that much is reported already.
    fn unreached(&mut self, parts: &[Part<'d>]) {
        self.unreachable += 1;
        self.examine_all(parts);
        self.unreachable -= 1;
    }

    /// Reports a part that is never reached, unless something around it is.
    fn never(&mut self, part: &Part<'d>, but_for_lists: bool, why: &str, help: &str) {
        if self.unreachable == 0 {
            let is = if but_for_lists {
                "only lists get here"
            } else {
                "this is never reached"
            };
            let message = format!("{is}: {why}");
            let problem = Problem::new(Severity::Warning, part.path.as_str(), message);
            self.report(problem.code(code::UNREACHABLE_RULE).help(help));
        }
    }
}
