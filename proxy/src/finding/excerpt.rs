//! The part of a line that a finding is about, fit to be shown: no longer than a terminal is wide, and
//! without anything that a terminal would obey.

use std::fmt::Write as _;

use crate::printable::is_hidden;

/// Characters that are shown of a line, at most.
const MAX_SHOWN: usize = 120;

/// Of these, how many may stand before what is marked.
const MAX_BEFORE: usize = 48;

/// What a tab is shown as.
const TAB: &str = "    ";

/// Part of a line, and what is marked in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Excerpt {
    pub(super) shown: String,
    /// In bytes of what is shown.
    pub(super) start: usize,
    /// In bytes of what is shown; at least one character behind, unless the line ends there.
    pub(super) end: usize,
}

impl Excerpt {
    /// Of a line, without its end. Columns count from 1; the mark is at least one character wide.
    pub(super) fn of(line: &str, column: u32, end_column: u32) -> Self {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let first = (column.saturating_sub(1) as usize).min(line.chars().count());
        let last = (end_column.saturating_sub(1) as usize).max(first + 1);
        let from = first.saturating_sub(MAX_BEFORE);
        // Where it is not the beginning that is left out, all of it is shown.
        let from = if from <= 1 { 0 } else { from };
        let mut excerpt = Self {
            shown: String::new(),
            start: 0,
            end: 0,
        };
        if from > 0 {
            excerpt.shown.push('…');
        }
        let mut characters = line.chars().enumerate().skip(from);
        for (index, character) in characters.by_ref().take(MAX_SHOWN) {
            if index == first {
                excerpt.start = excerpt.shown.len();
            }
            excerpt.push(character);
            if (first..last).contains(&index) {
                excerpt.end = excerpt.shown.len();
            }
        }
        if characters.next().is_some() {
            excerpt.shown.push('…');
        }
        // Behind the last character of the line.
        if excerpt.end == 0 {
            excerpt.start = excerpt.shown.len();
            excerpt.end = excerpt.start;
        }
        excerpt
    }

    fn push(&mut self, character: char) {
        match character {
            '\t' => self.shown.push_str(TAB),
            character if is_hidden(character) => {
                // Writing into a string cannot fail.
                let _ = write!(self.shown, "{}", character.escape_unicode());
            }
            character => self.shown.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(line: &str, column: u32, end_column: u32) -> (String, String) {
        let excerpt = Excerpt::of(line, column, end_column);
        let marked = excerpt.shown[excerpt.start..excerpt.end].to_owned();
        (excerpt.shown, marked)
    }

    #[test]
    fn the_mark_stays_on_what_it_is_about() {
        for (line, column, end_column, shown, mark) in [
            ("a: b", 1, 5, "a: b", "a: b"),
            ("a: b", 4, 4, "a: b", "b"),
            ("a: b\r", 4, 99, "a: b", "b"),
            ("a: b", 5, 5, "a: b", ""),
            ("a: b", 99, 100, "a: b", ""),
            ("", 1, 1, "", ""),
            ("\ta: b", 2, 3, "    a: b", "a"),
            ("ünï: ☃☃ x", 6, 8, "ünï: ☃☃ x", "☃☃"),
            ("a\x1b[2J: b", 7, 8, "a\\u{1b}[2J: b", " "),
            ("\u{202e}ab", 1, 2, "\\u{202e}ab", "\\u{202e}"),
        ] {
            let expected = (shown.to_owned(), mark.to_owned());
            assert_eq!(marked(line, column, end_column), expected, "{line:?}");
        }
    }

    #[test]
    fn of_a_long_line_the_part_around_the_mark_is_shown() {
        let letters = (b'a'..=b'z').cycle().map(char::from);
        let line: String = letters.take(1_000_000).collect();
        for column in [1, 2, 49, 50, 51, 500, 999_999, 1_000_000] {
            let (shown, mark) = marked(&line, column, column + 3);
            assert!(shown.chars().count() <= MAX_SHOWN + 2, "{shown}");
            let from = column as usize - 1;
            let to = (from + 3).min(line.len());
            assert_eq!(mark, line[from..to], "{column}");
        }
        let (shown, mark) = marked(&line, 1, 1_000_000);
        assert_eq!(
            (shown.chars().count(), mark.len()),
            (MAX_SHOWN + 1, MAX_SHOWN)
        );
    }
}
