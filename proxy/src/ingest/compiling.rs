//! Compiling aside, off the task that takes updates.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use burgee_eval::limits::MAX_SNAPSHOT_BYTES;
use burgee_eval::text::{Locations, SyntaxError, parse};
use burgee_eval::{Compiler, FlagSet, Problem, Severity, Snapshot};

use super::sets::Job;
use crate::envelope::FlagSetText;

/// What is compiled in one go.
pub(super) struct Batch {
    pub(super) compiler: Compiler,
    pub(super) jobs: Vec<Job>,
    /// What is served of every set, by place.
    pub(super) served: BTreeMap<String, Arc<FlagSet>>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) compiler: Compiler,
    pub(super) results: Vec<(Job, Outcome)>,
    /// All sets, the new versions among them.
    pub(super) snapshot: Snapshot,
}

/// What came of one set.
#[derive(Debug)]
pub(super) enum Outcome {
    Compiled(Arc<FlagSet>),
    Deleted,
    Refused(Refusal),
}

/// Why a set is refused whole.
#[derive(Debug)]
pub(super) struct Refusal {
    /// A word for metrics.
    pub(super) reason: &'static str,
    /// For people, with places.
    pub(super) message: String,
}

/// Compiles every job and joins the result with what is served.
pub(super) fn run(batch: Batch) -> Compiled {
    let Batch {
        mut compiler,
        jobs,
        mut served,
    } = batch;
    let mut results = Vec::with_capacity(jobs.len());
    for job in jobs {
        let outcome = match &job.document {
            None => Outcome::Deleted,
            Some(text) => match compile(&mut compiler, &job, text)
                .and_then(|set| fitting(set, &job.place, &served))
            {
                Ok(set) => Outcome::Compiled(set),
                Err(refusal) => Outcome::Refused(refusal),
            },
        };
        match &outcome {
            Outcome::Compiled(set) => drop(served.insert(job.place.clone(), set.clone())),
            Outcome::Deleted => drop(served.remove(&job.place)),
            Outcome::Refused(_) => {}
        }
        results.push((job, outcome));
    }
    let joined = holders(&served).into_values().map(|(_, set)| set.clone());
    let snapshot = Snapshot::new(&compiler, joined);
    Compiled {
        compiler,
        results,
        snapshot,
    }
}

fn compile(
    compiler: &mut Compiler,
    job: &Job,
    text: &FlagSetText,
) -> Result<Arc<FlagSet>, Refusal> {
    // A document that makes the parser or the compiler panic must not take every proxy down with it.
    // The compiler only numbers attributes, so that what it holds afterwards is still true.
    let attempt = AssertUnwindSafe(|| {
        let parsed = parse(&text.text, text.format).map_err(|errors| Refusal {
            reason: "syntax",
            message: lines(&errors),
        })?;
        compiler
            .compile(&job.name, &parsed.value)
            .map_err(|problems| Refusal {
                reason: "document",
                message: describe(&problems, &parsed.locations),
            })
    });
    let set = catch_unwind(attempt).unwrap_or_else(|_| {
        Err(Refusal {
            reason: "internal",
            message: "compiling it failed; this is a defect of Burgee".into(),
        })
    })?;
    if job.named && *set.id != *job.name {
        let message = format!(
            "it calls itself {:?}, but stands in the log as {:?}",
            set.id, job.name
        );
        return Err(Refusal {
            reason: "misnamed",
            message,
        });
    }
    Ok(Arc::new(set))
}

/// Refuses a set that all others leave no room for. What it replaces makes room for it.
fn fitting(
    set: Arc<FlagSet>,
    place: &str,
    served: &BTreeMap<String, Arc<FlagSet>>,
) -> Result<Arc<FlagSet>, Refusal> {
    let others = served.iter().filter(|(other, _)| *other != place);
    let others: usize = others.map(|(_, set)| set.bytes).sum();
    if others + set.bytes <= MAX_SNAPSHOT_BYTES {
        return Ok(set);
    }
    let message = format!(
        "it takes {} MiB of memory, and all sets together may take {} MiB, of which {} are taken: make the sets smaller, and push it again",
        set.bytes.div_ceil(1 << 20),
        MAX_SNAPSHOT_BYTES >> 20,
        others.div_ceil(1 << 20),
    );
    Err(Refusal {
        reason: "too_large",
        message,
    })
}

/// Of places that name the same set, the first in order of place has it, whichever came first.
pub(super) fn holders<'p>(
    sets: impl IntoIterator<Item = (&'p String, &'p Arc<FlagSet>)>,
) -> BTreeMap<&'p str, (&'p str, &'p Arc<FlagSet>)> {
    let mut holders = BTreeMap::new();
    for (place, set) in sets {
        holders.entry(&*set.id).or_insert((place.as_str(), set));
    }
    holders
}

/// Every error of the text, with its place.
fn lines(errors: &[SyntaxError]) -> String {
    let lines: Vec<String> = errors
        .iter()
        .map(|error| format!("{}:{}: {error}", error.location.line, error.location.column))
        .collect();
    lines.join("; ")
}

/// Every problem that refuses the document, each on its line.
fn describe(problems: &[Problem], locations: &Locations) -> String {
    let lines: Vec<String> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Document)
        .map(|problem| {
            let at = locations.find(&problem.path);
            format!(
                "{}:{}: {} ({})",
                at.line, at.column, problem.message, problem.path
            )
        })
        .collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests;
