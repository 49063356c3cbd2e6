//! What a scalar says, by the core schema of YAML 1.2.

use std::borrow::Cow;

use saphyr_parser::{ScalarStyle, Tag};
use serde_json::{Number, Value};

use super::refuse;
use crate::operator::shorten;
use crate::text::{Location, SyntaxError, too_large_number, wrong};

pub(super) fn check_tag(
    tag: Option<&Tag>,
    expected: &str,
    at: Location,
) -> Result<(), SyntaxError> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == expected) => refuse(
            at,
            wrong(
                format!("the tag {} is not one of YAML's core schema", shown(tag)),
                "remove it",
            ),
        ),
        _ => Ok(()),
    }
}

pub(super) fn resolve(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: Location,
) -> Result<Value, SyntaxError> {
    let Some(tag) = tag else {
        return if style == ScalarStyle::Plain {
            plain(text, at)
        } else {
            Ok(Value::String(text.into_owned()))
        };
    };
    // The non-specific tag `!` says: not a plain scalar.
    let text_wanted = tag.is_yaml_core_schema() && tag.suffix == "str"
        || tag.handle.is_empty() && tag.suffix == "!";
    if text_wanted {
        return Ok(Value::String(text.into_owned()));
    }
    let value = plain(text, at)?;
    let fits = tag.is_yaml_core_schema()
        && match tag.suffix.as_str() {
            "null" => value.is_null(),
            "bool" => value.is_boolean(),
            "int" => value.is_i64() || value.is_u64(),
            "float" => value.is_number(),
            _ => false,
        };
    if fits {
        Ok(value)
    } else {
        refuse(
            at,
            wrong(
                format!("the tag {} does not fit this value", shown(tag)),
                "remove it",
            ),
        )
    }
}

/// A directive can make a tag of one character as long as the text.
fn shown(tag: &Tag) -> String {
    shorten(&tag.to_string())
}

/// A plain scalar in the core schema (YAML 1.2.2, section 10.3.2).
fn plain(text: Cow<'_, str>, at: Location) -> Result<Value, SyntaxError> {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(&text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(&*text, ".nan" | ".NaN" | ".NAN") {
        return refuse(
            at,
            wrong(
                format!("{text} is not a number that JSON can say"),
                "write a finite one",
            ),
        );
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Ok(Value::String(text.into_owned()));
    }
    if !is_number(&text, unsigned) {
        return Ok(Value::String(text.into_owned()));
    }
    match number(&text) {
        Some(number) => Ok(Value::Number(number)),
        None => refuse(at, too_large_number(&text)),
    }
}

/// What a scalar without quotes and tag says; `None` where that is nothing that can be read.
pub(crate) fn plain_scalar(text: &str) -> Option<Value> {
    plain(Cow::Borrowed(text), Location::START).ok()
}

/// Integers in decimal, octal (`0o`) and hexadecimal (`0x`), and floats. `unsigned` is without sign.
fn is_number(text: &str, unsigned: &str) -> bool {
    let digits = |prefix: &str, radix: u32| {
        text.strip_prefix(prefix)
            .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)))
    };
    is_float(unsigned) || digits("0o", 8) || digits("0x", 16)
}

/// The number that a text says, if anything can hold it.
fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(Number::from);
    }
    let integer = text.strip_prefix('+').unwrap_or(text);
    let unsigned = integer.parse::<u64>().map(Number::from);
    let number = unsigned.or_else(|_| integer.parse::<i64>().map(Number::from));
    // Rust's own syntax of floats is a superset of the core schema's.
    number
        .ok()
        .or_else(|| text.parse().ok().and_then(Number::from_f64))
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    exponent_fits && mantissa_fits
}
