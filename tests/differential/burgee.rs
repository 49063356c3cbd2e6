//! Burgee's own answers.

use std::sync::Arc;

use burgee_eval::text::{Format, parse};
use burgee_eval::{
    Compiler, Context, Decision, Moment, Reason, Snapshot, ValueType, evaluate, explain,
};
use serde_json::Value as Json;

use crate::answer::{Answer, Reply};
use crate::documents::Ask;
use crate::values;

/// Answers every question about one document, from its text on, as the proxy does.
pub(crate) fn reply(document: &str, now: u64, asks: &[Ask]) -> Reply {
    let parsed = match parse(document, Format::Json) {
        Ok(parsed) => parsed,
        Err(problems) => return Reply::Refused(format!("{problems:?}")),
    };
    let mut compiler = Compiler::new();
    let set = match compiler.compile("differential", &parsed.value) {
        Ok(set) => set,
        Err(problems) => return Reply::Refused(format!("{problems:?}")),
    };
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let answers = asks.iter().map(|ask| answer(&snapshot, now, ask));
    Reply::Answers(answers.collect())
}

fn answer(snapshot: &Snapshot, now: u64, ask: &Ask) -> Answer {
    let Some(flag) = snapshot.find(&ask.flag) else {
        return Answer {
            reason: name(Reason::Error),
            error_code: Some("FLAG_NOT_FOUND".to_owned()),
            ..Answer::default()
        };
    };
    let tree: Json =
        serde_json::from_str(&values::text(&ask.context)).expect("a context is written as JSON");
    let context = Context::from_json(snapshot.attributes(), &tree);
    let moment = Moment::current(now);
    let decision = evaluate(snapshot, flag, &context, moment);
    let explained = explain(snapshot, flag, &context, moment).decision;
    assert!(
        decision.variant == explained.variant
            && decision.reason == explained.reason
            && decision.error == explained.error,
        "evaluated {decision:?}, explained {explained:?}: {}",
        ask.context
    );
    of(ask.wanted.map_or(decision, |wanted| decision.typed(wanted)))
}

fn of(decision: Decision<'_>) -> Answer {
    Answer {
        reason: name(decision.reason),
        variant: decision.variant_name().map(str::to_owned),
        value: decision.value().cloned(),
        error_code: decision.error.map(name),
        metadata: Some(decision.flag.metadata.clone()),
        raised: decision.error_message(),
        trace: Vec::new(),
    }
}

fn name(code: impl serde::Serialize) -> String {
    match serde_json::to_value(code) {
        Ok(Json::String(name)) => name,
        other => panic!("reasons and codes are strings: {other:?}"),
    }
}

/// The name of a type in what is asked of an oracle.
pub(crate) fn type_name(wanted: ValueType) -> &'static str {
    match wanted {
        ValueType::Boolean => "boolean",
        ValueType::String => "string",
        ValueType::Integer => "integer",
        ValueType::Float => "float",
        ValueType::Object => "object",
    }
}
