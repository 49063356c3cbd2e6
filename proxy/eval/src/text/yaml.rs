//! YAML 1.2 in its core schema, from the events of `saphyr-parser`.
//!
//! Built without recursion, so that the text cannot choose how deep our stack gets. In YAML 1.2
//! `on`, `off`, `yes` and `no` are strings.

mod scalar;

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use self::scalar::{check_tag, resolve};
use super::{Location, Locations, Parsed, Parts, Place, SyntaxError, key_problem, too_deep};
use crate::limits::{MAX_ALIASED_BYTES, MAX_NESTING};

pub(super) fn parse(text: &str) -> Result<Parsed, SyntaxError> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| SyntaxError {
            location: place(*error.marker()),
            // The scanner has a bound of its own, far beyond ours.
            message: match error.info() {
                "recursion limit exceeded" => too_deep(),
                info => format!("this is not YAML: {info}"),
            },
        })?;
        builder.event(event, place(span.start))?;
    }
    let (value, root) = builder.root.unwrap_or_default();
    Ok(Parsed {
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

fn refuse<T>(location: Location, message: impl Into<String>) -> Result<T, SyntaxError> {
    Err(SyntaxError {
        location,
        message: message.into(),
    })
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
        /// The key whose value comes next, and where it stands.
        key: Option<(String, Location)>,
    },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<(Value, Place)>,
    anchors: HashMap<usize, Value>,
    /// What anchors and aliases have added so far.
    copied: usize,
    documents: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Location) -> Result<(), SyntaxError> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return refuse(
                        at,
                        "a second document starts here: one file holds one flag set",
                    );
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(text, style, anchor, tag.as_deref(), at)?;
            }
            Event::Alias(anchor) => self.alias(anchor, at)?,
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), "seq", at)?;
                self.begin(anchor, OpenParts::Sequence(Vec::new(), Vec::new()), at)?;
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), "map", at)?;
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
            return refuse(at, "a key is a list or a mapping: keys are plain text");
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
        self.place(value, Place { location, parts });
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
                return refuse(
                    at,
                    "merge keys (`<<`) are not part of YAML 1.2: repeat the members",
                );
            }
            let text = text.into_owned();
            if anchor > 0 {
                self.remember(anchor, &Value::String(text.clone()), at)?;
            }
            return self.key(text, at);
        }
        let value = resolve(text, style, tag, at)?;
        self.remember(anchor, &value, at)?;
        self.place(value, Place::new(at));
        Ok(())
    }

    fn alias(&mut self, anchor: usize, at: Location) -> Result<(), SyntaxError> {
        let Some(value) = self.anchors.get(&anchor).cloned() else {
            return refuse(at, "this alias stands inside the value that it names");
        };
        self.charge(&value, at)?;
        if self.open.len() + depth(&value) > MAX_NESTING {
            return refuse(at, too_deep());
        }
        if self.awaits_key() {
            return match value {
                Value::String(key) => self.key(key, at),
                _ => refuse(
                    at,
                    "a key is an alias of something that is not text: keys are plain text",
                ),
            };
        }
        self.place(value, Place::new(at));
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        let innermost = self.open.last().map(|open| &open.parts);
        matches!(innermost, Some(OpenParts::Mapping { key: None, .. }))
    }

    fn key(&mut self, text: String, at: Location) -> Result<(), SyntaxError> {
        if let Some(OpenParts::Mapping { members, key, .. }) =
            self.open.last_mut().map(|open| &mut open.parts)
        {
            if let Some(message) = key_problem(&text, members.contains_key(&text)) {
                return refuse(at, message);
            }
            *key = Some((text, at));
        }
        Ok(())
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
            let message =
                format!("anchors and aliases add more than {MAX_ALIASED_BYTES} bytes: use fewer");
            return refuse(at, message);
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
                if let Some((key, location)) = key.take() {
                    places.insert(key.as_str().into(), Place { location, ..place });
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
