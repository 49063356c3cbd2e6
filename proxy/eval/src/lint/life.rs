//! The lifecycle in metadata: whom to ask about a flag, and until when it was to be there.

use serde_json::{Map, Value};

use super::{Findings, World};
use crate::code;
use crate::document::FlagSource;
use crate::lifecycle::Lifecycle;
use crate::pointer::join_pointer;
use crate::problem::{Problem, Severity};

/// Reports flags without an owner, and flags past their day.
pub(super) fn document(
    document: &Value,
    flags: &[FlagSource<'_>],
    world: &World<'_>,
    findings: &mut Findings,
) {
    let none = Map::new();
    let metadata = document.get("metadata").and_then(Value::as_object);
    let of_set = Lifecycle::of(metadata.unwrap_or(&none));
    if of_set.owner.is_none() {
        owners(flags, findings);
    }
    let Some(now) = world.now else {
        return;
    };
    let over = |life: Lifecycle<'_>| life.expires.filter(|day| day.is_over(now));
    if let Some(day) = over(of_set) {
        let message = format!("the flags of this set were to go by {day}");
        report_expired("/metadata/expires".to_owned(), message, "", findings);
    }
    for flag in flags {
        if let Some(day) = over(Lifecycle::of(&flag.metadata)) {
            let path = join_pointer(&join_pointer(&flag.path, "metadata"), "expires");
            let message = format!("this flag was to go by {day}, and is still served");
            report_expired(path, message, flag.key, findings);
        }
    }
}

fn report_expired(path: String, message: String, flag: &str, findings: &mut Findings) {
    let problem = Problem::new(Severity::Warning, path, message).of(flag);
    findings.report(problem.code(code::EXPIRED_FLAG).help(
        "remove the flag once no code asks for it, or write the day until which it is needed",
    ));
}

/// Where nobody in the whole set has an owner, once is enough.
fn owners(flags: &[FlagSource<'_>], findings: &mut Findings) {
    let without: Vec<_> = flags
        .iter()
        .filter(|flag| Lifecycle::of(&flag.metadata).owner.is_none())
        .collect();
    if without.len() == flags.len() && flags.len() > 1 {
        let problem = Problem::new(
            Severity::Warning,
            "/metadata",
            "neither the set nor any flag of it says who owns it",
        );
        findings.report(
            problem
                .code(code::NO_OWNER)
                .help("write `owner` into the metadata of the set, or of each flag"),
        );
        return;
    }
    for flag in without {
        let problem = Problem::new(
            Severity::Warning,
            flag.path.as_str(),
            "nobody owns this flag",
        );
        findings.report(problem.of(flag.key).code(code::NO_OWNER).help(
            "write `metadata: { owner: NAME }` into the flag, or into the set for all of its flags",
        ));
    }
}
