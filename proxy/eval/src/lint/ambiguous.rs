//! Words in YAML that readers of version 1.1 take for something else than readers of version 1.2.
//!
//! Burgee reads 1.2, where `on` is a string. `PyYAML` and others read 1.1, where it is true; so a flag
//! set that an official evaluator loads through one of them has other variants than its author sees.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::code;
use crate::limits::MAX_NESTING;
use crate::operator::shorten;
use crate::pointer::Pointer;
use crate::problem::{Problem, Problems, Severity};

/// Lints how a YAML text is written. What is no YAML is [`crate::text::parse`]'s to report.
pub fn yaml(text: &str) -> Vec<Problem> {
    let mut walk = Walk::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(Ok((event, _))) = parser.next_event() {
        if !walk.event(&event) {
            break;
        }
    }
    walk.problems.into_vec()
}

/// A collection that is open, and how long the pointer to it is.
struct Open {
    at: usize,
    holds: Holds,
}

enum Holds {
    /// The number of the next item.
    Items(usize),
    /// Whether a key comes next.
    Members { key: bool },
}

#[derive(Default)]
struct Walk {
    open: Vec<Open>,
    place: Pointer,
    problems: Problems,
}

impl Walk {
    /// Whether to go on.
    fn event(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::SequenceStart(..) => self.begin(Holds::Items(0)),
            Event::MappingStart(..) => self.begin(Holds::Members { key: true }),
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
                self.after();
            }
            Event::Scalar(text, style, _, tag) => {
                self.before(text);
                if *style == ScalarStyle::Plain && tag.is_none() {
                    self.plain(text);
                }
                self.after();
            }
            Event::Alias(_) => {
                self.before("");
                self.after();
            }
            _ => {}
        }
        self.open.len() <= MAX_NESTING
    }

    fn begin(&mut self, holds: Holds) {
        self.before("");
        let at = self.place.as_str().len();
        self.open.push(Open { at, holds });
    }

    /// Moves the pointer to what begins here; `text` is what it says, if it is a key.
    fn before(&mut self, text: &str) {
        match self.open.last() {
            Some(Open {
                holds: Holds::Items(next),
                ..
            }) => self.place.push_index(*next),
            Some(Open {
                holds: Holds::Members { key: true },
                ..
            }) => self.place.push_key(text),
            _ => {}
        }
    }

    /// Moves the pointer behind what ends here.
    fn after(&mut self) {
        let Some(Open { at, holds }) = self.open.last_mut() else {
            return;
        };
        match holds {
            Holds::Items(next) => *next += 1,
            Holds::Members { key } => {
                *key = !*key;
                if !*key {
                    // The pointer stays at the key until its value has ended.
                    return;
                }
            }
        }
        self.place.truncate(*at);
    }

    fn plain(&mut self, text: &str) {
        let Some(meaning) = in_1_1(text) else {
            return;
        };
        let message = format!(
            "readers of YAML 1.1, such as PyYAML, take `{}` without quotes for {meaning}",
            shorten(text)
        );
        let problem = Problem::new(Severity::Warning, self.place.as_str(), message);
        let help = if in_1_2_number(text) {
            "write the number in plain decimal digits, or quote it".to_owned()
        } else {
            format!("quote it: \"{}\"", shorten(text))
        };
        self.problems
            .push(problem.code(code::AMBIGUOUS_YAML).help(help));
    }
}

/// What a plain scalar is in YAML 1.1 as `PyYAML` reads it, where that is not what it is in 1.2.
fn in_1_1(text: &str) -> Option<&'static str> {
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Some("true"),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Some("false"),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let all = |text: &str, of: &str| !text.is_empty() && text.chars().all(|c| of.contains(c));
    if let Some(rest) = unsigned.strip_prefix('0') {
        if all(rest, "01234567_") {
            return Some("an octal number");
        }
        if rest.strip_prefix('b').is_some_and(|bits| all(bits, "01_")) {
            return Some("a binary number");
        }
        if rest
            .strip_prefix('o')
            .is_some_and(|digits| all(digits, "01234567"))
        {
            return Some("a string");
        }
    }
    if unsigned.contains('_') && all(unsigned, "0123456789_.") {
        return Some("a number");
    }
    if is_base_60(unsigned) {
        return Some("a number in base 60");
    }
    if is_date(text) {
        return Some("a date");
    }
    if unsigned.contains(['e', 'E']) && !unsigned.contains('.') && all(unsigned, "0123456789eE+-") {
        return Some("a string");
    }
    None
}

/// Whether a scalar is a number in YAML 1.2, of those that are something else in 1.1.
fn in_1_2_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+')
        && !text.contains(['_', ':', 'b'])
        && !is_date(text)
}

/// `[0-9][0-9_]*(:[0-5]?[0-9])+`
fn is_base_60(text: &str) -> bool {
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let digits =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut places = 0;
    let all = parts.all(|part| {
        places += 1;
        part.len() <= 2 && part.parse::<u8>().is_ok_and(|part| part < 60)
    });
    digits(first) && all && places > 0
}

/// `YYYY-MM-DD`, and whatever time follows.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let day = bytes.len() >= 10
        && bytes[..10]
            .iter()
            .enumerate()
            .all(|(index, byte)| match index {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
    day && matches!(bytes.get(10), None | Some(b'T' | b't' | b' '))
}
