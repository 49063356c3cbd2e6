//! YAML: in braces, or in lines of their own.

use saphyr_parser::{Event, Parser, Span};

use super::{Insertion, METADATA, Style};

const LINES: Style = Style {
    quoted: false,
    airy: true,
};

/// A mapping: where it begins, and its keys.
#[derive(Default)]
struct Mapping {
    start: usize,
    end: usize,
    /// Each with its text.
    keys: Vec<(usize, String)>,
}

pub(super) fn insertions(text: &str) -> Vec<Insertion> {
    let Some(Outline { root, metadata }) = outline(text) else {
        return Vec::new();
    };
    match metadata {
        None => match root.brace(text) {
            Some(brace) => vec![root.first_in_braces(text, brace, Style::metadata)],
            None => root.before_keys(text),
        },
        Some(Found::Mapping(metadata)) => match metadata.brace(text) {
            Some(brace) => vec![metadata.first_in_braces(text, brace, Style::pin)],
            None => metadata.first_line(text, &root),
        },
        Some(Found::Other) => Vec::new(),
    }
}

impl Mapping {
    /// Where its opening brace stands, if it has one: behind an anchor or a tag.
    fn brace(&self, text: &str) -> Option<usize> {
        let end = self.keys.first().map_or(self.end, |(key, _)| *key);
        let before_first_key = text.get(self.start..end)?;
        let mut at = self.start;
        for word in before_first_key.split_inclusive(char::is_whitespace) {
            if word.starts_with('{') {
                return Some(at);
            }
            let is_property = word.starts_with(['&', '!']) || word.trim().is_empty();
            if !is_property {
                return None;
            }
            at += word.len();
        }
        None
    }

    fn first_in_braces(
        &self,
        text: &str,
        brace: usize,
        member: impl FnOnce(Style) -> String,
    ) -> Insertion {
        let at = brace + 1;
        let first = self.keys.first().map(|(key, _)| *key);
        let inside = text.get(at..).unwrap_or_default();
        let end = first.or_else(|| inside.find('}').map(|end| at + end));
        let inside = end.and_then(|end| text.get(at..end)).unwrap_or_default();
        let style = Style {
            quoted: first.is_some_and(|first| text[first..].starts_with('"')),
            ..LINES
        };
        Insertion {
            at,
            text: style.first(&member(style), inside, first.is_none()),
        }
    }

    /// Metadata in the line before a key: behind `$schema`, else before all others.
    fn before_keys(&self, text: &str) -> Vec<Insertion> {
        let (schema, others): (Vec<_>, Vec<_>) =
            self.keys.iter().partition(|(_, key)| key == "$schema");
        let keys = others.into_iter().chain(schema);
        keys.filter_map(|(key, _)| line_before(text, *key, &LINES.metadata()))
            .collect()
    }

    /// The pin in the line below `metadata:`, else in the line before its first key.
    fn first_line(&self, text: &str, root: &Mapping) -> Vec<Insertion> {
        let Some((first, _)) = self.keys.first() else {
            return Vec::new();
        };
        let header = root.keys.iter().find(|(_, key)| key == METADATA);
        let below = header.and_then(|(header, _)| {
            let indent = indent(text, *first)?;
            let at = header + text.get(*header..)?.find('\n')? + 1;
            let text = format!("{indent}{}{}", LINES.pin(), line_ending(text, *header));
            Some(Insertion { at, text })
        });
        let before = line_before(text, *first, &LINES.pin());
        below.into_iter().chain(before).collect()
    }
}

/// A line in front of the one in which a key is the first thing.
fn line_before(text: &str, key: usize, line: &str) -> Option<Insertion> {
    let indent = indent(text, key)?;
    Some(Insertion {
        at: key,
        text: format!("{line}{}{indent}", line_ending(text, key)),
    })
}

/// The blanks before a key, where nothing else is before it on its line.
fn indent(text: &str, key: usize) -> Option<&str> {
    let before = text.get(..key)?;
    let line = before.rsplit(['\n', '\r']).next().unwrap_or_default();
    let blanks = line.trim_start_matches('\u{feff}');
    blanks.chars().all(|c| c == ' ').then_some(blanks)
}

/// How the line ends in which something stands.
fn line_ending(text: &str, at: usize) -> &'static str {
    let ends = |rest: &str| {
        let end = rest.find(['\n', '\r'])?;
        Some(if rest[end..].starts_with("\r\n") {
            "\r\n"
        } else if rest[end..].starts_with('\r') {
            "\r"
        } else {
            "\n"
        })
    };
    let of_line = text.get(at..).and_then(ends);
    of_line.or_else(|| ends(text)).unwrap_or("\n")
}

/// The mappings that matter.
struct Outline {
    root: Mapping,
    metadata: Option<Found>,
}

/// What `metadata` is.
enum Found {
    Mapping(Mapping),
    Other,
}

/// `None`: the root is no mapping.
fn outline(text: &str) -> Option<Outline> {
    let mut walk = Walk {
        offsets: Offsets::new(text),
        depth: 0,
        key_next: [true; 2],
        in_metadata: false,
        root: None,
        metadata: None,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(Ok((event, span))) = parser.next_event() {
        match event {
            Event::MappingStart(..) => walk.begin(span, Found::Mapping),
            Event::SequenceStart(..) => walk.begin(span, |_| Found::Other),
            Event::MappingEnd | Event::SequenceEnd => walk.end(span),
            Event::Scalar(text, ..) => walk.leaf(span, &text),
            Event::Alias(_) => walk.leaf(span, ""),
            _ => {}
        }
    }
    let mut root = walk.root?;
    root.end = text.len();
    let metadata = walk.metadata;
    Some(Outline { root, metadata })
}

struct Walk {
    offsets: Offsets,
    /// How many collections are open.
    depth: usize,
    /// Whether a key comes next in the collections of depth 1 and 2, if they are mappings.
    key_next: [bool; 2],
    /// Whether the newest key of the root is `metadata`.
    in_metadata: bool,
    root: Option<Mapping>,
    metadata: Option<Found>,
}

impl Walk {
    fn begin(&mut self, span: Span, found: impl FnOnce(Mapping) -> Found) {
        let found = found(self.offsets.mapping(span));
        match (self.depth, found) {
            (0, Found::Mapping(mapping)) => self.root = Some(mapping),
            (1, found) if self.is_value_of_metadata() => self.metadata = Some(found),
            _ => self.key(span, ""),
        }
        self.depth += 1;
        if self.depth == 2 {
            self.key_next[1] = true;
        }
    }

    fn end(&mut self, span: Span) {
        self.depth -= 1;
        if self.depth == 1
            && self.is_value_of_metadata()
            && let Some(Found::Mapping(mapping)) = &mut self.metadata
        {
            mapping.end = self.offsets.byte(span.end.index());
        }
        self.ended();
    }

    fn leaf(&mut self, span: Span, text: &str) {
        if self.depth == 1 && self.is_value_of_metadata() {
            self.metadata = Some(Found::Other);
        } else {
            self.key(span, text);
        }
        self.ended();
    }

    fn is_value_of_metadata(&self) -> bool {
        self.in_metadata && !self.key_next[0]
    }

    /// Notes something that stands where a key does, in the root or in its metadata.
    fn key(&mut self, span: Span, text: &str) {
        let at = self.offsets.byte(span.start.index());
        let key = (at, text.to_owned());
        match self.depth {
            1 if self.key_next[0] => {
                self.in_metadata = text == METADATA;
                if let Some(root) = &mut self.root {
                    root.keys.push(key);
                }
            }
            2 if self.key_next[1] && self.is_value_of_metadata() => {
                if let Some(Found::Mapping(metadata)) = &mut self.metadata {
                    metadata.keys.push(key);
                }
            }
            _ => {}
        }
    }

    /// What has just ended was a key or a value of the collection around it.
    fn ended(&mut self) {
        if (1..=2).contains(&self.depth) {
            self.key_next[self.depth - 1] = !self.key_next[self.depth - 1];
        }
    }
}

/// The parser counts in characters.
struct Offsets {
    bytes: Vec<usize>,
    end: usize,
}

impl Offsets {
    fn new(text: &str) -> Self {
        Self {
            bytes: text.char_indices().map(|(at, _)| at).collect(),
            end: text.len(),
        }
    }

    fn byte(&self, character: usize) -> usize {
        self.bytes.get(character).copied().unwrap_or(self.end)
    }

    fn mapping(&self, span: Span) -> Mapping {
        Mapping {
            start: self.byte(span.start.index()),
            ..Mapping::default()
        }
    }
}
