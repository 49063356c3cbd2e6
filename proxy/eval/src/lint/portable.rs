//! What is read here, and by some official evaluator is not, or not by the people who write it: flags as a
//! list, the `key` of a flag that has one already, names with characters that cannot be seen.

use serde_json::Value;

use super::Findings;
use super::part::Evaluators;
use crate::code;
use crate::document::FlagSource;
use crate::pointer::join_pointer;
use crate::problem::{Problem, Severity};

/// Reports flags in forms that not every evaluator takes.
pub(super) fn forms(document: &Value, findings: &mut Findings) {
    let unportable = |path: &str, message: &str, help: &str| {
        let problem = Problem::new(Severity::Warning, path, message);
        problem.code(code::UNPORTABLE).help(help)
    };
    match document.get("flags") {
        Some(Value::Array(_)) => findings.report(unportable(
            "/flags",
            "flags in a list are for flagd itself: its evaluators in backends refuse the document, or find no flag in it",
            "write an object, with each flag under its key",
        )),
        Some(Value::Object(flags)) => {
            let with_key = flags.iter().filter(|(_, flag)| flag.get("key").is_some());
            for (key, _) in with_key {
                let path = join_pointer(&join_pointer("/flags", key), "key");
                let message = "a flag in an object stands under its key, and some of flagd's evaluators refuse the whole document for a second one";
                let problem = unportable(&path, message, "remove it: nobody reads it here");
                findings.report(problem.of(key));
            }
        }
        _ => {}
    }
}

/// Reports control characters in the names of flags, variants and evaluators.
pub(super) fn names(
    document: &Value,
    flags: &[FlagSource<'_>],
    evaluators: Evaluators<'_>,
    findings: &mut Findings,
) {
    let is_list = document.get("flags").is_some_and(Value::is_array);
    for flag in flags {
        if has_control(flag.key) {
            let path = if is_list {
                join_pointer(&flag.path, "key")
            } else {
                flag.path.clone()
            };
            let problem = control("the flag", flag.key, &path);
            findings.report(problem.of(flag.key));
        }
        let names = flag.variants.iter().map(|variant| &*variant.name);
        for name in names.filter(|name| has_control(name)) {
            let path = join_pointer(&join_pointer(&flag.path, "variants"), name);
            findings.report(control("the variant", name, &path).of(flag.key));
        }
    }
    for name in evaluators.names().filter(|name| has_control(name)) {
        let path = join_pointer("/$evaluators", name);
        findings.report(control("the evaluator", name, &path));
    }
}

fn has_control(name: &str) -> bool {
    name.contains(char::is_control)
}

fn control(what: &str, name: &str, path: &str) -> Problem {
    let message = format!("the name of {what} {name:?} has a control character in it");
    let problem = Problem::new(Severity::Warning, path, message);
    problem
        .code(code::CONTROL_CHARACTER)
        .help("write a name that can be seen, and everything that refers to it")
}
