//! A file to a [`Config`], or to everything that is wrong with it, each finding with its place.

use std::path::Path;

use burgee_eval::text::{self, Format, Locations, Parsed};

use super::Config;
use super::load::read;
use super::table::{ConfigProblem, Report};
use crate::finding::code::INVALID_CONFIGURATION;
use crate::finding::{Finding, quote};

/// A configuration file, as far as it could be read.
#[derive(Debug)]
pub struct Inspected {
    /// Whatever could be made of it. Where there are findings, it must never be served.
    pub config: Option<Config>,
    /// Everything that is wrong with it.
    pub findings: Vec<Finding>,
    /// Its text; empty where it could not be read.
    pub text: String,
    /// Where its parts stand.
    pub locations: Locations,
}

impl Config {
    /// Reads and checks a configuration file (YAML, or JSON by its extension).
    ///
    /// Relative paths inside begin at the file's own folder.
    pub fn load(path: &Path) -> Result<Self, Vec<Finding>> {
        let Inspected {
            config, findings, ..
        } = Self::inspect(path);
        config.filter(|_| findings.is_empty()).ok_or(findings)
    }

    /// As [`Config::load`], but gives what could be read even where there are findings, so that
    /// what it names can be checked as well.
    pub fn inspect(path: &Path) -> Inspected {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, text),
            Err(error) => {
                let message = format!("cannot be read: {error}");
                let help = "name an existing file with --config";
                Inspected {
                    config: None,
                    findings: vec![Finding::whole_file(path, message, help)],
                    text: String::new(),
                    locations: Locations::default(),
                }
            }
        }
    }

    /// Checks the text of a configuration file; `path` is what findings name and where relative
    /// paths begin.
    pub(super) fn parse(path: &Path, text: String) -> Inspected {
        let format = path
            .extension()
            .and_then(|extension| Format::from_extension(&extension.to_string_lossy()))
            .unwrap_or(Format::Yaml);
        let (config, mut findings, locations) = match text::parse(&text, format) {
            Ok(Parsed { value, locations }) => {
                let report = Report::new(path.parent().unwrap_or(Path::new("")));
                let config = read(&report, &value);
                let problems = report.into_problems().into_iter();
                let place = |problem: ConfigProblem| {
                    let span = locations.span(&problem.path);
                    Finding {
                        help: problem.help,
                        ..Finding::at(path, span, INVALID_CONFIGURATION, problem.message)
                    }
                };
                (config, problems.map(place).collect(), locations)
            }
            Err(errors) => (None, Finding::syntax(path, errors), Locations::default()),
        };
        quote(&mut findings, path, &text);
        findings.sort();
        findings.dedup();
        Inspected {
            config,
            findings,
            text,
            locations,
        }
    }
}
