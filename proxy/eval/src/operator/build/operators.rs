//! One operator and its arguments, compiled.

use serde_json::Value as Json;

use super::arguments::{self, KNOWN, MISSING};
use super::{Walk, all_or_fault, fold, literal, substituted};
use crate::context::AttributeId;
use crate::operator::{Expr, Fault, Fractional, Op, Operand, Relation, Strings};

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
            let known = KNOWN.iter().find(|(known, _)| *known == operator);
            let Some((_, arity)) = known else {
                walk.unknown(operator);
                return walk.unevaluable(argument);
            };
            let shape = substituted(walk.with.evaluators, argument);
            if let Some((message, help)) = arguments::check(operator, *arity, shape) {
                let problem = walk.problem(message);
                walk.report(problem.help(help));
            }
            let outer = walk.here;
            let here = u32::try_from(walk.sites.len()).expect("the number of sites is bounded");
            walk.sites.push(walk.site.as_str().into());
            walk.here = here;
            let arguments = walk.arguments(argument);
            walk.here = here;
            let expr = walk.compile(operator, arguments);
            walk.here = outer;
            expr
        })
    }

    /// The arguments of an operator: one that stands alone is a list of one, unless it refers to a list.
    fn arguments(&mut self, argument: &Json) -> Vec<Expr> {
        match argument {
            Json::Array(items) => self.items(items),
            Json::Object(members) if substituted(self.with.evaluators, argument).is_array() => {
                let name = members.get("$ref").unwrap_or(&Json::Null);
                self.follow(name, Self::arguments)
                    .unwrap_or_else(|fault| vec![fault])
            }
            single => vec![self.expression(single)],
        }
    }

    /// What no operator is there for: flagd evaluates the arguments before it finds out.
    pub(super) fn unevaluable(&mut self, argument: &Json) -> Expr {
        let arguments = match all_or_fault(self.arguments(argument)) {
            Ok(arguments) => arguments,
            Err(fault) => return fault,
        };
        let mut all: Vec<Expr> = arguments
            .into_iter()
            .filter(|argument| argument.fallible)
            .collect();
        let fault = self.expr(Op::Fault(Fault::Parse));
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

    fn unknown(&mut self, operator: &str) {
        let problem = if MISSING.contains(&operator) {
            self.problem(format!("this version does not evaluate `{operator}` yet"))
                .help("write the rule without it; until then this flag has the error PARSE_ERROR")
        } else {
            self.problem(format!("there is no operator {operator:?}"))
                .suggest(operator, KNOWN.iter().map(|(known, _)| *known))
        };
        self.report(problem);
    }

    fn compile(&mut self, operator: &str, arguments: Vec<Expr>) -> Expr {
        let fallible = arguments.iter().any(|argument| argument.fallible);
        let op = match operator {
            "if" | "?:" => Op::If(arguments.into()),
            "and" => Op::And(arguments.into()),
            "or" => Op::Or(arguments.into()),
            _ => return self.compile_eager(operator, arguments),
        };
        let expr = self.expr(op);
        Expr { fallible, ..expr }
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
            "fractional" => self.fractional(arguments.rest.by_ref().collect()),
            // These take an exact number of arguments, and give null for any other.
            "starts_with" if arguments.rest.len() == 2 => {
                Op::StartsWith(Box::new(arguments.array()))
            }
            "ends_with" if arguments.rest.len() == 2 => Op::EndsWith(Box::new(arguments.array())),
            "sem_ver" if arguments.rest.len() == 3 => Op::SemVer(Box::new(arguments.array())),
            _ => Op::Literal(Json::Null),
        };
        let reads_nothing = constant && !matches!(op, Op::Fractional(_)) && operator != "var";
        let mut expr = self.expr(op);
        expr.fallible |= fallible;
        // What is left is ignored, though not before it was evaluated.
        let mut all = vec![expr];
        all.extend(arguments.rest.filter(|argument| argument.fallible));
        let expr = match <[Expr; 1]>::try_from(all) {
            Ok([expr]) => expr,
            Err(all) => self.all(all, 0),
        };
        if reads_nothing { fold(expr) } else { expr }
    }

    fn fractional(&mut self, arguments: Vec<Expr>) -> Op {
        let fractional = Fractional::new(self.with.flag_key, self.with.bucketing, arguments);
        if fractional.reads_targeting_key() {
            self.reads.insert(AttributeId::TARGETING_KEY);
        }
        Op::Fractional(Box::new(fractional))
    }

    /// `var`: a path, and a default where there is nothing.
    fn variable(&mut self, arguments: &mut Arguments) -> Op {
        if arguments.rest.len() > 2 {
            let problem = self.problem("`var` takes a path and a default, and nothing more");
            self.report(problem.help("some evaluators fail here: remove what follows the default"));
            return Op::Fault(Fault::General);
        }
        let path = arguments.next();
        let default = arguments.rest.next().map(Box::new);
        let Some(constant) = literal(&path) else {
            // It may turn out to be any path there is.
            self.reads_tree = true;
            self.reads_time = true;
            self.reads.insert(AttributeId::TARGETING_KEY);
            return self.with_default(
                Op::Path {
                    path: Box::new(path),
                    default: None,
                },
                default,
            );
        };
        match constant {
            Json::Null => {
                let op = self.whole_context();
                self.with_default(op, default)
            }
            Json::String(path) if path.is_empty() => {
                let op = self.whole_context();
                self.with_default(op, default)
            }
            // The context is an object, which has no numbered members.
            Json::Number(_) | Json::Bool(_) => self.with_default(Op::Literal(Json::Null), default),
            other => {
                let path = Operand::from(other).to_text();
                let op = self.path(&path);
                self.with_default(op, default)
            }
        }
    }

    fn whole_context(&mut self) -> Op {
        self.reads_tree = true;
        self.reads_time = true;
        self.reads.insert(AttributeId::TARGETING_KEY);
        Op::Context
    }

    /// A constant path that is not empty.
    fn path(&mut self, path: &str) -> Op {
        let (first, rest) = match path.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        if first != "$flagd" {
            let id = self.with.attributes.intern(path);
            self.reads.insert(id);
            return Op::Attribute { id, default: None };
        }
        let flag_key = Operand::Str(self.with.flag_key);
        let constant = match rest {
            None => {
                self.reads_time = true;
                return Op::Flagd;
            }
            Some("timestamp") => {
                self.reads_time = true;
                return Op::Timestamp;
            }
            Some("flagKey") => flag_key,
            Some(rest) => match rest.strip_prefix("flagKey.") {
                Some(rest) => flag_key.walk(rest),
                None => Operand::Null,
            },
        };
        Op::Literal(constant.to_json().unwrap_or(Json::Null))
    }

    /// Adds the default to what can be absent. For anything else it is only evaluated, which matters
    /// where it can end in a fault.
    fn with_default(&self, op: Op, default: Option<Box<Expr>>) -> Op {
        match (op, default) {
            (Op::Attribute { id, .. }, default) => Op::Attribute { id, default },
            (Op::Path { path, .. }, default) => Op::Path { path, default },
            (Op::Literal(Json::Null), Some(default)) => default.op,
            (op, Some(default)) if default.fallible => Op::All {
                of: Box::new([self.expr(op), *default]),
                result: 0,
            },
            (op, _) => op,
        }
    }
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
    let Expr { op, site, fallible } = haystack;
    match op {
        Op::Literal(Json::Array(items)) if items.iter().all(Json::is_string) => {
            let strings = items
                .iter()
                .filter_map(Json::as_str)
                .map(Box::from)
                .collect();
            Op::InStrings {
                needle,
                strings: Strings::new(strings),
            }
        }
        Op::List(items) if !fallible => Op::InItems { needle, items },
        op => Op::In {
            needle,
            haystack: Box::new(Expr { op, site, fallible }),
        },
    }
}

/// Arguments in order; those that are not there are null.
struct Arguments {
    rest: std::vec::IntoIter<Expr>,
    fill: u32,
}

impl Arguments {
    fn next(&mut self) -> Expr {
        self.rest.next().unwrap_or(Expr {
            op: Op::Literal(Json::Null),
            site: self.fill,
            fallible: false,
        })
    }

    fn array<const N: usize>(&mut self) -> [Expr; N] {
        std::array::from_fn(|_| self.next())
    }
}
