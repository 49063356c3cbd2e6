//! Equality, order and membership.

use serde_json::Value as Json;

use super::Relation;
use super::operand::Operand;

/// `==`: values of different types count as what the other is.
pub(super) fn loose_equal(a: Operand<'_>, b: Operand<'_>) -> bool {
    if let (Operand::Str(a), Operand::Str(b)) = (a, b) {
        return a == b;
    }
    match (a.numeric(), b.numeric()) {
        (Some(a), Some(b)) => return a == b,
        (Some(a), None) => return a == b.to_number(),
        (None, Some(b)) => return a.to_number() == b,
        (None, None) => {}
    }
    match (a, b) {
        (Operand::Null, Operand::Null) => true,
        (Operand::Null, _) | (_, Operand::Null) => false,
        (Operand::Str(text), other) | (other, Operand::Str(text)) => {
            other.with_text(|other| other == text)
        }
        (a, b) => same(a, b),
    }
}

/// Whether two arrays or objects are one and the same.
fn same(a: Operand<'_>, b: Operand<'_>) -> bool {
    match (a, b) {
        (Operand::Json(a), Operand::Json(b)) => std::ptr::eq(a, b),
        (Operand::List(a), Operand::List(b)) => std::ptr::eq(a, b),
        (Operand::Context, Operand::Context) | (Operand::Flagd, Operand::Flagd) => true,
        _ => false,
    }
}

/// `===`: by content; numbers and booleans are of one type.
pub(super) fn strict_equal(a: Operand<'_>, b: Operand<'_>) -> bool {
    if let (Some(a), Some(b)) = (a.numeric(), b.numeric()) {
        return a == b;
    }
    if let (Some(a), Some(b)) = (a.items(), b.items()) {
        return a.len() == b.len() && a.into_iter().zip(b).all(|(a, b)| strict_equal(a, b));
    }
    match (a, b) {
        (Operand::Null, Operand::Null) => true,
        (Operand::Str(a), Operand::Str(b)) => a == b,
        (Operand::Json(Json::Object(a)), Operand::Json(Json::Object(b))) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| strict_equal(a.into(), b.into())))
        }
        (a, b) => same(a, b),
    }
}

/// `<` and its kin: as numbers where one is a number, as texts where one is a text.
pub(super) fn ordered(relation: Relation, a: Operand<'_>, b: Operand<'_>) -> bool {
    let as_numbers = a.numeric().is_some() || b.numeric().is_some();
    let as_texts = matches!(a, Operand::Str(_)) || matches!(b, Operand::Str(_));
    let ordering = if as_texts && !as_numbers {
        a.with_text(|a| b.with_text(|b| Some(a.cmp(b))))
    } else {
        a.to_number().partial_cmp(&b.to_number())
    };
    ordering.is_some_and(|ordering| match relation {
        Relation::Less => ordering.is_lt(),
        Relation::LessOrEqual => ordering.is_le(),
        Relation::Greater => ordering.is_gt(),
        Relation::GreaterOrEqual => ordering.is_ge(),
    })
}

/// `in`: a member of an array, or a part of a string.
pub(super) fn contains(haystack: Operand<'_>, needle: Operand<'_>) -> bool {
    match (haystack, haystack.items()) {
        (_, Some(items)) => items.into_iter().any(|item| strict_equal(item, needle)),
        (Operand::Str(text), None) => needle.with_text(|needle| text.contains(needle)),
        _ => false,
    }
}
