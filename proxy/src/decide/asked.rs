//! What `/explain` and `burgee explain` share: a moment that is asked about, and what is told beside a
//! decision.

use std::str::FromStr;

use burgee_eval::Explanation;
use serde::de::{self, Deserialize, Deserializer};
use serde_json::{Value, json};

/// When what is served was last known to be current, as somebody asks about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncedAt {
    /// In Unix seconds.
    Seconds(u64),
    /// It never was.
    Never,
}

/// Neither a number of seconds nor `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be Unix seconds, a whole number, or `never`")]
pub struct SyncedAtError;

impl SyncedAt {
    /// As evaluation takes it.
    pub fn seconds(self) -> Option<u64> {
        match self {
            Self::Seconds(seconds) => Some(seconds),
            Self::Never => None,
        }
    }
}

impl FromStr for SyncedAt {
    type Err = SyncedAtError;

    fn from_str(text: &str) -> Result<Self, SyncedAtError> {
        if text == "never" {
            return Ok(Self::Never);
        }
        text.parse().map(Self::Seconds).map_err(|_| SyncedAtError)
    }
}

impl<'de> Deserialize<'de> for SyncedAt {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        match (value.as_u64(), value.as_str()) {
            (Some(seconds), _) => Ok(Self::Seconds(seconds)),
            (None, Some("never")) => Ok(Self::Never),
            (None, _) => Err(de::Error::custom(format!("`syncedAt` {SyncedAtError}"))),
        }
    }
}

/// What is known of the flag's life; `now` is in Unix seconds.
pub(crate) fn lifecycle(explanation: &Explanation<'_>, now: u64) -> Option<Value> {
    let lifecycle = &explanation.lifecycle;
    if lifecycle.is_empty() {
        return None;
    }
    let mut told = json!(lifecycle);
    if lifecycle.expires.is_some() {
        told["expired"] = json!(lifecycle.has_expired(now));
    }
    Some(told)
}
