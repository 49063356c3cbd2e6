//! JSON and YAML text to a value, and the place of every part of it.
//!
//! Both formats give the same value for the same document, so that nothing later needs to know how
//! it was written. What is ambiguous is refused rather than guessed: duplicate keys, a second
//! document, numbers that JSON cannot say.

mod json;
mod yaml;

use std::collections::HashMap;

use serde_json::Value;

pub(crate) use self::json::STRICT;
pub(crate) use self::yaml::plain_scalar;
use crate::limits::{MAX_KEY_BYTES, MAX_NESTING, MAX_PROBLEMS, MAX_TEXT_BYTES};
use crate::operator::shorten;
use crate::pointer::unescaped;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// RFC 8259; duplicate keys are refused.
    Json,
    /// YAML 1.2 core schema; one document; duplicate keys are refused; anchors bounded.
    Yaml,
}

impl Format {
    /// `json`, `yaml` or `yml`, in whatever case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        if extension.eq_ignore_ascii_case("json") {
            Some(Self::Json)
        } else if extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml") {
            Some(Self::Yaml)
        } else {
            None
        }
    }
}

/// A place in a text; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl Location {
    /// The first character of a text.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// A stretch of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its first character.
    pub start: Location,
    /// How many characters; 0 where the end is not known, or lies on a later line.
    pub width: u32,
}

impl From<Location> for Span {
    fn from(start: Location) -> Self {
        Self { start, width: 0 }
    }
}

/// A parsed text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What it says.
    pub value: Value,
    /// Where it says it.
    pub locations: Locations,
}

/// Where each part of a value stood, by JSON Pointer (RFC 6901).
///
/// A tree like the value itself, so that it takes memory in proportion to the text.
#[derive(Clone, Debug, Default)]
pub struct Locations {
    root: Place,
}

impl Locations {
    /// The place of `pointer` (the key, for a member of an object), or of its nearest ancestor.
    pub fn find(&self, pointer: &str) -> Location {
        self.span(pointer).start
    }

    /// As [`Locations::find`], with its width: of a member the key, and its value where that is a
    /// scalar that ends on the same line.
    pub fn span(&self, pointer: &str) -> Span {
        let mut place = &self.root;
        for part in pointer.split('/').skip(1) {
            match place.parts.get(&unescaped(part)) {
                Some(part) => place = part,
                None => break,
            }
        }
        Span {
            start: place.location,
            width: place.width,
        }
    }
}

/// The place of a value, and of everything inside it.
#[derive(Clone, Debug)]
struct Place {
    location: Location,
    /// In characters; 0 where it is not known or reaches into another line.
    width: u32,
    parts: Parts,
}

#[derive(Clone, Debug)]
enum Parts {
    Items(Vec<Place>),
    Members(HashMap<Box<str>, Place>),
}

impl Place {
    /// A scalar that begins and ends there.
    fn scalar(location: Location, end: Location) -> Self {
        Self {
            location,
            width: width(location, end),
            parts: Parts::Items(Vec::new()),
        }
    }

    /// As the value of a member whose key begins and ends there: it is found by its key.
    fn into_member(self, key: Location, key_end: Location) -> Self {
        let scalar_end = match &self.parts {
            Parts::Items(items) if items.is_empty() && self.width > 0 => Some(Location {
                column: self.location.column + self.width,
                ..self.location
            }),
            _ => None,
        };
        let whole = scalar_end.map_or(0, |end| width(key, end));
        Self {
            location: key,
            width: if whole > 0 {
                whole
            } else {
                width(key, key_end)
            },
            parts: self.parts,
        }
    }
}

/// How many characters lie between two places of one line; 0 where they are of two.
fn width(start: Location, end: Location) -> u32 {
    if start.line == end.line {
        end.column.saturating_sub(start.column)
    } else {
        0
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::scalar(Location::START, Location::START)
    }
}

impl Parts {
    fn get(&self, key: &str) -> Option<&Place> {
        match self {
            Self::Items(items) => items.get(key.parse::<usize>().ok()?),
            Self::Members(members) => members.get(key),
        }
    }
}

/// What makes a key unfit, if anything does.
fn key_problem(key: &str, is_there: bool) -> Option<Wrong> {
    if key.len() > MAX_KEY_BYTES {
        let what = format!(
            "this key has {} bytes, and at most {MAX_KEY_BYTES} are allowed",
            key.len()
        );
        Some(wrong(what, "shorten it"))
    } else if is_there {
        let what = format!("the key {key:?} stands here a second time");
        Some(wrong(what, "remove one of the two"))
    } else {
        None
    }
}

fn too_deep() -> Wrong {
    let what = format!("values nest more than {MAX_NESTING} levels deep");
    wrong(what, "flatten the document")
}

/// Of a number as it is written.
fn too_large_number(text: &str) -> Wrong {
    let what = format!(
        "{} is beyond the range of a double, which ends at about 1.8e308",
        shorten(text)
    );
    wrong(
        what,
        "write a smaller number, or quote it to make it a string",
    )
}

/// What is wrong, and what to do.
struct Wrong {
    what: String,
    help: String,
}

fn wrong(what: impl Into<String>, help: impl Into<String>) -> Wrong {
    Wrong {
        what: what.into(),
        help: help.into(),
    }
}

/// One thing that makes a text neither JSON nor YAML, or that only one of the two can say.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}: {help}")]
pub struct SyntaxError {
    /// Where.
    pub location: Location,
    /// What.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl SyntaxError {
    fn new(location: Location, wrong: Wrong) -> Self {
        Self {
            location,
            message: wrong.what,
            help: wrong.help,
        }
    }
}

/// What is wrong with one text, as much as is reported.
#[derive(Default)]
struct SyntaxErrors {
    found: Vec<SyntaxError>,
    /// How many are not reported, and where the first of them is.
    dropped: Option<(usize, Location)>,
}

impl SyntaxErrors {
    fn push(&mut self, error: SyntaxError) {
        if self.found.len() < MAX_PROBLEMS {
            self.found.push(error);
        } else {
            self.dropped.get_or_insert((0, error.location)).0 += 1;
        }
    }

    /// What was parsed, unless something is wrong with it.
    fn or(mut self, parsed: Parsed) -> Result<Parsed, Vec<SyntaxError>> {
        self.found.sort_by_key(|error| error.location);
        if let Some((dropped, location)) = self.dropped {
            let what = format!("there are {dropped} more errors");
            let more = SyntaxError::new(location, wrong(what, "mend the others first"));
            self.found.push(more);
        }
        if self.found.is_empty() {
            Ok(parsed)
        } else {
            Err(self.found)
        }
    }
}

/// Parses a whole text.
///
/// # Errors
///
/// Every error there is, at least one, in order of place. Only where the text cannot be read any
/// further (it is no JSON, or no YAML, from there on) does what follows remain unexamined.
pub fn parse(text: &str, format: Format) -> Result<Parsed, Vec<SyntaxError>> {
    if text.len() > MAX_TEXT_BYTES {
        let what = format!(
            "the text has {} bytes, and at most {MAX_TEXT_BYTES} are read",
            text.len()
        );
        let wrong = wrong(what, "split the flag set");
        return Err(vec![SyntaxError::new(Location::START, wrong)]);
    }
    match format {
        Format::Json => json::parse(text),
        Format::Yaml => yaml::parse(text),
    }
}
