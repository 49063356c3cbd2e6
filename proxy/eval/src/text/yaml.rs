//! YAML 1.2 in its core schema, from the events of `saphyr-parser`.
//!
//! Built without recursion, so that the text cannot choose how deep our stack gets. In YAML 1.2
//! `on`, `off`, `yes` and `no` are strings.

mod advice;
mod scalar;

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use self::advice::advise;
pub(crate) use self::scalar::plain_scalar;
use self::scalar::{check_tag, resolve};
use super::{
    Location, Locations, Parsed, Parts, Place, SyntaxError, SyntaxErrors, Wrong, key_problem,
    too_deep, wrong,
};
use crate::limits::{MAX_ALIASED_BYTES, MAX_NESTING};

pub(super) fn parse(text: &str) -> Result<Parsed, Vec<SyntaxError>> {
    let mut builder = Builder::new();
    if let Err(last) = builder.read(text) {
        builder.errors.push(last);
    }
    let (value, root) = builder.root.unwrap_or_default();
    builder.errors.or(Parsed {
        value,
        locations: Locations { root },
    })
}

fn place(marker: Marker) -> Location {
    Location {
        line: u32::try_from(marker.line().max(1)).unwrap_or(u32::MAX),
        column: u32::try_from(marker.col() + 1).unwrap_or(u32::MAX),
    }
}

/// Where an event ends. For a quoted scalar the parser says how far it had to look, which is past the
/// blanks and the comment that follow; escapes are longer than what they stand for, so that this may
/// be too near.
fn end(event: &Event<'_>, start: Location, looked: Location) -> Location {
    match event {
        Event::Scalar(
            text,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted,
            // Where it has neither anchor nor tag, it begins with its quote.
            0,
            None,
        ) => {
            let width = u32::try_from(text.chars().count() + 2).unwrap_or(u32::MAX);
            Location {
                column: looked.column.min(start.column.saturating_add(width)),
                ..looked
            }
        }
        _ => looked,
    }
}

fn refuse<T>(location: Location, wrong: Wrong) -> Result<T, SyntaxError> {
    Err(SyntaxError::new(location, wrong))
}

/// A collection that is still open, and the places of what is in it.
struct Open {
    anchor: usize,
    location: Location,
    parts: OpenParts,
}

enum OpenParts {
    Sequence(Vec<Value>, Vec<Place>),
    Mapping {
        members: Map<String, Value>,
        places: HashMap<Box<str>, Place>,
        /// The key whose value comes next, and where it begins and ends.
        key: Option<(String, Location, Location)>,
    },
}

struct Builder {
    open: Vec<Open>,
    root: Option<(Value, Place)>,
    anchors: HashMap<usize, Value>,
    /// Where the event that is being handled ends.
    end: Location,
    /// What anchors and aliases have added so far.
    copied: usize,
    documents: usize,
    /// What does not end the parse. What is built after the first of them is only read on.
    errors: SyntaxErrors,
}

impl Builder {
    fn new() -> Self {
        Self {
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            end: Location::START,
            copied: 0,
            documents: 0,
            errors: SyntaxErrors::default(),
        }
    }

    /// Fails where it cannot go on.
    fn read(&mut self, text: &str) -> Result<(), SyntaxError> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let wrong = match error.info() {
                    // The scanner has a bound of its own, far beyond ours.
                    "recursion limit exceeded" => too_deep(),
                    info => advise(info),
                };
                SyntaxError::new(place(*error.marker()), wrong)
            })?;
            self.end = end(&event, place(span.start), place(span.end));
            self.event(event, place(span.start))?;
        }
        Ok(())
    }

    fn report(&mut self, location: Location, wrong: Wrong) {
        self.errors.push(SyntaxError::new(location, wrong));
    }

    fn event(&mut self, event: Event<'_>, at: Location) -> Result<(), SyntaxError> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return refuse(
                        at,
                        wrong(
                            "a second document starts here",
                            "one file holds one flag set",
                        ),
                    );
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(text, style, anchor, tag.as_deref(), at)?;
            }
            Event::Alias(anchor) => self.alias(anchor, at)?,
            Event::SequenceStart(anchor, tag) => {
                if let Err(error) = check_tag(tag.as_deref(), "seq", at) {
                    self.errors.push(error);
                }
                self.begin(anchor, OpenParts::Sequence(Vec::new(), Vec::new()), at)?;
            }
            Event::MappingStart(anchor, tag) => {
                if let Err(error) = check_tag(tag.as_deref(), "map", at) {
                    self.errors.push(error);
                }
                let parts = OpenParts::Mapping {
                    members: Map::new(),
                    places: HashMap::new(),
                    key: None,
                };
                self.begin(anchor, parts, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(&mut self, anchor: usize, parts: OpenParts, at: Location) -> Result<(), SyntaxError> {
        if self.awaits_key() {
            self.report(
                at,
                wrong("a key is a list or a mapping", "keys are plain text"),
            );
        }
        if self.open.len() >= MAX_NESTING {
            return refuse(at, too_deep());
        }
        self.open.push(Open {
            anchor,
            location: at,
            parts,
        });
        Ok(())
    }

    fn end(&mut self, at: Location) -> Result<(), SyntaxError> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let (value, parts) = match open.parts {
            OpenParts::Sequence(items, places) => (Value::Array(items), Parts::Items(places)),
            OpenParts::Mapping {
                members, places, ..
            } => (Value::Object(members), Parts::Members(places)),
        };
        self.remember(open.anchor, &value, at)?;
        let location = open.location;
        if self.awaits_key() {
            // It was a key itself, and is reported; its value follows.
            self.begin_member(String::new(), location);
        } else {
            let place = Place {
                parts,
                ..Place::scalar(location, self.end)
            };
            self.place(value, place);
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Location,
    ) -> Result<(), SyntaxError> {
        if self.awaits_key() {
            if text == "<<" && style == ScalarStyle::Plain {
                self.report(
                    at,
                    wrong(
                        "merge keys (`<<`) are not part of YAML 1.2",
                        "repeat the members",
                    ),
                );
                self.skip(at);
                return Ok(());
            }
            let text = text.into_owned();
            if anchor > 0 {
                self.remember(anchor, &Value::String(text.clone()), at)?;
            }
            self.key(text, at);
            return Ok(());
        }
        let value = resolve(text, style, tag, at).unwrap_or_else(|error| {
            self.errors.push(error);
            Value::Null
        });
        self.remember(anchor, &value, at)?;
        self.place(value, Place::scalar(at, self.end));
        Ok(())
    }

    fn alias(&mut self, anchor: usize, at: Location) -> Result<(), SyntaxError> {
        let Some(value) = self.anchors.get(&anchor).cloned() else {
            self.report(
                at,
                wrong(
                    "this alias stands inside the value that it names",
                    "remove it",
                ),
            );
            self.skip(at);
            return Ok(());
        };
        self.charge(&value, at)?;
        if self.open.len() + depth(&value) > MAX_NESTING {
            return refuse(at, too_deep());
        }
        if self.awaits_key() {
            if let Value::String(key) = value {
                self.key(key, at);
            } else {
                let what = "a key is an alias of something that is not text";
                self.report(at, wrong(what, "keys are plain text"));
                self.skip(at);
            }
            return Ok(());
        }
        self.place(value, Place::scalar(at, self.end));
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        let innermost = self.open.last().map(|open| &open.parts);
        matches!(innermost, Some(OpenParts::Mapping { key: None, .. }))
    }

    fn key(&mut self, text: String, at: Location) {
        if let Some(OpenParts::Mapping { members, .. }) = self.open.last().map(|open| &open.parts)
            && let Some(wrong) = key_problem(&text, members.contains_key(&text))
        {
            self.report(at, wrong);
        }
        self.begin_member(text, at);
    }

    /// Puts something in the place of a key or a value that is reported.
    fn skip(&mut self, at: Location) {
        if self.awaits_key() {
            self.begin_member(String::new(), at);
        } else {
            self.place(Value::Null, Place::scalar(at, self.end));
        }
    }

    fn begin_member(&mut self, text: String, at: Location) {
        if let Some(OpenParts::Mapping { key, .. }) =
            self.open.last_mut().map(|open| &mut open.parts)
        {
            *key = Some((text, at, self.end));
        }
    }

    fn remember(&mut self, anchor: usize, value: &Value, at: Location) -> Result<(), SyntaxError> {
        // The parser numbers anchors from 1; 0 means none.
        if anchor > 0 {
            self.charge(value, at)?;
            self.anchors.insert(anchor, value.clone());
        }
        Ok(())
    }

    /// Accounts for a copy of a value.
    fn charge(&mut self, value: &Value, at: Location) -> Result<(), SyntaxError> {
        self.copied = self.copied.saturating_add(weight(value));
        if self.copied > MAX_ALIASED_BYTES {
            let what = format!("anchors and aliases add more than {MAX_ALIASED_BYTES} bytes");
            return refuse(at, wrong(what, "use fewer"));
        }
        Ok(())
    }

    /// Puts a value where the text has it. A member's place is its key's.
    fn place(&mut self, value: Value, place: Place) {
        match self.open.last_mut().map(|open| &mut open.parts) {
            None => self.root = Some((value, place)),
            Some(OpenParts::Sequence(items, places)) => {
                items.push(value);
                places.push(place);
            }
            Some(OpenParts::Mapping {
                members,
                places,
                key,
            }) => {
                if let Some((key, start, end)) = key.take() {
                    places.insert(key.as_str().into(), place.into_member(start, end));
                    members.insert(key, value);
                }
            }
        }
    }
}

/// What a value costs in memory, roughly: its text, and 16 bytes for each value in it.
fn weight(value: &Value) -> usize {
    16 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| key.len() + weight(value))
            .sum(),
        _ => 0,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
