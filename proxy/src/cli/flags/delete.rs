//! `burgee flags delete`: look at what the other sets require, then append the deletion.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use burgee_eval::SetProblem;

use super::super::connection::{Contents, now};
use super::broken::broken;
use super::{Delete, Sets, describe, explain, missing, text};
use crate::envelope::Change;
use crate::printable::printable;
use crate::registry::{Draft, Log};

/// Of what would break, so many things are named.
const MAX_NAMED: usize = 20;

pub(super) async fn run(args: Delete) -> anyhow::Result<ExitCode> {
    let registry = args.connection.registry().await?;
    let log = Log::flags();
    let subject = log.subject(&args.set)?;
    let contents = Contents::of_log(&registry, &log).await?;
    let head = registry.head(&log, &subject).await?;
    if head.newest.as_ref().and_then(text).is_none() {
        bail!(missing(&args.set, &contents));
    }
    let mut sets = Sets::of_log(&contents.records);
    let before = sets.snapshot();
    sets.remove(&args.set);
    let after = sets.snapshot();
    let broken: Vec<&SetProblem> = broken(&before, &after, |set| *set == *args.set).collect();
    match (&*broken, args.force) {
        ([], _) => {}
        (broken, true) => eprintln!("this breaks other flag sets of the log:{}", named(broken)),
        (broken, false) => bail!(
            "nothing was deleted: this would break other flag sets of the log:{}\n\
             change those first (--force deletes {:?} all the same)",
            named(broken),
            args.set
        ),
    }
    let draft = Draft {
        who: args.author.name(),
        why: args.reason,
        when: now(),
        change: Change::Delete,
    };
    let appended = registry
        .append(&log, &subject, &head, draft)
        .await
        .map_err(explain)?;
    let described = describe(&appended.record, None);
    args.output.answer(
        &described,
        format_args!("{}: deleted (revision {})", args.set, described.revision),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A line for each.
fn named(broken: &[&SetProblem]) -> String {
    let mut text = String::new();
    for found in broken.iter().take(MAX_NAMED) {
        // Writing into a string cannot fail.
        let what = format!("{}: {}", found.set, found.problem.message);
        let _ = write!(text, "\n  {}", printable(&what));
    }
    if let Some(more @ 1..) = broken.len().checked_sub(MAX_NAMED) {
        let _ = write!(text, "\n  and {more} more");
    }
    text
}
