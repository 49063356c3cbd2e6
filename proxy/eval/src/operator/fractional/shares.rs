//! The distribution: who gets what.

use serde_json::Value as Json;

use super::found;
use crate::bucketing::{MAX_TOTAL_WEIGHT, bucket};
use crate::operator::{Expr, Fault, Op, Operand, Scope, Tracer, run};

/// Who gets what.
#[derive(Debug)]
pub(super) enum Shares {
    /// Every weight is constant and valid: entries with their cumulative weight.
    Constant {
        total: u32,
        entries: Box<[(u32, Expr)]>,
    },
    /// Something is computed, or not valid.
    Computed(Box<[Entry]>),
}

#[derive(Debug)]
pub(super) enum Entry {
    /// `[variant]`, `[variant, weight]`
    Pair { variant: Expr, weight: Option<Expr> },
    /// An expression that should give an array of that shape.
    Computed(Expr),
    /// Neither.
    Invalid,
}

impl Entry {
    pub(super) fn new(expr: Expr) -> Self {
        let Expr { op, site, .. } = expr;
        let literal = |item| Expr {
            op: Op::Literal(item),
            site,
            fallible: false,
            folded: false,
        };
        let mut items: Vec<Expr> = match op {
            Op::List(items) if matches!(items.len(), 1 | 2) => items.into_vec(),
            Op::Literal(Json::Array(items)) if matches!(items.len(), 1 | 2) => {
                items.into_iter().map(literal).collect()
            }
            Op::Literal(_) => return Self::Invalid,
            op => return Self::Computed(Expr { op, ..expr }),
        };
        let weight = if items.len() == 2 { items.pop() } else { None };
        match items.pop() {
            Some(variant) => Self::Pair { variant, weight },
            None => Self::Invalid,
        }
    }

    /// Its weight, when it is a valid constant.
    fn constant_weight(&self) -> Option<u32> {
        match self {
            Self::Pair { weight: None, .. } => Some(1),
            Self::Pair {
                weight: Some(weight),
                ..
            } => match &weight.op {
                Op::Literal(json) => {
                    weight_of(json.into()).and_then(|weight| u32::try_from(weight).ok())
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Evaluates what it needs for its weight, and all that can end in a fault. `None`: it is not an
    /// entry, so that the whole operator gives null.
    fn draw<'a, T: Tracer>(
        &'a self,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Option<Drawn<'a>>, Fault> {
        let (variant, weight) = match self {
            Self::Pair { variant, weight } => (variant, weight),
            Self::Computed(expr) => return Ok(Drawn::of(run(expr, scope, tracer)?)),
            Self::Invalid => return Ok(None),
        };
        let variant = if variant.fallible {
            Variant::Known(run(variant, scope, tracer)?)
        } else {
            Variant::Later(variant)
        };
        let weight = match weight {
            Some(weight) => weight_of(run(weight, scope, tracer)?),
            None => Some(1),
        };
        Ok(weight.map(|weight| Drawn { weight, variant }))
    }
}

/// An entry whose weight is known.
#[derive(Clone, Copy)]
struct Drawn<'a> {
    weight: u64,
    variant: Variant<'a>,
}

#[derive(Clone, Copy)]
enum Variant<'a> {
    Known(Operand<'a>),
    /// Evaluated only when it is chosen.
    Later(&'a Expr),
}

impl<'a> Drawn<'a> {
    const NOTHING: Self = Self {
        weight: 0,
        variant: Variant::Known(Operand::Null),
    };

    /// From an array that was computed.
    fn of(operand: Operand<'a>) -> Option<Self> {
        let items = operand.items()?;
        let weight = match items.len() {
            1 => 1,
            2 => weight_of(items.get(1))?,
            _ => return None,
        };
        let variant = Variant::Known(items.get(0));
        Some(Self { weight, variant })
    }
}

/// An integer, negative ones as 0; `None` for anything else. Beyond the largest total, how large it
/// is makes no difference.
fn weight_of(operand: Operand<'_>) -> Option<u64> {
    match operand {
        Operand::Number(weight) if weight.fract() == 0.0 => {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            // Saturates at both ends.
            Some((weight as u64).min(u64::from(u32::MAX)))
        }
        Operand::Json(Json::Number(weight)) => Some(if weight.as_u64().is_some() {
            u64::from(u32::MAX)
        } else {
            0
        }),
        _ => None,
    }
}

impl Shares {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let mut cumulative = Vec::with_capacity(entries.len());
        let mut total: u32 = 0;
        for entry in &entries {
            let sum = entry
                .constant_weight()
                .and_then(|weight| total.checked_add(weight));
            match sum {
                Some(sum) if sum <= MAX_TOTAL_WEIGHT => total = sum,
                _ => return Self::Computed(entries.into()),
            }
            let fallible = matches!(entry, Entry::Pair { variant, .. } if variant.fallible);
            if fallible {
                return Self::Computed(entries.into());
            }
            cumulative.push(total);
        }
        let variants = entries.into_iter().filter_map(|entry| match entry {
            Entry::Pair { variant, .. } => Some(variant),
            Entry::Computed(_) | Entry::Invalid => None,
        });
        Self::Constant {
            total,
            entries: cumulative.into_iter().zip(variants).collect(),
        }
    }

    pub(super) fn children(&self, see: &mut impl FnMut(&Expr)) {
        match self {
            Self::Constant { entries, .. } => entries.iter().for_each(|(_, expr)| see(expr)),
            Self::Computed(entries) => entries.iter().for_each(|entry| match entry {
                Entry::Pair { variant, weight } => {
                    see(variant);
                    weight.iter().for_each(&mut *see);
                }
                Entry::Computed(expr) => see(expr),
                Entry::Invalid => {}
            }),
        }
    }

    /// Draws every entry once, however deep such operators nest in each other, and then looks for the
    /// one whose range has the bucket.
    #[inline(never)]
    pub(super) fn run_computed<'a, T: Tracer>(
        &'a self,
        hash: Option<u32>,
        first: Option<Operand<'a>>,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Operand<'a>, Fault> {
        /// Up to so many need no memory but the stack.
        const FEW: usize = 8;
        let count = self.len() + usize::from(first.is_some());
        let mut few = [Drawn::NOTHING; FEW];
        let drawn = if count <= FEW {
            &mut few[..count]
        } else {
            scope.arena.alloc_slice_fill_copy(count, Drawn::NOTHING)
        };
        let total = self.draw(drawn, first, scope, tracer)?;
        let Some(total) = total.filter(|total| *total <= MAX_TOTAL_WEIGHT) else {
            tracer.note(|| {
                "an entry is not [variant, integer], or the weights sum to too much".to_owned()
            });
            return Ok(Operand::Null);
        };
        let Some(hash) = hash else {
            return Ok(Operand::Null);
        };
        let bucket = bucket(hash, total);
        let mut start = 0;
        for entry in drawn {
            let weight = u32::try_from(entry.weight).expect("no weight exceeds the total");
            let end = start + weight;
            if bucket < end {
                tracer.note(|| found(bucket, total, start, end));
                return match entry.variant {
                    Variant::Known(variant) => Ok(variant),
                    Variant::Later(expr) => run(expr, scope, tracer),
                };
            }
            start = end;
        }
        Ok(Operand::Null)
    }

    fn len(&self) -> usize {
        match self {
            Self::Constant { entries, .. } => entries.len(),
            Self::Computed(entries) => entries.len(),
        }
    }

    /// Fills `drawn` and sums it up: `None` where something is no entry, or the sum is far too large.
    fn draw<'a, T: Tracer>(
        &'a self,
        drawn: &mut [Drawn<'a>],
        first: Option<Operand<'a>>,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Option<u32>, Fault> {
        let mut places = drawn.iter_mut();
        let mut total = Some(0_u64);
        let mut add = |entry: Option<Drawn<'a>>| {
            total = total.zip(entry).map(|(total, entry)| total + entry.weight);
            if let (Some(place), Some(entry)) = (places.next(), entry) {
                *place = entry;
            }
        };
        if let Some(first) = first {
            add(Drawn::of(first));
        }
        match self {
            Self::Constant { entries, .. } => {
                let mut start = 0;
                for (end, variant) in entries {
                    let weight = u64::from(end - start);
                    let variant = Variant::Later(variant);
                    add(Some(Drawn { weight, variant }));
                    start = *end;
                }
            }
            Self::Computed(entries) => {
                for entry in entries {
                    add(entry.draw(scope, tracer)?);
                }
            }
        }
        Ok(total.and_then(|total| u32::try_from(total).ok()))
    }
}
