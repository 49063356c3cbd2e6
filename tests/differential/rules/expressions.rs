//! Expressions of a kind: what conditions, weights and texts are made of.

use serde_json::{Value as Json, json};

use super::{Rules, Scope};
use crate::contexts;
use crate::rng::Manner;
use crate::values::{self, KINDS, Kind};

impl Rules<'_> {
    pub(super) fn any(&mut self) -> Json {
        let kind = self.rng.pick(&KINDS);
        self.of(kind)
    }

    pub(super) fn is_careless(&self) -> bool {
        self.rng.manner == Manner::Careless
    }

    /// An expression of a kind, and now and then of another one.
    pub(super) fn of(&mut self, kind: Kind) -> Json {
        let kind = if self.rng.oddly(1) || self.rng.carelessly(12) {
            self.rng.pick(&KINDS)
        } else {
            kind
        };
        if self.left == 0 {
            return self.leaf(kind);
        }
        self.left -= 1;
        match self.rng.below(100) {
            0..=2 => return self.reference(),
            3..=4 => {
                let arguments = vec![self.boolean(), self.leaf(kind), self.of(kind)];
                return self.operation("if", arguments);
            }
            5 if kind == Kind::Boolean || self.rng.oddly(30) => {
                let operator = if self.rng.percent(50) { "and" } else { "or" };
                let arguments = vec![self.of(kind), self.of(kind)];
                return self.operation(operator, arguments);
            }
            6 if self.is_careless() => return self.oddity(),
            7..=40 => return self.leaf(kind),
            _ => {}
        }
        match kind {
            Kind::Boolean => self.boolean(),
            Kind::Number => self.number(),
            Kind::Text => self.text(),
            Kind::List => self.list(),
            Kind::Object => self.leaf(kind),
        }
    }

    /// A constant or an attribute.
    pub(super) fn leaf(&mut self, kind: Kind) -> Json {
        if self.rng.percent(55) {
            return self.read(kind);
        }
        match kind {
            Kind::List if self.left > 0 && self.rng.percent(40) => {
                let length = self.rng.below(4);
                (0..length).map(|_| self.any()).collect()
            }
            Kind::List => self.constant_list(),
            Kind::Object if self.rng.oddly(50) => json!({}),
            // An object with several keys is a constant to some, and an error to others.
            Kind::Object if self.rng.carelessly(20) => json!({"a": 1, "b": [2]}),
            Kind::Object => self.read(kind),
            _ => values::of_kind(self.rng, kind, 1),
        }
    }

    /// `var` in one of its forms.
    fn read(&mut self, kind: Kind) -> Json {
        if let Scope::Item(Some(items)) | Scope::Reduce(Some(items)) = self.scope {
            return self.read_item(items, kind);
        }
        let path = self.variable(kind);
        match self.rng.below(100) {
            65..=79 => json!({ "var": [path] }),
            80..=91 => {
                let default = if self.left > 0 && self.rng.percent(30) {
                    self.of(kind)
                } else {
                    values::of_kind(self.rng, kind_of_constant(kind), 0)
                };
                json!({ "var": [path, default] })
            }
            92 if self.is_careless() => json!({ "var": [] }),
            93 if self.rng.oddly(50) => {
                let index = values::number(self.rng);
                json!({ "var": index })
            }
            94 if self.is_careless() => json!({ "var": values::any(self.rng, 0) }),
            95 if self.is_careless() => json!({ "var": [path, 1, 2] }),
            96.. if self.left > 0 && self.rng.oddly(60) => {
                self.left -= 1;
                let path = match self.rng.below(3) {
                    0 => json!({ "cat": [path, ".", self.leaf(Kind::Number)] }),
                    1 => json!({ "if": [self.boolean(), path, "n"] }),
                    _ => self.text(),
                };
                if self.rng.percent(50) {
                    json!({ "var": path })
                } else {
                    json!({ "var": [path, self.leaf(kind)] })
                }
            }
            _ => json!({ "var": path }),
        }
    }

    pub(super) fn variable(&mut self, kind: Kind) -> &'static str {
        if self.rng.oddly(5) {
            return contexts::odd_path(self.rng);
        }
        match self.scope {
            Scope::Item(_) if self.rng.percent(80) => self
                .rng
                .pick(&["", "", "", "id", "qty", "a", "0", "length", "a.b"]),
            Scope::Reduce(_) if self.rng.percent(85) => self.rng.pick(&[
                "accumulator",
                "accumulator",
                "current",
                "current",
                "current.qty",
                "current.id",
                "accumulator.length",
            ]),
            _ => contexts::path(self.rng, kind),
        }
    }

    pub(super) fn boolean(&mut self) -> Json {
        if self.left == 0 {
            return self.leaf(Kind::Boolean);
        }
        self.left -= 1;
        match self.rng.below(24) {
            0..=2 => {
                let kind = KINDS[self.rng.below(3)];
                let operator = self.rng.pick(&["==", "!=", "===", "!=="]);
                let arguments = vec![self.of(kind), self.of(kind)];
                self.operation(operator, arguments)
            }
            3 if self.rng.oddly(100) => {
                let operator = self.rng.pick(&["==", "!=", "===", "!=="]);
                let arguments = vec![self.any(), self.any()];
                self.operation(operator, arguments)
            }
            4..=7 => {
                let kind = if self.rng.percent(75) {
                    Kind::Number
                } else {
                    Kind::Text
                };
                let operator = self.rng.pick(&["<", "<=", ">", ">="]);
                let mut arguments = vec![self.of(kind), self.of(kind)];
                if self.rng.percent(20) {
                    arguments.push(self.of(kind));
                }
                self.operation(operator, arguments)
            }
            8..=10 => {
                let needle = self.of(Kind::Text);
                let haystack = if self.rng.percent(65) {
                    self.of(Kind::List)
                } else {
                    self.of(Kind::Text)
                };
                self.operation("in", vec![needle, haystack])
            }
            11 => {
                let argument = self.any();
                let operator = if self.rng.percent(50) { "!" } else { "!!" };
                self.operation(operator, vec![argument])
            }
            12..=13 => {
                let operator = if self.rng.percent(50) { "and" } else { "or" };
                let length = self.rng.between(1, 3);
                let arguments = (0..length).map(|_| self.of(Kind::Boolean)).collect();
                self.operation(operator, arguments)
            }
            14..=15 if self.flagd_operators_work() => {
                let operator = if self.rng.percent(50) {
                    "starts_with"
                } else {
                    "ends_with"
                };
                let arguments = vec![self.of(Kind::Text), self.of(Kind::Text)];
                self.operation(operator, arguments)
            }
            16..=18 if self.flagd_operators_work() => self.sem_ver(),
            19..=21 => {
                let operator = self.rng.pick(&["all", "none", "some"]);
                self.item_loop(operator, Kind::Boolean)
            }
            22 => self.missing(),
            _ => self.leaf(Kind::Boolean),
        }
    }

    pub(super) fn number(&mut self) -> Json {
        match self.rng.below(12) {
            0..=3 => {
                let operator = self.rng.pick(&["+", "-", "*", "+", "-"]);
                let length = match operator {
                    "-" => self.rng.between(1, 2),
                    _ => self.rng.between(1, 3),
                };
                let arguments = (0..length).map(|_| self.of(Kind::Number)).collect();
                self.operation(operator, arguments)
            }
            4 if self.rng.oddly(20) => self.with_numeric_text(),
            4..=6 => {
                let operator = self.rng.pick(&["/", "%"]);
                let arguments = vec![self.of(Kind::Number), self.of(Kind::Number)];
                self.operation(operator, arguments)
            }
            7..=8 => {
                let operator = self.rng.pick(&["min", "max"]);
                let length = self.rng.between(1, 3);
                let arguments = (0..length).map(|_| self.of(Kind::Number)).collect();
                self.operation(operator, arguments)
            }
            _ => self.reduce(Kind::Number),
        }
    }

    /// Of an integer, which may be beyond what a double holds, and of a number that is a text.
    fn with_numeric_text(&mut self) -> Json {
        let operator = self.rng.pick(&["+", "-", "*", "/", "%", "%", "min", "max"]);
        let text = json!(self.rng.pick(&[
            "12",
            "3",
            "-7",
            " 2 ",
            "0.5",
            "1e3",
            "0",
            "9007199254740993"
        ]));
        let text = if self.rng.percent(20) {
            json!([text])
        } else {
            text
        };
        let integer = if self.rng.percent(60) {
            values::integer_beyond_double(self.rng)
        } else {
            self.of(Kind::Number)
        };
        let mut arguments = vec![integer, text];
        if self.rng.percent(40) {
            arguments.swap(0, 1);
        }
        self.operation(operator, arguments)
    }

    pub(super) fn text(&mut self) -> Json {
        match self.rng.below(8) {
            0..=3 => {
                let length = self.rng.between(1, 3);
                let arguments = (0..length)
                    .map(|_| {
                        if self.rng.oddly(30) {
                            self.any()
                        } else {
                            self.of(Kind::Text)
                        }
                    })
                    .collect();
                self.operation("cat", arguments)
            }
            4..=6 => {
                let mut arguments = vec![self.of(Kind::Text), self.position()];
                if self.rng.percent(55) {
                    let length = self.position();
                    arguments.push(length);
                }
                self.operation("substr", arguments)
            }
            _ => self.reduce(Kind::Text),
        }
    }

    /// Of a character, or how many of them.
    fn position(&mut self) -> Json {
        if self.rng.oddly(60) {
            return self.of(Kind::Number);
        }
        let position = i64::try_from(self.rng.below(12)).expect("small") - 4;
        json!(position)
    }
}

/// What a default looks like: an object would be an operator.
pub(super) fn kind_of_constant(kind: Kind) -> Kind {
    match kind {
        Kind::Object => Kind::Text,
        other => other,
    }
}
