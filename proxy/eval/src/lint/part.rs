//! A rule as authored, part by part, with references seen through.

use serde_json::{Map, Value};

use crate::limits::MAX_RULE_DEPTH;
use crate::pointer::join_pointer;

/// A part of a rule, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Part<'d> {
    pub(super) value: &'d Value,
    /// JSON Pointer into the document.
    pub(super) path: String,
}

impl<'d> Part<'d> {
    /// The operator and its argument, where it is one.
    pub(super) fn operation(&self) -> Option<(&'d str, Part<'d>)> {
        let members = self
            .value
            .as_object()
            .filter(|members| members.len() == 1)?;
        let (operator, argument) = members.iter().next()?;
        let path = join_pointer(&self.path, operator);
        let value = argument;
        Some((operator, Part { value, path }))
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Option<Vec<Part<'d>>> {
        let items = self.value.as_array()?.iter().enumerate();
        let part = |(index, value)| Part {
            value,
            path: format!("{}/{index}", self.path),
        };
        Some(items.map(part).collect())
    }

    /// Whether it is a constant as it stands: no operator, and no list that holds one.
    pub(super) fn is_plain(&self) -> bool {
        is_plain(self.value)
    }
}

pub(super) fn is_plain(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(items) => items.iter().all(is_plain),
        _ => true,
    }
}

/// What `$ref` refers to.
#[derive(Clone, Copy)]
pub(super) struct Evaluators<'d>(&'d Map<String, Value>);

impl<'d> Evaluators<'d> {
    pub(super) fn new(evaluators: &'d Map<String, Value>) -> Self {
        Self(evaluators)
    }

    pub(super) fn all(self) -> &'d Map<String, Value> {
        self.0
    }

    pub(super) fn names(self) -> impl Iterator<Item = &'d str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn get(self, name: &str) -> Option<&'d Value> {
        self.0.get(name)
    }

    /// The evaluator of this name, and its name as the document has it.
    pub(super) fn part(self, name: &str) -> Option<(&'d str, Part<'d>)> {
        let (name, value) = self.0.get_key_value(name)?;
        let path = join_pointer("/$evaluators", name);
        Some((name, Part { value, path }))
    }

    /// What a part is once a reference in its place is substituted; not around a cycle.
    pub(super) fn follow(self, part: &Part<'d>) -> Part<'d> {
        let mut part = part.clone();
        for _ in 0..MAX_RULE_DEPTH {
            let Some(("$ref", name)) = part.operation() else {
                break;
            };
            match name.value.as_str().and_then(|name| self.part(name)) {
                Some((_, target)) => part = target,
                None => break,
            }
        }
        part
    }

    /// The arguments of an operator: one that stands alone is a list of one, unless it refers to a list.
    pub(super) fn arguments(self, argument: &Part<'d>) -> Vec<Part<'d>> {
        self.follow(argument)
            .items()
            .unwrap_or_else(|| vec![argument.clone()])
    }
}
