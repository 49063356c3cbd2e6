//! JSON values, and what is hard about them: text that looks like a number, numbers at the edge of a
//! double, Unicode in every form.

use serde_json::{Map, Value as Json, json};

use crate::rng::{Manner, Rng};

/// Begins a string that stands for an integer of any size: `serde_json` itself holds no integer
/// beyond 64 bits, and writes no `-0`.
const INTEGER: char = '\u{E000}';

/// A number as it is to be written.
pub(crate) fn exactly(digits: &str) -> Json {
    Json::String(format!("{INTEGER}{digits}"))
}

/// The JSON text of a generated value.
pub(crate) fn text(value: &Json) -> String {
    let text = value.to_string();
    let begin = format!("\"{INTEGER}");
    let mut parts = text.split(&begin);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_once('"').expect("a string ends");
        out.push_str(digits);
        out.push_str(rest);
    }
    out
}

/// What a value should be; generators say it, and are not always obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Number,
    Text,
    List,
    Object,
}

pub(crate) const KINDS: [Kind; 5] = [
    Kind::Boolean,
    Kind::Number,
    Kind::Text,
    Kind::List,
    Kind::Object,
];

const WORDS: [&str; 14] = [
    "on", "off", "a", "b", "DE", "FR", "pro", "free", "user-1", "beta", "ab", "abc", "x.y", "red",
];

const TEXTS: [&str; 62] = [
    "",
    " ",
    "0",
    "1",
    "2",
    "01",
    "1.0",
    "1.5",
    "-1",
    "+5",
    "-0",
    ".5",
    "5.",
    "1e3",
    "1e400",
    "0x10",
    "1_000",
    "1__0",
    "_1",
    "inf",
    "-Infinity",
    "infinity",
    "nan",
    "NaN",
    "true",
    "True",
    "false",
    "null",
    "None",
    "undefined",
    "[object Object]",
    " 7 ",
    "\t8\n",
    "\u{a0}9",
    "\u{1c}3",
    "\u{feff}4",
    "٣",
    "１２",
    "½",
    "²",
    "ü",
    "u\u{308}",
    "ß",
    "İ",
    "👍🏽",
    "𝒳𝒴",
    "日本",
    "a,b",
    "1,2",
    "user-1@example.com",
    "a/b",
    "a~b",
    "back\\slash",
    "quo\"te",
    "line\nbreak",
    "nul\0",
    "targetingKey",
    "$flagd",
    "1.2.3",
    "v1.2",
    "9007199254740993",
    "18446744073709551616",
];

/// The first few are spelled as everybody understands them.
const VERSIONS: [&str; 26] = [
    "1.2.3",
    "1.2.4",
    "1.3.0",
    "2.0.0",
    "0.0.0",
    "1.2",
    "1",
    "v1.2.3",
    "V2",
    "1.2.3-alpha",
    "1.2.3-alpha.1",
    "1.2.3-alpha.beta",
    "1.2.3-1",
    "1.2.3-01",
    "1.2.3+build",
    "1.2.3-rc.1+b.2",
    "1.2-rc",
    "1-rc.1",
    "1.2.3.4",
    "01.2.3",
    "1.x",
    "vv1.2.3",
    " 1.2.3",
    "1.2.3 ",
    "18446744073709551616.0.0",
    "1.2.3-\u{e9}",
];

/// A value of a kind.
pub(crate) fn of_kind(rng: &mut Rng, kind: Kind, depth: usize) -> Json {
    match kind {
        Kind::Boolean => Json::Bool(rng.percent(50)),
        Kind::Number => number(rng),
        Kind::Text => Json::String(string(rng)),
        Kind::List => list(rng, depth),
        Kind::Object => object(rng, depth),
    }
}

/// A value of any kind.
pub(crate) fn any(rng: &mut Rng, depth: usize) -> Json {
    if rng.oddly(10) {
        return Json::Null;
    }
    let kinds = if depth == 0 { 3 } else { 5 };
    let kind = KINDS[rng.below(kinds)];
    of_kind(rng, kind, depth)
}

pub(crate) fn version(rng: &mut Rng) -> &'static str {
    const WELL_SPELLED: usize = 13;
    let count = if rng.oddly(50) {
        VERSIONS.len()
    } else {
        WELL_SPELLED
    };
    rng.pick(&VERSIONS[..count])
}

pub(crate) fn word(rng: &mut Rng) -> String {
    (rng.pick(&WORDS)).to_owned()
}

pub(crate) fn string(rng: &mut Rng) -> String {
    let oddness = if rng.manner == Manner::Orderly {
        60
    } else {
        100
    };
    match rng.below(oddness) {
        0..=59 => word(rng),
        60..=93 => (rng.pick(&TEXTS)).to_owned(),
        94..=97 => version(rng).to_owned(),
        98 => format!("user-{}", rng.below(1_000_000)),
        _ => "long ü👍 ".repeat(rng.between(1, 60)),
    }
}

pub(crate) fn number(rng: &mut Rng) -> Json {
    if rng.manner == Manner::Orderly {
        return match rng.below(10) {
            0 => json!(rng.pick(&[0.5, 1.5, 2.25])),
            1 => json!(rng.between(0, 1_000)),
            _ => json!(rng.between(0, 12)),
        };
    }
    match rng.below(100) {
        0..=59 => json!(rng.between(0, 12)),
        60..=69 => json!(-i64::try_from(rng.between(1, 120)).expect("small")),
        70..=74 => json!(rng.between(0, 1_000_000)),
        75..=84 => {
            const FRACTIONS: [f64; 8] = [0.5, 1.5, -2.5, 0.1, 2.75, 1e-7, 99.99, 1.0 / 3.0];
            json!(rng.pick(&FRACTIONS))
        }
        85..=91 => {
            // Integers that somebody wrote as floats.
            const INTEGRAL: [f64; 7] = [0.0, -0.0, 1.0, 2.0, 10.0, -3.0, 100.0];
            json!(rng.pick(&INTEGRAL))
        }
        92..=95 => {
            const LARGE: [f64; 8] = [
                1e15,
                1e16,
                123_456_789.123_456_79,
                2_147_483_647.0,
                2_147_483_648.0,
                4_294_967_296.0,
                -1e9,
                9_007_199_254_740_991.0,
            ];
            json!(rng.pick(&LARGE))
        }
        96 => json!(rng.pick(&[
            2_147_483_647_i64,
            2_147_483_648,
            4_294_967_295,
            -2_147_483_649
        ])),
        97 => json!(rng.pick(&[1e20, 1e21, -1e100, 1e300, 5e-324, 1e-10])),
        _ => {
            const BEYOND: [&str; 5] = [
                "9007199254740992",
                "18446744073709551616",
                "-9223372036854775809",
                "1000000000000000000000000000000",
                "-0",
            ];
            match rng.below(9) {
                0..=4 => exactly(rng.pick(&BEYOND)),
                _ => integer_beyond_double(rng),
            }
        }
    }
}

/// Within 64 bits, and no double.
pub(crate) fn integer_beyond_double(rng: &mut Rng) -> Json {
    exactly(rng.pick(&[
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775808",
        "18446744073709551615",
    ]))
}

fn list(rng: &mut Rng, depth: usize) -> Json {
    let length = if rng.percent(5) {
        rng.between(8, 16)
    } else {
        rng.below(5)
    };
    let depth = depth.saturating_sub(1);
    if rng.oddly(50) {
        return (0..length).map(|_| any(rng, depth)).collect();
    }
    // Of one kind, as lists mostly are.
    let kinds = if rng.oddly(20) { 5 } else { 3 };
    let kind = KINDS[rng.below(kinds)];
    (0..length).map(|_| of_kind(rng, kind, depth)).collect()
}

fn object(rng: &mut Rng, depth: usize) -> Json {
    let mut members = Map::new();
    for _ in 0..rng.below(4) {
        let oddness = if rng.manner == Manner::Orderly { 7 } else { 10 };
        let key = match rng.below(oddness) {
            0..=6 => (rng.pick(&["a", "b", "c", "id", "qty"])).to_owned(),
            7 => (rng.pick(&["0", "1", "length", "", "a.b"])).to_owned(),
            _ => string(rng),
        };
        members.insert(key, any(rng, depth.saturating_sub(1)));
    }
    Json::Object(members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{exactly, text};

    #[test]
    fn integers_of_any_size_are_written_as_they_are() {
        let value = json!({"a": [exactly("36893488147419103232"), "x"], "b": exactly("-0")});
        assert_eq!(text(&value), r#"{"a":[36893488147419103232,"x"],"b":-0}"#);
    }
}
