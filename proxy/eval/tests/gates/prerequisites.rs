//! What a flag requires of others, as they are served.

use std::collections::BTreeMap;

use burgee_eval::{Context, FlagIndex, Moment, Overridden, Overrides, evaluate_with, explain_with};
use serde_json::{Value as Json, json};

use crate::world::{
    MET, Set, UNMET, at, decide, disabled, flag, join, moment, one, problems, ruled, told,
};

/// Flags that each require one variant of one other flag, and their entries in `delivery`. They are named
/// `key=variant`.
fn requiring(wanted: &[(&str, &str)]) -> (Json, Json) {
    let name = |key: &str, variant: &str| format!("{key}={variant}");
    let flags: serde_json::Map<_, _> = wanted
        .iter()
        .map(|(key, variant)| (name(key, variant), ruled()))
        .collect();
    let delivery: serde_json::Map<_, _> = wanted
        .iter()
        .map(|(key, variant)| {
            let entry = json!({ "requires": { *key: [variant] } });
            (name(key, variant), entry)
        })
        .collect();
    (flags.into(), delivery.into())
}

#[test]
fn a_prerequisite_counts_as_it_is_served() {
    let mut no_default = flag("on");
    no_default["defaultVariant"] = json!(null);
    let mut by_user = flag("on");
    by_user["targeting"] = json!({ "if": [{ "var": "beta" }, "on", "off"] });
    let mut broken = flag("on");
    broken["targeting"] = json!({ "nope": [] });
    let flags = json!({
        "on": flag("on"), "off": flag("off"), "disabled": disabled(), "no-default": no_default,
        "broken": broken, "by-user": by_user, "in-eu": ruled(),
    });
    let cases = [
        ("on", "on", json!({}), MET),
        ("off", "on", json!({}), UNMET),
        ("disabled", "on", json!({}), UNMET),
        ("no-default", "on", json!({}), UNMET),
        ("broken", "on", json!({}), UNMET),
        ("by-user", "on", json!({ "beta": true }), MET),
        ("by-user", "on", json!({}), UNMET),
        ("in-eu", "on", json!({ "region": "eu" }), MET),
        ("in-eu", "on", json!({ "region": "us" }), UNMET),
        // Outside of its region it is served its default, which is wanted here.
        ("in-eu", "off", json!({ "region": "us" }), MET),
        ("nowhere", "on", json!({}), UNMET),
        ("on", "nope", json!({}), UNMET),
    ];
    let wanted: Vec<_> = cases
        .iter()
        .map(|(key, variant, ..)| (*key, *variant))
        .collect();
    let (requiring, delivery) = requiring(&wanted);
    // The set that requires comes first, and the flags that are required come from another.
    let snapshot = join(&[
        Set("a", requiring, delivery),
        Set("b", flags, json!({ "in-eu": { "regions": ["eu"] } })),
    ]);
    for (key, variant, context, expected) in cases {
        let name = format!("{key}={variant}");
        assert_eq!(
            decide(&snapshot, &name, &context),
            expected,
            "{name} {context}"
        );
    }
    assert_eq!(
        problems(&snapshot),
        [
            "a /delivery/nowhere=on/requires/nowhere there is no flag \"nowhere\", which \"nowhere=on\" requires",
            "a /delivery/on=nope/requires/on/0 \"on\" has no variant \"nope\", which \"on=nope\" requires",
        ]
    );
}

#[test]
fn every_prerequisite_must_hold_and_any_of_its_variants_will_do() {
    let flags = json!({ "on": flag("on"), "off": flag("off"), "both": ruled(), "either": ruled(), "some": ruled() });
    let snapshot = one(
        flags,
        json!({
            "both": { "requires": { "on": ["on"], "off": ["on"] } },
            "either": { "requires": { "on": ["off", "on"], "off": ["off", "on"] } },
            // A variant that is not there spoils nothing of those that are.
            "some": { "requires": { "on": ["nope", "on"] } },
        }),
    );
    assert_eq!(decide(&snapshot, "both", &json!({})), UNMET);
    assert_eq!(decide(&snapshot, "either", &json!({})), MET);
    assert_eq!(decide(&snapshot, "some", &json!({})), MET);
    assert_eq!(problems(&snapshot).len(), 1);
}

#[test]
fn prerequisites_of_prerequisites_count_and_see_the_same_context_and_moment() {
    let mut timed = flag("off");
    timed["targeting"] =
        json!({ "if": [{ ">": [{ "var": "$flagd.timestamp" }, 500] }, "on", "off"] });
    let snapshot = join(&[
        Set(
            "a",
            json!({ "a": ruled() }),
            json!({ "a": { "requires": { "b": ["on"] } } }),
        ),
        Set(
            "b",
            json!({ "b": ruled() }),
            json!({ "b": {
            "requires": { "c": ["on"] }, "stale": { "after": "1m", "then": "default" } } }),
        ),
        Set("c", json!({ "c": timed }), json!({})),
    ]);
    assert_eq!(at(&snapshot, "a", &json!({}), Moment::current(501)), MET);
    assert_eq!(at(&snapshot, "a", &json!({}), Moment::current(500)), UNMET);
    let old = Moment {
        now: 600,
        synced_at: Some(500),
    };
    assert_eq!(at(&snapshot, "b", &json!({}), old), "off STALE");
    assert_eq!(at(&snapshot, "a", &json!({}), old), UNMET);
}

/// Overrides some flags, for one user or for everyone.
#[derive(Default)]
struct Standing(BTreeMap<FlagIndex, (Option<&'static str>, Overridden)>);

impl Overrides for Standing {
    fn find(&self, flag: FlagIndex, context: &Context<'_>) -> Option<Overridden> {
        let (key, overridden) = self.0.get(&flag)?;
        (key.is_none() || *key == context.targeting_key()).then_some(*overridden)
    }
}

#[test]
fn an_override_of_a_prerequisite_counts() {
    let snapshot = join(&[
        Set(
            "a",
            json!({ "a": ruled(), "z": ruled() }),
            json!({
            "a": { "requires": { "b": ["on"] } }, "z": { "requires": { "a": ["on"] } } }),
        ),
        Set("b", json!({ "b": flag("on"), "d": disabled() }), json!({})),
        Set(
            "c",
            json!({ "c": ruled() }),
            json!({ "c": { "requires": { "d": ["on"] } } }),
        ),
    ]);
    let find = |key: &str| snapshot.find(key).expect("it is there");
    let variant = |key: &str, name: &str| {
        Overridden::Variant(snapshot.flag(find(key)).variant(name).expect("it is there"))
    };
    let under = |key: &str, user: &str, overrides: &Standing| {
        let mut context = Context::new(snapshot.attributes());
        context.set_targeting_key(user);
        let decision = evaluate_with(&snapshot, find(key), &context, moment(), overrides);
        let explained = explain_with(&snapshot, find(key), &context, moment(), overrides);
        assert_eq!(told(&decision), told(&explained.decision));
        told(&decision)
    };
    let none = Standing::default();
    assert_eq!(under("a", "u", &none), MET);
    assert_eq!(under("z", "u", &none), MET);
    assert_eq!(under("c", "u", &none), UNMET);

    // Who kills `b` kills what requires it, and what requires that.
    let killed = Standing([(find("b"), (None, variant("b", "off")))].into());
    assert_eq!(
        under("b", "u", &killed),
        "on STATIC",
        "its own override is for the caller"
    );
    assert_eq!(under("a", "u", &killed), UNMET);
    assert_eq!(under("z", "u", &killed), UNMET);
    // For one user only.
    let killed = Standing([(find("b"), (Some("v"), variant("b", "off")))].into());
    assert_eq!(under("a", "u", &killed), MET);
    assert_eq!(under("a", "v", &killed), UNMET);
    // An override stands above `DISABLED`.
    let revived = Standing([(find("d"), (None, variant("d", "on")))].into());
    assert_eq!(under("c", "u", &revived), MET);
    // To its default, which `b` is anyway; and `d`'s is not the one that is wanted.
    let default = Standing(
        ["b", "d"]
            .map(|key| (find(key), (None, Overridden::Default)))
            .into(),
    );
    assert_eq!(under("a", "u", &default), MET);
    assert_eq!(under("c", "u", &default), UNMET);
    // Between the two, the override of `a` counts for `z`, whatever `a` requires.
    let both = Standing(
        [
            (find("b"), (None, variant("b", "off"))),
            (find("a"), (None, variant("a", "on"))),
        ]
        .into(),
    );
    assert_eq!(under("z", "u", &both), MET);
}

/// It stands for the flag alone: the cycle stays one for the other members.
#[test]
fn an_override_of_a_member_of_a_cycle_is_seen_from_outside_of_it() {
    let snapshot = one(
        json!({ "a": ruled(), "b": ruled(), "out": ruled() }),
        json!({
            "a": { "requires": { "b": ["on"] } },
            "b": { "requires": { "a": ["on"] } },
            "out": { "requires": { "a": ["on"] } },
        }),
    );
    let find = |key: &str| snapshot.find(key).expect("it is there");
    let on = snapshot.flag(find("a")).variant("on").expect("it is there");
    let context = Context::new(snapshot.attributes());
    let forced = Standing([(find("a"), (None, Overridden::Variant(on)))].into());
    let under = |key: &str| {
        told(&evaluate_with(
            &snapshot,
            find(key),
            &context,
            moment(),
            &forced,
        ))
    };
    assert_eq!(under("out"), MET);
    assert_eq!(under("b"), UNMET);
}

/// A flag that requires itself would be a cycle.
#[test]
fn a_flag_is_not_suggested_to_itself() {
    let requires = |missing: &str| json!({ "new-cart": { "requires": { missing: ["on"] } } });
    let suggested = |flags: Json| {
        let snapshot = one(flags, requires("new-cert"));
        let help = snapshot.problems()[0].problem.help.clone();
        help.expect("what to do")
    };
    let alone = suggested(json!({ "new-cart": flag("on") }));
    assert!(alone.starts_with("define it"), "{alone}");
    let beside = suggested(json!({ "new-cart": flag("on"), "new-certs": flag("on") }));
    assert_eq!(beside, "did you mean \"new-certs\"?");
}
