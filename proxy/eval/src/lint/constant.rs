//! What an operator gives for constants, as evaluation itself would say it.

use std::borrow::Cow;

use bumpalo::Bump;
use serde_json::{Map, Value};

use super::part::is_plain;
use crate::bucketing::Bucketing;
use crate::context::{Attributes, Context};
use crate::operator::build::Builder;
use crate::operator::{Operand, Scope, Silent, run};
use crate::pointer::Pointer;
use crate::problem::Problems;
use crate::room::Room;

/// Operators whose result depends on their arguments alone.
pub(super) const PURE: [&str; 25] = [
    "==",
    "!=",
    "===",
    "!==",
    "<",
    "<=",
    ">",
    ">=",
    "!",
    "!!",
    "in",
    "starts_with",
    "ends_with",
    "sem_ver",
    "cat",
    "substr",
    "merge",
    "+",
    "-",
    "*",
    "/",
    "%",
    "min",
    "max",
    "log",
];

/// `None`: it depends on more than that, or ends in a fault.
pub(super) fn fold(operator: &str, arguments: &[Cow<'_, Value>]) -> Option<Value> {
    // An object among constants would be read as an operator.
    if !PURE.contains(&operator) || !arguments.iter().all(|argument| is_plain(argument)) {
        return None;
    }
    let arguments = arguments
        .iter()
        .map(|argument| argument.clone().into_owned());
    evaluate(operator, arguments.collect())
}

/// What a loop gives over a constant that has no items. `reduce` gives what it starts with, and is left out.
pub(super) fn over_nothing(operator: &str, list: &Value, arguments: usize) -> Option<Value> {
    let is_empty = match list {
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
        _ => true,
    };
    // What is repeated does not matter, as it is not.
    let arguments = [list.clone()]
        .into_iter()
        .chain(std::iter::repeat_n(Value::Null, arguments - 1));
    (is_empty && operator != "reduce")
        .then(|| evaluate(operator, arguments.collect()))
        .flatten()
}

/// Of constants that are no operators.
fn evaluate(operator: &str, arguments: Vec<Value>) -> Option<Value> {
    let mut rule = Map::new();
    rule.insert(operator.to_owned(), arguments.into());
    let builder = Builder {
        attributes: &mut Attributes::default(),
        evaluators: &Map::new(),
        evaluators_known: true,
        flag_key: "",
        bucketing: Bucketing::default(),
        problems: &mut Problems::default(),
        room: &mut Room::of_a_set(),
    };
    let rule = builder.build(Pointer::default(), &Value::Object(rule))?;
    let context = Context::new(&Attributes::default());
    let arena = Bump::new();
    let scope = Scope::new(&context, "", 0, &arena);
    let result = run(&rule.root, &scope, &mut Silent).ok()?;
    result.to_json()
}

/// Whether a constant counts as true.
pub(super) fn truthy(value: &Value) -> bool {
    Operand::from(value).truthy()
}
