use std::collections::BTreeMap;

use burgee_eval::Compiler;
use serde_json::{Value, json};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::*;
use crate::config::{Canary, Content};

fn reserved() -> Vec<String> {
    ["x-flag-", "x-flags-", "flags"].map(str::to_owned).into()
}

/// One set of enabled flags without rules. The default is the variant whose name sorts first.
fn snapshot(flags: &[(&str, Value)], delivery: &Value) -> Snapshot {
    let flags: serde_json::Map<String, Value> = flags
        .iter()
        .map(|(key, variants)| {
            let first = variants.as_object().unwrap().keys().min().unwrap();
            let flag = json!({ "state": "ENABLED", "variants": variants, "defaultVariant": first });
            ((*key).to_owned(), flag)
        })
        .collect();
    let document = json!({ "flags": flags, "delivery": delivery });
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("test", &document)
        .expect("the document compiles");
    Snapshot::new(&compiler, [Arc::new(set)])
}

fn route(flags: &[&str], form: Form, content: Content) -> Route {
    Route {
        name: "shop".into(),
        host: None,
        path: "/".into(),
        upstream: "stable".into(),
        canary: None,
        flags: flags.iter().map(ToString::to_string).collect(),
        present: Present { form, content },
    }
}

#[test]
fn values_come_back_as_they_were() {
    for (text, expected) in [
        ("", ""),
        ("on", "on"),
        ("winter sale", "winter sale"),
        (" edges ", "%20edges%20"),
        (" ", "%20"),
        ("100%", "100%25"),
        ("%41", "%2541"),
        ("Grüße", "Gr%C3%BC%C3%9Fe"),
        ("a\r\nb", "a%0D%0Ab"),
        ("\u{1F6A9}", "%F0%9F%9A%A9"),
        ("{\"a\":[1,2]}", "{\"a\":[1,2]}"),
    ] {
        let value = encode(text);
        assert_eq!(value.to_str().unwrap(), expected);
        assert_eq!(decode(&value).unwrap(), text);
    }
}

fn header_values(variants: Value, content: Content) -> Vec<(String, String)> {
    let snapshot = snapshot(&[("a", variants)], &json!({}));
    let route = RouteFlags::compile(
        &route(&["a"], Form::Headers, content),
        &snapshot,
        &reserved(),
    );
    let flag = &route.flags[0];
    let Some(Told::Header { name, values }) = &flag.told else {
        panic!("{:?}", route.problems)
    };
    assert_eq!(name, "x-flag-a");
    let variants = &snapshot.flag(flag.index.unwrap()).variants;
    let value = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    variants
        .iter()
        .zip(values)
        .map(|(variant, text)| (variant.name.to_string(), value(text)))
        .collect()
}

#[test]
fn a_header_carries_the_name_or_the_value() {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let switch = json!({ "on": true, "off": false });
    assert_eq!(
        header_values(switch.clone(), Content::Variant),
        owned(&[("off", "off"), ("on", "on")])
    );
    assert_eq!(
        header_values(switch, Content::Value),
        owned(&[("off", "false"), ("on", "true")])
    );
    let objects = json!({ "a": { "size": 1, "name": "ü" }, "b": {} });
    assert_eq!(
        header_values(objects, Content::Value),
        owned(&[("a", "{\"name\":\"%C3%BC\",\"size\":1}"), ("b", "{}")])
    );
    assert_eq!(
        header_values(json!({ "a": 1.5, "b": 2 }), Content::Value),
        owned(&[("a", "1.5"), ("b", "2")])
    );
}

/// The dictionary member of a flag with one variant, parsed by an RFC 9651 parser.
fn unseparated(member: &str) -> &str {
    member.strip_suffix(SEPARATOR).expect("more may follow")
}

fn member(variants: Value, content: Content) -> BareItem {
    let snapshot = snapshot(&[("a", variants)], &json!({}));
    let route = RouteFlags::compile(
        &route(&["a"], Form::Dictionary, content),
        &snapshot,
        &reserved(),
    );
    let Some(Told::Member(members)) = &route.flags[0].told else {
        panic!("{:?}", route.problems)
    };
    let dictionary: Dictionary = Parser::new(unseparated(&members[0])).parse().unwrap();
    match dictionary.get("a") {
        Some(ListEntry::Item(item)) => item.bare_item.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_variant_is_a_token_a_string_or_a_display_string() {
    let name = |name: &str| member(json!({ name: true }), Content::Variant);
    assert_eq!(name("on").as_token().unwrap().as_str(), "on");
    assert_eq!(name("v1.2/x").as_token().unwrap().as_str(), "v1.2/x");
    assert_eq!(name("2nd try").as_string().unwrap().as_str(), "2nd try");
    assert_eq!(name("a\"b\\").as_string().unwrap().as_str(), "a\"b\\");
    assert_eq!(name("grün").as_display_string().unwrap(), "grün");
}

#[test]
fn a_value_is_of_the_rfcs_own_type_where_that_holds_it_exactly() {
    let value = |value: Value| member(json!({ "v": value }), Content::Value);
    assert_eq!(value(json!(true)).as_boolean(), Some(true));
    assert_eq!(value(json!(false)).as_boolean(), Some(false));
    assert_eq!(
        i64::from(value(json!(999_999_999_999_999_i64)).as_integer().unwrap()),
        999_999_999_999_999
    );
    assert_eq!(
        value(json!(1_000_000_000_000_000_i64))
            .as_string()
            .unwrap()
            .as_str(),
        "1000000000000000"
    );
    let decimal = f64::from(value(json!(-12.375)).as_decimal().unwrap());
    assert!((decimal - -12.375).abs() < f64::EPSILON);
    assert_eq!(value(json!(0.1234)).as_string().unwrap().as_str(), "0.1234");
    assert_eq!(value(json!("on")).as_string().unwrap().as_str(), "on");
    assert_eq!(
        value(json!({ "a": [1] })).as_string().unwrap().as_str(),
        "{\"a\":[1]}"
    );
}

/// Messages of every problem on a route that lists every flag.
fn complaints(flags: &[&str], delivery: &Value, form: Form) -> Vec<String> {
    let switch = json!({ "on": true, "off": false });
    let defined: Vec<(&str, Value)> = flags.iter().map(|key| (*key, switch.clone())).collect();
    let snapshot = snapshot(&defined, delivery);
    let route = RouteFlags::compile(
        &route(flags, form, Content::Variant),
        &snapshot,
        &reserved(),
    );
    route
        .problems
        .into_iter()
        .map(|problem| problem.message)
        .collect()
}

#[test]
fn a_key_that_cannot_be_a_header_name_needs_one() {
    let found = complaints(&["new checkout"], &json!({}), Form::Headers);
    assert_eq!(
        found,
        ["the key `new checkout` cannot be part of a header name"]
    );
    let named = json!({ "new checkout": { "header": "x-flag-checkout" } });
    assert!(complaints(&["new checkout"], &named, Form::Headers).is_empty());
}

#[test]
fn a_header_outside_the_reserved_prefixes_is_refused() {
    for header in [
        "x-checkout",
        "cookie",
        "flagship",
        "flags",
        "x-flags-revision",
        "x_flags.fallback",
        "no header",
    ] {
        let found = complaints(&["a"], &json!({ "a": { "header": header } }), Form::Headers);
        assert_eq!(found.len(), 1, "{header}");
    }
}

#[test]
fn two_flags_on_one_header_are_refused_however_they_are_spelled() {
    let clash = |a: &str, b: &str| complaints(&[a, b], &json!({}), Form::Headers);
    assert_eq!(
        clash("new-cart", "new_cart"),
        ["flags `new-cart` and `new_cart` have the same header"]
    );
    assert_eq!(clash("newCart", "newcart").len(), 1);
    assert_eq!(clash("new.cart", "new-cart").len(), 1);
    assert!(clash("new-cart", "new-carts").is_empty());
    let named = json!({ "b": { "header": "X-Flag-A" } });
    assert_eq!(complaints(&["a", "b"], &named, Form::Headers).len(), 1);
}

#[test]
fn dictionary_keys_are_the_flags_own_or_the_name_of_the_header() {
    assert!(
        complaints(
            &["new-cart", "new_cart", "*.a"],
            &json!({}),
            Form::Dictionary
        )
        .is_empty()
    );
    assert_eq!(
        complaints(&["newCart"], &json!({}), Form::Dictionary).len(),
        1
    );
    let snapshot = snapshot(
        &[("newCart", json!({ "on": true }))],
        &json!({ "newCart": { "header": "X-Flag-Cart" } }),
    );
    let route = RouteFlags::compile(
        &route(&["newCart"], Form::Dictionary, Content::Variant),
        &snapshot,
        &reserved(),
    );
    let Some(Told::Member(members)) = &route.flags[0].told else {
        panic!("{:?}", route.problems)
    };
    assert_eq!(unseparated(&members[0]), "x-flag-cart=on");
}

#[test]
fn a_route_tells_at_most_64_flags_by_a_header_each() {
    let keys: Vec<String> = (0..=MAX_FLAG_HEADERS)
        .map(|number| format!("flag-{number}"))
        .collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(complaints(&keys, &json!({}), Form::Headers).len(), 1);
    assert!(complaints(&keys[1..], &json!({}), Form::Headers).is_empty());
    assert!(complaints(&keys, &json!({}), Form::Dictionary).is_empty());
}

#[test]
fn a_value_that_no_backend_takes_is_left_out() {
    for (length, problems) in [(MAX_VALUE_BYTES, 0), (MAX_VALUE_BYTES + 1, 1)] {
        let snapshot = snapshot(&[("a", json!({ "v": "x".repeat(length) }))], &json!({}));
        let route = RouteFlags::compile(
            &route(&["a"], Form::Headers, Content::Value),
            &snapshot,
            &reserved(),
        );
        assert_eq!(route.problems.len(), problems);
        assert_eq!(route.flags[0].told.is_none(), problems == 1);
    }
}

#[test]
fn a_flag_that_nobody_defines_is_reported_and_spoils_nothing() {
    let snapshot = snapshot(&[("a", json!({ "on": true }))], &json!({}));
    let route = RouteFlags::compile(
        &route(&["gone", "a"], Form::Headers, Content::Variant),
        &snapshot,
        &reserved(),
    );
    assert_eq!(route.problems.len(), 1);
    assert!(route.flags[0].index.is_none());
    assert!(route.flags[1].told.is_some());
}

#[test]
fn the_canary_is_decided_but_not_told_where_the_route_does_not_list_it() {
    let snapshot = snapshot(
        &[("backend", json!({ "stable": 1, "canary": 2 }))],
        &json!({}),
    );
    let mut route = route(&[], Form::Headers, Content::Variant);
    let upstreams = BTreeMap::from([
        ("canary".to_owned(), "new".to_owned()),
        ("gone".to_owned(), "x".to_owned()),
    ]);
    route.canary = Some(Canary {
        flag: "backend".into(),
        upstreams,
    });
    let compiled = RouteFlags::compile(&route, &snapshot, &reserved());
    assert_eq!(compiled.problems.len(), 1, "`gone` is no variant");
    let canary = compiled.canary.as_ref().unwrap();
    let upstreams: Vec<Option<&str>> = canary.upstreams.iter().map(Option::as_deref).collect();
    assert_eq!(upstreams, [Some("new"), None]);
    assert!(compiled.flags[canary.flag].told.is_none());
    route.flags.push("backend".into());
    let listed = RouteFlags::compile(&route, &snapshot, &reserved());
    assert_eq!(listed.flags.len(), 1);
    assert!(listed.flags[0].told.is_some());
}

#[test]
fn every_problem_is_found_beforehand() {
    let switch = json!({ "on": true, "off": false });
    let snapshot = snapshot(&[("a b", switch.clone()), ("c", switch)], &json!({}));
    let routes = [route(&["a b", "gone"], Form::Headers, Content::Variant)];
    let found: Vec<String> = problems(&routes, &snapshot, &reserved())
        .into_iter()
        .map(|problem| problem.flag)
        .collect();
    assert_eq!(found, ["a b", "gone"]);
}

/// What a prerequisite reads is needed on the route, whether the route lists it or not.
#[test]
fn a_route_reads_what_its_flags_require() {
    let rule = |var: &str| {
        json!({ "state": "ENABLED", "variants": { "on": true }, "defaultVariant": "on",
            "targeting": { "if": [{ "var": var }, "on"] } })
    };
    let document = json!({
        "flags": { "a": rule("plan"), "b": rule("geo.country"), "c": rule("device.os"), "d": rule("other") },
        "delivery": {
            "a": { "requires": { "b": ["on"] } },
            "b": { "requires": { "c": ["on"] }, "regions": ["eu"] },
            "c": { "layer": { "name": "x", "from": 0, "to": 9 } },
        },
    });
    let mut compiler = Compiler::new();
    let set = compiler.compile("test", &document).expect("valid");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let route = route(&["a"], Form::Headers, Content::Variant);
    let route = RouteFlags::compile(&route, &snapshot, &reserved());
    let mut reads: Vec<&str> = route
        .reads
        .iter()
        .map(|id| snapshot.attributes().name(*id))
        .collect();
    reads.sort_unstable();
    let expected = ["device.os", "geo.country", "plan", "region", "targetingKey"];
    assert_eq!(reads, expected);
}
