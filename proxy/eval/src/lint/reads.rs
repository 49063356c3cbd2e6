//! Attributes that rules read, against those that the configuration provides.

use std::collections::BTreeSet;

use serde_json::Value;

use super::World;
use super::part::Part;
use super::walk::{Outcome, Walk};
use crate::code;
use crate::problem::{Problem, Severity};

const TARGETING_KEY: &str = "targetingKey";

/// What `$flagd` has.
const OF_FLAGD: [&str; 3] = ["$flagd", "$flagd.flagKey", "$flagd.timestamp"];

/// What a context can have.
pub(super) struct Reads<'w> {
    provided: Option<&'w [String]>,
}

impl<'w> Reads<'w> {
    pub(super) fn new(world: &World<'w>) -> Self {
        Self {
            provided: world.provided,
        }
    }

    /// Whether anything can stand there: an attribute, an object that holds some, or a part of one.
    fn has(&self, path: &str) -> bool {
        if path.split('.').next() == Some("$flagd") {
            return OF_FLAGD.contains(&path);
        }
        self.provided.is_none_or(|provided| {
            let is = |name: &String| path == name || is_inside(path, name) || is_inside(name, path);
            path.is_empty() || provided.iter().any(is)
        })
    }
}

/// Whether `path` lies inside `of`, as `a.b` lies inside `a`.
fn is_inside(path: &str, of: &str) -> bool {
    path.strip_prefix(of)
        .is_some_and(|rest| rest.starts_with('.'))
}

impl<'d> Walk<'d, '_> {
    /// `var`: a path and a default. `missing`: paths, or a list of them. `missing_some`: how many are
    /// needed, and a list of paths.
    pub(super) fn attributes(
        &mut self,
        operator: &str,
        arguments: &[Part<'d>],
        outcomes: &[Outcome<'d>],
    ) {
        let of = match operator {
            "var" => 0..arguments.len().min(1),
            "missing" => 0..arguments.len(),
            _ => 1..arguments.len().min(2),
        };
        for index in of {
            match outcomes[index].value.as_deref() {
                Some(Value::String(path)) => self.attribute(&arguments[index].path, path),
                Some(Value::Array(paths)) if operator != "var" => {
                    let paths: BTreeSet<&str> = paths.iter().filter_map(Value::as_str).collect();
                    for path in paths {
                        self.attribute(&arguments[index].path, path);
                    }
                }
                _ => {}
            }
        }
    }

    /// The short form of `fractional` hashes the targeting key.
    pub(super) fn reads_targeting_key(&mut self, fractional: &Part<'d>) {
        if !self.reads.has(TARGETING_KEY) {
            let message =
                "users are split by the targeting key, and the configuration provides none";
            let path = format!("{}/fractional", fractional.path);
            let problem = Problem::new(Severity::Warning, path, message);
            self.report(problem.code(code::UNKNOWN_ATTRIBUTE).help(
                "add `context.targeting_key` to the configuration, or split by another attribute",
            ));
        }
    }

    fn attribute(&mut self, at: &str, path: &str) {
        if self.reads.has(path) {
            return;
        }
        let (message, known): (_, Vec<&str>) = if path.starts_with("$flagd") {
            (format!("flagd provides no {path:?}"), OF_FLAGD.to_vec())
        } else {
            let provided = self.reads.provided.unwrap_or_default();
            let message = format!("the configuration never provides the attribute {path:?}");
            (message, provided.iter().map(String::as_str).collect())
        };
        let problem = Problem::new(Severity::Warning, at, message);
        let problem = problem.code(code::UNKNOWN_ATTRIBUTE);
        let help = "declare it under `context.attributes` in the configuration";
        self.report(problem.help(help).suggest(path, known));
    }
}
