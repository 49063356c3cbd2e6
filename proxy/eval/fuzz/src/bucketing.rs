//! The bytes that a bucketing value is hashed by, against two libraries that know nothing of ours:
//! one that writes and reads CBOR, and one that hashes.
//!
//! What is encoded goes straight into the hash, so the hash is compared: a flag is made whose one
//! bucket of 2^31 - 1 is the expected one, and the decision must fall into it. An input is a JSON
//! object: `value`, `flag`, `key`, and `bits`, a double as its bits.

use std::io::Cursor;
use std::sync::Arc;

use burgee_eval::bucketing::MAX_TOTAL_WEIGHT;
use burgee_eval::{Compiler, Context, Moment, Snapshot, Value, evaluate};
use ciborium::Value as Cbor;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    value: Json,
    #[serde(default)]
    flag: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    bits: u64,
}

/// Panics where a value does not fall into the bucket that the specification says.
pub fn check(input: &[u8]) {
    let Ok(case) = serde_json::from_slice::<Case>(input) else {
        return;
    };
    let flag = if case.flag.is_empty() {
        "f"
    } else {
        &case.flag
    };
    short_form(flag, &case.key);
    value_of_the_context(&case.value);
    // An array is no bucketing value, but may be anywhere inside of one.
    value_of_the_context(&json!({ "inside": case.value }));
    if let Json::String(text) = &case.value {
        constant(text);
    }
    double(f64::from_bits(case.bits));
}

fn short_form(flag: &str, key: &str) {
    let pair = Cbor::Array(vec![Cbor::from(flag), Cbor::from(key)]);
    let context = json!({ "targetingKey": key });
    let joined = format!("{flag}{key}");
    for (bucketing, bytes) in [("v3", written(&pair)), ("v2", joined.into_bytes())] {
        let hash = (!key.is_empty()).then(|| murmur(&bytes));
        Question {
            bucketing,
            flag,
            unit: None,
            hash,
        }
        .ask(&context);
    }
}

fn value_of_the_context(value: &Json) {
    let context = json!({ "v": value });
    let unit = Some(json!({ "var": "v" }));
    if !value.is_null() && !value.is_array() {
        let cbor = cbor(value);
        let bytes = written(&cbor);
        let read: Cbor =
            ciborium::from_reader(&*bytes).expect("it was written by the same library");
        assert_eq!(json(&read), normal(value), "after {bytes:02x?}");
        Question {
            bucketing: "v3",
            flag: "f",
            unit: unit.clone(),
            hash: Some(murmur(&bytes)),
        }
        .ask(&context);
    }
    if !value.is_array() {
        let text = value.as_str().filter(|text| !text.is_empty());
        Question {
            bucketing: "v2",
            flag: "f",
            unit,
            hash: text.map(|text| murmur(text.as_bytes())),
        }
        .ask(&context);
    }
}

/// A constant is hashed when it is compiled, or not; the bucket is the same.
fn constant(text: &str) {
    let hash = murmur(&written(&Cbor::from(text)));
    Question {
        bucketing: "v3",
        flag: "f",
        unit: Some(json!(text)),
        hash: Some(hash),
    }
    .ask(&json!({}));
}

/// A number that no JSON carried, such as one that was computed.
fn double(value: f64) {
    let cbor = if value.is_nan() {
        // The library keeps the bits of a NaN; RFC 8949, 4.2.2, has one for all of them.
        Cbor::Float(f64::NAN)
    } else {
        number(value)
    };
    let question = Question {
        bucketing: "v3",
        flag: "f",
        unit: Some(json!({ "var": "v" })),
        hash: Some(murmur(&written(&cbor))),
    };
    let (snapshot, expected) = question.snapshot();
    let mut context = Context::new(snapshot.attributes());
    let id = snapshot.attributes().find("v").expect("the rule reads it");
    context.set(id, Value::Number(value));
    question.decide(&snapshot, &context, expected);
}

/// One `fractional` and the hash that decides it; without a hash, the default.
struct Question<'q> {
    bucketing: &'q str,
    flag: &'q str,
    unit: Option<Json>,
    hash: Option<u32>,
}

impl Question<'_> {
    fn ask(&self, context: &Json) {
        let (snapshot, expected) = self.snapshot();
        let context = Context::from_json(snapshot.attributes(), context);
        self.decide(&snapshot, &context, expected);
    }

    /// A flag whose variant `hit` has the bucket of the hash, and no other.
    fn snapshot(&self) -> (Snapshot, Option<&'static str>) {
        let total = u64::from(MAX_TOTAL_WEIGHT);
        let bucket = (u64::from(self.hash.unwrap_or(0)) * total) >> 32;
        let mut arguments: Vec<Json> = self.unit.iter().cloned().collect();
        arguments.extend([
            json!(["below", bucket]),
            json!(["hit", 1]),
            json!(["above", total - bucket - 1]),
        ]);
        let flag = json!({
            "state": "ENABLED",
            "variants": { "below": 1, "hit": 2, "above": 3 },
            "targeting": { "fractional": arguments },
        });
        let document = json!({
            "metadata": { "bucketing": self.bucketing },
            "flags": Map::from_iter([(self.flag.to_owned(), flag)]),
        });
        let mut compiler = Compiler::new();
        let set = compiler
            .compile("bucketing", &document)
            .expect("the document is sound");
        assert_eq!(set.problems, []);
        let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
        (snapshot, self.hash.map(|_| "hit"))
    }

    fn decide(&self, snapshot: &Snapshot, context: &Context<'_>, expected: Option<&str>) {
        let index = snapshot.find(self.flag).expect("it is there");
        let decision = evaluate(snapshot, index, context, Moment::current(0));
        assert_eq!(
            decision.variant_name(),
            expected,
            "{} of {:?} by {:?}: {:?}",
            self.bucketing,
            self.flag,
            self.unit,
            decision.reason
        );
    }
}

fn murmur(bytes: &[u8]) -> u32 {
    murmur3::murmur3_32(&mut Cursor::new(bytes), 0).expect("memory can be read")
}

fn written(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("memory can be written");
    bytes
}

/// The data item of RFC 8949, 4.2.1, members sorted by the bytes of their keys as they are written.
fn cbor(value: &Json) -> Cbor {
    match value {
        Json::Null => Cbor::Null,
        Json::Bool(value) => Cbor::Bool(*value),
        Json::String(text) => Cbor::from(text.as_str()),
        Json::Array(items) => Cbor::Array(items.iter().map(cbor).collect()),
        Json::Object(members) => {
            let mut members: Vec<(Cbor, Cbor)> = members
                .iter()
                .map(|(key, value)| (Cbor::from(key.as_str()), cbor(value)))
                .collect();
            members.sort_by_key(|(key, _)| written(key));
            Cbor::Map(members)
        }
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Cbor::from(integer),
            (_, Some(integer)) => Cbor::from(integer),
            _ => self::number(number.as_f64().expect("it is a double")),
        },
    }
}

/// Whole numbers are integers, as far as 64 bits of either sign reach.
fn number(value: f64) -> Cbor {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast saturates, far out of range"
    )]
    let whole = value as i128;
    #[expect(
        clippy::cast_precision_loss,
        reason = "compared with what it came from"
    )]
    let same = (whole as f64).to_bits() == value.to_bits() || value == 0.0;
    if same && (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&whole) {
        Cbor::Integer(whole.try_into().expect("it is in range"))
    } else {
        Cbor::Float(value)
    }
}

/// What was written, as JSON again.
fn json(value: &Cbor) -> Json {
    match value {
        Cbor::Null => Json::Null,
        Cbor::Bool(value) => json!(value),
        Cbor::Text(text) => json!(text),
        Cbor::Float(value) => json!(value),
        Cbor::Integer(value) => {
            let value = i128::from(*value);
            match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => json!(value),
                (_, Ok(value)) => json!(value),
                _ => panic!("{value} is no integer of JSON"),
            }
        }
        Cbor::Array(items) => items.iter().map(json).collect(),
        Cbor::Map(members) => members
            .iter()
            .map(|(key, value)| {
                (
                    key.as_text().expect("keys are text").to_owned(),
                    json(value),
                )
            })
            .collect(),
        other => panic!("{other:?} is nothing of JSON"),
    }
}

/// A value whose whole numbers are integers.
fn normal(value: &Json) -> Json {
    match value {
        Json::Number(number) if number.is_f64() => json(&cbor(value)),
        Json::Array(items) => items.iter().map(normal).collect(),
        Json::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), normal(value)))
            .collect(),
        other => other.clone(),
    }
}
