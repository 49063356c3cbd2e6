//! The settings that are gates: `regions`, `requires`, `layer` and `stale`.
//!
//! Each gives what could be read of it, or nothing; whatever is wrong spoils the flag, so that nobody
//! is served by half a gate.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Place;
use crate::bucketing::LAYER_SLOTS;
use crate::document::kind;
use crate::gate::{Layer, Pattern, Requires, Stale, Then};
use crate::limits::{
    MAX_LAYER_NAME_BYTES, MAX_PREREQUISITES, MAX_REGION_BYTES, MAX_REGIONS, MAX_STALE_SECONDS,
    MAX_VARIANTS, MIN_STALE_SECONDS, SHORT_STALE_SECONDS,
};
use crate::problem::{Problem, Severity};

/// `[eu, eu-*]`
pub(super) fn regions(value: &Value, place: &mut Place) -> Option<Box<[Pattern]>> {
    let items = match value {
        Value::Array(items) if !items.is_empty() => items,
        Value::Array(_) => {
            place.wrong(
                "there is no region in the list, so the flag would be nowhere",
                "name regions, such as `[eu, eu-*]`, or remove `regions`",
            );
            return None;
        }
        other => {
            place.wrong(
                format!("regions are a list, not {}", kind(other)),
                "write a list, such as `[eu, eu-*]`",
            );
            return None;
        }
    };
    if items.len() > MAX_REGIONS {
        let message = format!(
            "there are {} regions, and at most {MAX_REGIONS} are allowed",
            items.len()
        );
        place.wrong(message, "let a pattern such as `eu-*` stand for several");
        return None;
    }
    let patterns = items.iter().enumerate().map(|(index, item)| {
        place.inside(&index.to_string(), |place| match item {
            Value::String(text) => region(text, place),
            other => {
                place.wrong(
                    format!("a region is a text, not {}", kind(other)),
                    "write its name in quotes",
                );
                None
            }
        })
    });
    // All of them, so that everything that is wrong is found.
    let patterns: Vec<Option<Pattern>> = patterns.collect();
    patterns.into_iter().collect()
}

fn region(text: &str, place: &mut Place) -> Option<Pattern> {
    let fine = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'*')
    };
    if text.len() > MAX_REGION_BYTES {
        let message = format!(
            "the region has {} bytes, and at most {MAX_REGION_BYTES} are allowed",
            text.len()
        );
        place.wrong(message, "shorten it, or end it with `*`");
    } else if text.is_empty() || !text.bytes().all(fine) {
        place.wrong(
            format!("{text:?} matches no region"),
            "use lower-case letters, digits, `-` and `_`, and `*` for any number of them",
        );
    } else {
        return Some(Pattern::new(text));
    }
    None
}

/// `{ new-cart: ["on"] }`
pub(super) fn requires(value: &Value, place: &mut Place) -> Option<Box<[Requires]>> {
    const HELP: &str =
        "write flags with the variants that are wanted, such as `{ new-cart: [\"on\"] }`";
    let members = match value {
        Value::Object(members) if !members.is_empty() => members,
        Value::Object(_) => {
            place.wrong("no flag is required", format!("{HELP}, or remove it"));
            return None;
        }
        other => {
            place.wrong(
                format!("requires is an object by flag, not {}", kind(other)),
                HELP,
            );
            return None;
        }
    };
    if members.len() > MAX_PREREQUISITES {
        let message = format!(
            "{} flags are required, and at most {MAX_PREREQUISITES} are allowed",
            members.len()
        );
        place.wrong(message, "require a flag that requires some of them");
        return None;
    }
    let mut all: Vec<Requires> = Vec::with_capacity(members.len());
    for (key, value) in members {
        let variants = place.inside(key, |place| wanted(value, place));
        all.extend(variants.map(|variants| Requires {
            key: key.as_str().into(),
            variants,
        }));
    }
    // A map may keep the order of the text, depending on how serde_json was built.
    all.sort_by(|a, b| a.key.cmp(&b.key));
    Some(all.into())
}

/// The variants that are wanted of one flag.
fn wanted(value: &Value, place: &mut Place) -> Option<Box<[Box<str>]>> {
    let items = match value {
        Value::Array(items) if !items.is_empty() => items,
        Value::Array(_) => {
            place.wrong(
                "no variant is wanted, so this can never hold",
                "name variants, such as `[\"on\"]`, or remove it",
            );
            return None;
        }
        Value::String(name) => {
            let help = format!("write a list, also of one: `[{name:?}]`");
            place.wrong("the variants that are wanted are a list", help);
            return None;
        }
        other => {
            place.wrong(
                format!(
                    "the variants that are wanted are a list, not {}",
                    kind(other)
                ),
                "write a list of their names, such as `[\"on\"]`",
            );
            return None;
        }
    };
    if items.len() > MAX_VARIANTS {
        let message = format!(
            "there are {} variants, and a flag has at most {MAX_VARIANTS}",
            items.len()
        );
        place.wrong(message, "name each once");
        return None;
    }
    let names = items.iter().enumerate().map(|(index, item)| {
        place.inside(&index.to_string(), |place| match item {
            Value::String(name) => Some(name.as_str().into()),
            other => {
                let help = match other {
                    Value::Bool(_) | Value::Number(_) => format!("quote it: \"{other}\""),
                    _ => "write its name in quotes".to_owned(),
                };
                place.wrong(
                    format!("this is {}, and a variant is named by a text", kind(other)),
                    help,
                );
                None
            }
        })
    });
    let names: Vec<Option<Box<str>>> = names.collect();
    names.into_iter().collect()
}

/// `{ name: checkout-tests, from: 0, to: 4999 }`
pub(super) fn layer(value: &Value, place: &mut Place) -> Option<Layer> {
    const HELP: &str = "write `{ name: checkout-tests, from: 0, to: 4999 }`";
    let members = members(value, "a layer", HELP, &["name", "from", "to"], place)?;
    let name = required(members, "name", HELP, place, |value, place| match value {
        Value::String(name) if name.is_empty() => {
            place.wrong("the layer has no name", "give it a name");
            None
        }
        Value::String(name) if name.len() > MAX_LAYER_NAME_BYTES => {
            let message = format!(
                "the name of the layer has {} bytes, and at most {MAX_LAYER_NAME_BYTES} are allowed",
                name.len()
            );
            place.wrong(message, "shorten it");
            None
        }
        Value::String(name) => Some(name.as_str()),
        other => {
            place.wrong(
                format!("the layer's name is a text, not {}", kind(other)),
                "write it in quotes",
            );
            None
        }
    });
    let mut bound = |key: &str| required(members, key, HELP, place, slot);
    let (from, to) = (bound("from"), bound("to"));
    let (name, from, to) = (name?, from?, to?);
    if from > to {
        place.wrong(
            format!("the slots from {from} to {to} are none"),
            "write the lower one as `from`; both count",
        );
        return None;
    }
    Some(Layer::new(name, from, to))
}

/// A number of a slot; 10.0 is 10, for JSON has one kind of number.
fn slot(value: &Value, place: &mut Place) -> Option<u32> {
    let slots = 0.0..f64::from(LAYER_SLOTS);
    let whole = value.as_f64().filter(|number| number.fract() == 0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range"
    )]
    let slot = whole
        .filter(|number| slots.contains(number))
        .map(|number| number as u32);
    if slot.is_none() {
        place.wrong(
            format!("{value} is not a slot"),
            format!("write a whole number from 0 to {}", LAYER_SLOTS - 1),
        );
    }
    slot
}

/// `{ after: 15m, then: serve }`
pub(super) fn stale(value: &Value, place: &mut Place) -> Option<Stale> {
    const HELP: &str = "write `{ after: 15m, then: default }` or `{ after: 15m, then: serve }`";
    let members = members(value, "stale", HELP, &["after", "then"], place)?;
    let after = required(members, "after", HELP, place, after);
    let then = required(members, "then", HELP, place, |value, place| {
        let known = [Then::Default, Then::Serve];
        let then = known
            .into_iter()
            .find(|then| value.as_str() == Some(then.name()));
        if then.is_none() {
            place.wrong(
                format!("{value} is nothing that can be done"),
                "write `default` (the default variant) or `serve` (what would be served anyway)",
            );
        }
        then
    });
    Some(Stale {
        after: after?,
        then: then?,
    })
}

/// A duration in whole seconds.
fn after(value: &Value, place: &mut Place) -> Option<u64> {
    const HELP: &str = "write a duration such as 90s, 15m, 2h or 1d";
    let Value::String(text) = value else {
        place.wrong(format!("{value} is not a duration"), HELP);
        return None;
    };
    let duration = match humantime::parse_duration(text) {
        Ok(duration) => duration,
        Err(error) => {
            place.wrong(format!("{text:?} is not a duration: {error}"), HELP);
            return None;
        }
    };
    let seconds = duration.as_secs();
    if duration.subsec_nanos() != 0 || !(MIN_STALE_SECONDS..=MAX_STALE_SECONDS).contains(&seconds) {
        let days = MAX_STALE_SECONDS / (24 * 60 * 60);
        place.wrong(
            format!("{text:?} is not possible"),
            format!("write whole seconds, from {MIN_STALE_SECONDS}s to {days}d"),
        );
        return None;
    }
    if seconds < SHORT_STALE_SECONDS {
        let message = format!(
            "{text:?} is shorter than the time between two confirmations, so a healthy proxy may be stale in between"
        );
        let least = humantime::format_duration(Duration::from_secs(SHORT_STALE_SECONDS));
        place.found.push(
            Problem::new(Severity::Warning, &*place.path, message)
                .help(format!("write {least} or more")),
        );
    }
    Some(seconds)
}

/// An object with no other members than these.
fn members<'d>(
    value: &'d Value,
    what: &str,
    help: &str,
    known: &[&str],
    place: &mut Place,
) -> Option<&'d Map<String, Value>> {
    let Value::Object(members) = value else {
        place.wrong(format!("{what} is an object, not {}", kind(value)), help);
        return None;
    };
    for unknown in members.keys().filter(|key| !known.contains(&key.as_str())) {
        place.inside(unknown, |place| {
            let message = format!("{what} has no setting {unknown:?}");
            let problem = Problem::new(Severity::Flag, &*place.path, message);
            place
                .found
                .push(problem.suggest(unknown, known.iter().copied()));
        });
    }
    Some(members)
}

/// A member that must be there, read at its place.
fn required<'d, R>(
    members: &'d Map<String, Value>,
    key: &str,
    help: &str,
    place: &mut Place,
    read: impl FnOnce(&'d Value, &mut Place) -> Option<R>,
) -> Option<R> {
    let Some(value) = members.get(key) else {
        place.wrong(format!("`{key}` is missing"), help);
        return None;
    };
    place.inside(key, |place| read(value, place))
}
