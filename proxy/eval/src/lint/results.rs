//! What a rule can give, against the variants that its flag has.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::constant::{self, fold};
use super::part::{Evaluators, Part};
use super::{Findings, Rule};
use crate::code;
use crate::operator::shorten;
use crate::problem::{Problem, Severity};

/// What a rule can give, by the place where it stands.
type Gives<'d> = BTreeMap<String, What<'d>>;

#[derive(Clone, Debug)]
enum What<'d> {
    /// This, as it is written or as a constant operator gives it.
    Constant(Cow<'d, Value>),
    /// One of these, by this operator.
    Some(&'d str, Kind),
}

/// What an operator gives, whatever it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// True or false, or null.
    Boolean,
    /// A number.
    Number,
    /// A number, or a boolean of those that it is given.
    NumberOrBoolean,
    /// An array.
    List,
}

impl Kind {
    /// `None`: it depends on more than that.
    fn of(operator: &str, arguments: usize) -> Option<Self> {
        Some(match operator {
            "==" | "!=" | "===" | "!==" | "<" | "<=" | ">" | ">=" | "!" | "!!" | "in" | "all"
            | "none" | "some" => Self::Boolean,
            // Of any other number of arguments they give null.
            "starts_with" | "ends_with" if arguments == 2 => Self::Boolean,
            "sem_ver" if arguments == 3 => Self::Boolean,
            "+" | "-" | "*" | "/" | "%" => Self::Number,
            "min" | "max" => Self::NumberOrBoolean,
            "merge" | "missing" | "missing_some" | "map" | "filter" => Self::List,
            _ => return None,
        })
    }

    /// Whether any of it can name one of these variants.
    fn can_name(self, variants: &[&str]) -> bool {
        let has = |name: &str| variants.binary_search(&name).is_ok();
        match self {
            // Only with both of them is every result a name.
            Self::Boolean => has("true") && has("false"),
            Self::NumberOrBoolean => has("true") || has("false"),
            Self::Number | Self::List => false,
        }
    }
}

/// Reports every result that names no variant of its flag. One in an evaluator is reported once, with
/// the first of the flags that it is wrong for.
pub(super) fn rules<'d>(rules: &[Rule<'d>], evaluators: Evaluators<'d>, findings: &mut Findings) {
    let mut results = Results {
        evaluators,
        of_evaluators: BTreeMap::new(),
        findings,
    };
    let mut wrong: BTreeMap<(String, String), Wrong<'_, '_>> = BTreeMap::new();
    for rule in rules {
        // Without a variant that could be read there is another problem; `{}` is no rule at all.
        if rule.variants.is_empty() || rule.part.value.as_object().is_some_and(Map::is_empty) {
            continue;
        }
        results.each(&rule.part, &mut |path, what| {
            let Some(message) = what.objection(&rule.variants) else {
                return;
            };
            let wrong = wrong.entry((path.to_owned(), message));
            let wrong = wrong.or_insert(Wrong {
                rule,
                what,
                last: rule.flag,
                others: 0,
            });
            wrong.others += usize::from(wrong.last != rule.flag);
            wrong.last = rule.flag;
        });
    }
    for ((path, message), wrong) in wrong {
        let message = match wrong.others {
            0 => message,
            1 => format!("{message}, nor for another flag that gets here"),
            others => format!("{message}, nor for {others} other flags that get here"),
        };
        let problem = Problem::new(Severity::Mistake, path, message).code(code::UNKNOWN_VARIANT);
        let problem = wrong.what.help(problem, &wrong.rule.variants);
        results.findings.report(problem.of(wrong.rule.flag));
    }
}

/// A result that names no variant.
struct Wrong<'r, 'd> {
    /// The first rule for which it does not.
    rule: &'r Rule<'d>,
    what: What<'d>,
    last: &'d str,
    others: usize,
}

impl What<'_> {
    /// What is wrong with it, for a flag with these variants.
    fn objection(&self, variants: &[&str]) -> Option<String> {
        let has = |name: &str| variants.binary_search(&name).is_ok();
        let value = match self {
            Self::Constant(value) => &**value,
            Self::Some(_, kind) if kind.can_name(variants) => return None,
            Self::Some(operator, Kind::Boolean) => {
                return Some(format!(
                    "`{operator}` gives true or false, and there are no such variants"
                ));
            }
            Self::Some(operator, kind) => {
                let kind = match kind {
                    Kind::List => "list",
                    _ => "number",
                };
                return Some(format!(
                    "`{operator}` gives a {kind}, which names no variant, so that this ends in an error"
                ));
            }
        };
        match value {
            Value::Null => None,
            Value::String(name) => (!has(name)).then(|| format!("there is no variant {name:?}")),
            Value::Bool(value) => {
                let name = if *value { "true" } else { "false" };
                (!has(name)).then(|| format!("there is no variant {name}"))
            }
            value => {
                let shown = shorten(&value.to_string());
                Some(format!(
                    "{shown} names no variant, so that this ends in an error"
                ))
            }
        }
    }

    fn help(&self, problem: Problem, variants: &[&str]) -> Problem {
        match self {
            Self::Constant(value) => match value.as_str() {
                Some(name) => problem
                    .help("name one of the flag's variants, or null for its default")
                    .suggest(name, variants.iter().copied()),
                None => problem.help(format!(
                    "name a variant in quotes: {}",
                    shorten(&variants.join(", "))
                )),
            },
            Self::Some(_, Kind::Boolean) => problem.help(
                "put it into an `if` that names a variant for either case, or call the variants \"true\" and \"false\"",
            ),
            Self::Some(..) => problem
                .help("put it into the condition of an `if` that names a variant for either case"),
        }
    }
}

struct Results<'d, 'f> {
    evaluators: Evaluators<'d>,
    /// Of the evaluators that were looked at; nothing while one is, so that a cycle ends.
    of_evaluators: BTreeMap<&'d str, Rc<Gives<'d>>>,
    findings: &'f mut Findings,
}

impl<'d> Results<'d, '_> {
    /// Tells `found` of everything that a part can give, possibly more than once.
    fn each(&mut self, part: &Part<'d>, found: &mut dyn FnMut(&str, What<'d>)) {
        if !self.findings.enter() {
            return;
        }
        match part.value {
            Value::Object(members) if !members.is_empty() => self.each_of_operation(part, found),
            value => found(&part.path, What::Constant(Cow::Borrowed(value))),
        }
        self.findings.leave();
    }

    fn each_of_operation(&mut self, part: &Part<'d>, found: &mut dyn FnMut(&str, What<'d>)) {
        // An object of several keys is the compiler's to report.
        let Some((operator, argument)) = part.operation() else {
            return;
        };
        if operator == "$ref" {
            return self.each_of_evaluator(&argument, found);
        }
        if let Some(value) = self.constant(part) {
            return found(&part.path, What::Constant(value));
        }
        let arguments = self.evaluators.arguments(&argument);
        if let Some(kind) = Kind::of(operator, arguments.len()) {
            return found(&part.path, What::Some(operator, kind));
        }
        let last = arguments.len().saturating_sub(1);
        for (index, argument) in arguments.iter().enumerate() {
            let is_result = match operator {
                "if" | "?:" => index % 2 == 1 || index == last,
                // What they end at early is for conditions; the last is what a result is written as.
                "and" | "or" => index == last,
                // The default.
                "var" => index == 1,
                "log" => index == 0,
                "fractional" => {
                    let items = self.evaluators.follow(argument).items();
                    if let Some([variant, ..]) = items.as_deref() {
                        self.each(variant, found);
                    }
                    false
                }
                _ => false,
            };
            if is_result {
                self.each(argument, found);
            }
        }
    }

    /// What an operator gives that depends on nothing.
    fn constant(&mut self, part: &Part<'d>) -> Option<Cow<'d, Value>> {
        let part = self.evaluators.follow(part);
        if part.is_plain() {
            return Some(Cow::Borrowed(part.value));
        }
        let (operator, argument) = part.operation()?;
        if !constant::PURE.contains(&operator) || !self.findings.enter() {
            return None;
        }
        let arguments = self.evaluators.arguments(&argument);
        let values: Option<Vec<_>> = arguments.iter().map(|part| self.constant(part)).collect();
        self.findings.leave();
        fold(operator, &values?).map(Cow::Owned)
    }

    fn each_of_evaluator(&mut self, name: &Part<'d>, found: &mut dyn FnMut(&str, What<'d>)) {
        let name = name.value.as_str();
        let Some((name, target)) = name.and_then(|name| self.evaluators.part(name)) else {
            return;
        };
        let known = self.of_evaluators.get(name).cloned();
        let known = known.unwrap_or_else(|| {
            self.of_evaluators.insert(name, Rc::default());
            let mut gives = Gives::new();
            self.each(&target, &mut |path, what| {
                gives.insert(path.to_owned(), what);
            });
            let known = Rc::new(gives);
            self.of_evaluators.insert(name, Rc::clone(&known));
            known
        });
        for (path, what) in &*known {
            if !self.findings.step() {
                return;
            }
            found(path, what.clone());
        }
    }
}
