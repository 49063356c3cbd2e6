//! What is wrong with a file, where exactly, and what to do: the one form in which `check`, `serve`
//! and `flags push` report it.

use std::fmt;
use std::path::{Path, PathBuf};

use burgee_eval::text::{Location, Locations, SyntaxError};
use burgee_eval::{Problem, Severity};

use crate::printable::printable;

/// One finding in one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Finding {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// From 1; 0 where the file could not be read at all.
    pub line: u32,
    /// From 1, in characters; 0 where the file could not be read at all.
    pub column: u32,
    /// Whether the file is refused because of it.
    pub level: Level,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
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

impl Finding {
    /// An error about a file as a whole.
    pub fn whole_file(file: &Path, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            level: Level::Error,
            message: message.into(),
            help: Some(help.into()),
        }
    }

    /// An error at a place.
    pub fn at(file: &Path, location: Location, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: location.line,
            column: location.column,
            level: Level::Error,
            message: message.into(),
            help: None,
        }
    }

    /// What makes a file neither JSON nor YAML.
    pub fn syntax(file: &Path, errors: Vec<SyntaxError>) -> Vec<Self> {
        errors
            .into_iter()
            .map(|error| Self::at(file, error.location, error.message))
            .collect()
    }

    /// A problem of a document, placed in the file that it was read from.
    pub fn place(file: &Path, locations: &Locations, problem: &Problem) -> Self {
        let location = locations.find(&problem.path);
        Self {
            file: file.to_owned(),
            line: location.line,
            column: location.column,
            level: match problem.severity {
                Severity::Warning => Level::Warning,
                Severity::Flag | Severity::Document => Level::Error,
            },
            message: match &problem.flag {
                Some(flag) => format!("flag \"{flag}\": {}", problem.message),
                None => problem.message.clone(),
            },
            help: problem.help.clone(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Files come from people's pull requests: whatever they hold is shown, not obeyed.
        write!(f, "{}:", printable(&self.file.to_string_lossy()))?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, " {level}: {}", printable(&self.message))?;
        if let Some(help) = &self.help {
            write!(f, "\n    help: {}", printable(help))?;
        }
        Ok(())
    }
}

/// `; did you mean …?` where one of the known words is near.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"))
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
