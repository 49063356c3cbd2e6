//! `open-feature-flagd`, the official provider, evaluating in process from a file, without a cache.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use open_feature::EvaluationContext;
use open_feature::provider::FeatureProvider;
use open_feature_flagd::{FlagdOptions, FlagdProvider, ResolverType};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::runtime::{Builder, Runtime};

use crate::{COUNTRY, FLAG, KEY, Subject};

struct Ready {
    runtime: Runtime,
    provider: FlagdProvider,
    _file: NamedTempFile,
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
                        { "in": [{ "var": "country" }, ["DE", "FR", "NL"]] },
                        { "fractional": [["on", 10], ["off", 90]] },
                        "off",
                    ] },
                },
            },
        });
        let mut file = NamedTempFile::new().expect("a temporary file can be made");
        write!(file, "{document}").expect("it can be written");
        let options = FlagdOptions {
            source_configuration: Some(file.path().display().to_string()),
            resolver_type: ResolverType::File,
            cache_settings: None,
            ..Default::default()
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let provider = runtime
            .block_on(FlagdProvider::new(options))
            .expect("the file is valid");
        Self {
            runtime,
            provider,
            _file: file,
        }
    }
}

fn context(key: &str, country: &str) -> EvaluationContext {
    EvaluationContext::default()
        .with_targeting_key(key)
        .with_custom_field("country", country)
}

pub(crate) fn subject() -> Subject {
    let ready = Arc::new(Ready::new());
    let decide = Arc::clone(&ready);
    Subject {
        name: "open-feature-flagd 0.3.0, in process",
        decide: Some(Box::new(move |key, country| {
            let context = context(key, country);
            let resolved = decide.provider.resolve_bool_value(FLAG, &context);
            decide
                .runtime
                .block_on(resolved)
                .expect("the flag resolves")
                .value
        })),
        repeat: Box::new(move |times| {
            let context = context(KEY, COUNTRY);
            ready.runtime.block_on(async {
                for _ in 0..times {
                    let resolved = ready.provider.resolve_bool_value(FLAG, black_box(&context));
                    let _ = black_box(resolved.await);
                }
            });
        }),
    }
}
