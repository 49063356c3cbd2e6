//! What a walk may read, and what `var` finds in it.

use std::cell::Cell;

use bumpalo::Bump;
use serde_json::Value as Json;

#[cfg(doc)]
use super::operand::Frame;
use super::operand::Number;
use super::{Fault, Operand, Steps};
use crate::context::{AttributeId, Context, TARGETING_KEY, Value, character, index, length};

/// What a walk may read. Nothing else exists for it.
pub(crate) struct Scope<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) flag_key: &'a str,
    /// Unix seconds.
    pub(super) now: u64,
    /// Holds arrays and texts that are computed; takes no memory before the first of them.
    pub(super) arena: &'a Bump,
    pub(super) steps: Steps,
    /// The item that the innermost loop has come to; a `reduce` has a [`Frame`] around it. Only what
    /// stands in a loop reads it.
    pub(super) item: Cell<Operand<'a>>,
}

/// What `var` looks into: never further out, for JSONLogic has no way to name that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Within {
    /// The context.
    Context,
    /// The item that the innermost loop has come to.
    Item,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        context: &'a Context<'a>,
        flag_key: &'a str,
        now: u64,
        arena: &'a Bump,
    ) -> Self {
        Self {
            context,
            flag_key,
            now,
            arena,
            steps: Steps::new(),
            item: Cell::new(Operand::Null),
        }
    }

    /// How many steps the evaluation has taken.
    pub(crate) fn steps_taken(&self) -> usize {
        self.steps.taken()
    }

    /// All of what `var` looks into.
    pub(super) fn data(&self, within: Within) -> Operand<'a> {
        match within {
            Within::Context => Operand::Context,
            Within::Item => self.item.get(),
        }
    }

    /// A new array, of nulls for the time being.
    pub(super) fn list(&self, length: usize) -> &'a mut [Operand<'a>] {
        self.arena.alloc_slice_fill_copy(length, Operand::Null)
    }

    /// `$flagd.timestamp`.
    #[allow(clippy::cast_precision_loss)] // Seconds reach 2^53 in 285 million years.
    pub(super) fn timestamp(&self) -> Operand<'a> {
        Operand::Number(self.now as f64)
    }

    /// A member of an object; `None` where it is absent, and for what is no object.
    pub(super) fn member(&self, object: Operand<'a>, key: &str) -> Option<Operand<'a>> {
        match (object, key) {
            (Operand::Json(Json::Object(members)), _) => members.get(key).map(Operand::from),
            (Operand::Frame(frame), "current") => Some(frame.current),
            (Operand::Frame(frame), "accumulator") => Some(frame.accumulator),
            (Operand::Flagd, "flagKey") => Some(Operand::Str(self.flag_key)),
            (Operand::Flagd, "timestamp") => Some(self.timestamp()),
            (Operand::Context, TARGETING_KEY) => {
                Some(self.context.get(AttributeId::TARGETING_KEY).into())
            }
            (Operand::Context, "$flagd") => Some(Operand::Flagd),
            (Operand::Context, _) => self.context.tree()?.get(key).map(Operand::from),
            _ => None,
        }
    }

    /// The members of an object, in any order; of what is no object, none.
    pub(super) fn members(
        &self,
        object: Operand<'a>,
    ) -> impl Iterator<Item = (&'a str, Operand<'a>)> + use<'a> {
        let is_context = matches!(object, Operand::Context);
        let (members, own) = match object {
            Operand::Json(Json::Object(members)) => (Some(members), &[][..]),
            Operand::Context => (self.context.tree(), &[TARGETING_KEY, "$flagd"][..]),
            Operand::Frame(_) => (None, &["current", "accumulator"][..]),
            Operand::Flagd => (None, &["flagKey", "timestamp"][..]),
            _ => (None, &[][..]),
        };
        let own_value =
            |key: &'static str| (key, self.member(object, key).unwrap_or(Operand::Null));
        let own = [own.first(), own.get(1)].map(|key| key.map(|key| own_value(key)));
        members
            .into_iter()
            .flatten()
            // flagd puts its own in their place.
            .filter(move |(key, _)| !is_context || (*key != TARGETING_KEY && *key != "$flagd"))
            .map(|(key, value)| (key.as_str(), value.into()))
            .chain(own.into_iter().flatten())
    }

    /// What `var` finds in `data` for a key of any type; `None` where it gives its default.
    pub(super) fn find(
        &self,
        data: Operand<'a>,
        key: Operand<'_>,
    ) -> Result<Option<Operand<'a>>, Fault> {
        if matches!(key, Operand::Null | Operand::Str("")) {
            return Ok(Some(data));
        }
        if let Some(number) = key.numeric() {
            return self.at(data, number);
        }
        let found = key.with_text(&self.steps, |path| self.walk(data, path))??;
        Ok(Some(found).filter(|found| !matches!(found, Operand::Null)))
    }

    /// The item of an array or the character of a string. A null in an array is found: it does not
    /// give way to a default.
    pub(super) fn at(
        &self,
        data: Operand<'a>,
        number: Number,
    ) -> Result<Option<Operand<'a>>, Fault> {
        let number = number.to_float();
        let items = data.items();
        if items.is_none() && !matches!(data, Operand::Str(_)) {
            return Ok(None);
        }
        if number.is_infinite() {
            return Err(Fault::Infinite);
        }
        if number.is_nan() || number.fract() != 0.0 || number < 0.0 {
            return Ok(None);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Checked; saturates.
        let at = number as usize;
        Ok(match (items, data) {
            (Some(items), _) => (at < items.len()).then(|| items.get(at)),
            (None, Operand::Str(text)) => {
                self.steps.scan(text.len())?;
                character(text, at).map(Operand::Str)
            }
            _ => None,
        })
    }

    /// What a dotted path finds inside a value: members of objects, items of arrays and characters
    /// of strings by index, and the `length` of both. A path ends at a `length`, whatever follows.
    pub(super) fn walk(&self, mut data: Operand<'a>, path: &str) -> Result<Operand<'a>, Fault> {
        for part in path.split('.') {
            self.steps.take(1)?;
            data = match (data, data.items()) {
                (Operand::Str(text), _) => {
                    self.steps.scan(text.len())?;
                    if part == "length" {
                        return Ok(length(text.chars().count()).into());
                    }
                    index(part)
                        .and_then(|at| character(text, at))
                        .map_or(Operand::Null, Operand::Str)
                }
                (_, Some(items)) if part == "length" => return Ok(length(items.len()).into()),
                (_, Some(items)) => index(part)
                    .filter(|at| *at < items.len())
                    .map_or(Operand::Null, |at| items.get(at)),
                _ => self.member(data, part).unwrap_or(Operand::Null),
            };
            if matches!(data, Operand::Null) {
                break;
            }
        }
        Ok(data)
    }
}

/// What a dotted path finds inside a constant string.
pub(super) fn walk_text<'t>(text: &'t str, path: &str) -> Operand<'t> {
    crate::context::walk(Value::Str(text), path).into()
}
