//! Every flag of every set, immutable; what a request loads once.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::compile::Compiler;
use crate::context::{AttributeId, Attributes};
use crate::flag::{Flag, FlagSet};
use crate::gate::join::{Prerequisites, join};
use crate::problem::Problem;

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

/// Something that is wrong between flags, of one set or of several: each set alone is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetProblem {
    /// The set of the flag at fault.
    pub set: Arc<str>,
    /// What is wrong; its path is one of that set's document.
    pub problem: Problem,
}

/// What deciding a flag takes, its prerequisites included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Which attributes are read, sorted, without duplicates.
    pub attributes: Box<[AttributeId]>,
    /// The context must be provided as a tree ([`crate::Context::from_json`]).
    pub tree: bool,
    /// The time is read, other than for staleness.
    pub time: bool,
    /// The least `stale.after` among them, in seconds: while the snapshot is no older than this, its age
    /// changes nothing.
    pub stale_after: Option<u64>,
}

/// Every flag of every set.
#[derive(Debug)]
pub struct Snapshot {
    /// In order of name.
    sets: Box<[Arc<FlagSet>]>,
    /// In order of key.
    flags: Box<[Arc<Flag>]>,
    conflicts: Box<[Conflict]>,
    prerequisites: Prerequisites,
    problems: Box<[SetProblem]>,
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
        let (prerequisites, problems) = join(&flags);
        Self {
            sets: sets.into(),
            flags: flags.into(),
            conflicts: conflicts.into(),
            prerequisites,
            problems,
            attributes: compiler.attributes(),
        }
    }

    /// The flag of this key.
    pub fn find(&self, key: &str) -> Option<FlagIndex> {
        let index = self
            .flags
            .binary_search_by(|flag| (*flag.key).cmp(key))
            .ok()?;
        Some(FlagIndex::new(index))
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
            .map(|(index, flag)| (FlagIndex::new(index), &**flag))
    }

    /// Every set, in order of name.
    pub fn sets(&self) -> &[Arc<FlagSet>] {
        &self.sets
    }

    /// Flags that two sets define.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// What is wrong between flags: prerequisites that are not there, cycles, layers that overlap. In
    /// order of set and place, and the same whatever order the sets came in.
    pub fn problems(&self) -> &[SetProblem] {
        &self.problems
    }

    /// What deciding this flag takes, its prerequisites included. Looks at no more flags than
    /// [`crate::limits::MAX_PREREQUISITE_WALK`] allows, and the flag itself.
    pub fn needs(&self, flag: FlagIndex) -> Needs {
        let mut seen = BTreeSet::from([flag]);
        let mut left = vec![flag];
        let mut attributes = BTreeSet::new();
        let mut needs = Needs::default();
        while let Some(index) = left.pop() {
            let flag = self.flag(index);
            attributes.extend(&flag.reads);
            needs.tree |= flag.reads_tree;
            needs.time |= flag.reads_time;
            let after = flag.gates.as_ref().and_then(|gates| gates.stale);
            let after = after.map(|stale| stale.after);
            needs.stale_after = [needs.stale_after, after].into_iter().flatten().min();
            let asked = self.prerequisites.asked_by(index);
            left.extend(asked.filter(|asked| seen.insert(*asked)));
        }
        needs.attributes = attributes.into_iter().collect();
        needs
    }

    pub(crate) fn prerequisites(&self) -> &Prerequisites {
        &self.prerequisites
    }

    /// Names of the attributes that its rules read.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}

impl FlagIndex {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2^32 flags fit into memory"))
    }
}
