//! JSONLogic and flagd's own operators, compiled.
//!
//! A rule becomes a tree of [`Expr`]: operators are resolved, references substituted, attributes
//! numbered and constants folded when a set is compiled, so that deciding only walks and compares.
//! [`build`] makes the tree, [`mod@run`] walks it. There is one walk: explaining is the same walk with a
//! [`Tracer`] that listens.
//!
//! Semantics follow the official Python evaluator, `openfeature-flagd-core` 2.0.0: where JSONLogic's
//! implementations differ, it decides. [`operand`] lists where that surprises.

pub(crate) mod build;
mod compare;
mod encode;
mod fractional;
pub(crate) mod operand;
mod run;
mod sem_ver;
mod strings;
mod text;

use serde_json::Value as Json;

pub(crate) use self::fractional::Fractional;
pub(crate) use self::operand::Operand;
pub(crate) use self::run::{Scope, Silent, Tracer, run};
pub(crate) use self::strings::{Names, Strings};
use crate::context::AttributeId;

/// Why a rule has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The walk reached something that could not be compiled: `PARSE_ERROR`.
    Parse,
    /// The official evaluator fails here: `GENERAL`.
    General,
}

/// One expression.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) op: Op,
    /// Its place in the rule, an index into the flag's sites.
    pub(crate) site: u32,
    /// Evaluating it can end in a [`Fault`].
    pub(crate) fallible: bool,
}

/// What an expression does.
#[derive(Debug)]
pub(crate) enum Op {
    /// A constant.
    Literal(Json),
    /// `var` with a constant path.
    Attribute {
        id: AttributeId,
        default: Option<Box<Expr>>,
    },
    /// `var` whose path is computed.
    Path {
        path: Box<Expr>,
        default: Option<Box<Expr>>,
    },
    /// `var` of the empty path: the whole context.
    Context,
    /// `var` of `$flagd`.
    Flagd,
    /// `var` of `$flagd.timestamp`.
    Timestamp,
    /// An array of which some items are computed.
    List(Box<[Expr]>),
    /// `if`, `?:`: pairs of condition and result, then the rest.
    If(Box<[Expr]>),
    /// `and`: the first that is not truthy, or the last.
    And(Box<[Expr]>),
    /// `or`: the first that is truthy, or the last.
    Or(Box<[Expr]>),
    /// `!` and `!!`: `negated` or not.
    Truthy { negated: bool, of: Box<Expr> },
    /// `==`, `!=`, `===`, `!==`.
    Equal {
        strict: bool,
        negated: bool,
        sides: Box<[Expr; 2]>,
    },
    /// `<`, `<=`, `>`, `>=`, with two or three arguments.
    Order {
        relation: Relation,
        sides: Box<[Expr; 2]>,
        upper: Option<Box<Expr>>,
    },
    /// `in`.
    In {
        needle: Box<Expr>,
        haystack: Box<Expr>,
    },
    /// `in` over constant strings.
    InStrings { needle: Box<Expr>, strings: Strings },
    /// `in` over an array whose items are computed.
    InItems {
        needle: Box<Expr>,
        items: Box<[Expr]>,
    },
    /// `starts_with`.
    StartsWith(Box<[Expr; 2]>),
    /// `ends_with`.
    EndsWith(Box<[Expr; 2]>),
    /// `sem_ver`.
    SemVer(Box<[Expr; 3]>),
    /// `fractional`.
    Fractional(Box<Fractional>),
    /// Several, in order, because each can end in a fault; it gives what the one at `result` gave.
    All { of: Box<[Expr]>, result: usize },
    /// Nothing that can be evaluated.
    Fault(Fault),
}

/// How two operands are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}
