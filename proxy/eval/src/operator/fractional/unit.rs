//! What `fractional` hashes for a user.

use bumpalo::collections::String as ArenaString;
use serde_json::Value as Json;

use super::super::encode::encode;
use super::super::{Expr, Fault, Op, Operand, Scope, Tracer, Within, run};
use crate::bucketing::{Bucketing, Murmur};
use crate::context::TARGETING_KEY;

/// A bucketing value that is joined of at most so many parts is hashed without being made.
const FEW_PARTS: usize = 8;

/// What is hashed.
#[derive(Debug)]
pub(super) struct Unit {
    bucketing: Bucketing,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Flag key and targeting key; everything before the targeting key is hashed already.
    Short(Murmur),
    /// Something else, aside, so that the most frequent kind is quick to tell.
    Other(Box<Other>),
}

#[derive(Debug)]
enum Other {
    /// The first argument, unless it turns out to be an array: then that is the first entry, and
    /// the short form is used.
    Value { value: Expr, short: Murmur },
    /// The first argument joins texts, as bucketing values mostly do.
    Joined { cat: Expr, leading: Leading },
    /// The first argument and the short form inside a loop, where the latter looks for both keys in
    /// the item.
    Inside { value: Option<Expr>, within: Within },
}

/// The constant texts that a joined bucketing value begins with, hashed for `V2`. (In `V3` the length of
/// the whole comes first, which is not constant.)
#[derive(Debug)]
struct Leading {
    parts: usize,
    murmur: Murmur,
}

/// A hash, where there is something to hash, and the first argument where that is the first entry.
type Found<'a> = (Option<u32>, Option<Operand<'a>>);

impl Unit {
    /// `value` is the first argument, unless that is an entry.
    pub(super) fn new(
        flag_key: &str,
        bucketing: Bucketing,
        within: Within,
        value: Option<Expr>,
    ) -> Self {
        let short = short_prefix(flag_key, bucketing);
        let kind = match (within, value) {
            (Within::Context, None) => Kind::Short(short),
            (Within::Context, Some(value)) => Kind::Other(Box::new(Other::new(value, short))),
            (within, value) => Kind::Other(Box::new(Other::Inside { value, within })),
        };
        Self { bucketing, kind }
    }

    /// Whether the targeting key of the context can be read.
    pub(super) fn reads_targeting_key(&self) -> bool {
        match &self.kind {
            Kind::Short(_) => true,
            Kind::Other(other) => match &**other {
                Other::Value { value, .. } => !matches!(value.op, Op::Literal(_)),
                // Only an array makes it look for the short form, and a text is none.
                Other::Joined { .. } | Other::Inside { .. } => false,
            },
        }
    }

    /// Whether it can end in a fault where no argument does.
    pub(super) fn fallible(&self) -> bool {
        matches!(&self.kind, Kind::Other(other) if matches!(**other, Other::Inside { .. }))
    }

    pub(super) fn children(&self, see: &mut impl FnMut(&Expr)) {
        if let Kind::Other(other) = &self.kind {
            match &**other {
                Other::Value { value, .. } | Other::Joined { cat: value, .. } => see(value),
                Other::Inside { value, .. } => value.iter().for_each(see),
            }
        }
    }

    #[inline]
    pub(super) fn hash<'a, T: Tracer>(
        &'a self,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Found<'a>, Fault> {
        match &self.kind {
            Kind::Short(prefix) => Ok((self.short_hash(prefix, scope)?, None)),
            Kind::Other(other) => self.other_hash(other, scope, tracer),
        }
    }

    /// Why there is nothing to hash, for people; `first` as [`Unit::hash`] found it.
    pub(super) fn without_hash(&self, first: Option<Operand<'_>>) -> String {
        let why = match &self.kind {
            Kind::Short(_) => "there is no targeting key",
            Kind::Other(_) if first.is_some() => "there is no targeting key",
            Kind::Other(other) => match (&**other, self.bucketing) {
                (Other::Inside { value: None, .. }, _) => "there is no targeting key in the item",
                (_, Bucketing::V2) => "the first argument is neither a text to hash nor an entry",
                (_, Bucketing::V3) => "the bucketing value is null",
            },
        };
        why.to_owned()
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

    #[inline(never)]
    fn other_hash<'a, T: Tracer>(
        &'a self,
        other: &'a Other,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Found<'a>, Fault> {
        Ok(match other {
            Other::Joined { cat, leading } => {
                (self.joined_hash(cat, leading, scope, tracer)?, None)
            }
            Other::Value { value, short } => match run(value, scope, tracer)? {
                // Apart, for a value that is moved on costs as much as a short hash.
                Operand::Str(text) => (self.text_hash(text, scope)?, None),
                value if value.items().is_some() => (self.short_hash(short, scope)?, Some(value)),
                value => (self.value_hash(value, scope)?, None),
            },
            Other::Inside { value, within } => {
                self.hash_inside(value.as_ref(), *within, scope, tracer)?
            }
        })
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
                return self.text_hash(joined.into_bump_str(), scope);
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

    #[inline(never)]
    fn hash_inside<'a, T: Tracer>(
        &'a self,
        value: Option<&'a Expr>,
        within: Within,
        scope: &Scope<'a>,
        tracer: &mut T,
    ) -> Result<Found<'a>, Fault> {
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

impl Other {
    fn new(value: Expr, short: Murmur) -> Self {
        match &value.op {
            Op::Cat(parts) if parts.len() <= FEW_PARTS => Self::Joined {
                leading: Leading::new(parts),
                cat: value,
            },
            _ => Self::Value { value, short },
        }
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
