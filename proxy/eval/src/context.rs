//! What is known about a request, borrowed.
//!
//! Rules name attributes by dotted path; the compiler gives each path a number, once and for all, so
//! that a request fills numbered slots and a rule reads them without looking anything up.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value as Json;

/// The number of an attribute; valid for every snapshot of the same [`crate::Compiler`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeId(pub u32);

impl AttributeId {
    /// `targetingKey`: every compiler knows it, and it is always the first.
    pub const TARGETING_KEY: Self = Self(0);

    /// `region`: every compiler knows it, too. Whoever fills a context answers for it: it must not come
    /// from a client.
    pub const REGION: Self = Self(1);
}

/// The name of [`AttributeId::TARGETING_KEY`].
pub(crate) const TARGETING_KEY: &str = "targetingKey";

/// The name of [`AttributeId::REGION`].
const REGION: &str = "region";

/// The attributes that rules read, by number. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Attributes {
    table: Arc<Table>,
}

#[derive(Clone, Debug)]
struct Table {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, AttributeId>,
}

/// In the order of their numbers.
static ALWAYS_KNOWN: LazyLock<Attributes> = LazyLock::new(|| {
    let mut attributes = Attributes {
        table: Arc::new(Table {
            names: Vec::new(),
            numbers: HashMap::new(),
        }),
    };
    for name in [TARGETING_KEY, REGION] {
        attributes.intern(name);
    }
    attributes
});

impl Default for Attributes {
    fn default() -> Self {
        ALWAYS_KNOWN.clone()
    }
}

impl Attributes {
    /// How many there are; `targetingKey` and `region` are always there.
    pub fn len(&self) -> usize {
        self.table.names.len()
    }

    /// Whether there are none. Never so, for `targetingKey` is always there.
    pub fn is_empty(&self) -> bool {
        self.table.names.is_empty()
    }

    /// The dotted path as the rule wrote it. Panics for a number of another compiler.
    pub fn name(&self, id: AttributeId) -> &str {
        &self.table.names[id.0 as usize]
    }

    /// The number of a path.
    pub fn find(&self, name: &str) -> Option<AttributeId> {
        self.table.numbers.get(name).copied()
    }

    /// The number of a path, given now if it has none. Snapshots that share the table keep theirs.
    pub(crate) fn intern(&mut self, name: &str) -> AttributeId {
        if let Some(id) = self.find(name) {
            return id;
        }
        let table = Arc::make_mut(&mut self.table);
        let id = AttributeId(u32::try_from(table.names.len()).expect("fewer than 2^32 attributes"));
        let name: Arc<str> = Arc::from(name);
        table.names.push(Arc::clone(&name));
        table.numbers.insert(name, id);
        id
    }
}

/// The value of an attribute, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Absent or null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number; JSON Schema's view: 1 and 1.0 are the same.
    Number(f64),
    /// A string.
    Str(&'a str),
    /// An array or an object, or an integer that a double cannot hold.
    Json(&'a Json),
}

/// Integers up to this one, in both directions, are doubles without loss.
pub(crate) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

impl<'a> From<&'a Json> for Value<'a> {
    #[allow(clippy::cast_precision_loss)] // Only integers that a double holds are cast.
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::String(text) => Self::Str(text),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) if integer.unsigned_abs() <= MAX_SAFE_INTEGER => {
                    Self::Number(integer as f64)
                }
                (_, Some(float)) if number.is_f64() => Self::Number(float),
                _ => Self::Json(json),
            },
            Json::Array(_) | Json::Object(_) => Self::Json(json),
        }
    }
}

/// What is known about a request.
#[derive(Debug)]
pub struct Context<'a> {
    /// By [`AttributeId`]; the first is `targetingKey`, so it is there also where no rule reads it.
    slots: Vec<Value<'a>>,
    tree: Option<&'a serde_json::Map<String, Json>>,
}

impl<'a> Context<'a> {
    /// An empty context with room for every attribute.
    pub fn new(attributes: &Attributes) -> Self {
        Self {
            slots: vec![Value::Null; attributes.len()],
            tree: None,
        }
    }

    /// A context from an object such as `{"targetingKey":"u1","geo":{"country":"DE"}}`.
    /// Any other JSON value is an empty context.
    pub fn from_json(attributes: &Attributes, tree: &'a Json) -> Self {
        let mut context = Self::new(attributes);
        let Json::Object(members) = tree else {
            return context;
        };
        context.tree = Some(members);
        for (slot, name) in context.slots.iter_mut().zip(&attributes.table.names) {
            *slot = look_up(members, name);
        }
        context
    }

    /// Sets one attribute.
    pub fn set(&mut self, id: AttributeId, value: Value<'a>) {
        let slot = id.0 as usize;
        if slot >= self.slots.len() {
            self.slots.resize(slot + 1, Value::Null);
        }
        self.slots[slot] = value;
    }

    /// The value of one attribute.
    #[inline]
    pub fn get(&self, id: AttributeId) -> Value<'a> {
        self.slots
            .get(id.0 as usize)
            .copied()
            .unwrap_or(Value::Null)
    }

    /// `targetingKey`, when it is a string.
    #[inline]
    pub fn targeting_key(&self) -> Option<&'a str> {
        match self.get(AttributeId::TARGETING_KEY) {
            Value::Str(key) => Some(key),
            _ => None,
        }
    }

    /// Sets `targetingKey`.
    pub fn set_targeting_key(&mut self, key: &'a str) {
        self.set(AttributeId::TARGETING_KEY, Value::Str(key));
    }

    /// The whole context, where it was given as one.
    pub(crate) fn tree(&self) -> Option<&'a serde_json::Map<String, Json>> {
        self.tree
    }
}

/// What a dotted path finds in an object.
pub(crate) fn look_up<'a>(members: &'a serde_json::Map<String, Json>, path: &str) -> Value<'a> {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let value = members.get(first).map_or(Value::Null, Value::from);
    match rest {
        Some(rest) => walk(value, rest),
        None => value,
    }
}

/// What a dotted path finds inside a value: members of objects, items of arrays and characters of
/// strings by index, and the `length` of both (in characters), as JSONLogic has it. A path ends at a
/// `length`, whatever follows.
pub(crate) fn walk<'a>(mut value: Value<'a>, path: &str) -> Value<'a> {
    for part in path.split('.') {
        value = match value {
            Value::Json(Json::Object(members)) => {
                members.get(part).map_or(Value::Null, Value::from)
            }
            Value::Json(Json::Array(items)) if part == "length" => return length(items.len()),
            Value::Json(Json::Array(items)) => index(part)
                .and_then(|at| items.get(at))
                .map_or(Value::Null, Value::from),
            Value::Str(text) if part == "length" => return length(text.chars().count()),
            Value::Str(text) => index(part)
                .and_then(|at| character(text, at))
                .map_or(Value::Null, Value::Str),
            _ => return Value::Null,
        };
    }
    value
}

#[allow(clippy::cast_precision_loss)] // Nothing in memory has 2^53 items.
pub(crate) fn length(items: usize) -> Value<'static> {
    Value::Number(items as f64)
}

/// An index as JSONLogic writes it: decimal digits without a leading zero.
pub(crate) fn index(part: &str) -> Option<usize> {
    let canonical = part == "0" || !part.starts_with('0');
    (canonical && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
}

pub(crate) fn character(text: &str, at: usize) -> Option<&str> {
    let (start, c) = text.char_indices().nth(at)?;
    text.get(start..start + c.len_utf8())
}
