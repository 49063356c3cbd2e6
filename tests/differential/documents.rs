//! Whole documents, and what is asked about them.

use burgee_eval::ValueType;
use burgee_eval::bucketing::Bucketing;
use serde_json::{Map, Value as Json, json};

use crate::contexts;
use crate::rng::Rng;
use crate::rules::Rules;
use crate::values::{self, Kind, number};

/// A document and questions about it, made from a seed and a number.
pub(crate) struct Sheet {
    pub(crate) tree: Json,
    /// Unix seconds.
    pub(crate) now: u64,
    pub(crate) asks: Vec<Ask>,
}

/// One question about one flag.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) flag: String,
    pub(crate) context: Json,
    /// `None`: whatever type the flag has.
    pub(crate) wanted: Option<ValueType>,
}

const TYPES: [ValueType; 5] = [
    ValueType::Boolean,
    ValueType::String,
    ValueType::Integer,
    ValueType::Float,
    ValueType::Object,
];

/// In order of name, as they stand in a document.
const EVALUATORS: [&str; 5] = ["eu", "ev-1", "ev-2", "ev-3", "team"];

/// What members of flags refer to; JavaScript takes them in this order, too. What refers to another
/// comes before it.
const VALUES: [&str; 7] = [
    "v-boolean",
    "v-metadata",
    "v-number",
    "v-object",
    "v-state",
    "v-text",
    "v-where",
];

impl Sheet {
    /// So many of 100 are orderly.
    pub(crate) fn new(seed: u64, index: u64, orderly: usize) -> Self {
        let mut rng = Rng::new(seed, index, orderly);
        let rng = &mut rng;
        let mut document = Map::new();
        let evaluators = evaluators(rng, &mut document);
        let refers = rng.percent(12);
        if refers {
            let names = &evaluators;
            values_to_refer_to(rng, names, &mut document);
        }
        let mut flags = Map::new();
        let mut asks = Vec::new();
        for _ in 0..if rng.percent(75) { 1 } else { 2 } {
            let key = flag_key(rng);
            let (mut flag, kind) = flag(rng, &evaluators);
            if refers {
                refer(rng, kind, &mut flag);
            }
            flags.insert(key.clone(), flag);
            for _ in 0..rng.between(1, 3) {
                asks.push(ask(rng, &key, kind));
            }
        }
        if rng.percent(1) {
            let mut unknown = ask(rng, "", ValueType::Boolean);
            "nowhere".clone_into(&mut unknown.flag);
            asks.push(unknown);
        }
        document.insert("flags".to_owned(), Json::Object(flags));
        if rng.percent(30) {
            document.insert("metadata".to_owned(), metadata(rng));
        }
        if rng.percent(5) {
            document.insert("anything".to_owned(), values::any(rng, 2));
        }
        if refers && rng.percent(5) {
            document.insert(
                "metadata".to_owned(),
                json!({ "owner": { "$ref": "v-text" } }),
            );
        }
        if rng.percent(10) {
            let delivery = delivery(rng, &document);
            document.insert("delivery".to_owned(), delivery);
        }
        Self {
            tree: Json::Object(document),
            now: 1_750_000_000 + u64::try_from(rng.below(1_000)).expect("small"),
            asks,
        }
    }
}

/// A document with its bucketing pinned, which is what makes evaluators of two ages agree on it.
pub(crate) fn pinned(tree: &Json, bucketing: Bucketing) -> Json {
    let mut tree = tree.clone();
    if let Json::Object(members) = &mut tree {
        let metadata = members
            .entry("metadata")
            .or_insert_with(|| Json::Object(Map::new()));
        if let Json::Object(metadata) = metadata {
            metadata.insert("bucketing".to_owned(), bucketing.name().into());
        }
        let delivery = members.get_mut("delivery").and_then(Json::as_object_mut);
        let entries = delivery.into_iter().flat_map(Map::values_mut);
        for own in entries.filter_map(|entry| entry.get_mut("bucketing")) {
            *own = bucketing.name().into();
        }
    }
    tree
}

fn evaluators(rng: &mut Rng, document: &mut Map<String, Json>) -> Vec<String> {
    let count = if rng.percent(40) { rng.below(4) } else { 0 };
    let names: Vec<String> = EVALUATORS[..count]
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    let mut rules = Map::new();
    for (index, name) in names.iter().enumerate() {
        // The official evaluators substitute in order, so what refers to a later one resolves.
        let others = if rng.percent(93) {
            &names[index + 1..]
        } else {
            &names[..]
        };
        let others = others.to_vec();
        let rule = Rules::new(rng, &[], &others).evaluator();
        rules.insert(name.clone(), rule);
    }
    if count > 0 || rng.percent(2) {
        document.insert("$evaluators".to_owned(), Json::Object(rules));
    }
    names
}

fn values_to_refer_to(rng: &mut Rng, rules: &[String], document: &mut Map<String, Json>) {
    let evaluators = document
        .entry("$evaluators")
        .or_insert_with(|| Json::Object(Map::new()));
    for name in VALUES {
        let value = match name {
            "v-boolean" => Json::Bool(rng.percent(50)),
            "v-metadata" => json!({ "owner": { "$ref": "v-text" }, "version": 2 }),
            "v-number" => number(rng),
            "v-object" => {
                let mut value = values::of_kind(rng, Kind::Object, 2);
                if rng.percent(50) {
                    // Mostly what comes later; a rule is what comes earlier.
                    let to = if rng.percent(15) && !rules.is_empty() {
                        rng.choose(rules).as_str()
                    } else {
                        rng.pick(&["v-text", "v-where", "v-object", "nowhere"])
                    };
                    value["to"] = json!([{ "$ref": to }]);
                }
                value
            }
            "v-state" => "ENABLED".into(),
            "v-text" => text(rng),
            _ => json!([rng.below(9), { "key": text(rng) }]),
        };
        evaluators[name] = value;
    }
}

/// Mostly of ASCII, for Python refuses a document that has other evaluators.
fn text(rng: &mut Rng) -> Json {
    if rng.percent(90) {
        rng.pick(&["a team", "12", "", "/a.b/", "say \"no\""])
            .into()
    } else {
        Json::String(values::string(rng))
    }
}

/// Puts references into members of a flag.
fn refer(rng: &mut Rng, kind: ValueType, flag: &mut Json) {
    let value = match kind {
        ValueType::Boolean => "v-boolean",
        ValueType::String => "v-text",
        ValueType::Integer | ValueType::Float => "v-number",
        ValueType::Object => "v-object",
    };
    if rng.percent(60) {
        flag["variants"][rng.pick(&["on", "off"])] = json!({ "$ref": value });
    }
    if kind == ValueType::Object {
        let name = rng.pick(&["on", "off", "none", "v-where", "v-text", "v-object"]);
        let inner = match rng.below(4) {
            0 => json!({ "$ref": name }),
            1 => json!([1, { "$ref": name }, { "x": { "$ref": name } }]),
            2 => json!({ "$ref": name, "beside": true }),
            _ => json!({ "$ref": [name] }),
        };
        if let Some(on) = flag["variants"]["on"].as_object_mut()
            && !on.contains_key("$ref")
        {
            on.insert("in".to_owned(), inner);
        }
    }
    match rng.below(8) {
        0 => flag["state"] = json!({ "$ref": "v-state" }),
        1 => flag["metadata"] = json!({ "$ref": "v-metadata" }),
        2 => flag["metadata"] = json!({ "team": { "$ref": "v-text" } }),
        _ => {}
    }
}

/// What only Burgee reads, and what decides nothing.
fn delivery(rng: &mut Rng, document: &Map<String, Json>) -> Json {
    let mut entries = Map::new();
    let flags = document["flags"].as_object();
    for (index, key) in flags.into_iter().flat_map(Map::keys).enumerate() {
        let mut entry = json!({});
        if rng.percent(50) {
            entry["header"] = json!(format!("x-flag-of-{index}"));
        }
        if rng.percent(50) {
            // Whatever it is asked about is pinned to one.
            entry["bucketing"] = json!("v3");
        }
        entries.insert(key.clone(), entry);
    }
    Json::Object(entries)
}

fn flag_key(rng: &mut Rng) -> String {
    match rng.below(10) {
        0..=5 => "my-flag".to_owned(),
        6 => "f".to_owned(),
        7 => "ünï.👍".to_owned(),
        8 => "sl/ash~til\\de".to_owned(),
        _ => "other flag".to_owned(),
    }
}

fn flag(rng: &mut Rng, evaluators: &[String]) -> (Json, ValueType) {
    let kind = rng.pick(&[
        ValueType::Boolean,
        ValueType::Boolean,
        ValueType::String,
        ValueType::String,
        ValueType::Integer,
        ValueType::Float,
        ValueType::Object,
    ]);
    let variants = variants(rng, kind);
    let names: Vec<String> = variants.keys().cloned().collect();
    let mut members = Map::new();
    let state = if rng.percent(96) {
        "ENABLED"
    } else {
        "DISABLED"
    };
    members.insert("state".to_owned(), state.into());
    match rng.below(100) {
        0..=74 => {
            members.insert(
                "defaultVariant".to_owned(),
                rng.choose(&names).as_str().into(),
            );
        }
        75..=84 => {
            members.insert("defaultVariant".to_owned(), Json::Null);
        }
        85..=86 => {
            members.insert("defaultVariant".to_owned(), "".into());
        }
        87 => {
            members.insert("defaultVariant".to_owned(), "nowhere".into());
        }
        _ => {}
    }
    if rng.percent(93) {
        let rule = Rules::new(rng, &names, evaluators).rule();
        members.insert("targeting".to_owned(), rule);
    } else if rng.percent(50) {
        members.insert("targeting".to_owned(), json!({}));
    }
    if rng.percent(20) {
        members.insert("metadata".to_owned(), metadata(rng));
    }
    members.insert("variants".to_owned(), Json::Object(variants));
    (Json::Object(members), kind)
}

fn variants(rng: &mut Rng, kind: ValueType) -> Map<String, Json> {
    const NAMES: [&str; 14] = [
        "on",
        "off",
        "true",
        "false",
        "red",
        "blue",
        "1",
        "2",
        "1.5",
        "null",
        "ü👍",
        "a,b",
        "a longer name of a variant",
        "None",
    ];
    let mut variants = Map::new();
    for name in [NAMES[0], NAMES[1]] {
        variants.insert(name.to_owned(), value(rng, kind));
    }
    for _ in 0..rng.below(5) {
        variants.insert((rng.pick(&NAMES)).to_owned(), value(rng, kind));
    }
    variants
}

fn value(rng: &mut Rng, kind: ValueType) -> Json {
    match kind {
        ValueType::Boolean => Json::Bool(rng.percent(50)),
        ValueType::String => Json::String(values::string(rng)),
        ValueType::Integer if rng.below(40) == 0 => values::integer_beyond_double(rng),
        ValueType::Integer => json!(i64::try_from(rng.below(2_000)).expect("small") - 1_000),
        ValueType::Float => {
            const FLOATS: [f64; 9] = [
                0.5,
                -1.25,
                10.0,
                -0.0,
                1e-7,
                1.0,
                9_007_199_254_740_991.0,
                1e300,
                -5e-324,
            ];
            json!(rng.pick(&FLOATS))
        }
        ValueType::Object => values::of_kind(rng, Kind::Object, 2),
    }
}

fn metadata(rng: &mut Rng) -> Json {
    let mut members = Map::new();
    for _ in 0..rng.between(1, 3) {
        let key = rng.pick(&["version", "owner", "team", "scale", "ünï"]);
        let value = match rng.below(3) {
            0 => Json::Bool(rng.percent(50)),
            1 => number(rng),
            _ => Json::String(values::string(rng)),
        };
        members.insert(key.to_owned(), value);
    }
    Json::Object(members)
}

fn ask(rng: &mut Rng, flag: &str, kind: ValueType) -> Ask {
    Ask {
        flag: flag.to_owned(),
        context: contexts::context(rng),
        wanted: match rng.below(10) {
            0..=2 => None,
            3..=8 => Some(kind),
            _ => Some(rng.pick(&TYPES)),
        },
    }
}
