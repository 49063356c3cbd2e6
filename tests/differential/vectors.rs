//! The vectors that every `cargo test` runs: `proxy/eval/tests/vectors/`. Here is what writes the
//! generated ones, and what asks the official evaluators whether all of them are still what they say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use burgee_eval::ValueType;
use burgee_eval::bucketing::Bucketing;
use serde_json::{Map, Value as Json, json};

use crate::answer::{Answer, Reply, Step, agree};
use crate::burgee::type_name;
use crate::documents::{Ask, Sheet, pinned};
use crate::judge::{Judge, ours};
use crate::oracle::{Official, installed};
use crate::values;

/// What the generated vectors are made from; another seed makes others.
const SEED: u64 = 1;

/// Bytes of one vector that is kept: what people have to read when it fails.
const MOST_BYTES: usize = 1_500;

/// Generated cases in a file, at most.
const MOST_CASES: usize = 1_600;

/// Documents that are tried for one file.
const DOCUMENTS: u64 = 12_000;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../proxy/eval/tests/vectors")
        .join(file)
}

#[test]
#[ignore = "needs the official evaluators; writes the vectors of burgee-eval that are generated"]
fn write_the_vectors() {
    let installed = installed();
    for (file, official) in [
        ("v3-generated.json", Official::PythonV3),
        ("v2-generated.json", Official::PythonV2),
    ] {
        let judge = Judge::start(official, &installed);
        let mut seen = BTreeSet::new();
        let mut lines = Vec::new();
        for index in 0..DOCUMENTS {
            let sheet = Sheet::new(SEED, index, official.orderly());
            for ask in &sheet.asks {
                if lines.len() < MOST_CASES {
                    lines.extend(vector(&judge, &sheet, ask, &mut seen));
                }
            }
        }
        let text = format!("[\n{}\n]\n", lines.join(",\n"));
        std::fs::write(path(file), text).expect("vectors can be written");
    }
}

/// A case as a line, if it shows something that no line before it shows, and Burgee agrees.
fn vector(judge: &Judge, sheet: &Sheet, ask: &Ask, seen: &mut BTreeSet<String>) -> Option<String> {
    let mut tree = sheet.tree.clone();
    tree["flags"].get(&ask.flag)?;
    tree["flags"]
        .as_object_mut()?
        .retain(|key, _| *key == ask.flag);
    let official = judge.official();
    let theirs = judge.theirs(&tree, sheet.now, ask);
    let reply = ours(official, &tree, sheet.now, std::slice::from_ref(ask));
    if !agree(reply.of(0), theirs.of(0)) {
        return None;
    }
    let answer = theirs.of(0).ok()?;
    let document = values::text(&pinned(&tree, official.bucketing()));
    let wanted = ask.wanted.map_or_else(String::new, |wanted| {
        format!(r#","type":{}"#, json!(type_name(wanted)))
    });
    let line = format!(
        r#"{{"document":{document},"now":{},"flag":{},"context":{}{wanted},"expect":{}}}"#,
        sheet.now,
        json!(ask.flag),
        values::text(&ask.context),
        expected(answer),
    );
    if line.len() > MOST_BYTES {
        return None;
    }
    let trace = judge.trace(&tree, sheet.now, ask);
    let bucketing_matters = trace.iter().any(|step| step.op == "fractional");
    if official.bucketing() == Bucketing::V2 && !bucketing_matters {
        return None;
    }
    let mut shows_more = seen.insert(outcome(ask, answer));
    for step in trace.iter().filter(|step| !step.constant) {
        if official.bucketing() == Bucketing::V3 || step.op == "fractional" {
            shows_more |= seen.insert(feature(step));
        }
    }
    shows_more.then_some(line)
}

/// How it came out, in a few words.
fn outcome(ask: &Ask, answer: &Answer) -> String {
    format!(
        "{:?} {} {:?} {:?}",
        ask.wanted,
        answer.reason,
        answer.error_code,
        answer.value.as_ref().map(kind)
    )
}

/// What an operator was given and gave, in a few words.
fn feature(step: &Step) -> String {
    let few = 4;
    let args: Vec<&str> = step.args.iter().take(few).map(kind).collect();
    format!(
        "{} {args:?} {} {:?} {}",
        step.op,
        step.args.len().min(few + 1),
        step.result.as_ref().map(kind),
        step.inner
    )
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "integer",
        Json::String(text) if text.is_empty() => "empty text",
        Json::String(text) if text.parse::<f64>().is_ok() => "numeric text",
        Json::String(text) if !text.is_ascii() => "Unicode text",
        Json::String(_) => "text",
        Json::Array(items) if items.is_empty() => "empty list",
        Json::Array(_) => "list",
        Json::Object(members) if members.is_empty() => "empty object",
        Json::Object(_) => "object",
    }
}

/// What a vector says of an answer.
fn expected(answer: &Answer) -> Json {
    let mut expected = Map::new();
    expected.insert("reason".to_owned(), answer.reason.as_str().into());
    if let Some(variant) = &answer.variant {
        expected.insert("variant".to_owned(), variant.as_str().into());
    }
    if let Some(value) = &answer.value {
        expected.insert("value".to_owned(), value.clone());
    }
    if let Some(code) = &answer.error_code {
        expected.insert("errorCode".to_owned(), code.as_str().into());
    }
    Json::Object(expected)
}

/// The vectors that an evaluator no longer answers as they say.
pub(crate) fn problems_with(judge: &Judge) -> Vec<String> {
    let files: &[&str] = match judge.official() {
        Official::PythonV3 => &["v3.json", "v3-generated.json"],
        Official::PythonV2 => &["v2-generated.json"],
        Official::JavaScript => &[],
    };
    files
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(path(file)).expect("vectors can be read");
            let cases: Vec<Json> = serde_json::from_str(&text).expect("vectors are a list");
            cases
        })
        .filter_map(|case| problem_with(judge, &case))
        .collect()
}

fn problem_with(judge: &Judge, case: &Json) -> Option<String> {
    let wanted = [
        ValueType::Boolean,
        ValueType::String,
        ValueType::Integer,
        ValueType::Float,
        ValueType::Object,
    ]
    .into_iter()
    .find(|wanted| case["type"] == type_name(*wanted));
    let ask = Ask {
        flag: case["flag"].as_str().unwrap_or_default().to_owned(),
        context: case["context"].clone(),
        wanted,
    };
    let now = case["now"].as_u64().unwrap_or_default();
    let theirs = judge.theirs(&case["document"], now, &ask);
    let recorded: Answer = serde_json::from_value(case["expect"].clone()).expect("an answer");
    let recorded = Reply::Answers(vec![recorded]);
    (!agree(recorded.of(0), theirs.of(0)))
        .then(|| format!("a vector is not what is answered now: {case}: {theirs:?}"))
}
