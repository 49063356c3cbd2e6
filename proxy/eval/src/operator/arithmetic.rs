//! `+`, `-`, `*`, `/`, `%`, `min` and `max`.
//!
//! Integers are exact as far as 64 bits go. Where one operand or the result is no such integer, or one
//! operand is read from a text, they are doubles. Nothing overflows: what is too large is infinite.

use serde_json::Value as Json;

use super::operand::Number;
use super::{Expr, Fault, Operand, Scope, Tracer, run};
use crate::context::MAX_SAFE_INTEGER;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// `+`: of nothing, 0.
    Add,
    /// `*`: of nothing, 1.
    Multiply,
    /// `-`: of two; without a second, or where that is null, the negative of the first.
    Subtract,
    /// `/`: of two.
    Divide,
    /// `%`: of two; it has the sign of the divisor.
    Remainder,
    /// `min`: of nothing, not a number.
    Least,
    /// `max`: of nothing, not a number.
    Greatest,
}

impl Arithmetic {
    /// How many arguments it has, where it is a fixed number: others are ignored, and those that are
    /// not there are null.
    pub(super) fn arguments(self) -> Option<usize> {
        match self {
            Self::Subtract | Self::Divide | Self::Remainder => Some(2),
            Self::Add | Self::Multiply | Self::Least | Self::Greatest => None,
        }
    }

    /// Whether it can end in a fault.
    pub(super) fn fallible(self) -> bool {
        matches!(self, Self::Divide | Self::Remainder)
    }
}

pub(super) fn arithmetic<'a, T: Tracer>(
    operation: Arithmetic,
    of: &'a [Expr],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    match operation {
        Arithmetic::Add => accumulate(Number::Integer(0), add, of, scope, tracer),
        Arithmetic::Multiply => accumulate(Number::Integer(1), multiply, of, scope, tracer),
        Arithmetic::Least => extreme(|other, best| other < best, of, scope, tracer),
        Arithmetic::Greatest => extreme(|other, best| other > best, of, scope, tracer),
        Arithmetic::Subtract | Arithmetic::Divide | Arithmetic::Remainder => {
            let [a, b] = of else {
                unreachable!("it is compiled with two arguments")
            };
            let (a, b) = (run(a, scope, tracer)?, run(b, scope, tracer)?);
            let first = a.to_number(&scope.steps)?;
            let second = b.to_number(&scope.steps)?;
            let result = match operation {
                Arithmetic::Divide => divide(first, second)?,
                Arithmetic::Remainder => remainder(first, second)?,
                _ if matches!(b, Operand::Null) => negate(first),
                _ => subtract(first, second),
            };
            Ok(operand(result, scope))
        }
    }
}

fn accumulate<'a, T: Tracer>(
    mut total: Number,
    combine: impl Fn(Number, Number) -> Number,
    of: &'a [Expr],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    for expr in of {
        let number = run(expr, scope, tracer)?.to_number(&scope.steps)?;
        total = combine(total, number);
    }
    Ok(operand(total, scope))
}

/// The first of those that none other is better than. What is not a number is better than nothing,
/// and nothing is better than it.
fn extreme<'a, T: Tracer>(
    better: impl Fn(Number, Number) -> bool,
    of: &'a [Expr],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    let mut best: Option<(Operand<'a>, Number)> = None;
    for expr in of {
        let operand = run(expr, scope, tracer)?.to_numeric(&scope.steps)?;
        let number = operand.numeric().unwrap_or(Number::Float(f64::NAN));
        if best.is_none_or(|(_, best)| better(number, best)) {
            best = Some((operand, number));
        }
    }
    Ok(best.map_or(Operand::Number(f64::NAN), |(operand, _)| operand))
}

fn operand<'a>(number: Number, scope: &Scope<'a>) -> Operand<'a> {
    match number.normal() {
        Number::Float(value) | Number::Inexact(value) => Operand::Number(value),
        Number::Integer(value) => {
            let number = match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => value.into(),
                (_, Ok(value)) => value.into(),
                _ => unreachable!("a normal integer has 64 bits"),
            };
            Operand::Json(scope.arena.alloc(Json::Number(number)))
        }
    }
}

impl Number {
    /// As an integer of 64 bits, where it is one. -0 is none, for no integer has that sign.
    fn to_integer(self) -> Option<i128> {
        match self {
            Self::Integer(value) => Some(value),
            Self::Inexact(_) => None,
            Self::Float(value) => {
                let negative_zero = value == 0.0 && value.is_sign_negative();
                #[allow(clippy::cast_possible_truncation)] // Integral and in range.
                let integer = (value.fract() == 0.0 && !negative_zero).then_some(value as i128);
                integer.filter(|integer| is_safe(*integer))
            }
        }
    }

    /// The same number in the form in which operands hold it: a double where that loses nothing, or
    /// where 64 bits do not suffice.
    #[allow(clippy::cast_precision_loss)] // Beyond 64 bits the nearest double is the promise.
    fn normal(self) -> Self {
        const BITS_64: std::ops::RangeInclusive<i128> = (i64::MIN as i128)..=(u64::MAX as i128);
        match self {
            Self::Integer(value) if is_safe(value) => Self::Float(value as f64),
            Self::Integer(value) if !BITS_64.contains(&value) => Self::Float(value as f64),
            other => other,
        }
    }

    fn is_inexact(self) -> bool {
        matches!(self, Self::Inexact(_))
    }
}

/// Whether a double holds it without loss, and no other integer beside it.
fn is_safe(integer: i128) -> bool {
    integer.unsigned_abs() <= MAX_SAFE_INTEGER.into()
}

/// Of two integers exactly, where that is possible; otherwise of two doubles.
fn combine(
    a: Number,
    b: Number,
    exact: impl FnOnce(i128, i128) -> Option<i128>,
    rounded: impl FnOnce(f64, f64) -> f64,
) -> Number {
    let exact = a
        .to_integer()
        .zip(b.to_integer())
        .and_then(|(a, b)| exact(a, b));
    if let Some(result) = exact {
        return Number::Integer(result).normal();
    }
    let result = rounded(a.to_float(), b.to_float());
    if a.is_inexact() || b.is_inexact() {
        Number::Inexact(result)
    } else {
        Number::Float(result)
    }
}

fn add(a: Number, b: Number) -> Number {
    combine(a, b, i128::checked_add, |a, b| a + b)
}

fn subtract(a: Number, b: Number) -> Number {
    combine(a, b, i128::checked_sub, |a, b| a - b)
}

fn multiply(a: Number, b: Number) -> Number {
    combine(a, b, i128::checked_mul, |a, b| a * b)
}

fn negate(number: Number) -> Number {
    match number.to_integer() {
        Some(value) => Number::Integer(-value).normal(),
        None => Number::Float(-number.to_float()),
    }
}

fn divide(a: Number, b: Number) -> Result<Number, Fault> {
    if b.to_float() == 0.0 {
        return Err(Fault::DivisionByZero);
    }
    Ok(Number::Float(match (a, b) {
        (Number::Float(a), Number::Float(b)) => a / b,
        _ => match (a.to_integer(), b.to_integer()) {
            (Some(a), Some(b)) => ratio(a, b),
            _ => a.to_float() / b.to_float(),
        },
    }))
}

/// The double nearest to `a / b`, of integers of 64 bits that a double may not hold: the first 64 bits
/// of the quotient, and one that says whether others follow.
#[allow(clippy::cast_precision_loss)] // That rounds, once.
fn ratio(a: i128, b: i128) -> f64 {
    let (numerator, denominator) = (a.unsigned_abs(), b.unsigned_abs());
    let shift = numerator.leading_zeros().min(127);
    let shifted = numerator << shift;
    let more = !shifted.is_multiple_of(denominator);
    let quotient = ((shifted / denominator) | u128::from(more)) as f64;
    let scale = f64::from_bits(u64::from(1023 - shift) << 52);
    (quotient * scale).copysign(if (a < 0) == (b < 0) { 1.0 } else { -1.0 })
}

fn remainder(a: Number, b: Number) -> Result<Number, Fault> {
    if b.to_float() == 0.0 {
        return Err(Fault::DivisionByZero);
    }
    Ok(combine(a, b, floored_integer, floored))
}

fn floored_integer(a: i128, b: i128) -> Option<i128> {
    let rest = a.checked_rem(b)?;
    let other_sign = rest != 0 && (rest < 0) != (b < 0);
    Some(if other_sign { rest + b } else { rest })
}

fn floored(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        0.0_f64.copysign(b)
    } else if (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::{Number, ratio, remainder};

    #[test]
    fn a_ratio_is_rounded_once() {
        // From Python 3.11.
        for (a, b, expected) in [
            (-2, -9_007_199_254_740_993, 2.220_446_049_250_312_8e-16),
            (5, 9_007_199_254_740_993, 5.551_115_123_125_782e-16),
            (9_007_199_254_740_993, 1, 9_007_199_254_740_992.0),
            (9_007_199_254_740_995, 1, 9_007_199_254_740_996.0),
            (18_446_744_073_709_551_615, -3, -6.148_914_691_236_517e18),
            (i64::MIN.into(), u64::MAX.into(), -0.5),
            (0, 9_007_199_254_740_993, 0.0),
        ] {
            assert_eq!(ratio(a, b).to_bits(), f64::to_bits(expected), "{a} / {b}");
        }
    }

    #[test]
    fn a_remainder_has_the_sign_of_the_divisor() {
        for (a, b, expected) in [
            (5.0, 3.0, 2.0),
            (-5.0, 3.0, 1.0),
            (5.0, -3.0, -1.0),
            (-5.0, -3.0, -2.0),
            (-1.5, 1.0, 0.5),
            (1.0, f64::INFINITY, 1.0),
            (-1.0, f64::INFINITY, f64::INFINITY),
            (4.0, -2.0, 0.0),
            (4.5, -1.5, -0.0),
        ] {
            let rest = remainder(Number::Float(a), Number::Float(b)).map(Number::to_float);
            let rest = rest.expect("the divisor is not 0");
            assert_eq!(rest.to_bits(), f64::to_bits(expected), "{a} % {b}");
        }
    }
}
