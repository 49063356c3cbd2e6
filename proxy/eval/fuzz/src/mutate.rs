//! Changes JSON as a whole, so that what comes out is JSON again and the fuzzer's time goes into
//! rules and values instead of commas. Every operator that flagd knows is tried, whether Burgee
//! evaluates it yet or not.

use serde_json::{Map, Number, Value as Json, json};

/// Operators of flagd's targeting schema, Burgee's spelling of a conditional, and one that is none.
const OPERATORS: &[&str] = &[
    "var",
    "missing",
    "missing_some",
    "if",
    "?:",
    "==",
    "===",
    "!=",
    "!==",
    "!",
    "!!",
    "or",
    "and",
    ">",
    ">=",
    "<",
    "<=",
    "max",
    "min",
    "+",
    "-",
    "*",
    "/",
    "%",
    "map",
    "filter",
    "reduce",
    "all",
    "none",
    "some",
    "merge",
    "in",
    "cat",
    "substr",
    "log",
    "fractional",
    "sem_ver",
    "starts_with",
    "ends_with",
    "$ref",
    "unheard_of",
];

/// What flag sets, contexts and rules are made of.
const WORDS: &[&str] = &[
    "",
    "on",
    "off",
    "a",
    "b",
    "c",
    "true",
    "false",
    "null",
    "0",
    "1",
    "-1",
    "1.5",
    "1e3",
    " 1 ",
    "01",
    "0x10",
    "inf",
    "NaN",
    "v2",
    "v3",
    "targetingKey",
    "$flagd",
    "$flagd.flagKey",
    "$flagd.timestamp",
    "$flagd.",
    "region",
    "cluster",
    "geo",
    "geo.country",
    "geo.0",
    "list",
    "list.0",
    "list.length",
    "item",
    "current",
    "accumulator",
    "DE",
    "eu",
    "eu-*",
    "*",
    "user-1",
    "ü",
    "e\u{301}",
    "\u{1f600}",
    "\u{feff}",
    "\0",
    "%",
    "\"",
    "a b",
    "1.2.3",
    "v1.2",
    "1.2.3-rc.1",
    "1.2.3+5",
    "=",
    "^",
    "~",
    "<",
    "<=",
    "!=",
    "flags",
    "metadata",
    "flagSetId",
    "bucketing",
    "$evaluators",
    "$ref",
    "delivery",
    "header",
    "x-flag-a",
    "X-Flag-A",
    "flags-x",
    "state",
    "ENABLED",
    "DISABLED",
    "variants",
    "defaultVariant",
    "targeting",
    "key",
    "regions",
    "requires",
    "layer",
    "name",
    "from",
    "to",
    "stale",
    "after",
    "then",
    "serve",
    "default",
    "15m",
    "1s",
    "owner",
    "expires",
    "2020-02-30",
    "sets",
    "overrides",
    "context",
    "now",
    "syncedAt",
    "value",
    "bits",
];

const INTEGERS: &[i64] = &[
    0,
    1,
    2,
    3,
    -1,
    10,
    23,
    24,
    50,
    90,
    100,
    255,
    256,
    9_999,
    10_000,
    65_535,
    65_536,
    2_147_483_646,
    2_147_483_647,
    2_147_483_648,
    4_294_967_295,
    4_294_967_296,
    9_007_199_254_740_991,
    9_007_199_254_740_992,
    9_007_199_254_740_993,
    i64::MIN,
    i64::MAX,
];

const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    0.5,
    1.0,
    1.5,
    -1.5,
    0.1,
    10.0,
    100.0,
    1e-7,
    1e15,
    1e16,
    1e21,
    1e300,
    5e-324,
    5.960_464_477_539_063e-8,
    65_504.0,
    65_505.0,
    3.402_823_466_385_288_6e38,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_775_808.0,
    18_446_744_073_709_551_616.0,
    f64::MAX,
];

/// How deep a new value is, at most. Depth grows by wrapping.
const FRESH_DEPTH: u32 = 3;

/// Changes the JSON in `data[..size]`, and gives its new size. What is no JSON becomes `start`.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32, start: &str) -> usize {
    let mut value: Json = serde_json::from_slice(&data[..size])
        .or_else(|_| serde_json::from_str(start))
        .expect("a target starts with JSON");
    let mut dice = Dice(u64::from(seed));
    for _ in 0..=dice.below(4) {
        let donor = node(&mut value, dice.any()).clone();
        let at = dice.any();
        change(node(&mut value, at), donor, &mut dice);
    }
    let text = value.to_string();
    if text.len() > max_size.min(data.len()) {
        return size;
    }
    data[..text.len()].copy_from_slice(text.as_bytes());
    text.len()
}

fn change(value: &mut Json, donor: Json, dice: &mut Dice) {
    match dice.below(10) {
        0 => *value = donor,
        1 => *value = fresh(dice, FRESH_DEPTH),
        2 | 3 => wrap(value, donor, dice),
        4 => unwrap(value, dice),
        5 => *value = leaf(dice),
        _ => inside(value, donor, dice),
    }
}

/// Makes the value an argument.
fn wrap(value: &mut Json, donor: Json, dice: &mut Dice) {
    let inner = value.take();
    *value = match dice.below(4) {
        0 => json!([inner]),
        1 => operation(dice, inner),
        2 => operation(dice, json!([inner, donor])),
        _ => {
            let third = fresh(dice, 1);
            let mut arguments = vec![inner, donor, third];
            let first = dice.below(3);
            arguments.rotate_left(first);
            operation(dice, arguments.into())
        }
    };
}

/// Puts a part of the value in its place.
fn unwrap(value: &mut Json, dice: &mut Dice) {
    let part = match value {
        Json::Array(items) if !items.is_empty() => {
            let at = dice.below(items.len());
            items.swap_remove(at)
        }
        Json::Object(members) if !members.is_empty() => {
            let at = dice.below(members.len());
            members.iter().nth(at).expect("it is in range").1.clone()
        }
        _ => leaf(dice),
    };
    *value = part;
}

/// Changes the value itself, and keeps its kind.
fn inside(value: &mut Json, donor: Json, dice: &mut Dice) {
    match value {
        Json::Null => *value = leaf(dice),
        Json::Bool(value) => *value = !*value,
        Json::Number(number) => *value = other_number(number, dice),
        Json::String(text) => *text = other_text(text, dice),
        Json::Array(items) => match dice.below(4) {
            0 => items.push(donor),
            1 => items.insert(dice.below(items.len() + 1), fresh(dice, FRESH_DEPTH)),
            2 if !items.is_empty() => {
                items.remove(dice.below(items.len()));
            }
            _ if items.len() > 1 => {
                let (one, other) = (dice.below(items.len()), dice.below(items.len()));
                items.swap(one, other);
            }
            _ => items.push(leaf(dice)),
        },
        Json::Object(members) => inside_object(members, donor, dice),
    }
}

fn inside_object(members: &mut Map<String, Json>, donor: Json, dice: &mut Dice) {
    if members.is_empty() || dice.below(3) == 0 {
        members.insert(key(dice), donor);
        return;
    }
    let at = dice.below(members.len());
    let old = members.keys().nth(at).expect("it is in range").clone();
    let removed = members.remove(&old).expect("it is there");
    match dice.below(4) {
        0 => {}
        1 => {
            members.insert(other_text(&old, dice), removed);
        }
        2 => {
            members.insert(key(dice), removed.clone());
            members.insert(old, removed);
        }
        _ => {
            members.insert(key(dice), removed);
        }
    }
}

fn operation(dice: &mut Dice, arguments: Json) -> Json {
    let operator = dice.one_of(OPERATORS).to_owned();
    Map::from_iter([(operator, arguments)]).into()
}

fn fresh(dice: &mut Dice, depth: u32) -> Json {
    if depth == 0 {
        return leaf(dice);
    }
    match dice.below(6) {
        0 => json!({ "var": dice.one_of(WORDS) }),
        1 => {
            let length = dice.below(4);
            (0..length).map(|_| fresh(dice, depth - 1)).collect()
        }
        2 => {
            let length = dice.below(4);
            (0..length)
                .map(|_| (key(dice), fresh(dice, depth - 1)))
                .collect()
        }
        3 | 4 => {
            let length = dice.below(4);
            let arguments = (0..length).map(|_| fresh(dice, depth - 1)).collect();
            operation(dice, arguments)
        }
        _ => leaf(dice),
    }
}

fn leaf(dice: &mut Dice) -> Json {
    match dice.below(8) {
        0 => Json::Null,
        1 => json!(dice.below(2) == 0),
        2 => json!(dice.one_of(INTEGERS)),
        3 => json!(dice.one_of(FLOATS)),
        4 => json!(dice.below(200)),
        _ => json!(dice.one_of(WORDS)),
    }
}

fn key(dice: &mut Dice) -> String {
    let words = if dice.below(2) == 0 { OPERATORS } else { WORDS };
    dice.one_of(words).to_owned()
}

fn other_number(number: &Number, dice: &mut Dice) -> Json {
    match (dice.below(4), number.as_i64(), number.as_f64()) {
        (0, Some(integer), _) => json!(integer.wrapping_add(1)),
        (1, Some(integer), _) => json!(integer.wrapping_neg()),
        (2, _, Some(float)) => json!(f64::from_bits(float.to_bits() ^ (1 << dice.below(64)))),
        (3, _, _) => json!(dice.any()),
        _ => leaf(dice),
    }
}

fn other_text(text: &str, dice: &mut Dice) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = dice.below(characters.len() + 1);
    match dice.below(5) {
        0 => return dice.one_of(WORDS).to_owned(),
        1 => characters
            .splice(at..at, dice.one_of(WORDS).chars())
            .for_each(drop),
        2 if at < characters.len() => {
            characters.remove(at);
        }
        3 => characters.extend_from_within(at..),
        _ => {
            let code = u32::try_from(dice.below(0x11_0000)).unwrap_or_default();
            characters.insert(at, char::from_u32(code >> dice.below(21)).unwrap_or('x'));
        }
    }
    characters.into_iter().take(4096).collect()
}

/// One of the values inside of a value, itself among them.
fn node(value: &mut Json, number: u64) -> &mut Json {
    fn count(value: &Json) -> u64 {
        1 + match value {
            Json::Array(items) => items.iter().map(count).sum(),
            Json::Object(members) => members.values().map(count).sum(),
            _ => 0,
        }
    }
    fn walk(value: &mut Json, mut left: u64) -> &mut Json {
        if left == 0 {
            return value;
        }
        left -= 1;
        let parts: Vec<&mut Json> = match value {
            Json::Array(items) => items.iter_mut().collect(),
            Json::Object(members) => members.values_mut().collect(),
            _ => Vec::new(),
        };
        for part in parts {
            let size = count(part);
            if left < size {
                return walk(part, left);
            }
            left -= size;
        }
        unreachable!("the number is below the count")
    }
    let number = number % count(value);
    walk(value, number)
}

/// SplitMix64 (Steele, Lea, Flood 2014): what libFuzzer's seed begins.
struct Dice(u64);

impl Dice {
    fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("memory is smaller");
        usize::try_from(self.any() % bound).expect("it is below a length")
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
