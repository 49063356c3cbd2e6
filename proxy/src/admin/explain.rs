//! `/explain`: what a context would get right now, and why.

use std::time::{SystemTime, UNIX_EPOCH};

use burgee_eval::{Context, Decision, ErrorCode, Step};
use http::StatusCode;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value, json};

use super::{Admin, Answer, respond_json};
use crate::decide::{At, SyncedAt, SyncedAtError, explain, lifecycle, overridden};
use crate::overrides::{OverrideStatus, Place};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Question {
    flag: String,
    /// Where it does not say `region` and `cluster`, they are this proxy's.
    #[serde(default, deserialize_with = "object")]
    context: Map<String, Value>,
    /// Unix seconds. Default: now.
    now: Option<u64>,
    /// When what is served was last known to be current. Default: what this proxy knows.
    synced_at: Option<SyncedAt>,
}

/// A query that asks nothing sensible.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueryError {
    #[error("ask like this: /explain?flag=KEY&context={{\"targetingKey\":\"u1\"}}")]
    NoFlag,
    #[error("`{0}` is not a parameter; there are flag, context, now and syncedAt")]
    Unknown(String),
    #[error("`context` is not JSON: {0}")]
    ContextSyntax(serde_json::Error),
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error("`now` is not a number of seconds")]
    Now,
    #[error("`syncedAt` {0}")]
    SyncedAt(#[from] SyncedAtError),
}

/// A context that is JSON and could mean anything.
#[derive(Debug, thiserror::Error)]
#[error("`context` must be a JSON object")]
pub(super) struct ContextError;

impl Question {
    pub(super) fn from_query(query: &str) -> Result<Self, QueryError> {
        let mut question = Self {
            flag: String::new(),
            context: Map::new(),
            now: None,
            synced_at: None,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "flag" => question.flag = value.into_owned(),
                "context" => {
                    let context: Value =
                        serde_json::from_str(&value).map_err(QueryError::ContextSyntax)?;
                    question.context = members(context)?;
                }
                "syncedAt" => question.synced_at = Some(value.parse()?),
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

fn members(context: Value) -> Result<Map<String, Value>, ContextError> {
    match context {
        Value::Object(members) => Ok(members),
        _ => Err(ContextError),
    }
}

fn object<'de, D: Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    members(Value::deserialize(from)?).map_err(de::Error::custom)
}

pub(super) fn answer(admin: &Admin, question: &Question) -> Answer {
    let synced_at_ms = match question.synced_at {
        Some(asked) => asked.seconds().map(|seconds| seconds.saturating_mul(1000)),
        None => admin.store.current_at_ms(),
    };
    let state = admin.store.load();
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
    let at = At {
        now_ms,
        synced_at_ms,
    };
    let asked = admin.place(&question.context);
    let context = Context::from_json(state.snapshot.attributes(), &asked);
    let elsewhere = admin
        .elsewhere(&asked)
        .map(|place| state.overrides_in(place, unix_ms()));
    let (overrides, list) = match &elsewhere {
        Some(census) => (&census.in_force, &census.list),
        None => (&state.overrides, &state.override_list),
    };
    let explanation = explain(&state, overrides, index, &context, at);
    let overridden = overridden(&state, overrides, index, &context, at);
    let decision = overridden.map_or(explanation.decision, |(decision, _)| decision);
    let mut told = describe(&decision);
    told["set"] = json!(&*decision.flag.set);
    told["revision"] = json!(revision);
    if let Some(lifecycle) = lifecycle(&explanation, now_ms / 1000) {
        told["lifecycle"] = lifecycle;
    }
    match overridden {
        None => told["steps"] = json!(explanation.steps),
        Some((decision, listed)) => {
            let by = &list[listed];
            told["override"] = json!(by);
            told["steps"] = json!([override_step(&decision, by)]);
            let mut without = describe(&explanation.decision);
            without["steps"] = json!(explanation.steps);
            told["withoutOverride"] = without;
        }
    }
    respond_json(StatusCode::OK, &told)
}

/// The one step of a decision that an override made. It stands in no document, so its path is that of
/// the override in the answer.
fn override_step(decision: &Decision<'_>, by: &OverrideStatus) -> Step {
    let gave = match decision.variant_name() {
        Some(name) => json!(name).to_string(),
        None => "no variant".to_owned(),
    };
    let whom = match by.keys {
        None => "everyone".to_owned(),
        Some(1) => "one named targeting key, which is this one".to_owned(),
        Some(keys) => format!("{keys} named targeting keys, of which this is one"),
    };
    let OverrideStatus {
        variant,
        scope,
        ends,
        who,
        why,
        when,
        ..
    } = by;
    let default = if variant.is_none() {
        ", the default,"
    } else {
        ""
    };
    Step {
        depth: 0,
        path: "/override".to_owned(),
        expression: json!({ "variant": variant, "scope": scope, "keys": by.keys }).to_string(),
        outcome: format!(
            "{gave}{default} for {whom} (scope {scope}) until {ends}; set by {who} at {when}: {why}"
        ),
    }
}

impl Admin {
    /// The context that is asked about, as a request to this proxy would have it: in its region and
    /// cluster, unless the question says another.
    fn place(&self, context: &Map<String, Value>) -> Value {
        let mut context = context.clone();
        for (name, own) in [("region", &self.region), ("cluster", &self.cluster)] {
            if !context.contains_key(name) {
                context.insert(name.to_owned(), json!(own));
            }
        }
        context.into()
    }

    /// Where the context is, unless that is where this proxy is. What is no text names no region.
    fn elsewhere<'c>(&self, context: &'c Value) -> Option<Place<'c>> {
        let name = |member: &str| context[member].as_str().unwrap_or_default();
        let (region, cluster) = (name("region"), name("cluster"));
        let is_here = region == self.region && cluster == self.cluster;
        (!is_here).then_some(Place { region, cluster })
    }
}

/// A decision as every part of Burgee prints it; what does not apply is absent.
fn describe(decision: &Decision<'_>) -> Value {
    let mut told = json!({ "flag": &*decision.flag.key, "reason": decision.reason.name() });
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
        let question = Question::from_query(
            "flag=a&context=%7B%22targetingKey%22%3A%22u1%22%7D&now=5&syncedAt=4",
        )
        .unwrap();
        assert_eq!((question.flag.as_str(), question.now), ("a", Some(5)));
        assert_eq!(question.synced_at, Some(SyncedAt::Seconds(4)));
        let never = Question::from_query("flag=a&syncedAt=never").unwrap();
        assert_eq!(never.synced_at, Some(SyncedAt::Never));
        assert_eq!(
            Value::from(question.context),
            json!({ "targetingKey": "u1" })
        );
        for wrong in [
            "",
            "context={}",
            "flag=a&context={",
            "flag=a&context=[]",
            "flag=a&context=null",
            "flag=a&now=x",
            "flag=a&syncedAt=x",
            "flag=a&synced_at=1",
            "flag=a&flags=b",
        ] {
            assert!(Question::from_query(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_context_is_an_object_or_left_out() {
        for context in [json!([]), json!("x"), json!(5), Value::Null] {
            let body = json!({ "flag": "a", "context": context });
            let error = serde_json::from_value::<Question>(body).unwrap_err();
            assert_eq!(error.to_string(), ContextError.to_string());
            let error = Question::from_query(&format!("flag=a&context={context}")).unwrap_err();
            assert_eq!(error.to_string(), ContextError.to_string());
        }
        for body in [
            json!({ "flag": "a" }),
            json!({ "flag": "a", "context": {} }),
        ] {
            let question: Question = serde_json::from_value(body).unwrap();
            assert!(question.context.is_empty());
        }
    }
}
