//! How decisions look on the wire: what is written reads back as what was meant, by the crate `sfv`
//! for the dictionary and by percent-decoding for a header of its own.
//!
//! An input is a flag set as JSON; each of its flags is told in every form.

use std::collections::HashSet;
use std::sync::Arc;

use burgee::config::{Content, Form, Present, Route};
use burgee::wire::{MAX_VALUE_BYTES, RouteFlags, Told, decode};
use burgee_eval::{Compiler, Flag, Snapshot, Variant};
use serde_json::Value as Json;
use sfv::{BareItem, Dictionary, FieldType, ListEntry, Parser};

/// Panics where a flag is told as something else than what it is.
pub fn check(input: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Json>(input) else {
        return;
    };
    let mut compiler = Compiler::new();
    let Ok(set) = compiler.compile("fuzz", &document) else {
        return;
    };
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let reserved = ["x-flag-", "x-flags-", "flags"].map(str::to_owned);
    for form in [Form::Headers, Form::Dictionary] {
        for content in [Content::Variant, Content::Value] {
            let route = route(&snapshot, Present { form, content });
            let route_flags = RouteFlags::compile(&route, &snapshot, &reserved);
            each(&snapshot, &route_flags, content);
        }
    }
    for problem in burgee::wire::problems(&[], &snapshot, &reserved) {
        assert!(!problem.message.is_empty() && !problem.help.is_empty());
    }
}

fn route(snapshot: &Snapshot, present: Present) -> Route {
    Route {
        name: "fuzz".to_owned(),
        host: None,
        path: "/".to_owned(),
        upstream: String::new(),
        canary: None,
        flags: snapshot
            .flags()
            .map(|(_, flag)| flag.key.to_string())
            .collect(),
        present,
    }
}

fn each(snapshot: &Snapshot, route: &RouteFlags, content: Content) {
    let mut names = HashSet::new();
    let mut members = Vec::new();
    for route_flag in &route.flags {
        let index = route_flag.index.expect("each was taken from the snapshot");
        let flag = snapshot.flag(index);
        match &route_flag.told {
            None => {
                let is_named = route
                    .problems
                    .iter()
                    .any(|problem| problem.flag == *flag.key);
                assert!(is_named, "{} is left out, and nothing says so", flag.key);
            }
            Some(Told::Header { name, values }) => {
                let name = name.as_str();
                assert!(name.starts_with("x-flag"), "{name} is not reserved");
                assert!(names.insert(name.replace('_', "-")), "{name} twice");
                assert_eq!(values.len(), flag.variants.len());
                for (variant, value) in flag.variants.iter().zip(values) {
                    assert!(value.len() <= MAX_VALUE_BYTES);
                    let visible = |byte: &u8| matches!(byte, b' '..=b'~');
                    assert!(value.as_bytes().iter().all(visible), "{value:?}");
                    assert_eq!(value.as_bytes().trim_ascii(), value.as_bytes());
                    assert_eq!(decode(value), Some(meant(variant, content)));
                }
            }
            Some(Told::Member(values)) => {
                let key = self::members(flag, values, content);
                assert!(names.insert(key.clone()), "{key} twice");
                members.extend(values.first().map(|member| (key, &**member)));
            }
        }
    }
    together(&members);
}

/// Every variant as a dictionary of one member; its key.
fn members(flag: &Flag, values: &[Box<str>], content: Content) -> String {
    assert_eq!(values.len(), flag.variants.len());
    let mut keys = HashSet::new();
    for (variant, written) in flag.variants.iter().zip(values) {
        let written = unseparated(written);
        assert!(written.len() <= MAX_VALUE_BYTES);
        let read = dictionary(written);
        assert_eq!(read.serialize().as_deref(), Some(written));
        let mut read = read.into_iter();
        let (key, entry) = read.next().expect("there is a member");
        assert!(read.next().is_none(), "{written:?} is more than one member");
        let ListEntry::Item(item) = entry else {
            panic!("{written:?} is no item");
        };
        assert!(item.params.is_empty(), "{written:?} has parameters");
        same(&item.bare_item, variant, content);
        keys.insert(key.as_str().to_owned());
    }
    assert!(keys.len() == 1, "{keys:?}");
    keys.into_iter().next().expect("there is one")
}

/// As a request has them: one header with a member of every flag.
fn together(members: &[(String, &str)]) {
    if members.is_empty() {
        return;
    }
    let joined: String = members.iter().map(|(_, member)| *member).collect();
    let read = dictionary(unseparated(&joined));
    let keys: Vec<&str> = read.keys().map(|key| key.as_str()).collect();
    let expected: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, expected);
}

/// Without the separator that every member ends in.
fn unseparated(members: &str) -> &str {
    members.strip_suffix(", ").expect("another could follow")
}

fn dictionary(text: &str) -> Dictionary {
    Parser::new(text)
        .parse()
        .unwrap_or_else(|error| panic!("{text:?} is no dictionary: {error}"))
}

/// Whether an item says what the variant is.
fn same(item: &BareItem, variant: &Variant, content: Content) {
    let value = match content {
        Content::Variant => Json::from(&*variant.name),
        Content::Value => variant.value.clone(),
    };
    match (item, &value) {
        (BareItem::Boolean(item), Json::Bool(value)) => assert_eq!(item, value),
        (BareItem::Integer(item), Json::Number(value)) => {
            assert_eq!(Some(i64::from(*item)), value.as_i64());
        }
        (BareItem::Decimal(item), Json::Number(value)) => {
            assert_eq!(Some(f64::from(*item)), value.as_f64());
        }
        (BareItem::Token(item), value) => {
            assert_eq!(content, Content::Variant, "a token is a name");
            assert_eq!(Some(item.as_str()), value.as_str());
        }
        (BareItem::String(item), _) => assert_eq!(item.as_str(), meant(variant, content)),
        (BareItem::DisplayString(item), _) => assert_eq!(*item, meant(variant, content)),
        (item, value) => panic!("{value} became {item:?}"),
    }
}

/// What a backend is to read.
fn meant(variant: &Variant, content: Content) -> String {
    match (content, &variant.value) {
        (Content::Variant, _) => variant.name.to_string(),
        (Content::Value, Json::String(text)) => text.clone(),
        (Content::Value, value) => value.to_string(),
    }
}
