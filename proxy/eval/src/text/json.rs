//! Strict JSON: the value by `serde_json`, the places by `jsonc-parser` with every leniency off.

use std::collections::HashMap;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use super::{
    Location, Locations, Parsed, Parts, Place, SyntaxError, SyntaxErrors, Wrong, key_problem,
    too_deep, too_large_number, wrong,
};
use crate::limits::MAX_NESTING;

/// No leniency at all.
pub(crate) const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub(super) fn parse(text: &str) -> Result<Parsed, Vec<SyntaxError>> {
    let mut value = serde_json::from_str(text).map_err(|error| vec![syntax_error(text, &error)])?;
    let tree = parse_to_ast(text, &CollectOptions::default(), &STRICT).map_err(|error| {
        let location = Location {
            line: count(error.line_display()),
            column: count(error.column_display()),
        };
        let wrong = wrong(error.kind().to_string(), UNADVISED);
        vec![SyntaxError::new(location, wrong)]
    })?;
    if let Some(root) = tree.value.as_ref().filter(|_| text.contains("-0")) {
        mend_zeros(&mut value, root);
    }
    let mut cursor = Cursor::new(text);
    let root = match &tree.value {
        Some(root) => cursor.visit(root, 1),
        None => Place::default(),
    };
    cursor.errors.or(Parsed {
        value,
        locations: Locations { root },
    })
}

/// `serde_json` reads `-0` as a float. It is the integer 0, as in YAML and in every official
/// evaluator; `-0.0` is the float.
fn mend_zeros(value: &mut Value, written: &ast::Value<'_>) {
    match (value, written) {
        (Value::Number(number), ast::Value::NumberLit(literal)) if literal.value == "-0" => {
            *number = 0.into();
        }
        (Value::Array(items), ast::Value::Array(array)) => {
            for (item, written) in items.iter_mut().zip(&array.elements) {
                mend_zeros(item, written);
            }
        }
        (Value::Object(members), ast::Value::Object(object)) => {
            for member in &object.properties {
                if let Some(value) = members.get_mut(member.name.as_str()) {
                    mend_zeros(value, &member.value);
                }
            }
        }
        _ => {}
    }
}

/// `serde_json`'s columns count bytes, ours count characters; its message repeats the place.
fn syntax_error(text: &str, error: &serde_json::Error) -> SyntaxError {
    let line = error.line().max(1);
    let source = text.split('\n').nth(line - 1).unwrap_or_default();
    let bytes = error.column().saturating_sub(1);
    let characters = source
        .char_indices()
        .take_while(|(at, _)| *at < bytes)
        .count();
    let shown = error.to_string();
    let message = match shown.rfind(" at line ") {
        Some(end) => &shown[..end],
        None => &shown,
    };
    let location = Location {
        line: count(line),
        column: count(characters + 1),
    };
    if message == "number out of range" {
        return beyond_a_double(source, bytes, location);
    }
    let found = if message.starts_with("recursion limit") {
        too_deep()
    } else {
        let help = match source.get(bytes..).map(str::trim_start) {
            Some(rest) if is_comment(rest) => "remove the comment: JSON has no comments",
            _ => advice(message).unwrap_or(UNADVISED),
        };
        wrong(format!("this is not JSON: {message}"), help)
    };
    SyntaxError::new(location, found)
}

/// It is JSON, but no number that anybody reads without loss. `serde_json` notices at its last character,
/// `bytes` into the line; the place of a number is its first.
fn beyond_a_double(source: &str, bytes: usize, end: Location) -> SyntaxError {
    let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let bytes = (bytes + 1).min(source.len());
    let before = source.as_bytes()[..bytes]
        .iter()
        .rev()
        .take_while(|byte| is_of_number(byte));
    let length = before.count();
    let start = Location {
        // The characters of a number are of one byte each.
        column: end.column + 1 - count(length).max(1),
        ..end
    };
    let rest = source.as_bytes()[bytes..]
        .iter()
        .take_while(|byte| is_of_number(byte))
        .count();
    SyntaxError::new(
        start,
        too_large_number(&source[bytes - length..bytes + rest]),
    )
}

fn is_comment(text: &str) -> bool {
    text.starts_with("//") || text.starts_with("/*") || text.starts_with('#')
}

/// What to do about whatever has no advice of its own.
const UNADVISED: &str =
    "compare this place with the JSON around it: something is missing or too much";

/// What to do about what `serde_json` found.
fn advice(found: &str) -> Option<&'static str> {
    let advice = match found {
        "trailing comma" => "remove the comma before this bracket",
        "EOF while parsing a list" => "the text ends too early: close the list with `]`",
        "EOF while parsing an object" => "the text ends too early: close the object with `}`",
        "EOF while parsing a string" => "the text ends too early: close the string with `\"`",
        "EOF while parsing a value" => "the text ends too early: write the value that is missing",
        "trailing characters" => "remove what follows the value: one text holds one value",
        "expected `,` or `]`" | "expected `,` or `}`" => {
            "add the comma that is missing before this, or close the bracket"
        }
        "expected `:`" => "write `\"key\": value`",
        "key must be a string" => "write the key in double quotes",
        "expected value" | "expected ident" => {
            "write a string in double quotes, a number, true, false, null, a list or an object"
        }
        "invalid number" => "write it in decimal, without zeros before it, or as a string",
        "invalid escape" => "write a backslash twice",
        found if found.starts_with("control character") => "write it as an escape, such as `\\n`",
        _ => return None,
    };
    Some(advice)
}

/// Turns byte offsets into places. The offsets come in order, so that all of them together cost one
/// pass over the text.
struct Cursor<'t> {
    text: &'t str,
    offset: usize,
    place: Location,
    errors: SyntaxErrors,
}

impl<'t> Cursor<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            offset: 0,
            place: Location::START,
            errors: SyntaxErrors::default(),
        }
    }

    /// The place of `value` and of everything inside it, in the order of the text.
    fn visit(&mut self, value: &ast::Value<'_>, depth: usize) -> Place {
        let location = self.locate(value.start());
        let parts = match value {
            ast::Value::Object(_) | ast::Value::Array(_) if depth > MAX_NESTING => {
                self.report(location, too_deep());
                Parts::Items(Vec::new())
            }
            ast::Value::Object(object) => {
                let mut members = HashMap::with_capacity(object.properties.len());
                for member in &object.properties {
                    let key = member.name.as_str();
                    let location = self.locate(member.start());
                    if let Some(wrong) = key_problem(key, members.contains_key(key)) {
                        self.report(location, wrong);
                    }
                    let end = self.locate(member.name.end());
                    let place = self.visit(&member.value, depth + 1);
                    members.insert(Box::from(key), place.into_member(location, end));
                }
                Parts::Members(members)
            }
            ast::Value::Array(array) => {
                let mut items = Vec::with_capacity(array.elements.len());
                for item in &array.elements {
                    items.push(self.visit(item, depth + 1));
                }
                Parts::Items(items)
            }
            _ => Parts::Items(Vec::new()),
        };
        let end = self.locate(value.end());
        Place {
            parts,
            ..Place::scalar(location, end)
        }
    }

    fn report(&mut self, location: Location, wrong: Wrong) {
        self.errors.push(SyntaxError::new(location, wrong));
    }

    fn locate(&mut self, offset: usize) -> Location {
        let between = self.text.get(self.offset..offset).unwrap_or_default();
        for c in between.chars() {
            if c == '\n' {
                self.place.line += 1;
                self.place.column = 1;
            } else {
                self.place.column += 1;
            }
        }
        self.offset = self.offset.max(offset);
        self.place
    }
}

/// A line or column of a text, which is far shorter than 4 GiB.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
