//! An answer, whoever gave it, and when two of them agree.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// What came of one question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
    /// Beside a variant, also where it is null.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) value: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error_code: Option<String>,
    /// Not every evaluator tells it with an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Map<String, Json>>,
    /// For people: the exception behind an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) raised: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) trace: Vec<Step>,
}

/// One application of an operator, as the official Python evaluator made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) op: String,
    /// Its arguments as authored.
    pub(crate) given: Json,
    /// What was evaluated for it, in order; of loops, the list and then what each item gave.
    pub(crate) args: Vec<Json>,
    /// Absent where it raised.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) result: Option<Json>,
    /// What it could read, for operators that read.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub(crate) scope: Json,
    /// Inside of a loop: what it could read is not the context.
    pub(crate) inner: bool,
    /// Not a step of the evaluation: part of an expression that reads nothing, evaluated aside.
    pub(crate) constant: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(from).map(Some)
}

/// What an evaluator makes of a whole document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Reply {
    /// One for each question.
    Answers(Vec<Answer>),
    /// It does not take the document; why, for people.
    Refused(String),
}

impl Reply {
    /// What it comes to for one question.
    pub(crate) fn of(&self, index: usize) -> Result<&Answer, &str> {
        match self {
            Self::Answers(answers) => Ok(&answers[index]),
            Self::Refused(why) => Err(why),
        }
    }
}

/// Whether two evaluators say the same. What one of them does not tell is not compared.
pub(crate) fn agree(a: Result<&Answer, &str>, b: Result<&Answer, &str>) -> bool {
    match (a, b) {
        (Err(_), Err(_)) => true,
        (Ok(a), Ok(b)) => {
            let metadata = match (&a.metadata, &b.metadata) {
                (Some(a), Some(b)) => same_members(a, b),
                _ => true,
            };
            let value = match (&a.value, &b.value) {
                (Some(a), Some(b)) => same(a, b),
                (a, b) => a.is_none() == b.is_none(),
            };
            metadata
                && value
                && a.reason == b.reason
                && a.variant == b.variant
                && a.error_code == b.error_code
        }
        _ => false,
    }
}

/// Equal as JSON, where 1 and 1.0 are one number.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => same_members(a, b),
        (a, b) => a == b,
    }
}

fn same_members(a: &Map<String, Json>, b: &Map<String, Json>) -> bool {
    a.len() == b.len()
        && a.iter()
            .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if let Some(code) = &self.error_code {
            write!(f, " {code}")?;
        }
        if let Some(variant) = &self.variant {
            write!(f, " variant {variant:?}")?;
        }
        if let Some(value) = &self.value {
            write!(f, " value {value}")?;
        }
        if let Some(raised) = &self.raised {
            write!(f, " ({raised})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Reply, agree};

    fn reply(answer: &serde_json::Value) -> Reply {
        serde_json::from_value(json!({ "answers": [answer] })).expect("a reply")
    }

    #[test]
    fn whatever_is_told_is_compared() {
        let answer =
            json!({"reason": "STATIC", "variant": "on", "value": [1], "metadata": {"a": 1}});
        let ours = reply(&answer);
        for (key, other) in [
            ("reason", json!("DEFAULT")),
            ("variant", json!("off")),
            ("variant", json!(null)),
            ("value", json!([2])),
            ("value", json!(null)),
            ("metadata", json!({"a": 2})),
            ("metadata", json!({"a": 1, "b": 1})),
            ("errorCode", json!("GENERAL")),
        ] {
            let mut theirs = answer.clone();
            theirs[key] = other;
            assert!(!agree(ours.of(0), reply(&theirs).of(0)), "{key}");
        }
        let mut theirs = answer.clone();
        theirs["value"] = json!([1.0]);
        theirs["metadata"] = json!(null);
        assert!(agree(ours.of(0), reply(&theirs).of(0)));
        assert!(!agree(ours.of(0), Err("refused")));
        assert!(agree(Err("for one reason"), Err("for another")));
    }
}
