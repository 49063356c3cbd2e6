//! Writing a pin into a flag set as its author wrote it.
//!
//! Text is only ever inserted: comments, order, indentation, line endings and everything else stay
//! byte for byte. Where it can stand depends on how the text is written, so places are tried in order
//! of taste, and one counts only if the whole then reads as before but for the pin.

mod json;
mod yaml;

use serde_json::{Map, Value};

use crate::text::{Format, parse};

const METADATA: &str = "metadata";
const BUCKETING: &str = "bucketing";
const PIN: &str = "v3";

/// A text with a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// All of it.
    pub text: String,
    /// The line of the pin, from 1.
    pub line: u32,
}

/// Why a text cannot be given a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfixable {
    /// It cannot be read, or is no object.
    #[error("it cannot be read as a flag set")]
    Unreadable,
    /// `metadata.bucketing` says something already.
    #[error("its metadata says something about bucketing already")]
    Pinned,
    /// No insertion changes its metadata and nothing else.
    #[error(
        "there is no place for it: the metadata is an alias, is shared by one, or is no mapping"
    )]
    NoPlace,
}

/// Something to insert.
#[derive(Clone, Debug)]
struct Insertion {
    /// In bytes, on a character's boundary.
    at: usize,
    text: String,
}

/// Inserts `metadata.bucketing: v3`.
///
/// # Errors
///
/// When that cannot be done by inserting text, or when it is there.
pub fn pin_bucketing(text: &str, format: Format) -> Result<Fixed, Unfixable> {
    let parsed = parse(text, format).map_err(|_| Unfixable::Unreadable)?;
    let wanted = pinned(parsed.value)?;
    let candidates = match format {
        Format::Json => json::insertions(text),
        Format::Yaml => yaml::insertions(text),
    };
    let mut tried = candidates.into_iter().filter_map(|insertion| {
        let before = text.get(..insertion.at)?;
        let after = text.get(insertion.at..)?;
        let text = [before, &insertion.text, after].concat();
        let read = parse(&text, format).ok()?;
        let pin = format!("/{METADATA}/{BUCKETING}");
        let line = read.locations.find(&pin).line;
        (read.value == wanted).then_some(Fixed { text, line })
    });
    tried.next().ok_or(Unfixable::NoPlace)
}

/// What the document is to say.
fn pinned(document: Value) -> Result<Value, Unfixable> {
    let Value::Object(mut root) = document else {
        return Err(Unfixable::Unreadable);
    };
    let metadata = root
        .entry(METADATA)
        .or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(metadata) = metadata else {
        return Err(Unfixable::NoPlace);
    };
    if metadata.contains_key(BUCKETING) {
        return Err(Unfixable::Pinned);
    }
    metadata.insert(BUCKETING.to_owned(), PIN.into());
    Ok(Value::Object(root))
}

/// How a member is written in braces.
#[derive(Clone, Copy)]
struct Style {
    /// Keys and strings stand in double quotes.
    quoted: bool,
    /// Blanks stand after `:` and `,` and inside of braces.
    airy: bool,
}

impl Style {
    fn word(self, word: &str) -> String {
        if self.quoted {
            format!("\"{word}\"")
        } else {
            word.to_owned()
        }
    }

    fn pin(self) -> String {
        let blank = if self.airy { " " } else { "" };
        format!("{}:{blank}{}", self.word(BUCKETING), self.word(PIN))
    }

    fn metadata(self) -> String {
        let blank = if self.airy { " " } else { "" };
        let metadata = self.word(METADATA);
        format!("{metadata}:{blank}{{{blank}{}{blank}}}", self.pin())
    }

    /// `member` as the first in braces; `inside` is what stands between the brace and the first member,
    /// or the brace that closes where there is none.
    fn first(self, member: &str, inside: &str, is_empty: bool) -> String {
        let blank = if self.airy { " " } else { "" };
        let only_blanks = inside.chars().all(char::is_whitespace);
        match (is_empty, only_blanks) {
            (true, true) if inside.is_empty() => format!("{blank}{member}{blank}"),
            (true, _) => format!("{blank}{member}"),
            (false, true) if inside.is_empty() => format!("{member},{blank}"),
            (false, true) => format!("{inside}{member},"),
            (false, false) => format!("{blank}{member},"),
        }
    }
}
