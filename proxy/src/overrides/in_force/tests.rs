use std::sync::Arc;

use burgee_eval::Compiler;
use burgee_eval::text::{Format, parse};

use super::*;

const NOW: u64 = 1_000_000;
const PLACE: Place<'_> = Place {
    region: "eu",
    cluster: "eu-1",
};

fn snapshot() -> Snapshot {
    let text = r#"{"flags":{
        "a":{"state":"ENABLED","variants":{"v0":0,"v1":1,"v2":2,"v3":3},"defaultVariant":"v0"},
        "b":{"state":"ENABLED","variants":{"v0":0},"defaultVariant":"v0"}}}"#;
    let mut compiler = Compiler::new();
    let document = parse(text, Format::Json).unwrap().value;
    let set = compiler.compile("set", &document).unwrap();
    Snapshot::new(&compiler, [Arc::new(set)])
}

/// An override of flag `a` that ends in a second.
fn known(variant: &str, scope: &str, keys: &[&str], when: &str) -> Known {
    Known {
        document: OverrideDocument {
            flag: "a".into(),
            variant: Some(variant.into()),
            scope: scope.parse().unwrap(),
            keys: (!keys.is_empty()).then(|| Keys::new([1; 16], keys.iter().copied())),
            ends: Timestamp::MAX,
        },
        log: "BURGEE_OVERRIDES_EU".into(),
        origin: Origin::Log,
        revision: 1,
        when: when.parse().unwrap(),
        digest: Digest::of(variant.as_bytes()),
        who: "ann".into(),
        why: "because".into(),
        ends_ms: NOW + 1_000,
    }
}

fn at(minute: u32) -> String {
    format!("2026-11-23T10:{minute:02}:00Z")
}

/// The variant that flag `a` gets, whatever the order of arrival.
fn found(overrides: &[Known], key: Option<&str>, now_ms: u64) -> Option<String> {
    let snapshot = snapshot();
    let flag = snapshot.find("a").unwrap();
    let one_way = Census::take(overrides, &snapshot, PLACE, NOW);
    let other_way = Census::take(overrides.iter().rev(), &snapshot, PLACE, NOW);
    let result = one_way.in_force.find(flag, key, now_ms);
    assert_eq!(result, other_way.in_force.find(flag, key, now_ms));
    assert_eq!(one_way.digests, other_way.digests);
    result.map(|overridden| match overridden {
        Overridden::Variant(index) => snapshot.flag(flag).variants[usize::from(index.0)]
            .name
            .to_string(),
        Overridden::Default => "default".into(),
    })
}

#[test]
fn keys_beat_everyone_then_cluster_region_global_then_the_later() {
    let global = known("v0", "global", &[], &at(9));
    let region = known("v1", "region:eu", &[], &at(8));
    let cluster = known("v2", "cluster:eu-1", &[], &at(7));
    let keyed = known("v3", "global", &["u1"], &at(6));
    let all = [global.clone(), region.clone(), cluster, keyed];
    assert_eq!(found(&all, Some("u1"), NOW).as_deref(), Some("v3"));
    assert_eq!(found(&all, Some("u2"), NOW).as_deref(), Some("v2"));
    assert_eq!(found(&all, None, NOW).as_deref(), Some("v2"));
    assert_eq!(found(&all[..2], None, NOW).as_deref(), Some("v1"));
    let later = known("v2", "region:eu", &[], &at(10));
    assert_eq!(
        found(&[region, global, later], None, NOW).as_deref(),
        Some("v2")
    );
}

#[test]
fn what_ended_or_is_elsewhere_does_not_count() {
    let over = known("v1", "global", &[], &at(0));
    assert_eq!(
        found(std::slice::from_ref(&over), None, over.ends_ms - 1).as_deref(),
        Some("v1")
    );
    assert_eq!(found(std::slice::from_ref(&over), None, over.ends_ms), None);
    assert_eq!(
        found(&[known("v1", "region:us", &[], &at(0))], None, NOW),
        None
    );
    assert_eq!(
        found(&[known("v1", "cluster:eu-2", &[], &at(0))], None, NOW),
        None
    );
}

#[test]
fn what_has_no_effect_is_told_with_its_reason() {
    let snapshot = snapshot();
    let mut stray = known("v1", "global", &[], &at(0));
    stray.document.flag = "gone".into();
    let overrides = [
        stray,
        known("purple", "global", &[], &at(1)),
        known("v1", "region:us", &[], &at(2)),
    ];
    let census = Census::take(&overrides, &snapshot, PLACE, NOW);
    assert!(census.in_force.is_empty() && census.digests.is_empty());
    let states: Vec<OverrideState> = census.list.iter().map(|status| status.state).collect();
    let expected = [
        OverrideState::OutOfScope,
        OverrideState::Ignored(Ignored::UnknownVariant),
        OverrideState::Ignored(Ignored::UnknownFlag),
    ];
    assert_eq!(states, expected);
}

#[test]
fn the_strongest_stay_when_there_are_too_many() {
    let overrides: Vec<Known> = (0..MAX_IN_FORCE + 5)
        .map(|number| {
            let when = Timestamp::from_second(i64::try_from(number).unwrap()).unwrap();
            Known {
                when,
                ..known("v1", "global", &["u1"], &at(0))
            }
        })
        .collect();
    let census = Census::take(&overrides, &snapshot(), PLACE, NOW);
    assert_eq!(census.in_force.len(), MAX_IN_FORCE);
    assert_eq!(
        census.list[0].when.as_second(),
        i64::try_from(MAX_IN_FORCE + 4).unwrap()
    );
    assert_eq!(
        census.list.last().unwrap().state,
        OverrideState::Ignored(Ignored::TooMany)
    );
}

#[test]
fn only_overrides_for_named_keys_read_keys() {
    let snapshot = snapshot();
    let read_keys = |keys: &[&str]| {
        let overrides = [known("v1", "global", keys, &at(0))];
        Census::take(&overrides, &snapshot, PLACE, NOW)
            .in_force
            .read_keys()
    };
    assert!(read_keys(&["u1"]));
    assert!(!read_keys(&[]));
}
