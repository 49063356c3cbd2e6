//! Equality, order and membership.
//!
//! Whoever looks into an array, an object or a long text takes steps for it.

use super::operand::Items;
use super::{Fault, Operand, Relation, Scope};

/// `==`: values of different types count as what the other is.
pub(super) fn loose_equal<'a>(
    a: Operand<'a>,
    b: Operand<'a>,
    scope: &Scope<'a>,
) -> Result<bool, Fault> {
    if let (Operand::Str(a), Operand::Str(b)) = (a, b) {
        return equal_texts(a, b, scope);
    }
    match (a.numeric(), b.numeric()) {
        (Some(a), Some(b)) => return Ok(a == b),
        (Some(a), None) => return Ok(a == b.to_number(&scope.steps)?),
        (None, Some(b)) => return Ok(a.to_number(&scope.steps)? == b),
        (None, None) => {}
    }
    match (a, b) {
        (Operand::Null, Operand::Null) => Ok(true),
        (Operand::Null, _) | (_, Operand::Null) => Ok(false),
        (Operand::Str(text), other) | (other, Operand::Str(text)) => {
            scope.steps.copy(text.len())?;
            other.with_text(&scope.steps, |other| other == text)
        }
        (a, b) => Ok(same(a, b)),
    }
}

/// Whether two arrays or objects are one and the same. Two empty arrays that were computed are not,
/// for they may lie at the same place by chance.
fn same(a: Operand<'_>, b: Operand<'_>) -> bool {
    match (a, b) {
        (Operand::Json(a), Operand::Json(b)) => std::ptr::eq(a, b),
        (Operand::List(a), Operand::List(b)) => !a.is_empty() && std::ptr::eq(a, b),
        (Operand::Frame(a), Operand::Frame(b)) => std::ptr::eq(a, b),
        (Operand::Context, Operand::Context) | (Operand::Flagd, Operand::Flagd) => true,
        _ => false,
    }
}

/// `===`: by content; numbers and booleans are of one type.
pub(super) fn strict_equal<'a>(
    a: Operand<'a>,
    b: Operand<'a>,
    scope: &Scope<'a>,
) -> Result<bool, Fault> {
    equal_at(0, a, b, scope)
}

fn equal_at<'a>(
    depth: usize,
    a: Operand<'a>,
    b: Operand<'a>,
    scope: &Scope<'a>,
) -> Result<bool, Fault> {
    if let (Some(a), Some(b)) = (a.numeric(), b.numeric()) {
        return Ok(a == b);
    }
    match (a, b) {
        (Operand::Null, Operand::Null) => return Ok(true),
        (Operand::Str(a), Operand::Str(b)) => return equal_texts(a, b, scope),
        // What is the same is equal, without looking inside.
        (a, b) if same(a, b) => return Ok(true),
        _ => {}
    }
    scope.steps.descend(depth)?;
    if let (Some(a), Some(b)) = (a.items(), b.items()) {
        return equal_items(depth, a, b, scope);
    }
    if !a.is_object() || !b.is_object() {
        return Ok(false);
    }
    let mut count = 0;
    for (key, a) in scope.members(a) {
        count += 1;
        scope.steps.take(1)?;
        match scope.member(b, key) {
            Some(b) if equal_at(depth + 1, a, b, scope)? => {}
            _ => return Ok(false),
        }
    }
    Ok(scope.members(b).nth(count).is_none())
}

fn equal_items<'a>(
    depth: usize,
    a: Items<'a>,
    b: Items<'a>,
    scope: &Scope<'a>,
) -> Result<bool, Fault> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.into_iter().zip(b) {
        scope.steps.take(1)?;
        if !equal_at(depth + 1, a, b, scope)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn equal_texts(a: &str, b: &str, scope: &Scope<'_>) -> Result<bool, Fault> {
    if a.len() != b.len() {
        return Ok(false);
    }
    scope.steps.copy(a.len())?;
    Ok(a == b)
}

/// `<` and its kin: as numbers where one is a number, as texts where one is a text.
pub(super) fn ordered<'a>(
    relation: Relation,
    a: Operand<'a>,
    b: Operand<'a>,
    scope: &Scope<'a>,
) -> Result<bool, Fault> {
    let as_numbers = a.numeric().is_some() || b.numeric().is_some();
    let as_texts = matches!(a, Operand::Str(_)) || matches!(b, Operand::Str(_));
    let ordering = if as_texts && !as_numbers {
        a.with_text(&scope.steps, |a| {
            b.with_text(&scope.steps, |b| {
                scope.steps.copy(a.len().min(b.len()))?;
                Ok(Some(a.cmp(b)))
            })
        })???
    } else {
        a.to_number(&scope.steps)?
            .partial_cmp(&b.to_number(&scope.steps)?)
    };
    Ok(ordering.is_some_and(|ordering| relation.holds(ordering)))
}

/// `in`: a member of an array, or a part of a string.
pub(super) fn contains<'a>(
    haystack: Operand<'a>,
    needle: Operand<'a>,
    scope: &Scope<'a>,
) -> Result<bool, Fault> {
    match (haystack, haystack.items()) {
        (_, Some(items)) => {
            for item in items {
                scope.steps.take(1)?;
                if strict_equal(item, needle, scope)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Operand::Str(text), None) => {
            scope.steps.scan(text.len())?;
            needle.with_text(&scope.steps, |needle| text.contains(needle))
        }
        _ => Ok(false),
    }
}
