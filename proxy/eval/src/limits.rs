//! Every bound of this crate, with its name and its reason.
//!
//! A bound is inclusive: a document at the bound is accepted, one beyond it is refused (or spoils
//! its flag, where the bound is a rule's).

/// Bytes of one text. A flag set travels as one message, and messaging systems refuse more.
pub const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;

/// How deep values nest in one text. Deeper documents are not written by people, and every walk
/// over a value uses the stack.
pub const MAX_NESTING: usize = 96;

/// Bytes of one key of an object. A path holds as many keys as values nest, and every problem has a
/// path.
pub const MAX_KEY_BYTES: usize = 1024;

/// What the anchors and aliases of one YAML text may add, in bytes of text and 16 for each value: a
/// text of 300 bytes can otherwise stand for gigabytes.
pub const MAX_ALIASED_BYTES: usize = 1024 * 1024;

/// Bytes of a flag set's name, which becomes part of a subject.
pub const MAX_SET_NAME_BYTES: usize = 128;

/// Flags in one set.
pub const MAX_FLAGS: usize = 10_000;

/// Variants of one flag.
pub const MAX_VARIANTS: usize = 1_000;

/// Values (operators, arguments, literals) in one rule, after references are substituted.
pub const MAX_RULE_NODES: usize = 10_000;

/// How deep one rule nests, after references are substituted. Evaluation recurses as deep.
pub const MAX_RULE_DEPTH: usize = 96;

/// Bytes that one set may take in memory, as [`crate::FlagSet::bytes`] estimates them: references are
/// substituted in every rule anew, so that a text of 100 KB can otherwise stand for gigabytes. An
/// operator takes some 180 bytes, with its place, and a constant some 60: this is the room for half a
/// million parts. 10,000 flags as an organisation has them take half of it, by the estimate, and a third
/// in truth (`tests/set_memory.rs`).
pub const MAX_SET_BYTES: usize = 64 * 1024 * 1024;

/// Bytes that all sets of one proxy may take, by the same estimate. In the 512 MiB that `deploy/` gives a
/// proxy this leaves room for the next version of a set, which is compiled while the old one is served,
/// and for requests.
pub const MAX_SNAPSHOT_BYTES: usize = 192 * 1024 * 1024;

/// Steps that one evaluation may take. Every turn of a loop takes one and as many as the expression
/// that it repeats has nodes; comparing, copying, searching and hashing take one for each item and for
/// each 16 to 64 bytes of a text; what is not repeated is bounded by [`MAX_RULE_NODES`] and takes none.
/// A step takes some ten nanoseconds, so that an evaluation takes a few milliseconds at most; and some
/// 16 MiB, for whatever it makes takes steps, too.
pub const MAX_EVALUATION_STEPS: usize = 100_000;

/// How deep a value nests that a rule compares, hashes or writes as text. No JSON text that is read
/// nests deeper: only `reduce` and `map` can wrap a value in arrays again and again. Such a walk uses
/// the stack.
pub const MAX_VALUE_DEPTH: usize = 128;

/// Steps that are listed in one explanation; the rest are counted.
pub const MAX_EXPLAINED_STEPS: usize = 1_000;

/// Problems that are reported for one document; the rest are counted.
pub const MAX_PROBLEMS: usize = 1_000;

/// Bytes of all problems of one document; those beyond are counted like those beyond
/// [`MAX_PROBLEMS`]. A path holds as many keys as values nest.
pub const MAX_PROBLEM_BYTES: usize = 1024 * 1024;

/// Parts of rules that are looked at to lint one document. Evaluators that many flags share are
/// looked at once; what is left is how often they give a result, flag by flag.
pub const MAX_LINT_STEPS: usize = 5_000_000;

/// Patterns in one flag's `delivery.<flag>.regions`.
pub const MAX_REGIONS: usize = 64;

/// Bytes of one pattern of a region. A region's name is one token of a subject, and short.
pub const MAX_REGION_BYTES: usize = 128;

/// Prerequisites of one flag.
pub const MAX_PREREQUISITES: usize = 16;

/// Evaluations of prerequisites that one decision may cause, those of prerequisites of prerequisites
/// included, each as often as it is asked: evaluation remembers nothing, so a graph of few flags
/// can stand for very many evaluations.
pub const MAX_PREREQUISITE_WALK: usize = 64;

/// Steps that the rules of prerequisites may take for one decision, all together. The one that goes
/// beyond it is still evaluated to its end, so that a decision takes no more than three times
/// [`MAX_EVALUATION_STEPS`]: these, that one, and its own rule.
pub const MAX_PREREQUISITE_STEPS: usize = MAX_EVALUATION_STEPS;

/// Bytes of a layer's name.
pub const MAX_LAYER_NAME_BYTES: usize = 128;

/// `delivery.<flag>.stale.after`, in seconds: at least, for staleness is known in whole seconds.
pub const MIN_STALE_SECONDS: u64 = 1;

/// `delivery.<flag>.stale.after`, in seconds, at most: 366 days. What is meant to last longer is not
/// meant to end.
pub const MAX_STALE_SECONDS: u64 = 366 * 24 * 60 * 60;

/// A shorter `delivery.<flag>.stale.after`, in seconds, is warned about: a proxy that is connected asks
/// its logs about every ten seconds whether it is current, and would be stale in between.
pub const SHORT_STALE_SECONDS: u64 = 30;
