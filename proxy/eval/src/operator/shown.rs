//! Values for people: as compact JSON, shortened.
//!
//! Writes no more than is shown, for a value that was computed can be far larger than what it is made
//! from.

use std::fmt::{self, Write};

use serde_json::Value as Json;

use super::Operand;
use super::text;

/// Characters that an expression or a value is shown with.
const SHOWN_CHARACTERS: usize = 160;

impl Operand<'_> {
    /// For people: as compact JSON, shortened.
    pub(crate) fn shown(self) -> String {
        show(|out| write_operand(self, out))
    }
}

/// A part of a rule for people: as compact JSON, shortened.
pub(crate) fn shown_json(json: &Json) -> String {
    show(|out| write_json(json, out))
}

/// The first characters of a long text, for people.
pub(crate) fn shorten(text: &str) -> String {
    show(|out| out.write_str(text))
}

fn show(write: impl FnOnce(&mut Shortened) -> fmt::Result) -> String {
    let mut out = Shortened {
        text: String::new(),
        left: SHOWN_CHARACTERS,
    };
    if write(&mut out).is_err() {
        out.text.push('…');
    }
    out.text
}

/// Takes so many characters, and refuses whatever has more.
struct Shortened {
    text: String,
    left: usize,
}

impl Write for Shortened {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut characters = text.char_indices();
        let cut = characters.nth(self.left).map(|(end, _)| end);
        self.text.push_str(&text[..cut.unwrap_or(text.len())]);
        if cut.is_some() {
            return Err(fmt::Error);
        }
        self.left -= text.chars().count();
        Ok(())
    }
}

fn write_operand(operand: Operand<'_>, out: &mut Shortened) -> fmt::Result {
    match operand {
        Operand::Null => out.write_str("null"),
        Operand::Bool(value) => write!(out, "{value}"),
        Operand::Number(value) => text::write_number(value, out),
        Operand::Str(text) => write_string(text, out),
        Operand::Json(json) => write_json(json, out),
        Operand::List(items) => write_list(items, out, |item, out| write_operand(*item, out)),
        Operand::Frame(frame) => {
            out.write_str("{\"accumulator\":")?;
            write_operand(frame.accumulator, out)?;
            out.write_str(",\"current\":")?;
            write_operand(frame.current, out)?;
            out.write_char('}')
        }
        Operand::Context => out.write_str("the context"),
        Operand::Flagd => out.write_str("$flagd"),
    }
}

fn write_json(json: &Json, out: &mut Shortened) -> fmt::Result {
    match json {
        Json::Null => out.write_str("null"),
        Json::Bool(value) => write!(out, "{value}"),
        Json::Number(number) => write!(out, "{number}"),
        Json::String(text) => write_string(text, out),
        Json::Array(items) => write_list(items, out, write_json),
        Json::Object(members) => {
            out.write_char('{')?;
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.write_char(',')?;
                }
                write_string(key, out)?;
                out.write_char(':')?;
                write_json(value, out)?;
            }
            out.write_char('}')
        }
    }
}

fn write_list<T>(
    items: &[T],
    out: &mut Shortened,
    mut write: impl FnMut(&T, &mut Shortened) -> fmt::Result,
) -> fmt::Result {
    out.write_char('[')?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.write_char(',')?;
        }
        write(item, out)?;
    }
    out.write_char(']')
}

/// Of a long string only as much as may be shown; its end lies beyond that.
fn write_string(text: &str, out: &mut Shortened) -> fmt::Result {
    let end = text.char_indices().nth(SHOWN_CHARACTERS);
    let start = &text[..end.map_or(text.len(), |(end, _)| end)];
    let quoted = Json::from(start).to_string();
    out.write_str(&quoted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{SHOWN_CHARACTERS, shown_json};
    use crate::operator::Operand;

    #[test]
    fn short_values_are_json() {
        let value = json!({ "a": [1, 1.5, "é\"", null, true], "b": {} });
        assert_eq!(shown_json(&value), value.to_string());
        assert_eq!(Operand::from(&value).shown(), value.to_string());
    }

    #[test]
    fn what_does_not_fit_ends_in_dots() {
        let fits = "é".repeat(SHOWN_CHARACTERS - 2);
        assert_eq!(shown_json(&json!(fits)), format!("\"{fits}\""));
        let longer = "é".repeat(SHOWN_CHARACTERS - 1);
        assert_eq!(shown_json(&json!(longer)), format!("\"{longer}…"));
        let long = "é".repeat(SHOWN_CHARACTERS * 2);
        assert_eq!(shown_json(&json!(long)), format!("\"{longer}…"));
    }

    /// 2^60 items for whoever looks at all of them.
    #[test]
    fn a_value_that_shares_its_parts_is_shown_at_once() {
        let arena = bumpalo::Bump::new();
        let mut value = Operand::Null;
        for _ in 0..60 {
            value = Operand::List(arena.alloc_slice_copy(&[value, value]));
        }
        assert!(value.shown().ends_with('…'));
    }
}
