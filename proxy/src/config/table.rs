//! Reading a tree of values key by key, collecting every problem instead of stopping at the first.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use burgee_eval::join_pointer;
use serde_json::{Map, Value};

use crate::finding::nearest;
use crate::registry::{MAX_PLACE_BYTES, is_place};

/// A problem of a configuration file, by JSON Pointer.
#[derive(Debug)]
pub(super) struct ConfigProblem {
    pub(super) path: String,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Every problem found so far, and where relative paths begin.
pub(super) struct Report<'a> {
    pub(super) base: &'a Path,
    problems: RefCell<Vec<ConfigProblem>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(base: &'a Path) -> Self {
        Self {
            base,
            problems: RefCell::default(),
        }
    }

    pub(super) fn add(&self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.problems.borrow_mut().push(ConfigProblem {
            path: path.to_owned(),
            message: message.into(),
            help: Some(help.into()),
        });
    }

    pub(super) fn into_problems(self) -> Vec<ConfigProblem> {
        self.problems.into_inner()
    }
}

/// An object of the file: which keys it may have was checked when it was opened.
#[derive(Clone)]
pub(super) struct Table<'a> {
    report: &'a Report<'a>,
    values: &'a Map<String, Value>,
    path: String,
}

impl<'a> Table<'a> {
    /// Opens an object. `known` are the keys that it may have; empty: any.
    pub(super) fn open(
        report: &'a Report<'a>,
        value: &'a Value,
        path: String,
        known: &[&str],
    ) -> Option<Self> {
        let Value::Object(values) = value else {
            let what = kind(value);
            report.add(
                &path,
                format!("expected a mapping, found {what}"),
                "write `key: value` lines here",
            );
            return None;
        };
        for key in values
            .keys()
            .filter(|key| !known.is_empty() && !known.contains(&key.as_str()))
        {
            let help = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys here: {}", known.join(", ")),
            };
            report.add(
                &join_pointer(&path, key),
                format!("unknown key `{key}`"),
                help,
            );
        }
        Some(Self {
            report,
            values,
            path,
        })
    }

    /// JSON Pointer of a member; of the object itself for an empty key.
    pub(super) fn at(&self, key: &str) -> String {
        if key.is_empty() {
            return self.path.clone();
        }
        join_pointer(&self.path, key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.values.keys().map(String::as_str)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    /// How many problems the whole file has so far.
    pub(super) fn problems(&self) -> usize {
        self.report.problems.borrow().len()
    }

    /// Whether nothing was written under a key: it is absent, or an empty list or mapping.
    pub(super) fn empty(&self, key: &str) -> bool {
        self.raw(key).is_none_or(|value| match value {
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        })
    }

    /// A problem with one key.
    pub(super) fn problem(&self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.report.add(&self.at(key), message, help);
    }

    /// A key that was left out reads like one that is null.
    fn raw(&self, key: &str) -> Option<&'a Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Reads an optional key through `parse`, whose error says what was expected.
    pub(super) fn get<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&'a Value) -> Result<T, String>,
    ) -> Option<T> {
        match parse(self.raw(key)?) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.report.add(
                    &self.at(key),
                    format!("`{key}` {expected}"),
                    "see docs/configuration.md for what it may be",
                );
                None
            }
        }
    }

    /// Reads a key that must be there.
    pub(super) fn require<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&'a Value) -> Result<T, String>,
    ) -> Option<T> {
        if !self.has(key) {
            self.report.add(
                &self.path,
                format!("`{key}` is missing"),
                format!("add `{key}:` here; docs/configuration.md describes it"),
            );
            return None;
        }
        self.get(key, parse)
    }

    /// Opens the object under an optional key.
    pub(super) fn table(&self, key: &str, known: &[&str]) -> Option<Self> {
        Self::open(self.report, self.raw(key)?, self.at(key), known)
    }

    /// Opens each object of a list; `None` where the key is absent or no list.
    pub(super) fn tables(&self, key: &str, known: &[&str]) -> Option<Vec<Self>> {
        let items = self.get(key, list)?;
        let path = self.at(key);
        Some(
            items
                .iter()
                .enumerate()
                .filter_map(|(i, item)| {
                    Self::open(
                        self.report,
                        item,
                        join_pointer(&path, &i.to_string()),
                        known,
                    )
                })
                .collect(),
        )
    }

    /// A path; relative ones begin at the folder of the configuration file.
    pub(super) fn path_at(&self, key: &str) -> Option<PathBuf> {
        let base = self.report.base;
        self.get(key, |value| string(value).map(|path| base.join(path)))
    }

    /// A duration, or its default. `least` guards against a zero that would mean "never" or "always".
    pub(super) fn duration(&self, key: &str, default: Duration, least: Duration) -> Duration {
        let Some(read) = self.get(key, duration) else {
            return default;
        };
        if read < least {
            let least = humantime::format_duration(least);
            self.problem(
                key,
                format!("`{key}` is too short"),
                format!("at least {least}"),
            );
        }
        read
    }

    /// A whole number between bounds, or its default.
    pub(super) fn number(
        &self,
        key: &str,
        default: u64,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        self.get(key, |value| match value.as_u64() {
            Some(number) if bounds.contains(&number) => Ok(number),
            _ => Err(format!(
                "must be a whole number from {} to {}",
                bounds.start(),
                bounds.end()
            )),
        })
        .unwrap_or(default)
    }

    /// A boolean, or its default.
    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        self.get(key, |value| {
            value
                .as_bool()
                .ok_or_else(|| "must be true or false".to_owned())
        })
        .unwrap_or(default)
    }

    /// A list of strings, each through `parse`; absent: empty.
    pub(super) fn strings<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let Some(items) = self.get(key, list) else {
            return Vec::new();
        };
        let path = self.at(key);
        let mut read = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            match string(item).and_then(&parse) {
                Ok(value) => read.push(value),
                Err(expected) => self.report.add(
                    &join_pointer(&path, &i.to_string()),
                    format!("`{}` {expected}", plain(item)),
                    format!("correct or remove this entry of `{key}`"),
                ),
            }
        }
        read
    }
}

/// A value as it was probably written.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// A non-empty string.
pub(super) fn string(value: &Value) -> Result<&str, String> {
    match value {
        Value::String(text) if !text.is_empty() => Ok(text),
        Value::String(_) => Err("must not be empty".to_owned()),
        other => Err(format!("must be a string, found {}", kind(other))),
    }
}

/// A list.
pub(super) fn list(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(format!("must be a list, found {}", kind(other))),
    }
}

/// A duration such as `5s` or `1m 30s`.
pub(super) fn duration(value: &Value) -> Result<Duration, String> {
    humantime::parse_duration(string(value)?)
        .map_err(|error| format!("must be a duration such as 500ms, 5s or 2m: {error}"))
}

/// The name of a region, a cluster or an environment.
pub(super) fn place(text: &str) -> Result<String, String> {
    if is_place(text) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be 1 to {MAX_PLACE_BYTES} lower-case letters, digits, `-` or `_`"
        ))
    }
}
