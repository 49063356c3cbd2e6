//! The one walk over a compiled rule.

use bumpalo::Bump;
use serde_json::Value as Json;

use super::{Expr, Fault, Op, Operand, Strings, compare, sem_ver};
use crate::context::{AttributeId, Context, look_up};

/// What a walk may read. Nothing else exists for it.
pub(crate) struct Scope<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) flag_key: &'a str,
    /// Unix seconds.
    pub(crate) now: u64,
    /// Holds arrays that are computed; takes no memory before the first of them.
    pub(crate) arena: &'a Bump,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        context: &'a Context<'a>,
        flag_key: &'a str,
        now: u64,
        arena: &'a Bump,
    ) -> Self {
        Self {
            context,
            flag_key,
            now,
            arena,
        }
    }
}

/// Listens to a walk.
pub(crate) trait Tracer {
    /// Whether anybody listens; where not, every call compiles to nothing.
    const LISTENS: bool;
    /// An operator begins.
    fn enter(&mut self, site: u32);
    /// The innermost operator read an attribute.
    fn read(&mut self, id: AttributeId, value: Operand<'_>);
    /// The innermost operator has something to say about how it decided.
    fn note(&mut self, note: impl FnOnce() -> String);
    /// The innermost operator ends.
    fn leave(&mut self, result: Result<Operand<'_>, Fault>);
}

/// Listens to nothing.
pub(crate) struct Silent;

impl Tracer for Silent {
    const LISTENS: bool = false;
    #[inline]
    fn enter(&mut self, _: u32) {}
    #[inline]
    fn read(&mut self, _: AttributeId, _: Operand<'_>) {}
    #[inline]
    fn note(&mut self, _: impl FnOnce() -> String) {}
    #[inline]
    fn leave(&mut self, _: Result<Operand<'_>, Fault>) {}
}

/// Evaluates one expression. It recurses as deep as the rule nests, which is bounded when it is
/// compiled.
///
/// In three parts, the more frequent the smaller, because the frame of a function is as large as its
/// largest branch: here what needs no call, then [`frequent`], then [`other`].
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
    match &expr.op {
        Op::If(branches) => run_if(branches, scope, tracer),
        Op::InStrings { needle, strings } => {
            in_strings(needle, strings, scope, tracer).map(Operand::Bool)
        }
        Op::Fractional(fractional) => fractional.run(scope, tracer),
        _ => other(expr, scope, tracer),
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
            or_default(value, default.as_deref(), scope, tracer)?
        }
        Op::And(all) => return run_and(all, scope, tracer),
        Op::Or(any) => return run_or(any, scope, tracer),
        Op::Truthy { negated, of } => Operand::Bool(run(of, scope, tracer)?.truthy() != *negated),
        Op::Equal {
            strict,
            negated,
            sides,
        } => {
            let [a, b] = run_all(sides, scope, tracer)?;
            let equal = if *strict {
                compare::strict_equal(a, b)
            } else {
                compare::loose_equal(a, b)
            };
            Operand::Bool(equal != *negated)
        }
        Op::Order {
            relation,
            sides,
            upper,
        } => {
            let [a, b] = run_all(sides, scope, tracer)?;
            let upper = match upper {
                Some(upper) => run(upper, scope, tracer)?,
                None => Operand::Null,
            };
            let between = matches!(upper, Operand::Null) || compare::ordered(*relation, b, upper);
            Operand::Bool(between && compare::ordered(*relation, a, b))
        }
        Op::In { needle, haystack } => {
            let needle = run(needle, scope, tracer)?;
            let haystack = run(haystack, scope, tracer)?;
            Operand::Bool(compare::contains(haystack, needle))
        }
        Op::InItems { needle, items } => {
            let needle = run(needle, scope, tracer)?;
            for item in items {
                if compare::strict_equal(run(item, scope, tracer)?, needle) {
                    return Ok(Operand::Bool(true));
                }
            }
            Operand::Bool(false)
        }
        Op::StartsWith(sides) => both_strings(run_all(sides, scope, tracer)?, |text, part| {
            text.starts_with(part)
        }),
        Op::EndsWith(sides) => both_strings(run_all(sides, scope, tracer)?, |text, part| {
            text.ends_with(part)
        }),
        Op::SemVer(arguments) => {
            let [a, operator, b] = run_all(arguments, scope, tracer)?;
            sem_ver::sem_ver(a, operator, b).map_or(Operand::Null, Operand::Bool)
        }
        Op::Timestamp => timestamp(scope.now),
        Op::Context => Operand::Context,
        Op::Flagd => Operand::Flagd,
        Op::Path { path, default } => {
            let path = run(path, scope, tracer)?;
            let value = read_path(path, scope);
            tracer.note(|| format!("{} is {}", path.to_text(), value.shown()));
            or_default(value, default.as_deref(), scope, tracer)?
        }
        Op::List(items) => {
            let list = scope
                .arena
                .alloc_slice_fill_copy(items.len(), Operand::Null);
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
        Op::Fault(fault) => return Err(*fault),
        Op::If(_) | Op::InStrings { .. } | Op::Fractional(_) => {
            unreachable!("`frequent` has evaluated these")
        }
    })
}

fn run_all<'a, const N: usize, T: Tracer>(
    exprs: &'a [Expr; N],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<[Operand<'a>; N], Fault> {
    let mut operands = [Operand::Null; N];
    for (operand, expr) in operands.iter_mut().zip(exprs) {
        *operand = run(expr, scope, tracer)?;
    }
    Ok(operands)
}

#[inline]
fn run_if<'a, T: Tracer>(
    branches: &'a [Expr],
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    let mut rest = branches;
    let mut conditions = 0;
    while let [condition, then, others @ ..] = rest {
        conditions += 1;
        if holds(condition, scope, tracer)? {
            tracer.note(|| format!("condition {conditions} holds"));
            return run(then, scope, tracer);
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
    match rest {
        [otherwise, ..] => run(otherwise, scope, tracer),
        [] => Ok(Operand::Null),
    }
}

/// Whether a condition is truthy. The most frequent kind needs no operand for that.
#[inline]
fn holds<'a, T: Tracer>(expr: &'a Expr, scope: &Scope<'a>, tracer: &mut T) -> Result<bool, Fault> {
    match &expr.op {
        Op::InStrings { needle, strings } if !T::LISTENS => {
            in_strings(needle, strings, scope, tracer)
        }
        _ => run(expr, scope, tracer).map(Operand::truthy),
    }
}

#[inline]
fn in_strings<'a, T: Tracer>(
    needle: &'a Expr,
    strings: &'a Strings,
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<bool, Fault> {
    Ok(match run(needle, scope, tracer)? {
        Operand::Str(text) => strings.contains(text),
        _ => false,
    })
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
    value: Operand<'a>,
    default: Option<&'a Expr>,
    scope: &Scope<'a>,
    tracer: &mut T,
) -> Result<Operand<'a>, Fault> {
    match (value, default) {
        // flagd evaluates the default in any case, and fails with it.
        (_, Some(default)) if default.fallible => {
            let default = run(default, scope, tracer)?;
            Ok(if matches!(value, Operand::Null) {
                default
            } else {
                value
            })
        }
        (Operand::Null, Some(default)) => run(default, scope, tracer),
        _ => Ok(value),
    }
}

fn both_strings(
    sides: [Operand<'_>; 2],
    test: impl FnOnce(&str, &str) -> bool,
) -> Operand<'static> {
    match sides {
        [Operand::Str(whole), Operand::Str(part)] => Operand::Bool(test(whole, part)),
        _ => Operand::Null,
    }
}

#[allow(clippy::cast_precision_loss)] // Seconds reach 2^53 in 285 million years.
fn timestamp(now: u64) -> Operand<'static> {
    Operand::Number(now as f64)
}

/// What a computed path finds. A number finds nothing, for the context is an object.
fn read_path<'a>(path: Operand<'a>, scope: &Scope<'a>) -> Operand<'a> {
    if matches!(path, Operand::Null | Operand::Str("")) {
        return Operand::Context;
    }
    if path.numeric().is_some() {
        return Operand::Null;
    }
    let path = path.to_text();
    if let Some(rest) = path.strip_prefix("$flagd") {
        return match (rest, rest.strip_prefix('.')) {
            ("", _) => Operand::Flagd,
            (_, Some("flagKey")) => Operand::Str(scope.flag_key),
            (_, Some("timestamp")) => timestamp(scope.now),
            (_, Some(rest)) => match rest.strip_prefix("flagKey.") {
                Some(rest) => Operand::Str(scope.flag_key).walk(rest),
                None => Operand::Null,
            },
            (_, None) => read_tree(&path, scope),
        };
    }
    read_tree(&path, scope)
}

fn read_tree<'a>(path: &str, scope: &Scope<'a>) -> Operand<'a> {
    if path == crate::context::TARGETING_KEY {
        return scope.context.get(AttributeId::TARGETING_KEY).into();
    }
    scope
        .context
        .tree()
        .map_or(Operand::Null, |tree| look_up(tree, path).into())
}
