//! `fractional`: a share of users for each variant. [`crate::bucketing`] is its specification.

mod shares;
mod unit;

use serde_json::Value as Json;

use self::shares::{Entry, Shares};
use self::unit::Unit;
use super::{Expr, Fault, Op, Operand, Scope, Tracer, Within, run};
use crate::bucketing::{Bucketing, bucket};

/// A compiled `fractional`.
#[derive(Debug)]
pub(crate) struct Fractional {
    unit: Unit,
    shares: Shares,
}

impl Fractional {
    /// From the arguments, compiled.
    pub(super) fn new(
        flag_key: &str,
        bucketing: Bucketing,
        within: Within,
        arguments: Vec<Expr>,
    ) -> Self {
        let mut arguments = arguments.into_iter().peekable();
        let starts_with_entry =
            |expr: &Expr| matches!(expr.op, Op::List(_) | Op::Literal(Json::Array(_)));
        let value = arguments.next_if(|first| !starts_with_entry(first));
        let entries: Vec<Entry> = arguments.map(Entry::new).collect();
        Self {
            unit: Unit::new(flag_key, bucketing, within, value),
            shares: Shares::new(entries),
        }
    }

    /// Whether the targeting key of the context can be read.
    pub(super) fn reads_targeting_key(&self) -> bool {
        self.unit.reads_targeting_key()
    }

    /// Whether it can end in a fault where no argument does.
    pub(super) fn fallible(&self) -> bool {
        self.unit.fallible()
    }

    pub(super) fn children(&self, see: &mut impl FnMut(&Expr)) {
        self.unit.children(see);
        self.shares.children(see);
    }

    #[inline]
    pub(super) fn run<'a, T: Tracer>(
        &'a self,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Operand<'a>, Fault> {
        let (hash, first) = self.unit.hash(scope, tracer)?;
        match (&self.shares, first) {
            (Shares::Constant { total, entries }, None) => {
                let Some(hash) = hash else {
                    tracer.note(|| self.unit.without_hash(first));
                    return Ok(Operand::Null);
                };
                let bucket = bucket(hash, *total);
                let mut start = 0;
                for (end, variant) in entries {
                    if bucket < *end {
                        tracer.note(|| found(bucket, *total, start, *end));
                        return run(variant, scope, tracer);
                    }
                    start = *end;
                }
                Ok(Operand::Null)
            }
            (shares, first) => {
                if hash.is_none() {
                    tracer.note(|| self.unit.without_hash(first));
                }
                shares.run_computed(hash, first, scope, tracer)
            }
        }
    }
}

fn found(bucket: u32, total: u32, start: u32, end: u32) -> String {
    format!("bucket {bucket} of {total}, in {start}..{end}")
}
