//! Text of other people's making, on a terminal or in a log.
//!
//! Names, reasons and paths come from records and files that anybody may have written. A control
//! character among them could move the cursor, forge a row of a table or hide one; a direction mark
//! could turn a name around.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every control and direction character escaped as `\u{…}`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            // Writing into a string cannot fail.
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
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
        }
    }
}
