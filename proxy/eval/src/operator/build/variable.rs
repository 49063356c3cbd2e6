//! `var`, and the keys of `missing`: what is read, of the context or of an item.

use serde_json::Value as Json;

use super::operators::Arguments;
use super::{Walk, literal};
use crate::context::AttributeId;
use crate::operator::scope::walk_text;
use crate::operator::{Expr, Fault, ItemRead, Key, Keys, Missing, Op, Operand, Steps, Within};
use crate::problem::Severity;
use crate::room::{PIECE, text_bytes};

impl Walk<'_> {
    /// `var`: a path, and a default where there is nothing.
    pub(super) fn variable(&mut self, arguments: &mut Arguments) -> Op {
        if arguments.rest.len() > 2 {
            if self.reports(Severity::Flag) {
                let problem = self.problem("`var` takes a path and a default, and nothing more");
                let help = "some evaluators fail here: remove what follows the default";
                self.report(problem.help(help));
            }
            return Op::Fault(Fault::TooManyArguments);
        }
        let path = arguments.next();
        let default = arguments.rest.next().map(Box::new);
        let Some(constant) = literal(&path) else {
            self.reads_any_path();
            return Op::Path {
                path: Box::new(path),
                default,
                within: self.within,
            };
        };
        if let Json::Null = constant {
            let op = self.whole();
            return self.and_evaluate(op, default);
        }
        if constant.as_str() == Some("") {
            let op = self.whole();
            return self.and_evaluate(op, default);
        }
        let op = self.constant_path(constant);
        self.with_default(op, default)
    }

    /// A path that is computed may turn out to be any path there is.
    fn reads_any_path(&mut self) {
        if self.within == Within::Context {
            self.reads_tree = true;
            self.reads_time = true;
            self.reads.insert(AttributeId::TARGETING_KEY);
        }
    }

    /// All of what `var` looks into. It gives way to no default.
    fn whole(&mut self) -> Op {
        self.reads_any_path();
        match self.within {
            Within::Context => Op::Context,
            Within::Item => item_read(Key::Whole),
        }
    }

    /// A constant key that is not empty.
    fn constant_path(&mut self, key: &Json) -> Op {
        let key = Operand::from(key);
        if let Some(number) = key.numeric() {
            return match self.within {
                Within::Item => item_read(Key::Index(number.to_float())),
                // That is an object, which has no numbered members.
                Within::Context => Op::Literal(Json::Null),
            };
        }
        let path = key.with_text(&Steps::new(), |path| Box::<str>::from(path));
        // A list that takes so many steps is the path of nothing.
        let path = path.unwrap_or_default();
        match self.within {
            Within::Context => self.path(&path),
            Within::Item => item_read(Key::Path(path)),
        }
    }

    /// A constant path in the context.
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
        let flag_key = self.with.flag_key;
        self.with.room.take(text_bytes(flag_key));
        let constant = match rest {
            None => {
                self.reads_time = true;
                return Op::Flagd;
            }
            Some("timestamp") => {
                self.reads_time = true;
                return Op::Timestamp;
            }
            Some("flagKey") => Operand::Str(flag_key),
            Some(rest) => match rest.strip_prefix("flagKey.") {
                Some(rest) => walk_text(flag_key, rest),
                None => Operand::Null,
            },
        };
        Op::Literal(constant.to_json().unwrap_or(Json::Null))
    }

    /// Adds the default to what can be absent.
    fn with_default(&self, op: Op, default: Option<Box<Expr>>) -> Op {
        match (op, default) {
            (Op::Attribute { id, .. }, default) => Op::Attribute { id, default },
            (Op::Item(mut read), default) => {
                read.default = default.map(|default| *default);
                Op::Item(read)
            }
            (Op::Literal(Json::Null), Some(default)) => default.op,
            (op, default) => self.and_evaluate(op, default),
        }
    }

    /// Evaluates the default of what is never absent, which matters where it can end in a fault.
    fn and_evaluate(&self, op: Op, default: Option<Box<Expr>>) -> Op {
        match default {
            Some(default) if default.fallible => Op::All {
                of: Box::new([self.expr(op), *default]),
                result: 0,
            },
            _ => op,
        }
    }

    /// `missing`: of its arguments, or of the items of its first.
    pub(super) fn missing(&mut self, arguments: &mut Arguments) -> Op {
        let keys: Vec<Expr> = arguments.rest.by_ref().collect();
        self.with.room.take(size_of::<Missing>());
        let first = keys.first().and_then(literal);
        let keys = if let Some(Json::Array(items)) = first {
            let items = items.clone();
            // The others are ignored.
            arguments.rest = keys.into_iter();
            self.constant_keys(items)
        } else if let Some(constants) = keys.iter().map(literal).collect::<Option<Vec<_>>>() {
            let constants = constants.into_iter().cloned().collect();
            self.constant_keys(constants)
        } else {
            self.computed_keys(keys)
        };
        let enough = None;
        Op::Missing(Box::new(Missing { keys, enough }))
    }

    /// `missing_some`: how many are enough, and the keys.
    pub(super) fn missing_some(&mut self, arguments: &mut Arguments) -> Op {
        self.with.room.take(size_of::<Missing>());
        let enough = Some(arguments.next());
        let keys = arguments.next();
        let keys = match literal(&keys) {
            Some(Json::Array(items)) => self.constant_keys(items.clone()),
            Some(_) => Keys::Constant(Box::default()),
            None => self.computed_keys(vec![keys]),
        };
        Op::Missing(Box::new(Missing { keys, enough }))
    }

    fn constant_keys(&mut self, keys: Vec<Json>) -> Keys {
        let read_beside = size_of::<(Json, Expr)>() + PIECE;
        self.with.room.take(keys.len() * read_beside);
        let keys = keys.into_iter().map(|key| {
            let op = match &key {
                Json::Null => self.whole(),
                Json::String(path) if path.is_empty() => self.whole(),
                other => self.constant_path(other),
            };
            let read = self.expr(op);
            (key, read)
        });
        Keys::Constant(keys.collect())
    }

    fn computed_keys(&mut self, keys: Vec<Expr>) -> Keys {
        self.reads_any_path();
        Keys::Computed {
            keys: keys.into(),
            within: self.within,
        }
    }
}

fn item_read(key: Key) -> Op {
    let default = None;
    Op::Item(Box::new(ItemRead { key, default }))
}
