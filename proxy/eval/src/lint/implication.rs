//! What conditions on one attribute say of another one: after `{"in": [country, ["DE", "FR"]]}` was not true,
//! `{"===": [country, "DE"]}` never is.
//!
//! An attribute can be of any type, and each comparison converts in its own way. So nothing is derived from
//! comparisons by themselves: [`decide`] goes through every kind of value that they can tell apart, asks each
//! comparison about it, and claims what holds for all. Kinds that no value has may be among them, which
//! loses claims, and never makes a wrong one.

use std::cmp::Ordering;

use serde_json::Value;

use super::part::{Evaluators, Part};
use crate::operator::{Relation, number_of_text};

/// Integers from here on are not all exact in a double.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Constants in all conditions that are looked at together.
pub(super) const MAX_CONSTANTS: usize = 512;

/// A comparison of an attribute with constants.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// The attribute itself.
    Truthy,
    /// `===`, and `in`, which compares so.
    OneOf(Vec<Constant>),
    /// `==`
    Equal(Constant),
    /// The attribute stands on the left.
    Order(Relation, Constant),
}

/// What an attribute is compared with. A boolean is a number, for every comparison.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    Null,
    Number(f64),
    Text(String),
}

/// What a comparison comes to, given others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same for every value.
    Always(bool),
    /// The same for every value but some lists: `["DE"] == "DE"`.
    ButForLists(bool),
}

/// The attribute that a condition is about, what it asks of it, and whether that or the opposite.
pub(super) fn read<'d>(
    evaluators: Evaluators<'d>,
    condition: &Part<'d>,
) -> Option<(&'d str, Test, bool)> {
    let condition = evaluators.follow(condition);
    if let Some(attribute) = attribute(evaluators, &condition) {
        return Some((attribute, Test::Truthy, true));
    }
    let (operator, argument) = condition.operation()?;
    let arguments = evaluators.arguments(&argument);
    let [left, right] = &*arguments else {
        return None;
    };
    let (left, right) = (evaluators.follow(left), evaluators.follow(right));
    if operator == "in" {
        let constants = right.value.as_array()?.iter().map(Constant::of);
        let test = Test::OneOf(constants.collect::<Option<_>>()?);
        return Some((attribute(evaluators, &left)?, test, true));
    }
    let (name, constant, is_left) = match attribute(evaluators, &left) {
        Some(name) => (name, Constant::of(right.value)?, true),
        None => (
            attribute(evaluators, &right)?,
            Constant::of(left.value)?,
            false,
        ),
    };
    let (test, positive) = match operator {
        "===" => (Test::OneOf(vec![constant]), true),
        "!==" => (Test::OneOf(vec![constant]), false),
        "==" => (Test::Equal(constant), true),
        "!=" => (Test::Equal(constant), false),
        _ => {
            let relation = match (operator, is_left) {
                ("<", true) | (">", false) => Relation::Less,
                ("<=", true) | (">=", false) => Relation::LessOrEqual,
                (">", true) | ("<", false) => Relation::Greater,
                (">=", true) | ("<=", false) => Relation::GreaterOrEqual,
                _ => return None,
            };
            (Test::Order(relation, constant), true)
        }
    };
    Some((name, test, positive))
}

/// The path of a `var` without a default.
fn attribute<'d>(evaluators: Evaluators<'d>, part: &Part<'d>) -> Option<&'d str> {
    let ("var", argument) = part.operation()? else {
        return None;
    };
    match &*evaluators.arguments(&argument) {
        [path] => evaluators.follow(path).value.as_str(),
        _ => None,
    }
}

impl Constant {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(value) => Some(Self::Number(f64::from(u8::from(*value)))),
            Value::Number(number) => {
                let value = number.as_f64()?;
                (number.is_f64() || value.abs() < MAX_EXACT).then_some(Self::Number(value))
            }
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Test {
    pub(super) fn constants(&self) -> &[Constant] {
        match self {
            Self::Truthy => &[],
            Self::OneOf(constants) => constants,
            Self::Equal(constant) | Self::Order(_, constant) => std::slice::from_ref(constant),
        }
    }
}

/// What `test` comes to where each of `known` is as it is said to be; `None` where that depends.
pub(super) fn decide(known: &[(&Test, bool)], test: &Test) -> Option<Verdict> {
    let line = Lines::of(known.iter().map(|(test, _)| *test).chain([test]));
    let mut found = Found::default();
    line.each_kind(&mut |kind| {
        let is_possible = |(test, truth): &(&Test, bool)| line.holds(test, kind) == *truth;
        if known.iter().all(is_possible) {
            found.add(
                line.holds(test, kind),
                matches!(kind, Kind::Composed { .. }),
            );
        }
    });
    found.verdict()
}

/// Which results there were.
#[derive(Default)]
struct Found {
    /// Of single values: false, true.
    single: [bool; 2],
    /// Of lists and objects.
    composed: [bool; 2],
}

impl Found {
    fn add(&mut self, result: bool, is_composed: bool) {
        let of = if is_composed {
            &mut self.composed
        } else {
            &mut self.single
        };
        of[usize::from(result)] = true;
    }

    fn verdict(&self) -> Option<Verdict> {
        let seen = |result: usize| (self.single[result], self.composed[result]);
        match (seen(0), seen(1)) {
            ((false, false), (false, false)) => None,
            (_, (false, false)) => Some(Verdict::Always(false)),
            ((false, false), _) => Some(Verdict::Always(true)),
            ((true, _), (false, true)) => Some(Verdict::ButForLists(false)),
            ((false, true), (true, _)) => Some(Verdict::ButForLists(true)),
            _ => None,
        }
    }
}

/// A place on a line: a mark has an odd number, and what lies between two marks an even one.
type Place = usize;

/// Values that no comparison tells apart.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Null,
    /// Booleans, too.
    Number(Place),
    /// Its place among texts, and as a number, if it is one.
    Text(Place, Option<Place>),
    /// A list or an object, by what it is as a text and as a number.
    Composed {
        text: Place,
        number: Option<Place>,
        truthy: bool,
    },
}

/// The numbers and texts with which something is compared, in order.
struct Lines {
    numbers: Vec<Mark<f64>>,
    texts: Vec<Mark<String>>,
}

struct Mark<T> {
    at: T,
    /// Whether values above and below are told apart.
    divides: bool,
    /// Whether values of other types are converted to compare with it.
    converts: bool,
}

impl Lines {
    fn of<'t>(tests: impl Iterator<Item = &'t Test>) -> Self {
        let mut line = Self {
            numbers: Vec::new(),
            texts: Vec::new(),
        };
        // What null is as a number and as a text, and what is not truthy; nothing lies before an empty text.
        line.number(0.0, false, true);
        line.text("", true, true);
        line.text("null", false, true);
        for test in tests {
            let divides = matches!(test, Test::Order(..));
            let converts = !matches!(test, Test::OneOf(_));
            for constant in test.constants() {
                match constant {
                    Constant::Null if divides => {
                        line.number(0.0, true, true);
                        line.text("null", true, true);
                    }
                    Constant::Null => {}
                    Constant::Number(number) => line.number(*number, divides, converts),
                    Constant::Text(text) => {
                        line.text(text, divides, converts);
                        line.number(number_of_text(text), divides, converts);
                    }
                }
            }
        }
        line.numbers.sort_by(|a, b| a.at.total_cmp(&b.at));
        line.numbers.dedup_by(|again, mark| mark.absorb(again));
        line.texts.sort_by(|a, b| a.at.cmp(&b.at));
        line.texts.dedup_by(|again, mark| mark.absorb(again));
        line
    }

    fn number(&mut self, at: f64, divides: bool, converts: bool) {
        if !at.is_nan() {
            self.numbers.push(Mark {
                // One zero.
                at: at + 0.0,
                divides,
                converts,
            });
        }
    }

    fn text(&mut self, at: &str, divides: bool, converts: bool) {
        self.texts.push(Mark {
            at: at.to_owned(),
            divides,
            converts,
        });
    }

    fn each_kind(&self, found: &mut dyn FnMut(Kind)) {
        found(Kind::Null);
        for number in places(&self.numbers, |_| true) {
            found(Kind::Number(number));
        }
        let converted: Vec<Option<Place>> = places(&self.numbers, |mark| mark.converts)
            .map(Some)
            .chain([None])
            .collect();
        for text in places(&self.texts, |_| true).filter(|place| *place > 0) {
            if text % 2 == 1 {
                let number = self.number_at(number_of_text(&self.texts[text / 2].at));
                found(Kind::Text(text, number));
            } else {
                for number in &converted {
                    found(Kind::Text(text, *number));
                }
            }
        }
        for text in places(&self.texts, |mark| mark.converts).filter(|place| *place > 0) {
            for number in &converted {
                for truthy in [false, true] {
                    found(Kind::Composed {
                        text,
                        number: *number,
                        truthy,
                    });
                }
            }
        }
    }

    fn number_at(&self, number: f64) -> Option<Place> {
        if number.is_nan() {
            return None;
        }
        let found = self
            .numbers
            .binary_search_by(|mark| mark.at.total_cmp(&(number + 0.0)));
        Some(place(found))
    }

    fn text_at(&self, text: &str) -> Place {
        place(self.texts.binary_search_by(|mark| (*mark.at).cmp(text)))
    }

    fn zero(&self) -> Option<Place> {
        self.number_at(0.0)
    }

    /// Whether a test holds for values of a kind, as evaluation has it.
    fn holds(&self, test: &Test, kind: Kind) -> bool {
        match test {
            Test::Truthy => match kind {
                Kind::Null => false,
                Kind::Number(number) => Some(number) != self.zero(),
                Kind::Text(place, _) => place != self.text_at(""),
                Kind::Composed { truthy, .. } => truthy,
            },
            Test::OneOf(constants) => constants
                .iter()
                .any(|constant| self.strictly(constant, kind)),
            Test::Equal(constant) => self.loosely(constant, kind),
            Test::Order(relation, constant) => self
                .order(constant, kind)
                .is_some_and(|ordering| relation.holds(ordering)),
        }
    }

    fn strictly(&self, constant: &Constant, kind: Kind) -> bool {
        match (constant, kind) {
            (Constant::Null, Kind::Null) => true,
            (Constant::Number(number), Kind::Number(at)) => self.number_at(*number) == Some(at),
            (Constant::Text(text), Kind::Text(at, _)) => self.text_at(text) == at,
            _ => false,
        }
    }

    fn loosely(&self, constant: &Constant, kind: Kind) -> bool {
        match (constant, kind) {
            (Constant::Null, Kind::Null) => true,
            (Constant::Null, Kind::Number(at)) => self.zero() == Some(at),
            (Constant::Null, _) | (Constant::Text(_), Kind::Null) => false,
            (Constant::Number(number), kind) => {
                let at = self.as_number(kind);
                at.is_some() && at == self.number_at(*number)
            }
            (Constant::Text(text), Kind::Number(at)) => {
                self.number_at(number_of_text(text)) == Some(at)
            }
            (Constant::Text(text), Kind::Text(at, _) | Kind::Composed { text: at, .. }) => {
                self.text_at(text) == at
            }
        }
    }

    /// How a value stands to a constant.
    fn order(&self, constant: &Constant, kind: Kind) -> Option<Ordering> {
        let as_numbers = |number: Option<Place>| Some(self.as_number(kind)?.cmp(&number?));
        match (constant, kind) {
            (Constant::Number(number), _) => as_numbers(self.number_at(*number)),
            (Constant::Text(text), Kind::Number(_)) => {
                as_numbers(self.number_at(number_of_text(text)))
            }
            (Constant::Text(text), Kind::Null) => {
                Some(self.text_at("null").cmp(&self.text_at(text)))
            }
            (Constant::Text(text), Kind::Text(at, _) | Kind::Composed { text: at, .. }) => {
                Some(at.cmp(&self.text_at(text)))
            }
            (Constant::Null, Kind::Text(at, _)) => Some(at.cmp(&self.text_at("null"))),
            (Constant::Null, _) => as_numbers(self.zero()),
        }
    }

    fn as_number(&self, kind: Kind) -> Option<Place> {
        match kind {
            Kind::Null => self.zero(),
            Kind::Number(number) => Some(number),
            Kind::Text(_, number) | Kind::Composed { number, .. } => number,
        }
    }
}

impl<T: PartialEq> Mark<T> {
    /// Whether `again` is the same mark, which then is one for both.
    fn absorb(&mut self, again: &Self) -> bool {
        let is_same = self.at == again.at;
        if is_same {
            self.divides |= again.divides;
            self.converts |= again.converts;
        }
        is_same
    }
}

/// Every mark that matters, and one place for each stretch within which nothing is told apart.
fn places<T>(marks: &[Mark<T>], matters: impl Fn(&Mark<T>) -> bool) -> impl Iterator<Item = Place> {
    let of_mark = move |(index, mark): (usize, &Mark<T>)| {
        let is_mark = matters(mark).then_some(2 * index + 1);
        let is_stretch = mark.divides.then_some(2 * index + 2);
        is_mark.into_iter().chain(is_stretch)
    };
    [0].into_iter()
        .chain(marks.iter().enumerate().flat_map(of_mark))
}

fn place(found: Result<usize, usize>) -> Place {
    match found {
        Ok(index) => 2 * index + 1,
        Err(index) => 2 * index,
    }
}

#[cfg(test)]
mod tests;
