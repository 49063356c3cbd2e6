//! `cat`, `substr` and `merge`: texts and arrays made from others.

use bumpalo::collections::String as ArenaString;

use super::operand::{Items, Number};
use super::{Expr, Fault, Operand, Scope, Tracer, run};

/// The texts of all of these, one after the other.
pub(super) fn cat<'a, T: Tracer>(
    of: &'a [Expr],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    if let [only] = of {
        let only = run(only, scope, tracer)?;
        return text(only, scope).map(Operand::Str);
    }
    let mut parts = ArenaString::new_in(scope.arena);
    for expr in of {
        run(expr, scope, tracer)?.write_text(&mut parts, &scope.steps)?;
    }
    Ok(Operand::Str(parts.into_bump_str()))
}

/// What an operand counts as, where a text is needed.
fn text<'a>(operand: Operand<'a>, scope: &Scope<'a>) -> Result<&'a str, Fault> {
    if let Operand::Str(text) = operand {
        return Ok(text);
    }
    let mut text = ArenaString::new_in(scope.arena);
    operand.write_text(&mut text, &scope.steps)?;
    Ok(text.into_bump_str())
}

/// `substr`: from an index, counted from the end where it is negative, so many characters, or all but
/// so many at the end where that is negative.
pub(super) fn substr<'a, T: Tracer>(
    [of, from, length]: &'a [Expr; 3],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    let of = run(of, scope, tracer)?;
    let from = run(from, scope, tracer)?;
    let length = run(length, scope, tracer)?;
    let text = text(of, scope)?;
    scope.steps.scan(text.len())?;
    let count = text.chars().count();
    let start = start(from.to_number(&scope.steps)?, count)?;
    let end = match length {
        Operand::Null => count,
        length => end(length.to_number(&scope.steps)?, start, count)?,
    };
    let mut places = text.char_indices().map(|(place, _)| place);
    let first = places.nth(start).unwrap_or(text.len());
    let last = match end.checked_sub(start + 1) {
        Some(more) => places.nth(more).unwrap_or(text.len()),
        None => first,
    };
    Ok(Operand::Str(&text[first..last]))
}

/// The first character that is wanted; what is not a number counts as 0. Only what is before the
/// beginning may be infinite.
fn start(index: Number, count: usize) -> Result<usize, Fault> {
    let index = index.to_float();
    if index.is_nan() {
        return Ok(0);
    }
    if index >= 0.0 {
        return Ok(whole(index)?.min(count));
    }
    let back = whole(index.max(-f64::MAX).abs())?;
    #[allow(clippy::cast_precision_loss)] // Nothing in memory has 2^53 characters.
    let before = -index >= count as f64;
    Ok(if before { 0 } else { count - back })
}

/// The end of what is wanted; a length that is not a number is none.
fn end(length: Number, start: usize, count: usize) -> Result<usize, Fault> {
    let length = length.to_float();
    if length.is_nan() {
        return Ok(start);
    }
    let whole = whole(length.abs())?;
    Ok(if length <= -1.0 {
        count.saturating_sub(whole).max(start)
    } else {
        start.saturating_add(whole).min(count)
    })
}

/// A number that is not negative, without its fraction.
fn whole(number: f64) -> Result<usize, Fault> {
    if number.is_infinite() {
        return Err(Fault::Infinite);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Saturates.
    Ok(number as usize)
}

/// `merge`: the items of arrays, and whatever is no array as an item of its own.
pub(super) fn merge<'a, T: Tracer>(
    of: &'a [Expr],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    let parts = scope.list(of.len());
    let mut count = 0;
    for (part, expr) in parts.iter_mut().zip(of) {
        *part = run(expr, scope, tracer)?;
        count += part.items().map_or(1, Items::len);
    }
    scope.steps.take(count)?;
    let merged = scope.list(count);
    let mut places = merged.iter_mut();
    for part in &*parts {
        match part.items() {
            Some(items) => items
                .into_iter()
                .zip(&mut places)
                .for_each(|(item, place)| *place = item),
            None => {
                *places.next().expect("everything was counted") = *part;
            }
        }
    }
    Ok(Operand::List(merged))
}
