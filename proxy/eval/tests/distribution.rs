//! Shares are what the weights say, and no flag's shares lean on another's: Pearson's chi-squared
//! over a million users, in both bucketings and for the keys that people really have.
//!
//! Users are fixed, so a test always passes or always fails. Its bound is the value of chi-squared
//! that fair dice exceed once in 1,000 times (p = 0.001).

use std::sync::Arc;

use burgee_eval::{Compiler, Context, FlagIndex, Moment, Snapshot, Value, evaluate};
use serde_json::{Map, Value as Json, json};

const USERS: u32 = 1_000_000;

/// Flags are independent for a fifth of the users: a table of 16 cells is full long before.
const PAIRED_USERS: u32 = 200_000;

/// Degrees of freedom, and the value of chi-squared that is exceeded with p = 0.001 (NIST/SEMATECH
/// e-Handbook of Statistical Methods, 1.3.6.7.4).
const CRITICAL: [(usize, f64); 5] = [
    (1, 10.828),
    (2, 13.816),
    (9, 27.877),
    (15, 37.697),
    (99, 148.230),
];

/// Weights whose degrees of freedom are in [`CRITICAL`].
fn splits() -> [Vec<u32>; 6] {
    [
        vec![50, 50],
        vec![1, 99],
        vec![10, 30, 60],
        (1..=10).collect(),
        // As large as a total may be.
        vec![134_217_727; 16],
        vec![7; 100],
    ]
}

/// What users are told apart by.
#[derive(Clone, Copy)]
enum Keys {
    /// `user-1`, `user-2`, …
    Sequential,
    /// Random UUIDs.
    Uuids,
    /// `ada.lovelace17@example.com`
    Addresses,
    /// 1, 2, …: numbers, as the value that a rule names. (`v2` takes only strings.)
    Numbers,
}

#[test]
fn sequential_keys_split_as_the_weights_say() {
    check_splits(Keys::Sequential);
}

#[test]
fn uuids_split_as_the_weights_say() {
    check_splits(Keys::Uuids);
}

#[test]
fn addresses_split_as_the_weights_say() {
    check_splits(Keys::Addresses);
}

#[test]
fn numbers_split_as_the_weights_say() {
    check_splits(Keys::Numbers);
}

#[test]
fn two_flags_with_the_same_weights_are_independent() {
    for bucketing in ["v2", "v3"] {
        for weights in [vec![50, 50], vec![1, 1, 1, 1], vec![10, 90]] {
            // Keys that differ in one character, in their length, and in nothing but the order.
            for pair in [["flag-1", "flag-2"], ["a", "checkout"], ["ab", "ba"]] {
                check_pair(bucketing, &weights, pair);
            }
        }
    }
}

fn check_splits(keys: Keys) {
    let splits = splits();
    let bucketings: &[&str] = match keys {
        Keys::Numbers => &["v3"],
        _ => &["v2", "v3"],
    };
    for bucketing in bucketings {
        let flags = Flags::new(
            bucketing,
            keys,
            splits
                .iter()
                .enumerate()
                .map(|(number, weights)| (format!("flag-{number}"), weights.as_slice())),
        );
        let mut counts: Vec<Vec<u32>> = splits.iter().map(|split| vec![0; split.len()]).collect();
        flags.each_user(USERS, |user| {
            for (flag, counts) in flags.indices.iter().zip(&mut counts) {
                counts[user.variant(*flag)] += 1;
            }
        });
        for (weights, counts) in splits.iter().zip(&counts) {
            let total: u32 = weights.iter().sum();
            let expected = weights
                .iter()
                .map(|weight| f64::from(USERS) * f64::from(*weight) / f64::from(total));
            let chi_squared = chi_squared(counts.iter().copied().zip(expected));
            let critical = critical(weights.len() - 1);
            assert!(
                chi_squared < critical,
                "{bucketing}, {weights:?}: {chi_squared} is not below {critical}: {counts:?}"
            );
        }
    }
}

fn check_pair(bucketing: &str, weights: &[u32], pair: [&str; 2]) {
    let flags = pair.map(|key| (key.to_owned(), weights));
    let flags = Flags::new(bucketing, Keys::Sequential, flags);
    let [one, other] = pair.map(|key| flags.snapshot.find(key).expect("it is there"));
    let variants = weights.len();
    let mut table = vec![vec![0; variants]; variants];
    flags.each_user(PAIRED_USERS, |user| {
        table[user.variant(one)][user.variant(other)] += 1;
    });
    let rows: Vec<u32> = table.iter().map(|row| row.iter().sum()).collect();
    let columns: Vec<u32> = (0..variants)
        .map(|column| table.iter().map(|row| row[column]).sum())
        .collect();
    let cells = table.iter().zip(&rows).flat_map(|(row, of_row)| {
        let expected = columns.iter().map(move |of_column| {
            f64::from(*of_row) * f64::from(*of_column) / f64::from(PAIRED_USERS)
        });
        row.iter().copied().zip(expected)
    });
    let chi_squared = chi_squared(cells);
    let critical = critical((variants - 1) * (variants - 1));
    assert!(
        chi_squared < critical,
        "{bucketing}, {weights:?}, {pair:?}: {chi_squared} is not below {critical}: {table:?}"
    );
}

/// Pearson's, over counts and what was expected of them.
fn chi_squared(cells: impl Iterator<Item = (u32, f64)>) -> f64 {
    cells
        .map(|(count, expected)| (f64::from(count) - expected).powi(2) / expected)
        .sum()
}

fn critical(freedom: usize) -> f64 {
    let row = CRITICAL.iter().find(|(degrees, _)| *degrees == freedom);
    row.expect("the table has it").1
}

/// Flags that do nothing but split. Their variants are called `000`, `001`, …, so that the order of
/// names is the order of weights.
struct Flags {
    snapshot: Snapshot,
    indices: Vec<FlagIndex>,
    keys: Keys,
}

impl Flags {
    fn new<'w>(
        bucketing: &str,
        keys: Keys,
        flags: impl IntoIterator<Item = (String, &'w [u32])>,
    ) -> Self {
        let flags = flags.into_iter();
        let flags: Map<String, Json> = flags
            .map(|(key, weights)| {
                let name = |number: usize| format!("{number:03}");
                let variants: Map<String, Json> = (0..weights.len())
                    .map(|number| (name(number), json!(number)))
                    .collect();
                let unit = match keys {
                    Keys::Numbers => Some(json!({ "var": "id" })),
                    _ => None,
                };
                let entries = weights
                    .iter()
                    .enumerate()
                    .map(|(number, weight)| json!([name(number), weight]));
                let arguments: Vec<Json> = unit.into_iter().chain(entries).collect();
                let rule = json!({ "fractional": arguments });
                (
                    key,
                    json!({ "state": "ENABLED", "variants": variants, "targeting": rule }),
                )
            })
            .collect();
        let document = json!({
            "metadata": { "bucketing": bucketing },
            "flags": flags,
        });
        let mut compiler = Compiler::new();
        let set = compiler.compile("test", &document).expect("it is sound");
        assert_eq!(set.problems, []);
        let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
        let indices = snapshot.flags().map(|(index, _)| index).collect();
        Self {
            snapshot,
            indices,
            keys,
        }
    }

    fn each_user(&self, users: u32, mut visit: impl FnMut(&User<'_>)) {
        let attributes = self.snapshot.attributes();
        for number in 0..users {
            let key = self.keys.key(number);
            let mut context = Context::new(attributes);
            match attributes.find("id") {
                Some(id) => context.set(id, Value::Number(number.into())),
                None => context.set_targeting_key(&key),
            }
            visit(&User {
                snapshot: &self.snapshot,
                context,
            });
        }
    }
}

struct User<'f> {
    snapshot: &'f Snapshot,
    context: Context<'f>,
}

impl User<'_> {
    /// Its number, which is its place among the weights.
    fn variant(&self, flag: FlagIndex) -> usize {
        let decision = evaluate(self.snapshot, flag, &self.context, Moment::current(0));
        usize::from(decision.variant.expect("everybody has a share").0)
    }
}

impl Keys {
    fn key(self, number: u32) -> String {
        const FIRST: [&str; 8] = [
            "ada", "alan", "grace", "edsger", "barbara", "donald", "radia", "ken",
        ];
        const LAST: [&str; 8] = [
            "lovelace", "turing", "hopper", "dijkstra", "liskov", "knuth", "perlman", "thompson",
        ];
        let pick = |of: [&'static str; 8], bits: u32| of[usize::try_from(bits % 8).expect("small")];
        match self {
            Self::Sequential => format!("user-{number}"),
            Self::Uuids => uuid(number),
            Self::Addresses => {
                let (first, last) = (pick(FIRST, number), pick(LAST, number / 8));
                format!("{first}.{last}{}@example.com", number / 64)
            }
            Self::Numbers => String::new(),
        }
    }
}

/// A version 4 UUID from two outputs of `SplitMix64`, of which no two are the same.
fn uuid(number: u32) -> String {
    let mix = |seed: u64| {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let (high, low) = (
        mix(2 * u64::from(number) + 1),
        mix(2 * u64::from(number) + 2),
    );
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff
    )
}
