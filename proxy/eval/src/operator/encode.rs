//! A value, as it is hashed: its deterministic CBOR.

use serde_json::Value as Json;

use super::operand::Items;
use super::{Fault, Operand, Scope};
use crate::bucketing::Murmur;

/// The deterministic CBOR of a value.
pub(super) fn encode<'a>(
    operand: Operand<'a>,
    scope: &Scope<'a>,
    murmur: &mut Murmur,
) -> Result<(), Fault> {
    encode_at(0, operand, scope, murmur)
}

fn encode_at<'a>(
    depth: usize,
    operand: Operand<'a>,
    scope: &Scope<'a>,
    murmur: &mut Murmur,
) -> Result<(), Fault> {
    match operand {
        Operand::Null => murmur.cbor_null(),
        Operand::Bool(value) => murmur.cbor_bool(value),
        Operand::Number(value) => murmur.cbor_number(value),
        Operand::Str(text) => {
            scope.steps.copy(text.len())?;
            murmur.cbor_text(text);
        }
        Operand::Json(Json::Number(number)) => {
            match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(integer), _, _) => murmur.cbor_integer(integer),
                (_, Some(integer), _) => murmur.cbor_unsigned(integer),
                (_, _, float) => murmur.cbor_number(float.unwrap_or(f64::NAN)),
            }
        }
        Operand::Json(Json::Object(_)) | Operand::Frame(_) | Operand::Context | Operand::Flagd => {
            encode_map(depth, operand, scope, murmur)?;
        }
        Operand::Json(_) | Operand::List(_) => {
            murmur.cbor_array(operand.items().map_or(0, Items::len));
            for item in operand.items().into_iter().flatten() {
                scope.steps.descend(depth)?;
                encode_at(depth + 1, item, scope, murmur)?;
            }
        }
    }
    Ok(())
}

/// Members in the bytewise order of their encoded keys: shorter keys come first.
fn encode_map<'a>(
    depth: usize,
    object: Operand<'a>,
    scope: &Scope<'a>,
    murmur: &mut Murmur,
) -> Result<(), Fault> {
    /// Collecting and sorting members takes as long as so many steps, and one for each of them.
    const SORTED: usize = 4;
    let mut members: Vec<(&str, Operand<'_>)> = scope.members(object).collect();
    scope.steps.take(SORTED + members.len())?;
    members.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    murmur.cbor_map(members.len());
    for (key, value) in members {
        scope.steps.descend(depth)?;
        scope.steps.copy(key.len())?;
        murmur.cbor_text(key);
        encode_at(depth + 1, value, scope, murmur)?;
    }
    Ok(())
}
