//! `map`, `filter`, `reduce`, `all`, `none` and `some`: one expression, for each item of an array.
//!
//! Inside, `var` looks into the item and nowhere else, so that a nested loop hides the one around it;
//! inside `reduce`, into an object of `current` and `accumulator`, a new one for each turn.
//! Every turn takes one step and as many as the expression has nodes.

use serde_json::Value as Json;

use super::operand::{Frame, Items};
use super::{Expr, Fault, Operand, Scope, Tracer, run};

/// A compiled loop.
#[derive(Debug)]
pub(crate) struct Loop {
    kind: LoopKind,
    items: Expr,
    body: Expr,
    /// What `reduce` begins with.
    start: Json,
    /// Steps of one turn.
    turn: usize,
}

/// What a loop gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopKind {
    /// What the expression gives for each item.
    Map,
    /// The items for which it is truthy.
    Filter,
    /// What it gives for the last item, having been given what it gave for the one before.
    Reduce,
    /// Whether it is truthy for each item. Not so where there are none.
    All,
    /// Whether it is truthy for no item.
    None,
    /// Whether it is truthy for one item.
    Some,
}

impl LoopKind {
    /// The loop of this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "map" => Self::Map,
            "filter" => Self::Filter,
            "reduce" => Self::Reduce,
            "all" => Self::All,
            "none" => Self::None,
            "some" => Self::Some,
            _ => return None,
        })
    }

    /// What it gives for what is no array. (`reduce` gives what it begins with, if there is that.)
    pub(super) fn of_nothing(self) -> Operand<'static> {
        match self {
            Self::Map | Self::Filter => Operand::List(&[]),
            Self::Reduce => Operand::Null,
            Self::All | Self::Some => Operand::Bool(false),
            Self::None => Operand::Bool(true),
        }
    }
}

impl Loop {
    pub(super) fn new(kind: LoopKind, items: Expr, body: Expr, start: Json) -> Self {
        let turn = 1 + nodes(&body);
        Self {
            kind,
            items,
            body,
            start,
            turn,
        }
    }

    /// The array that it goes through.
    pub(super) fn items(&self) -> &Expr {
        &self.items
    }

    /// Whether it can end in a fault that is not for want of steps.
    pub(super) fn fallible(&self) -> bool {
        self.items.fallible || self.body.fallible
    }

    #[inline(never)]
    pub(super) fn run<'a, T: Tracer>(
        &'a self,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Operand<'a>, Fault> {
        let of = run(&self.items, scope, tracer)?;
        let Some(items) = of.items() else {
            tracer.note(|| "not an array".to_owned());
            return Ok(match self.kind {
                LoopKind::Reduce => Operand::from(&self.start),
                kind => kind.of_nothing(),
            });
        };
        let outer = scope.item.get();
        let result = match self.kind {
            LoopKind::Map => self.map(items, scope, tracer),
            LoopKind::Filter => self.filter(items, scope, tracer),
            LoopKind::Reduce => self.reduce(items, scope, tracer),
            LoopKind::All => self
                .find(false, items, scope, tracer)
                .map(|found| Operand::Bool(!found && items.len() > 0)),
            LoopKind::None => self
                .find(true, items, scope, tracer)
                .map(|found| Operand::Bool(!found)),
            LoopKind::Some => self.find(true, items, scope, tracer).map(Operand::Bool),
        };
        scope.item.set(outer);
        result
    }

    /// What the expression gives for one item.
    #[inline]
    fn turn<'a, T: Tracer>(
        &'a self,
        index: usize,
        item: Operand<'a>,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Operand<'a>, Fault> {
        scope.steps.take(self.turn)?;
        scope.item.set(item);
        tracer.item(index);
        run(&self.body, scope, tracer)
    }

    fn map<'a, T: Tracer>(
        &'a self,
        items: Items<'a>,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Operand<'a>, Fault> {
        scope.steps.take(items.len())?;
        let mapped = scope.list(items.len());
        for (index, (place, item)) in mapped.iter_mut().zip(items).enumerate() {
            *place = self.turn(index, item, scope, tracer)?;
        }
        tracer.note(|| count(items));
        Ok(Operand::List(mapped))
    }

    fn filter<'a, T: Tracer>(
        &'a self,
        items: Items<'a>,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Operand<'a>, Fault> {
        scope.steps.take(items.len())?;
        let list = scope.list(items.len());
        let mut kept = 0;
        for (index, item) in items.into_iter().enumerate() {
            if self.turn(index, item, scope, tracer)?.truthy() {
                list[kept] = item;
                kept += 1;
            }
        }
        tracer.note(|| format!("{kept} of {}", count(items)));
        Ok(Operand::List(&list[..kept]))
    }

    fn reduce<'a, T: Tracer>(
        &'a self,
        items: Items<'a>,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Operand<'a>, Fault> {
        let mut so_far = Operand::from(&self.start);
        for (index, item) in items.into_iter().enumerate() {
            let frame = scope.arena.alloc(Frame {
                current: item,
                accumulator: so_far,
            });
            so_far = self.turn(index, Operand::Frame(frame), scope, tracer)?;
        }
        tracer.note(|| count(items));
        Ok(so_far)
    }

    /// Whether the expression is truthy, or is not, for one item; later ones are not looked at.
    fn find<'a, T: Tracer>(
        &'a self,
        truthy: bool,
        items: Items<'a>,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<bool, Fault> {
        for (index, item) in items.into_iter().enumerate() {
            if self.turn(index, item, scope, tracer)?.truthy() == truthy {
                let holds = if truthy { "holds" } else { "does not hold" };
                tracer.note(|| format!("it {holds} for item {index} of {}", items.len()));
                return Ok(true);
            }
        }
        tracer.note(|| match (items.len(), truthy) {
            (0, _) => "there are no items".to_owned(),
            (_, true) => format!("it holds for none of {}", count(items)),
            (_, false) => format!("it holds for all of {}", count(items)),
        });
        Ok(false)
    }
}

fn count(items: Items<'_>) -> String {
    match items.len() {
        1 => "1 item".to_owned(),
        count => format!("{count} items"),
    }
}

/// How many expressions one turn evaluates at most, but for loops inside of it, which count their own.
fn nodes(expr: &Expr) -> usize {
    let mut count = 1;
    expr.op.children(&mut |expr| count += nodes(expr));
    count
}
