//! Document to compiled flags: every check, all problems at once, each with its path.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::context::{AttributeId, Attributes};
use crate::document::{self, FlagSource, too_large};
use crate::flag::{Flag, FlagSet, Flaw, MAX_FLAWS, Targeting, VariantIndex};
use crate::gate::Gates;
use crate::operator::Names;
use crate::operator::build::{Builder, substituted};
use crate::pointer::{Pointer, join_pointer, unescaped};
use crate::problem::{Problem, Problems, Severity};
use crate::room::{Room, flag_bytes, map_bytes, text_bytes};

/// Compiles documents. One per process and writer: it numbers the attributes that rules read, and
/// the numbers stay valid for every later snapshot.
#[derive(Debug, Default)]
pub struct Compiler {
    attributes: Attributes,
}

impl Compiler {
    /// A compiler that knows no attribute yet but `targetingKey` and `region`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles one document. `name` is the set's name where the document does not say it
    /// (`metadata.flagSetId`).
    ///
    /// A document that breaks flagd's `flags.json`, whose `defaultVariant` names no variant, or that
    /// is beyond a bound of [`crate::limits`] is refused, with every problem there is, those of its
    /// rules among them, each once for each flag that has it. A rule that cannot be compiled spoils
    /// only its own flag: the set is served, and its [`FlagSet::problems`] say so.
    pub fn compile(&mut self, name: &str, document: &Value) -> Result<FlagSet, Vec<Problem>> {
        let mut problems = Problems::default();
        let Some(document) = document::decode(name, document, &mut problems) else {
            return Err(problems.into_vec());
        };
        let set = Set {
            id: Arc::from(document.id.as_str()),
            evaluators_known: document.evaluators.is_some(),
            evaluators: Arc::new(document.evaluators.map(Cow::into_owned).unwrap_or_default()),
            metadata: &document.metadata,
        };
        let mut room = Room::of_a_set();
        room.take(map_bytes(&set.evaluators) + map_bytes(set.metadata));
        if problems.refuse() {
            // The rules are still read for what is wrong with them, though by a compiler aside: a
            // document that is refused numbers no attributes.
            let mut aside = Self::new();
            for source in document.flags {
                if aside.flag(source, &set, &mut room, &mut problems).is_none() {
                    problems.push_first(too_large());
                    break;
                }
            }
            return Err(problems.into_vec());
        }
        let known = self.attributes.clone();
        let flags: Option<Box<[Arc<Flag>]>> = document
            .flags
            .into_iter()
            .map(|source| {
                Some(Arc::new(self.flag(
                    source,
                    &set,
                    &mut room,
                    &mut problems,
                )?))
            })
            .collect();
        let Some(flags) = flags else {
            self.attributes = known;
            problems.push_first(too_large());
            return Err(problems.into_vec());
        };
        Ok(FlagSet {
            id: Arc::clone(&set.id),
            flags,
            metadata: document.metadata,
            problems: problems.into_vec(),
            bytes: room.taken(),
        })
    }

    /// Every attribute that a compiled rule reads so far.
    pub fn attributes(&self) -> Attributes {
        self.attributes.clone()
    }

    /// `None` where there is no room for it.
    fn flag(
        &mut self,
        source: FlagSource<'_>,
        set: &Set<'_>,
        room: &mut Room,
        problems: &mut Problems,
    ) -> Option<Flag> {
        if !room.take(flag_bytes(&source, set.metadata)) {
            return None;
        }
        let first = problems.len();
        let targeting = self.targeting(&source, set, room, problems);
        if room.is_spent() {
            return None;
        }
        problems.deduplicate(first);
        let reads = reads(&targeting, &source.gates);
        let own = problems
            .since(first)
            .iter()
            .filter(|problem| problem.severity == Severity::Flag);
        let own = own.map(|problem| Flaw::new(problem, set.find(&source, &problem.path)));
        let own: Vec<Flaw> = own.take(MAX_FLAWS).collect();
        let flaws = source.flaws.into_iter().chain(own).take(MAX_FLAWS);
        let flaws: Box<[Flaw]> = flaws.collect();
        if !room.take(flaws.iter().map(Flaw::bytes).sum()) {
            return None;
        }
        let names = Names::new(source.variants.iter().map(|variant| &*variant.name));
        let default_variant = source.default_variant.and_then(|name| {
            let mut variants = source.variants.iter();
            variants
                .position(|variant| *variant.name == *name)
                .map(VariantIndex::new)
        });
        let mut metadata = set.metadata.clone();
        metadata.extend(source.metadata);
        Some(Flag {
            key: Arc::from(source.key),
            set: Arc::clone(&set.id),
            enabled: source.enabled,
            variants: source.variants.into(),
            default_variant,
            metadata,
            header: source.header.map(Arc::from),
            reads: reads.attributes,
            reads_tree: reads.tree,
            reads_time: reads.time,
            names,
            gates: (!source.gates.is_empty()).then(|| Box::new(source.gates)),
            targeting,
            flaws,
        })
    }

    fn targeting(
        &mut self,
        source: &FlagSource<'_>,
        set: &Set<'_>,
        room: &mut Room,
        problems: &mut Problems,
    ) -> Targeting {
        let mut place = Pointer::default();
        place.push_raw(&join_pointer(&source.path, "targeting"));
        let Some(rule) = source.targeting.filter(|rule| !rule.is_null()) else {
            return Targeting::without_rule(source);
        };
        let substituted = substituted(&set.evaluators, rule);
        if !substituted.is_object() {
            let message = format!(
                "targeting is one operator with its arguments, not {}",
                document::kind(substituted)
            );
            problems.push(
                Problem::new(Severity::Flag, place.as_str(), message)
                    .of(source.key)
                    .help("remove it, or write a rule such as `if`"),
            );
            // flagd ignores what is empty, and fails on the rest.
            return if is_empty(substituted) {
                Targeting::without_rule(source)
            } else {
                Targeting::Spoiled
            };
        }
        if is_empty(substituted) {
            return Targeting::without_rule(source);
        }
        let builder = Builder {
            attributes: &mut self.attributes,
            evaluators: &set.evaluators,
            evaluators_known: set.evaluators_known,
            flag_key: source.key,
            bucketing: source.bucketing,
            problems,
            room,
        };
        let Some(compiled) = builder.build(place, rule) else {
            return Targeting::Spoiled;
        };
        if !source.flaws.is_empty() {
            return Targeting::Spoiled;
        }
        let text: Box<str> = rule.to_string().into();
        room.take(text_bytes(&text));
        Targeting::Rule {
            rule: compiled,
            source: text,
            evaluators: Arc::clone(&set.evaluators),
        }
    }
}

impl Targeting {
    fn without_rule(source: &FlagSource<'_>) -> Self {
        if source.flaws.is_empty() {
            Self::None
        } else {
            Self::Spoiled
        }
    }
}

/// What all flags of a set share.
struct Set<'d> {
    id: Arc<str>,
    evaluators: Arc<Map<String, Value>>,
    /// Whether these are all there are: otherwise the document is refused for them.
    evaluators_known: bool,
    metadata: &'d Map<String, Value>,
}

impl Set<'_> {
    /// What stands at a place of a rule of this flag, or of an evaluator.
    fn find<'v>(&'v self, source: &FlagSource<'v>, place: &str) -> Option<&'v Value> {
        if let Some(rest) = place.strip_prefix("/$evaluators/") {
            let (name, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            return self.evaluators.get(&unescaped(name))?.pointer(rest);
        }
        let rest = place.strip_prefix(&source.path)?;
        source.targeting?.pointer(rest.strip_prefix("/targeting")?)
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

struct Reads {
    attributes: Box<[AttributeId]>,
    tree: bool,
    time: bool,
}

fn reads(targeting: &Targeting, gates: &Gates) -> Reads {
    let mut reads = match targeting {
        Targeting::None | Targeting::Spoiled => Reads {
            attributes: Box::default(),
            tree: false,
            time: false,
        },
        Targeting::Rule { rule, .. } => Reads {
            attributes: rule.reads.clone(),
            tree: rule.reads_tree,
            time: rule.reads_time,
        },
    };
    if !gates.is_empty() {
        let rule = reads.attributes.into_iter();
        let all: BTreeSet<AttributeId> = rule.chain(gates.reads()).collect();
        reads.attributes = all.into_iter().collect();
    }
    reads
}
