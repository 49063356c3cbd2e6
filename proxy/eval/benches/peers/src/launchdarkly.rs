//! `launchdarkly-server-sdk-evaluation`: a rule with one clause and a rollout.

use std::hint::black_box;
use std::sync::Arc;

use launchdarkly_server_sdk_evaluation::{
    Context, ContextBuilder, Flag, FlagValue, Segment, Store, evaluate,
};
use serde_json::json;

use crate::{COUNTRY, FLAG, KEY, Subject};

/// The flag has no prerequisites and no segments, so it is never asked.
struct Nothing;

impl Store for Nothing {
    fn flag(&self, _: &str) -> Option<Flag> {
        None
    }

    fn segment(&self, _: &str) -> Option<Segment> {
        None
    }
}

fn flag() -> Flag {
    let flag = json!({
        "key": FLAG,
        "version": 1,
        "on": true,
        "targets": [],
        "prerequisites": [],
        "rules": [{
            "id": "countries",
            "clauses": [{
                "contextKind": "user",
                "attribute": "country",
                "op": "in",
                "values": ["DE", "FR", "NL"],
                "negate": false,
            }],
            "trackEvents": false,
            "rollout": {
                "contextKind": "user",
                "variations": [
                    { "variation": 0, "weight": 10_000 },
                    { "variation": 1, "weight": 90_000 },
                ],
            },
        }],
        "fallthrough": { "variation": 1 },
        "offVariation": 1,
        "variations": [true, false],
        "clientSideAvailability": { "usingMobileKey": false, "usingEnvironmentId": false },
        "salt": "salt",
    });
    serde_json::from_value(flag).expect("the flag is valid")
}

fn context(key: &str, country: &str) -> Context {
    let mut builder = ContextBuilder::new(key);
    builder.set_string("country", country);
    builder.build().expect("the context is valid")
}

pub(crate) fn subject() -> Subject {
    let ready = Arc::new(flag());
    let decide = Arc::clone(&ready);
    Subject {
        name: "launchdarkly-server-sdk-evaluation 2.2.1",
        decide: Some(Box::new(move |key, country| {
            let context = context(key, country);
            let detail = evaluate(&Nothing, &decide, &context, None);
            match detail.value {
                Some(FlagValue::Bool(on)) => *on,
                other => panic!("not a boolean: {other:?}"),
            }
        })),
        repeat: Box::new(move |times| {
            let context = context(KEY, COUNTRY);
            for _ in 0..times {
                black_box(evaluate(
                    &Nothing,
                    black_box(&ready),
                    black_box(&context),
                    None,
                ));
            }
        }),
    }
}
