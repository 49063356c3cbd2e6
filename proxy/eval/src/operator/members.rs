//! A long constant list of anything, made for asking whether a value is in it.

use serde_json::Value as Json;

use super::compare::strict_equal;
use super::operand::Number;
use super::strings::MANY;
use super::{Fault, Operand, Scope, Strings};

/// Values to search in, by kind, so that what is compared with each is only what has no order.
#[derive(Debug)]
pub(crate) struct Members {
    strings: Strings,
    /// Sorted. A boolean is a number here, as everywhere in `in`.
    numbers: Box<[f64]>,
    /// Null, arrays, objects, and integers that a double cannot hold.
    others: Box<[Json]>,
}

impl Members {
    /// Whether it pays.
    pub(super) fn pays(items: &[Json]) -> bool {
        items.len() >= MANY
    }

    pub(super) fn new(items: Vec<Json>) -> Self {
        let mut strings = Vec::new();
        let mut numbers = Vec::new();
        let mut others = Vec::new();
        for item in items {
            match (Operand::from(&item), Operand::from(&item).numeric()) {
                (Operand::Str(text), _) => strings.push(text.into()),
                (_, Some(Number::Float(number))) => numbers.push(number),
                _ => others.push(item),
            }
        }
        numbers.sort_by(|a, b| by_value(*a, *b));
        Self {
            strings: Strings::new(strings),
            numbers: numbers.into(),
            others: others.into(),
        }
    }

    /// Whether one of them is strictly equal to this.
    pub(super) fn contain<'a>(
        &'a self,
        needle: Operand<'a>,
        scope: &Scope<'a>,
    ) -> Result<bool, Fault> {
        let among = match (needle, needle.numeric()) {
            (Operand::Str(text), _) => return Ok(self.strings.contains(text)),
            (_, Some(Number::Float(number))) => self
                .numbers
                .binary_search_by(|other| by_value(*other, number))
                .is_ok(),
            // Beyond what a double holds exactly, but it may still be what one of them is.
            (_, Some(number)) => self
                .numbers
                .iter()
                .any(|other| Number::Float(*other) == number),
            _ => false,
        };
        if among {
            return Ok(true);
        }
        for other in &self.others {
            if strict_equal(Operand::from(other), needle, scope)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// In order, where 0 and -0 are one. JSON has no other numbers that `partial_cmp` cannot compare; what
/// is not a number may be asked for, and then is in no list.
fn by_value(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Less)
}
