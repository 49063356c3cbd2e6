//! JSON: always in braces.

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, parse_to_ast};

use super::{Insertion, METADATA, Style};
use crate::text::STRICT;

pub(super) fn insertions(text: &str) -> Vec<Insertion> {
    let tree = parse_to_ast(text, &CollectOptions::default(), &STRICT);
    let Some(Value::Object(root)) = tree.ok().and_then(|tree| tree.value) else {
        return Vec::new();
    };
    let style = Style {
        quoted: true,
        airy: is_airy(text, &root),
    };
    match root.get(METADATA).map(|member| &member.value) {
        Some(Value::Object(metadata)) => vec![first_in(text, metadata, &style.pin(), style)],
        Some(_) => Vec::new(),
        None => before_flags(text, &root, style)
            .into_iter()
            .chain([first_in(text, &root, &style.metadata(), style)])
            .collect(),
    }
}

/// Whether a blank follows the first colon.
fn is_airy(text: &str, root: &Object<'_>) -> bool {
    root.properties.first().is_none_or(|member| {
        let between = &text[member.name.end()..member.value.start()];
        between.ends_with(char::is_whitespace)
    })
}

fn first_in(text: &str, object: &Object<'_>, member: &str, style: Style) -> Insertion {
    let at = object.start() + 1;
    let first = object.properties.first();
    let end = first.map_or(object.end() - 1, jsonc_parser::common::Ranged::start);
    Insertion {
        at,
        text: style.first(member, &text[at..end], first.is_none()),
    }
}

/// Behind `$schema`, where that is first.
fn before_flags(text: &str, root: &Object<'_>, style: Style) -> Option<Insertion> {
    let [schema, next, ..] = &*root.properties else {
        return None;
    };
    if schema.name.as_str() != "$schema" {
        return None;
    }
    // From the comma on, what separates the two.
    let between = &text[schema.end()..next.start()];
    let (_, separator) = between.split_once(',')?;
    Some(Insertion {
        at: next.start(),
        text: format!("{},{separator}", style.metadata()),
    })
}
