//! From a rule as authored to a tree of expressions.

mod arguments;
mod bounds;
mod loops;
mod operators;
mod variable;

use std::collections::BTreeSet;

use bumpalo::Bump;
use serde_json::{Map, Value as Json};

use self::bounds::OPERATOR_BYTES;
use super::{Expr, Fault, Op, Scope, Silent, Within, run, shown_json};
use crate::bucketing::Bucketing;
use crate::code;
use crate::context::{AttributeId, Attributes, Context};
use crate::document::reference;
use crate::limits::MAX_RULE_DEPTH;
use crate::pointer::Pointer;
use crate::problem::{Problem, Problems, Severity};
use crate::room::{Room, nodes_bytes, text_bytes, value_bytes};
pub(crate) use arguments::{complaint, is_operator};

/// A compiled rule and what it reads.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) root: Expr,
    /// JSON Pointers from the flag, by site.
    pub(crate) sites: Box<[Box<str>]>,
    pub(crate) reads: Box<[AttributeId]>,
    pub(crate) reads_tree: bool,
    pub(crate) reads_time: bool,
}

/// What a rule is compiled with.
pub(crate) struct Builder<'c> {
    pub(crate) attributes: &'c mut Attributes,
    pub(crate) evaluators: &'c Map<String, Json>,
    /// Otherwise what a rule refers to may be there, and is not reported as missing.
    pub(crate) evaluators_known: bool,
    pub(crate) flag_key: &'c str,
    pub(crate) bucketing: Bucketing,
    pub(crate) problems: &'c mut Problems,
    /// What is left for this rule, and for those after it.
    pub(crate) room: &'c mut Room,
}

impl Builder<'_> {
    /// Compiles the rule that stands at `place` in the document. What cannot be compiled becomes a
    /// fault in its place: flagd, too, fails only when it gets there.
    ///
    /// `None` for a rule of too many parts, and where there is no room for it: nothing of it is kept.
    pub(crate) fn build(self, place: Pointer, rule: &Json) -> Option<Rule> {
        let mut site = Pointer::default();
        site.push_key("targeting");
        let mut walk = Walk {
            with: self,
            place,
            site,
            sites: Vec::new(),
            here: 0,
            within: Within::Context,
            references: Vec::new(),
            nodes: 0,
            depth: 0,
            reads: BTreeSet::new(),
            reads_tree: false,
            reads_time: false,
        };
        let root = walk.expression(rule);
        if walk.has_ended() {
            return None;
        }
        Some(Rule {
            root,
            sites: walk.sites.into(),
            reads: walk.reads.into_iter().collect(),
            reads_tree: walk.reads_tree,
            reads_time: walk.reads_time,
        })
    }
}

struct Walk<'c> {
    with: Builder<'c>,
    /// Where the walk is in the document.
    place: Pointer,
    /// Where it is in the rule, references substituted.
    site: Pointer,
    sites: Vec<Box<str>>,
    /// The site of the operator that is being compiled.
    here: u32,
    /// What `var` looks into here.
    within: Within,
    /// The evaluators that it is inside of.
    references: Vec<&'c str>,
    nodes: usize,
    depth: usize,
    reads: BTreeSet<AttributeId>,
    reads_tree: bool,
    reads_time: bool,
}

impl Walk<'_> {
    fn expression(&mut self, value: &Json) -> Expr {
        if !self.is_bounded() {
            return self.expr(Op::Fault(Fault::Parse));
        }
        self.depth += 1;
        let expr = match value {
            Json::Array(items) => {
                let items = self.each_item(items, &mut |walk, _, item| walk.expression(item));
                self.list(items)
            }
            Json::Object(members) => {
                match members.iter().next() {
                    Some((operator, argument)) if members.len() == 1 => {
                        self.operation(operator, argument)
                    }
                    first => {
                        if first.is_some() && self.reports(Severity::Flag) {
                            let problem = self.problem("an object in a rule has one operator, and this one has several keys");
                            self.report(problem.help(
                                "flagd takes it as a constant: nest one operator in another",
                            ));
                        }
                        self.constant(value)
                    }
                }
            }
            scalar if self.with.room.take(value_bytes(scalar)) => {
                self.expr(Op::Literal(scalar.clone()))
            }
            _ => self.expr(Op::Fault(Fault::Parse)),
        };
        self.depth -= 1;
        expr
    }

    /// A part of a rule that is never evaluated. References are substituted nevertheless, as flagd
    /// substitutes them in the text.
    fn constant(&mut self, value: &Json) -> Expr {
        match self.copy(value) {
            Some(json) => self.expr(Op::Literal(json)),
            None => self.expr(Op::Fault(Fault::Parse)),
        }
    }

    /// `None` where the bounds of a rule end.
    fn copy(&mut self, value: &Json) -> Option<Json> {
        if !self.is_bounded() {
            return None;
        }
        self.depth += 1;
        let copy = match value {
            Json::Array(items) => {
                let items = items.iter().map(|item| self.copy(item));
                items.collect::<Option<_>>().map(Json::Array)
            }
            Json::Object(members) => match members.get("$ref") {
                Some(name) if members.len() == 1 => {
                    // What refers to nothing stays as it is.
                    let copy = self.follow(name, Self::copy);
                    copy.unwrap_or_else(|_| self.clone_of(value))
                }
                _ => {
                    self.with.room.take(nodes_bytes(members.len()));
                    let members = members.iter().map(|(key, value)| {
                        let fits = self.with.room.take(text_bytes(key));
                        fits.then_some(())?;
                        Some((key.clone(), self.copy(value)?))
                    });
                    members.collect::<Option<_>>().map(Json::Object)
                }
            },
            scalar => self.clone_of(scalar),
        };
        self.depth -= 1;
        copy
    }

    /// Compiles every item of an array, each at its place; none after the rule is given up.
    fn each_item(
        &mut self,
        items: &[Json],
        build: &mut dyn FnMut(&mut Self, usize, &Json) -> Expr,
    ) -> Vec<Expr> {
        let mut compiled = Vec::new();
        for (index, item) in items.iter().enumerate() {
            compiled.push(self.inside(|walk| {
                walk.place.push_index(index);
                walk.site.push_index(index);
                build(walk, index, item)
            }));
            if self.has_ended() {
                break;
            }
        }
        compiled
    }

    fn list(&mut self, items: Vec<Expr>) -> Expr {
        let items = match all_or_fault(items) {
            Ok(items) => items,
            Err(fault) => return fault,
        };
        if items.iter().all(|item| literal(item).is_some()) {
            let items = items.into_iter().filter_map(|item| match item.op {
                Op::Literal(json) => Some(json),
                _ => None,
            });
            let op = Op::Literal(Json::Array(items.collect()));
            return self.expr(op);
        }
        let fallible = items.iter().any(|item| item.fallible);
        let expr = self.expr(Op::List(items.into()));
        Expr { fallible, ..expr }
    }

    /// `{"$ref": name}`: the evaluator of that name, as if it stood here.
    fn reference(&mut self, argument: &Json) -> Expr {
        self.follow(argument, Self::expression)
            .unwrap_or_else(|fault| fault)
    }

    /// Runs `build` on the evaluator that a reference names; a fault where there is none.
    fn follow<R>(
        &mut self,
        argument: &Json,
        build: impl FnOnce(&mut Self, &Json) -> R,
    ) -> Result<R, Expr> {
        let evaluators = self.with.evaluators;
        let found = argument
            .as_str()
            .and_then(|name| evaluators.get_key_value(name));
        let Some((name, rule)) = found else {
            if self.with.evaluators_known && self.reports(Severity::Flag) {
                let named = shown_json(argument);
                let problem = self.problem_of_reference(format!("there is no evaluator {named}"));
                let problem = problem.code(code::UNKNOWN_REFERENCE);
                let problem = match argument.as_str() {
                    Some(name) if !evaluators.is_empty() => {
                        problem.suggest(name, evaluators.keys().map(String::as_str))
                    }
                    _ => {
                        problem.help("define it under `$evaluators`, and name it here as a string")
                    }
                };
                self.report(problem);
            }
            return Err(self.unfollowed(|walk| walk.unevaluable(argument, Fault::Parse)));
        };
        if self.references.contains(&name.as_str()) {
            if self.reports(Severity::Flag) {
                let message = format!("the evaluator {name:?} refers to itself");
                let problem = self.problem_of_reference(message);
                self.report(problem.code(code::REFERENCE_CYCLE).help("break the cycle"));
            }
            return Err(self.unfollowed(|walk| walk.expr(Op::Fault(Fault::Parse))));
        }
        self.references.push(name);
        let mut place = Pointer::default();
        place.push_key("$evaluators");
        place.push_key(name);
        let back = std::mem::replace(&mut self.place, place);
        let result = build(self, rule);
        self.place = back;
        self.references.pop();
        Ok(result)
    }

    /// What stands for a reference that cannot be followed, at its place.
    fn unfollowed(&mut self, build: impl FnOnce(&mut Self) -> Expr) -> Expr {
        self.inside(|walk| {
            walk.site.push_key("$ref");
            walk.operator_here(build)
        })
    }

    /// Runs `build` for an operator, or what is to be told as one, that stands where the walk is.
    fn operator_here(&mut self, build: impl FnOnce(&mut Self) -> Expr) -> Expr {
        let place = text_bytes(self.site.as_str());
        if !self.with.room.take(OPERATOR_BYTES + place) {
            return self.expr(Op::Fault(Fault::Parse));
        }
        let here = u32::try_from(self.sites.len()).expect("the number of sites is bounded");
        self.sites.push(self.site.as_str().into());
        let outer = std::mem::replace(&mut self.here, here);
        let result = build(self);
        self.here = outer;
        result
    }

    /// Runs `build` with both pointers where they are, and puts them back afterwards.
    fn inside<R>(&mut self, build: impl FnOnce(&mut Self) -> R) -> R {
        let (place, site) = (self.place.as_str().len(), self.site.as_str().len());
        let result = build(self);
        self.place.truncate(place);
        self.site.truncate(site);
        result
    }

    /// Something at the current place that spoils the flag.
    fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(Severity::Flag, self.place.as_str(), message).of(self.with.flag_key)
    }

    /// Of the `$ref` in the object at which the walk stands.
    fn problem_of_reference(&self, message: impl Into<String>) -> Problem {
        let mut problem = self.problem(message);
        problem.path.push_str("/$ref");
        problem
    }

    /// What [`Walk::reports`] asked for.
    fn report(&mut self, problem: Problem) {
        self.with.problems.add(problem);
    }

    /// An expression of the operator that is being compiled.
    fn expr(&self, op: Op) -> Expr {
        Expr {
            fallible: matches!(op, Op::Fault(_)),
            site: self.here,
            folded: false,
            op,
        }
    }
}

/// What a value is once a reference in its place is substituted; not around a cycle.
pub(crate) fn substituted<'v>(evaluators: &'v Map<String, Json>, mut value: &'v Json) -> &'v Json {
    for _ in 0..MAX_RULE_DEPTH {
        match reference(value).and_then(|name| evaluators.get(name)) {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}

/// The constant that an expression is.
fn literal(expr: &Expr) -> Option<&Json> {
    match &expr.op {
        Op::Literal(json) => Some(json),
        _ => None,
    }
}

/// The fault that evaluating all of these, in order, cannot but end in; or the arguments.
fn all_or_fault(mut arguments: Vec<Expr>) -> Result<Vec<Expr>, Expr> {
    let first = arguments.iter().position(|argument| argument.fallible);
    match first {
        Some(first) if matches!(arguments[first].op, Op::Fault(_)) => {
            Err(arguments.swap_remove(first))
        }
        _ => Ok(arguments),
    }
}

/// Evaluates an expression that reads nothing and repeats nothing, once and for all: what it gives is
/// no larger than what it is made of, so that no rule grows by it.
fn fold(expr: Expr) -> Expr {
    let context = Context::new(&Attributes::default());
    let arena = Bump::new();
    let scope = Scope::new(&context, "", 0, &arena);
    let folded = run(&expr, &scope, &mut Silent)
        .ok()
        .and_then(super::Operand::to_json);
    match folded {
        Some(json) => Expr {
            op: Op::Literal(json),
            folded: true,
            ..expr
        },
        None => expr,
    }
}

#[cfg(test)]
mod tests;
