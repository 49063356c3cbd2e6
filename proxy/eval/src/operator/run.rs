//! The one walk over a compiled rule.

use serde_json::Value as Json;

use super::arithmetic::arithmetic;
use super::concat::{cat, merge, substr};
use super::operand::Number;
use super::{Expr, Fault, ItemRead, Key, Op, Operand, Scope, Strings, compare, sem_ver};
use crate::context::{AttributeId, Value};

/// Listens to a walk.
pub(crate) trait Tracer {
    /// Whether anybody listens; where not, every call compiles to nothing.
    const LISTENS: bool;
    /// An operator begins.
    fn enter(&mut self, site: u32);
    /// The innermost operator, a loop, comes to an item.
    fn item(&mut self, index: usize);
    /// The innermost operator read an attribute.
    fn read(&mut self, id: AttributeId, value: Operand<'_>);
    /// The innermost operator has something to say about how it decided.
    fn note(&mut self, note: impl FnOnce() -> String);
    /// The innermost operator ends.
    fn leave(&mut self, result: Result<Operand<'_>, Fault>);
    /// In the place of an operator stands what came out when it was compiled: a constant, or a fault.
    fn compiled(&mut self, site: u32, result: Result<Operand<'_>, Fault>);
}

/// Listens to nothing.
pub(crate) struct Silent;

impl Tracer for Silent {
    const LISTENS: bool = false;
    #[inline]
    fn enter(&mut self, _: u32) {}
    #[inline]
    fn item(&mut self, _: usize) {}
    #[inline]
    fn read(&mut self, _: AttributeId, _: Operand<'_>) {}
    #[inline]
    fn note(&mut self, _: impl FnOnce() -> String) {}
    #[inline]
    fn leave(&mut self, _: Result<Operand<'_>, Fault>) {}
    #[inline]
    fn compiled(&mut self, _: u32, _: Result<Operand<'_>, Fault>) {}
}

/// Evaluates a whole rule. For whoever listens it is a step whatever it is, and be it an attribute.
#[expect(
    clippy::inline_always,
    reason = "where nobody listens, it is `run` and nothing else"
)]
#[inline(always)]
pub(crate) fn run_rule<'a, T: Tracer>(
    root: &'a Expr,
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    if !T::LISTENS || root.folded || is_step(&root.op) {
        return run(root, scope, tracer);
    }
    tracer.enter(root.site);
    let result = run(root, scope, tracer);
    tracer.leave(result);
    result
}

/// Evaluates one expression. It recurses as deep as the rule nests, which is bounded when it is
/// compiled.
///
/// In four parts, the more frequent the smaller, because the frame of a function is as large as its
/// largest branch: here what needs no call, then [`frequent`], then [`other`], then [`rare`].
#[expect(
    clippy::inline_always,
    reason = "left to itself, the compiler makes one function of this and `frequent`, and calls it for every constant"
)]
#[inline(always)]
pub(crate) fn run<'a, T: Tracer>(
    expr: &'a Expr,
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    match &expr.op {
        Op::Literal(json) if T::LISTENS && expr.folded => {
            let constant = Operand::from(json);
            tracer.compiled(expr.site, Ok(constant));
            Ok(constant)
        }
        Op::Literal(Json::String(text)) => Ok(Operand::Str(text)),
        Op::Attribute { id, default: None } => {
            let value = Operand::from(scope.context.get(*id));
            tracer.read(*id, value);
            Ok(value)
        }
        _ if T::LISTENS && is_step(&expr.op) => {
            tracer.enter(expr.site);
            let result = frequent(expr, scope, tracer);
            tracer.leave(result);
            result
        }
        _ => frequent(expr, scope, tracer),
    }
}

/// Whether people want to see it as a step; constants and attributes show in the steps around them.
fn is_step(op: &Op) -> bool {
    !matches!(
        op,
        Op::Literal(_)
            | Op::Attribute { .. }
            | Op::Item(_)
            | Op::Timestamp
            | Op::List(_)
            | Op::All { .. }
            | Op::Fault(_)
    )
}

#[inline(never)]
fn frequent<'a, T: Tracer>(
    expr: &'a Expr,
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    let mut expr = expr;
    loop {
        return match &expr.op {
            Op::Literal(Json::String(text)) => Ok(Operand::Str(text)),
            Op::If(branches) => match choose(branches, scope, tracer)? {
                None => Ok(Operand::Null),
                // Where nobody listens, there is nothing to come back for.
                Some(chosen) if !T::LISTENS => {
                    expr = chosen;
                    continue;
                }
                Some(chosen) => run(chosen, scope, tracer),
            },
            Op::AttributeIn { id, strings } => {
                Ok(Operand::Bool(attribute_in(*id, strings, scope, tracer)))
            }
            Op::Fractional(fractional) => fractional.run(scope, tracer),
            _ => other(expr, scope, tracer),
        };
    }
}

#[inline(never)]
fn other<'a, T: Tracer>(
    expr: &'a Expr,
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    Ok(match &expr.op {
        Op::Literal(json) => Operand::from(json),
        Op::Attribute { id, default } => {
            let value = Operand::from(scope.context.get(*id));
            tracer.read(*id, value);
            or_default(found(value), default.as_deref(), scope, tracer)?
        }
        Op::And(all) => return run_and(all, scope, tracer),
        Op::Or(any) => return run_or(any, scope, tracer),
        Op::Truthy { negated, of } => Operand::Bool(run(of, scope, tracer)?.truthy() != *negated),
        Op::Equal {
            strict,
            negated,
            sides,
        } => {
            let a = run(&sides[0], scope, tracer)?;
            let b = run(&sides[1], scope, tracer)?;
            let equal = if *strict {
                compare::strict_equal(a, b, scope)?
            } else {
                compare::loose_equal(a, b, scope)?
            };
            Operand::Bool(equal != *negated)
        }
        Op::Order {
            relation,
            sides,
            upper,
        } => {
            let a = run(&sides[0], scope, tracer)?;
            let b = run(&sides[1], scope, tracer)?;
            let upper = match upper {
                Some(upper) => run(upper, scope, tracer)?,
                None => Operand::Null,
            };
            let in_order = |a, b| compare::ordered(*relation, a, b, scope);
            let unbounded = matches!(upper, Operand::Null);
            Operand::Bool(in_order(a, b)? && (unbounded || in_order(b, upper)?))
        }
        Op::In { needle, haystack } => {
            let needle = run(needle, scope, tracer)?;
            let haystack = run(haystack, scope, tracer)?;
            Operand::Bool(compare::contains(haystack, needle, scope)?)
        }
        Op::InStrings { needle, strings } => match run(needle, scope, tracer)? {
            Operand::Str(text) => Operand::Bool(strings.contains(text)),
            _ => Operand::Bool(false),
        },
        Op::InItems { needle, items } => {
            let needle = run(needle, scope, tracer)?;
            for item in items {
                if compare::strict_equal(run(item, scope, tracer)?, needle, scope)? {
                    return Ok(Operand::Bool(true));
                }
            }
            Operand::Bool(false)
        }
        Op::StartsWith(sides) => {
            let whole = run(&sides[0], scope, tracer)?;
            let part = run(&sides[1], scope, tracer)?;
            both_strings(whole, part, scope, |text, part| text.starts_with(part))?
        }
        Op::EndsWith(sides) => {
            let whole = run(&sides[0], scope, tracer)?;
            let part = run(&sides[1], scope, tracer)?;
            both_strings(whole, part, scope, |text, part| text.ends_with(part))?
        }
        Op::SemVer(arguments) => {
            let [a, operator, b] = &**arguments;
            let a = run(a, scope, tracer)?;
            let operator = run(operator, scope, tracer)?;
            let b = run(b, scope, tracer)?;
            sem_ver::sem_ver(a, operator, b, &scope.steps)?.map_or(Operand::Null, Operand::Bool)
        }
        Op::Timestamp => timestamp(scope, tracer),
        Op::Context => Operand::Context,
        Op::Flagd => Operand::Flagd,
        Op::List(items) => {
            let list = scope.list(items.len());
            for (place, item) in list.iter_mut().zip(items) {
                *place = run(item, scope, tracer)?;
            }
            Operand::List(list)
        }
        Op::All { of, result } => {
            let mut wanted = Operand::Null;
            for (index, expr) in of.iter().enumerate() {
                let operand = run(expr, scope, tracer)?;
                if index == *result {
                    wanted = operand;
                }
            }
            wanted
        }
        Op::Fault(fault) => {
            tracer.compiled(expr.site, Err(*fault));
            return Err(*fault);
        }
        _ => return rare(expr, scope, tracer),
    })
}

#[inline(never)]
fn rare<'a, T: Tracer>(
    expr: &'a Expr,
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    match &expr.op {
        Op::InMembers { needle, members } => {
            let needle = run(needle, scope, tracer)?;
            members.contain(needle, scope).map(Operand::Bool)
        }
        Op::Item(read) => read_item(read, scope, tracer),
        Op::Path {
            path,
            default,
            within,
        } => {
            let path = run(path, scope, tracer)?;
            let value = scope.find(scope.data(*within), path)?;
            tracer.note(|| {
                let value = value.unwrap_or(Operand::Null);
                format!("{} is {}", path.shown(), value.shown())
            });
            or_default(value, default.as_deref(), scope, tracer)
        }
        Op::Arithmetic { operation, of } => arithmetic(*operation, of, scope, tracer),
        Op::Cat(of) => cat(of, scope, tracer),
        Op::Substr(of) => substr(of, scope, tracer),
        Op::Merge(of) => merge(of, scope, tracer),
        Op::Missing(missing) => missing.run(scope, tracer),
        Op::Loop(inner) => inner.run(scope, tracer),
        _ => unreachable!("`frequent` and `other` have evaluated everything else"),
    }
}

/// `var` of `$flagd.timestamp`.
#[inline]
fn timestamp<'a, T: Tracer>(scope: &Scope<'a>, tracer: &mut T) -> Operand<'a> {
    let now = scope.timestamp();
    tracer.note(|| format!("$flagd.timestamp is {}", now.shown()));
    now
}

/// `var` inside a loop.
fn read_item<'a, T: Tracer>(
    read: &'a ItemRead,
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    let item = scope.item.get();
    let value = match &read.key {
        Key::Whole => Some(item),
        // A null in an array is found.
        Key::Index(index) => scope.at(item, Number::Float(*index))?,
        Key::Path(path) => found(scope.walk(item, path)?),
    };
    tracer.note(|| {
        let value = value.unwrap_or(Operand::Null).shown();
        match (&read.key, item) {
            (Key::Whole, _) => format!("the item is {value}"),
            (Key::Index(index), _) => format!("{index} of the item is {value}"),
            (Key::Path(path), Operand::Frame(_)) => format!("{path} is {value}"),
            (Key::Path(path), _) => format!("{path} of the item is {value}"),
        }
    });
    or_default(value, read.default.as_ref(), scope, tracer)
}

/// What is absent is null, and the other way around.
#[inline]
fn found(value: Operand<'_>) -> Option<Operand<'_>> {
    match value {
        Operand::Null => None,
        value => Some(value),
    }
}

fn both_strings<'a>(
    whole: Operand<'a>,
    part: Operand<'a>,
    scope: &Scope<'a>,
    test: impl FnOnce(&str, &str) -> bool,
) -> Result<Operand<'a>, Fault> {
    let (Operand::Str(whole), Operand::Str(part)) = (whole, part) else {
        return Ok(Operand::Null);
    };
    scope.steps.copy(part.len())?;
    Ok(Operand::Bool(test(whole, part)))
}

/// The branch of an `if`.
#[inline]
fn choose<'a, T: Tracer>(
    branches: &'a [Expr],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Option<&'a Expr>, Fault> {
    let mut rest = branches;
    let mut conditions = 0;
    while let [condition, then, others @ ..] = rest {
        conditions += 1;
        if holds(condition, scope, tracer)? {
            tracer.note(|| format!("condition {conditions} holds"));
            return Ok(Some(then));
        }
        rest = others;
    }
    if conditions > 0 {
        tracer.note(|| {
            if conditions == 1 {
                "the condition does not hold"
            } else {
                "no condition holds"
            }
            .to_owned()
        });
    }
    Ok(rest.first())
}

/// Whether a condition is truthy. The most frequent kind needs no operand for that.
#[inline]
fn holds<'a, T: Tracer>(expr: &'a Expr, scope: &Scope<'a>, tracer: &mut T) -> Result<bool, Fault> {
    match &expr.op {
        Op::AttributeIn { id, strings } if !T::LISTENS => {
            Ok(attribute_in(*id, strings, scope, tracer))
        }
        _ => run(expr, scope, tracer).map(Operand::truthy),
    }
}

#[inline]
fn attribute_in<T: Tracer>(
    id: AttributeId,
    strings: &Strings,
    scope: &Scope<'_>,
    tracer: &mut T,
) -> bool {
    let value = scope.context.get(id);
    tracer.read(id, Operand::from(value));
    match value {
        Value::Str(text) => strings.contains(text),
        _ => false,
    }
}

fn run_and<'a, T: Tracer>(
    all: &'a [Expr],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    let mut last = Operand::Null;
    for expr in all {
        last = run(expr, scope, tracer)?;
        if !last.truthy() {
            break;
        }
    }
    Ok(last)
}

fn run_or<'a, T: Tracer>(
    any: &'a [Expr],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    let mut last = Operand::Null;
    for expr in any {
        last = run(expr, scope, tracer)?;
        if last.truthy() {
            break;
        }
    }
    Ok(last)
}

#[inline]
fn or_default<'a, T: Tracer>(
    value: Option<Operand<'a>>,
    default: Option<&'a Expr>,
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    match (value, default) {
        // flagd evaluates the default in any case, and fails with it.
        (_, Some(default)) if default.fallible => {
            let default = run(default, scope, tracer)?;
            Ok(value.unwrap_or(default))
        }
        (None, Some(default)) => run(default, scope, tracer),
        (value, _) => Ok(value.unwrap_or(Operand::Null)),
    }
}
