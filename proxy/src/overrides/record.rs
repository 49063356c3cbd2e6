//! What the record of an override says.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::envelope::Digest;
use crate::printable::is_hidden;
use crate::registry::{NameError, check_cluster, check_region};

/// The longest an override may last. What should last longer is a change of the flag. It also bounds
/// how long a proxy must remember an override that is over, to refuse a replay of it.
pub const MAX_DURATION: Duration = Duration::from_hours(90 * 24);

/// Targeting keys that one override can name: as many hashes as fit an envelope, with room to spare.
pub const MAX_KEYS: usize = 8_000;

/// Bytes of salt.
pub const SALT_BYTES: usize = 16;

/// An override, as its record carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideDocument {
    /// The flag's key.
    pub flag: String,
    /// The variant that everyone in scope gets. `null`: the flag's default.
    pub variant: Option<String>,
    /// Where it counts.
    pub scope: Scope,
    /// For whom; `null`: everyone.
    pub keys: Option<Keys>,
    /// When it ends, by the clock that also wrote the record's `when`: their difference is the
    /// signed duration.
    pub ends: Timestamp,
}

/// Where an override counts. In text: `global`, `region:eu`, `cluster:eu-1`.
/// Ordered from the weakest to the strongest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everywhere.
    Global,
    /// In the proxies of one region.
    Region(String),
    /// In the proxies of one cluster.
    Cluster(String),
}

/// Targeting keys as salted hashes, for a log forgets nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Random, of [`SALT_BYTES`] bytes; 32 hex digits.
    #[serde(with = "salt_hex")]
    pub salt: [u8; SALT_BYTES],
    /// SHA-256 of the salt's bytes followed by the key's UTF-8. Sorted, without duplicates.
    pub sha256: Vec<Digest>,
}

/// What is wrong with an override.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It would be over before it began.
    #[error("it ends at {ends}, not after it was set at {when}")]
    Ends {
        /// Its end.
        ends: Timestamp,
        /// When it was set.
        when: Timestamp,
    },
    /// Longer than [`MAX_DURATION`].
    #[error("it lasts longer than {} days; change the flag instead", MAX_DURATION.as_secs() / 86_400)]
    TooLong,
    /// More than [`MAX_KEYS`] or none.
    #[error("it names {0} keys; 1 to {MAX_KEYS} are possible")]
    Keys(usize),
    /// No flag or variant is called so.
    #[error(
        "its flag and variant have at most {MAX_NAME_BYTES} bytes and no control or direction characters"
    )]
    Name,
    /// Hashes in another order would be another record of the same override.
    #[error("its hashes are not sorted or not distinct")]
    Unsorted,
}

/// Bytes of a flag's key or a variant's name.
const MAX_NAME_BYTES: usize = 1024;

/// A scope that is none of the three forms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Some other form.
    #[error("{0:?} is not a scope: write `global`, `region:NAME` or `cluster:NAME`")]
    Form(String),
    /// A name that cannot exist.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl OverrideDocument {
    /// Checks what the types do not say. `when` is the record's.
    pub fn check(&self, when: Timestamp) -> Result<(), RecordError> {
        let Ok(duration) = Duration::try_from(self.ends.duration_since(when)) else {
            return Err(RecordError::Ends {
                ends: self.ends,
                when,
            });
        };
        if duration.is_zero() {
            return Err(RecordError::Ends {
                ends: self.ends,
                when,
            });
        }
        if duration > MAX_DURATION {
            return Err(RecordError::TooLong);
        }
        for name in [Some(&self.flag), self.variant.as_ref()]
            .into_iter()
            .flatten()
        {
            if name.len() > MAX_NAME_BYTES || name.chars().any(is_hidden) {
                return Err(RecordError::Name);
            }
        }
        if let Some(keys) = &self.keys {
            if !(1..=MAX_KEYS).contains(&keys.sha256.len()) {
                return Err(RecordError::Keys(keys.sha256.len()));
            }
            if !keys.sha256.is_sorted_by(|a, b| a < b) {
                return Err(RecordError::Unsorted);
            }
        }
        Ok(())
    }

    /// The last token of its subject: the first 32 hex digits of a SHA-256 over flag, scope and keys,
    /// each preceded by its length. One record per (flag, scope, keys): setting it again replaces it.
    pub fn token(&self) -> String {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        field(b"burgee override v1");
        field(self.flag.as_bytes());
        field(self.scope.to_string().as_bytes());
        if let Some(keys) = &self.keys {
            field(&keys.salt);
            keys.sha256.iter().for_each(|digest| field(&digest.0));
        }
        let mut token = Digest(hash.finalize().into()).to_string();
        token.truncate(32);
        token
    }
}

impl Keys {
    /// Hashes targeting keys with a salt.
    pub fn new<'k>(salt: [u8; SALT_BYTES], keys: impl IntoIterator<Item = &'k str>) -> Self {
        let mut sha256: Vec<Digest> = keys.into_iter().map(|key| hash(&salt, key)).collect();
        sha256.sort_unstable();
        sha256.dedup();
        Self { salt, sha256 }
    }

    /// Whether this targeting key is named. Costs one SHA-256; allocates nothing.
    pub fn contains(&self, key: &str) -> bool {
        self.sha256.binary_search(&hash(&self.salt, key)).is_ok()
    }
}

fn hash(salt: &[u8; SALT_BYTES], key: &str) -> Digest {
    Digest(
        Sha256::new()
            .chain_update(salt)
            .chain_update(key)
            .finalize()
            .into(),
    )
}

impl Scope {
    /// Whether it covers a proxy of this region and cluster.
    pub fn covers(&self, region: &str, cluster: &str) -> bool {
        match self {
            Self::Global => true,
            Self::Region(name) => name == region,
            Self::Cluster(name) => name == cluster,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Region(name) => write!(f, "region:{name}"),
            Self::Cluster(name) => write!(f, "cluster:{name}"),
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text == "global" {
            return Ok(Self::Global);
        }
        let (form, name) = text
            .split_once(':')
            .ok_or_else(|| ScopeError::Form(text.into()))?;
        match form {
            "region" => {
                check_region(name)?;
                Ok(Self::Region(name.into()))
            }
            "cluster" => {
                check_cluster(name)?;
                Ok(Self::Cluster(name.into()))
            }
            _ => Err(ScopeError::Form(text.into())),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

mod salt_hex {
    use std::fmt::Write as _;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::SALT_BYTES;

    pub(super) fn serialize<S: Serializer>(
        salt: &[u8; SALT_BYTES],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = salt.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; SALT_BYTES], D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom("a salt is 32 lower-case hex digits");
        if text.len() != 2 * SALT_BYTES
            || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(wrong());
        }
        let mut salt = [0; SALT_BYTES];
        for (at, byte) in salt.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(salt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> OverrideDocument {
        OverrideDocument {
            flag: "new-checkout".into(),
            variant: Some("off".into()),
            scope: "region:eu".parse().unwrap(),
            keys: None,
            ends: "2026-11-23T10:30:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn the_json_is_as_documented() {
        let document = OverrideDocument {
            keys: Some(Keys::new([1; 16], ["u1"])),
            ..document()
        };
        let text = serde_json::to_string(&document).unwrap();
        let digest = hash(&[1; 16], "u1");
        assert_eq!(
            text,
            format!(
                r#"{{"flag":"new-checkout","variant":"off","scope":"region:eu","keys":{{"salt":"01010101010101010101010101010101","sha256":["{digest}"]}},"ends":"2026-11-23T10:30:00Z"}}"#
            )
        );
        assert_eq!(
            serde_json::from_str::<OverrideDocument>(&text).unwrap(),
            document
        );
    }

    #[test]
    fn the_token_follows_from_flag_scope_and_keys_only() {
        let token = document().token();
        let later = OverrideDocument {
            variant: None,
            ends: "2027-01-01T00:00:00Z".parse().unwrap(),
            ..document()
        };
        assert_eq!(later.token(), token);
        let others = [
            OverrideDocument {
                flag: "x".into(),
                ..document()
            },
            OverrideDocument {
                scope: Scope::Global,
                ..document()
            },
            OverrideDocument {
                keys: Some(Keys::new([1; 16], ["u1"])),
                ..document()
            },
            OverrideDocument {
                keys: Some(Keys::new([2; 16], ["u1"])),
                ..document()
            },
        ];
        assert!(others.iter().all(|other| other.token() != token));
    }

    #[test]
    fn an_end_is_after_the_beginning_and_not_too_far() {
        let when: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        assert!(document().check(when).is_ok());
        assert!(matches!(
            document().check(document().ends),
            Err(RecordError::Ends { .. })
        ));
        assert!(matches!(
            document().check("2025-01-01T00:00:00Z".parse().unwrap()),
            Err(RecordError::TooLong)
        ));
    }

    #[test]
    fn scopes() {
        for text in ["global", "region:eu", "cluster:eu-1"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["", "eu", "region:", "region:EU", "zone:a", "cluster:a.b"] {
            assert!(text.parse::<Scope>().is_err(), "{text:?}");
        }
        let error = "cluster:EU".parse::<Scope>().unwrap_err().to_string();
        assert!(error.starts_with("cluster \"EU\""), "{error}");
    }

    #[test]
    fn keys_are_found_by_their_hash() {
        let keys = Keys::new([9; 16], ["u1", "u2", "u1"]);
        assert_eq!(keys.sha256.len(), 2);
        assert!(keys.contains("u1") && keys.contains("u2") && !keys.contains("u3"));
    }
}
