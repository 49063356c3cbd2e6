//! Lists, loops over them, and what is read inside of a loop.

use serde_json::{Value as Json, json};

use super::expressions::kind_of_constant;
use super::{Rules, Scope};
use crate::contexts;
use crate::values::{self, KINDS, Kind};

impl Rules<'_> {
    /// Without objects, which would be operators.
    pub(super) fn constant_list(&mut self) -> Json {
        let kind = KINDS[self.rng.below(3)];
        let length = match self.rng.below(20) {
            0 => self.rng.between(12, 16),
            _ => self.rng.below(5),
        };
        (0..length)
            .map(|_| {
                if self.rng.oddly(15) {
                    values::any(self.rng, 0)
                } else {
                    values::of_kind(self.rng, kind, 0)
                }
            })
            .collect()
    }

    pub(super) fn list(&mut self) -> Json {
        if self.left == 0 {
            return self.leaf(Kind::List);
        }
        match self.rng.below(10) {
            0..=2 => {
                let kind = KINDS[self.rng.below(3)];
                self.item_loop("map", kind)
            }
            3..=4 => self.item_loop("filter", Kind::Boolean),
            5..=6 => {
                let length = self.rng.between(1, 3);
                let arguments = (0..length)
                    .map(|_| {
                        if self.rng.oddly(40) {
                            self.any()
                        } else {
                            self.of(Kind::List)
                        }
                    })
                    .collect();
                self.operation("merge", arguments)
            }
            7..=8 => self.missing(),
            _ => self.leaf(Kind::List),
        }
    }

    pub(super) fn item_loop(&mut self, operator: &str, body: Kind) -> Json {
        let (items, kind) = if self.rng.oddly(100) {
            (self.of(Kind::List), None)
        } else {
            let kind = match body {
                Kind::Number | Kind::Text => body,
                _ => self.rng.pick(&[Kind::Number, Kind::Text, Kind::Object]),
            };
            (self.items_of(kind), Some(kind))
        };
        let body = self.inside(Scope::Item(kind), body);
        self.operation(operator, vec![items, body])
    }

    /// A list of which every item has the kind.
    pub(super) fn items_of(&mut self, kind: Kind) -> Json {
        if kind != Kind::Object && self.rng.percent(25) {
            let length = self.rng.below(5);
            return (0..length)
                .map(|_| values::of_kind(self.rng, kind, 0))
                .collect();
        }
        json!({ "var": contexts::list_of(kind) })
    }

    pub(super) fn reduce(&mut self, kind: Kind) -> Json {
        let (items, known) = if self.rng.oddly(100) {
            (self.of(Kind::List), None)
        } else {
            (self.items_of(kind), Some(kind))
        };
        let body = self.inside(Scope::Reduce(known), kind);
        let mut arguments = vec![items, body];
        if !self.rng.oddly(15) {
            let start = if self.rng.oddly(15) {
                self.any()
            } else {
                values::of_kind(self.rng, kind, 0)
            };
            arguments.push(start);
        }
        self.operation("reduce", arguments)
    }

    pub(super) fn inside(&mut self, scope: Scope, kind: Kind) -> Json {
        let outside = std::mem::replace(&mut self.scope, scope);
        let body = self.of(kind);
        self.scope = outside;
        body
    }

    pub(super) fn missing(&mut self) -> Json {
        let length = self.rng.below(4);
        let keys: Vec<Json> = (0..length)
            .map(|_| {
                if self.rng.oddly(10) {
                    self.any()
                } else {
                    let kind = self.rng.pick(&KINDS[..4]);
                    Json::from(self.variable(kind))
                }
            })
            .collect();
        if self.rng.percent(50) {
            return self.operation("missing", keys);
        }
        let keys = if self.rng.oddly(10) {
            self.any()
        } else {
            Json::from(keys)
        };
        let needed = if self.rng.oddly(40) {
            self.of(Kind::Number)
        } else {
            json!(self.rng.between(0, 3))
        };
        self.operation("missing_some", vec![needed, keys])
    }

    /// What finds a value of a kind in the item of a loop, or a constant.
    pub(super) fn read_item(&mut self, items: Kind, kind: Kind) -> Json {
        let path = match (self.scope, items, kind) {
            (Scope::Reduce(_), items, kind) if items == kind => {
                self.rng.pick(&["accumulator", "current", "current"])
            }
            (Scope::Item(_), items, kind) if items == kind => "",
            (Scope::Item(_), Kind::Object, Kind::Number) => "qty",
            (Scope::Item(_), Kind::Object, Kind::Text) => "id",
            _ => return values::of_kind(self.rng, kind_of_constant(kind), 0),
        };
        json!({ "var": path })
    }

    /// Those of flagd itself read the context, so that orderly people keep them out of loops.
    pub(super) fn flagd_operators_work(&mut self) -> bool {
        self.scope == Scope::Context || self.rng.oddly(100)
    }
}
