//! What must hold before a flag's rule is asked: `regions`, `requires`, `layer` and `stale` of its entry
//! in `delivery`.
//!
//! Each is a gate. The first that is closed is the reason for what is served then, which is the default
//! variant; [`pass`] has the order. What a flag requires of flags of other sets is resolved when sets
//! are joined ([`join`]), never for a request.

pub(crate) mod join;
mod pass;
mod region;

use std::sync::Arc;

pub(crate) use self::pass::{Watch, decide_gated};
pub(crate) use self::region::Pattern;
use crate::bucketing::{Murmur, layer_prefix, slot_after};
use crate::context::AttributeId;
use crate::evaluate::Moment;
use crate::room::{PIECE, text_bytes};

/// The gates of one flag.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    pub(crate) stale: Option<Stale>,
    /// `None`: everywhere.
    pub(crate) regions: Option<Box<[Pattern]>>,
    /// In order of key.
    pub(crate) requires: Box<[Requires]>,
    pub(crate) layer: Option<Layer>,
}

/// A flag that must be served as one of some variants.
#[derive(Debug)]
pub(crate) struct Requires {
    pub(crate) key: Box<str>,
    /// As authored.
    pub(crate) variants: Box<[Box<str>]>,
}

/// Slots of a layer, both ends included.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) name: Arc<str>,
    pub(crate) from: u32,
    pub(crate) to: u32,
    prefix: Murmur,
}

/// What to do when the snapshot was not known to be current for too long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stale {
    /// Seconds; beyond them it is stale.
    pub(crate) after: u64,
    pub(crate) then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The default variant.
    Default,
    /// What would be served anyway.
    Serve,
}

impl Gates {
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            stale,
            regions,
            requires,
            layer,
        } = self;
        stale.is_none() && regions.is_none() && requires.is_empty() && layer.is_none()
    }

    /// What they take in memory.
    pub(crate) fn bytes(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let Self {
            stale: _,
            regions,
            requires,
            layer,
        } = self;
        let patterns = regions.iter().flatten().map(Pattern::bytes);
        let requires = requires.iter().map(|Requires { key, variants }| {
            let variants = variants
                .iter()
                .map(|name| size_of::<Box<str>>() + text_bytes(name));
            size_of::<Requires>() + text_bytes(key) + PIECE + variants.sum::<usize>()
        });
        let layer = layer.as_ref();
        let layer = layer.map_or(0, |layer| text_bytes(&layer.name) + PIECE);
        // Beside the gates, the list of what they read: a region and a targeting key.
        let fixed = size_of::<Self>() + 4 * PIECE;
        fixed + patterns.sum::<usize>() + requires.sum::<usize>() + layer
    }

    /// Which attributes the gates themselves read; those of prerequisites aside.
    pub(crate) fn reads(&self) -> impl Iterator<Item = AttributeId> {
        let region = self.regions.is_some().then_some(AttributeId::REGION);
        let key = self.layer.is_some().then_some(AttributeId::TARGETING_KEY);
        region.into_iter().chain(key)
    }
}

impl Layer {
    pub(crate) fn new(name: &str, from: u32, to: u32) -> Self {
        Self {
            name: Arc::from(name),
            from,
            to,
            prefix: layer_prefix(name),
        }
    }

    fn slot(&self, targeting_key: &str) -> u32 {
        slot_after(self.prefix, targeting_key)
    }

    fn has(&self, slot: u32) -> bool {
        (self.from..=self.to).contains(&slot)
    }
}

impl Stale {
    fn is(self, moment: Moment) -> bool {
        moment.age().is_none_or(|age| age > self.after)
    }
}

impl Then {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Serve => "serve",
        }
    }
}
