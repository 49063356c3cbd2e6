//! `missing` and `missing_some`: which of some keys `var` finds nothing for, or an empty string.

use serde_json::Value as Json;

use super::operand::Items;
use super::{Expr, Fault, Operand, Scope, Tracer, Within, run};

/// A compiled `missing` or `missing_some`.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(super) keys: Keys,
    /// With `missing_some`: if at least so many are there, none counts as missing.
    pub(super) enough: Option<Expr>,
}

/// What is looked for.
#[derive(Debug)]
pub(crate) enum Keys {
    /// Each with the `var` that looks for it.
    Constant(Box<[(Json, Expr)]>),
    /// The first, where that is an array; otherwise all of them.
    Computed { keys: Box<[Expr]>, within: Within },
}

impl Missing {
    pub(super) fn children(&self, see: &mut impl FnMut(&Expr)) {
        self.enough.iter().for_each(&mut *see);
        match &self.keys {
            Keys::Constant(keys) => keys.iter().for_each(|(_, read)| see(read)),
            Keys::Computed { keys, .. } => keys.iter().for_each(see),
        }
    }

    /// Whether it can end in a fault although no argument does: inside a loop, a key may turn out to be
    /// an infinite number.
    pub(super) fn fallible(&self) -> bool {
        matches!(&self.keys, Keys::Computed { within, .. } if *within != Within::Context)
    }

    pub(super) fn run<'a, T: Tracer>(
        &'a self,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Operand<'a>, Fault> {
        let enough = match &self.enough {
            Some(expr) => Some(run(expr, scope, tracer)?.to_number(&scope.steps)?),
            None => None,
        };
        let (missing, of) = match &self.keys {
            Keys::Constant(keys) => (missing_constants(keys, scope, tracer)?, keys.len()),
            Keys::Computed { keys, within } => {
                let keys = self.computed(keys, scope, tracer)?;
                (missing_of(keys, *within, scope)?, keys.len())
            }
        };
        tracer.note(|| format!("{} of {of} missing", missing.len()));
        #[allow(clippy::cast_precision_loss)] // Nothing in memory has 2^53 items.
        let there = super::operand::Number::Float((of - missing.len()) as f64);
        Ok(match enough {
            Some(enough) if there >= enough => Operand::List(&[]),
            _ => Operand::List(missing),
        })
    }

    fn computed<'a, T: Tracer>(
        &self,
        exprs: &'a [Expr],
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Items<'a>, Fault> {
        let keys = scope.list(exprs.len());
        for (key, expr) in keys.iter_mut().zip(exprs) {
            *key = run(expr, scope, tracer)?;
        }
        let listed = keys.first().and_then(|first| first.items());
        Ok(match (listed, &self.enough) {
            (Some(items), _) => items,
            (None, None) => Items::List(keys),
            // `missing_some` looks for nothing but the items of an array.
            (None, Some(_)) => Items::List(&[]),
        })
    }
}

fn is_missing(value: Operand<'_>) -> bool {
    matches!(value, Operand::Null | Operand::Str(""))
}

/// The keys that are missing. Allocates only from the first of them on.
fn missing_constants<'a, T: Tracer>(
    keys: &'a [(Json, Expr)],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<&'a [Operand<'a>], Fault> {
    let mut missing: &'a mut [Operand<'a>] = &mut [];
    let mut count = 0;
    for (key, read) in keys {
        if is_missing(run(read, scope, tracer)?) {
            if missing.is_empty() {
                missing = scope.list(keys.len());
            }
            missing[count] = key.into();
            count += 1;
        }
    }
    Ok(&missing[..count])
}

fn missing_of<'a>(
    keys: Items<'a>,
    within: Within,
    scope: &Scope<'a>,
) -> Result<&'a [Operand<'a>], Fault> {
    scope.steps.take(keys.len())?;
    let missing = scope.list(keys.len());
    let data = scope.data(within);
    let mut count = 0;
    for key in keys {
        if is_missing(scope.find(data, key)?.unwrap_or(Operand::Null)) {
            missing[count] = key;
            count += 1;
        }
    }
    Ok(&missing[..count])
}
