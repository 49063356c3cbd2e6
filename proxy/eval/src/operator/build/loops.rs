//! `map`, `filter`, `reduce`, `all`, `none` and `some`, compiled.

use serde_json::Value as Json;

use super::{Walk, literal};
use crate::code;
use crate::operator::{Expr, Loop, LoopKind, Op, Within};
use crate::problem::Severity;

impl Walk<'_> {
    /// A loop over the first argument. The second is compiled for the items, and evaluated only where
    /// there are any; a third begins a `reduce` and is never evaluated; others do nothing.
    pub(super) fn loop_over(&mut self, kind: LoopKind, argument: &Json) -> Expr {
        let arguments = self.each_argument(argument, |walk, index, value| match index {
            0 => walk.expression(value),
            1 => {
                let outer = std::mem::replace(&mut walk.within, Within::Item);
                let body = walk.expression(value);
                walk.within = outer;
                body
            }
            2 if kind == LoopKind::Reduce => walk.start(value),
            _ => walk.expr(Op::Literal(Json::Null)),
        });
        self.with.room.take(size_of::<Loop>());
        let given = arguments.len();
        let mut arguments = arguments.into_iter();
        let mut next = || arguments.next();
        let (items, body, start) = (next(), next(), next());
        let null = || self.expr(Op::Literal(Json::Null));
        let items = match items {
            Some(items) if given >= 2 || matches!(kind, LoopKind::Map | LoopKind::Reduce) => items,
            // Without an expression there is nothing to do.
            _ => {
                let nothing = kind.of_nothing().to_json();
                let nothing = self.expr(Op::Literal(nothing.unwrap_or(Json::Null)));
                return Expr {
                    folded: true,
                    ..nothing
                };
            }
        };
        if let Op::Fault(_) = items.op {
            return items;
        }
        let start = start.unwrap_or_else(null);
        let Some(begin) = literal(&start) else {
            return start;
        };
        let inner = Loop::new(kind, items, body.unwrap_or_else(null), begin.clone());
        let fallible = inner.fallible();
        let expr = self.expr(Op::Loop(Box::new(inner)));
        Expr { fallible, ..expr }
    }

    /// What a `reduce` begins with: taken as it stands.
    fn start(&mut self, value: &Json) -> Expr {
        if let Json::Object(members) = value
            && members.len() == 1
            && !members.contains_key("$ref")
            && self.reports(Severity::Warning)
        {
            let mut problem = self
                .problem("what `reduce` begins with is taken as it stands: this is not evaluated");
            problem.severity = Severity::Warning;
            problem.code = code::DOUBTFUL;
            self.report(problem.help("some evaluators evaluate it: write a constant"));
        }
        self.constant(value)
    }
}
