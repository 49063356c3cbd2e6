//! `datalogic-rs`, twice: with its own `fractional`, and with an operator of ours that hashes as we
//! do, the constant prefix beforehand. Its rule is compiled, its context is parsed, and its arena is
//! kept. Its own is given the bucketing value, so that it need not join one.

use std::hint::black_box;
use std::sync::Arc;

use burgee_eval::bucketing::{Murmur, bucket};
use datalogic_rs::bumpalo::Bump;
use datalogic_rs::operator::EvalContext;
use datalogic_rs::{ArenaExt, CustomOperator, DataValue, Engine, Logic, ParsedData};
use serde_json::json;

use crate::{COUNTRY, FLAG, KEY, Subject};

/// `[key, [variant, weight], …]`
struct OurFractional {
    prefix: Murmur,
}

impl CustomOperator for OurFractional {
    fn evaluate<'a>(
        &self,
        arguments: &[&'a DataValue<'a>],
        _: &mut EvalContext<'_, 'a>,
        arena: &'a Bump,
    ) -> datalogic_rs::Result<&'a DataValue<'a>> {
        let [key, entries @ ..] = arguments else {
            return Ok(arena.null());
        };
        let Some(key) = key.as_str() else {
            return Ok(arena.null());
        };
        let mut hash = self.prefix;
        hash.update(key.as_bytes());
        let weight = |entry: &DataValue<'_>| match entry {
            DataValue::Array([_, weight]) => weight
                .as_i64()
                .and_then(|weight| u32::try_from(weight).ok()),
            _ => None,
        };
        let total = entries.iter().filter_map(|entry| weight(entry)).sum();
        let bucket = bucket(hash.finish(), total);
        let mut end = 0;
        for entry in entries {
            end += weight(entry).unwrap_or(0);
            if let DataValue::Array([variant, _]) = entry
                && bucket < end
            {
                return Ok(variant);
            }
        }
        Ok(arena.null())
    }
}

struct Ready {
    engine: Engine,
    rule: Logic,
}

impl Ready {
    fn new(operator: &str) -> Self {
        let mut prefix = Murmur::new();
        prefix.update(FLAG.as_bytes());
        let engine = Engine::builder()
            .add_operator("our_fractional", OurFractional { prefix })
            .build();
        let rule = json!({ "if": [
            { "in": [{ "var": "country" }, ["DE", "FR", "NL"]] },
            { operator: [{ "var": "targetingKey" }, ["on", 10], ["off", 90]] },
            "off",
        ] });
        Self {
            rule: engine
                .compile(&rule.to_string())
                .expect("the rule is valid"),
            engine,
        }
    }
}

fn context(key: &str, country: &str) -> ParsedData {
    let context = json!({ "targetingKey": key, "country": country });
    ParsedData::from_json(&context.to_string()).expect("it is JSON")
}

pub(crate) fn with_its_own_operator() -> Subject {
    subject(
        "datalogic-rs 5.4.0, its own operators of flagd",
        "fractional",
    )
}

pub(crate) fn with_our_operator() -> Subject {
    subject(
        "datalogic-rs 5.4.0, with a murmur operator",
        "our_fractional",
    )
}

fn subject(name: &'static str, operator: &str) -> Subject {
    let ready = Arc::new(Ready::new(operator));
    let decide = Arc::clone(&ready);
    Subject {
        name,
        decide: Some(Box::new(move |key, country| {
            let (context, arena) = (context(key, country), Bump::new());
            let result = decide.engine.evaluate(&decide.rule, &context, &arena);
            result.expect("the rule decides").as_str() == Some("on")
        })),
        repeat: Box::new(move |times| {
            let context = context(KEY, COUNTRY);
            let mut arena = Bump::with_capacity(4096);
            for _ in 0..times {
                let result =
                    ready
                        .engine
                        .evaluate(black_box(&ready.rule), black_box(&context), &arena);
                black_box(result.ok().and_then(DataValue::as_str));
                arena.reset();
            }
        }),
    }
}
