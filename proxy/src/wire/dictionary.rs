//! A variant as a member of the dictionary header `flags` (RFC 9651).

use burgee_eval::Variant;
use serde_json::{Number, Value};
use sfv::{Decimal, DictSerializer, Integer, Key, RefBareItem, StringRef, TokenRef};

use super::value::text;
use crate::config::Content;

/// `key=value`, serialized. A variant's name is a Token where it is one; a value that is a boolean
/// or a number is the RFC's own type where that holds it exactly; all else is a String, or a
/// Display String where it is not ASCII.
pub(super) fn member(key: &Key, variant: &Variant, content: Content) -> Box<str> {
    let text = match content {
        Content::Variant => {
            if let Ok(token) = TokenRef::from_str(&variant.name) {
                return serialize(key, token.into());
            }
            std::borrow::Cow::Borrowed(&*variant.name)
        }
        Content::Value => match &variant.value {
            Value::Bool(value) => return serialize(key, (*value).into()),
            Value::Number(number) => match exact(number) {
                Some(item) => return serialize(key, item),
                None => text(&variant.value),
            },
            value => text(value),
        },
    };
    match StringRef::from_str(&text) {
        Ok(string) => serialize(key, string.into()),
        Err(_) => serialize(key, RefBareItem::DisplayString(&text)),
    }
}

fn serialize(key: &Key, item: RefBareItem<'_>) -> Box<str> {
    let mut dictionary = DictSerializer::new();
    dictionary.bare_item(key, item);
    dictionary.finish().expect("one member was written").into()
}

/// The RFC's number where it holds this one exactly: an integer of at most 15 digits, or a decimal
/// of at most 12 and 3.
fn exact(number: &Number) -> Option<RefBareItem<'static>> {
    if let Some(integer) = number.as_i64() {
        return Integer::try_from(integer).ok().map(RefBareItem::Integer);
    }
    let float = number.as_f64()?;
    let decimal = Decimal::try_from(float).ok()?;
    #[expect(
        clippy::float_cmp,
        reason = "a decimal that is not the very same number would be a lie"
    )]
    let same = f64::from(decimal) == float;
    same.then_some(RefBareItem::Decimal(decimal))
}
