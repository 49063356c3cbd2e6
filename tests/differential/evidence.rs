//! Every exception has an example that it excludes and a near miss that it does not. What the official
//! evaluators said to both is recorded in `evidence.json`, so that exceptions are tested without them;
//! a run with them finds out whether it is still what they say.
//!
//! A case is written short: `rule`, and where they matter `context`, `evaluators`, members of the
//! `flag`, `metadata` of the set, and the type that is `wanted`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burgee_eval::ValueType;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::answer::{Reply, Step, agree};
use crate::classes::{Case, Class, class_of, classes};
use crate::documents::Ask;
use crate::judge::{Judge, ours, without_references};
use crate::oracle::Official;
use crate::values::exactly;

const NOW: u64 = 1_750_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Short {
    rule: Json,
    #[serde(default)]
    context: Option<Json>,
    #[serde(default)]
    evaluators: Option<Json>,
    #[serde(default)]
    flag: serde_json::Map<String, Json>,
    /// Of the set.
    #[serde(default)]
    metadata: Option<Json>,
    #[serde(default)]
    wanted: Option<String>,
}

fn case(short: &str) -> (Json, Ask) {
    let short: Short =
        serde_json::from_str(short).unwrap_or_else(|error| panic!("{error} in {short}"));
    let mut flag = json!({
        "state": "ENABLED",
        "variants": {"on": true, "off": false, "true": true, "false": false},
        "targeting": short.rule,
    });
    let members = flag.as_object_mut().expect("an object");
    members.extend(short.flag);
    let mut tree = json!({ "flags": { "flag": flag } });
    if let Some(evaluators) = short.evaluators {
        tree["$evaluators"] = evaluators;
    }
    if let Some(metadata) = short.metadata {
        tree["metadata"] = metadata;
    }
    let wanted = short.wanted.map(|wanted| match wanted.as_str() {
        "integer" => ValueType::Integer,
        "float" => ValueType::Float,
        other => panic!("no example asks for {other}"),
    });
    let mut context = short.context.unwrap_or_else(|| json!({}));
    integers(&mut context);
    let ask = Ask {
        flag: "flag".to_owned(),
        context,
        wanted,
    };
    (tree, ask)
}

/// Integers that JSON libraries do not hold are written `{"$integer": "…"}`.
fn integers(value: &mut Json) {
    if let Some(digits) = value.get("$integer").and_then(Json::as_str) {
        *value = exactly(digits);
    } else if let Json::Object(members) = value {
        members.values_mut().for_each(integers);
    }
}

/// What was recorded about one case.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    theirs: Reply,
    trace: Vec<Step>,
}

type Evidence = BTreeMap<String, Record>;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("differential/evidence.json")
}

fn recorded() -> Evidence {
    let text = std::fs::read_to_string(path()).expect("the evidence can be read");
    serde_json::from_str(&text).expect("the evidence is as it was written")
}

/// The name under which a case is recorded, and the case.
fn cases(official: Official) -> impl Iterator<Item = (String, &'static Class, bool, &'static str)> {
    classes()
        .filter(move |class| class.officials.contains(&official))
        .flat_map(move |class| {
            [(true, class.example), (false, class.near_miss)].map(|(example, short)| {
                let kind = if example { "example" } else { "near miss" };
                let name = format!("{}: {kind} against {}", class.name, official.name());
                (name, class, example, short)
            })
        })
}

/// What is wrong with the evidence about one evaluator, by what it says now.
pub(crate) fn problems_with(judge: &Judge) -> Vec<String> {
    let recorded = recorded();
    cases(judge.official())
        .filter_map(|(name, _, _, short)| {
            let (tree, ask) = case(short);
            let record = Record {
                theirs: judge.theirs(&tree, NOW, &ask),
                trace: judge.trace(&tree, NOW, &ask),
            };
            (recorded.get(&name) != Some(&record)).then(|| {
                format!("{name}: not what is recorded; see the README for how to record it")
            })
        })
        .collect()
}

#[test]
#[ignore = "needs the official evaluators; writes what they say to the examples of exceptions"]
fn record_the_evidence() {
    let installed = crate::oracle::installed();
    let mut evidence = Evidence::new();
    for official in Official::ALL {
        let judge = Judge::start(official, &installed);
        for (name, _, _, short) in cases(official) {
            let (tree, ask) = case(short);
            let record = Record {
                theirs: judge.theirs(&tree, NOW, &ask),
                trace: judge.trace(&tree, NOW, &ask),
            };
            evidence.insert(name, record);
        }
    }
    let lines: Vec<String> = evidence
        .iter()
        .map(|(name, record)| format!("{}: {}", json!(name), json!(record)))
        .collect();
    std::fs::write(path(), format!("{{\n{}\n}}\n", lines.join(",\n"))).expect("it can be written");
}

#[test]
fn exceptions_are_as_wide_as_their_examples_and_no_wider() {
    let recorded = recorded();
    let mut problems = Vec::new();
    for official in Official::ALL {
        for (name, class, example, short) in cases(official) {
            let (tree, ask) = case(short);
            let Some(record) = recorded.get(&name) else {
                problems.push(format!("{name}: not recorded"));
                continue;
            };
            let ours = ours(official, &tree, NOW, std::slice::from_ref(&ask));
            let (ours, theirs) = (ours.of(0), record.theirs.of(0));
            let substituted = without_references(&tree);
            let case = Case {
                substituted: &substituted,
                rule: &substituted["flags"]["flag"]["targeting"],
                official,
                tree: &tree,
                ask: &ask,
                ours,
                theirs,
                trace: &record.trace,
            };
            let agree = agree(ours, theirs);
            let belongs = (class.applies)(&case);
            let first = class_of(&case);
            if example && (agree || !belongs || first != Some(class.name)) {
                problems.push(format!(
                    "{name}: agree {agree}, belongs {belongs}, first {first:?}: {short}: {ours:?}, {theirs:?}"
                ));
            }
            if !example && (!agree || belongs) {
                problems.push(format!(
                    "{name}: agree {agree}, belongs {belongs}, first {first:?}: {short}: {ours:?}, {theirs:?}"
                ));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_exception_stands_in_the_decision() {
    let decision =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/decisions/0004-evaluation.md");
    let decision = std::fs::read_to_string(decision).expect("the decision can be read");
    for class in classes() {
        let name = format!("`{}`", class.name);
        assert!(decision.contains(&name), "{name} is not in the decision");
    }
}
