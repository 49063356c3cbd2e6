//! Words in YAML that readers of version 1.1 take for something else than readers of version 1.2.
//!
//! Burgee reads 1.2, where `on` is a string. `PyYAML` and others read 1.1, where it is true; so a flag
//! set that an official evaluator loads through one of them has other variants than its author sees.

mod version_1_1;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

use crate::code;
use crate::limits::MAX_NESTING;
use crate::operator::shorten;
use crate::pointer::Pointer;
use crate::problem::{Problem, Problems, Severity};
use crate::text::plain_scalar;
use version_1_1::{Notation, Reading, read};

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
        // A key is what it is written as.
        let is_key = matches!(
            self.open.last().map(|open| &open.holds),
            Some(Holds::Members { key: true })
        );
        let value = match plain_scalar(text) {
            Some(value) if !is_key => value,
            Some(_) => Value::String(text.to_owned()),
            // It is nothing that can be read, which is reported.
            None => return,
        };
        let Some(meaning) = taken_for(text, &value, is_key) else {
            return;
        };
        let message = format!(
            "readers of YAML 1.1, such as PyYAML, take `{}` without quotes for {meaning}",
            shorten(text)
        );
        let problem = Problem::new(Severity::Warning, self.place.as_str(), message);
        let help = if value.is_number() {
            "write the number in plain decimal digits, or quote it".to_owned()
        } else {
            format!("quote it: \"{}\"", shorten(text))
        };
        self.problems
            .push(problem.code(code::AMBIGUOUS_YAML).help(help));
    }
}

/// What a plain scalar is in YAML 1.1, where that is not its `value` in 1.2.
fn taken_for(text: &str, value: &Value, is_key: bool) -> Option<&'static str> {
    match read(text) {
        Reading::Text => (!value.is_string()).then_some("a string"),
        Reading::Null | Reading::Integer(_, Notation::Plain) => None,
        // As a key, `true` is no string in 1.1, but becomes one on the way to JSON.
        Reading::Boolean(_) if matches!(&*text.to_ascii_lowercase(), "true" | "false") => None,
        Reading::Boolean(true) => Some("true"),
        Reading::Boolean(false) => Some("false"),
        Reading::Integer(read, notation) => {
            let is_same = match value {
                Value::Number(number) => read.is_some() && number.as_i128() == read,
                _ => false,
            };
            (!is_same).then_some(notation.name())
        }
        Reading::Float(notation) => {
            let is_same = notation == Notation::Plain && (is_key || value.is_number());
            (!is_same).then_some(notation.name())
        }
        Reading::Date => Some("a date"),
        Reading::Refused => Some("something that they refuse"),
    }
}

impl Notation {
    fn name(self) -> &'static str {
        match self {
            Self::Plain | Self::Grouped => "a number",
            Self::Octal => "an octal number",
            Self::Binary => "a binary number",
            Self::Hexadecimal => "a hexadecimal number",
            Self::Base60 => "a number in base 60",
        }
    }
}
