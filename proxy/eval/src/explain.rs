//! The same walk as [`crate::evaluate()`], traced.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use crate::context::{AttributeId, Attributes, Context};
use crate::evaluate::{Asked, Decision, Moment, Reason, UNCOUNTED, decide};
use crate::flag::{Flag, Targeting};
use crate::gate::Watch;
use crate::lifecycle::Lifecycle;
use crate::limits::MAX_EXPLAINED_STEPS;
use crate::operator::build::substituted;
use crate::operator::{Fault, Operand, Tracer, shown_json};
use crate::overrides::{NoOverrides, Overrides};
use crate::snapshot::{FlagIndex, Snapshot};

/// One step of a walk, in the order in which it was taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// How deep in the rule; 0 is the rule itself.
    pub depth: usize,
    /// JSON Pointer from the flag, e.g. `/targeting/if/0/in`. The flag's entry in `delivery` counts as a
    /// member of it: `/delivery/requires/new-cart`.
    pub path: String,
    /// The expression, as compact JSON, shortened.
    pub expression: String,
    /// What it gave, with what decided it, e.g. `true (geo.country is "DE")`, `"on" (bucket 3120 of 10000 …)`.
    pub outcome: String,
}

/// A decision and how it came about.
#[derive(Clone, Debug)]
pub struct Explanation<'s> {
    /// Equal to what [`crate::evaluate()`] gives.
    pub decision: Decision<'s>,
    /// Every step, as far as there are no more than [`MAX_EXPLAINED_STEPS`]; then one more says how
    /// many there were, before the conclusion.
    pub steps: Vec<Step>,
    /// What the flag's metadata says of its life; it decides nothing.
    pub lifecycle: Lifecycle<'s>,
}

/// Decides one flag and tells how.
pub fn explain<'s>(
    snapshot: &'s Snapshot,
    flag: FlagIndex,
    context: &Context<'_>,
    moment: Moment,
) -> Explanation<'s> {
    explain_with(snapshot, flag, context, moment, &NoOverrides)
}

/// As [`explain`], with prerequisites as they are served under `overrides`; see
/// [`crate::evaluate_with`].
pub fn explain_with<'s>(
    snapshot: &'s Snapshot,
    index: FlagIndex,
    context: &Context<'_>,
    moment: Moment,
    overrides: &impl Overrides,
) -> Explanation<'s> {
    let flag = snapshot.flag(index);
    let asked = Asked::new(snapshot, context, moment, overrides);
    let lifecycle = flag.lifecycle();
    let mut listener = Listener {
        attributes: snapshot.attributes(),
        source: Source::new(flag),
        sites: match &flag.targeting {
            Targeting::Rule { rule, .. } => &rule.sites,
            Targeting::None | Targeting::Spoiled => &[],
        },
        steps: expiry(&lifecycle, moment).into_iter().collect(),
        open: Vec::new(),
        beneath: None,
        item: None,
        unlisted: 0,
    };
    let decision = decide::<_, _, UNCOUNTED>(&asked, index, &mut listener);
    let mut steps = listener.steps;
    if listener.unlisted > 0 {
        steps.push(Step {
            depth: 0,
            path: String::new(),
            expression: String::new(),
            outcome: format!("{} more steps are not listed", listener.unlisted),
        });
    }
    steps.extend(conclusion(&decision, listener.beneath));
    Explanation {
        decision,
        steps,
        lifecycle,
    }
}

/// A flag that should be gone. It is a step, so that whoever reads the steps reads it.
fn expiry(lifecycle: &Lifecycle<'_>, moment: Moment) -> Option<Step> {
    let expires = lifecycle.expires.filter(|date| date.is_over(moment.now))?;
    Some(Step {
        depth: 0,
        path: "/metadata/expires".to_owned(),
        expression: Json::from(expires.to_string()).to_string(),
        outcome: "it has expired, which changes nothing: it is served as authored".to_owned(),
    })
}

/// What happened outside of the rule: the state, the default, an error. `beneath` is the reason that
/// the decision would have if it were not stale.
fn conclusion(decision: &Decision<'_>, beneath: Option<Reason>) -> Option<Step> {
    let flag = decision.flag;
    let reason = beneath.unwrap_or(decision.reason);
    let (path, expression, outcome) = match reason {
        Reason::Disabled => (
            "/state",
            "\"DISABLED\"".to_owned(),
            "the flag is disabled: no variant".to_owned(),
        ),
        Reason::Error => (
            "",
            String::new(),
            decision.error_message().unwrap_or_default(),
        ),
        _ => {
            let why = why_default(flag, reason)?;
            let (default, then) = match flag.default_variant {
                Some(index) => {
                    let name = &*flag.variants[usize::from(index.0)].name;
                    (Json::from(name), "the default")
                }
                None => (Json::Null, "no variant"),
            };
            (
                "/defaultVariant",
                default.to_string(),
                format!("{why}: {then}"),
            )
        }
    };
    Some(Step {
        depth: 0,
        path: path.to_owned(),
        expression,
        outcome,
    })
}

/// Why the default is served, where it is.
fn why_default(flag: &Flag, reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Static => "there is no rule",
        Reason::Default => match flag.targeting {
            Targeting::Rule { .. } => "the rule gave null",
            Targeting::None | Targeting::Spoiled => "there is no rule",
        },
        Reason::Stale => "what is known is too old",
        Reason::Region => "this is outside of its regions",
        Reason::Prerequisite => "a prerequisite does not hold",
        Reason::Layer => "this is outside of its slots",
        Reason::TargetingMatch | Reason::Disabled | Reason::Error | Reason::Override => {
            return None;
        }
    })
}

/// Writes down what it hears.
struct Listener<'s> {
    attributes: &'s Attributes,
    source: Source<'s>,
    sites: &'s [Box<str>],
    steps: Vec<Step>,
    /// The steps that have not ended, innermost last.
    open: Vec<Open>,
    /// The reason of a decision that is served as stale.
    beneath: Option<Reason>,
    /// The item that a loop has come to, until a step begins there.
    item: Option<usize>,
    /// How many steps there were no room for.
    unlisted: usize,
}

struct Open {
    /// `None` where there was no room for it.
    step: Option<usize>,
    notes: Vec<String>,
}

/// Notes on one step; a loop may have something to say about each of its items.
const MAX_NOTES: usize = 16;

impl Listener<'_> {
    fn add_note(&mut self, note: impl FnOnce() -> String) {
        // An attribute that is read outside of every operator is the whole rule: there is no step.
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
        let item = self.item.take();
        let notes = item.map(|index| format!("item {index}")).into_iter();
        let notes = notes.collect();
        let depth = self.open.len();
        if self.steps.len() >= MAX_EXPLAINED_STEPS {
            self.unlisted += 1;
            self.open.push(Open { step: None, notes });
            return;
        }
        let path = self.sites.get(site as usize).map_or("", |path| &**path);
        let step = Some(self.steps.len());
        self.open.push(Open { step, notes });
        self.steps.push(Step {
            depth,
            path: path.to_owned(),
            expression: self.source.expression(path),
            outcome: String::new(),
        });
    }

    fn item(&mut self, index: usize) {
        self.item = Some(index);
    }

    fn read(&mut self, id: AttributeId, value: Operand<'_>) {
        let name = self.attributes.name(id);
        self.add_note(|| match value {
            Operand::Null => format!("{name} is absent"),
            value => format!("{name} is {}", value.shown()),
        });
    }

    fn note(&mut self, note: impl FnOnce() -> String) {
        self.add_note(note);
    }

    fn leave(&mut self, result: Result<Operand<'_>, Fault>) {
        self.item = None;
        let Some(open) = self.open.pop() else {
            return;
        };
        let Some(step) = open.step else {
            return;
        };
        let mut outcome = match result {
            Ok(operand) => operand.shown(),
            Err(Fault::Parse) => "cannot be evaluated".to_owned(),
            Err(fault @ (Fault::TooManySteps | Fault::TooDeep)) => fault.message(),
            Err(fault) => format!("fails, in flagd too: {}", fault.message()),
        };
        if !open.notes.is_empty() {
            write!(outcome, " ({})", open.notes.join(", "))
                .expect("writing to a String does not fail");
        }
        self.steps[step].outcome = outcome;
    }
}

impl Watch for Listener<'_> {
    fn gate(&mut self, step: impl FnOnce() -> Step) {
        self.steps.push(step());
    }

    fn beneath(&mut self, reason: Reason) {
        self.beneath = Some(reason);
    }
}

/// The rule as authored.
struct Source<'s> {
    rule: Json,
    evaluators: Option<&'s Map<String, Json>>,
}

impl<'s> Source<'s> {
    fn new(flag: &'s Flag) -> Self {
        match &flag.targeting {
            Targeting::Rule {
                source, evaluators, ..
            } => Self {
                rule: serde_json::from_str(source)
                    .expect("it was written from a value, whose nesting is bounded"),
                evaluators: Some(evaluators),
            },
            Targeting::None | Targeting::Spoiled => Self {
                rule: Json::Null,
                evaluators: None,
            },
        }
    }

    /// The expression whose operator stands at `path`, for people.
    fn expression(&self, path: &str) -> String {
        // The path is that of the operator's arguments; the expression is the object around them.
        let mut parts: Vec<&str> = path.split('/').skip(2).collect();
        parts.pop();
        let mut value = self.resolve(&self.rule);
        for part in parts {
            let key = part.replace("~1", "/").replace("~0", "~");
            let next = match value {
                Json::Object(members) => members.get(&key),
                // The argument of a unary operator may stand alone.
                Json::Array(items) => key.parse().ok().and_then(|index: usize| items.get(index)),
                _ => None,
            };
            match next {
                Some(next) => value = self.resolve(next),
                None => return String::new(),
            }
        }
        shown_json(value)
    }

    /// Follows a reference.
    fn resolve<'a>(&'a self, value: &'a Json) -> &'a Json {
        match self.evaluators {
            Some(evaluators) => substituted(evaluators, value),
            None => value,
        }
    }
}
