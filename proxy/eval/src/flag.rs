//! A flag and a flag set, compiled.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::context::AttributeId;
use crate::gate::Gates;
use crate::operator::build::Rule;
use crate::operator::{Names, shown_json};
use crate::problem::Problem;
use crate::room::text_bytes;

/// Position of a variant in [`Flag::variants`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VariantIndex(pub u16);

/// One named value that a flag can take.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its name.
    pub name: Arc<str>,
    /// Its value; all variants of a flag have the same JSON type.
    pub value: Value,
}

/// A compiled flag. (Fields that only evaluation needs are private.)
#[derive(Debug)]
pub struct Flag {
    /// Its key, unique in a snapshot.
    pub key: Arc<str>,
    /// The set that it stands in.
    pub set: Arc<str>,
    /// `state: ENABLED`.
    pub enabled: bool,
    /// In order of name.
    pub variants: Box<[Variant]>,
    /// `None`: the backend's own default.
    pub default_variant: Option<VariantIndex>,
    /// The set's metadata merged with the flag's; the flag's wins.
    pub metadata: Map<String, Value>,
    /// `delivery.<flag>.header`, as authored.
    pub header: Option<Arc<str>>,
    /// Which attributes its rules and its gates read, sorted, without duplicates. Those of its
    /// prerequisites are in [`crate::Snapshot::needs`], too.
    pub reads: Box<[AttributeId]>,
    /// Its rules read the context as a whole, or an attribute whose name they compute: the caller
    /// must provide the context as a tree ([`crate::Context::from_json`]).
    pub reads_tree: bool,
    /// Its rules read `$flagd.timestamp`.
    pub reads_time: bool,
    /// The names of its variants once more, in the form that is fastest to search.
    pub(crate) names: Names,
    /// What must hold before its rule is asked; `None`: nothing.
    pub(crate) gates: Option<Box<Gates>>,
    /// What decides.
    pub(crate) targeting: Targeting,
    /// Why it, or a part of its rule, is spoiled: the first few.
    pub(crate) flaws: Box<[Flaw]>,
}

/// How many of its flaws a flag keeps.
pub(crate) const MAX_FLAWS: usize = 5;

/// What a flag is spoiled by, for people.
#[derive(Debug)]
pub(crate) struct Flaw {
    /// JSON Pointer into the document.
    pub(crate) place: Box<str>,
    /// What stands there, as compact JSON, shortened.
    pub(crate) expression: Box<str>,
    /// What is wrong with it.
    pub(crate) message: Box<str>,
}

impl Flaw {
    pub(crate) fn new(problem: &Problem, there: Option<&Value>) -> Self {
        Self {
            place: problem.path.as_str().into(),
            expression: shown_json(there.unwrap_or(&Value::Null)).into(),
            message: problem.message.as_str().into(),
        }
    }

    /// What it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let Self {
            place,
            expression,
            message,
        } = self;
        let texts = text_bytes(place) + text_bytes(expression) + text_bytes(message);
        size_of::<Self>() + texts
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// What decides a flag that is enabled.
#[derive(Debug)]
pub(crate) enum Targeting {
    /// Nothing: always the default variant.
    None,
    /// What it asks for cannot be given: `PARSE_ERROR`.
    Spoiled,
    /// A rule.
    Rule {
        rule: Rule,
        /// The rule as authored, as JSON text, which takes a tenth of the memory of a value.
        source: Box<str>,
        /// The set's `$evaluators`, for explanations.
        evaluators: Arc<Map<String, Value>>,
    },
}

impl Flag {
    /// The variant of this name.
    #[inline]
    pub fn variant(&self, name: &str) -> Option<VariantIndex> {
        let index = if self.names.is_empty() {
            self.search(name)
        } else {
            self.names.position(name)
        };
        index.map(VariantIndex::new)
    }

    /// Never inlined, for it needs more registers than the few names that most flags have.
    #[inline(never)]
    fn search(&self, name: &str) -> Option<usize> {
        self.variants
            .binary_search_by(|variant| (*variant.name).cmp(name))
            .ok()
    }
}

impl VariantIndex {
    pub(crate) fn new(index: usize) -> Self {
        Self(u16::try_from(index).expect("MAX_VARIANTS is below 2^16"))
    }
}

/// A compiled flag set: immutable, shared by every snapshot that holds it.
#[derive(Debug)]
pub struct FlagSet {
    /// Its name.
    pub id: Arc<str>,
    /// In order of key.
    pub flags: Box<[Arc<Flag>]>,
    /// The set's own metadata.
    pub metadata: Map<String, Value>,
    /// Warnings and spoiled flags; never `Severity::Document`.
    pub problems: Vec<Problem>,
    /// What it takes in memory, estimated on the high side: at most [`crate::limits::MAX_SET_BYTES`].
    pub bytes: usize,
}
