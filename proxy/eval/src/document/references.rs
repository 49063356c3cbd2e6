//! `{"$ref": name}` outside of rules: flagd substitutes it in the text of all flags, so that a variant's
//! value, metadata, all variants of a flag or a whole flag can refer to what stands under `$evaluators`.
//!
//! What names no evaluator, and what would go round in a circle, stays as it is written, there as here.
//! Not so in a rule, which the compiler reads, and in the metadata of the set, which is no flag's.

use serde_json::{Map, Value};

use crate::limits::{MAX_NESTING, MAX_RULE_DEPTH};
use crate::room::{Room, value_bytes};

/// What a reference takes of the room: following one takes time, whatever it refers to.
const REFERENCE_BYTES: usize = size_of::<Value>();

/// What values may refer to, and how much more they may grow by it.
pub(super) struct References<'d> {
    /// `None` where there are none, or they could not be read.
    evaluators: Option<&'d Map<String, Value>>,
    room: Room,
    /// Those that a copy is inside of.
    open: Vec<&'d str>,
}

/// A value with what it refers to in the place of its references.
pub(super) struct Copied {
    pub(super) value: Value,
    /// A reference in it that stays one.
    pub(super) left: Option<Left>,
}

/// A reference that is not substituted.
pub(super) enum Left {
    /// There is no evaluator of this name.
    Unknown(String),
    /// The evaluator of this name refers to itself.
    Cycle(String),
}

/// Why a value is not copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It nests deeper than any document may.
    Deep,
    /// There is no room for it, and for nothing after it.
    Large,
}

impl<'d> References<'d> {
    pub(super) fn new(evaluators: Option<&'d Map<String, Value>>) -> Self {
        Self {
            evaluators: evaluators.filter(|evaluators| !evaluators.is_empty()),
            room: Room::of_a_set(),
            open: Vec::new(),
        }
    }

    /// Whether there was no room for something.
    pub(super) fn are_too_large(&self) -> bool {
        self.room.is_spent()
    }

    /// What a value is once a reference in its place is substituted; not around a circle.
    pub(super) fn follow(&mut self, mut value: &'d Value) -> &'d Value {
        for _ in 0..MAX_RULE_DEPTH {
            let Some((_, target)) = reference(value).and_then(|name| self.evaluator(name)) else {
                break;
            };
            if !self.room.take(REFERENCE_BYTES) {
                break;
            }
            value = target;
        }
        value
    }

    /// A value of its own, with every reference in it substituted.
    pub(super) fn copy(&mut self, value: &'d Value) -> Result<Copied, Unfit> {
        let mut left = None;
        let value = self.copy_at(0, value, &mut left)?;
        Ok(Copied { value, left })
    }

    fn copy_at(
        &mut self,
        depth: usize,
        value: &'d Value,
        left: &mut Option<Left>,
    ) -> Result<Value, Unfit> {
        if depth > MAX_NESTING {
            return Err(Unfit::Deep);
        }
        if let Some(name) = reference(value).filter(|_| self.evaluators.is_some()) {
            match self.evaluator(name) {
                Some((name, target)) if !self.open.contains(&name) => {
                    self.take(REFERENCE_BYTES)?;
                    self.open.push(name);
                    // An evaluator that is nothing but a reference nests no value, and takes the stack.
                    let copy = self.copy_at(depth + 1, target, left);
                    self.open.pop();
                    return copy;
                }
                Some((name, _)) => *left = Some(Left::Cycle(name.to_owned())),
                None => *left = Some(Left::Unknown(name.to_owned())),
            }
        }
        match value {
            Value::Array(items) => {
                self.take(items.len() * size_of::<Value>())?;
                let items = items.iter().map(|item| self.copy_at(depth + 1, item, left));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(members) => {
                let members = members.iter().map(|(key, member)| {
                    self.take(key.len() + size_of::<(String, Value)>())?;
                    Ok((key.clone(), self.copy_at(depth + 1, member, left)?))
                });
                members.collect::<Result<_, _>>().map(Value::Object)
            }
            scalar => {
                self.take(value_bytes(scalar))?;
                Ok(scalar.clone())
            }
        }
    }

    fn evaluator(&self, name: &str) -> Option<(&'d str, &'d Value)> {
        let (name, value) = self.evaluators?.get_key_value(name)?;
        Some((name, value))
    }

    fn take(&mut self, bytes: usize) -> Result<(), Unfit> {
        if self.room.take(bytes) {
            Ok(())
        } else {
            Err(Unfit::Large)
        }
    }
}

/// The name in a reference.
pub(crate) fn reference(value: &Value) -> Option<&str> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.get("$ref")?.as_str()
}
