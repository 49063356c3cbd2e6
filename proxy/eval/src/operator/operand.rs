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

use std::borrow::Cow;

use serde_json::Value as Json;

use super::text::{self, SmallText};
use crate::context::{Value, walk};

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
    /// The whole context.
    Context,
    /// `$flagd` as an object.
    Flagd,
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
            Self::Json(_) | Self::Context | Self::Flagd => true,
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
    pub(crate) fn to_number(self) -> Number {
        if let Some(number) = self.numeric() {
            return number;
        }
        match self {
            Self::Null => Number::Float(0.0),
            Self::Str(text) => Number::Float(text::parse_number(text)),
            _ => match self.items() {
                Some(items) if items.len() == 0 => Number::Float(0.0),
                Some(items) if items.len() == 1 => items.get(0).to_number(),
                _ => Number::Float(f64::NAN),
            },
        }
    }

    /// What it counts as, where a text is needed. Only arrays allocate.
    pub(crate) fn with_text<R>(self, read: impl FnOnce(&str) -> R) -> R {
        match self {
            Self::Str(text) => read(text),
            Self::Json(Json::Array(_)) | Self::List(_) => read(&self.to_text()),
            _ => {
                let mut small = SmallText::new();
                self.write_text(&mut small).expect("scalars fit");
                read(small.as_str())
            }
        }
    }

    /// What it counts as, where a text is needed.
    pub(crate) fn to_text(self) -> Cow<'a, str> {
        if let Self::Str(text) = self {
            return Cow::Borrowed(text);
        }
        let mut text = String::new();
        self.write_text(&mut text)
            .expect("writing to a String does not fail");
        Cow::Owned(text)
    }

    fn write_text(self, out: &mut impl std::fmt::Write) -> std::fmt::Result {
        match self {
            Self::Null => out.write_str("null"),
            Self::Bool(value) => out.write_str(if value { "True" } else { "False" }),
            Self::Number(value) => text::write_number(value, out),
            Self::Str(text) => out.write_str(text),
            Self::Json(Json::Number(number)) => write!(out, "{number}"),
            Self::Json(Json::Object(_)) | Self::Context | Self::Flagd => {
                out.write_str("[object Object]")
            }
            Self::Json(_) | Self::List(_) => {
                for (index, item) in self.items().into_iter().flatten().enumerate() {
                    if index > 0 {
                        out.write_char(',')?;
                    }
                    item.write_text(out)?;
                }
                Ok(())
            }
        }
    }

    /// What a dotted path finds inside it.
    pub(crate) fn walk(self, path: &str) -> Self {
        match self {
            Self::Str(text) => walk(Value::Str(text), path).into(),
            Self::Json(json) => walk(Value::Json(json), path).into(),
            _ => Self::Null,
        }
    }

    /// As JSON, for a constant that was folded. `None` for what only an evaluation can know.
    pub(crate) fn to_json(self) -> Option<Json> {
        Some(match self {
            Self::Null => Json::Null,
            Self::Bool(value) => value.into(),
            Self::Number(value) => value.into(),
            Self::Str(text) => text.into(),
            Self::Json(json) => json.clone(),
            Self::List(items) => Json::Array(
                items
                    .iter()
                    .map(|item| item.to_json())
                    .collect::<Option<_>>()?,
            ),
            Self::Context | Self::Flagd => return None,
        })
    }

    /// For people: as compact JSON, shortened.
    pub(crate) fn shown(self) -> String {
        match self {
            Self::Context => "the context".to_owned(),
            Self::Flagd => "$flagd".to_owned(),
            Self::Number(value) => {
                let mut text = SmallText::new();
                text::write_number(value, &mut text).expect("numbers fit");
                text.as_str().to_owned()
            }
            other => other
                .to_json()
                .map_or_else(String::new, |json| shorten(&json.to_string())),
        }
    }
}

/// Characters that an expression or a value is shown with.
const SHOWN_CHARACTERS: usize = 160;

/// The first characters of a long text, for people.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
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
    Float(f64),
    /// Beyond what a double holds.
    Integer(i128),
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(std::cmp::Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (*self, *other) {
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b),
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (Self::Integer(a), Self::Float(b)) => compare_mixed(a, b),
            (Self::Float(a), Self::Integer(b)) => {
                compare_mixed(b, a).map(std::cmp::Ordering::reverse)
            }
        }
    }
}

/// Every integer here is beyond 2^53, where a float has no fraction; and casting one that is too
/// large saturates far beyond every integer here.
fn compare_mixed(integer: i128, float: f64) -> Option<std::cmp::Ordering> {
    #[allow(clippy::cast_possible_truncation)]
    (!float.is_nan()).then(|| integer.cmp(&(float as i128)))
}
