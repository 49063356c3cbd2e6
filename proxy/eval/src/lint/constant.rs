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
    let mut rule = Map::new();
    rule.insert(operator.to_owned(), arguments.collect());
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
