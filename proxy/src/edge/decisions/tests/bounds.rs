//! How much is kept.

use std::sync::Arc;

use prometheus::{Encoder, Registry, TextEncoder};

use super::world::{NOW_MS, Request, World, at, document, flags, rule, state};
use crate::edge::decisions::Cache;

const BYTES: u64 = 256 * 1024;

#[test]
fn the_least_recently_used_goes_where_there_is_no_room() {
    let registry = Registry::new();
    let world = World::with(Cache::new(BYTES, 1, &registry).unwrap());
    let keys: Vec<String> = (0..100).map(|number| format!("flag-{number:02}")).collect();
    let state = state(&document(&keys, &rule()), &[]);
    let asked = |user: usize| {
        let user = user.to_string();
        world.decide(&state, Request::of(&user), at(NOW_MS))
    };
    for user in 0..1000 {
        asked(user);
    }
    let metric = |name: &str| -> u64 {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&registry.gather(), &mut text)
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse().unwrap()
    };
    let (entries, bytes) = (
        metric("burgee_decision_cache_entries"),
        metric("burgee_decision_cache_bytes"),
    );
    assert!(bytes <= BYTES, "{bytes}");
    // A hundred members of eleven bytes, and as many decisions.
    assert!((BYTES / 3000..BYTES / 1500).contains(&entries), "{entries}");
    assert!(bytes > BYTES - 3000, "{bytes}: there is room for another");
    assert_eq!(metric("burgee_decision_cache_misses_total"), 1000);
    assert_eq!(metric("burgee_decision_cache_hits_total"), 0);

    asked(999);
    assert_eq!(metric("burgee_decision_cache_hits_total"), 1);
    asked(0);
    assert_eq!(metric("burgee_decision_cache_misses_total"), 1001);
}

#[test]
fn decisions_of_an_older_state_make_room_for_those_of_the_next() {
    let world = World::holding(BYTES);
    let users: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for published in 1..=50 {
        let state = state(&flags(&rule()), &[]);
        for round in 0..10 {
            for user in &users {
                world.decide(&state, Request::of(user), at(NOW_MS));
            }
            let misses = world.counted().1;
            assert_eq!(misses, 20 * published, "in round {round}, all were kept");
        }
    }
}

#[test]
fn a_context_that_is_too_long_is_decided_each_time() {
    let world = World::new();
    let state = state(&flags(&rule()), &[]);
    for (bytes, kept) in [(900, true), (1024, false), (65_536, false)] {
        let user = "u".repeat(bytes);
        let first = world.decide(&state, Request::of(&user), at(NOW_MS));
        let again = world.decide(&state, Request::of(&user), at(NOW_MS));
        assert_eq!(Arc::ptr_eq(&first, &again), kept, "{bytes} bytes");
    }
    assert_eq!(world.counted(), (1, 1));
}

#[test]
fn a_cache_with_room_for_nothing_decides_all_the_same() {
    let world = World::holding(1);
    let state = state(&flags(&rule()), &[]);
    for _ in 0..100 {
        assert_eq!(world.told(&state, Request::of("u"), at(NOW_MS)), "on");
    }
}
