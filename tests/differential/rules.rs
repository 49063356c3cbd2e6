//! Rules: every operator, mostly with arguments of the kinds that it expects, so that evaluation goes
//! deep, and often enough with others.

mod expressions;
mod lists;

use serde_json::{Value as Json, json};

use crate::rng::{Manner, Rng};
use crate::values::{self, Kind};

/// Parts of one rule, about; loops in loops stay small enough for every evaluator.
const PARTS: usize = 45;

/// Where an expression stands, and so what it can read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Context,
    /// Of a list, in `map`, `filter`, `all`, `none`, `some`; its kind, where it is known.
    Item(Option<Kind>),
    /// In `reduce`; the kind of what it reads, where it is known.
    Reduce(Option<Kind>),
}

/// Writes rules of one flag or evaluator.
pub(crate) struct Rules<'r> {
    pub(crate) rng: &'r mut Rng,
    pub(crate) variants: &'r [String],
    /// What a `$ref` can name.
    pub(crate) evaluators: &'r [String],
    left: usize,
    scope: Scope,
}

impl<'r> Rules<'r> {
    pub(crate) fn new(rng: &'r mut Rng, variants: &'r [String], evaluators: &'r [String]) -> Self {
        let left = rng.between(4, PARTS);
        Self {
            rng,
            variants,
            evaluators,
            left,
            scope: Scope::Context,
        }
    }

    /// A whole rule: mostly one operator that gives a variant's name.
    pub(crate) fn rule(&mut self) -> Json {
        match self.rng.below(100) {
            85..=93 if self.variants.iter().any(|name| name == "true") => self.boolean(),
            94..=95 if self.rng.oddly(100) => self.any(),
            // What is no rule at all.
            98 if self.rng.oddly(60) => values::any(self.rng, 1),
            _ => self.chooser(),
        }
    }

    /// An evaluator: of any kind, for it can be referred to anywhere. Mostly of characters that the
    /// official Python evaluator can substitute.
    pub(crate) fn evaluator(&mut self) -> Json {
        for _ in 0..3 {
            let evaluator = self.evaluator_of_any_text();
            let text = evaluator.to_string();
            if text.is_ascii() && !text.contains('\\') {
                return evaluator;
            }
        }
        self.evaluator_of_any_text()
    }

    fn evaluator_of_any_text(&mut self) -> Json {
        match self.rng.below(10) {
            0..=3 => self.boolean(),
            4..=6 => self.chooser(),
            7 => self.list(),
            _ => self.any(),
        }
    }

    /// An operator that gives the name of a variant, or what counts as one.
    fn chooser(&mut self) -> Json {
        match self.rng.below(20) {
            0..=9 => {
                let mut arguments = Vec::new();
                for _ in 0..self.rng.between(1, 3) {
                    arguments.push(self.boolean());
                    arguments.push(self.name());
                }
                if self.rng.percent(80) {
                    arguments.push(self.name());
                }
                let operator = if self.rng.percent(85) { "if" } else { "?:" };
                self.operation(operator, arguments)
            }
            10..=15 => self.fractional(),
            16 => {
                let operator = if self.rng.percent(50) { "and" } else { "or" };
                let arguments = vec![self.boolean(), self.name()];
                self.operation(operator, arguments)
            }
            17 => {
                let arguments = vec![Json::from(self.variable(Kind::Text)), self.name()];
                json!({ "var": arguments })
            }
            18 if self.rng.oddly(20) => {
                let argument = self.name();
                json!({ "log": [argument] })
            }
            19 if self.is_careless() => self.any(),
            _ => {
                let arguments = vec![self.boolean(), self.name(), self.name()];
                self.operation("if", arguments)
            }
        }
    }

    /// A variant's name, mostly.
    fn name(&mut self) -> Json {
        if self.left > 0 && self.rng.percent(25) {
            return self.chooser();
        }
        match self.rng.below(100) {
            90..=93 => Json::Null,
            94..=95 => Json::Bool(self.rng.percent(50)),
            96 => Json::String(values::string(self.rng)),
            97.. if self.rng.oddly(60) => self.any(),
            _ => Json::String(self.variant()),
        }
    }

    fn variant(&mut self) -> String {
        if self.variants.is_empty() {
            return (self.rng.pick(&["on", "off"])).to_owned();
        }
        self.rng.choose(self.variants).clone()
    }

    fn sem_ver(&mut self) -> Json {
        const OPERATORS: [&str; 10] = ["=", "!=", "<", "<=", ">", ">=", "^", "~", "==", ""];
        let version = |rules: &mut Self| match rules.rng.below(10) {
            0..=4 => json!({ "var": "version" }),
            5..=8 => Json::from(values::version(rules.rng)),
            _ => rules.any(),
        };
        let operator = if self.rng.oddly(3) {
            self.any()
        } else {
            Json::from(self.rng.pick(&OPERATORS))
        };
        let arguments = vec![version(self), operator, version(self)];
        self.operation("sem_ver", arguments)
    }

    fn fractional(&mut self) -> Json {
        self.left = self.left.saturating_sub(1);
        let mut arguments = Vec::new();
        match self.rng.below(100) {
            45..=64 => arguments.push(json!({
                "cat": [{ "var": "$flagd.flagKey" }, { "var": (self.rng.pick(&["email", "targetingKey", "name"])) }]
            })),
            65..=79 => arguments.push(self.of(Kind::Text)),
            80..=84 if self.rng.oddly(100) => arguments.push(values::any(self.rng, 2)),
            85.. if self.rng.oddly(100) => arguments.push(self.any()),
            _ => {}
        }
        for _ in 0..self.rng.between(1, 4) {
            let entry = self.entry();
            arguments.push(entry);
        }
        self.operation("fractional", arguments)
    }

    fn entry(&mut self) -> Json {
        let variant = match self.rng.below(20) {
            17 if self.rng.oddly(40) => self.leaf(Kind::Number),
            18..=19 if self.is_careless() => self.any(),
            _ => self.name(),
        };
        let oddness = if self.rng.manner == Manner::Orderly {
            86
        } else {
            100
        };
        match self.rng.below(oddness) {
            0..=69 => json!([variant, self.rng.between(0, 100)]),
            70..=77 => json!([variant]),
            78..=85 => {
                let weight = self.of(Kind::Number);
                json!([variant, weight])
            }
            86..=88 => json!([variant, self.rng.pick(&[-5, 2_147_483_647, 1_000_000_000])]),
            89..=90 => json!([variant, self.rng.pick(&[10.0, 0.0, -0.0, 2.5])]),
            91..=92 => json!([variant, values::any(self.rng, 1)]),
            93 => json!([variant, 1, 2]),
            94 => json!([]),
            95 => variant,
            _ => json!([variant, self.rng.between(0, 10)]),
        }
    }

    fn reference(&mut self) -> Json {
        match self.rng.below(100) {
            0..=93 if !self.evaluators.is_empty() => {
                json!({ "$ref": self.rng.choose(self.evaluators) })
            }
            94..=96 if self.rng.oddly(50) => json!({ "$ref": "nowhere" }),
            97 if self.rng.oddly(50) => json!({ "$ref": values::any(self.rng, 0) }),
            _ => self.leaf(Kind::Boolean),
        }
    }

    /// What a careful author never writes.
    fn oddity(&mut self) -> Json {
        match self.rng.below(8) {
            0 => json!({ (self.rng.pick(&["unknown", "If", "a.b", ""])): [self.any()] }),
            1 => json!({ "log": self.any() }),
            2 => json!({ "log": [self.any(), self.any()] }),
            3 => {
                let operator = self.rng.pick(&ALL_OPERATORS);
                json!({ (operator): self.any() })
            }
            4 => {
                let operator = self.rng.pick(&ALL_OPERATORS);
                json!({ (operator): [] })
            }
            5 => {
                let operator = self.rng.pick(&ALL_OPERATORS);
                let length = self.rng.between(1, 5);
                let arguments: Vec<Json> = (0..length).map(|_| self.any()).collect();
                json!({ (operator): arguments })
            }
            _ => values::any(self.rng, 2),
        }
    }

    /// An operator with its arguments; now and then one too few, one too many, or not in a list.
    fn operation(&mut self, operator: &str, mut arguments: Vec<Json>) -> Json {
        if self.rng.carelessly(3) {
            arguments.pop();
        } else if self.rng.carelessly(4) {
            let extra = self.any();
            arguments.push(extra);
        }
        let unary = matches!(operator, "!" | "!!" | "missing" | "cat" | "log" | "-" | "+");
        let bare =
            arguments.len() == 1 && ((unary && self.rng.percent(25)) || self.rng.carelessly(25));
        if bare {
            return json!({ (operator): arguments.remove(0) });
        }
        json!({ (operator): arguments })
    }
}

/// Every operator that flagd evaluates.
pub(crate) const ALL_OPERATORS: [&str; 39] = [
    "var",
    "missing",
    "missing_some",
    "if",
    "?:",
    "==",
    "===",
    "!=",
    "!==",
    "!",
    "!!",
    "or",
    "and",
    ">",
    ">=",
    "<",
    "<=",
    "max",
    "min",
    "+",
    "-",
    "*",
    "/",
    "%",
    "map",
    "filter",
    "reduce",
    "all",
    "none",
    "some",
    "merge",
    "in",
    "cat",
    "substr",
    "log",
    "fractional",
    "sem_ver",
    "starts_with",
    "ends_with",
];
