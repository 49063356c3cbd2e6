//! `burgee flags push`: check everything, then append one set after the other.

use std::path::PathBuf;
use std::process::ExitCode;

use burgee_eval::lint::World;
use burgee_eval::{SetProblem, Snapshot, code};
use serde::Serialize;

use super::super::check::now as look_at;
use super::super::connection::{Contents, now};
use super::super::failure::Refused;
use super::broken::broken;
use super::{Push, Sets, explain};
use crate::envelope::{Change, Document, FlagSetText, Verified};
use crate::finding::{Finding, Level, tell};
use crate::flag_files::{self, FlagFile};
use crate::printable::printable;
use crate::registry::{AppendError, Draft, Log, Registry};

/// What became of it, for programs.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Pushed {
    set: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) async fn run(args: Push) -> anyhow::Result<ExitCode> {
    let registry = args.connection.registry().await?;
    let log = Log::flags();
    let contents = Contents::of_log(&registry, &log).await?;
    contents.same_environment()?;
    let Checked {
        files,
        mut findings,
        broken,
    } = check(&args.paths, &contents.records, &args.reserved);
    let wrong = findings
        .iter()
        .any(|finding| args.strict || finding.level == Level::Error);
    let wrong = wrong || (!args.force && !broken.is_empty());
    findings.extend(broken.into_iter().map(|finding| {
        if args.force {
            let level = Level::Warning;
            Finding { level, ..finding }
        } else {
            finding
        }
    }));
    flag_files::quote_all(&files, &mut findings);
    findings.sort();
    findings.dedup();
    if wrong || files.is_empty() {
        let message = if wrong {
            "nothing was pushed"
        } else {
            "there is nothing to push"
        };
        return Err(Refused {
            message: message.into(),
            findings,
        }
        .into());
    }
    tell(&findings);
    for file in &files {
        contents.not_over_another(&log.subject(&file.set.id)?)?;
    }
    let who = args.author.name();
    let mut pushed = Vec::new();
    for file in files {
        let set = file.set.id.to_string();
        pushed.push(match append(&registry, file, &who, &args.reason).await {
            Ok(pushed) => pushed,
            Err(error) => Pushed::failed(set, "failed", &error),
        });
    }
    let lines: Vec<String> = pushed.iter().map(Pushed::line).collect();
    args.output.answer(&pushed, lines.join("\n"))?;
    let failed = pushed.iter().any(|pushed| pushed.error.is_some());
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// What was read, and what is wrong with it.
struct Checked {
    files: Vec<FlagFile>,
    findings: Vec<Finding>,
    /// What is wrong with it only for others: what it would break in sets that stay as they are.
    broken: Vec<Finding>,
}

/// What `check` finds, flags that another set of the log defines, and what would break there.
fn check(paths: &[PathBuf], records: &[Verified], reserved: &[String]) -> Checked {
    let mut sets = Sets::of_log(records);
    // Attributes are known to a proxy's configuration, which is not at hand.
    let world = World {
        now: look_at(),
        provided: None,
    };
    let read = flag_files::read_and_lint(paths, &mut sets.compiler, &world);
    let (files, mut findings) = (read.files, read.findings);
    let before = sets.snapshot();
    for file in &files {
        sets.replace(file.set.clone());
    }
    let snapshot = sets.snapshot();
    let all_known = !flag_files::any_refused(&files, &findings);
    findings.extend(flag_files::between_flags(&files, &snapshot, all_known));
    findings.extend(flag_files::header_findings(&files, &snapshot, reserved));
    let of = |set: &str| files.iter().find(|file| *file.set.id == *set);
    for conflict in snapshot.conflicts() {
        let (file, other) = match (of(&conflict.kept), of(&conflict.ignored)) {
            (Some(file), None) => (file, &conflict.ignored),
            (None, Some(file)) => (file, &conflict.kept),
            // Two files: that was found already. None: it is as it was.
            _ => continue,
        };
        findings.push(file.error_of(
            &conflict.flag,
            code::DUPLICATE_FLAG,
            format!(
                "the flag \"{}\" stands in the flag set \"{other}\" of the log already",
                conflict.flag
            ),
            "rename the flag, or delete it from the other set first",
        ));
    }
    let broken = of_others(&files, &before, &snapshot);
    Checked {
        files,
        findings,
        broken,
    }
}

/// What is in order in the log, and would not be any more.
fn of_others(files: &[FlagFile], before: &Snapshot, after: &Snapshot) -> Vec<Finding> {
    let Some(file) = files.first() else {
        return Vec::new();
    };
    let is_pushed = |set: &str| files.iter().any(|file| *file.set.id == *set);
    let tell = |found: &SetProblem| {
        let message = format!(
            "this would break the flag set \"{}\" of the log: {}",
            found.set, found.problem.message
        );
        let help = "push both sets together, or change the other one first; --force pushes it all the same";
        file.error_at("/flags", found.problem.code, message, help)
    };
    broken(before, after, is_pushed).map(tell).collect()
}

/// Appends one checked set, unless the log holds it as it stands.
pub(in crate::cli) async fn append(
    registry: &Registry,
    file: FlagFile,
    who: &str,
    why: &str,
) -> anyhow::Result<Pushed> {
    let text = FlagSetText {
        format: file.format,
        text: file.text,
    };
    let draft = Draft {
        who: who.to_owned(),
        why: why.to_owned(),
        when: now(),
        change: Change::Put(Document::FlagSet(text)),
    };
    push(registry, &file.set.id, draft).await
}

async fn push(registry: &Registry, set: &str, draft: Draft) -> anyhow::Result<Pushed> {
    let log = Log::flags();
    let subject = log.subject(set)?;
    let head = registry.head(&log, &subject).await?;
    if let Some(newest) = &head.newest
        && newest.record().change == draft.change
    {
        return Ok(Pushed::done(set, "unchanged", newest));
    }
    match registry.append(&log, &subject, &head, draft).await {
        Ok(appended) => Ok(Pushed::done(set, "pushed", &appended.record)),
        Err(error @ AppendError::LostRace { .. }) => {
            Ok(Pushed::failed(set.into(), "lost_race", &explain(error)))
        }
        Err(error) => Err(explain(error)),
    }
}

impl Pushed {
    fn done(set: &str, outcome: &'static str, record: &Verified) -> Self {
        let revision = Some(record.record().revision);
        Self {
            set: set.into(),
            outcome,
            revision,
            digest: Some(record.digest().to_string()),
            error: None,
        }
    }

    fn failed(set: String, outcome: &'static str, error: &anyhow::Error) -> Self {
        Self {
            set,
            outcome,
            revision: None,
            digest: None,
            error: Some(format!("{error:#}")),
        }
    }

    fn line(&self) -> String {
        match (&self.error, self.revision) {
            (None, Some(revision)) => {
                format!("{}: {} (revision {revision})", self.set, self.outcome)
            }
            (error, _) => format!(
                "{}: NOT pushed: {}",
                self.set,
                printable(error.as_deref().unwrap_or_default())
            ),
        }
    }
}
