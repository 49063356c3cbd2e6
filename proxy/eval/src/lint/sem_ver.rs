//! `sem_ver`: constants with which the comparison always gives null.

use std::borrow::Cow;

use serde_json::Value;

use super::constant::fold;
use super::part::Part;
use super::walk::{Outcome, Walk};
use crate::code;
use crate::operator::shorten;
use crate::problem::{Problem, Severity};

const OPERATORS: [&str; 8] = ["=", "!=", "<", "<=", ">", ">=", "~", "^"];

impl<'d> Walk<'d, '_> {
    pub(super) fn sem_ver(&mut self, arguments: &[Part<'d>], outcomes: &[Outcome<'d>]) {
        // Another number of arguments is reported by the compiler.
        let ([a, operator, b], [of_a, of_operator, of_b]) = (arguments, outcomes) else {
            return;
        };
        for (part, outcome) in [(a, of_a), (b, of_b)] {
            if let Some(value) = &outcome.value
                && !is_version(value)
            {
                let message = format!("{} is not a version", shorten(&value.to_string()));
                let problem = Problem::new(Severity::Mistake, part.path.as_str(), message);
                self.report(
                    problem
                        .code(code::INVALID_VERSION)
                        .help("write it as MAJOR.MINOR.PATCH, such as \"1.2.3\""),
                );
            }
        }
        if let Some(value) = &of_operator.value
            && !value.as_str().is_some_and(|text| OPERATORS.contains(&text))
        {
            let message = format!("{} compares no versions", shorten(&value.to_string()));
            let problem = Problem::new(Severity::Mistake, operator.path.as_str(), message);
            let help = format!("write one of {}", OPERATORS.join(" "));
            self.report(problem.code(code::INVALID_COMPARISON).help(help));
        }
    }
}

/// As evaluation sees it: a version equals itself, anything else gives null.
fn is_version(value: &Value) -> bool {
    let equals = Value::String("=".to_owned());
    let arguments = [
        Cow::Borrowed(value),
        Cow::Borrowed(&equals),
        Cow::Borrowed(value),
    ];
    fold("sem_ver", &arguments) == Some(Value::Bool(true))
}
