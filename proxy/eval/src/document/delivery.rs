//! `delivery.<flag>`: what flagd does not know, beside the flags and keyed by them.
//!
//! An entry that asks for something unknown spoils its own flag: serving a flag without a
//! constraint that its author wrote would be worse than serving its default.

mod gates;

use serde_json::Value;

use super::{FlagSource, kind, refusal};
use crate::bucketing::Bucketing;
use crate::code;
use crate::flag::{Flaw, MAX_FLAWS};
use crate::pointer::join_pointer;
use crate::problem::{Problem, Problems, Severity};

const KNOWN_KEYS: [&str; 6] = [
    "header",
    "bucketing",
    "regions",
    "requires",
    "layer",
    "stale",
];

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
                .code(code::UNKNOWN_FLAG)
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
        let help = "write its settings, such as `header` or `regions`";
        spoil(flag, problem.help(help), Some(entry), problems);
        return;
    };
    for (key, value) in members {
        let mut place = Place {
            path: join_pointer(path, key),
            found: Vec::new(),
        };
        apply_setting(key, value, &mut place, flag);
        for problem in place.found {
            let there = problem.path.strip_prefix(path);
            let there = there.and_then(|rest| entry.pointer(rest));
            spoil(flag, problem, there, problems);
        }
    }
}

/// A warning is only told.
fn spoil(
    flag: &mut FlagSource<'_>,
    problem: Problem,
    there: Option<&Value>,
    problems: &mut Problems,
) {
    let problem = problem.of(flag.key);
    if problem.severity != Severity::Warning && flag.flaws.len() < MAX_FLAWS {
        flag.flaws.push(Flaw::new(&problem, there));
    }
    problems.push(problem);
}

/// A setting's place in the document, and what is wrong there.
struct Place {
    path: String,
    found: Vec<Problem>,
}

impl Place {
    /// Something wrong with the setting itself.
    fn wrong(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.found
            .push(Problem::new(Severity::Flag, &*self.path, message).help(help));
    }

    /// What is read from a member of the setting.
    fn inside<R>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> R) -> R {
        let path = join_pointer(&self.path, key);
        let outer = std::mem::replace(&mut self.path, path);
        let result = read(self);
        self.path = outer;
        result
    }
}

fn apply_setting<'d>(key: &str, value: &'d Value, place: &mut Place, flag: &mut FlagSource<'d>) {
    match (key, value) {
        ("header", Value::String(header)) if !header.is_empty() => flag.header = Some(header),
        ("header", _) => place.wrong(
            format!("{value} is not the name of a header"),
            "write a name such as `x-flag-checkout`, or remove it",
        ),
        ("bucketing", _) => match value.as_str().and_then(Bucketing::from_name) {
            Some(bucketing) => flag.bucketing = bucketing,
            None => place.wrong(format!("{value} is not a bucketing"), "write v2 or v3"),
        },
        ("regions", _) => flag.gates.regions = gates::regions(value, place),
        ("requires", _) => flag.gates.requires = gates::requires(value, place).unwrap_or_default(),
        ("layer", _) => flag.gates.layer = gates::layer(value, place),
        ("stale", _) => flag.gates.stale = gates::stale(value, place),
        (key, _) => {
            let message = format!("there is no delivery setting {key:?}");
            let problem = Problem::new(Severity::Flag, &*place.path, message);
            place.found.push(problem.suggest(key, KNOWN_KEYS));
        }
    }
}
