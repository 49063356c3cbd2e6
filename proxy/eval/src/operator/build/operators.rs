//! One operator and its arguments, compiled.

use serde_json::Value as Json;

use super::arguments::{self, Arity, KNOWN};
use super::{Walk, all_or_fault, fold, literal, substituted};
use crate::code;
use crate::context::AttributeId;
use crate::operator::{
    Arithmetic, Expr, Fault, Fractional, LoopKind, Members, Op, Relation, Strings, Within,
};
use crate::problem::Severity;

/// What a `fractional` takes besides: itself, and what is known of its entries beforehand.
const FRACTIONAL_BYTES: usize = size_of::<Fractional>();

impl Walk<'_> {
    /// `{operator: argument}`; the walk stands at the object.
    pub(super) fn operation(&mut self, operator: &str, argument: &Json) -> Expr {
        self.inside(|walk| {
            if operator == "$ref" {
                // A reference adds nothing to the path: it stands for its rule.
                return walk.reference(argument);
            }
            walk.place.push_key(operator);
            walk.site.push_key(operator);
            walk.operator_here(|walk| walk.operator(operator, argument))
        })
    }

    /// The walk stands at the operator's arguments.
    fn operator(&mut self, operator: &str, argument: &Json) -> Expr {
        let known = KNOWN.iter().find(|(known, _)| *known == operator);
        let Some((_, arity)) = known else {
            if self.reports(Severity::Flag) {
                let problem = self.problem(format!("there is no operator {operator:?}"));
                let names = KNOWN.iter().map(|(known, _)| *known);
                self.report(
                    problem
                        .code(code::UNKNOWN_OPERATOR)
                        .suggest(operator, names),
                );
            }
            let fault = match operator.split_once('.') {
                // flagd looks for an operator inside another, and that fails in its own way.
                Some((first, _)) if is_eager(first) => Fault::NotAnOperator,
                _ => Fault::Parse,
            };
            return self.unevaluable(argument, fault);
        };
        let shape = substituted(self.with.evaluators, argument);
        if let Some((message, help)) = arguments::check(operator, *arity, shape) {
            let severity = match arity {
                Arity::Idle => Severity::Warning,
                _ => Severity::Flag,
            };
            if self.reports(severity) {
                let mut problem = self.problem(message);
                if severity == Severity::Warning {
                    problem.severity = severity;
                    problem.code = code::DOUBTFUL;
                }
                self.report(problem.help(help));
            }
        }
        if let Some(kind) = LoopKind::from_name(operator) {
            return self.loop_over(kind, argument);
        }
        let arguments = self.arguments(argument);
        self.compile(operator, arguments)
    }

    /// The arguments of an operator: one that stands alone is a list of one, unless it refers to a list.
    fn arguments(&mut self, argument: &Json) -> Vec<Expr> {
        self.each_argument(argument, |walk, _, value| walk.expression(value))
    }

    /// The arguments of an operator, each compiled by `build`, which is told its index.
    pub(super) fn each_argument(
        &mut self,
        argument: &Json,
        mut build: impl FnMut(&mut Self, usize, &Json) -> Expr,
    ) -> Vec<Expr> {
        self.each_argument_of(argument, &mut build)
    }

    fn each_argument_of(
        &mut self,
        argument: &Json,
        build: &mut dyn FnMut(&mut Self, usize, &Json) -> Expr,
    ) -> Vec<Expr> {
        match argument {
            Json::Array(items) => self.each_item(items, build),
            Json::Object(members) if substituted(self.with.evaluators, argument).is_array() => {
                let name = members.get("$ref").unwrap_or(&Json::Null);
                self.follow(name, |walk, list| walk.each_argument_of(list, build))
                    .unwrap_or_else(|fault| vec![fault])
            }
            single => vec![build(self, 0, single)],
        }
    }

    /// What no operator is there for: flagd evaluates the arguments before it finds out.
    pub(super) fn unevaluable(&mut self, argument: &Json, fault: Fault) -> Expr {
        let arguments = match all_or_fault(self.arguments(argument)) {
            Ok(arguments) => arguments,
            Err(fault) => return fault,
        };
        let mut all: Vec<Expr> = arguments
            .into_iter()
            .filter(|argument| argument.fallible)
            .collect();
        let fault = self.expr(Op::Fault(fault));
        if all.is_empty() {
            return fault;
        }
        all.push(fault);
        let last = all.len() - 1;
        self.all(all, last)
    }

    fn all(&self, of: Vec<Expr>, result: usize) -> Expr {
        let op = Op::All {
            of: of.into(),
            result,
        };
        Expr {
            fallible: true,
            ..self.expr(op)
        }
    }

    fn compile(&mut self, operator: &str, arguments: Vec<Expr>) -> Expr {
        let fallible = arguments.iter().any(|argument| argument.fallible);
        let constant = arguments.iter().all(|argument| literal(argument).is_some());
        let op = match operator {
            "if" | "?:" => Op::If(arguments.into()),
            "and" => Op::And(arguments.into()),
            "or" => Op::Or(arguments.into()),
            _ => return self.compile_eager(operator, arguments),
        };
        let expr = self.expr(op);
        let expr = Expr { fallible, ..expr };
        // A rule that is nothing else stays a step, so that an explanation has one to show.
        if constant && self.depth > 1 {
            fold(expr)
        } else {
            expr
        }
    }

    /// Operators that evaluate every argument before they begin, also those that they ignore.
    fn compile_eager(&mut self, operator: &str, arguments: Vec<Expr>) -> Expr {
        let arguments = match all_or_fault(arguments) {
            Ok(arguments) => arguments,
            Err(fault) => return fault,
        };
        let fallible = arguments.iter().any(|argument| argument.fallible);
        let constant = arguments.iter().all(|argument| literal(argument).is_some());
        let mut arguments = Arguments {
            rest: arguments.into_iter(),
            fill: self.here,
        };
        let equal = |strict, negated, sides| Op::Equal {
            strict,
            negated,
            sides,
        };
        let op = match operator {
            "var" => self.variable(&mut arguments),
            "!" => Op::Truthy {
                negated: true,
                of: Box::new(arguments.next()),
            },
            "!!" => Op::Truthy {
                negated: false,
                of: Box::new(arguments.next()),
            },
            "==" => equal(false, false, Box::new(arguments.array())),
            "!=" => equal(false, true, Box::new(arguments.array())),
            "===" => equal(true, false, Box::new(arguments.array())),
            "!==" => equal(true, true, Box::new(arguments.array())),
            "<" => order(Relation::Less, &mut arguments),
            "<=" => order(Relation::LessOrEqual, &mut arguments),
            ">" => order(Relation::Greater, &mut arguments),
            ">=" => order(Relation::GreaterOrEqual, &mut arguments),
            "in" => membership(&mut arguments),
            "+" => arithmetic(Arithmetic::Add, &mut arguments),
            "-" => arithmetic(Arithmetic::Subtract, &mut arguments),
            "*" => arithmetic(Arithmetic::Multiply, &mut arguments),
            "/" => arithmetic(Arithmetic::Divide, &mut arguments),
            "%" => arithmetic(Arithmetic::Remainder, &mut arguments),
            "min" => arithmetic(Arithmetic::Least, &mut arguments),
            "max" => arithmetic(Arithmetic::Greatest, &mut arguments),
            "cat" => Op::Cat(arguments.rest.by_ref().collect()),
            "substr" => Op::Substr(Box::new(arguments.array())),
            "merge" => Op::Merge(arguments.rest.by_ref().collect()),
            "missing" => self.missing(&mut arguments),
            "missing_some" => self.missing_some(&mut arguments),
            // It does nothing but give its argument.
            "log" => arguments.next().op,
            "fractional" => self.fractional(arguments.rest.by_ref().collect()),
            // These take an exact number of arguments, and give null for any other.
            "starts_with" if arguments.rest.len() == 2 => {
                Op::StartsWith(Box::new(arguments.array()))
            }
            "ends_with" if arguments.rest.len() == 2 => Op::EndsWith(Box::new(arguments.array())),
            "sem_ver" if arguments.rest.len() == 3 => Op::SemVer(Box::new(arguments.array())),
            _ => Op::Literal(Json::Null),
        };
        let reads = matches!(op, Op::Fractional(_) | Op::Missing(_)) || operator == "var";
        let reads_nothing = constant && !reads;
        let may_fail = may_fail(&op);
        let mut expr = self.expr(op);
        expr.fallible |= fallible || may_fail;
        expr.folded = matches!(expr.op, Op::Literal(_));
        // What is left is ignored, though not before it was evaluated.
        let mut all: Vec<Expr> = arguments
            .rest
            .filter(|argument| argument.fallible)
            .collect();
        let expr = if all.is_empty() {
            expr
        } else if may_fail {
            all.push(expr);
            let last = all.len() - 1;
            self.all(all, last)
        } else {
            all.insert(0, expr);
            self.all(all, 0)
        };
        if reads_nothing { fold(expr) } else { expr }
    }

    fn fractional(&mut self, arguments: Vec<Expr>) -> Op {
        if arguments.is_empty() {
            return Op::Literal(Json::Null);
        }
        let (flag_key, bucketing) = (self.with.flag_key, self.with.bucketing);
        self.with.room.take(FRACTIONAL_BYTES);
        let fractional = Fractional::new(flag_key, bucketing, self.within, arguments);
        if fractional.reads_targeting_key() {
            self.reads.insert(AttributeId::TARGETING_KEY);
        }
        Op::Fractional(Box::new(fractional))
    }
}

/// Whether flagd looks this operator up by its name, after it has evaluated the arguments.
fn is_eager(operator: &str) -> bool {
    let lazy =
        matches!(operator, "if" | "?:" | "and" | "or") || LoopKind::from_name(operator).is_some();
    !lazy && KNOWN.iter().any(|(known, _)| *known == operator)
}

/// Whether an operator can end in a fault although no argument does.
fn may_fail(op: &Op) -> bool {
    let finite = |expr: &Expr| matches!(&expr.op, Op::Literal(json) if !json.is_string() && !json.is_array());
    match op {
        Op::Arithmetic { operation, .. } => operation.fallible(),
        Op::Substr(arguments) => !arguments[1..].iter().all(finite),
        Op::Path { within, .. } => *within != Within::Context,
        Op::Missing(missing) => missing.fallible(),
        Op::Fractional(fractional) => fractional.fallible(),
        _ => false,
    }
}

fn arithmetic(operation: Arithmetic, arguments: &mut Arguments) -> Op {
    let of = match operation.arguments() {
        Some(2) => arguments.array::<2>().into(),
        _ => arguments.rest.by_ref().collect(),
    };
    Op::Arithmetic { operation, of }
}

fn order(relation: Relation, arguments: &mut Arguments) -> Op {
    Op::Order {
        relation,
        sides: Box::new(arguments.array()),
        upper: arguments.rest.next().map(Box::new),
    }
}

/// `in`, in the form that is fastest for what is searched.
fn membership(arguments: &mut Arguments) -> Op {
    let needle = Box::new(arguments.next());
    let haystack = arguments.next();
    let Expr { op, fallible, .. } = haystack;
    match op {
        Op::Literal(Json::Array(items)) if items.iter().all(Json::is_string) => {
            let strings = items
                .iter()
                .filter_map(Json::as_str)
                .map(Box::from)
                .collect();
            let strings = Strings::new(strings);
            match needle.op {
                Op::Attribute { id, default: None } => Op::AttributeIn { id, strings },
                _ => Op::InStrings { needle, strings },
            }
        }
        Op::Literal(Json::Array(items)) if Members::pays(&items) => Op::InMembers {
            needle,
            members: Box::new(Members::new(items)),
        },
        Op::List(items) if !fallible => Op::InItems { needle, items },
        op => Op::In {
            needle,
            haystack: Box::new(Expr { op, ..haystack }),
        },
    }
}

/// Arguments in order; those that are not there are null.
pub(super) struct Arguments {
    pub(super) rest: std::vec::IntoIter<Expr>,
    fill: u32,
}

impl Arguments {
    pub(super) fn next(&mut self) -> Expr {
        self.rest.next().unwrap_or(Expr {
            op: Op::Literal(Json::Null),
            site: self.fill,
            fallible: false,
            folded: false,
        })
    }

    fn array<const N: usize>(&mut self) -> [Expr; N] {
        std::array::from_fn(|_| self.next())
    }
}
