//! Names of logs and of the subjects in them. A name is checked here, once; inner code never asks again.

use std::fmt;

/// What the records of a log are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Flag sets.
    FlagSets,
    /// Overrides.
    Overrides,
}

/// The longest name of a flag set or an override, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// The longest name of a region, a cluster or an environment, in bytes.
pub(crate) const MAX_PLACE_BYTES: usize = 64;

const FLAGS: &str = "BURGEE_FLAGS";
const OVERRIDES: &str = "BURGEE_OVERRIDES_";

/// A log: one JetStream stream, whose subjects are a prefix and one token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Log {
    name: String,
    prefix: String,
    kind: Kind,
}

/// A name that cannot be part of a subject or of a log's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {name:?} is not usable as a name: write 1 to {at_most} of {allowed}")]
pub struct NameError {
    what: &'static str,
    name: String,
    at_most: usize,
    allowed: &'static str,
}

impl Log {
    /// The log of all flag sets: `BURGEE_FLAGS`, subjects `burgee.flags.<set>`.
    pub fn flags() -> Self {
        Self {
            name: FLAGS.into(),
            prefix: "burgee.flags.".into(),
            kind: Kind::FlagSets,
        }
    }

    /// The log of the overrides that are set in a region: `BURGEE_OVERRIDES_<REGION>`, subjects
    /// `burgee.overrides.<region>.<token>`.
    ///
    /// A region is lower case, so that its upper-case form in the log's name belongs to it alone.
    pub fn overrides(region: &str) -> Result<Self, NameError> {
        check_region(region)?;
        Ok(Self {
            name: format!("{OVERRIDES}{}", region.to_ascii_uppercase()),
            prefix: format!("burgee.overrides.{region}."),
            kind: Kind::Overrides,
        })
    }

    /// The log of this name, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == FLAGS {
            return Some(Self::flags());
        }
        let log = Self::overrides(&name.strip_prefix(OVERRIDES)?.to_ascii_lowercase()).ok()?;
        (log.name == name).then_some(log)
    }

    /// The stream's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its records are about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The pattern of all its subjects.
    pub fn pattern(&self) -> String {
        format!("{}*", self.prefix)
    }

    /// The subject of one flag set or override.
    pub fn subject(&self, token: &str) -> Result<String, NameError> {
        let what = match self.kind {
            Kind::FlagSets => "flag set",
            Kind::Overrides => "override",
        };
        check_token(what, token)?;
        Ok(format!("{}{token}", self.prefix))
    }

    /// The flag set's name or the override's token in a subject of this log.
    pub fn token<'s>(&self, subject: &'s str) -> Option<&'s str> {
        let token = subject.strip_prefix(&self.prefix)?;
        check_token("", token).ok().map(|()| token)
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Whether `name` can be a flag set's name: a subject token that is also a safe file name.
pub fn check_set(name: &str) -> Result<(), NameError> {
    check_token("flag set", name)
}

/// Whether `name` can be a region's name.
pub fn check_region(name: &str) -> Result<(), NameError> {
    check_place("region", name)
}

/// Whether `name` can be a cluster's name.
pub fn check_cluster(name: &str) -> Result<(), NameError> {
    check_place("cluster", name)
}

/// Whether the configuration takes `name` for a region, a cluster or an environment.
pub(crate) fn is_place(name: &str) -> bool {
    check_place("", name).is_ok()
}

/// Lower case only: a log's name is made from it in upper case.
fn check_place(what: &'static str, name: &str) -> Result<(), NameError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    check(what, name, MAX_PLACE_BYTES, "a-z 0-9 - _", allowed)
}

fn check_token(what: &'static str, name: &str) -> Result<(), NameError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    check(what, name, MAX_NAME_BYTES, "A-Z a-z 0-9 - _", allowed)
}

fn check(
    what: &'static str,
    name: &str,
    at_most: usize,
    allowed: &'static str,
    fits: fn(u8) -> bool,
) -> Result<(), NameError> {
    if (1..=at_most).contains(&name.len()) && name.bytes().all(fits) {
        Ok(())
    } else {
        Err(NameError {
            what,
            name: name.chars().take(MAX_NAME_BYTES).collect(),
            at_most,
            allowed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_subjects() {
        let log = Log::overrides("eu-central_1").unwrap();
        assert_eq!(log.name(), "BURGEE_OVERRIDES_EU-CENTRAL_1");
        assert_eq!(log.pattern(), "burgee.overrides.eu-central_1.*");
        assert_eq!(log.token("burgee.overrides.eu-central_1.abc"), Some("abc"));
        assert_eq!(log.token("burgee.overrides.eu.abc"), None);
        assert_eq!(log.token("burgee.overrides.eu-central_1.a.b"), None);
        assert_eq!(Log::from_name(log.name()), Some(log));
        assert_eq!(Log::from_name("BURGEE_FLAGS"), Some(Log::flags()));
        assert_eq!(Log::from_name("BURGEE_OVERRIDES_eu"), None);
        assert_eq!(
            Log::flags().subject("checkout").unwrap(),
            "burgee.flags.checkout"
        );
    }

    #[test]
    fn what_cannot_be_a_token_is_refused() {
        for name in ["", "a.b", "a b", "*", ">", "é", "a/b", &"x".repeat(129)] {
            assert!(Log::flags().subject(name).is_err(), "{name:?}");
        }
        assert!(
            Log::overrides("EU").is_err(),
            "upper case would collide with lower case"
        );
        assert!(Log::overrides(&"x".repeat(64)).is_ok());
        assert!(Log::overrides(&"x".repeat(65)).is_err());
    }
}
