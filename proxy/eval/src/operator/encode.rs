//! A value, as it is hashed: its deterministic CBOR.

use serde_json::{Map, Value as Json};

use super::operand::Items;
use super::{Operand, Scope};
use crate::bucketing::Murmur;
use crate::context::TARGETING_KEY;

/// The deterministic CBOR of a value.
pub(super) fn encode(operand: Operand<'_>, scope: &Scope<'_>, murmur: &mut Murmur) {
    match operand {
        Operand::Null => murmur.cbor_null(),
        Operand::Bool(value) => murmur.cbor_bool(value),
        Operand::Number(value) => murmur.cbor_number(value),
        Operand::Str(text) => murmur.cbor_text(text),
        Operand::Json(Json::Number(number)) => {
            match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(integer), _, _) => murmur.cbor_integer(integer),
                (_, Some(integer), _) => murmur.cbor_unsigned(integer),
                (_, _, float) => murmur.cbor_number(float.unwrap_or(f64::NAN)),
            }
        }
        Operand::Json(Json::Object(members)) => {
            encode_map(
                members
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.into())),
                scope,
                murmur,
            );
        }
        Operand::Context => {
            let empty = Map::new();
            let members = scope.context.tree().unwrap_or(&empty).iter();
            let members = members
                .filter(|(key, _)| *key != TARGETING_KEY && *key != "$flagd")
                .map(|(key, value)| (key.as_str(), value.into()));
            let targeting_key = scope
                .context
                .targeting_key()
                .map_or(Operand::Null, Operand::Str);
            let own = [(TARGETING_KEY, targeting_key), ("$flagd", Operand::Flagd)];
            encode_map(members.chain(own), scope, murmur);
        }
        Operand::Flagd => {
            murmur.cbor_map(2);
            murmur.cbor_text("flagKey");
            murmur.cbor_text(scope.flag_key);
            murmur.cbor_text("timestamp");
            murmur.cbor_unsigned(scope.now);
        }
        Operand::Json(_) | Operand::List(_) => {
            let items = operand.items().into_iter().flatten();
            murmur.cbor_array(operand.items().map_or(0, Items::len));
            items.for_each(|item| encode(item, scope, murmur));
        }
    }
}

/// Members in the bytewise order of their encoded keys: shorter keys come first.
fn encode_map<'a>(
    members: impl Iterator<Item = (&'a str, Operand<'a>)>,
    scope: &Scope<'_>,
    murmur: &mut Murmur,
) {
    let mut members: Vec<(&str, Operand<'_>)> = members.collect();
    members.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    murmur.cbor_map(members.len());
    for (key, value) in members {
        murmur.cbor_text(key);
        encode(value, scope, murmur);
    }
}
