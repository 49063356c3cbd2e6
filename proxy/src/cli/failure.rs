//! How a verb that failed says so: one way for people, one for programs.

use std::io::Write as _;

use clap::ArgMatches;
use serde::Serialize;

use crate::finding::{Finding, tell};
use crate::printable::{printable_json, printable_lines};

/// What a verb refused, and everything that it found wrong.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Failure<'f> {
    error: String,
    #[serde(skip_serializing_if = "<[Finding]>::is_empty")]
    findings: &'f [Finding],
}

/// Whether the verb was told to answer in JSON.
pub(super) fn wants_json(arguments: &ArgMatches) -> bool {
    let json = arguments.try_get_one::<bool>("json");
    json.is_ok_and(|json| json == Some(&true))
        || arguments
            .subcommand()
            .is_some_and(|(_, arguments)| wants_json(arguments))
}

/// One JSON object on standard output for programs; lines on standard error for people.
pub(super) fn report(error: &anyhow::Error, json: bool) {
    let refused = error.downcast_ref::<Refused>();
    let findings = refused.map_or(&[][..], |refused| &refused.findings);
    if json {
        let failure = Failure {
            error: format!("{error:#}"),
            findings,
        };
        if let Ok(line) = serde_json::to_string(&failure) {
            // Whoever asked may be gone; the exit code is all that is left to say.
            let _ = writeln!(std::io::stdout(), "{}", printable_json(&line));
        }
        return;
    }
    tell(findings);
    eprintln!("error: {}", printable_lines(&format!("{error:#}")));
}
