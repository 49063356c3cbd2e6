//! Every kind of problem, by a name that stays: what programs tell findings apart by, and what
//! `docs/check.md` explains one by one.

use crate::problem::Severity;

/// One kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// In kebab-case.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in one sentence.
    pub summary: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $severity:ident, $summary:literal;)*) => {
        $(#[doc = $summary] pub const $name: &str = $id;)*

        /// All of them, in the order of the documentation.
        pub const ALL: &[Code] = &[$(Code {
            id: $id,
            severity: Severity::$severity,
            summary: $summary,
        }),*];
    };
}

codes! {
    INVALID_DOCUMENT = "invalid-document", Document, "The document breaks flagd's schema or a bound, and is refused whole.";
    INVALID_FLAG = "invalid-flag", Flag, "A rule or a delivery setting is not what it has to be: its flag resolves to an error, or to what nobody meant.";
    DUPLICATE_FLAG = "duplicate-flag", Document, "A flag is defined a second time.";
    UNKNOWN_DEFAULT_VARIANT = "unknown-default-variant", Document, "A `defaultVariant` names no variant.";
    UNKNOWN_OPERATOR = "unknown-operator", Flag, "A rule uses an operator that does not exist.";
    UNKNOWN_REFERENCE = "unknown-reference", Flag, "A `$ref` names no evaluator.";
    REFERENCE_CYCLE = "reference-cycle", Flag, "An evaluator refers to itself.";
    UNKNOWN_FLAG = "unknown-flag", Flag, "An entry of delivery is about no flag of its set.";
    UNKNOWN_PREREQUISITE = "unknown-prerequisite", Flag, "A flag requires a flag that does not exist, or a variant that it does not have.";
    PREREQUISITE_CYCLE = "prerequisite-cycle", Flag, "Flags require each other in a circle.";
    EXCESSIVE_PREREQUISITES = "excessive-prerequisites", Flag, "Deciding a flag takes more prerequisites than a decision may.";
    OVERLAPPING_LAYERS = "overlapping-layers", Flag, "Two flags of one layer have slots in common.";
    UNKNOWN_VARIANT = "unknown-variant", Mistake, "A rule gives something that names no variant of its flag.";
    NO_WEIGHT = "no-weight", Mistake, "The weights of a `fractional` sum to 0, so that it gives nobody a variant.";
    EXCESSIVE_WEIGHT = "excessive-weight", Mistake, "The weights of a `fractional` sum to more than 2^31 - 1, so that it gives nobody a variant.";
    INVALID_WEIGHT = "invalid-weight", Mistake, "A weight is not an integer, so that its `fractional` gives nobody a variant.";
    INVALID_ENTRY = "invalid-entry", Mistake, "An entry of a `fractional` is neither `[variant]` nor `[variant, weight]`, so that nobody gets a variant.";
    UNPINNED_BUCKETING = "unpinned-bucketing", Mistake, "A set splits users by `fractional` and does not say by which bucketing.";
    INVALID_VERSION = "invalid-version", Mistake, "A constant in `sem_ver` is no version, so that the comparison gives null.";
    INVALID_COMPARISON = "invalid-comparison", Mistake, "The operator in a `sem_ver` is none, so that the comparison gives null.";
    NEGATIVE_WEIGHT = "negative-weight", Warning, "A negative weight counts as 0.";
    CONSTANT_BUCKETING_VALUE = "constant-bucketing-value", Warning, "A `fractional` splits by a constant, which tells no user from another.";
    UNREACHABLE_RULE = "unreachable-rule", Warning, "A part of a rule can never be reached.";
    UNUSED_EVALUATOR = "unused-evaluator", Warning, "Nothing uses an evaluator.";
    UNKNOWN_ATTRIBUTE = "unknown-attribute", Warning, "A rule reads an attribute that the configuration never provides.";
    EXPIRED_FLAG = "expired-flag", Warning, "A flag is still there after the day on which it was to go.";
    INVALID_LIFECYCLE = "invalid-lifecycle", Warning, "The owner, purpose, stage or last day of a flag cannot be read.";
    NO_OWNER = "no-owner", Warning, "A flag names nobody to ask.";
    UNKNOWN_KEY = "unknown-key", Warning, "A key that nobody reads looks like one that is read.";
    UNPORTABLE = "unportable", Warning, "A set has a form that not every official evaluator takes.";
    CONTROL_CHARACTER = "control-character", Warning, "The name of a flag, a variant or an evaluator has a control character in it.";
    AMBIGUOUS_YAML = "ambiguous-yaml", Warning, "An unquoted word means something else to readers of YAML 1.1.";
    DOUBTFUL = "doubtful", Warning, "Something is served as it is, and is likely not what is meant.";
    TOO_LARGE_TO_LINT = "too-large-to-lint", Warning, "The rules are too large to be examined in full.";
}
