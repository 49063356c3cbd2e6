//! What is wrong with a file, where exactly, and what to do: the one form in which `check`, `serve`,
//! `explain` and `flags push` report it.
//!
//! Files come from people's pull requests, so whatever they hold is shown and never obeyed: every way
//! out of here passes `printable`. A finding carries the part of the line that it is about, so that
//! drawing it needs no file again.

pub(crate) mod code;
mod draw;
mod excerpt;
mod sarif;

use std::fmt;
use std::path::{Path, PathBuf};

use burgee_eval::text::{Location, Locations, Span, SyntaxError};
use burgee_eval::{Problem, Severity};
use serde::Serializer;

use crate::printable::printable;

pub(crate) use draw::{Canvas, draw, tell};
pub(crate) use excerpt::Excerpt;
pub(crate) use sarif::sarif;

/// One finding in one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The file, as the user named it.
    #[serde(serialize_with = "shown")]
    pub file: PathBuf,
    /// From 1; 0 where the file could not be read at all.
    pub line: u32,
    /// From 1, in characters; 0 where the file could not be read at all.
    pub column: u32,
    /// Of the first character behind it, on the same line; equal to `column` where that is not known.
    pub end_column: u32,
    /// Whether the file is refused because of it.
    pub level: Level,
    /// Which kind of finding it is; `docs/check.md` lists them.
    pub rule: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The part of its line, for drawing; `None` until [`quote`].
    #[serde(skip)]
    pub(crate) excerpt: Option<Box<Excerpt>>,
}

/// Whether a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It is.
    Error,
    /// It is not.
    Warning,
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warning => Self::Warning,
            Severity::Mistake | Severity::Flag | Severity::Document => Self::Error,
        }
    }
}

impl Finding {
    /// An error about a file as a whole: it cannot be read.
    pub fn whole_file(file: &Path, message: impl Into<String>, help: impl Into<String>) -> Self {
        let nowhere = Location { line: 0, column: 0 };
        Self {
            help: Some(help.into()),
            ..Self::at(file, nowhere.into(), code::UNREADABLE_FILE, message)
        }
    }

    /// An error at a place.
    pub fn at(file: &Path, span: Span, rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: span.start.line,
            column: span.start.column,
            end_column: span.start.column.saturating_add(span.width),
            level: Level::Error,
            rule,
            message: message.into(),
            help: None,
            excerpt: None,
        }
    }

    /// What makes a file neither JSON nor YAML.
    pub fn syntax(file: &Path, errors: Vec<SyntaxError>) -> Vec<Self> {
        errors
            .into_iter()
            .map(|error| Self {
                help: Some(error.help),
                ..Self::at(file, error.location.into(), code::SYNTAX, error.message)
            })
            .collect()
    }

    /// A problem of a document, placed in the file that it was read from.
    pub fn place(file: &Path, locations: &Locations, problem: &Problem) -> Self {
        let message = match &problem.flag {
            // What is wrong between flags begins with the one at hand.
            Some(flag) if !problem.message.starts_with(&format!("{flag:?} ")) => {
                format!("flag \"{flag}\": {}", problem.message)
            }
            _ => problem.message.clone(),
        };
        Self {
            level: problem.severity.into(),
            help: problem.help.clone(),
            ..Self::at(file, locations.span(&problem.path), problem.code, message)
        }
    }
}

/// A path for JSON, which has text only: what is not UTF-8 in it becomes U+FFFD.
pub(crate) fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Gives the findings of one file the parts of its text that they are about.
pub(crate) fn quote(findings: &mut [Finding], file: &Path, text: &str) {
    let mut lines: Option<Vec<&str>> = None;
    for finding in findings {
        if finding.file != file || finding.line == 0 || finding.excerpt.is_some() {
            continue;
        }
        let lines = lines.get_or_insert_with(|| text.split('\n').collect());
        let line = lines.get(finding.line as usize - 1);
        finding.excerpt =
            line.map(|line| Box::new(Excerpt::of(line, finding.column, finding.end_column)));
    }
}

/// Short: the place, what is wrong, and what to do in a line of its own.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", printable(&self.file.to_string_lossy()))?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        let (level, message) = (self.level.name(), printable(&self.message));
        write!(f, " {level}: {message} [{}]", self.rule)?;
        if let Some(help) = &self.help {
            write!(f, "\n    help: {}", printable(help))?;
        }
        Ok(())
    }
}

/// `; did you mean …?` where one of the known words is near.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let near = nearest(word, known).map(printable);
    near.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"))
}

/// The nearest of the known words, when one is near enough to be what was meant.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}
