//! A decision depends on the snapshot, the context and the moment, and on nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use burgee_eval::{Compiler, Context, Moment, Snapshot, evaluate, explain};
use serde_json::{Value as Json, json};

use crate::world::{flag, told};

/// Documents with every gate at random, decided again: from sets in another order, by a compiler that
/// numbers attributes differently, on another thread, and once more.
#[test]
fn a_decision_is_a_function_of_snapshot_context_and_moment() {
    let mut random = Random(1);
    let mut seen: BTreeMap<&'static str, u32> = BTreeMap::new();
    for _ in 0..150 {
        let documents: Vec<(String, Json)> = (0..4)
            .map(|set| (format!("set-{set}"), random.document(set)))
            .collect();
        let build = |order: &[usize], first: &[&str]| {
            let mut compiler = Compiler::new();
            let reading: Vec<Json> = first.iter().map(|name| json!({ "var": name })).collect();
            let other = json!({ "flags": { "zzz": { "state": "ENABLED", "variants": { "on": 1 }, "defaultVariant": "on",
                "targeting": { "if": [{ "or": reading }, "on"] } } } });
            compiler.compile("zzz", &other).expect("valid");
            let sets: Vec<_> = order
                .iter()
                .map(|set| {
                    let (name, document) = &documents[*set];
                    Arc::new(compiler.compile(name, document).expect("valid"))
                })
                .collect();
            Snapshot::new(&compiler, sets)
        };
        let one = build(&[0, 1, 2, 3], &["a"]);
        let other = build(&[2, 3, 1, 0], &["plan", "z", "a"]);
        assert_eq!(one.problems(), other.problems());
        assert_eq!(one.conflicts(), other.conflicts());
        let questions: Vec<(Json, Moment)> = (0..8).map(|_| random.question()).collect();
        let decide = |snapshot: &Snapshot| -> Vec<(String, &'static str)> {
            let mut all = Vec::new();
            for (index, flag) in snapshot.flags() {
                for (tree, moment) in &questions {
                    let context = Context::from_json(snapshot.attributes(), tree);
                    let decision = evaluate(snapshot, index, &context, *moment);
                    let explained = explain(snapshot, index, &context, *moment).decision;
                    let (told, explained) = (told(&decision), told(&explained));
                    assert_eq!(told, explained);
                    // Only what it says that it reads can matter.
                    let needs = snapshot.needs(index);
                    let mut slots = Context::new(snapshot.attributes());
                    for id in &needs.attributes {
                        slots.set(*id, context.get(*id));
                    }
                    assert!(!needs.tree);
                    assert_eq!(
                        self::told(&evaluate(snapshot, index, &slots, *moment)),
                        told
                    );
                    if let (Some(after), Some(age)) = (needs.stale_after, moment.age())
                        && age <= after
                    {
                        let fresh = Moment {
                            synced_at: Some(moment.now),
                            ..*moment
                        };
                        assert_eq!(
                            self::told(&evaluate(snapshot, index, &context, fresh)),
                            told
                        );
                    }
                    all.push((format!("{} {told}", flag.key), decision.reason.name()));
                }
            }
            all
        };
        let first = decide(&one);
        assert_eq!(first, decide(&one));
        assert_eq!(first, decide(&other));
        let elsewhere = std::thread::scope(|scope| scope.spawn(|| decide(&one)).join());
        assert_eq!(first, elsewhere.expect("it decides"));
        for (_, reason) in first {
            *seen.entry(reason).or_default() += 1;
        }
    }
    // The documents are no use unless they reach every gate.
    for reason in [
        "STATIC",
        "TARGETING_MATCH",
        "DISABLED",
        "ERROR",
        "STALE",
        "REGION",
        "PREREQUISITE",
        "LAYER",
    ] {
        assert!(
            seen.get(reason).is_some_and(|count| *count > 100),
            "{reason}: {seen:?}"
        );
    }
}

/// A linear congruential generator: enough to choose with, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn choose(&mut self, among: &[&'static str]) -> &'static str {
        let at = self.below(among.len() as u64);
        among[usize::try_from(at).expect("it is small")]
    }

    fn document(&mut self, set: u64) -> Json {
        let (mut flags, mut delivery) = (serde_json::Map::new(), serde_json::Map::new());
        for number in 0..4 {
            // Sometimes a flag that another set has, too.
            let key = format!(
                "f{}",
                if self.one_in(8) {
                    number
                } else {
                    set * 4 + number
                }
            );
            let mut flag = flag(if self.one_in(2) { "on" } else { "off" });
            match self.below(6) {
                0 => {
                    flag["targeting"] =
                        json!({ "if": [{ "==": [{ "var": "plan" }, "gold"] }, "on", "off"] });
                }
                1 => flag["targeting"] = json!({ "fractional": [["on", 50], ["off", 50]] }),
                2 => flag["targeting"] = json!({ "if": [{ "var": "a" }, "nope"] }),
                3 => {
                    flag["targeting"] =
                        json!({ "if": [{ ">": [{ "var": "$flagd.timestamp" }, 500] }, "on"] });
                }
                _ => {}
            }
            if self.one_in(8) {
                flag["state"] = json!("DISABLED");
            }
            let mut entry = serde_json::Map::new();
            if self.one_in(3) {
                entry.insert(
                    "regions".to_owned(),
                    json!([self.choose(&["eu", "eu-*", "*-1"])]),
                );
            }
            if self.one_in(3) {
                let from = self.below(9_000);
                entry.insert("layer".to_owned(), json!({ "name": format!("l{}", self.below(2)), "from": from, "to": from + 999 }));
            }
            if self.one_in(3) {
                let then = if self.one_in(2) { "serve" } else { "default" };
                entry.insert(
                    "stale".to_owned(),
                    json!({ "after": format!("{}s", 30 + self.below(60)), "then": then }),
                );
            }
            if self.one_in(2) {
                let required: serde_json::Map<_, _> = (0..=self.below(2))
                    .map(|_| {
                        (
                            format!("f{}", self.below(18)),
                            json!([if self.one_in(2) { "on" } else { "off" }]),
                        )
                    })
                    .collect();
                entry.insert("requires".to_owned(), required.into());
            }
            if !entry.is_empty() {
                delivery.insert(key.clone(), entry.into());
            }
            flags.insert(key, flag);
        }
        json!({ "flags": flags, "delivery": delivery })
    }

    fn question(&mut self) -> (Json, Moment) {
        let mut context =
            json!({ "a": self.one_in(2), "plan": if self.one_in(2) { "gold" } else { "free" } });
        if !self.one_in(8) {
            context["targetingKey"] = json!(format!("user-{}", self.below(1_000)));
        }
        if !self.one_in(8) {
            context["region"] = json!(self.choose(&["eu", "eu-1", "us-1", "us"]));
        }
        let now = 400 + self.below(200);
        let synced_at = (!self.one_in(8)).then(|| now - self.below(100));
        (context, Moment { now, synced_at })
    }
}
