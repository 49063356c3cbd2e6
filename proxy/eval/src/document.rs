//! A flag set as authored: a flagd v0 document, decoded by hand.
//!
//! The rules are those of flagd's `flags.json` (both its forms: flags as a map, and as an array of
//! objects with a `key`), and those of Burgee's own `delivery`. Decoding goes on after a problem, so
//! that an author sees all of them at once. Targeting rules are kept as they are: the compiler
//! reads them.

mod delivery;
mod flag;
mod references;
mod variants;

use std::borrow::Cow;

use serde_json::{Map, Value};

use self::references::References;
pub(crate) use self::references::reference;
use crate::bucketing::Bucketing;
use crate::code;
use crate::flag::{Flaw, Variant};
use crate::gate::Gates;
use crate::lifecycle;
use crate::limits::{MAX_FLAGS, MAX_NESTING, MAX_SET_BYTES, MAX_SET_NAME_BYTES};
use crate::pointer::join_pointer;
use crate::problem::{Problem, Problems, Severity};

/// A document, as far as it could be read: whether it is refused, the problems say.
#[derive(Debug)]
pub(crate) struct Document<'d> {
    pub(crate) id: String,
    pub(crate) metadata: Map<String, Value>,
    /// `None`: they are there, and could not be read.
    pub(crate) evaluators: Option<Cow<'d, Map<String, Value>>>,
    /// Of these, no more than a set may have.
    pub(crate) flags: Vec<FlagSource<'d>>,
}

/// One flag of a document.
#[derive(Debug)]
pub(crate) struct FlagSource<'d> {
    /// Empty where it could not be read.
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
    pub(crate) gates: Gates,
    /// What its entry in `delivery` asks for and cannot be given: these spoil it.
    pub(crate) flaws: Vec<Flaw>,
}

impl<'d> FlagSource<'d> {
    /// A flag of which nothing is known but where it stands.
    fn unread(key: &'d str, path: String, bucketing: Bucketing) -> Self {
        Self {
            key,
            path,
            enabled: false,
            variants: Vec::new(),
            default_variant: None,
            targeting: None,
            metadata: Map::new(),
            header: None,
            bucketing,
            gates: Gates::default(),
            flaws: Vec::new(),
        }
    }
}

/// Decodes a document as far as it can be; `None` where nothing in it can.
pub(crate) fn decode<'d>(
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
    let metadata = root.get("metadata");
    let metadata = scalars(metadata, "/metadata", &mut References::new(None), problems);
    lifecycle::check(&metadata, "/metadata", problems);
    let id = set_name(name, &metadata, problems);
    let bucketing = set_bucketing(&metadata, problems);
    let evaluators = match root.get("$evaluators") {
        None => Some(Cow::Owned(Map::new())),
        there => object(there, "/$evaluators", problems).map(Cow::Borrowed),
    };
    let mut references = References::new(root.get("$evaluators").and_then(Value::as_object));
    let Flags {
        mut named,
        unnamed,
        all_keys_known,
    } = flags(root.get("flags"), bucketing, &mut references, problems);
    if references.are_too_large() {
        problems.push_first(too_large());
        return None;
    }
    delivery::apply(root.get("delivery"), &mut named, all_keys_known, problems);
    let mut flags = named;
    flags.extend(unnamed);
    // Beyond the bound, the document is refused, and the work for it ends.
    flags.truncate(MAX_FLAGS);
    Some(Document {
        id,
        metadata,
        evaluators,
        flags,
    })
}

/// What refuses a set for which there is no room. What comes after is not read for problems.
pub(crate) fn too_large() -> Problem {
    let message = format!(
        "the set takes more than {} MiB of memory, with its evaluators in everything that refers to them",
        MAX_SET_BYTES >> 20
    );
    refusal("", message)
        .help("split the set, or shorten the evaluators that are referred to very often")
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
            let message = format!("this must be an object, not {}", kind(other));
            problems
                .push(refusal(path, message).help("write names with a value each, or remove it"));
            None
        }
    }
}

/// Metadata: an object of strings, numbers and booleans.
fn scalars<'d>(
    value: Option<&'d Value>,
    path: &str,
    references: &mut References<'d>,
    problems: &mut Problems,
) -> Map<String, Value> {
    let value = value.map(|value| references.follow(value));
    let Some(members) = object(value, path, problems) else {
        return Map::new();
    };
    let mut scalars = Map::new();
    for (key, value) in members {
        let value = references.follow(value);
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
        // Where it does not fit, the whole document is refused.
        if let Ok(copied) = references.copy(value) {
            scalars.insert(key.clone(), copied.value);
        }
    }
    scalars
}

/// The set's name is one token of a subject, so it has neither dots nor blanks nor wildcards.
fn set_name(name: &str, metadata: &Map<String, Value>, problems: &mut Problems) -> String {
    let (id, path) = match metadata.get("flagSetId") {
        None => (name, "/metadata"),
        Some(Value::String(id)) => (id.as_str(), "/metadata/flagSetId"),
        Some(other) => {
            let message = format!(
                "flagSetId names the set and must be a string, not {}",
                kind(other)
            );
            let help = match other {
                Value::Number(_) | Value::Bool(_) => format!("quote it: \"{other}\""),
                _ => "write a name in quotes, or remove it".to_owned(),
            };
            problems.push(refusal("/metadata/flagSetId", message).help(help));
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
        let message = format!(
            "the name of the set has {} bytes, and at most {MAX_SET_NAME_BYTES} are allowed",
            id.len()
        );
        problems.push(refusal(path, message).help("shorten metadata.flagSetId"));
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

/// All flags of a document.
#[derive(Default)]
struct Flags<'d> {
    /// In order of key.
    named: Vec<FlagSource<'d>>,
    /// Of a list; those whose key is not there, or is none. Their document is refused.
    unnamed: Vec<FlagSource<'d>>,
    /// Whether there are no more than the named.
    all_keys_known: bool,
}

fn flags<'d>(
    value: Option<&'d Value>,
    bucketing: Bucketing,
    references: &mut References<'d>,
    problems: &mut Problems,
) -> Flags<'d> {
    let mut named: Vec<FlagSource<'d>> = Vec::new();
    let mut unnamed = Vec::new();
    let value = value.map(|value| references.follow(value));
    match value {
        None => problems
            .push(refusal("", "there are no flags").help("add `flags:`, and a flag under it")),
        Some(Value::Object(members)) => {
            for (key, value) in members {
                let path = join_pointer("/flags", key);
                if key.is_empty() {
                    let problem = refusal(&path, "a flag's key is empty");
                    problems.push(problem.help("give it a name"));
                }
                let value = references.follow(value);
                let flag = flag::decode(key, value, path, bucketing, references, problems);
                named.push(flag);
            }
        }
        Some(Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                let path = format!("/flags/{index}");
                let value = references.follow(value);
                let key = array_key(value, &path, references, problems);
                let of = if key.is_some() {
                    &mut named
                } else {
                    &mut unnamed
                };
                let key = key.unwrap_or_default();
                let flag = flag::decode(key, value, path, bucketing, references, problems);
                of.push(flag);
            }
            named.sort_by(|a, b| a.key.cmp(b.key));
            for pair in named.windows(2) {
                if pair[0].key == pair[1].key {
                    let message = format!("the flag {:?} is defined a second time", pair[1].key);
                    problems.push(
                        refusal(&pair[1].path, message)
                            .code(code::DUPLICATE_FLAG)
                            .of(pair[1].key)
                            .help("remove one of the two"),
                    );
                }
            }
        }
        Some(other) => {
            let message = format!("flags are an object or a list, not {}", kind(other));
            problems.push(
                refusal("/flags", message)
                    .help("write a flag under it, or `flags: {}` where there is none yet"),
            );
        }
    }
    let count = named.len() + unnamed.len();
    if count > MAX_FLAGS {
        problems.push(
            refusal(
                "/flags",
                format!("there are {count} flags, and at most {MAX_FLAGS} are allowed"),
            )
            .help("split the flag set"),
        );
    }
    // A map may keep the order of the text, depending on how serde_json was built.
    named.sort_by(|a, b| a.key.cmp(b.key));
    let readable = matches!(value, Some(Value::Object(_) | Value::Array(_)));
    Flags {
        all_keys_known: readable && unnamed.is_empty(),
        named,
        unnamed,
    }
}

/// The key of a flag in a list, if it has one. What is no flag at all is reported where it is decoded.
fn array_key<'d>(
    value: &'d Value,
    path: &str,
    references: &mut References<'d>,
    problems: &mut Problems,
) -> Option<&'d str> {
    let members = value.as_object()?;
    match members.get("key").map(|key| references.follow(key)) {
        Some(Value::String(key)) => {
            if key.is_empty() {
                let problem = refusal(join_pointer(path, "key"), "a flag's key is empty");
                problems.push(problem.help("give it a name"));
            }
            Some(key)
        }
        Some(other) => {
            let message = format!("a flag's key must be a string, not {}", kind(other));
            let problem = refusal(join_pointer(path, "key"), message);
            problems.push(problem.help("write its name in quotes"));
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
