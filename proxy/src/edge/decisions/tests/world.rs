//! A cache, states, and requests to ask of them.

use std::sync::Arc;

use burgee_eval::{AttributeId, Compiler, Context, Snapshot, Value};
use http::HeaderValue;
use prometheus::Registry;
use serde_json::{Map, Value as Json, json};

use crate::config::{Content, Form, Present, Route};
use crate::decide::At;
use crate::decide::tests::known;
use crate::edge::decisions::{Cache, Decisions, decide};
use crate::overrides::{Census, Known, Place};
use crate::store::State;
use crate::wire::RouteFlags;

pub(super) const NOW_MS: u64 = 1_700_000_000_000;

const FLAGS: [&str; 3] = ["flag-0", "flag-1", "flag-2"];

/// A cache for routes of any size.
pub(super) struct World {
    pub(super) cache: Cache,
}

impl World {
    pub(super) fn new() -> Self {
        Self::holding(1 << 20)
    }

    pub(super) fn holding(bytes: u64) -> Self {
        Self::with(Cache::new(bytes, 1, &Registry::new()).unwrap())
    }

    pub(super) fn with(cache: Cache) -> Self {
        Self { cache }
    }

    /// Decides the first route as requests do, and once more without the cache.
    pub(super) fn decide(&self, state: &State, request: Request<'_>, at: At) -> Arc<Decisions> {
        let context = request.context(state);
        let route = &state.routes[0];
        let decisions = decide(state, route, &context, at, Some(&self.cache));
        let anew = decide(state, route, &context, at, None);
        assert_eq!(decisions.decided, anew.decided, "{request:?}");
        assert_eq!(decisions.dictionary, anew.dictionary, "{request:?}");
        decisions
    }

    /// What the backend is told of `flag-0`.
    pub(super) fn told(&self, state: &State, request: Request<'_>, at: At) -> String {
        let decisions = self.decide(state, request, at);
        let told = decisions.dictionary.as_ref().unwrap().to_str().unwrap();
        let first = told.split(", ").next().unwrap();
        first.strip_prefix("flag-0=").unwrap().to_owned()
    }

    /// Hits and misses.
    pub(super) fn counted(&self) -> (u64, u64) {
        (self.cache.hits.get(), self.cache.misses.get())
    }
}

/// Who asks, and from where.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Request<'a> {
    key: Option<&'a str>,
    country: Option<&'a str>,
}

impl<'a> Request<'a> {
    pub(super) fn of(key: &'a str) -> Self {
        Self {
            key: Some(key),
            country: None,
        }
    }

    pub(super) fn from(self, country: &'a str) -> Self {
        Self {
            country: Some(country),
            ..self
        }
    }

    pub(super) fn context(self, state: &State) -> Context<'a> {
        let attributes = state.snapshot.attributes();
        let mut context = Context::new(attributes);
        let set = |context: &mut Context<'a>, name, value: Option<&'a str>| {
            let id: Option<AttributeId> = attributes.find(name);
            if let (Some(id), Some(value)) = (id, value) {
                context.set(id, Value::Str(value));
            }
        };
        set(&mut context, "targetingKey", self.key);
        set(&mut context, "country", self.country);
        context
    }
}

/// At which nothing is stale.
pub(super) fn at(now_ms: u64) -> At {
    At {
        now_ms,
        synced_at_ms: Some(now_ms),
    }
}

/// On for `u`.
pub(super) fn rule() -> Json {
    json!({ "if": [{ "==": [{ "var": "targetingKey" }, "u"] }, "on", "off"] })
}

/// On or off for everyone, by a rule.
pub(super) fn constant(variant: &str) -> Json {
    json!({ "if": [true, variant] })
}

/// Flags with this rule, off by default.
pub(super) fn flags(targeting: &Json) -> Json {
    document(&FLAGS, targeting)
}

pub(super) fn document(keys: &[impl AsRef<str>], targeting: &Json) -> Json {
    let flag = json!({
        "state": "ENABLED",
        "variants": { "on": true, "off": false },
        "defaultVariant": "off",
        "targeting": targeting,
    });
    let flags: Map<String, Json> = keys
        .iter()
        .map(|key| (key.as_ref().to_owned(), flag.clone()))
        .collect();
    json!({ "flags": flags, "delivery": {} })
}

/// The same, and each requires another flag, which the route does not name.
pub(super) fn requiring(base: &str, targeting: &Json) -> Json {
    let mut document = flags(targeting);
    for key in FLAGS {
        document["delivery"][key] = json!({ "requires": { base: ["on"] } });
    }
    document["flags"][base] = document["flags"][FLAGS[0]].clone();
    document
}

/// One route of the flags that are called `flag-…`, in a dictionary.
pub(super) fn state(document: &Json, overrides: &[Known]) -> State {
    made(document, overrides, Content::Variant)
}

/// The same, told by values.
pub(super) fn state_of_values(document: &Json) -> State {
    made(document, &[], Content::Value)
}

fn made(document: &Json, overrides: &[Known], content: Content) -> State {
    let mut compiler = Compiler::new();
    let set = compiler.compile("set", document).expect("it is valid");
    assert_eq!(set.problems, []);
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    assert_eq!(snapshot.problems(), []);
    let place = Place {
        region: "eu",
        cluster: "eu-1",
    };
    let census = Census::take(overrides, &snapshot, place, NOW_MS);
    assert_eq!(census.in_force.len(), overrides.len());
    let keys = document["flags"].as_object().unwrap().keys();
    let keys: Vec<&str> = keys
        .map(String::as_str)
        .filter(|key| key.starts_with("flag-"))
        .collect();
    let routes = [compiled(&snapshot, &keys, content)].into();
    let revision = HeaderValue::from_static("0123456789abcdef");
    State {
        overrides: census.in_force,
        ..State::bare(Arc::new(snapshot), routes, revision)
    }
}

pub(super) fn route(snapshot: &Snapshot, keys: &[&str]) -> RouteFlags {
    compiled(snapshot, keys, Content::Variant)
}

fn compiled(snapshot: &Snapshot, keys: &[&str], content: Content) -> RouteFlags {
    let route = Route {
        name: "all".into(),
        host: None,
        path: "/".into(),
        upstream: "stable".into(),
        canary: None,
        flags: keys.iter().map(ToString::to_string).collect(),
        present: Present {
            form: Form::Dictionary,
            content,
        },
    };
    let route = RouteFlags::compile(&route, snapshot, &[]);
    assert_eq!(route.flags.len(), keys.len());
    route
}

/// Turns a flag off, for everyone.
pub(super) fn killed(flag: &str, ends_ms: u64) -> Known {
    known(flag, Some("off"), None, ends_ms)
}
