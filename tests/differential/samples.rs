//! One file serves Burgee and every official evaluator: all sample flag sets of this repository, and those in
//! its documentation, are loaded into them as they stand, and decide alike.
//!
//! What `delivery` asks beyond flagd is Burgee's alone: where one of its gates decides, the flag is compared
//! without them. Where users are split, both sides do it by the bucketing that the evaluator has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burgee_eval::bucketing::Bucketing;
use burgee_eval::text::{Format, parse};
use serde_json::{Map, Value as Json, json};

use crate::answer::{Answer, Reply, agree};
use crate::documents::{Ask, pinned};
use crate::judge::ours;
use crate::oracle::{Official, Oracle, installed};
use crate::rng::Rng;

const NOW: u64 = 1_750_000_000;

/// Contexts in which each flag is asked.
const CONTEXTS: u64 = 300;

/// What no rule names.
const OTHERS: [&str; 3] = ["", "another", "ZZ"];

/// A flag set, and where it stands.
struct Sample {
    place: String,
    tree: Json,
}

/// Every flag set in files of samples, and in blocks of YAML and JSON in pages.
fn samples() -> Vec<Sample> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut samples = Vec::new();
    for directory in ["config", "deploy", "demo", "docs"] {
        files(&root.join(directory), &mut |path, text| {
            let place = path.display().to_string();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if let Some(format) = extension.and_then(Format::from_extension) {
                samples.extend(sample(place, text, format));
            } else if extension == Some("md") {
                samples.extend(in_page(&place, text));
            }
        });
    }
    let readme = std::fs::read_to_string(root.join("README.md")).expect("it can be read");
    samples.extend(in_page("README.md", &readme));
    samples
}

fn files(path: &Path, found: &mut dyn FnMut(&Path, &str)) {
    if let Ok(entries) = std::fs::read_dir(path) {
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("it can be listed").path())
            .collect();
        paths.sort();
        for path in &paths {
            files(path, found);
        }
    } else if let Ok(text) = std::fs::read_to_string(path) {
        found(path, &text);
    }
}

/// Configurations and manifests are no flag sets, and a page shows parts of some.
fn sample(place: String, text: &str, format: Format) -> Option<Sample> {
    let tree = parse(text, format).ok()?.value;
    let is_flag = |flag: &Json| flag.get("state").is_some();
    let flags = tree.get("flags")?.as_object()?;
    let is_set = flags.values().any(is_flag);
    is_set.then_some(Sample { place, tree })
}

fn in_page(place: &str, text: &str) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (language, format) in [("yaml", Format::Yaml), ("json", Format::Json)] {
        let fence = format!("```{language}\n");
        for (number, block) in text.split(&fence).skip(1).enumerate() {
            let block = block.split("```").next().unwrap_or_default();
            let place = format!("{place}, {language} {number}");
            samples.extend(sample(place, block, format));
        }
    }
    samples
}

/// The paths that rules read, each with the texts that stand beside it.
fn reads(value: &Json, into: &mut BTreeMap<String, BTreeSet<String>>) {
    fn path(value: &Json) -> Option<&str> {
        let path = value.get("var")?;
        path.as_str().or_else(|| path.get(0)?.as_str())
    }
    fn texts(value: &Json, into: &mut BTreeSet<String>) {
        match value {
            Json::String(text) => {
                into.insert(text.clone());
            }
            Json::Array(items) => items.iter().for_each(|item| texts(item, into)),
            _ => {}
        }
    }
    match value {
        Json::Array(items) => {
            for read in items.iter().filter_map(path) {
                let beside = into.entry(read.to_owned()).or_default();
                for item in items {
                    texts(item, beside);
                }
            }
            for item in items {
                reads(item, into);
            }
        }
        Json::Object(members) => members.values().for_each(|member| reads(member, into)),
        _ => {}
    }
}

/// Contexts of every attribute that the rules of a set read, absent, as they want it, and otherwise.
fn contexts(tree: &Json) -> Vec<Json> {
    let mut paths = BTreeMap::new();
    reads(tree, &mut paths);
    let context = |number| {
        let rng = &mut Rng::new(1, number, 100);
        let mut context = json!({ "targetingKey": format!("user-{number}") });
        for (path, texts) in &paths {
            let texts: Vec<&str> = texts.iter().map(String::as_str).chain(OTHERS).collect();
            if rng.percent(80) {
                put(&mut context, path, rng.pick(&texts).into());
            }
        }
        // What a proxy in the region says of itself.
        if rng.percent(50) {
            put(&mut context, "region", "eu".into());
        }
        context
    };
    (0..CONTEXTS).map(context).collect()
}

fn put(into: &mut Json, path: &str, value: Json) {
    let mut at = into;
    for part in path.split('.') {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[part];
    }
    *at = value;
}

/// The same set without what makes Burgee decide otherwise than flagd does.
fn without_gates(tree: &Json) -> Json {
    let mut tree = tree.clone();
    let entries = tree.get_mut("delivery").and_then(Json::as_object_mut);
    for entry in entries.into_iter().flat_map(Map::values_mut) {
        let entry = entry.as_object_mut().expect("an entry is an object");
        entry.retain(|key, _| key == "header" || key == "bucketing");
    }
    tree
}

fn is_gate(answer: Result<&Answer, &str>) -> bool {
    const GATES: [&str; 4] = ["STALE", "REGION", "PREREQUISITE", "LAYER"];
    answer.is_ok_and(|answer| GATES.contains(&&*answer.reason))
}

#[test]
#[ignore = "needs the official evaluators, in Python and Node; ./test installs and runs them"]
fn sample_flag_sets_serve_every_official_evaluator_and_all_agree() {
    let installed = installed();
    let samples = samples();
    let places: Vec<&str> = samples.iter().map(|sample| &*sample.place).collect();
    for wanted in ["checkout.yaml", "storefront.yaml", "flags.md"] {
        let is_there = places.iter().any(|place| place.contains(wanted));
        assert!(is_there, "{wanted} is not among {places:?}");
    }
    let (mut gated, mut open) = (0, 0);
    for official in Official::ALL {
        let oracle = Oracle::start(official, &installed);
        for Sample { place, tree } in &samples {
            // As it stands, nothing pinned anew: all of its flags are there.
            let flags = tree["flags"].as_object().expect("flags");
            let ask = |flag: &String, context: &Json| Ask {
                flag: flag.clone(),
                context: context.clone(),
                wanted: None,
            };
            let asks: Vec<Ask> = flags.keys().map(|flag| ask(flag, &json!({}))).collect();
            oracle.send_text(&tree.to_string(), NOW, &asks, false);
            let reply = oracle.receive();
            for (number, asked) in asks.iter().enumerate() {
                let answer = reply.of(number);
                let is_served = answer.is_ok_and(|answer| answer.error_code.is_none());
                assert!(
                    is_served,
                    "{}, {place}, {}: {answer:?}",
                    official.name(),
                    asked.flag
                );
            }

            let contexts = contexts(tree);
            let without = without_gates(tree);
            for flag in flags.keys() {
                let asks: Vec<Ask> = contexts.iter().map(|context| ask(flag, context)).collect();
                oracle.send(tree, NOW, &asks, false);
                let theirs = oracle.receive();
                let with_gates = ours(official, tree, NOW, &asks);
                let without_gates = ours(official, &without, NOW, &asks);
                for (number, asked) in asks.iter().enumerate() {
                    let is_gated = is_gate(with_gates.of(number));
                    let ours = if is_gated {
                        &without_gates
                    } else {
                        &with_gates
                    };
                    gated += usize::from(is_gated);
                    open += usize::from(!is_gated && with_gates != without_gates);
                    assert!(
                        agree(ours.of(number), theirs.of(number)),
                        "{place}, {flag}, {}: Burgee {:?}, {} {:?}",
                        asked.context,
                        ours.of(number),
                        official.name(),
                        theirs.of(number)
                    );
                }
                if tree["flags"][flag].get("targeting").is_some() {
                    let shown = variants(&theirs);
                    assert!(shown.len() > 1, "{place}, {flag}: nothing but {shown:?}");
                }
            }
        }
    }
    assert!(gated > 0 && open > 0, "{gated} gated, {open} open");
    println!("{} sample flag sets: {}", samples.len(), places.join(", "));
}

fn variants(reply: &Reply) -> BTreeSet<String> {
    let Reply::Answers(answers) = reply else {
        return BTreeSet::new();
    };
    answers
        .iter()
        .filter_map(|answer| answer.variant.clone())
        .collect()
}

#[test]
fn a_pin_reaches_every_flag_of_a_sample() {
    let tree = json!({ "flags": {}, "delivery": { "a": { "bucketing": "v3" }, "b": {} } });
    let tree = pinned(&tree, Bucketing::V2);
    assert_eq!(tree["metadata"]["bucketing"], "v2");
    assert_eq!(tree["delivery"]["a"]["bucketing"], "v2");
    assert_eq!(tree["delivery"]["b"], json!({}));
}
