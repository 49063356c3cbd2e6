//! Text of other people's making, on a terminal or in a log.
//!
//! Names, reasons and paths come from records and files that anybody may have written. A control
//! character among them could move the cursor, forge a row of a table or hide one; a direction mark
//! could turn a name around.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// The text with every control and direction character escaped as `\u{…}`: one line, whatever it held.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden, |shown, character| {
        write!(shown, "{}", character.escape_unicode())
    })
}

/// The same for text of several lines, whose ends stay: what stands in one of them went through
/// [`printable`] before, or it could forge another.
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden_in_lines, |shown, character| {
        write!(shown, "{}", character.escape_unicode())
    })
}

/// The same for JSON, where they can stand in strings only: escaped as JSON does it (`\u009b`), so that
/// it means the same to whoever parses it. JSON itself asks for that below U+0020 and no further.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    escaped(json, is_hidden_in_lines, |shown, character| {
        // All of them are in the first plane, so that one escape is enough.
        write!(shown, "\\u{:04x}", u32::from(character))
    })
}

fn escaped(
    text: &str,
    is_hidden: fn(char) -> bool,
    escape: fn(&mut String, char) -> fmt::Result,
) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            // Writing into a string cannot fail.
            let _ = escape(&mut shown, character);
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn is_hidden_in_lines(character: char) -> bool {
    character != '\n' && is_hidden(character)
}

/// Whether a character does something other than to be seen: C0 and C1 controls, line and paragraph
/// separators, and the marks that change the direction of writing (UAX 9).
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_on_a_terminal_is_shown_instead() {
        for (text, shown) in [
            ("plain ünï ☃", "plain ünï ☃"),
            ("\x1b[31mred\n", "\\u{1b}[31mred\\u{a}"),
            ("a\u{9b}2Jb", "a\\u{9b}2Jb"),
            ("user\u{202e}txt", "user\\u{202e}txt"),
        ] {
            assert_eq!(printable(text), shown);
            assert_eq!(printable(shown), shown, "once is enough");
        }
    }

    #[test]
    fn ends_of_lines_stay_where_there_are_several() {
        assert_eq!(printable_lines("a\r\nb\x1b\n"), "a\\u{d}\nb\\u{1b}\n");
    }

    #[test]
    fn json_means_the_same_when_what_is_hidden_is_escaped() {
        let hidden = (0..=0xffff).filter_map(char::from_u32);
        let hidden: String = hidden.filter(|character| is_hidden(*character)).collect();
        let value = serde_json::json!({ "a": hidden, &hidden: ["ünï ☃", 1] });
        for json in [
            serde_json::to_string(&value),
            serde_json::to_string_pretty(&value),
        ] {
            let json = json.expect("plain values");
            let shown = printable_json(&json);
            assert_ne!(shown, json);
            assert!(!shown.chars().any(is_hidden_in_lines), "{shown}");
            let read: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
            assert_eq!(read, value);
        }
        let beyond = (0x1_0000..=0x10_ffff).filter_map(char::from_u32);
        assert_eq!(beyond.filter(|character| is_hidden(*character)).count(), 0);
    }
}
