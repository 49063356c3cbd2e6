//! (Snapshot, Context, Moment) to a Decision; pure, and without allocation.

use std::cell::Cell;

use bumpalo::Bump;
use serde_json::Value as Json;

use crate::context::Context;
use crate::document::kind;
use crate::flag::{Flag, Flaw, Targeting, VariantIndex};
use crate::gate::{Watch, decide_gated};
use crate::operator::{Fault, Operand, Scope, Silent, Tracer, run_rule};
use crate::overrides::{NoOverrides, Overridden, Overrides};
use crate::snapshot::{FlagIndex, Snapshot};

/// Why a decision is what it is: OpenFeature's reasons, and Burgee's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// No rule.
    Static,
    /// A rule chose.
    TargetingMatch,
    /// The default variant, or none.
    Default,
    /// `state: DISABLED`.
    Disabled,
    /// Could not be evaluated.
    Error,
    /// An operator's override.
    Override,
    /// The snapshot was not known to be current for longer than `delivery.<flag>.stale.after`.
    Stale,
    /// Outside of `delivery.<flag>.regions`.
    Region,
    /// A flag of `delivery.<flag>.requires` is not served as one of the variants that are wanted.
    Prerequisite,
    /// Outside of the slots of `delivery.<flag>.layer`.
    Layer,
}

impl Reason {
    /// As it is called in metrics, logs and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "STATIC",
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Default => "DEFAULT",
            Self::Disabled => "DISABLED",
            Self::Error => "ERROR",
            Self::Override => "OVERRIDE",
            Self::Stale => "STALE",
            Self::Region => "REGION",
            Self::Prerequisite => "PREREQUISITE",
            Self::Layer => "LAYER",
        }
    }
}

/// OpenFeature's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// No such flag.
    FlagNotFound,
    /// The flag's rule could not be compiled, or a line of a batch is malformed.
    ParseError,
    /// The value is not of the type asked for.
    TypeMismatch,
    /// Anything else.
    General,
}

/// When a decision is made, and how fresh what it is made from is. Both in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time, as rules read it (`$flagd.timestamp`).
    pub now: u64,
    /// When the snapshot was last known to be current; `None`: never.
    pub synced_at: Option<u64>,
}

impl Moment {
    /// `now`, with a snapshot that is current: what a tool works with that read the files itself.
    pub fn current(now: u64) -> Self {
        Self {
            now,
            synced_at: Some(now),
        }
    }

    /// Seconds since the snapshot was last known to be current; `None`: it never was. A clock that was
    /// set back makes it no older than now.
    pub fn age(&self) -> Option<u64> {
        self.synced_at
            .map(|synced_at| self.now.saturating_sub(synced_at))
    }
}

/// What was decided. Borrows from the snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'s> {
    /// The flag.
    pub flag: &'s Flag,
    /// `None`: the backend's own default.
    pub variant: Option<VariantIndex>,
    /// Why.
    pub reason: Reason,
    /// With reason `Error`.
    pub error: Option<ErrorCode>,
    /// With error `TypeMismatch`: the type that was asked for.
    pub asked: Option<ValueType>,
    /// With error `ParseError` or `General`: what ended the rule. `None` where the rule gave something
    /// that names no variant.
    pub fault: Option<Fault>,
}

/// The type an SDK asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `boolean`
    Boolean,
    /// `string`
    String,
    /// `integer`
    Integer,
    /// `float`
    Float,
    /// `object`
    Object,
}

impl ValueType {
    fn with_article(self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Float => "a float",
            Self::Object => "an object",
        }
    }
}

impl<'s> Decision<'s> {
    /// The variant's value.
    pub fn value(&self) -> Option<&'s Json> {
        self.variant
            .map(|index| &self.flag.variants[usize::from(index.0)].value)
    }

    /// The variant's name.
    pub fn variant_name(&self) -> Option<&'s str> {
        self.variant
            .map(|index| &*self.flag.variants[usize::from(index.0)].name)
    }

    /// For people: what went wrong (allocates; only with an error).
    pub fn error_message(&self) -> Option<String> {
        let key = &self.flag.key;
        Some(match self.error? {
            ErrorCode::FlagNotFound => format!("there is no flag {key:?}"),
            ErrorCode::ParseError if self.flag.flaws.is_empty() => {
                format!("the rule of {key:?} is not valid")
            }
            ErrorCode::ParseError => {
                let flaws: Vec<String> = self.flag.flaws.iter().map(Flaw::to_string).collect();
                flaws.join("; ")
            }
            ErrorCode::TypeMismatch => {
                let asked = self.asked.map_or("another type", ValueType::with_article);
                format!("the value is {}, but {asked} was asked for", self.has())
            }
            ErrorCode::General => match self.fault {
                Some(fault) => format!("the rule of {key:?} fails: {}", fault.message()),
                None => format!("the rule of {key:?} gave something that names no variant"),
            },
        })
    }

    /// The same decision as an SDK that asked for `wanted` sees it: `TYPE_MISMATCH` where the value
    /// is not of that type.
    /// An integer is also a float; a float is never an integer, not even 1.0.
    #[must_use]
    pub fn typed(self, wanted: ValueType) -> Self {
        let fits = self.value().is_none_or(|value| match wanted {
            ValueType::Boolean => value.is_boolean(),
            ValueType::String => value.is_string(),
            ValueType::Integer => value.is_i64() || value.is_u64(),
            ValueType::Float => value.is_number(),
            ValueType::Object => value.is_object(),
        });
        if fits {
            self
        } else {
            Self {
                asked: Some(wanted),
                ..Self::failed(self.flag, ErrorCode::TypeMismatch)
            }
        }
    }

    /// What the flag's values are, which have one type, for one who asked for another.
    fn has(&self) -> &'static str {
        match self.flag.variants.first().map(|variant| &variant.value) {
            // Among numbers, only a float is not what was asked for.
            Some(Json::Number(_)) if self.asked == Some(ValueType::Integer) => "a float",
            Some(value) => kind(value),
            None => "nothing",
        }
    }

    /// The decision of an override.
    pub fn overridden(flag: &'s Flag, overridden: Overridden) -> Self {
        let variant = match overridden {
            Overridden::Variant(variant) => Some(variant),
            Overridden::Default => flag.default_variant,
        };
        Self::of(flag, variant, Reason::Override)
    }

    pub(crate) fn failed(flag: &'s Flag, error: ErrorCode) -> Self {
        Self {
            flag,
            variant: None,
            reason: Reason::Error,
            error: Some(error),
            asked: None,
            fault: None,
        }
    }

    fn faulty(flag: &'s Flag, fault: Fault) -> Self {
        let error = match fault {
            Fault::Parse => ErrorCode::ParseError,
            _ => ErrorCode::General,
        };
        Self {
            fault: Some(fault),
            ..Self::failed(flag, error)
        }
    }

    pub(crate) fn of(flag: &'s Flag, variant: Option<VariantIndex>, reason: Reason) -> Self {
        Self {
            flag,
            variant,
            reason,
            error: None,
            asked: None,
            fault: None,
        }
    }

    /// The default variant; without one, the backend's own default, whatever led here.
    fn default(flag: &'s Flag, reason: Reason) -> Self {
        match flag.default_variant {
            Some(variant) => Self::of(flag, Some(variant), reason),
            None => Self::of(flag, None, Reason::Default),
        }
    }
}

/// Decides one flag.
///
/// Never fails, never waits and, unless a rule computes an array or a text, never allocates. In this order: a
/// disabled flag is `DISABLED`; a spoiled one is `PARSE_ERROR`; one whose gates in `delivery` are not all
/// open has its default, and the gate as the reason (`STALE`, `REGION`, `PREREQUISITE`, `LAYER`, in this
/// order); one without a rule has its default (`STATIC`); then the rule says the name of a variant as a
/// string or a boolean (`TARGETING_MATCH`), or null for the default (`DEFAULT`); anything else it says is
/// an error (`GENERAL`), and so is a rule that takes too many steps.
pub fn evaluate<'s>(
    snapshot: &'s Snapshot,
    flag: FlagIndex,
    context: &Context<'_>,
    moment: Moment,
) -> Decision<'s> {
    evaluate_with(snapshot, flag, context, moment, &NoOverrides)
}

/// As [`evaluate`], with prerequisites as they are served under `overrides`. Whether the flag itself is
/// overridden is for the caller to ask first.
pub fn evaluate_with<'s>(
    snapshot: &'s Snapshot,
    flag: FlagIndex,
    context: &Context<'_>,
    moment: Moment,
    overrides: &impl Overrides,
) -> Decision<'s> {
    let asked = Asked::new(snapshot, context, moment, overrides);
    decide::<_, _, UNCOUNTED>(&asked, flag, &mut Silent)
}

/// What a decision is made from.
pub(crate) struct Asked<'s, 'c, O> {
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) context: &'c Context<'c>,
    pub(crate) moment: Moment,
    pub(crate) overrides: &'c O,
    /// Steps that rules of prerequisites have taken for it so far.
    pub(crate) spent: Cell<usize>,
}

impl<'s, 'c, O> Asked<'s, 'c, O> {
    pub(crate) fn new(
        snapshot: &'s Snapshot,
        context: &'c Context<'c>,
        moment: Moment,
        overrides: &'c O,
    ) -> Self {
        Self {
            snapshot,
            context,
            moment,
            overrides,
            spent: Cell::new(0),
        }
    }
}

/// Whether a rule's steps are counted in [`Asked::spent`]: those of prerequisites are, those of the flag
/// that is asked about are not.
pub(crate) const COUNTED: bool = true;
pub(crate) const UNCOUNTED: bool = false;

/// What a request gets: an override first.
pub(crate) fn serve<'s, O: Overrides>(asked: &Asked<'s, '_, O>, index: FlagIndex) -> Decision<'s> {
    match asked.overrides.find(index, asked.context) {
        Some(overridden) => Decision::overridden(asked.snapshot.flag(index), overridden),
        None => decide::<_, _, COUNTED>(asked, index, &mut Silent),
    }
}

/// The walk that [`evaluate`] and [`crate::explain()`] share.
#[inline]
pub(crate) fn decide<'s, O: Overrides, W: Watch, const COUNT: bool>(
    asked: &Asked<'s, '_, O>,
    index: FlagIndex,
    watch: &mut W,
) -> Decision<'s> {
    let flag = asked.snapshot.flag(index);
    if !flag.enabled {
        return Decision::of(flag, None, Reason::Disabled);
    }
    match &flag.gates {
        None => by_rule::<_, _, COUNT>(asked, flag, watch),
        Some(gates) => decide_gated::<_, _, COUNT>(asked, index, flag, gates, watch),
    }
}

/// Decides a flag that is enabled and whose gates are open.
#[inline]
pub(crate) fn by_rule<'s, O, T: Tracer, const COUNT: bool>(
    asked: &Asked<'s, '_, O>,
    flag: &'s Flag,
    tracer: &mut T,
) -> Decision<'s> {
    let rule = match &flag.targeting {
        Targeting::None => return Decision::default(flag, Reason::Static),
        Targeting::Spoiled => return Decision::failed(flag, ErrorCode::ParseError),
        Targeting::Rule { rule, .. } => rule,
    };
    let arena = Bump::new();
    let scope = Scope::new(asked.context, &flag.key, asked.moment.now, &arena);
    let result = run_rule(&rule.root, &scope, tracer);
    if COUNT {
        asked.spent.update(|spent| spent + scope.steps_taken());
    }
    let name = match result {
        Ok(Operand::Str(name)) => name,
        Ok(Operand::Bool(true)) => "true",
        Ok(Operand::Bool(false)) => "false",
        Ok(Operand::Null) => return Decision::default(flag, Reason::Default),
        Err(fault) => return Decision::faulty(flag, fault),
        Ok(_) => return Decision::failed(flag, ErrorCode::General),
    };
    match flag.variant(name) {
        Some(variant) => Decision::of(flag, Some(variant), Reason::TargetingMatch),
        None => Decision::failed(flag, ErrorCode::General),
    }
}
