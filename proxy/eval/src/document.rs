//! A flag set as authored: a flagd v0 document, decoded by hand.
//!
//! The rules are those of flagd's `flags.json` (both its forms: flags as a map, and as an array of
//! objects with a `key`), and those of Burgee's own `delivery`. Decoding goes on after a problem, so
//! that an author sees all of them at once. Targeting rules are kept as they are: the compiler
//! reads them.

mod delivery;
mod flag;
mod variants;

use serde_json::{Map, Value};

use crate::bucketing::Bucketing;
use crate::flag::Variant;
use crate::limits::{MAX_FLAGS, MAX_NESTING, MAX_SET_NAME_BYTES};
use crate::pointer::join_pointer;
use crate::problem::{Problem, Problems, Severity};

/// A document that no problem refuses.
#[derive(Debug)]
pub(crate) struct Document<'d> {
    pub(crate) id: String,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) evaluators: Option<&'d Map<String, Value>>,
    pub(crate) flags: Vec<FlagSource<'d>>,
}

/// One flag of a document.
#[derive(Debug)]
pub(crate) struct FlagSource<'d> {
    pub(crate) key: &'d str,
    /// Where it stands: `/flags/<key>`, or `/flags/<index>`.
    pub(crate) path: String,
    pub(crate) enabled: bool,
    /// In order of name.
    pub(crate) variants: Vec<Variant>,
    pub(crate) default_variant: Option<&'d str>,
    pub(crate) targeting: Option<&'d Value>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) header: Option<&'d str>,
    pub(crate) bucketing: Bucketing,
    /// What its entry in `delivery` asks for and cannot be given: these spoil it.
    pub(crate) faults: Vec<Box<str>>,
}

/// Decodes a document. `None` exactly when a problem refuses it.
pub(crate) fn decode<'d>(
    name: &str,
    document: &'d Value,
    problems: &mut Problems,
) -> Option<Document<'d>> {
    let decoded = decode_all(name, document, problems);
    if problems.refuse() { None } else { decoded }
}

fn decode_all<'d>(
    name: &str,
    document: &'d Value,
    problems: &mut Problems,
) -> Option<Document<'d>> {
    let Value::Object(root) = document else {
        problems.push(
            refusal(
                "",
                format!("a flag set is an object, not {}", kind(document)),
            )
            .help("write `flags:` and the flags under it"),
        );
        return None;
    };
    if nests_deeper(document, MAX_NESTING) {
        let message = format!("values nest more than {MAX_NESTING} levels deep");
        problems.push(refusal("", message).help("flatten the document"));
        return None;
    }
    let metadata = scalars(root.get("metadata"), "/metadata", problems);
    let id = set_name(name, &metadata, problems);
    let bucketing = set_bucketing(&metadata, problems);
    let evaluators = object(root.get("$evaluators"), "/$evaluators", problems);
    let mut flags = flags(root.get("flags"), bucketing, problems);
    delivery::apply(root.get("delivery"), &mut flags, problems);
    Some(Document {
        id,
        metadata,
        evaluators,
        flags,
    })
}

fn refusal(path: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem::new(Severity::Document, path, message)
}

/// Whether lists and objects nest more than `levels` deep. Looks no deeper than that.
fn nests_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => true,
        Value::Array(items) => items.iter().any(|item| nests_deeper(item, levels - 1)),
        Value::Object(members) => members
            .values()
            .any(|value| nests_deeper(value, levels - 1)),
        _ => false,
    }
}

/// What a value is, for people.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn object<'d>(
    value: Option<&'d Value>,
    path: &str,
    problems: &mut Problems,
) -> Option<&'d Map<String, Value>> {
    match value {
        None => None,
        Some(Value::Object(members)) => {
            if members.contains_key("") {
                problems
                    .push(refusal(join_pointer(path, ""), "a key is empty").help("give it a name"));
            }
            Some(members)
        }
        Some(other) => {
            problems.push(refusal(
                path,
                format!("this must be an object, not {}", kind(other)),
            ));
            None
        }
    }
}

/// Metadata: an object of strings, numbers and booleans.
fn scalars(value: Option<&Value>, path: &str, problems: &mut Problems) -> Map<String, Value> {
    let Some(members) = object(value, path, problems) else {
        return Map::new();
    };
    for (key, value) in members {
        if matches!(value, Value::Null | Value::Array(_) | Value::Object(_)) {
            problems.push(
                refusal(
                    join_pointer(path, key),
                    format!(
                        "metadata holds strings, numbers and booleans, not {}",
                        kind(value)
                    ),
                )
                .help("write it as a string, or remove it"),
            );
        }
    }
    members.clone()
}

/// The set's name is one token of a subject, so it has neither dots nor blanks nor wildcards.
fn set_name(name: &str, metadata: &Map<String, Value>, problems: &mut Problems) -> String {
    let (id, path) = match metadata.get("flagSetId") {
        None => (name, "/metadata"),
        Some(Value::String(id)) => (id.as_str(), "/metadata/flagSetId"),
        Some(other) => {
            problems.push(refusal(
                "/metadata/flagSetId",
                format!(
                    "flagSetId names the set and must be a string, not {}",
                    kind(other)
                ),
            ));
            return name.to_owned();
        }
    };
    let allowed = |c: char| {
        !(c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '>' | '/' | '\\'))
    };
    if id.is_empty() || !id.chars().all(allowed) {
        problems.push(
            refusal(path, format!("{id:?} cannot name a flag set")).help(
                "set metadata.flagSetId to a name without dots, blanks, slashes, `*` and `>`",
            ),
        );
    } else if id.len() > MAX_SET_NAME_BYTES {
        problems.push(refusal(
            path,
            format!(
                "the name of the set has {} bytes, and at most {MAX_SET_NAME_BYTES} are allowed",
                id.len()
            ),
        ));
    }
    id.to_owned()
}

fn set_bucketing(metadata: &Map<String, Value>, problems: &mut Problems) -> Bucketing {
    match metadata.get("bucketing") {
        None => Bucketing::default(),
        Some(value) => value
            .as_str()
            .and_then(Bucketing::from_name)
            .unwrap_or_else(|| {
                problems.push(
                    refusal("/metadata/bucketing", format!("{value} is not a bucketing"))
                        .help("write v2 or v3"),
                );
                Bucketing::default()
            }),
    }
}

fn flags<'d>(
    value: Option<&'d Value>,
    bucketing: Bucketing,
    problems: &mut Problems,
) -> Vec<FlagSource<'d>> {
    let mut sources: Vec<FlagSource<'d>> = Vec::new();
    match value {
        None => problems
            .push(refusal("", "there are no flags").help("add `flags:`, and a flag under it")),
        Some(Value::Object(members)) => {
            for (key, value) in members {
                let path = join_pointer("/flags", key);
                sources.extend(flag::decode(key, value, path, bucketing, problems));
            }
        }
        Some(Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                let path = format!("/flags/{index}");
                let Some(key) = array_key(value, &path, problems) else {
                    continue;
                };
                sources.extend(flag::decode(key, value, path, bucketing, problems));
            }
            sources.sort_by(|a, b| a.key.cmp(b.key));
            for pair in sources.windows(2) {
                if pair[0].key == pair[1].key {
                    let message = format!("the flag {:?} is defined a second time", pair[1].key);
                    problems.push(
                        refusal(&pair[1].path, message)
                            .of(pair[1].key)
                            .help("remove one of the two"),
                    );
                }
            }
        }
        Some(other) => problems.push(refusal(
            "/flags",
            format!("flags are an object or a list, not {}", kind(other)),
        )),
    }
    if sources.len() > MAX_FLAGS {
        problems.push(
            refusal(
                "/flags",
                format!(
                    "there are {} flags, and at most {MAX_FLAGS} are allowed",
                    sources.len()
                ),
            )
            .help("split the flag set"),
        );
    }
    // A map may keep the order of the text, depending on how serde_json was built.
    sources.sort_by(|a, b| a.key.cmp(b.key));
    sources
}

fn array_key<'d>(value: &'d Value, path: &str, problems: &mut Problems) -> Option<&'d str> {
    match value.get("key") {
        Some(Value::String(key)) => Some(key),
        Some(other) => {
            problems.push(refusal(
                join_pointer(path, "key"),
                format!("a flag's key must be a string, not {}", kind(other)),
            ));
            None
        }
        None => {
            problems.push(
                refusal(path, "this flag has no key")
                    .help("add `key`, as flags in a list need one"),
            );
            None
        }
    }
}
