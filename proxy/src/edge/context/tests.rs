use std::collections::BTreeMap;

use burgee_eval::{Compiler, Snapshot};
use http::{HeaderMap, Method, Uri};
use serde_json::json;

use super::*;
use crate::config::{Content, Form, Present, Route};
use crate::edge::client::Client;

fn header(name: &'static str, from_client: bool) -> HeaderSource {
    HeaderSource {
        name: HeaderName::from_static(name),
        from_client,
    }
}

fn sources() -> Sources {
    let declared = [
        ("plan", AttributeSource::Header(header("x-plan", true))),
        ("beta", AttributeSource::Cookie("beta".into())),
        ("campaign", AttributeSource::Query("utm".into())),
    ];
    let mut attributes: Vec<(Box<str>, Source)> = vec![
        ("http.host".into(), Source::Host),
        ("http.method".into(), Source::Method),
        ("http.path".into(), Source::Path),
        ("client.address".into(), Source::ClientAddress),
        ("region".into(), Source::Region),
        ("cluster".into(), Source::Cluster),
        (
            "geo.country".into(),
            Source::Geo {
                header: Some(header("cf-ipcountry", false)),
                path: None,
            },
        ),
    ];
    attributes.extend(declared.map(|(name, source)| (name.into(), Source::Declared(source))));
    Sources {
        attributes,
        targeting_key: vec![KeySource::Header(header("x-user-id", false))],
        geo: None,
        devices: None,
        region: "eu".into(),
        cluster: "eu-1".into(),
    }
}

/// A snapshot with one flag of this rule, and a route that lists it.
fn one_flag(rule: &Json) -> (Snapshot, RouteFlags) {
    let flag = json!({ "state": "ENABLED", "variants": { "on": true }, "defaultVariant": "on", "targeting": rule });
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("test", &json!({ "flags": { "a": flag } }))
        .expect("the document compiles");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let route = Route {
        name: String::new(),
        host: None,
        path: "/".into(),
        upstream: String::new(),
        canary: None,
        flags: vec!["a".into()],
        present: Present {
            form: Form::Headers,
            content: Content::Variant,
        },
    };
    let route = RouteFlags::compile(&route, &snapshot, &["x-flag-".to_owned()]);
    (snapshot, route)
}

/// What a rule that reads these attributes finds in a request that has all of them.
fn read(names: &[&str]) -> BTreeMap<String, String> {
    read_as(&Method::POST, names)
}

fn read_as(method: &Method, names: &[&str]) -> BTreeMap<String, String> {
    let rule =
        json!({ "and": names.iter().map(|name| json!({ "var": name })).collect::<Vec<Json>>() });
    let (snapshot, route) = one_flag(&rule);
    let sources = sources();
    let bindings = sources.bind(&route, snapshot.attributes(), false);
    let headers: HeaderMap = [
        ("host", "Shop.Example:8080"),
        ("x-user-id", "u1"),
        ("x-plan", "gold"),
        ("cookie", "beta=yes"),
        ("cf-ipcountry", "DE"),
    ]
    .into_iter()
    .map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    })
    .collect();
    let client = Client {
        trusted: true,
        address: Some("203.0.113.9".parse().unwrap()),
        ..Client::default()
    };
    let uri = Uri::from_static("/cart?utm=winter%20sale");
    let request = Request {
        method,
        uri: &uri,
        headers: &headers,
        client: &client,
        limit: 64,
    };
    let attributes = snapshot.attributes();
    let (found, _, _) = sources.with_context(&bindings, attributes, &request, |context| {
        (0..attributes.len())
            .map(|number| AttributeId(u32::try_from(number).unwrap()))
            .map(|id| (attributes.name(id).to_owned(), context.get(id)))
            .filter(|(_, value)| !matches!(value, Value::Null))
            .map(|(name, value)| match value {
                Value::Str(text) => (name, text.to_owned()),
                Value::Json(json) => (name, json.to_string()),
                other => (name, format!("{other:?}")),
            })
            .collect()
    });
    found
}

/// The configuration refuses such names; should one come through, it is not read.
#[test]
fn no_declared_name_replaces_one_of_the_proxys_own() {
    let declared = ["region", "cluster", "http.path", "plan"];
    let context = config::Context {
        targeting_key: Vec::new(),
        attributes: declared
            .map(|name| (name.to_owned(), AttributeSource::Query("q".into())))
            .into(),
        geo: None,
        device: false,
    };
    let attributes = attributes(&context);
    let source = |wanted: &str| {
        let mut named = attributes.iter().filter(|(name, _)| **name == *wanted);
        let found = named.next().map(|(_, source)| source);
        assert!(named.next().is_none(), "{wanted} has one source");
        found.expect("it has a source")
    };
    assert!(matches!(source("region"), Source::Region));
    assert!(matches!(source("cluster"), Source::Cluster));
    assert!(matches!(source("http.path"), Source::Path));
    assert!(matches!(source("plan"), Source::Declared(_)));
}

#[test]
fn what_a_rule_reads_is_there_and_nothing_else() {
    let expect = |names: &[&str], values: &[(&str, &str)]| {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(read(names), values.collect(), "{names:?}");
    };
    let key = ("targetingKey", "u1");
    expect(&["plan"], &[key, ("plan", "gold")]);
    expect(
        &["beta", "campaign", "geo.country"],
        &[
            key,
            ("beta", "yes"),
            ("campaign", "winter sale"),
            ("geo.country", "DE"),
        ],
    );
    expect(
        &[
            "http.host",
            "http.method",
            "http.path",
            "client.address",
            "region",
            "cluster",
        ],
        &[
            key,
            ("http.host", "shop.example"),
            ("http.method", "POST"),
            ("http.path", "/cart"),
            ("client.address", "203.0.113.9"),
            ("region", "eu"),
            ("cluster", "eu-1"),
        ],
    );
    expect(&["unheard.of"], &[key]);
}

#[test]
fn a_method_longer_than_the_limit_is_absent() {
    let read = |bytes: usize| {
        let method = Method::from_bytes("M".repeat(bytes).as_bytes()).unwrap();
        read_as(&method, &["http.method"]).remove("http.method")
    };
    assert_eq!(read(64), Some("M".repeat(64)));
    assert_eq!(read(65), None);
}

#[test]
fn an_object_that_contains_attributes_is_there_as_one() {
    assert_eq!(read(&["geo"])["geo"], r#"{"country":"DE"}"#);
    assert_eq!(
        read(&["client", "geo.country"])["client"],
        r#"{"address":"203.0.113.9"}"#
    );
}

fn vary(rule: &Json, key_counts: bool) -> Option<String> {
    let (snapshot, route) = one_flag(rule);
    let bindings = sources().bind(&route, snapshot.attributes(), key_counts);
    let vary = bindings.vary?;
    Some(vary.to_str().unwrap().to_owned())
}

#[test]
fn vary_names_the_headers_that_the_rules_read() {
    let vary = |rule: &Json| vary(rule, false);
    assert_eq!(vary(&json!({ "==": [{ "var": "region" }, "eu"] })), None);
    assert_eq!(
        vary(&json!({ "==": [{ "var": "plan" }, "gold"] })).as_deref(),
        Some("x-plan")
    );
    assert_eq!(
        vary(&json!({ "and": [{ "var": "beta" }, { "var": "geo.country" }, { "var": "targetingKey" }] })).as_deref(),
        Some("cf-ipcountry, cookie, x-user-id")
    );
    // Whom X-Forwarded-For names, the cache in front adds after it has looked: decision 0003.
    assert_eq!(
        vary(&json!({ "==": [{ "var": "client.address" }, "x"] })),
        None
    );
}

#[test]
fn vary_names_the_key_where_an_override_is_for_named_keys() {
    let plan = json!({ "==": [{ "var": "plan" }, "gold"] });
    assert_eq!(vary(&plan, true).as_deref(), Some("x-plan, x-user-id"));
    let (snapshot, route) = one_flag(&plan);
    let bindings = sources().bind(&route, snapshot.attributes(), true);
    assert!(!bindings.targeting_key, "no cookie is minted for it");
}
