//! What is wrong between flags, told in the log when it changes: each set alone is in order, so that no
//! refusal says it.

use std::collections::BTreeSet;

use burgee_eval::SetProblem;

use super::LOGGED_AT_ONCE;

/// Tells what came and what is mended between two snapshots. What was there before is not told again.
pub(super) fn tell(before: &[SetProblem], after: &[SetProblem]) {
    let known: BTreeSet<_> = before.iter().map(identity).collect();
    let new = || {
        after
            .iter()
            .filter(|found| !known.contains(&identity(found)))
    };
    let (came, left) = (new().count(), after.len());
    for found in new().take(LOGGED_AT_ONCE) {
        tracing::warn!(
            set = &*found.set,
            flag = found.problem.flag.as_deref(),
            path = found.problem.path,
            problem = found.problem.message,
            "flags do not fit together; /snapshot lists it until it is mended"
        );
    }
    let untold = came.saturating_sub(LOGGED_AT_ONCE);
    if untold > 0 {
        tracing::warn!(
            untold,
            "more flags do not fit together; /snapshot lists all under problems"
        );
    }
    let mended = (before.len() + came).saturating_sub(left);
    if mended > 0 && left > 0 {
        tracing::info!(mended, left, "some flags fit together again");
    } else if mended > 0 {
        tracing::info!(mended, "all flags fit together again");
    }
}

fn identity(found: &SetProblem) -> (&str, &str, &str) {
    (&found.set, &found.problem.path, &found.problem.message)
}
