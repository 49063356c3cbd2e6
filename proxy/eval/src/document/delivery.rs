//! `delivery.<flag>`: what flagd does not know, beside the flags and keyed by them.
//!
//! An entry that asks for something unknown spoils its own flag: serving a flag without a
//! constraint that its author wrote would be worse than serving its default.

use serde_json::Value;

use super::{FlagSource, kind, refusal};
use crate::bucketing::Bucketing;
use crate::pointer::join_pointer;
use crate::problem::{Problem, Problems, Severity};

const KNOWN_KEYS: [&str; 2] = ["header", "bucketing"];

/// Keys that have a meaning, which this version does not give them.
const FUTURE_KEYS: [&str; 4] = ["regions", "requires", "layer", "stale"];

/// Applies every entry to its flag. `flags` are in order of key; where the keys of some could not be
/// read, an entry may be one of theirs.
pub(super) fn apply<'d>(
    value: Option<&'d Value>,
    flags: &mut [FlagSource<'d>],
    all_keys_known: bool,
    problems: &mut Problems,
) {
    let entries = match value {
        None => return,
        Some(Value::Object(entries)) => entries,
        Some(other) => {
            let message = format!("delivery is an object by flag, not {}", kind(other));
            let help = "write the flag's key and its settings under it";
            problems.push(refusal("/delivery", message).help(help));
            return;
        }
    };
    for (key, entry) in entries {
        let path = join_pointer("/delivery", key);
        if let Ok(index) = flags.binary_search_by(|flag| flag.key.cmp(key)) {
            apply_entry(entry, &path, &mut flags[index], problems);
            continue;
        }
        if all_keys_known {
            problems.push(
                Problem::new(
                    Severity::Flag,
                    &path,
                    format!("there is no flag {key:?} in this set"),
                )
                .of(key)
                .help("remove it, or add the flag")
                .suggest(key, flags.iter().map(|flag| flag.key)),
            );
        }
        let mut nobody = FlagSource::unread(key, String::new(), Bucketing::default());
        apply_entry(entry, &path, &mut nobody, problems);
    }
}

fn apply_entry<'d>(
    entry: &'d Value,
    path: &str,
    flag: &mut FlagSource<'d>,
    problems: &mut Problems,
) {
    let Value::Object(members) = entry else {
        let message = format!("this must be an object, not {}", kind(entry));
        let problem = Problem::new(Severity::Flag, path, message);
        let help = "write its settings: `header` and `bucketing`";
        spoil(flag, problem.help(help), problems);
        return;
    };
    for (key, value) in members {
        let path = join_pointer(path, key);
        if let Err(problem) = apply_setting(key, value, path, flag) {
            spoil(flag, problem, problems);
        }
    }
}

fn spoil(flag: &mut FlagSource<'_>, problem: Problem, problems: &mut Problems) {
    let problem = problem.of(flag.key);
    flag.faults.push(problem.message.as_str().into());
    problems.push(problem);
}

fn apply_setting<'d>(
    key: &str,
    value: &'d Value,
    path: String,
    flag: &mut FlagSource<'d>,
) -> Result<(), Problem> {
    let problem = |message: String| Problem::new(Severity::Flag, path, message);
    match (key, value) {
        ("header", Value::String(header)) if !header.is_empty() => flag.header = Some(header),
        ("header", _) => {
            let problem = problem(format!("{value} is not the name of a header"));
            return Err(problem.help("write a name such as `x-flag-checkout`, or remove it"));
        }
        ("bucketing", _) => match value.as_str().and_then(Bucketing::from_name) {
            Some(bucketing) => flag.bucketing = bucketing,
            None => {
                return Err(problem(format!("{value} is not a bucketing")).help("write v2 or v3"));
            }
        },
        (key, _) if FUTURE_KEYS.contains(&key) => {
            let message =
                format!("this version does not know `{key}` yet, so it cannot decide this flag");
            return Err(problem(message).help("remove it, or use a version that knows it"));
        }
        (key, _) => {
            let message = format!("there is no delivery setting {key:?}");
            return Err(problem(message).suggest(key, KNOWN_KEYS));
        }
    }
    Ok(())
}
