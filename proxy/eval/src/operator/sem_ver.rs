//! `sem_ver`: two versions compared as Semantic Versioning 2.0.0 orders them.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde_json::Value as Json;

use super::text::SmallText;
use super::{Fault, Operand, Steps};

/// A version, borrowed from its text. Numbers are kept as digits, so none is too large.
#[derive(Clone, Copy)]
struct Version<'t> {
    major: &'t str,
    minor: &'t str,
    patch: &'t str,
    pre_release: Option<&'t str>,
}

/// The result of `sem_ver`, or `None` for null: a version or an operator that is none.
pub(super) fn sem_ver(
    a: Operand<'_>,
    operator: Operand<'_>,
    b: Operand<'_>,
    steps: &Steps,
) -> Result<Option<bool>, Fault> {
    let Operand::Str(operator) = operator else {
        return Ok(None);
    };
    for version in [a, b] {
        if let Operand::Str(text) = version {
            steps.scan(text.len())?;
        }
    }
    Ok(with_text(a, |a| {
        with_text(b, |b| {
            compare(Version::parse(a)?, operator, Version::parse(b)?)
        })
    }))
}

/// Reads what can say a version: a string, or a number by its shortest digits (1.2 is `1.2.0`).
/// Larger numbers are written with an exponent, which no version has.
fn with_text<R>(operand: Operand<'_>, read: impl FnOnce(&str) -> Option<R>) -> Option<R> {
    const FIRST_WITH_EXPONENT: f64 = 1e16;
    let mut digits = SmallText::new();
    match operand {
        Operand::Str(text) => return read(text),
        Operand::Number(number) if number.abs() < FIRST_WITH_EXPONENT => {
            write!(digits, "{number}").ok()?;
        }
        Operand::Json(Json::Number(number)) => write!(digits, "{number}").ok()?,
        _ => return None,
    }
    read(digits.as_str())
}

fn compare(a: Version<'_>, operator: &str, b: Version<'_>) -> Option<bool> {
    Some(match operator {
        "=" => a.cmp(b).is_eq(),
        "!=" => a.cmp(b).is_ne(),
        "<" => a.cmp(b).is_lt(),
        "<=" => a.cmp(b).is_le(),
        ">" => a.cmp(b).is_gt(),
        ">=" => a.cmp(b).is_ge(),
        "^" => a.major == b.major,
        "~" => a.major == b.major && a.minor == b.minor,
        _ => return None,
    })
}

impl<'t> Version<'t> {
    /// A version with an optional leading `v`; a missing minor or patch is 0.
    fn parse(text: &'t str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let end = text.find(['-', '+']).unwrap_or(text.len());
        let (numbers, rest) = text.split_at(end);
        let mut numbers = numbers.split('.');
        let major = numbers.next()?;
        let minor = numbers.next().unwrap_or("0");
        let patch = numbers.next().unwrap_or("0");
        if numbers.next().is_some() || ![major, minor, patch].iter().all(|digits| is_number(digits))
        {
            return None;
        }
        let (rest, build) = match rest.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (rest, None),
        };
        let pre_release = rest.strip_prefix('-');
        let fits = pre_release.is_none_or(|text| text.split('.').all(is_pre_release))
            && build.is_none_or(|text| text.split('.').all(is_identifier));
        fits.then_some(Self {
            major,
            minor,
            patch,
            pre_release,
        })
    }

    fn cmp(self, other: Self) -> Ordering {
        compare_numbers(self.major, other.major)
            .then_with(|| compare_numbers(self.minor, other.minor))
            .then_with(|| compare_numbers(self.patch, other.patch))
            .then_with(|| match (self.pre_release, other.pre_release) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) => compare_pre_releases(a, b),
            })
    }
}

/// `0|[1-9][0-9]*`
fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// An identifier; one of digits alone has no leading zero.
fn is_pre_release(text: &str) -> bool {
    is_identifier(text) && (is_number(text) || !text.bytes().all(|b| b.is_ascii_digit()))
}

/// Digits without leading zeros, as numbers.
fn compare_numbers(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn compare_pre_releases(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let ordering = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
                (true, true) => compare_numbers(a, b),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => a.cmp(b),
            },
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}
