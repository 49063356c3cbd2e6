//! JSONLogic and flagd's own operators, compiled.
//!
//! A rule becomes a tree of [`Expr`]: operators are resolved, references substituted, attributes
//! numbered and constants folded when a set is compiled, so that deciding only walks and compares.
//! [`build`] makes the tree, [`mod@run`] walks it. There is one walk: explaining is the same walk with a
//! [`Tracer`] that listens.
//!
//! Semantics follow the official Python evaluator, `openfeature-flagd-core` 2.0.0: where JSONLogic's
//! implementations differ, it decides. [`operand`] lists where that surprises.

mod arithmetic;
pub(crate) mod build;
mod compare;
mod concat;
mod encode;
mod fractional;
mod items;
mod members;
mod missing;
pub(crate) mod operand;
mod run;
mod scope;
mod sem_ver;
mod shown;
mod steps;
mod strings;
mod text;

use std::cmp::Ordering;

use serde_json::Value as Json;

use self::arithmetic::Arithmetic;
pub(crate) use self::fractional::Fractional;
use self::items::{Loop, LoopKind};
pub(crate) use self::members::Members;
use self::missing::{Keys, Missing};
pub(crate) use self::operand::Operand;
pub(crate) use self::run::{Silent, Tracer, run, run_rule};
pub(crate) use self::scope::{Scope, Within};
pub(crate) use self::shown::{shorten, shown_json};
use self::steps::Steps;
pub(crate) use self::strings::{Names, Strings};
pub(crate) use self::text::parse_number as number_of_text;
use crate::context::AttributeId;
use crate::limits::{MAX_EVALUATION_STEPS, MAX_VALUE_DEPTH};

/// Why a rule has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The walk reached something that could not be compiled: `PARSE_ERROR`, as all others are
    /// `GENERAL`.
    Parse,
    /// `var` with more than a path and a default.
    TooManyArguments,
    /// What follows the dot after an operator's name is no operator.
    NotAnOperator,
    /// `/` or `%` by 0.
    DivisionByZero,
    /// An infinite number where characters or items are counted.
    Infinite,
    /// The short form of `fractional` inside a loop, over an item that it cannot be read from.
    NoShortForm,
    /// More than [`MAX_EVALUATION_STEPS`].
    TooManySteps,
    /// A value that nests deeper than [`MAX_VALUE_DEPTH`] levels was looked into.
    TooDeep,
}

impl Fault {
    /// What went wrong, for people.
    pub fn message(self) -> String {
        match self {
            Self::Parse => "the rule is not valid".to_owned(),
            Self::TooManyArguments => "`var` takes a path and a default, and nothing more".to_owned(),
            Self::NotAnOperator => "there is no operator inside another".to_owned(),
            Self::DivisionByZero => "a number is divided by 0".to_owned(),
            Self::Infinite => "a position or a length is infinite".to_owned(),
            Self::NoShortForm => {
                "`fractional` looks for `targetingKey` and `$flagd.flagKey` in the item of the loop around it, which has no such strings: give it a bucketing value".to_owned()
            }
            Self::TooManySteps => {
                format!("the rule takes more than {MAX_EVALUATION_STEPS} steps: shorten the lists or texts that it goes through")
            }
            Self::TooDeep => {
                format!("a value nests more than {MAX_VALUE_DEPTH} levels deep")
            }
        }
    }
}

/// One expression.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) op: Op,
    /// Its place in the rule, an index into the flag's sites.
    pub(crate) site: u32,
    /// Evaluating it can end in a [`Fault`].
    pub(crate) fallible: bool,
    /// It stands for an operator that came to a constant when it was compiled.
    pub(crate) folded: bool,
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
    /// `var` with a constant path, inside a loop.
    Item(Box<ItemRead>),
    /// `var` whose path is computed.
    Path {
        path: Box<Expr>,
        default: Option<Box<Expr>>,
        within: Within,
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
    /// The same where the needle is an attribute without a default, as it mostly is.
    AttributeIn { id: AttributeId, strings: Strings },
    /// `in` over many constants that are not all strings.
    InMembers {
        needle: Box<Expr>,
        members: Box<Members>,
    },
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
    /// `+`, `-`, `*`, `/`, `%`, `min`, `max`.
    Arithmetic {
        operation: Arithmetic,
        of: Box<[Expr]>,
    },
    /// `cat`.
    Cat(Box<[Expr]>),
    /// `substr`.
    Substr(Box<[Expr; 3]>),
    /// `merge`.
    Merge(Box<[Expr]>),
    /// `missing`, `missing_some`.
    Missing(Box<Missing>),
    /// `map`, `filter`, `reduce`, `all`, `none`, `some`.
    Loop(Box<Loop>),
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

impl Relation {
    /// Whether it holds between two that are ordered so.
    pub(crate) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// What `var` with a constant path reads inside a loop.
#[derive(Debug)]
pub(crate) struct ItemRead {
    pub(crate) key: Key,
    pub(crate) default: Option<Expr>,
}

/// What is read of an item.
#[derive(Debug)]
pub(crate) enum Key {
    /// All of it. It does not give way to a default, even if it is null.
    Whole,
    /// An item of an array, or a character of a string.
    Index(f64),
    /// What a dotted path finds.
    Path(Box<str>),
}

impl Op {
    /// Shows every expression directly inside that one evaluation evaluates at most once: all but the
    /// expression of a loop's turns.
    pub(crate) fn children(&self, see: &mut impl FnMut(&Expr)) {
        match self {
            Self::Literal(_)
            | Self::AttributeIn { .. }
            | Self::Context
            | Self::Flagd
            | Self::Timestamp
            | Self::Fault(_) => {}
            Self::Attribute { default, .. } => {
                if let Some(default) = default {
                    see(default);
                }
            }
            Self::Item(read) => read.default.iter().for_each(see),
            Self::Path { path, default, .. } => {
                see(path);
                if let Some(default) = default {
                    see(default);
                }
            }
            Self::List(of)
            | Self::If(of)
            | Self::And(of)
            | Self::Or(of)
            | Self::Arithmetic { of, .. }
            | Self::Cat(of)
            | Self::Merge(of)
            | Self::All { of, .. } => of.iter().for_each(see),
            Self::Truthy { of, .. }
            | Self::InStrings { needle: of, .. }
            | Self::InMembers { needle: of, .. } => see(of),
            Self::Equal { sides, .. } | Self::StartsWith(sides) | Self::EndsWith(sides) => {
                sides.iter().for_each(see);
            }
            Self::Order { sides, upper, .. } => {
                sides.iter().for_each(&mut *see);
                if let Some(upper) = upper {
                    see(upper);
                }
            }
            Self::In { needle, haystack } => {
                see(needle);
                see(haystack);
            }
            Self::InItems { needle, items } => {
                see(needle);
                items.iter().for_each(see);
            }
            Self::SemVer(of) | Self::Substr(of) => of.iter().for_each(see),
            Self::Fractional(fractional) => fractional.children(see),
            Self::Missing(missing) => missing.children(see),
            Self::Loop(inner) => see(inner.items()),
        }
    }
}
