//! A second look at one case: what both say, how the evaluator got there, and what to make of it.

use std::path::Path;

use serde_json::Value as Json;

use crate::answer::{Answer, Reply, Step, agree};
use crate::burgee;
use crate::classes::{Case, class_of};
use crate::documents::{Ask, pinned};
use crate::oracle::{Official, Oracle};
use crate::values;

/// What a case comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Agreement,
    /// It belongs to the class of this name.
    Excluded(&'static str),
    Disagreement,
}

/// An evaluator, and one that can tell its steps.
pub(crate) struct Judge {
    oracle: Oracle,
    /// The Python evaluator with the same bucketing. JavaScript's is compiled code, which tells
    /// nothing of its steps.
    tracer: Oracle,
}

impl Judge {
    pub(crate) fn start(official: Official, installed: &Path) -> Self {
        let tracer = match official {
            Official::PythonV2 | Official::JavaScript => Official::PythonV2,
            Official::PythonV3 => Official::PythonV3,
        };
        Self {
            oracle: Oracle::start(official, installed),
            tracer: Oracle::start(tracer, installed),
        }
    }

    pub(crate) fn official(&self) -> Official {
        self.oracle.official
    }

    pub(crate) fn verdict(&self, tree: &Json, now: u64, ask: &Ask) -> Verdict {
        let ours = ours(self.official(), tree, now, std::slice::from_ref(ask));
        let theirs = self.theirs(tree, now, ask);
        if agree(ours.of(0), theirs.of(0)) {
            return Verdict::Agreement;
        }
        match self.class(tree, now, ask, ours.of(0), theirs.of(0)) {
            Some(class) => Verdict::Excluded(class),
            None => Verdict::Disagreement,
        }
    }

    pub(crate) fn theirs(&self, tree: &Json, now: u64, ask: &Ask) -> Reply {
        self.oracle.ask(tree, now, ask, false)
    }

    /// The class of a case on which they differ.
    pub(crate) fn class(
        &self,
        tree: &Json,
        now: u64,
        ask: &Ask,
        ours: Result<&Answer, &str>,
        theirs: Result<&Answer, &str>,
    ) -> Option<&'static str> {
        let trace = self.trace(tree, now, ask);
        let substituted = without_references(tree);
        class_of(&Case {
            substituted: &substituted,
            rule: &substituted["flags"][&ask.flag]["targeting"],
            official: self.official(),
            tree,
            ask,
            ours,
            theirs,
            trace: &trace,
        })
    }

    /// The steps of the Python evaluator; none where it refuses the document.
    pub(crate) fn trace(&self, tree: &Json, now: u64, ask: &Ask) -> Vec<Step> {
        let traced = match self.official() {
            // JavaScript takes references that Python refuses.
            Official::JavaScript => self.tracer.ask(&without_references(tree), now, ask, true),
            _ => self.tracer.ask(tree, now, ask, true),
        };
        match traced {
            Reply::Answers(answers) => answers
                .into_iter()
                .flat_map(|answer| answer.trace)
                .collect(),
            Reply::Refused(_) => Vec::new(),
        }
    }
}

/// Burgee's answers, with the bucketing that an evaluator has.
pub(crate) fn ours(official: Official, tree: &Json, now: u64, asks: &[Ask]) -> Reply {
    let document = values::text(&pinned(tree, official.bucketing()));
    burgee::reply(&document, now, asks)
}

/// The same document with its references substituted.
pub(crate) fn without_references(tree: &Json) -> Json {
    fn walk(value: &mut Json, evaluators: &Json, depth: usize) {
        /// So deep do references to references go; a cycle goes on for ever.
        const MOST: usize = 8;
        if let (Json::Object(members), 0..MOST) = (&*value, depth)
            && let (1, Some(Json::String(name))) = (members.len(), members.get("$ref"))
            && let Some(rule) = evaluators.get(name)
        {
            *value = rule.clone();
            walk(value, evaluators, depth + 1);
            return;
        }
        match value {
            Json::Array(items) => {
                for item in items {
                    walk(item, evaluators, depth);
                }
            }
            Json::Object(members) => {
                for member in members.values_mut() {
                    walk(member, evaluators, depth);
                }
            }
            _ => {}
        }
    }
    let mut tree = tree.clone();
    let evaluators = tree["$evaluators"].take();
    walk(&mut tree["flags"], &evaluators, 0);
    tree
}
