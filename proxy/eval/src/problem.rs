//! What is wrong with a document, where, and what to do.

use std::collections::HashSet;

use crate::code;
use crate::limits::{MAX_PROBLEM_BYTES, MAX_PROBLEMS};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the document is served as it is.
    Warning,
    /// It cannot be what is meant, but it can be evaluated: proxies serve the document as it is, and
    /// `check` and `push` refuse it.
    Mistake,
    /// One flag is spoiled and resolves as flagd resolves it; `check` and `push` refuse the document.
    Flag,
    /// The whole document is refused.
    Document,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Which kind of problem it is: one of [`crate::code::ALL`], stable from version to version.
    pub code: &'static str,
    /// JSON Pointer (RFC 6901) into the document.
    pub path: String,
    /// The flag at fault, if it is one.
    pub flag: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    pub(crate) fn new(
        severity: Severity,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            code: match severity {
                Severity::Warning => code::DOUBTFUL,
                Severity::Mistake | Severity::Flag => code::INVALID_FLAG,
                Severity::Document => code::INVALID_DOCUMENT,
            },
            path: path.into(),
            flag: None,
            message: message.into(),
            help: None,
        }
    }

    /// Of its texts, but for the flag's key, which may be said later.
    fn bytes(&self) -> usize {
        self.path.len() + self.message.len() + self.help.as_ref().map_or(0, String::len)
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// A flag without a key is no name to go by: its path has to do.
    pub(crate) fn of(mut self, flag: &str) -> Self {
        self.flag = (!flag.is_empty()).then(|| flag.to_owned());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Suggests the known word nearest to `word`, or names them all; says at least that one of them is
    /// wanted, unless there is help already. Looks at no more than a hundred, and not at long words,
    /// for a document may ask for many suggestions.
    pub(crate) fn suggest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        const CANDIDATES: usize = 100;
        const LONG: usize = 64;
        if word.len() > LONG {
            return self.or_help();
        }
        let candidates = known
            .into_iter()
            .filter(|candidate| candidate.len() <= LONG);
        let known: Vec<&str> = candidates.take(CANDIDATES).collect();
        let nearest = known
            .iter()
            .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match nearest {
            Some((likeness, candidate)) if likeness > 0.8 => {
                self.help(format!("did you mean {candidate:?}?"))
            }
            Some(_) if known.len() <= 40 => self.help(format!("known are: {}", known.join(", "))),
            _ => self.or_help(),
        }
    }

    fn or_help(self) -> Self {
        match self.help {
            Some(_) => self,
            None => self.help("write one that there is"),
        }
    }
}

/// The problems of one document, as many as are reported.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    /// Of those.
    bytes: usize,
    dropped: usize,
    /// The worst of those that are not reported.
    worst_dropped: Option<Severity>,
    refused: bool,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.wants(problem.severity) {
            self.add(problem);
        }
    }

    /// Whether one more problem is reported: it is to be added then, and is counted already otherwise.
    /// Where a document has very many, the others are not even worded.
    pub(crate) fn wants(&mut self, severity: Severity) -> bool {
        self.refused |= severity == Severity::Document;
        let wants = self.found.len() < MAX_PROBLEMS && self.bytes < MAX_PROBLEM_BYTES;
        if !wants {
            self.drop_one(severity);
        }
        wants
    }

    /// What [`Problems::wants`] asked for.
    pub(crate) fn add(&mut self, problem: Problem) {
        self.bytes += problem.bytes();
        self.found.push(problem);
    }

    fn drop_one(&mut self, severity: Severity) {
        self.dropped += 1;
        self.worst_dropped = self.worst_dropped.max(Some(severity));
    }

    /// Reports a problem before all others, the last of which gives way to it.
    pub(crate) fn push_first(&mut self, problem: Problem) {
        self.refused |= problem.severity == Severity::Document;
        if self.found.len() == MAX_PROBLEMS
            && let Some(last) = self.found.pop()
        {
            self.drop_one(last.severity);
        }
        self.bytes += problem.bytes();
        self.found.insert(0, problem);
    }

    /// How many there are, for [`Problems::since`].
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// Those that came after there were `len`.
    pub(crate) fn since(&self, len: usize) -> &[Problem] {
        &self.found[len..]
    }

    /// Says of which flag those are that came after there were `len`.
    pub(crate) fn assign(&mut self, len: usize, flag: &str) {
        let found = self.found.drain(len..).map(|problem| problem.of(flag));
        let found: Vec<Problem> = found.collect();
        self.found.extend(found);
    }

    /// Leaves one of each that came after there were `len`: a rule that refers to an evaluator twice
    /// finds everything in it twice.
    pub(crate) fn deduplicate(&mut self, len: usize) {
        let mut seen = HashSet::new();
        let later = self.found.split_off(len);
        for problem in later {
            if seen.insert((problem.path.clone(), problem.message.clone())) {
                self.found.push(problem);
            } else {
                self.bytes -= problem.bytes();
            }
        }
    }

    /// Whether one of them refuses the document, reported or not.
    pub(crate) fn refuse(&self) -> bool {
        self.refused
    }

    /// All that are reported, and one more that says how many are not.
    pub(crate) fn into_vec(mut self) -> Vec<Problem> {
        if let Some(severity) = self.worst_dropped {
            let message = format!("there are {} more problems", self.dropped);
            self.found
                .push(Problem::new(severity, "", message).help("mend the others first"));
        }
        self.found
    }
}
