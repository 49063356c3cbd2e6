//! What holds for every user, whatever the numbers are.

use std::sync::Arc;

use burgee_eval::{Compiler, Context, Moment, Snapshot, evaluate};
use serde_json::{Value as Json, json};

const USERS: usize = 10_000;

struct Flags {
    snapshot: Snapshot,
}

impl Flags {
    fn new(flags: &[(&str, Json)]) -> Self {
        let flags: serde_json::Map<String, Json> = flags
            .iter()
            .map(|(key, rule)| {
                let flag = json!({
                    "state": "ENABLED",
                    "variants": { "a": "a", "b": "b", "c": "c", "d": "d" },
                    "defaultVariant": "d",
                    "targeting": rule,
                });
                ((*key).to_owned(), flag)
            })
            .collect();
        let mut compiler = Compiler::new();
        let set = compiler
            .compile("properties", &json!({ "flags": flags }))
            .expect("valid");
        Self {
            snapshot: Snapshot::new(&compiler, [Arc::new(set)]),
        }
    }

    fn variant(&self, flag: &str, user: usize) -> &str {
        let key = format!("user-{user}");
        let mut context = Context::new(self.snapshot.attributes());
        context.set_targeting_key(&key);
        let flag = self.snapshot.find(flag).expect("it is there");
        evaluate(&self.snapshot, flag, &context, Moment::current(0))
            .variant_name()
            .expect("there is a default")
    }

    fn count(&self, flag: &str, variant: &str) -> usize {
        (0..USERS)
            .filter(|user| self.variant(flag, *user) == variant)
            .count()
    }
}

fn split(a: u32, b: u32, c: u32) -> Json {
    json!({ "fractional": [["a", a], ["b", b], ["c", c]] })
}

/// Within four standard deviations of the binomial distribution; a fair split misses that once in
/// 16,000 times, and these keys do not change.
fn assert_share(count: usize, share: f64) {
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let (count, users) = (count as f64, USERS as f64);
    let deviation = (users * share * (1.0 - share)).sqrt();
    let expected = users * share;
    assert!(
        (count - expected).abs() <= 4.0 * deviation,
        "{count} instead of {expected}"
    );
}

#[test]
fn a_split_is_within_its_bounds() {
    let flags = Flags::new(&[("f", split(10, 30, 60))]);
    assert_share(flags.count("f", "a"), 0.1);
    assert_share(flags.count("f", "b"), 0.3);
    assert_share(flags.count("f", "c"), 0.6);
}

#[test]
fn raising_a_weight_at_a_constant_total_moves_nobody_out() {
    // Each raises one weight, and no other.
    let raises = [
        ("a", split(10, 30, 60), split(20, 30, 50)),
        ("a", split(10, 30, 60), split(20, 20, 60)),
        ("b", split(10, 30, 60), split(5, 50, 45)),
        ("c", split(10, 30, 60), split(10, 25, 65)),
        ("c", split(10, 30, 60), split(0, 0, 100)),
    ];
    for (variant, before, after) in raises {
        let before = Flags::new(&[("f", before)]);
        let after = Flags::new(&[("f", after)]);
        let mut came = 0;
        for user in 0..USERS {
            let (was, is) = (before.variant("f", user), after.variant("f", user));
            assert!(
                was != variant || is == variant,
                "user {user} was moved out of {variant} to {is}"
            );
            came += usize::from(was != variant && is == variant);
        }
        assert!(came > 0, "nobody came to {variant}");
    }
}

#[test]
fn two_flags_with_the_same_weights_are_independent() {
    let flags = Flags::new(&[("one", split(50, 50, 0)), ("two", split(50, 50, 0))]);
    let both = (0..USERS)
        .filter(|user| flags.variant("one", *user) == "a" && flags.variant("two", *user) == "a")
        .count();
    assert_share(both, 0.25);
}

#[test]
fn a_spoiled_flag_changes_no_other() {
    let alone = Flags::new(&[("f", split(10, 30, 60))]);
    let beside = Flags::new(&[
        ("e", json!({ "cat": ["a"] })),
        ("f", split(10, 30, 60)),
        ("g", json!({ "$ref": "x" })),
    ]);
    for user in 0..USERS {
        assert_eq!(alone.variant("f", user), beside.variant("f", user));
    }
}
