//! The variants of one flag: at least one, each with a name, all of one JSON type once references are
//! substituted.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use serde_json::{Number, Value};

use super::references::{Left, References, Unfit};
use super::{kind, refusal};
use crate::flag::Variant;
use crate::limits::{MAX_NESTING, MAX_VARIANTS};
use crate::pointer::join_pointer;
use crate::problem::{Problem, Problems, Severity};

/// Integers are doubles in some languages, which hold all of them up to here, in both directions.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The variants of the flag at `flag_path`, in order of name.
pub(super) fn decode<'d>(
    value: Option<&'d Value>,
    flag_path: &str,
    references: &mut References<'d>,
    problems: &mut Problems,
) -> Vec<Variant> {
    let path = join_pointer(flag_path, "variants");
    let members = match value {
        Some(Value::Object(members)) if !members.is_empty() => members,
        Some(Value::Object(_)) => {
            problems.push(
                refusal(path, "there are no variants")
                    .help("add a variant, such as `\"on\": true`"),
            );
            return Vec::new();
        }
        Some(other) => {
            problems.push(
                refusal(path, format!("variants are an object, not {}", kind(other)))
                    .help("give each value a name: `\"on\": true`"),
            );
            return Vec::new();
        }
        None => {
            problems.push(refusal(flag_path, "this flag has no variants").help("add `variants`"));
            return Vec::new();
        }
    };
    if members.len() > MAX_VARIANTS {
        problems.push(
            refusal(
                path,
                format!(
                    "there are {} variants, and at most {MAX_VARIANTS} are allowed",
                    members.len()
                ),
            )
            .help("split the flag"),
        );
        return Vec::new();
    }
    let values = members.values().map(|value| references.follow(value));
    let expected = expected_type(values);
    let mut variants = Vec::with_capacity(members.len());
    for (name, value) in members {
        let path = join_pointer(&path, name);
        if name.is_empty() {
            problems.push(refusal(&path, "a variant's name is empty").help("give it a name"));
        }
        variants.push(Variant {
            name: Arc::from(name.as_str()),
            value: decode_value(value, expected, path, references, problems),
        });
    }
    variants.sort_by(|a, b| a.name.cmp(&b.name));
    variants
}

/// The value of a variant; of what does not fit, any: its document is refused.
fn decode_value<'d>(
    value: &'d Value,
    expected: Option<(Discriminant<Value>, &'static str)>,
    path: String,
    references: &mut References<'d>,
    problems: &mut Problems,
) -> Value {
    let copied = match references.copy(value) {
        Ok(copied) => copied,
        Err(Unfit::Large) => return Value::Null,
        Err(Unfit::Deep) => {
            let message =
                format!("with what it refers to, it nests more than {MAX_NESTING} levels deep");
            problems.push(refusal(path, message).help("flatten what it refers to"));
            return Value::Null;
        }
    };
    if let Some(left) = copied.left {
        problems.push(unsubstituted(&left, &path));
    }
    check(&copied.value, expected, path, problems);
    copied.value
}

/// It may be meant: not all that has a member `$ref` means this.
fn unsubstituted(left: &Left, path: &str) -> Problem {
    let why = match left {
        Left::Unknown(name) => format!("there is no evaluator {name:?}"),
        Left::Cycle(name) => format!("the evaluator {name:?} refers to itself"),
    };
    let message = format!("{why}, so that a reference to it is served as it stands");
    Problem::new(Severity::Warning, path, message)
        .help("define it under `$evaluators`, or write the value itself")
}

/// The type of the first variant whose type a flag can have.
fn expected_type<'v>(
    values: impl Iterator<Item = &'v Value>,
) -> Option<(Discriminant<Value>, &'static str)> {
    let mut allowed = values.filter(|value| !matches!(value, Value::Null | Value::Array(_)));
    allowed
        .next()
        .map(|value| (discriminant(value), kind(value)))
}

fn check(
    value: &Value,
    expected: Option<(Discriminant<Value>, &'static str)>,
    path: String,
    problems: &mut Problems,
) {
    if matches!(value, Value::Null | Value::Array(_)) {
        problems.push(
            refusal(path, format!("a variant cannot be {}", kind(value)))
                .help("write a boolean, a string, a number or an object"),
        );
        return;
    }
    if let Some((expected, other)) = expected
        && discriminant(value) != expected
    {
        let message = format!("this variant is {}, and another is {other}", kind(value));
        problems.push(refusal(path, message).help("give all variants of a flag the same type"));
        return;
    }
    if let Value::Number(number) = value
        && !is_safe(number)
    {
        let message = format!("{number} is an integer that not every language holds without loss");
        problems.push(
            Problem::new(Severity::Warning, path, message)
                .help("stay within 2^53 - 1 in both directions, or use strings"),
        );
    }
}

fn is_safe(number: &Number) -> bool {
    let magnitude = number.as_u64().or(number.as_i64().map(i64::unsigned_abs));
    magnitude.is_none_or(|magnitude| magnitude <= MAX_SAFE_INTEGER)
}
