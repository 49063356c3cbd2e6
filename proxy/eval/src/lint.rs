//! What compiles and cannot be meant: unknown variants, rules that are never reached, weights that
//! give nobody anything, attributes that nobody provides, flags without an owner or past their day.
//!
//! For whoever writes a flag set, before it is pushed. Proxies never run it: what is served does not
//! depend on it. Pure: the time and what the configuration provides are arguments. Lints see
//! through `$ref`, look at an evaluator once however many flags share it, and are bounded by
//! [`crate::limits::MAX_LINT_STEPS`].
//!
//! [`document()`] lints what a text says, [`yaml`] how it is written. The kinds of findings are listed in
//! [`crate::code`].

mod ambiguous;
mod branches;
mod constant;
mod facts;
mod fractional;
mod implication;
mod keys;
mod life;
mod part;
mod portable;
mod reach;
mod reads;
mod results;
mod sem_ver;
mod walk;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

pub use self::ambiguous::yaml;
use self::part::{Evaluators, Part};
use crate::bucketing::Bucketing;
use crate::code;
use crate::context::Attributes;
use crate::document;
use crate::limits::{MAX_LINT_STEPS, MAX_PROBLEMS, MAX_RULE_DEPTH};
use crate::operator::build::Builder;
use crate::pointer::{Pointer, join_pointer};
use crate::problem::{Problem, Problems, Severity};
use crate::room::Room;

/// What is known of the world in which a document is to be used.
#[derive(Clone, Copy, Debug, Default)]
pub struct World<'w> {
    /// Unix seconds. `None`: nothing is reported as expired.
    pub now: Option<u64>,
    /// Names of the attributes that a context can have. `None`: not known, so that none is reported
    /// as missing.
    pub provided: Option<&'w [String]>,
}

/// Lints one document.
///
/// What [`crate::Compiler::compile`] finds is not repeated, except in evaluators that no rule uses:
/// those are compiled here. A document that is refused is linted as far as it can be read.
pub fn document(document: &Value, world: &World<'_>) -> Vec<Problem> {
    // Its problems are the compiler's to report; the name is nobody's.
    let Some(decoded) = document::decode("set", document, &mut Problems::default()) else {
        return Vec::new();
    };
    let mut findings = Findings::default();
    keys::top_level(document, &mut findings);
    keys::metadata(&decoded.metadata, &decoded.flags, &mut findings);
    portable::forms(document, &mut findings);
    life::document(document, &decoded.flags, world, &mut findings);

    let none = Map::new();
    let evaluators = Evaluators::new(decoded.evaluators.as_deref().unwrap_or(&none));
    portable::names(document, &decoded.flags, evaluators, &mut findings);
    let rules: Vec<Rule<'_>> = decoded.flags.iter().filter_map(Rule::of).collect();
    let reach = reach::document(document, &rules, evaluators, &mut findings);
    walk::rules(&rules, evaluators, world, &mut findings);
    results::rules(&rules, evaluators, &mut findings);
    let is_unused = |name: &&str| !reach.contains(name);
    // More of them would not be reported.
    let mut room = Room::of_a_set();
    for name in evaluators.names().filter(is_unused).take(MAX_PROBLEMS) {
        unused(name, evaluators, &mut room, &mut findings);
    }
    findings.into_vec()
}

/// An evaluator that no rule uses is not compiled with any: it is here.
fn unused(name: &str, evaluators: Evaluators<'_>, room: &mut Room, findings: &mut Findings) {
    let path = join_pointer("/$evaluators", name);
    let message = format!("nothing uses the evaluator {name:?}");
    let problem = Problem::new(Severity::Warning, path.as_str(), message);
    findings.report(
        problem
            .code(code::UNUSED_EVALUATOR)
            .help("remove it, or refer to it with `$ref`"),
    );
    let Some(rule) = evaluators.get(name) else {
        return;
    };
    let mut place = Pointer::default();
    place.push_raw(&path);
    let builder = Builder {
        attributes: &mut Attributes::default(),
        evaluators: evaluators.all(),
        evaluators_known: true,
        flag_key: "",
        bucketing: Bucketing::default(),
        problems: &mut findings.problems,
        room,
    };
    if builder.build(place, rule).is_none() && room.is_spent() {
        findings.too_large();
    }
}

/// The rule of one flag.
struct Rule<'d> {
    flag: &'d str,
    /// Names of its variants, in order.
    variants: Vec<&'d str>,
    part: Part<'d>,
}

impl<'d> Rule<'d> {
    fn of(flag: &'d document::FlagSource<'d>) -> Option<Self> {
        Some(Self {
            flag: flag.key,
            variants: flag.variants.iter().map(|variant| &*variant.name).collect(),
            part: Part {
                value: flag.targeting.filter(|rule| rule.is_object())?,
                path: join_pointer(&flag.path, "targeting"),
            },
        })
    }
}

/// What was found so far, each thing once, and how much was looked at.
#[derive(Default)]
struct Findings {
    problems: Problems,
    seen: BTreeSet<(String, &'static str)>,
    steps: usize,
    /// How deep the walk is: evaluators that refer to evaluators can go deeper than any rule.
    depth: usize,
}

impl Findings {
    /// Reports something, unless it was: a place in an evaluator is come by from many rules.
    fn report(&mut self, problem: Problem) {
        if self.seen.insert((problem.path.clone(), problem.code)) {
            self.problems.push(problem);
        }
    }

    /// Whether a part may be looked at that lies in another; [`Findings::leave`] follows, if so.
    fn enter(&mut self) -> bool {
        // Deeper ones are not evaluated either, which the compiler reports.
        let fits = self.depth < MAX_RULE_DEPTH && self.step();
        self.depth += usize::from(fits);
        fits
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Whether one more part may be looked at.
    fn step(&mut self) -> bool {
        self.take_steps(1);
        self.has_steps()
    }

    fn has_steps(&self) -> bool {
        self.steps <= MAX_LINT_STEPS
    }

    /// Counts what takes as long as looking at so many parts.
    fn take_steps(&mut self, steps: usize) {
        let had = self.has_steps();
        self.steps += steps;
        if had && !self.has_steps() {
            self.too_large();
        }
    }

    fn too_large(&mut self) {
        let message = "the rules are too large to be examined in full";
        let problem = Problem::new(Severity::Warning, "", message);
        self.report(
            problem
                .code(code::TOO_LARGE_TO_LINT)
                .help("split the flag set"),
        );
    }

    fn into_vec(mut self) -> Vec<Problem> {
        self.problems.deduplicate(0);
        self.problems.into_vec()
    }
}
