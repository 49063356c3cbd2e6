//! What `check` answers, in the form that was asked for.

use std::io::{self, Write as _};

use serde::Serialize;

use super::fix::Fix;
use crate::finding::{Canvas, Finding, Level, draw, sarif};
use crate::printable::printable_json;

/// How to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// As a compiler draws it, with the line.
    #[default]
    Human,
    /// One line for each finding, and one for what to do.
    Short,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// What was found and done.
pub(super) struct Outcome<'o> {
    pub(super) findings: &'o [Finding],
    pub(super) fixes: &'o [Fix],
    /// How many files of flag sets were looked at.
    pub(super) files: usize,
    /// Whether a configuration was checked as well.
    pub(super) configuration: bool,
}

#[derive(Serialize)]
struct Answer<'o> {
    errors: usize,
    warnings: usize,
    findings: &'o [Finding],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixed: Vec<&'o Fix>,
}

/// Whoever reads it may have had enough: `| head -1` is no failure.
pub(super) fn print(outcome: &Outcome<'_>, format: Format) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match write(outcome, format, &mut stdout) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn write(outcome: &Outcome<'_>, format: Format, to: &mut io::StdoutLock<'_>) -> io::Result<()> {
    let is_error = |finding: &&Finding| finding.level == Level::Error;
    let errors = outcome.findings.iter().filter(is_error).count();
    let warnings = outcome.findings.len() - errors;
    match format {
        Format::Json => {
            let answer = Answer {
                errors,
                warnings,
                findings: outcome.findings,
                fixed: outcome.fixes.iter().filter(|fix| fix.is_done()).collect(),
            };
            return writeln!(to, "{}", pretty(&answer)?);
        }
        Format::Sarif => {
            let base = std::env::current_dir()?;
            let log = sarif(outcome.findings, &base);
            // Standard output holds the log and nothing else.
            for fix in outcome.fixes {
                eprint!("{fix}");
            }
            return writeln!(to, "{}", pretty(&log)?);
        }
        Format::Short => {
            for finding in outcome.findings {
                writeln!(to, "{finding}")?;
            }
        }
        Format::Human => {
            let canvas = Canvas::of(to);
            for finding in outcome.findings {
                writeln!(to, "{}\n", draw(finding, canvas))?;
            }
        }
    }
    for fix in outcome.fixes {
        write!(to, "{fix}")?;
    }
    let configuration = if outcome.configuration {
        "the configuration and "
    } else {
        ""
    };
    let files = outcome.files;
    writeln!(
        to,
        "checked {configuration}{files} file(s) of flag sets: {errors} error(s), {warnings} warning(s)"
    )
}

fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(printable_json(&serde_json::to_string_pretty(value)?).into_owned())
}
