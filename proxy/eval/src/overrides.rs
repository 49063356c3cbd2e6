//! What stands before evaluation.
//!
//! Evaluation knows nothing of how an override is written, signed or ended. But a prerequisite counts as
//! it is served, so evaluation asks, for each prerequisite, what stands.

use crate::context::Context;
use crate::flag::VariantIndex;
use crate::snapshot::FlagIndex;

/// What an override decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overridden {
    /// This variant.
    Variant(VariantIndex),
    /// The flag's default.
    Default,
}

/// The overrides in force at one moment.
pub trait Overrides {
    /// What stands for this flag and context; `None`: nothing, and the flag is evaluated. For a
    /// decision to be a function of what it is made from, the answer must be one of the flag and the
    /// context, too.
    fn find(&self, flag: FlagIndex, context: &Context<'_>) -> Option<Overridden>;
}

/// None.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOverrides;

impl Overrides for NoOverrides {
    #[inline]
    fn find(&self, _: FlagIndex, _: &Context<'_>) -> Option<Overridden> {
        None
    }
}
