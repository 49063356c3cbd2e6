//! Every flag of every set, immutable; what a request loads once.

use std::sync::Arc;

use crate::compile::Compiler;
use crate::context::Attributes;
use crate::flag::{Flag, FlagSet};

/// The number of a flag in one snapshot, dense from 0; valid for that snapshot only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlagIndex(pub u32);

/// Two sets define the same flag: the set whose name sorts first has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The flag.
    pub flag: Arc<str>,
    /// The set that has it.
    pub kept: Arc<str>,
    /// The set whose definition does not count.
    pub ignored: Arc<str>,
}

/// Every flag of every set.
#[derive(Debug)]
pub struct Snapshot {
    /// In order of name.
    sets: Box<[Arc<FlagSet>]>,
    /// In order of key.
    flags: Box<[Arc<Flag>]>,
    conflicts: Box<[Conflict]>,
    attributes: Attributes,
}

impl Snapshot {
    /// Joins sets, in whatever order they come. Shares them. Names of sets are unique.
    pub fn new(compiler: &Compiler, sets: impl IntoIterator<Item = Arc<FlagSet>>) -> Self {
        let mut sets: Vec<Arc<FlagSet>> = sets.into_iter().collect();
        sets.sort_by(|a, b| a.id.cmp(&b.id));
        // A stable sort, so that among flags of one key the one of the first set comes first.
        let mut flags: Vec<Arc<Flag>> = sets
            .iter()
            .flat_map(|set| set.flags.iter().cloned())
            .collect();
        flags.sort_by(|a, b| a.key.cmp(&b.key));
        let mut conflicts = Vec::new();
        flags.dedup_by(|later, kept| {
            let same = later.key == kept.key;
            if same {
                conflicts.push(Conflict {
                    flag: Arc::clone(&kept.key),
                    kept: Arc::clone(&kept.set),
                    ignored: Arc::clone(&later.set),
                });
            }
            same
        });
        Self {
            sets: sets.into(),
            flags: flags.into(),
            conflicts: conflicts.into(),
            attributes: compiler.attributes(),
        }
    }

    /// The flag of this key.
    pub fn find(&self, key: &str) -> Option<FlagIndex> {
        let index = self
            .flags
            .binary_search_by(|flag| (*flag.key).cmp(key))
            .ok()?;
        Some(number(index))
    }

    /// The flag of this number. Panics for a number of another snapshot that has more flags.
    #[inline]
    pub fn flag(&self, index: FlagIndex) -> &Flag {
        &self.flags[index.0 as usize]
    }

    /// Every flag, in order of key.
    pub fn flags(&self) -> impl ExactSizeIterator<Item = (FlagIndex, &Flag)> {
        self.flags
            .iter()
            .enumerate()
            .map(|(index, flag)| (number(index), &**flag))
    }

    /// Every set, in order of name.
    pub fn sets(&self) -> &[Arc<FlagSet>] {
        &self.sets
    }

    /// Flags that two sets define.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// Names of the attributes that its rules read.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}

fn number(index: usize) -> FlagIndex {
    FlagIndex(u32::try_from(index).expect("fewer than 2^32 flags fit into memory"))
}
