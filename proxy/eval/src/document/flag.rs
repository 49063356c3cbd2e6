//! One flag: its state, variants, default and metadata.

use serde_json::Value;

use super::{FlagSource, References, kind, refusal, scalars};
use crate::bucketing::Bucketing;
use crate::code;
use crate::flag::Variant;
use crate::lifecycle;
use crate::pointer::join_pointer;
use crate::problem::{Problem, Problems, Severity};

const KNOWN_KEYS: [&str; 6] = [
    "state",
    "variants",
    "defaultVariant",
    "targeting",
    "metadata",
    "key",
];

/// Decodes one flag as far as it can be; `key` is empty where it has none, which is reported already.
pub(super) fn decode<'d>(
    key: &'d str,
    value: &'d Value,
    path: String,
    bucketing: Bucketing,
    references: &mut References<'d>,
    problems: &mut Problems,
) -> FlagSource<'d> {
    let Value::Object(members) = value else {
        problems.push(
            refusal(
                &path,
                format!("a flag must be an object, not {}", kind(value)),
            )
            .of(key)
            .help("write its `state` and its `variants`"),
        );
        return FlagSource::unread(key, path, bucketing);
    };
    let first = problems.len();
    let mut member = |name| members.get(name).map(|value| references.follow(value));
    let enabled = state(member("state"), &path, problems);
    let (variants, default) = (member("variants"), member("defaultVariant"));
    let variants = super::variants::decode(variants, &path, references, problems);
    let default_variant = default_variant(default, &variants, &path, problems);
    let metadata_path = join_pointer(&path, "metadata");
    let metadata = scalars(
        members.get("metadata"),
        &metadata_path,
        references,
        problems,
    );
    lifecycle::check(&metadata, &metadata_path, problems);
    for unknown in members
        .keys()
        .filter(|key| !KNOWN_KEYS.contains(&key.as_str()))
    {
        // flagd itself writes these two, and every evaluator knows them.
        if unknown != "source" && unknown != "selector" {
            problems.push(
                Problem::new(
                    Severity::Warning,
                    join_pointer(&path, unknown),
                    format!("flagd does not know {unknown:?}, and some of its evaluators refuse the whole document"),
                )
                .code(code::UNKNOWN_KEY)
                .suggest(unknown, KNOWN_KEYS),
            );
        }
    }
    problems.assign(first, key);
    FlagSource {
        enabled,
        variants,
        default_variant,
        targeting: members.get("targeting"),
        metadata,
        ..FlagSource::unread(key, path, bucketing)
    }
}

fn state(value: Option<&Value>, path: &str, problems: &mut Problems) -> bool {
    match value {
        Some(Value::String(state)) if state == "ENABLED" => return true,
        Some(Value::String(state)) if state == "DISABLED" => return false,
        Some(other) => problems.push(
            refusal(
                join_pointer(path, "state"),
                format!("the state {other} does not exist"),
            )
            .help("write ENABLED or DISABLED"),
        ),
        None => problems
            .push(refusal(path, "this flag has no state").help("add `state`: ENABLED or DISABLED")),
    }
    false
}

fn default_variant<'d>(
    value: Option<&'d Value>,
    variants: &[Variant],
    path: &str,
    problems: &mut Problems,
) -> Option<&'d str> {
    let place = || join_pointer(path, "defaultVariant");
    match value {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) if name.is_empty() => {
            problems.push(
                Problem::new(
                    Severity::Warning,
                    place(),
                    "an empty defaultVariant counts as none",
                )
                .help("write null, or name a variant"),
            );
            None
        }
        Some(Value::String(name)) => {
            // Where the variants themselves could not be read, one problem is enough.
            if !variants.is_empty() && !variants.iter().any(|variant| *variant.name == **name) {
                problems.push(
                    refusal(place(), format!("there is no variant {name:?}"))
                        .code(code::UNKNOWN_DEFAULT_VARIANT)
                        .suggest(name, variants.iter().map(|variant| &*variant.name)),
                );
            }
            Some(name)
        }
        Some(other) => {
            problems.push(
                refusal(
                    place(),
                    format!(
                        "defaultVariant names a variant, and this is {}",
                        kind(other)
                    ),
                )
                .help("quote it, or write null"),
            );
            None
        }
    }
}
