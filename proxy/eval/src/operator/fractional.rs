//! `fractional`: a share of users for each variant. [`crate::bucketing`] is its specification.

mod shares;

use serde_json::Value as Json;

use self::shares::{Entry, Shares};
use super::encode::encode;
use super::{Expr, Fault, Op, Operand, Scope, Tracer, Within, run};
use crate::bucketing::{Bucketing, Murmur, bucket};
use crate::context::TARGETING_KEY;

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
    /// The same two inside a loop, where the short form looks for both keys in the item.
    Inside { value: Option<Expr>, within: Within },
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
            (Within::Context, Some(value)) => Unit::Value { value, short },
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
            Unit::Inside { .. } => false,
        }
    }

    /// Whether it can end in a fault where no argument does.
    pub(super) fn fallible(&self) -> bool {
        matches!(self.unit, Unit::Inside { .. })
    }

    pub(super) fn children(&self, see: &mut impl FnMut(&Expr)) {
        match &self.unit {
            Unit::Short(_) => {}
            Unit::Value { value, .. } => see(value),
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
            Unit::Value { value, short } => match run(value, scope, tracer)? {
                // Apart, for a value that is moved on costs as much as a short hash.
                Operand::Str(text) => (self.text_hash(text, scope)?, None),
                value if value.items().is_some() => (self.short_hash(short, scope)?, Some(value)),
                value => (self.value_hash(value, scope)?, None),
            },
            Unit::Inside { .. } => return self.run_inside(scope, tracer),
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

    fn text_hash(&self, text: &str, scope: &Scope<'_>) -> Result<Option<u32>, Fault> {
        scope.steps.copy(text.len())?;
        Ok(match self.bucketing {
            Bucketing::V2 => (!text.is_empty()).then(|| Murmur::hash(text.as_bytes())),
            Bucketing::V3 => {
                let mut murmur = Murmur::new();
                murmur.cbor_text(text);
                Some(murmur.finish())
            }
        })
    }

    fn value_hash<'a>(&self, value: Operand<'a>, scope: &Scope<'a>) -> Result<Option<u32>, Fault> {
        match (self.bucketing, value) {
            (_, Operand::Str(text)) => self.text_hash(text, scope),
            (Bucketing::V2, _) | (Bucketing::V3, Operand::Null) => Ok(None),
            (Bucketing::V3, value) => {
                let mut murmur = Murmur::new();
                encode(value, scope, &mut murmur)?;
                Ok(Some(murmur.finish()))
            }
        }
    }

    /// The same inside a loop, apart, because that is rare.
    #[inline(never)]
    fn run_inside<'a, T: Tracer>(
        &'a self,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Operand<'a>, Fault> {
        let Unit::Inside { value, within } = &self.unit else {
            unreachable!("it stands inside a loop")
        };
        let value = match value {
            Some(value) => Some(run(value, scope, tracer)?),
            None => None,
        };
        let first = value.filter(|value| value.items().is_some());
        let hash = match (self.bucketing, value) {
            (Bucketing::V2, Some(value @ Operand::Str(_))) => self.value_hash(value, scope)?,
            (Bucketing::V3, Some(value)) if first.is_none() => self.value_hash(value, scope)?,
            // In `V2` this looks for the keys also where what stays in the distribution is no entry.
            (_, Some(_)) if first.is_none() => {
                self.short_hash_inside(*within, scope)?;
                None
            }
            _ => self.short_hash_inside(*within, scope)?,
        };
        self.shares.run_computed(hash, first, scope, tracer)
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
