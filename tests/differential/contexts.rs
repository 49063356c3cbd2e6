//! What is known about a request: attributes that rules read, mostly of the kind that they expect.

use serde_json::{Map, Value as Json};

use crate::rng::{Manner, Rng};
use crate::values::{self, Kind};

/// Attributes of a context, and the kind that they mostly have.
const ATTRIBUTES: [(&str, Kind); 12] = [
    ("email", Kind::Text),
    ("plan", Kind::Text),
    ("name", Kind::Text),
    ("version", Kind::Text),
    ("age", Kind::Number),
    ("n", Kind::Number),
    ("beta", Kind::Boolean),
    ("list", Kind::List),
    ("tags", Kind::List),
    ("cart", Kind::List),
    ("obj", Kind::Object),
    ("geo", Kind::Object),
];

/// Keys that are hard to name in a path.
const ODD_KEYS: [&str; 20] = [
    "a.b",
    "til~de",
    "sl/ash",
    "back\\slash",
    "",
    "0",
    "1",
    "1.5",
    "length",
    "ключ",
    "日本",
    "👍",
    "u\u{308}",
    "true",
    "null",
    "constructor",
    "$flagd",
    "../name",
    "accumulator",
    "current",
];

/// Paths by what they mostly find.
pub(crate) fn path(rng: &mut Rng, kind: Kind) -> &'static str {
    let paths: &[&str] = match kind {
        Kind::Text => &[
            "email",
            "plan",
            "name",
            "version",
            "targetingKey",
            "geo.country",
            "tags.0",
            "$flagd.flagKey",
            "email.0",
            "cart.0.id",
        ],
        Kind::Number => &[
            "age",
            "n",
            "obj.a",
            "geo.asn",
            "list.length",
            "email.length",
            "$flagd.timestamp",
            "cart.1.qty",
            "list.1",
        ],
        Kind::Boolean => &["beta", "obj.b", "geo.eu"],
        Kind::List => &["list", "tags", "cart", "obj.c"],
        Kind::Object => &["obj", "geo", "cart.0", "$flagd", ""],
    };
    rng.pick(paths)
}

/// The path of the list whose items have a kind, where the context is orderly.
pub(crate) fn list_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "list",
        Kind::Text => "tags",
        _ => "cart",
    }
}

/// A path that finds something odd, or nothing.
pub(crate) fn odd_path(rng: &mut Rng) -> &'static str {
    const PATHS: [&str; 27] = [
        "nothing",
        "geo.nothing.more",
        "a.b",
        "list.01",
        "list.-1",
        "list.1.5",
        "list.٣",
        "list.99999999999999999999",
        "email.100",
        "email.length.x",
        "list.length.0",
        "obj.length",
        "age.0",
        "beta.x",
        ".",
        "..",
        "obj.",
        ".obj",
        "obj..a",
        "$flagd.nothing",
        "$flagd.flagKey.0",
        "$flagd.flagKey.length",
        "$flagd.timestamp.0",
        "targetingKey.0",
        "targetingKey.length",
        "$ref",
        "obj.a.b.c",
    ];
    if rng.percent(40) {
        rng.pick(&ODD_KEYS)
    } else {
        rng.pick(&PATHS)
    }
}

/// A whole context.
pub(crate) fn context(rng: &mut Rng) -> Json {
    let mut members = Map::new();
    if rng.oddly(3) {
        return Json::Object(members);
    }
    targeting_key(rng, &mut members);
    for (name, kind) in ATTRIBUTES {
        if rng.percent(2) || rng.oddly(15) {
            continue;
        }
        let value = match name {
            _ if rng.oddly(8) => values::any(rng, 2),
            "list" | "tags" | "obj" if rng.manner == Manner::Orderly => orderly(rng, name),
            "geo" => geo(rng),
            "cart" => cart(rng),
            "version" => Json::from(values::version(rng)),
            _ => values::of_kind(rng, kind, 2),
        };
        members.insert(name.to_owned(), value);
    }
    if rng.oddly(30) {
        for _ in 0..rng.between(1, 3) {
            let key = (rng.pick(&ODD_KEYS)).to_owned();
            members.insert(key, values::any(rng, 2));
        }
    }
    Json::Object(members)
}

fn targeting_key(rng: &mut Rng, members: &mut Map<String, Json>) {
    let oddness = if rng.manner == Manner::Orderly {
        75
    } else {
        100
    };
    let key = match rng.below(oddness) {
        0..=74 => Json::String(format!("user-{}", rng.below(100_000))),
        75..=89 => Json::String(values::string(rng)),
        90..=93 => return,
        94 => Json::Null,
        _ => values::any(rng, 1),
    };
    members.insert("targetingKey".to_owned(), key);
}

/// What the paths of [`path`] expect to find.
fn orderly(rng: &mut Rng, name: &str) -> Json {
    let mut list = |kind: Kind, least: usize| -> Json {
        let length = rng.between(least, 4);
        (0..length).map(|_| values::of_kind(rng, kind, 0)).collect()
    };
    match name {
        "list" => list(Kind::Number, 2),
        "tags" => list(Kind::Text, 1),
        _ => {
            let mut members = Map::new();
            members.insert("c".to_owned(), list(Kind::Number, 0));
            members.insert("a".to_owned(), values::number(rng));
            members.insert("b".to_owned(), Json::Bool(rng.percent(50)));
            Json::Object(members)
        }
    }
}

fn geo(rng: &mut Rng) -> Json {
    let mut members = Map::new();
    if !rng.oddly(10) {
        let country = rng.pick(&["DE", "FR", "US", "JP"]);
        members.insert("country".to_owned(), Json::from(country));
    }
    if !rng.oddly(40) {
        members.insert("asn".to_owned(), values::number(rng));
    }
    if !rng.oddly(40) {
        members.insert("eu".to_owned(), Json::Bool(rng.percent(50)));
    }
    Json::Object(members)
}

fn cart(rng: &mut Rng) -> Json {
    let length = rng.between(2, 5) - if rng.oddly(50) { 2 } else { 0 };
    (0..length)
        .map(|_| {
            let mut members = Map::new();
            members.insert("id".to_owned(), Json::String(values::word(rng)));
            members.insert("qty".to_owned(), values::number(rng));
            if rng.oddly(20) {
                members.insert("a".to_owned(), values::any(rng, 1));
            }
            Json::Object(members)
        })
        .collect()
}
