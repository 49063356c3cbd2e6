//! Ours, and the bare hash that it cannot be faster than.

use std::hint::black_box;
use std::sync::Arc;

use burgee_eval::bucketing::Murmur;
use burgee_eval::{AttributeId, Compiler, Context, FlagIndex, Moment, Snapshot, Value, evaluate};
use serde_json::json;

use crate::{COUNTRY, FLAG, KEY, Subject};

struct Ready {
    snapshot: Snapshot,
    flag: FlagIndex,
    country: AttributeId,
}

impl Ready {
    fn new() -> Self {
        let document = json!({
            "flags": {
                FLAG: {
                    "state": "ENABLED",
                    "variants": { "on": true, "off": false },
                    "defaultVariant": "off",
                    "targeting": { "if": [
                        { "in": [{ "var": "geo.country" }, ["DE", "FR", "NL"]] },
                        { "fractional": [["on", 10], ["off", 90]] },
                        "off",
                    ] },
                },
            },
        });
        let mut compiler = Compiler::new();
        let set = compiler
            .compile("bench", &document)
            .expect("the document is valid");
        let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
        Self {
            flag: snapshot.find(FLAG).expect("it is in the document"),
            country: snapshot
                .attributes()
                .find("geo.country")
                .expect("the rule reads it"),
            snapshot,
        }
    }

    fn context<'a>(&self, key: &'a str, country: &'a str) -> Context<'a> {
        let mut context = Context::new(self.snapshot.attributes());
        context.set(self.country, Value::Str(country));
        context.set_targeting_key(key);
        context
    }
}

pub(crate) fn subject() -> Subject {
    let ready = Arc::new(Ready::new());
    let decide = Arc::clone(&ready);
    Subject {
        name: "Burgee",
        decide: Some(Box::new(move |key, country| {
            let context = decide.context(key, country);
            let decision = evaluate(&decide.snapshot, decide.flag, &context, Moment::current(0));
            decision.variant_name() == Some("on")
        })),
        repeat: Box::new(move |times| {
            let context = ready.context(KEY, COUNTRY);
            for _ in 0..times {
                black_box(evaluate(
                    black_box(&ready.snapshot),
                    black_box(ready.flag),
                    black_box(&context),
                    Moment::current(0),
                ));
            }
        }),
    }
}

pub(crate) fn bare_hash() -> Subject {
    Subject {
        name: "murmur3 of 30 bytes, nothing else",
        decide: None,
        repeat: Box::new(|times| {
            for _ in 0..times {
                black_box(Murmur::hash(black_box(KEY.as_bytes())));
            }
        }),
    }
}
