//! `fractional`: a share of users for each variant. [`crate::bucketing`] is its specification.

use bumpalo::collections::String as ArenaString;
use serde_json::Value as Json;

use super::encode::encode;
use super::{Expr, Fault, Op, Operand, Scope, Tracer, Within, run};
use crate::bucketing::{Bucketing, MAX_TOTAL_WEIGHT, Murmur, bucket};
use crate::context::TARGETING_KEY;

/// A bucketing value that is joined of at most so many parts is hashed without being made.
const FEW_PARTS: usize = 8;

/// A compiled `fractional`.
#[derive(Debug)]
pub(crate) struct Fractional {
    bucketing: Bucketing,
    unit: Unit,
    shares: Shares,
}

/// What is hashed.
#[derive(Debug)]
enum Unit {
    /// Flag key and targeting key; everything before the targeting key is hashed already.
    Short(Murmur),
    /// The first argument, unless it turns out to be an array: then that is the first entry, and
    /// the short form is used.
    Value { value: Expr, short: Murmur },
    /// The first argument joins texts, as bucketing values mostly do.
    Joined { cat: Expr, leading: Leading },
    /// The same two inside a loop, where the short form looks for both keys in the item.
    Inside { value: Option<Expr>, within: Within },
}

/// The constant texts that a joined bucketing value begins with, hashed for `V2`. (In `V3` the length of
/// the whole comes first, which is not constant.)
#[derive(Debug)]
struct Leading {
    parts: usize,
    murmur: Murmur,
}

/// Who gets what.
#[derive(Debug)]
enum Shares {
    /// Every weight is constant and valid: entries with their cumulative weight.
    Constant {
        total: u32,
        entries: Box<[(u32, Expr)]>,
    },
    /// Something is computed, or not valid.
    Computed(Box<[Entry]>),
}

#[derive(Debug)]
enum Entry {
    /// `[variant]`, `[variant, weight]`
    Pair { variant: Expr, weight: Option<Expr> },
    /// An expression that should give an array of that shape.
    Computed(Expr),
    /// Neither.
    Invalid,
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
        let short = short_prefix(flag_key, bucketing);
        let starts_with_entry =
            |expr: &Expr| matches!(expr.op, Op::List(_) | Op::Literal(Json::Array(_)));
        let unit = match (within, arguments.next_if(|first| !starts_with_entry(first))) {
            (Within::Context, Some(value)) => match &value.op {
                Op::Cat(parts) if parts.len() <= FEW_PARTS => Unit::Joined {
                    leading: Leading::new(parts),
                    cat: value,
                },
                _ => Unit::Value { value, short },
            },
            (Within::Context, None) => Unit::Short(short),
            (within, value) => Unit::Inside { value, within },
        };
        let entries: Vec<Entry> = arguments.map(Entry::new).collect();
        Self {
            bucketing,
            unit,
            shares: Shares::new(entries),
        }
    }

    /// Whether the targeting key of the context can be read.
    pub(super) fn reads_targeting_key(&self) -> bool {
        match &self.unit {
            Unit::Short(_) => true,
            Unit::Value { value, .. } => !matches!(value.op, Op::Literal(_)),
            // Only an array makes it look for the short form, and a text is none.
            Unit::Joined { .. } | Unit::Inside { .. } => false,
        }
    }

    /// Whether it can end in a fault where no argument does.
    pub(super) fn fallible(&self) -> bool {
        matches!(self.unit, Unit::Inside { .. })
    }

    pub(super) fn children(&self, see: &mut impl FnMut(&Expr)) {
        match &self.unit {
            Unit::Short(_) => {}
            Unit::Value { value, .. } | Unit::Joined { cat: value, .. } => see(value),
            Unit::Inside { value, .. } => value.iter().for_each(&mut *see),
        }
        self.shares.children(see);
    }

    #[inline]
    pub(super) fn run<'a, T: Tracer>(
        &'a self,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Operand<'a>, Fault> {
        let (hash, first) = match &self.unit {
            Unit::Short(prefix) => (self.short_hash(prefix, scope)?, None),
            Unit::Joined { cat, leading } => (self.joined_hash(cat, leading, scope, tracer)?, None),
            Unit::Value { value, short } => {
                let value = run(value, scope, tracer)?;
                match value.items() {
                    Some(_) => (self.short_hash(short, scope)?, Some(value)),
                    None => (self.value_hash(value, scope)?, None),
                }
            }
            Unit::Inside { value, within } => {
                self.hash_inside(value.as_ref(), *within, scope, tracer)?
            }
        };
        match (&self.shares, first) {
            (Shares::Constant { total, entries }, None) => {
                let Some(hash) = hash else {
                    tracer.note(no_unit);
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
            (shares, first) => shares.run_computed(hash, first, scope, tracer),
        }
    }

    #[inline]
    fn short_hash(&self, prefix: &Murmur, scope: &Scope<'_>) -> Result<Option<u32>, Fault> {
        let key = scope.context.targeting_key().filter(|key| !key.is_empty());
        let Some(key) = key else {
            return Ok(None);
        };
        scope.steps.copy(key.len())?;
        let mut murmur = *prefix;
        match self.bucketing {
            Bucketing::V2 => murmur.update(key.as_bytes()),
            Bucketing::V3 => murmur.cbor_text(key),
        }
        Ok(Some(murmur.finish()))
    }

    fn value_hash<'a>(&self, value: Operand<'a>, scope: &Scope<'a>) -> Result<Option<u32>, Fault> {
        match (self.bucketing, value) {
            (Bucketing::V2, Operand::Str(text)) if !text.is_empty() => {
                scope.steps.copy(text.len())?;
                Ok(Some(Murmur::hash(text.as_bytes())))
            }
            (Bucketing::V2, _) | (Bucketing::V3, Operand::Null) => Ok(None),
            (Bucketing::V3, value) => {
                let mut murmur = Murmur::new();
                encode(value, scope, &mut murmur)?;
                Ok(Some(murmur.finish()))
            }
        }
    }

    /// The hash of a joined text. Where all of its parts are texts it is not made, so that nothing is
    /// allocated. It takes the steps that making it takes: whoever explains the rule does that.
    #[inline(never)]
    fn joined_hash<'a, T: Tracer>(
        &self,
        cat: &'a Expr,
        leading: &Leading,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Option<u32>, Fault> {
        let parts = match &cat.op {
            Op::Cat(parts) if !T::LISTENS => parts,
            _ => return self.value_hash(run(cat, scope, tracer)?, scope),
        };
        let mut texts = [""; FEW_PARTS];
        let mut bytes = 0;
        for (index, expr) in parts.iter().enumerate() {
            let part = run(expr, scope, tracer)?;
            let Operand::Str(text) = part else {
                let mut joined = ArenaString::new_in(scope.arena);
                texts[..index].iter().for_each(|text| joined.push_str(text));
                part.write_text(&mut joined, &scope.steps)?;
                for expr in &parts[index + 1..] {
                    run(expr, scope, tracer)?.write_text(&mut joined, &scope.steps)?;
                }
                return self.value_hash(Operand::Str(joined.into_bump_str()), scope);
            };
            // Of a single text, `cat` is that text.
            if parts.len() > 1 {
                scope.steps.copy(text.len())?;
            }
            texts[index] = text;
            bytes += text.len();
        }
        scope.steps.copy(bytes)?;
        let (mut murmur, hashed) = match self.bucketing {
            Bucketing::V2 if bytes == 0 => return Ok(None),
            Bucketing::V2 => (leading.murmur, leading.parts),
            Bucketing::V3 => {
                let mut murmur = Murmur::new();
                murmur.cbor_text_head(bytes);
                (murmur, 0)
            }
        };
        for text in &texts[hashed..parts.len()] {
            murmur.update(text.as_bytes());
        }
        Ok(Some(murmur.finish()))
    }

    /// The hash, and the first argument where that is the first entry.
    #[inline(never)]
    fn hash_inside<'a, T: Tracer>(
        &'a self,
        value: Option<&'a Expr>,
        within: Within,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<(Option<u32>, Option<Operand<'a>>), Fault> {
        let value = match value {
            Some(value) => Some(run(value, scope, tracer)?),
            None => None,
        };
        let first = value.filter(|value| value.items().is_some());
        Ok(match (self.bucketing, value) {
            (Bucketing::V2, Some(value @ Operand::Str(_))) => {
                (self.value_hash(value, scope)?, None)
            }
            (Bucketing::V3, Some(value)) if first.is_none() => {
                (self.value_hash(value, scope)?, None)
            }
            // In `V2` this looks for the keys also where what stays in the distribution is no entry.
            (_, Some(_)) if first.is_none() => {
                self.short_hash_inside(within, scope)?;
                (None, None)
            }
            _ => (self.short_hash_inside(within, scope)?, first),
        })
    }

    /// The short form of an item. An item that is no object has no members to look for, and a key that
    /// is no text cannot be hashed as one: flagd fails.
    fn short_hash_inside(&self, within: Within, scope: &Scope<'_>) -> Result<Option<u32>, Fault> {
        let item = scope.data(within);
        if !item.is_object() {
            return Err(Fault::NoShortForm);
        }
        let flag_key = || match scope.member(item, "$flagd") {
            None => Ok(Operand::Str("")),
            Some(flagd) if flagd.is_object() => {
                let key = scope.member(flagd, "flagKey");
                Ok(key.unwrap_or(Operand::Str("")))
            }
            Some(_) => Err(Fault::NoShortForm),
        };
        let key = scope.member(item, TARGETING_KEY).unwrap_or(Operand::Null);
        let mut murmur = Murmur::new();
        match self.bucketing {
            Bucketing::V2 => match (flag_key()?, key) {
                (_, key) if is_empty(key) => Ok(None),
                (Operand::Str(flag_key), Operand::Str(key)) => {
                    scope.steps.copy(flag_key.len() + key.len())?;
                    murmur.update(flag_key.as_bytes());
                    murmur.update(key.as_bytes());
                    Ok(Some(murmur.finish()))
                }
                _ => Err(Fault::NoShortForm),
            },
            Bucketing::V3 => match key {
                Operand::Str(text) if !text.is_empty() => {
                    murmur.cbor_array(2);
                    encode(flag_key()?, scope, &mut murmur)?;
                    encode(key, scope, &mut murmur)?;
                    Ok(Some(murmur.finish()))
                }
                _ => Ok(None),
            },
        }
    }
}

/// What counts as no key: JSONLogic's truth, but that an empty object is empty, too.
fn is_empty(key: Operand<'_>) -> bool {
    match key {
        Operand::Json(Json::Object(members)) => members.is_empty(),
        Operand::Number(value) => value == 0.0,
        key => !key.truthy(),
    }
}

impl Leading {
    fn new(parts: &[Expr]) -> Self {
        let texts = parts.iter().map_while(|part| match &part.op {
            Op::Literal(Json::String(text)) => Some(text),
            _ => None,
        });
        let mut leading = Self {
            parts: 0,
            murmur: Murmur::new(),
        };
        for text in texts {
            leading.parts += 1;
            leading.murmur.update(text.as_bytes());
        }
        leading
    }
}

fn short_prefix(flag_key: &str, bucketing: Bucketing) -> Murmur {
    let mut prefix = Murmur::new();
    match bucketing {
        Bucketing::V2 => prefix.update(flag_key.as_bytes()),
        Bucketing::V3 => {
            prefix.cbor_array(2);
            prefix.cbor_text(flag_key);
        }
    }
    prefix
}

fn no_unit() -> String {
    "there is no bucketing value".to_owned()
}

fn found(bucket: u32, total: u32, start: u32, end: u32) -> String {
    format!("bucket {bucket} of {total}, in {start}..{end}")
}

impl Entry {
    fn new(expr: Expr) -> Self {
        let Expr { op, site, fallible } = expr;
        let literal = |item| Expr {
            op: Op::Literal(item),
            site,
            fallible: false,
        };
        let mut items: Vec<Expr> = match op {
            Op::List(items) if matches!(items.len(), 1 | 2) => items.into_vec(),
            Op::Literal(Json::Array(items)) if matches!(items.len(), 1 | 2) => {
                items.into_iter().map(literal).collect()
            }
            Op::Literal(_) => return Self::Invalid,
            op => return Self::Computed(Expr { op, site, fallible }),
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
    fn new(entries: Vec<Entry>) -> Self {
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

    fn children(&self, see: &mut impl FnMut(&Expr)) {
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
    fn run_computed<'a, T: Tracer>(
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
            tracer.note(no_unit);
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
