//! The run: the same generated cases for every official evaluator, side by side.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use serde_json::Value as Json;

use crate::answer::{Answer, Reply, agree};
use crate::documents::{Ask, Sheet};
use crate::evidence;
use crate::judge::{Judge, Verdict, ours};
use crate::oracle::{Official, Oracle, installed};
use crate::rules::ALL_OPERATORS;
use crate::shrink::shrink;
use crate::values;
use crate::vectors;

/// Cases for each evaluator, and the seed that ./test uses: reproducible, and changed by hand.
const CASES: u64 = 60_000;
const SEED: u64 = 20_260_101;

/// An exception that takes more of all cases than this is no exception.
const MOST_PERCENT: u64 = 5;

/// Documents that an evaluator is given at a time.
const BATCH: u64 = 64;

#[test]
#[ignore = "needs the official evaluators, in Python and Node; ./test installs and runs them"]
fn burgee_and_the_official_evaluators_agree() {
    let seed = number("BURGEE_DIFFERENTIAL_SEED", SEED);
    let first = number("BURGEE_DIFFERENTIAL_FIRST", 0);
    let cases = number("BURGEE_DIFFERENTIAL_CASES", CASES);
    let shown = number("BURGEE_DIFFERENTIAL_SHOWN", 5);
    let only = std::env::var("BURGEE_DIFFERENTIAL_ONLY").unwrap_or_default();
    let installed = installed();
    let reports: Vec<Report> = thread::scope(|scope| {
        let runs: Vec<_> = Official::ALL
            .into_iter()
            .filter(|official| official.name().contains(&only))
            .map(|official| {
                let installed = &installed;
                scope.spawn(move || Run::new(official, seed, shown, installed).run(first, cases))
            })
            .collect();
        runs.into_iter()
            .map(|run| {
                run.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    println!("\nseed {seed}");
    for report in &reports {
        report.print();
    }
    for report in &reports {
        report.check();
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")),
        Err(_) => otherwise,
    }
}

/// One evaluator, being compared with.
struct Run {
    seed: u64,
    /// Disagreements that are made small and printed.
    shown: u64,
    oracle: Oracle,
    /// The same evaluator once more, for cases that need a second look.
    judge: Judge,
    report: Report,
}

/// What came of it.
struct Report {
    official: Official,
    cases: u64,
    /// How cases came out, by reason and error.
    outcomes: BTreeMap<String, u64>,
    excluded: BTreeMap<&'static str, u64>,
    disagreements: u64,
    /// By what they have in common, the first of each.
    examples: BTreeMap<String, Example>,
    /// What the evaluator no longer says to the examples of exceptions, and to vectors.
    stale: Vec<String>,
}

/// A disagreement made small.
struct Example {
    text: String,
    /// How many were made small and came to this.
    count: u64,
}

impl Run {
    fn new(official: Official, seed: u64, shown: u64, installed: &Path) -> Self {
        Self {
            seed,
            shown,
            oracle: Oracle::start(official, installed),
            judge: Judge::start(official, installed),
            report: Report {
                official,
                cases: 0,
                outcomes: BTreeMap::new(),
                excluded: BTreeMap::new(),
                disagreements: 0,
                examples: BTreeMap::new(),
                stale: Vec::new(),
            },
        }
    }

    fn run(mut self, first: u64, cases: u64) -> Report {
        self.report.stale = evidence::problems_with(&self.judge);
        self.report
            .stale
            .extend(vectors::problems_with(&self.judge));
        let mut index = first;
        while self.report.cases < cases {
            self.batch(index..index + BATCH);
            index += BATCH;
        }
        self.report
    }

    fn batch(&mut self, indices: std::ops::Range<u64>) {
        let official = self.report.official;
        let sheets: Vec<Sheet> = indices
            .clone()
            .map(|index| Sheet::new(self.seed, index, official.orderly()))
            .collect();
        for sheet in &sheets {
            self.oracle.send(&sheet.tree, sheet.now, &sheet.asks, false);
        }
        // The evaluator works while Burgee does.
        let ours: Vec<Reply> = sheets
            .iter()
            .map(|sheet| ours(official, &sheet.tree, sheet.now, &sheet.asks))
            .collect();
        for ((index, sheet), ours) in indices.zip(&sheets).zip(ours) {
            let theirs = self.oracle.receive();
            for (number, ask) in sheet.asks.iter().enumerate() {
                let (ours, theirs) = (ours.of(number), theirs.of(number));
                self.report.count(theirs);
                if agree(ours, theirs) {
                    continue;
                }
                match self.judge.class(&sheet.tree, sheet.now, ask, ours, theirs) {
                    Some(class) => *self.report.excluded.entry(class).or_default() += 1,
                    None => self.disagreement(index, sheet, ask),
                }
            }
        }
    }

    fn disagreement(&mut self, index: u64, sheet: &Sheet, ask: &Ask) {
        self.report.disagreements += 1;
        if self.report.disagreements > self.shown {
            return;
        }
        let now = sheet.now;
        let official = self.report.official;
        let differ = |tree: &Json, ask: &Ask| {
            let ours = ours(official, tree, now, std::slice::from_ref(ask));
            let theirs = self.judge.theirs(tree, now, ask);
            (outcome(ours.of(0)), outcome(theirs.of(0)))
        };
        let at_first = differ(&sheet.tree, ask);
        let (tree, ask) = shrink(&sheet.tree, ask, |tree, ask| {
            self.judge.verdict(tree, now, ask) == Verdict::Disagreement
                && differ(tree, ask) == at_first
        });
        let ours = ours(official, &tree, now, std::slice::from_ref(&ask));
        let theirs = self.judge.theirs(&tree, now, &ask);
        let text = format!(
            "document {index}, made small:\n  {}\n  flag {:?} as {:?}, context {}\n  Burgee: {}\n  {}: {}",
            values::text(&tree),
            ask.flag,
            ask.wanted,
            values::text(&ask.context),
            show(&ours),
            self.report.official.name(),
            show(&theirs),
        );
        let common = format!("{at_first:?} {}", operators(&tree).join(" "));
        self.report
            .examples
            .entry(common)
            .or_insert(Example { text, count: 0 })
            .count += 1;
    }
}

fn show(reply: &Reply) -> String {
    match reply.of(0) {
        Ok(answer) => answer.to_string(),
        Err(why) => format!("refuses the document: {why}"),
    }
}

/// How a case came out, in a word.
fn outcome(answer: Result<&Answer, &str>) -> String {
    match answer {
        Ok(answer) => match &answer.error_code {
            Some(code) => code.clone(),
            None => answer.reason.clone(),
        },
        Err(_) => "refused".to_owned(),
    }
}

/// The operators that a document has, sorted.
fn operators(tree: &Json) -> Vec<&str> {
    fn walk<'t>(value: &'t Json, into: &mut Vec<&'t str>) {
        match value {
            Json::Array(items) => items.iter().for_each(|item| walk(item, into)),
            Json::Object(members) => {
                for (key, value) in members {
                    if ALL_OPERATORS.contains(&key.as_str()) || key == "$ref" {
                        into.push(key);
                    }
                    walk(value, into);
                }
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    walk(tree, &mut all);
    all.sort_unstable();
    all.dedup();
    all
}

impl Report {
    fn count(&mut self, theirs: Result<&Answer, &str>) {
        self.cases += 1;
        *self.outcomes.entry(outcome(theirs)).or_default() += 1;
    }

    fn print(&self) {
        let outcomes: Vec<String> = self
            .outcomes
            .iter()
            .map(|(outcome, count)| format!("{count} {outcome}"))
            .collect();
        let excluded: u64 = self.excluded.values().sum();
        println!(
            "{}: {} cases ({}), {} disagreements, {excluded} excluded:",
            self.official.name(),
            self.cases,
            outcomes.join(", "),
            self.disagreements,
        );
        for (class, count) in &self.excluded {
            println!("  {count:6} {class}");
        }
    }

    fn check(&self) {
        let name = self.official.name();
        let mut examples: Vec<&Example> = self.examples.values().collect();
        examples.sort_by_key(|example| std::cmp::Reverse(example.count));
        let examples: Vec<String> = examples
            .iter()
            .map(|example| format!("{} x {}", example.count, example.text))
            .collect();
        assert!(
            self.disagreements == 0,
            "{name} and Burgee disagree in {} cases. Of those that were made small, one of each kind:\n\n{}",
            self.disagreements,
            examples.join("\n\n")
        );
        assert!(self.stale.is_empty(), "{}", self.stale.join("\n"));
        for (class, count) in &self.excluded {
            assert!(
                count * 100 <= self.cases * MOST_PERCENT,
                "{class} excludes {count} of {} cases against {name}, which is more than {MOST_PERCENT} %",
                self.cases
            );
        }
    }
}
