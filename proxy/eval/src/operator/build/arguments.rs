//! How many arguments each operator takes, by flagd's `targeting.json`.

use serde_json::Value as Json;

/// Shapes of arguments that `targeting.json` allows.
#[derive(Clone, Copy)]
pub(super) enum Arity {
    /// A list of at least and at most so many.
    List(usize, usize),
    /// A list of one, or the argument itself.
    Unary,
    /// Checked where it is compiled.
    Own,
    /// Not in `targeting.json` at all; the word that is.
    Instead(&'static str),
    /// Not in `targeting.json` at all, and it does nothing.
    Idle,
}

const ANY: usize = usize::MAX;

/// Every operator.
pub(super) const KNOWN: [(&str, Arity); 39] = [
    ("var", Arity::Own),
    ("missing", Arity::List(0, ANY)),
    ("missing_some", Arity::List(2, 2)),
    ("if", Arity::List(1, ANY)),
    ("?:", Arity::Instead("if")),
    ("and", Arity::List(1, ANY)),
    ("or", Arity::List(1, ANY)),
    ("!", Arity::Unary),
    ("!!", Arity::Unary),
    ("==", Arity::List(2, 2)),
    ("===", Arity::List(2, 2)),
    ("!=", Arity::List(2, 2)),
    ("!==", Arity::List(2, 2)),
    ("<", Arity::List(2, 3)),
    ("<=", Arity::List(2, 3)),
    (">", Arity::List(2, 2)),
    (">=", Arity::List(2, 2)),
    ("+", Arity::List(1, ANY)),
    ("-", Arity::List(1, ANY)),
    ("*", Arity::List(2, ANY)),
    ("/", Arity::List(2, 2)),
    ("%", Arity::List(2, 2)),
    ("min", Arity::List(1, ANY)),
    ("max", Arity::List(1, ANY)),
    ("map", Arity::List(2, 2)),
    ("filter", Arity::List(2, 2)),
    ("reduce", Arity::List(3, 3)),
    ("all", Arity::List(2, 2)),
    ("none", Arity::List(2, 2)),
    ("some", Arity::List(2, 2)),
    ("merge", Arity::List(1, ANY)),
    ("in", Arity::List(2, 2)),
    ("cat", Arity::List(1, ANY)),
    ("substr", Arity::List(2, 3)),
    ("log", Arity::Idle),
    ("starts_with", Arity::List(2, 2)),
    ("ends_with", Arity::List(2, 2)),
    ("sem_ver", Arity::List(3, 3)),
    ("fractional", Arity::List(1, ANY)),
];

/// Whether there is an operator of this name.
pub(crate) fn is_operator(name: &str) -> bool {
    KNOWN.iter().any(|(known, _)| *known == name)
}

/// What is wrong with the number of arguments of an operator.
pub(crate) fn complaint(operator: &str, argument: &Json) -> Option<String> {
    let (_, arity) = KNOWN.iter().find(|(known, _)| *known == operator)?;
    match arity {
        Arity::List(..) | Arity::Unary => check(operator, *arity, argument),
        Arity::Own | Arity::Instead(_) | Arity::Idle => None,
    }
    .map(|(message, _)| message)
}

/// What is wrong with the number of arguments, and what to do.
pub(super) fn check(operator: &str, arity: Arity, argument: &Json) -> Option<(String, String)> {
    let given = match argument {
        Json::Array(items) => Some(items.len()),
        _ => None,
    };
    match (arity, given) {
        (Arity::Own, _) | (Arity::Unary, None | Some(1)) => None,
        (Arity::Instead(word), _) => Some((
            format!("flagd's schema does not know `{operator}`: write `{word}`"),
            format!("replace `{operator}` by `{word}`, which does the same"),
        )),
        (Arity::Idle, _) => Some((
            format!("flagd's schema does not know `{operator}`, which only gives its argument"),
            "write the argument alone".to_owned(),
        )),
        (Arity::List(..), None) => Some((
            format!("the arguments of `{operator}` are a list"),
            format!("write them in brackets: `\"{operator}\": [ … ]`"),
        )),
        (Arity::Unary, Some(given)) => Some((
            format!("`{operator}` takes 1 argument, not {given}"),
            number(1, 1, given),
        )),
        (Arity::List(least, most), Some(given)) if given < least || given > most => {
            let wanted = match (least, most) {
                (least, ANY) => format!("at least {least}"),
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            let plural = if (least, most) == (1, ANY) { "" } else { "s" };
            Some((
                format!("`{operator}` takes {wanted} argument{plural}, not {given}"),
                number(least, most, given),
            ))
        }
        (Arity::List(..), Some(_)) => None,
    }
}

/// What to do about a number of arguments that is not within the two bounds.
fn number(least: usize, most: usize, given: usize) -> String {
    if given < least {
        format!("add the {} missing at the end", least - given)
    } else {
        format!("remove the last {}", given - most)
    }
}
