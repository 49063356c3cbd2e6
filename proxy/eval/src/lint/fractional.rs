//! `fractional`: distributions that give nobody anything, or everybody the same.

use std::borrow::Cow;

use serde_json::Value;

use super::part::Part;
use super::walk::{Outcome, Walk};
use crate::bucketing::MAX_TOTAL_WEIGHT;
use crate::code;
use crate::operator::shorten;
use crate::problem::{Problem, Severity};

/// What a weight that is written down counts as.
enum Weight {
    Counts(u64),
    Negative,
    Invalid,
}

impl Weight {
    fn of(value: &Value) -> Self {
        match value {
            Value::Number(number) => match (number.as_u64(), number.as_f64()) {
                (Some(weight), _) => Self::Counts(weight),
                (None, Some(weight)) if weight.fract() != 0.0 => Self::Invalid,
                (None, Some(weight)) if weight < 0.0 => Self::Negative,
                // Beyond any total, or a float such as 10.0.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "saturates, which is as far beyond the largest total"
                )]
                (None, Some(weight)) => Self::Counts(weight as u64),
                (None, None) => Self::Invalid,
            },
            _ => Self::Invalid,
        }
    }
}

impl<'d> Walk<'d, '_> {
    /// `part` is the operator with its arguments.
    pub(super) fn fractional(&mut self, part: &Part<'d>, arguments: &[Part<'d>]) -> Outcome<'d> {
        let mut entries = arguments;
        match arguments {
            [value, rest @ ..] if !self.evaluators.follow(value).value.is_array() => {
                self.bucketing_value(value);
                entries = rest;
            }
            _ => self.reads_targeting_key(part),
        }
        let mut total = Some(0_u64);
        for entry in entries {
            let weight = self.entry(entry);
            total = total
                .zip(weight)
                .map(|(total, weight)| total.saturating_add(weight));
        }
        self.total(&format!("{}/fractional", part.path), total);
        Outcome::UNKNOWN
    }

    fn bucketing_value(&mut self, value: &Part<'d>) {
        let Some(constant) = self.examine(value).value else {
            return;
        };
        // What a constant gives depends on the bucketing, which an evaluator does not know: `v2` has
        // nobody in any share for what is no text.
        let message = if constant.is_null() {
            "the bucketing value is null: nobody gets a variant"
        } else {
            "the bucketing value is constant: it tells no user from another"
        };
        let problem = Problem::new(Severity::Warning, value.path.as_str(), message);
        self.report(problem.code(code::CONSTANT_BUCKETING_VALUE).help(
            "remove it to split by the targeting key, or name what to split by, such as `{ var: company }`",
        ));
    }

    fn total(&mut self, path: &str, total: Option<u64>) {
        let problem = |message: String| Problem::new(Severity::Mistake, path, message);
        match total {
            Some(0) => {
                let problem =
                    problem("the weights sum to 0, so that nobody gets a variant".to_owned());
                self.report(
                    problem
                        .code(code::NO_WEIGHT)
                        .help("give an entry a weight above 0"),
                );
            }
            Some(total) if total > u64::from(MAX_TOTAL_WEIGHT) => {
                let message = format!(
                    "the weights sum to more than {MAX_TOTAL_WEIGHT}, so that nobody gets a variant"
                );
                let help = "divide all of them by the same number";
                self.report(problem(message).code(code::EXCESSIVE_WEIGHT).help(help));
            }
            _ => {}
        }
    }

    /// Walks over an entry, and gives its weight; `None` where that is computed, or reported.
    fn entry(&mut self, entry: &Part<'d>) -> Option<u64> {
        let invalid = |path: &str, message: String| {
            let problem = Problem::new(Severity::Mistake, path, message);
            problem
                .code(code::INVALID_ENTRY)
                .help("write [variant, weight]")
        };
        let followed = self.evaluators.follow(entry);
        let Some(items) = followed.items() else {
            self.examine(entry);
            if !followed.value.is_object() {
                let message = format!("{} is no entry of a distribution", shown(followed.value));
                self.report(invalid(&entry.path, message));
            }
            return None;
        };
        let (outcomes, weight) = match &*items {
            [variant] => {
                self.examine(variant);
                return Some(1);
            }
            [_, weight] => (self.examine_all(&items), weight),
            items => {
                self.examine_all(items);
                let message = format!(
                    "an entry of a distribution has a variant and a weight, and this list has {} items",
                    items.len()
                );
                self.report(invalid(&followed.path, message));
                return None;
            }
        };
        let value = outcomes[1].value.clone()?;
        match Weight::of(&value) {
            Weight::Counts(weight) => Some(weight),
            Weight::Negative => {
                let message = format!("the weight {value} is negative, and counts as 0");
                let problem = Problem::new(Severity::Warning, weight.path.as_str(), message);
                self.report(
                    problem
                        .code(code::NEGATIVE_WEIGHT)
                        .help("write 0, or remove the entry"),
                );
                Some(0)
            }
            Weight::Invalid => {
                let message = format!(
                    "the weight {} is not an integer, so that nobody gets a variant",
                    shown(&value)
                );
                let problem = Problem::new(Severity::Mistake, weight.path.as_str(), message);
                self.report(problem.code(code::INVALID_WEIGHT).help(weight_help(&value)));
                None
            }
        }
    }
}

fn weight_help(value: &Value) -> String {
    match value {
        Value::String(text) if text.trim().parse::<u32>().is_ok() => {
            format!("remove the quotes: {}", text.trim())
        }
        Value::Number(_) => "multiply all weights by the same number, such as 10 or 100".to_owned(),
        _ => "write a whole number, such as 50".to_owned(),
    }
}

fn shown(value: &Value) -> Cow<'_, str> {
    Cow::Owned(shorten(&value.to_string()))
}
