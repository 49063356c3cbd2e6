//! What an expression gives, and how values of one type count as another.
//!
//! Where the official evaluators differ, these follow `openfeature-flagd-core` 2.0.0, which also
//! differs from JavaScript here:
//!
//! | | here | JavaScript |
//! |---|---|---|
//! | `{"==": [null, 0]}`, `{"==": [null, false]}` | true: null counts as 0 beside a number or boolean | false |
//! | `{"===": [1, true]}`, `{"in": [1, [true]]}` | true: a boolean is a number | false |
//! | `{"===": [[1], [1]]}`, `{"in": [[1], [[1]]]}` | true: arrays and objects by content | false |
//! | the number of `""` | not a number | 0 |
//! | the text of `true` | `True` | `true` |
//! | `{"<": ["a", null]}` | as texts, `null` for null | not a number, so false |
//! | `length` and index of a string | in characters | in UTF-16 units |
//! | `{"%": [-5, 3]}` | 1: the sign of the divisor | -2 |
//! | `{"/": [1, 0]}`, `{"%": [1, 0]}` | an error | infinite, not a number |
//! | `{"max": [true, false]}` | true: a boolean stays one | 1 |
//! | the third argument of `reduce` | a constant, never evaluated | evaluated |
//!
//! A number without a fraction is an integer, whoever wrote it (`10.0`) or computed it (`{"/": [20, 2]}`);
//! Python tells the two apart. Integers are exact as far as 64 bits go; beyond, they are doubles. So is a
//! number that is read from a text, and what is computed of it.

use std::fmt::Write;

use serde_json::Value as Json;

use super::text::{self, SmallText};
use super::{Fault, Steps};
use crate::context::Value;

/// What an expression gives. Borrowed from the rule, the context or the arena of the evaluation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand<'a> {
    /// Null, and what is absent.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string.
    Str(&'a str),
    /// An array or object, or an integer that a double cannot hold.
    Json(&'a Json),
    /// An array that was computed.
    List(&'a [Operand<'a>]),
    /// What `reduce` looks at, as an object.
    Frame(&'a Frame<'a>),
    /// The whole context.
    Context,
    /// `$flagd` as an object.
    Flagd,
}

/// What `reduce` looks at: an object with these two members.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) current: Operand<'a>,
    pub(crate) accumulator: Operand<'a>,
}

impl<'a> From<Value<'a>> for Operand<'a> {
    #[inline]
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(value) => Self::Number(value),
            Value::Str(value) => Self::Str(value),
            Value::Json(value) => Self::Json(value),
        }
    }
}

impl<'a> From<&'a Json> for Operand<'a> {
    #[inline]
    fn from(json: &'a Json) -> Self {
        match json {
            Json::String(text) => Self::Str(text),
            Json::Null => Self::Null,
            other => Value::from(other).into(),
        }
    }
}

impl<'a> Operand<'a> {
    /// JSONLogic's truth: null, false, 0, `""` and `[]` are not truthy, everything else is.
    #[inline]
    pub(crate) fn truthy(self) -> bool {
        match self {
            Self::Bool(value) => value,
            Self::Null => false,
            Self::Number(value) => value != 0.0 && !value.is_nan(),
            Self::Str(text) => !text.is_empty(),
            Self::Json(Json::Array(items)) => !items.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Json(_) | Self::Frame(_) | Self::Context | Self::Flagd => true,
        }
    }

    /// Whether it is an object.
    pub(crate) fn is_object(self) -> bool {
        match self {
            Self::Json(json) => json.is_object(),
            Self::Frame(_) | Self::Context | Self::Flagd => true,
            _ => false,
        }
    }

    /// The items of an array.
    pub(crate) fn items(self) -> Option<Items<'a>> {
        match self {
            Self::Json(Json::Array(items)) => Some(Items::Json(items)),
            Self::List(items) => Some(Items::List(items)),
            _ => None,
        }
    }

    /// A number or a boolean, as a number.
    pub(crate) fn numeric(self) -> Option<Number> {
        match self {
            Self::Number(value) => Some(Number::Float(value)),
            Self::Bool(value) => Some(Number::Float(f64::from(u8::from(value)))),
            Self::Json(Json::Number(number)) => Some(match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Number::Integer(value.into()),
                (_, Some(value)) => Number::Integer(value.into()),
                _ => Number::Float(number.as_f64().unwrap_or(f64::NAN)),
            }),
            _ => None,
        }
    }

    /// What it counts as, where a number is needed; not a number where it is none.
    #[inline]
    pub(crate) fn to_number(self, steps: &Steps) -> Result<Number, Fault> {
        match self.numeric() {
            Some(number) => Ok(number),
            None => self.read_number(steps),
        }
    }

    /// Of what is neither a number nor a boolean.
    fn read_number(self, steps: &Steps) -> Result<Number, Fault> {
        let alone = self.alone(steps)?;
        let number = alone.to_numeric(steps)?.numeric();
        Ok(match (alone, number) {
            (Self::Str(_), Some(number)) => Number::Inexact(number.to_float()),
            (_, number) => number.unwrap_or(Number::Float(f64::NAN)),
        })
    }

    /// The one item of an array counts as the array, however deep.
    fn alone(mut self, steps: &Steps) -> Result<Self, Fault> {
        while let Some(items) = self.items().filter(|items| items.len() == 1) {
            steps.take(1)?;
            self = items.get(0);
        }
        Ok(self)
    }

    /// The same as an operand, where a boolean stays one.
    pub(crate) fn to_numeric(self, steps: &Steps) -> Result<Self, Fault> {
        let alone = self.alone(steps)?;
        Ok(match alone {
            number if number.numeric().is_some() => number,
            Self::Null => Self::Number(0.0),
            Self::Str(text) => {
                steps.read_number(text)?;
                Self::Number(text::parse_number(text))
            }
            _ if alone.items().is_some_and(|items| items.len() == 0) => Self::Number(0.0),
            _ => Self::Number(f64::NAN),
        })
    }

    /// What it counts as, where a text is needed. Only arrays allocate.
    pub(crate) fn with_text<R>(
        self,
        steps: &Steps,
        read: impl FnOnce(&str) -> R,
    ) -> Result<R, Fault> {
        match self {
            Self::Str(text) => Ok(read(text)),
            Self::Json(Json::Array(_)) | Self::List(_) => {
                let mut text = String::new();
                self.write_text(&mut text, steps)?;
                Ok(read(&text))
            }
            _ => {
                let mut small = SmallText::new();
                self.write_text(&mut small, steps)?;
                Ok(read(small.as_str()))
            }
        }
    }

    /// Writes what it counts as, where a text is needed.
    pub(crate) fn write_text(self, out: &mut impl Write, steps: &Steps) -> Result<(), Fault> {
        self.write_text_at(0, out, steps)
    }

    fn write_text_at(self, depth: usize, out: &mut impl Write, steps: &Steps) -> Result<(), Fault> {
        let written = match self {
            Self::Null => out.write_str("null"),
            Self::Bool(value) => out.write_str(if value { "True" } else { "False" }),
            Self::Number(value) => {
                steps.write_number(value)?;
                text::write_number(value, out)
            }
            Self::Str(text) => {
                steps.copy(text.len())?;
                out.write_str(text)
            }
            Self::Json(Json::Number(number)) => write!(out, "{number}"),
            Self::Json(Json::Object(_)) | Self::Frame(_) | Self::Context | Self::Flagd => {
                out.write_str("[object Object]")
            }
            Self::Json(_) | Self::List(_) => {
                for (index, item) in self.items().into_iter().flatten().enumerate() {
                    if index > 0 {
                        out.write_char(',').expect("there is room");
                    }
                    steps.descend(depth)?;
                    item.write_text_at(depth + 1, out, steps)?;
                }
                Ok(())
            }
        };
        written.expect("a string has room for everything, and a small text for a scalar");
        Ok(())
    }

    /// As JSON, for a constant that was folded. `None` for what only an evaluation can know, and for
    /// what JSON cannot say: infinite, and not a number.
    pub(crate) fn to_json(self) -> Option<Json> {
        Some(match self {
            Self::Null => Json::Null,
            Self::Bool(value) => value.into(),
            Self::Number(value) => Json::Number(serde_json::Number::from_f64(value)?),
            Self::Str(text) => text.into(),
            Self::Json(json) => json.clone(),
            Self::List(items) => Json::Array(
                items
                    .iter()
                    .map(|item| item.to_json())
                    .collect::<Option<_>>()?,
            ),
            Self::Frame(_) | Self::Context | Self::Flagd => return None,
        })
    }
}

/// The items of an array, wherever it came from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Items<'a> {
    Json(&'a [Json]),
    List(&'a [Operand<'a>]),
}

impl<'a> Items<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::List(items) => items.len(),
        }
    }

    /// The item at `index`, which is below the length.
    pub(crate) fn get(self, index: usize) -> Operand<'a> {
        match self {
            Self::Json(items) => Operand::from(&items[index]),
            Self::List(items) => items[index],
        }
    }
}

impl<'a> IntoIterator for Items<'a> {
    type Item = Operand<'a>;
    type IntoIter = ItemsIter<'a>;

    fn into_iter(self) -> ItemsIter<'a> {
        ItemsIter {
            items: self,
            next: 0,
        }
    }
}

/// Iterates over [`Items`].
#[derive(Debug)]
pub(crate) struct ItemsIter<'a> {
    items: Items<'a>,
    next: usize,
}

impl<'a> Iterator for ItemsIter<'a> {
    type Item = Operand<'a>;

    fn next(&mut self) -> Option<Operand<'a>> {
        (self.next < self.items.len()).then(|| {
            self.next += 1;
            self.items.get(self.next - 1)
        })
    }
}

/// A number, without loss.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    /// Where it has no fraction, it counts as an integer.
    Float(f64),
    /// Beyond what a double holds, and within 64 bits.
    Integer(i128),
    /// Read from a text, or computed of that: a double, and what is computed of it is one, too.
    Inexact(f64),
}

impl Number {
    /// The double that is nearest.
    #[allow(clippy::cast_precision_loss)] // That is what it is for.
    pub(crate) fn to_float(self) -> f64 {
        match self {
            Self::Float(value) | Self::Inexact(value) => value,
            Self::Integer(value) => value as f64,
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(std::cmp::Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (*self, *other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (Self::Integer(a), b) => compare_mixed(a, b.to_float()),
            (a, Self::Integer(b)) => {
                compare_mixed(b, a.to_float()).map(std::cmp::Ordering::reverse)
            }
            (a, b) => a.to_float().partial_cmp(&b.to_float()),
        }
    }
}

/// Every integer here is beyond 2^53, where a float has no fraction; and casting one that is too
/// large saturates far beyond every integer here.
fn compare_mixed(integer: i128, float: f64) -> Option<std::cmp::Ordering> {
    #[allow(clippy::cast_possible_truncation)]
    (!float.is_nan()).then(|| integer.cmp(&(float as i128)))
}
