//! `burgee explain --batch`: many questions, one JSON line each.

use std::io::{BufRead, Write};

use burgee_eval::{Context, Snapshot, ValueType, evaluate};
use serde_json::{Map, Value};

use super::{answer, malformed, moment, not_found};
use crate::decide::{SyncedAt, SyncedAtError};

/// The longest line that is read.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// One JSON line in, one JSON line out, in order; a malformed line answers for itself alone.
pub(super) fn run(
    snapshot: &Snapshot,
    now: Option<u64>,
    synced_at: Option<SyncedAt>,
) -> anyhow::Result<()> {
    let mut input = std::io::stdin().lock();
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = std::io::Read::take(&mut input, MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let whole = line.ends_with(b"\n") || (read as u64) < MAX_LINE_BYTES;
        if !whole {
            input.skip_until(b'\n')?;
        } else if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = if whole {
            question(&line).map_or_else(
                |(flag, message)| malformed(flag, &message),
                |question| question.answer(snapshot, now, synced_at),
            )
        } else {
            malformed(
                Value::Null,
                &format!("the line is longer than {MAX_LINE_BYTES} bytes"),
            )
        };
        writeln!(output, "{}", super::line(&answer)?)?;
        // A program that asks one question and waits for its answer gets it.
        output.flush()?;
    }
    Ok(())
}

struct Question {
    flag: String,
    context: Value,
    now: Option<u64>,
    synced_at: Option<SyncedAt>,
    wanted: Option<ValueType>,
}

/// The error carries the flag, where the line names one.
fn question(line: &[u8]) -> Result<Question, (Value, String)> {
    let line: Value = serde_json::from_slice(line)
        .map_err(|error| (Value::Null, format!("the line is not JSON: {error}")))?;
    let Value::Object(mut line) = line else {
        return Err((Value::Null, "the line is not a JSON object".to_owned()));
    };
    let flag = match line.remove("flag") {
        Some(Value::String(flag)) => flag,
        other => {
            return Err((
                other.unwrap_or_default(),
                "`flag` must be a string".to_owned(),
            ));
        }
    };
    let wrong = |message: &str| (Value::String(flag.clone()), message.to_owned());
    let context = match line.remove("context") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(context @ Value::Object(_)) => context,
        Some(_) => return Err(wrong("`context` must be an object")),
    };
    let now = match line.remove("now") {
        None | Some(Value::Null) => None,
        Some(now) => {
            let now = seconds(&now);
            Some(now.ok_or_else(|| wrong("`now` must be Unix seconds, a whole number"))?)
        }
    };
    let synced_at = match line.remove("syncedAt") {
        None | Some(Value::Null) => None,
        Some(Value::String(never)) if never == "never" => Some(SyncedAt::Never),
        Some(at) => {
            let at = seconds(&at).ok_or_else(|| wrong(&format!("`syncedAt` {SyncedAtError}")))?;
            Some(SyncedAt::Seconds(at))
        }
    };
    let wanted = match line.remove("type") {
        None | Some(Value::Null) => None,
        Some(wanted) => Some(match wanted.as_str() {
            Some("boolean") => ValueType::Boolean,
            Some("string") => ValueType::String,
            Some("integer") => ValueType::Integer,
            Some("float") => ValueType::Float,
            Some("object") => ValueType::Object,
            _ => {
                return Err(wrong(
                    "`type` must be boolean, string, integer, float or object",
                ));
            }
        }),
    };
    Ok(Question {
        flag,
        context,
        now,
        synced_at,
        wanted,
    })
}

/// A whole number, however it is written: `1.0` is what some programs make of 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and in range"
)]
fn seconds(now: &Value) -> Option<u64> {
    /// Beyond it, floating-point numbers skip whole ones.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    now.as_u64().or_else(|| {
        let now = now.as_f64()?;
        ((0.0..=EXACT).contains(&now) && now.fract() == 0.0).then_some(now as u64)
    })
}

impl Question {
    /// `now` and `synced_at` count where the line does not say them.
    fn answer(
        &self,
        snapshot: &Snapshot,
        now: Option<u64>,
        synced_at: Option<SyncedAt>,
    ) -> Map<String, Value> {
        let Some(flag) = snapshot.find(&self.flag) else {
            return not_found(&self.flag);
        };
        let moment = moment(self.now.or(now), self.synced_at.or(synced_at));
        let context = Context::from_json(snapshot.attributes(), &self.context);
        let decision = evaluate(snapshot, flag, &context, moment);
        answer(
            &self.flag,
            &self
                .wanted
                .map_or(decision, |wanted| decision.typed(wanted)),
        )
    }
}
