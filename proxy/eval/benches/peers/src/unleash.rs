//! `unleash-yggdrasil`: a strategy with one constraint and variants of its own. The strategy that
//! admits everyone spares it a second hash; the context is the borrowed form that it evaluates.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use serde_json::json;
use unleash_types::client_features::ClientFeatures;
use unleash_yggdrasil::EngineState;
use unleash_yggdrasil::state::{EnrichedContext, PropertiesRef};

use crate::{COUNTRY, FLAG, KEY, Subject};

fn engine() -> EngineState {
    let features = json!({
        "version": 2,
        "features": [{
            "name": FLAG,
            "enabled": true,
            "strategies": [{
                "name": "default",
                "parameters": { "groupId": FLAG },
                "constraints": [{ "contextName": "country", "operator": "IN", "values": ["DE", "FR", "NL"] }],
                "variants": [
                    { "name": "on", "weight": 100, "stickiness": "userId" },
                    { "name": "off", "weight": 900, "stickiness": "userId" },
                ],
            }],
        }],
    });
    let features: ClientFeatures =
        serde_json::from_value(features).expect("the features are valid");
    let engine = EngineState::default();
    assert!(
        engine.apply_client_features(features).is_none(),
        "the features compile"
    );
    engine
}

fn properties(country: &str) -> HashMap<String, String> {
    HashMap::from([("country".to_owned(), country.to_owned())])
}

fn context<'a>(key: &'a str, properties: &'a HashMap<String, String>) -> EnrichedContext<'a> {
    EnrichedContext {
        user_id: Some(key),
        session_id: None,
        environment: None,
        app_name: None,
        current_time: None,
        remote_address: None,
        properties: Some(PropertiesRef::Strings(properties)),
        external_results: None,
        toggle_name: FLAG,
        runtime_hostname: None,
    }
}

pub(crate) fn subject() -> Subject {
    let ready = Arc::new(engine());
    let decide = Arc::clone(&ready);
    Subject {
        name: "unleash-yggdrasil 0.21.7",
        decide: Some(Box::new(move |key, country| {
            let properties = properties(country);
            let variant = decide.check_variant(&context(key, &properties));
            variant.expect("the flag is there").name == "on"
        })),
        repeat: Box::new(move |times| {
            let properties = properties(COUNTRY);
            let context = context(KEY, &properties);
            for _ in 0..times {
                black_box(ready.check_variant(black_box(&context)));
            }
        }),
    }
}
