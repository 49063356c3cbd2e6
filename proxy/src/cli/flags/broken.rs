//! What a change of the log would break in the sets that it leaves as they are.

use burgee_eval::{SetProblem, Snapshot};

/// Problems of sets other than `changed` that are there `after` the change and were not `before`: a
/// flag that one of them requires is gone, or has another variant.
pub(super) fn broken<'s>(
    before: &'s Snapshot,
    after: &'s Snapshot,
    changed: impl Fn(&str) -> bool,
) -> impl Iterator<Item = &'s SetProblem> {
    let known = before.problems();
    let is_new = move |found: &&SetProblem| !changed(&found.set) && !known.contains(found);
    after.problems().iter().filter(is_new)
}
