//! What is heard of a walk, written down.

use std::fmt::Write as _;

use super::Step;
use super::source::{RULE, Source};
use crate::context::{AttributeId, Attributes};
use crate::evaluate::Reason;
use crate::flag::Flag;
use crate::gate::Watch;
use crate::limits::MAX_EXPLAINED_STEPS;
use crate::operator::{Fault, Operand, Tracer};

/// Notes on one step; a loop may have something to say about each of its items.
const MAX_NOTES: usize = 16;

/// Writes down what it hears.
pub(super) struct Listener<'s> {
    attributes: &'s Attributes,
    source: Source<'s>,
    steps: Vec<Step>,
    /// The steps that have not ended, innermost last.
    open: Vec<Open>,
    /// The item that a loop has come to, until a step begins there.
    item: Option<usize>,
    /// How many steps there were no room for.
    unlisted: usize,
    heard: Heard,
}

/// What the last step is made from.
#[derive(Default)]
pub(super) struct Heard {
    /// The reason of a decision that is served as stale.
    pub(super) beneath: Option<Reason>,
    /// The rule, for people.
    pub(super) rule: String,
    /// Where the rule stands, and what it gave.
    gave: Option<(String, String)>,
    /// What ended the rule, where something did.
    pub(super) failed: Option<Failed>,
}

/// An operator that ended in a fault, the innermost of them.
pub(super) struct Failed {
    pub(super) path: String,
    pub(super) expression: String,
    pub(super) why: String,
}

struct Open {
    site: u32,
    /// `None` where there was no room for it.
    step: Option<usize>,
    notes: Vec<String>,
}

impl Heard {
    /// Where the rule stands, and what it gave.
    pub(super) fn gave(&self) -> (&str, &str) {
        match &self.gave {
            Some((rule, gave)) => (rule, gave),
            None => (RULE, "null"),
        }
    }
}

impl<'s> Listener<'s> {
    /// One that has heard `steps` already.
    pub(super) fn new(flag: &'s Flag, attributes: &'s Attributes, steps: Vec<Step>) -> Self {
        let source = Source::new(flag);
        let heard = Heard {
            rule: source.expression(RULE),
            ..Heard::default()
        };
        Self {
            attributes,
            source,
            steps,
            open: Vec::new(),
            item: None,
            unlisted: 0,
            heard,
        }
    }

    /// All steps of the walk, and what to conclude from.
    pub(super) fn finish(mut self) -> (Vec<Step>, Heard) {
        if self.unlisted > 0 {
            self.steps.push(Step {
                depth: 0,
                path: self.heard.gave().0.to_owned(),
                expression: self.heard.rule.clone(),
                outcome: format!("{} more steps are not listed", self.unlisted),
            });
        }
        (self.steps, self.heard)
    }

    /// Begins a step; its place among the steps, where there is room for it.
    fn begin(&mut self, site: u32) -> Option<usize> {
        if self.steps.len() >= MAX_EXPLAINED_STEPS {
            self.unlisted += 1;
            return None;
        }
        let path = self.source.path(site);
        self.steps.push(Step {
            depth: self.open.len(),
            path: path.to_owned(),
            expression: self.source.expression(path),
            outcome: String::new(),
        });
        Some(self.steps.len() - 1)
    }

    /// Notes on a step that begins.
    fn first_notes(&mut self) -> Vec<String> {
        let item = self.item.take();
        item.map(|index| format!("item {index}"))
            .into_iter()
            .collect()
    }

    fn end(&mut self, ended: &Open, result: Result<Operand<'_>, Fault>) {
        let path = self.source.path(ended.site);
        if let Err(fault) = result
            && self.heard.failed.is_none()
        {
            let why = match fault {
                Fault::Parse => self.source.unevaluable(path),
                fault => fault.message(),
            };
            self.heard.failed = Some(Failed {
                path: path.to_owned(),
                expression: self.source.expression(path),
                why,
            });
        }
        if self.open.is_empty()
            && let Ok(operand) = result
        {
            self.heard.gave = Some((path.to_owned(), operand.shown()));
        }
        let Some(step) = ended.step else {
            return;
        };
        let failed = self.heard.failed.as_ref();
        let mut outcome = match (result, failed) {
            (Ok(operand), _) => operand.shown(),
            (Err(Fault::Parse), Some(failed)) if failed.path == path => {
                format!("cannot be evaluated: {}", failed.why)
            }
            (Err(Fault::Parse), _) => "cannot be evaluated".to_owned(),
            (Err(fault @ (Fault::TooManySteps | Fault::TooDeep)), _) => fault.message(),
            (Err(fault), _) => format!("fails, in flagd too: {}", fault.message()),
        };
        if !ended.notes.is_empty() {
            write!(outcome, " ({})", ended.notes.join(", "))
                .expect("writing to a String does not fail");
        }
        self.steps[step].outcome = outcome;
    }

    fn add_note(&mut self, note: impl FnOnce() -> String) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        if open.step.is_none() || open.notes.len() >= MAX_NOTES {
            return;
        }
        let note = note();
        if !open.notes.contains(&note) {
            open.notes.push(note);
        }
    }
}

impl Tracer for Listener<'_> {
    const LISTENS: bool = true;

    fn enter(&mut self, site: u32) {
        let notes = self.first_notes();
        let step = self.begin(site);
        self.open.push(Open { site, step, notes });
    }

    fn item(&mut self, index: usize) {
        self.item = Some(index);
    }

    fn read(&mut self, id: AttributeId, value: Operand<'_>) {
        let name = self.attributes.name(id);
        self.add_note(|| match value {
            Operand::Null => format!("{name} is absent or null"),
            value => format!("{name} is {}", value.shown()),
        });
    }

    fn note(&mut self, note: impl FnOnce() -> String) {
        self.add_note(note);
    }

    fn leave(&mut self, result: Result<Operand<'_>, Fault>) {
        self.item = None;
        if let Some(ended) = self.open.pop() {
            self.end(&ended, result);
        }
    }

    fn compiled(&mut self, site: u32, result: Result<Operand<'_>, Fault>) {
        let path = self.source.path(site);
        if let Ok(constant) = result
            && !self.open.is_empty()
            && let Some(name) = self.source.variable(path)
        {
            // It is told as what is read is told, for that is how it was written.
            self.add_note(|| format!("{name} is {}", constant.shown()));
            return;
        }
        // What is beyond a bound is told by the operator around it, which has the place.
        if self.open.last().is_some_and(|open| open.site == site) {
            return;
        }
        let mut notes = self.first_notes();
        if result.is_ok() {
            notes.push(self.source.of_constant(path));
        }
        let step = self.begin(site);
        self.end(&Open { site, step, notes }, result);
    }
}

impl Watch for Listener<'_> {
    fn gate(&mut self, step: impl FnOnce() -> Step) {
        self.steps.push(step());
    }

    fn beneath(&mut self, reason: Reason) {
        self.heard.beneath = Some(reason);
    }
}
