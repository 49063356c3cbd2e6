//! `if`, `and` and `or`: what is never reached.

use super::part::Part;
use super::walk::{Outcome, Walk};
use crate::code;
use crate::problem::{Problem, Severity};

/// A condition whose truth is known beforehand.
struct Known {
    truth: bool,
    /// Where the same condition stood before, if that is why.
    before: Option<String>,
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
            let (_, known) = self.condition(condition);
            let mark = self.facts.mark();
            self.assume(condition, true);
            if let Some(Known { truth: false, .. }) = &known {
                let why = match &known {
                    Some(Known {
                        before: Some(before),
                        ..
                    }) => {
                        format!("its condition stands at {before} too, and was not true there")
                    }
                    _ => "its condition is always false".to_owned(),
                };
                self.never(
                    then,
                    &why,
                    "mend the condition, or remove it and its result",
                );
                self.unreached(std::slice::from_ref(then));
                self.facts.forget(mark);
            } else {
                let outcome = self.examine(then);
                self.facts.forget(mark);
                if let Some(known) = known {
                    if let Some(next) = after.first() {
                        let why = match &known.before {
                            Some(before) => format!(
                                "the condition before it stands at {before} too, and was true there"
                            ),
                            None => "the condition before it is always true".to_owned(),
                        };
                        self.never(
                            next,
                            &why,
                            "mend the condition, or remove what follows its result",
                        );
                    }
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
            let (found, known) = self.condition(argument);
            match known {
                Some(known) if known.truth == ends_at => {
                    if let Some(next) = after.first() {
                        let (operator, is) = if ends_at {
                            ("or", "true")
                        } else {
                            ("and", "false")
                        };
                        let why = match known.before {
                            Some(before) => format!(
                                "what is before it stands at {before} too, and was {is} there"
                            ),
                            None => format!(
                                "what is before it is always {is}, and ends the `{operator}`"
                            ),
                        };
                        self.never(next, &why, "mend what is before it, or remove what follows");
                    }
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

    /// What a condition gives, and its truth where that is known: it is constant, or stood before.
    fn condition(&mut self, condition: &Part<'d>) -> (Outcome<'d>, Option<Known>) {
        let outcome = self.examine(condition);
        let constant = outcome.truth.map(|truth| Known {
            truth,
            before: None,
        });
        let known = constant.or_else(|| {
            let (truth, before) = self.known(condition)?;
            Some(Known {
                truth,
                before: Some(before.to_owned()),
            })
        });
        let outcome = match &known {
            Some(known) if outcome.truth.is_none() => Outcome::truth(known.truth),
            _ => outcome,
        };
        (outcome, known)
    }

    /// Walks over parts that are never reached: that much is reported already.
    fn unreached(&mut self, parts: &[Part<'d>]) {
        self.unreachable += 1;
        self.examine_all(parts);
        self.unreachable -= 1;
    }

    /// Reports a part that is never reached, unless something around it is.
    fn never(&mut self, part: &Part<'d>, why: &str, help: &str) {
        if self.unreachable == 0 {
            let message = format!("this is never reached: {why}");
            let problem = Problem::new(Severity::Warning, part.path.as_str(), message);
            self.report(problem.code(code::UNREACHABLE_RULE).help(help));
        }
    }
}
