//! Kinds of findings beyond those of a document ([`burgee_eval::code`]): of files, of a configuration,
//! and of flag sets beside each other.

use burgee_eval::Severity;
use burgee_eval::code::{self, Code};

macro_rules! codes {
    ($($name:ident = $id:literal, $severity:ident, $summary:literal;)*) => {
        $(#[doc = $summary] pub(crate) const $name: &str = $id;)*

        const OWN: &[Code] = &[$(Code {
            id: $id,
            severity: Severity::$severity,
            summary: $summary,
        }),*];
    };
}

codes! {
    UNREADABLE_FILE = "unreadable-file", Document, "A file or directory cannot be read.";
    NO_FLAG_SET = "no-flag-set", Warning, "A directory holds no flag set.";
    SKIPPED_DIRECTORY = "skipped-directory", Warning, "A directory inside a directory holds flag sets, which are not read.";
    SYNTAX = "syntax", Document, "A file is neither JSON nor YAML.";
    INVALID_CONFIGURATION = "invalid-configuration", Document, "A configuration cannot be served.";
    UNREADABLE_DATABASE = "unreadable-database", Document, "The configuration names a geography database that cannot be read.";
    UNKNOWN_ROUTE_FLAG = "unknown-route-flag", Warning, "A route asks for a flag or a variant that no flag set at hand has.";
    INVALID_HEADER = "invalid-header", Flag, "A flag cannot be told to a backend by its header.";
    DUPLICATE_SET = "duplicate-set", Document, "Two files hold flag sets of one name.";
    CANNOT_FIX = "cannot-fix", Document, "The file has no place where a pin could be written.";
}

/// Every kind there is.
pub(crate) fn all() -> impl Iterator<Item = &'static Code> {
    OWN.iter().chain(code::ALL)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is reported by a name can be looked up by it.
    #[test]
    fn every_kind_is_documented_once_with_its_level() {
        let documentation = include_str!("../../../docs/check.md");
        let rows = documentation.lines().filter_map(|line| {
            let (id, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
            let (level, _) = rest.split_once(" | ")?;
            Some((id, level))
        });
        let rows: Vec<_> = rows.collect();
        let ids: BTreeSet<_> = rows.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids.len(), rows.len(), "each stands there once");
        let known: BTreeSet<_> = all().map(|code| code.id).collect();
        assert_eq!(known.len(), all().count(), "each has a name of its own");
        assert_eq!(ids, known);
        for code in all() {
            let level = crate::finding::Level::from(code.severity).name();
            assert!(
                rows.contains(&(code.id, level)),
                "{} is an {level}",
                code.id
            );
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(code.id.chars().all(kebab), "{}", code.id);
            assert!(code.summary.ends_with('.'), "{}", code.summary);
        }
    }
}
