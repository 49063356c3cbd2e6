//! What gates ask of other flags, resolved once for each snapshot: prerequisites by number, cycles, the
//! size of every walk, and slots that two flags share.
//!
//! Only what is joined decides, not the order in which it came: flags are in order of key, and a
//! component of a graph has no first member.

mod components;
mod overlap;
mod requiring;

use std::sync::Arc;

use self::overlap::overlaps;
use self::requiring::requirements;
use super::Gates;
use crate::flag::{Flag, VariantIndex};
use crate::limits::MAX_PROBLEMS;
use crate::problem::{Problem, Severity};
use crate::snapshot::{FlagIndex, SetProblem};

/// What every flag with prerequisites requires, in order of flag.
#[derive(Debug, Default)]
pub(crate) struct Prerequisites {
    of: Box<[(FlagIndex, Resolved)]>,
}

/// What one flag requires.
#[derive(Debug)]
pub(crate) enum Resolved {
    /// All of these, in the order of the flag's [`Gates::requires`].
    Each(Box<[Requirement]>),
    /// What can never hold.
    Never {
        /// The prerequisite at fault, if it is one.
        key: Option<Box<str>>,
        /// For people.
        why: Box<str>,
    },
}

/// One prerequisite.
#[derive(Debug)]
pub(crate) struct Requirement {
    pub(crate) flag: FlagIndex,
    pub(crate) wanted: Box<[VariantIndex]>,
}

impl Prerequisites {
    /// What a flag requires; `None`: nothing.
    pub(crate) fn of(&self, flag: FlagIndex) -> Option<&Resolved> {
        let at = self
            .of
            .binary_search_by_key(&flag, |(index, _)| *index)
            .ok()?;
        Some(&self.of[at].1)
    }

    /// The flags that deciding a flag may ask, itself aside.
    pub(crate) fn asked_by(&self, flag: FlagIndex) -> impl Iterator<Item = FlagIndex> {
        let requirements: &[Requirement] = match self.of(flag) {
            Some(Resolved::Each(requirements)) => requirements,
            Some(Resolved::Never { .. }) | None => &[],
        };
        requirements.iter().map(|requirement| requirement.flag)
    }
}

/// Resolves what the gates of `flags`, which are in order of key, ask of each other.
pub(crate) fn join(flags: &[Arc<Flag>]) -> (Prerequisites, Box<[SetProblem]>) {
    let mut found = Found::default();
    let gated: Vec<(FlagIndex, &Flag, &Gates)> = flags
        .iter()
        .enumerate()
        .filter_map(|(index, flag)| Some((FlagIndex::new(index), &**flag, flag.gates.as_deref()?)))
        .collect();
    let layers = gated
        .iter()
        .filter_map(|(_, flag, gates)| Some((*flag, gates.layer.as_ref()?)));
    overlaps(layers, &mut found);
    let requiring = gated
        .iter()
        .filter(|(_, _, gates)| !gates.requires.is_empty())
        .map(|(index, flag, gates)| (*index, *flag, &*gates.requires));
    let of = requirements(requiring, flags, &mut found);
    (Prerequisites { of }, found.into())
}

/// Problems, as many as are reported.
#[derive(Default)]
pub(super) struct Found {
    problems: Vec<SetProblem>,
    dropped: usize,
    /// Keys that were compared with others for a suggestion.
    compared: usize,
}

impl Found {
    pub(super) fn push(
        &mut self,
        flag: &Flag,
        code: &'static str,
        path: String,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = Problem::new(Severity::Flag, path, message)
            .code(code)
            .help(help);
        self.push_problem(flag, || problem);
    }

    /// `problem` is made only where it is reported.
    pub(super) fn push_problem(&mut self, flag: &Flag, problem: impl FnOnce() -> Problem) {
        if self.is_full() {
            self.dropped += 1;
            return;
        }
        let set = Arc::clone(&flag.set);
        let problem = problem().of(&flag.key);
        self.problems.push(SetProblem { set, problem });
    }

    pub(super) fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    /// The key that looks most like `key`, if one does; not that of the flag that asks for it, which would
    /// be a cycle. It gives up when it has compared many, for a
    /// snapshot may ask for many suggestions.
    pub(super) fn nearest<'s>(
        &mut self,
        key: &str,
        asks: &Flag,
        flags: &'s [Arc<Flag>],
    ) -> Option<&'s str> {
        const COMPARED: usize = 50_000;
        const LONG: usize = 64;
        if key.len() > LONG || self.compared >= COMPARED {
            return None;
        }
        let alike = flags
            .iter()
            .map(|flag| &*flag.key)
            .filter(|other| other.len().abs_diff(key.len()) <= 4 && **other != *asks.key);
        let left = COMPARED - self.compared;
        alike
            .take(left)
            .inspect(|_| self.compared += 1)
            .map(|other| (strsim::jaro_winkler(key, other), other))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, other)| other)
    }
}

impl From<Found> for Box<[SetProblem]> {
    /// In order of set and place, and one more that says how many are not reported.
    fn from(found: Found) -> Self {
        let mut problems = found.problems;
        let place = |found: &SetProblem| (found.set.clone(), found.problem.path.clone());
        problems.sort_by_cached_key(place);
        if let Some(last) = problems.last().filter(|_| found.dropped > 0) {
            let message = format!("there are {} more problems between flags", found.dropped);
            let problem = Problem::new(Severity::Flag, "", message).help("mend the others first");
            let set = Arc::clone(&last.set);
            problems.push(SetProblem { set, problem });
        }
        problems.into()
    }
}
