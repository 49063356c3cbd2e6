//! What is kept is what would be decided. Every request of these tests is decided twice, with the cache
//! and without, and what follows must be the same.

mod bounds;
mod keys;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::Registry;
use serde_json::json;

use super::*;
use crate::edge::plan::Plan;
use crate::overrides::Keys;
use crate::store::Store;
use crate::telemetry::Metrics;
use world::{NOW_MS, Request, World, at, constant, flags, killed, rule, state};

#[test]
fn the_same_context_of_the_same_state_is_decided_once() {
    let world = World::new();
    let state = state(&flags(&rule()), &[]);
    let first = world.decide(&state, Request::of("u"), at(NOW_MS));
    let again = world.decide(&state, Request::of("u"), at(NOW_MS + 1));
    assert!(Arc::ptr_eq(&first, &again));
    let other = world.decide(&state, Request::of("v"), at(NOW_MS));
    assert!(!Arc::ptr_eq(&first, &other));
    assert_eq!(world.counted(), (1, 2));
}

#[test]
fn what_no_flag_of_the_route_reads_makes_no_difference() {
    let world = World::new();
    let by_country = json!({ "if": [{ "==": [{ "var": "country" }, "DE"] }, "on", "off"] });
    let state = state(&flags(&by_country), &[]);
    let germany = world.decide(&state, Request::of("u").from("DE"), at(NOW_MS));
    let another = world.decide(&state, Request::of("v").from("DE"), at(NOW_MS));
    assert!(Arc::ptr_eq(&germany, &another));
    let france = world.decide(&state, Request::of("u").from("FR"), at(NOW_MS));
    assert_ne!(germany.decided, france.decided);
}

#[test]
fn what_is_published_is_decided_anew() {
    let world = World::new();
    let on = state(&flags(&constant("on")), &[]);
    let off = state(&flags(&constant("off")), &[]);
    for _ in 0..3 {
        for (state, variant) in [(&on, "on"), (&off, "off")] {
            world.decide(state, Request::of("u"), at(NOW_MS));
            assert_eq!(world.told(state, Request::of("u"), at(NOW_MS)), variant);
        }
    }
    // The very same document, published once more, is another state.
    let before = world.counted().1;
    let again = state(&flags(&constant("on")), &[]);
    world.decide(&again, Request::of("u"), at(NOW_MS));
    assert_eq!(world.counted().1, before + 1);
}

#[test]
fn two_routes_of_one_state_have_nothing_in_common() {
    let world = World::new();
    let mut both = state(&flags(&constant("on")), &[]);
    both.routes = [
        world::route(&both.snapshot, &["flag-0", "flag-1"]),
        world::route(&both.snapshot, &["flag-1", "flag-0"]),
    ]
    .into();
    let context = Request::of("u").context(&both);
    let [first, second] = [0, 1].map(|number| {
        let route = &both.routes[number];
        decide(&both, route, &context, at(NOW_MS), Some(&world.cache))
    });
    assert_eq!(first.dictionary.as_ref().unwrap(), "flag-0=on, flag-1=on");
    assert_eq!(second.dictionary.as_ref().unwrap(), "flag-1=on, flag-0=on");
}

/// Between two publications, whichever way the clock goes.
#[test]
fn an_override_ends_on_time_and_a_clock_that_is_set_back_brings_it_back() {
    let ends_ms = NOW_MS + 1_000;
    let later_ms = NOW_MS + 5_000;
    let world = World::new();
    // The second one is of a flag that the others require.
    for (flag, document) in [
        ("flag-0", flags(&rule())),
        ("base", world::requiring("base", &rule())),
    ] {
        let overrides = [killed(flag, ends_ms), killed("flag-1", later_ms)];
        let state = state(&document, &overrides);
        for (now_ms, dictionary) in [
            (NOW_MS, "flag-0=off, flag-1=off"),
            (ends_ms - 1, "flag-0=off, flag-1=off"),
            (ends_ms, "flag-0=on, flag-1=off"),
            (later_ms - 1, "flag-0=on, flag-1=off"),
            (later_ms, "flag-0=on, flag-1=on"),
            (ends_ms - 1, "flag-0=off, flag-1=off"),
            (later_ms, "flag-0=on, flag-1=on"),
            (ends_ms, "flag-0=on, flag-1=off"),
        ] {
            let decisions = world.decide(&state, Request::of("u"), at(now_ms));
            let told = decisions.dictionary.as_ref().unwrap().to_str().unwrap();
            assert!(told.starts_with(dictionary), "{flag} at {now_ms}: {told}");
        }
    }
    assert_eq!(world.counted(), (10, 6), "three times of two states");
}

#[test]
fn an_override_of_some_users_is_theirs_though_no_rule_reads_who_they_are() {
    let world = World::new();
    let mut overridden = killed("flag-0", u64::MAX);
    overridden.document.keys = Some(Keys::new([7; 16], ["v"]));
    let state = state(&flags(&constant("on")), &[overridden]);
    for (user, variant) in [("u", "on"), ("v", "off"), ("u", "on"), ("v", "off")] {
        assert_eq!(
            world.told(&state, Request::of(user), at(NOW_MS)),
            variant,
            "{user}"
        );
    }
    assert_eq!(
        world.told(&state, Request::default(), at(NOW_MS)),
        "on",
        "nobody"
    );
}

#[test]
fn staleness_begins_and_ends_on_time_and_is_not_kept() {
    let world = World::new();
    let mut document = flags(&rule());
    document["delivery"] = json!({ "flag-0": { "stale": { "after": "1m", "then": "default" } } });
    let state = state(&document, &[]);
    let synced = NOW_MS / 1000;
    let asked = |now: u64, synced_at: Option<u64>| {
        let at = At {
            now_ms: now * 1000 + 999,
            synced_at_ms: synced_at.map(|at| at * 1000),
        };
        (
            world.told(&state, Request::of("u"), at),
            world.counted().0 + world.counted().1,
        )
    };
    assert_eq!(asked(synced, Some(synced)), ("on".into(), 1));
    assert_eq!(asked(synced + 60, Some(synced)), ("on".into(), 2));
    // Stale: neither found nor kept, or the second would be wrong after the sync.
    assert_eq!(asked(synced + 61, Some(synced)), ("off".into(), 2));
    assert_eq!(asked(synced + 61, Some(synced)), ("off".into(), 2));
    assert_eq!(asked(synced + 61, Some(synced + 61)), ("on".into(), 3));
    assert_eq!(asked(synced, None), ("off".into(), 3), "never synced");
    // The clock was set back, the source was heard of then and never since; now it is that late again.
    assert_eq!(asked(synced - 500, Some(synced - 500)), ("on".into(), 4));
    assert_eq!(asked(synced, Some(synced - 500)), ("off".into(), 4));
}

#[test]
fn a_prerequisite_that_may_be_stale_counts() {
    let world = World::new();
    let mut document = world::requiring("base", &rule());
    document["delivery"]["base"] = json!({ "stale": { "after": "1m", "then": "default" } });
    let state = state(&document, &[]);
    let mut at = at(NOW_MS);
    assert_eq!(world.told(&state, Request::of("u"), at), "on");
    at.now_ms += 62_000;
    assert_eq!(world.told(&state, Request::of("u"), at), "off");
    assert_eq!(world.counted(), (0, 1));
}

#[test]
fn flags_that_read_the_time_are_decided_each_time_and_the_others_are_found() {
    let world = World::new();
    let begins = NOW_MS / 1000 + 10;
    let after = json!({ "if": [{ ">=": [{ "var": "$flagd.timestamp" }, begins] }, "on", "off"] });
    let mut document = flags(&rule());
    document["flags"]["flag-1"]["targeting"] = after;
    // By its prerequisite.
    document["delivery"] = json!({ "flag-2": { "requires": { "flag-1": ["on"] } } });
    let state = state(&document, &[]);
    assert_eq!(*state.routes[0].read_time, [1, 2]);
    let asked = |now: u64| world.decide(&state, Request::of("u"), at(now * 1000));
    let told = |decisions: &Decisions| {
        let dictionary = decisions.dictionary.as_ref().unwrap().to_str().unwrap();
        dictionary
            .split(", ")
            .take(3)
            .map(|member| member.split_once('=').unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    let early = asked(begins - 1);
    assert_eq!(told(&early), ["on", "off", "off"]);
    assert!(Arc::ptr_eq(&early, &asked(begins - 2)), "nothing changed");
    let late = asked(begins);
    assert_eq!(told(&late), ["on", "on", "on"]);
    assert!(Arc::ptr_eq(&late, &asked(begins + 9)), "nor since then");
    assert_eq!(told(&asked(begins - 1)), ["on", "off", "off"]);
    assert_eq!(world.counted(), (4, 1));
}

#[test]
fn a_route_that_reads_the_context_as_a_whole_is_decided_each_time() {
    let world = World::new();
    let whole = json!({ "if": [{ "==": [{ "var": "" }, {}] }, "off", "on"] });
    let state = state(&flags(&whole), &[]);
    assert!(state.routes[0].reads_tree);
    for _ in 0..2 {
        world.decide(&state, Request::of("u"), at(NOW_MS));
    }
    assert_eq!(world.counted(), (0, 0));
}

#[test]
fn a_route_of_few_flags_is_decided_each_time() {
    let keys: Vec<String> = (0..=LEAST_FLAGS)
        .map(|number| format!("flag-{number}"))
        .collect();
    let mut document = world::document(&keys, &rule());
    document["flags"]["flag-0"]["targeting"] =
        json!({ "if": [{ ">": [{ "var": "$flagd.timestamp" }, 0] }, "on"] });
    let registry = Registry::new();
    let world = World::with(Cache::new(1 << 20, LEAST_FLAGS, &registry).unwrap());
    let mut state = state(&document, &[]);
    let asked = |state: &mut State, keys: &[String]| {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        state.routes = [world::route(&state.snapshot, &keys)].into();
        world.decide(state, Request::of("u"), at(NOW_MS));
        world.counted()
    };
    assert_eq!(asked(&mut state, &keys[1..LEAST_FLAGS]), (0, 0));
    // The first reads the time, and has to be decided anyway.
    assert_eq!(asked(&mut state, &keys[..LEAST_FLAGS]), (0, 0));
    assert_eq!(asked(&mut state, &keys[1..]), (0, 1));
    assert_eq!(asked(&mut state, &keys), (0, 2));
}

#[test]
fn what_is_found_is_counted_as_what_is_decided() {
    let world = World::new();
    let state = Arc::new(state(&flags(&rule()), &[killed("flag-1", u64::MAX)]));
    let metrics = Metrics::new().unwrap();
    for user in ["u", "u", "nobody", "u"] {
        let context = Request::of(user).context(&state);
        let state = Arc::clone(&state);
        Plan::make(state, 0, &context, at(NOW_MS), Some(&world.cache)).count(&metrics.decisions);
    }
    assert_eq!(world.counted(), (2, 2));
    let count = |labels| metrics.decisions.series(labels).get();
    for flag in ["flag-0", "flag-2"] {
        assert_eq!(count([flag, "on", "TARGETING_MATCH"]), 3);
        assert_eq!(count([flag, "off", "TARGETING_MATCH"]), 1);
    }
    assert_eq!(count(["flag-1", "off", "OVERRIDE"]), 4);
}

/// Each state says its own number; who has loaded a state is told of this one, and of none before.
#[test]
fn nobody_gets_the_decisions_of_another_revision() {
    const STATES: usize = 200;
    let numbered = |number: usize| {
        let mut document = flags(&rule());
        for (_, flag) in document["flags"].as_object_mut().unwrap() {
            flag["variants"] = json!({ "on": format!("{number}"), "off": format!("-{number}") });
        }
        world::state_of_values(&document)
    };
    let world = World::new();
    let store = Store::new(numbered(0));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ends = Ends(&over);
        for _ in 0..4 {
            scope.spawn(|| {
                let _ends = Ends(&over);
                let mut last = 0;
                while !over.load(Ordering::Relaxed) {
                    let state = store.load_full();
                    for user in ["u", "nobody"] {
                        let decisions = world.decide(&state, Request::of(user), at(NOW_MS));
                        let told = decisions.dictionary.as_ref().unwrap().to_str().unwrap();
                        let mut numbers = told.split(", ").map(|member| {
                            let value = member.split_once('=').unwrap().1;
                            value.trim_matches(['"', '-']).parse::<usize>().unwrap()
                        });
                        let first = numbers.next().unwrap();
                        assert!(numbers.all(|number| number == first), "{told}");
                        assert!(first >= last, "{first} after {last}");
                        last = first;
                    }
                }
            });
        }
        for number in 1..STATES {
            let before = world.counted();
            store.publish(numbered(number));
            // Until it was asked for, and found.
            while {
                let now = world.counted();
                let asked = now.0 >= before.0 + 8 && now.1 >= before.1 + 2;
                !asked && !over.load(Ordering::Relaxed)
            } {
                std::thread::yield_now();
            }
            let told = world.decide(&store.load_full(), Request::of("u"), at(NOW_MS));
            let told = told.dictionary.as_ref().unwrap().to_str().unwrap();
            assert!(told.contains(&format!("\"{number}\"")), "{told}");
        }
    });
}

/// Ends the test for all threads where one of them ends, panics included.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
