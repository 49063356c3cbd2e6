//! Prerequisites and staleness, under overrides as proxies hold them.

use std::sync::Arc;

use burgee_eval::{Compiler, Reason, Snapshot};
use http::HeaderValue;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::envelope::Digest;
use crate::overrides::{Census, Keys, Known, OverrideDocument, Place, SALT_BYTES, Scope};
use crate::store::Origin;

const NOW_MS: u64 = 1_700_000_000_500;

fn constant(variant: &str) -> Value {
    json!({ "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": variant })
}

fn on_by_rule() -> Value {
    let mut flag = constant("off");
    flag["targeting"] = json!({ "if": [true, "on"] });
    flag
}

/// `top` of one set requires `middle` of another, which requires `base` of a third.
fn state(overrides: &[Known]) -> State {
    let requires = |key: &str| json!({ "requires": { key: ["on"] } });
    let stale = json!({ "stale": { "after": "1m", "then": "default" } });
    let documents = [
        ("one", "top", on_by_rule(), requires("middle")),
        ("two", "middle", on_by_rule(), requires("base")),
        ("three", "base", constant("on"), json!({})),
        ("four", "fresh", on_by_rule(), stale),
    ];
    let mut compiler = Compiler::new();
    let sets: Vec<_> = documents
        .into_iter()
        .map(|(set, key, flag, entry)| {
            let document = json!({ "flags": { key: flag }, "delivery": { key: entry } });
            Arc::new(compiler.compile(set, &document).expect("valid"))
        })
        .collect();
    let snapshot = Snapshot::new(&compiler, sets);
    assert_eq!(snapshot.problems(), []);
    let place = Place {
        region: "eu",
        cluster: "eu-1",
    };
    let census = Census::take(overrides, &snapshot, place, NOW_MS);
    let revision = HeaderValue::from_static("0123456789abcdef");
    State {
        overrides: census.in_force,
        override_list: census.list,
        ..State::bare(Arc::new(snapshot), Box::default(), revision)
    }
}

/// An override of the region `eu`, from its log.
pub(crate) fn known(flag: &str, variant: Option<&str>, keys: Option<Keys>, ends_ms: u64) -> Known {
    Known {
        document: OverrideDocument {
            flag: flag.into(),
            variant: variant.map(Into::into),
            scope: Scope::Region("eu".into()),
            keys,
            ends: Timestamp::MAX,
        },
        log: "BURGEE_OVERRIDES_EU".into(),
        origin: Origin::Log,
        revision: 1,
        when: Timestamp::UNIX_EPOCH,
        digest: Digest([0; 32]),
        who: "ann".into(),
        why: "errors".into(),
        ends_ms,
    }
}

/// Variant and reason, and that the explanation agrees.
fn served(state: &State, key: &str, user: &str, at: At) -> (String, Reason) {
    let flag = state.snapshot.find(key).expect("it is there");
    let mut context = Context::new(state.snapshot.attributes());
    context.set_targeting_key(user);
    let decision = decide(state, flag, &context, at);
    if decision.reason != Reason::Override {
        let explained = explain(state, &state.overrides, flag, &context, at).decision;
        assert_eq!(
            (explained.variant, explained.reason),
            (decision.variant, decision.reason)
        );
    }
    let variant = decision.variant_name().unwrap_or("-");
    (variant.to_owned(), decision.reason)
}

fn at(now_ms: u64) -> At {
    At {
        now_ms,
        synced_at_ms: Some(now_ms),
    }
}

fn is(variant: &str, reason: Reason) -> (String, Reason) {
    (variant.to_owned(), reason)
}

#[test]
fn who_kills_a_prerequisite_kills_what_requires_it_until_the_override_ends() {
    let none = state(&[]);
    for key in ["top", "middle"] {
        assert_eq!(
            served(&none, key, "u", at(NOW_MS)),
            is("on", Reason::TargetingMatch)
        );
    }
    let ends_ms = NOW_MS + 60_000;
    let killed = state(&[known("base", Some("off"), None, ends_ms)]);
    for now_ms in [NOW_MS, ends_ms - 1] {
        assert_eq!(
            served(&killed, "base", "u", at(now_ms)),
            is("off", Reason::Override)
        );
        assert_eq!(
            served(&killed, "middle", "u", at(now_ms)),
            is("off", Reason::Prerequisite)
        );
        assert_eq!(
            served(&killed, "top", "u", at(now_ms)),
            is("off", Reason::Prerequisite)
        );
    }
    // To the millisecond, though rules see seconds.
    assert_eq!(
        served(&killed, "top", "u", at(ends_ms)),
        is("on", Reason::TargetingMatch)
    );
}

#[test]
fn an_override_of_some_users_is_one_for_what_requires_it_too() {
    let keys = Keys::new([7; SALT_BYTES], ["v"]);
    let killed = state(&[known("base", Some("off"), Some(keys), u64::MAX)]);
    assert_eq!(
        served(&killed, "top", "u", at(NOW_MS)),
        is("on", Reason::TargetingMatch)
    );
    assert_eq!(
        served(&killed, "top", "v", at(NOW_MS)),
        is("off", Reason::Prerequisite)
    );
}

#[test]
fn an_override_of_the_flag_itself_stands_above_what_it_requires() {
    let both = state(&[
        known("base", Some("off"), None, u64::MAX),
        known("middle", Some("on"), None, u64::MAX),
    ]);
    assert_eq!(
        served(&both, "middle", "u", at(NOW_MS)),
        is("on", Reason::Override)
    );
    assert_eq!(
        served(&both, "top", "u", at(NOW_MS)),
        is("on", Reason::TargetingMatch)
    );
    // Its default, which is not what is wanted of it.
    let default = state(&[known("middle", None, None, u64::MAX)]);
    assert_eq!(
        served(&default, "top", "u", at(NOW_MS)),
        is("off", Reason::Prerequisite)
    );
}

/// Which override decides is a matter of precedence, not of the order in which they are known.
#[test]
fn an_override_that_decides_is_told() {
    let keys = Keys::new([7; SALT_BYTES], ["v"]);
    let everyone = known("base", Some("off"), None, u64::MAX);
    let others = known("middle", Some("off"), None, u64::MAX);
    let named = Known {
        why: "a tester".into(),
        ..known("base", Some("on"), Some(keys), NOW_MS + 1)
    };
    let state = state(&[everyone, others, named]);
    let flag = state.snapshot.find("base").expect("it is there");
    let told = |user: &str, now_ms: u64| {
        let mut context = Context::new(state.snapshot.attributes());
        context.set_targeting_key(user);
        let standing = overridden(&state, &state.overrides, flag, &context, at(now_ms));
        let (decision, listed) = standing.expect("it stands");
        let by = &state.override_list[listed];
        assert_eq!(
            (decision.variant_name(), &*by.flag),
            (by.variant.as_deref(), "base")
        );
        (by.why.as_str(), by.keys)
    };
    assert_eq!(told("v", NOW_MS), ("a tester", Some(1)));
    assert_eq!(told("v", NOW_MS + 1), ("errors", None));
    assert_eq!(told("u", NOW_MS), ("errors", None));
}

#[test]
fn age_counts_from_what_the_store_knows() {
    let state = state(&[]);
    let after = |synced_at_ms: Option<u64>| {
        let at = At {
            now_ms: NOW_MS,
            synced_at_ms,
        };
        served(&state, "fresh", "u", at).1
    };
    assert_eq!(after(Some(NOW_MS)), Reason::TargetingMatch);
    assert_eq!(after(Some(NOW_MS - 60_000)), Reason::TargetingMatch);
    assert_eq!(after(Some(NOW_MS - 61_000)), Reason::Stale);
    assert_eq!(after(Some(NOW_MS + 60_000)), Reason::TargetingMatch);
    assert_eq!(after(None), Reason::Stale);
}
