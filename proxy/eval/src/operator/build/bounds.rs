//! Where a rule ends: what is counted of it, and what it takes.

use serde_json::Value as Json;

use super::Walk;
use crate::limits::{MAX_RULE_DEPTH, MAX_RULE_NODES};
use crate::operator::Expr;
use crate::problem::Severity;
use crate::room::{PIECE, value_bytes};

/// What a part of a rule takes: it lies in what it is an argument of.
const PART_BYTES: usize = size_of::<Expr>();

/// What an operator takes besides: a place, the piece of memory that its arguments lie in, and an
/// argument that is not there.
pub(super) const OPERATOR_BYTES: usize = size_of::<Box<str>>() + PIECE + size_of::<Expr>();

impl Walk<'_> {
    /// Whether the rule is given up: it has too many parts, or takes too much.
    pub(super) fn has_ended(&self) -> bool {
        self.nodes > MAX_RULE_NODES || self.with.room.is_spent()
    }

    /// Counts one more part of the rule; whether there may be one here.
    pub(super) fn is_bounded(&mut self) -> bool {
        self.nodes += 1;
        if !self.with.room.take(PART_BYTES) {
            // That is reported once for the whole set.
            return false;
        }
        if self.nodes > MAX_RULE_NODES {
            if self.nodes == MAX_RULE_NODES + 1 && self.reports(Severity::Flag) {
                let problem =
                    self.problem(format!("the rule has more than {MAX_RULE_NODES} parts"));
                self.report(problem.help("split the flag, or move long lists into the context"));
            }
            return false;
        }
        if self.depth >= MAX_RULE_DEPTH {
            if self.reports(Severity::Flag) {
                let problem = self.problem(format!(
                    "the rule nests more than {MAX_RULE_DEPTH} levels deep"
                ));
                self.report(
                    problem.help("split the flag, or join its conditions with `and` and `or`"),
                );
            }
            return false;
        }
        true
    }

    /// `None` where there is no room for it.
    pub(super) fn clone_of(&mut self, value: &Json) -> Option<Json> {
        let fits = self.with.room.take(value_bytes(value));
        fits.then(|| value.clone())
    }

    /// Whether one more problem is reported, and so has to be worded. It is counted by this.
    pub(super) fn reports(&mut self, severity: Severity) -> bool {
        self.with.problems.wants(severity)
    }
}
