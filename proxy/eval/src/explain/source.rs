//! The rule as authored, for quoting it.

use serde_json::{Map, Value as Json};

use crate::flag::{Flag, Targeting};
use crate::limits::{MAX_RULE_DEPTH, MAX_RULE_NODES};
use crate::operator::build::{complaint, is_operator, substituted};
use crate::operator::shown_json;
use crate::pointer::unescaped;

/// Where a rule stands, seen from its flag.
pub(super) const RULE: &str = "/targeting";

/// The rule as authored.
pub(super) struct Source<'s> {
    rule: Json,
    evaluators: Option<&'s Map<String, Json>>,
    /// JSON Pointers from the flag, by site.
    sites: &'s [Box<str>],
}

impl<'s> Source<'s> {
    pub(super) fn new(flag: &'s Flag) -> Self {
        match &flag.targeting {
            Targeting::Rule {
                rule,
                source,
                evaluators,
            } => Self {
                rule: serde_json::from_str(source)
                    .expect("it was written from a value, whose nesting is bounded"),
                evaluators: Some(evaluators),
                sites: &rule.sites,
            },
            Targeting::None | Targeting::Spoiled => Self {
                rule: Json::Null,
                evaluators: None,
                sites: &[],
            },
        }
    }

    /// Where an operator stands. A rule without any has no sites, and stands for itself.
    pub(super) fn path(&self, site: u32) -> &'s str {
        self.sites.get(site as usize).map_or(RULE, |path| &**path)
    }

    /// The expression whose operator stands at `path`, for people.
    pub(super) fn expression(&self, path: &str) -> String {
        shown_json(self.find(path))
    }

    /// What is to be said of a constant that the operator at `path` came to when it was compiled.
    pub(super) fn of_constant(&self, path: &str) -> String {
        let wrong = match self.find(path) {
            Json::Object(members) => members
                .get(&operator(path))
                .and_then(|argument| complaint(&operator(path), self.resolve(argument))),
            _ => None,
        };
        wrong.unwrap_or_else(|| "constant".to_owned())
    }

    /// What is read, where a `var` stands at `path`.
    pub(super) fn variable(&self, path: &str) -> Option<String> {
        let Json::Object(members) = self.find(path) else {
            return None;
        };
        let argument = self.resolve(members.get("var")?);
        let first = argument
            .as_array()
            .map_or(Some(argument), |all| all.first());
        Some(match first {
            Some(Json::String(path)) => path.clone(),
            other => shown_json(other.unwrap_or(&Json::Null)),
        })
    }

    /// Why what stands at `path` cannot be evaluated.
    pub(super) fn unevaluable(&self, path: &str) -> String {
        let operator = operator(path);
        if operator == "$ref" {
            let name = &self.find(path)["$ref"];
            let there = self.evaluators.zip(name.as_str());
            return if there.is_some_and(|(evaluators, name)| evaluators.contains_key(name)) {
                format!("the evaluator {name} refers to itself")
            } else {
                format!("there is no evaluator {name}")
            };
        }
        if path != RULE && !is_operator(&operator) {
            return format!("there is no operator {operator:?}");
        }
        format!(
            "the rule has more than {MAX_RULE_NODES} parts, or nests more than {MAX_RULE_DEPTH} levels deep"
        )
    }

    /// The expression whose operator stands at `path`. The path is that of the operator's arguments;
    /// the expression is the object around them.
    fn find(&self, path: &str) -> &Json {
        let mut parts: Vec<&str> = path.split('/').skip(2).collect();
        parts.pop();
        let mut value = self.resolve(&self.rule);
        for part in parts {
            let key = unescaped(part);
            let next = match value {
                Json::Object(members) => members.get(&key),
                // The argument of a unary operator may stand alone.
                Json::Array(items) => key.parse().ok().and_then(|index: usize| items.get(index)),
                _ => None,
            };
            match next {
                Some(next) => value = self.resolve(next),
                None => return &Json::Null,
            }
        }
        value
    }

    /// Follows a reference.
    fn resolve<'a>(&'a self, value: &'a Json) -> &'a Json {
        match self.evaluators {
            Some(evaluators) => substituted(evaluators, value),
            None => value,
        }
    }
}

/// The operator that stands at a path.
fn operator(path: &str) -> String {
    unescaped(path.rsplit('/').next().unwrap_or_default())
}
