//! Top-level keys: whatever nobody knows is ignored by everybody, also where it is a slip.

use serde_json::Value;

use super::Findings;
use crate::code;
use crate::pointer::join_pointer;
use crate::problem::{Problem, Severity};

const KNOWN: [&str; 5] = ["$schema", "$evaluators", "flags", "metadata", "delivery"];

/// How many slips (a character added, left out, replaced, or two swapped) make a word another.
const NEAR: usize = 2;

/// Reports keys that look like a known one.
pub(super) fn top_level(document: &Value, findings: &mut Findings) {
    let Value::Object(root) = document else {
        return;
    };
    for key in root.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
        let Some(near) = KNOWN.iter().find(|known| is_near(key, known)) else {
            continue;
        };
        let message = format!("nobody reads the key {key:?}");
        let problem = Problem::new(Severity::Warning, join_pointer("", key), message);
        findings.report(
            problem
                .code(code::UNKNOWN_KEY)
                .help(format!("did you mean {near:?}?")),
        );
    }
}

fn is_near(key: &str, known: &str) -> bool {
    let key = key.trim_start_matches('$').to_ascii_lowercase();
    let known = known.trim_start_matches('$');
    key.len().abs_diff(known.len()) <= NEAR && strsim::damerau_levenshtein(&key, known) <= NEAR
}
