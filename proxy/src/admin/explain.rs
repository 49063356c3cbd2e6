//! `/explain`: what a context would get right now, and why.

use std::time::{SystemTime, UNIX_EPOCH};

use burgee_eval::{Context, Decision, ErrorCode, Moment, explain};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, respond_json};
use crate::decide::{overridden, reason_name};
use crate::store::Store;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    flag: String,
    #[serde(default)]
    context: Value,
    /// Unix seconds. Default: now.
    now: Option<u64>,
}

/// A query that asks nothing sensible.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueryError {
    #[error("ask like this: /explain?flag=KEY&context={{\"targetingKey\":\"u1\"}}")]
    NoFlag,
    #[error("`{0}` is not a parameter; there are flag, context and now")]
    Unknown(String),
    #[error("`context` is not JSON: {0}")]
    Context(serde_json::Error),
    #[error("`now` is not a number of seconds")]
    Now,
}

impl Question {
    pub(super) fn from_query(query: &str) -> Result<Self, QueryError> {
        let mut question = Self {
            flag: String::new(),
            context: Value::Null,
            now: None,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "flag" => question.flag = value.into_owned(),
                "context" => {
                    question.context = serde_json::from_str(&value).map_err(QueryError::Context)?;
                }
                "now" => question.now = Some(value.parse().map_err(|_| QueryError::Now)?),
                other => return Err(QueryError::Unknown(other.to_owned())),
            }
        }
        if question.flag.is_empty() {
            Err(QueryError::NoFlag)
        } else {
            Ok(question)
        }
    }
}

pub(super) fn answer(store: &Store, question: &Question) -> Answer {
    let state = store.load();
    let revision = state.revision.to_str().unwrap_or_default();
    let Some(index) = state.snapshot.find(&question.flag) else {
        return respond_json(
            StatusCode::NOT_FOUND,
            &json!({
                "flag": question.flag,
                "reason": "ERROR",
                "errorCode": ErrorCode::FlagNotFound,
                "errorMessage": "no flag set defines this flag",
                "revision": revision,
            }),
        );
    };
    let now_ms = question
        .now
        .map_or_else(unix_ms, |seconds| seconds.saturating_mul(1000));
    let context = Context::from_json(state.snapshot.attributes(), &question.context);
    let overridden = overridden(&state, index, &context, now_ms);
    let explanation = explain(
        &state.snapshot,
        index,
        &context,
        Moment::current(now_ms / 1000),
    );
    let decision = overridden.unwrap_or(explanation.decision);
    let mut told = describe(&decision);
    told["set"] = json!(&*decision.flag.set);
    told["revision"] = json!(revision);
    if overridden.is_some() {
        told["withoutOverride"] = describe(&explanation.decision);
    }
    told["steps"] = json!(explanation.steps);
    respond_json(StatusCode::OK, &told)
}

/// A decision as every part of Burgee prints it; what does not apply is absent.
fn describe(decision: &Decision<'_>) -> Value {
    let mut told = json!({ "flag": &*decision.flag.key, "reason": reason_name(decision.reason) });
    if let Some(value) = decision.value() {
        told["value"] = value.clone();
    }
    if let Some(variant) = decision.variant_name() {
        told["variant"] = json!(variant);
    }
    if let Some(error) = decision.error {
        told["errorCode"] = json!(error);
    }
    if let Some(message) = decision.error_message() {
        told["errorMessage"] = json!(message);
    }
    if !decision.flag.metadata.is_empty() {
        told["metadata"] = Value::Object(decision.flag.metadata.clone());
    }
    told
}

pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_in_a_query() {
        let question =
            Question::from_query("flag=a&context=%7B%22targetingKey%22%3A%22u1%22%7D&now=5")
                .unwrap();
        assert_eq!((question.flag.as_str(), question.now), ("a", Some(5)));
        assert_eq!(question.context, json!({ "targetingKey": "u1" }));
        for wrong in [
            "",
            "context={}",
            "flag=a&context={",
            "flag=a&now=x",
            "flag=a&flags=b",
        ] {
            assert!(Question::from_query(wrong).is_err(), "{wrong}");
        }
    }
}
