//! `burgee explain`: what a flag gives for a context, and which rule decided.

use std::fmt::Write as _;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use burgee_eval::{
    Compiler, Context, Decision, ErrorCode, Explanation, Moment, Reason, Snapshot, ValueType,
    evaluate, explain,
};
use serde_json::{Map, Value};

use super::failure::Refused;
use crate::finding::{Finding, Level, did_you_mean};
use crate::flag_files::{self, FlagFile};

/// The longest line that `--batch` reads.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Tell what a flag gives for a context, and which rule decided.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A flag set, or a directory of them; may be given more than once.
    #[arg(long, required = true, value_name = "FILE_OR_DIRECTORY")]
    flags: Vec<PathBuf>,
    /// The flag's key.
    #[arg(long, value_name = "KEY", required_unless_present = "batch")]
    flag: Option<String>,
    /// The context, as a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    context: String,
    /// The time that rules see, in Unix seconds. Default: now.
    #[arg(long, value_name = "UNIX_SECONDS")]
    now: Option<u64>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    /// Read JSON lines {"flag":…,"context":…,"now":…,"type":…} from standard input and answer each
    /// with one JSON line, in order; blank lines get none.
    #[arg(long, conflicts_with_all = ["flag", "context"])]
    batch: bool,
}

const EXAMPLES: &str = "\
Examples:
  burgee explain --flags config/flags --flag new-checkout \\
      --context '{\"targetingKey\":\"alice\",\"geo\":{\"country\":\"DE\"}}'
  echo '{\"flag\":\"new-checkout\",\"context\":{\"targetingKey\":\"alice\"},\"type\":\"boolean\"}' |
      burgee explain --flags config/flags --batch";

/// Exit code 1, with the errors, where a document is refused.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut compiler = Compiler::new();
    let (files, findings) = flag_files::read(&args.flags, &mut compiler);
    let elsewhere = |finding: &&Finding| !files.iter().any(|file| file.path == finding.file);
    for finding in findings.iter().filter(elsewhere) {
        if finding.level == Level::Warning {
            eprintln!("{finding}");
        }
    }
    let refusing = refusing(&files, findings);
    if !refusing.is_empty() {
        return Err(Refused {
            message: "nothing was explained".into(),
            findings: refusing,
        }
        .into());
    }
    let snapshot = Snapshot::new(&compiler, files.iter().map(|file| file.set.clone()));

    let outcome = if args.batch {
        batch(&snapshot, args.now).map(|()| ExitCode::SUCCESS)
    } else {
        one(args, &files, &snapshot)
    };
    match outcome {
        // `| head -1` has what it wanted.
        Err(error) if is_closed_pipe(&error) => Ok(ExitCode::SUCCESS),
        outcome => outcome,
    }
}

/// The errors that leave nothing to answer with, in order. A flag that is spoiled is none of them: it
/// answers with its error, as it would at the edge.
fn refusing(files: &[FlagFile], findings: Vec<Finding>) -> Vec<Finding> {
    let spoiled: Vec<Finding> = files
        .iter()
        .flat_map(|file| {
            let problems = file.set.problems.iter();
            problems.map(|problem| Finding::place(&file.path, &file.locations, problem))
        })
        .collect();
    let mut refusing = findings;
    refusing.retain(|finding| finding.level == Level::Error && !spoiled.contains(finding));
    refusing.sort();
    refusing.dedup();
    refusing
}

/// What `check` finds of one flag, and of the file that it stands in.
fn findings_of(key: &str, files: &[FlagFile]) -> Vec<Finding> {
    let has = |file: &&FlagFile| file.set.flags.iter().any(|flag| *flag.key == *key);
    let mut findings: Vec<Finding> = files
        .iter()
        .filter(has)
        .flat_map(|file| {
            let problems = file.set.problems.iter();
            let ours =
                problems.filter(|problem| problem.flag.as_deref().is_none_or(|flag| flag == key));
            ours.map(|problem| Finding::place(&file.path, &file.locations, problem))
        })
        .collect();
    findings.sort();
    findings
}

fn one(args: &Args, files: &[FlagFile], snapshot: &Snapshot) -> anyhow::Result<ExitCode> {
    let context: Value = serde_json::from_str(&args.context).context("--context is not JSON")?;
    anyhow::ensure!(context.is_object(), "--context must be a JSON object");
    let key = args.flag.as_deref().unwrap_or_default();
    for finding in findings_of(key, files) {
        eprintln!("{finding}");
    }
    let mut stdout = io::stdout().lock();
    let Some(flag) = snapshot.find(key) else {
        let keys = snapshot.flags().map(|(_, flag)| &*flag.key);
        let message = format!("there is no flag \"{key}\"{}", did_you_mean(key, keys));
        let mut answer = not_found(key);
        if args.json {
            answer.insert("error".to_owned(), message.into());
            writeln!(stdout, "{}", Value::Object(answer))?;
            return Ok(ExitCode::FAILURE);
        }
        let told = |member: &str| answer[member].as_str().unwrap_or_default();
        writeln!(stdout, "flag     {key}\nreason   {}", told("reason"))?;
        writeln!(stdout, "error    {}", told("errorCode"))?;
        anyhow::bail!(message);
    };
    let context = Context::from_json(snapshot.attributes(), &context);
    let now = args.now.unwrap_or_else(unix_seconds);
    let explanation = explain(snapshot, flag, &context, Moment::current(now));
    if args.json {
        let mut answer = answer(key, &explanation.decision);
        let steps = serde_json::to_value(&explanation.steps)?;
        answer.insert("steps".to_owned(), steps);
        writeln!(stdout, "{}", Value::Object(answer))?;
    } else {
        stdout.write_all(for_people(key, &explanation)?.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn for_people(key: &str, explanation: &Explanation<'_>) -> Result<String, std::fmt::Error> {
    let decision = &explanation.decision;
    let value = decision.value().map_or_else(
        || "none (the backend's own default)".to_owned(),
        Value::to_string,
    );
    let mut text = String::new();
    writeln!(text, "flag     {key} (set {})", decision.flag.set)?;
    writeln!(text, "value    {value}")?;
    writeln!(
        text,
        "variant  {}",
        decision.variant_name().unwrap_or("none")
    )?;
    writeln!(text, "reason   {}", word(&decision.reason))?;
    if let Some(message) = decision.error_message() {
        let code = decision.error.map_or_else(String::new, |code| word(&code));
        writeln!(text, "error    {code}: {message}")?;
    }
    if !explanation.steps.is_empty() {
        writeln!(text, "steps")?;
    }
    for step in &explanation.steps {
        let indent = "  ".repeat(step.depth + 1);
        writeln!(
            text,
            "{indent}{}  {}\n{indent}  = {}",
            step.path, step.expression, step.outcome
        )?;
    }
    Ok(text)
}

/// Only standard input and output are used while answering, and only the latter breaks.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let kind = kind.or_else(|| error.downcast_ref::<serde_json::Error>()?.io_error_kind());
    kind == Some(io::ErrorKind::BrokenPipe)
}

/// One JSON line in, one JSON line out, in order; a malformed line answers for itself alone.
fn batch(snapshot: &Snapshot, now: Option<u64>) -> anyhow::Result<()> {
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
                |question| question.answer(snapshot, now),
            )
        } else {
            malformed(
                Value::Null,
                &format!("the line is longer than {MAX_LINE_BYTES} bytes"),
            )
        };
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
        // A program that asks one question and waits for its answer gets it.
        output.flush()?;
    }
    Ok(())
}

struct Question {
    flag: String,
    context: Value,
    now: Option<u64>,
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
    fn answer(&self, snapshot: &Snapshot, now: Option<u64>) -> Map<String, Value> {
        let Some(flag) = snapshot.find(&self.flag) else {
            return not_found(&self.flag);
        };
        let now = self.now.or(now).unwrap_or_else(unix_seconds);
        let context = Context::from_json(snapshot.attributes(), &self.context);
        let decision = evaluate(snapshot, flag, &context, Moment::current(now));
        answer(
            &self.flag,
            &self
                .wanted
                .map_or(decision, |wanted| decision.typed(wanted)),
        )
    }
}

/// A decision as OpenFeature's evaluation details; absent where not applicable.
pub(crate) fn answer(key: &str, decision: &Decision<'_>) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("flag".to_owned(), key.into());
    if let Some(value) = decision.value() {
        answer.insert("value".to_owned(), value.clone());
    }
    if let Some(variant) = decision.variant_name() {
        answer.insert("variant".to_owned(), variant.into());
    }
    answer.insert("reason".to_owned(), word(&decision.reason).into());
    if let Some(code) = decision.error {
        answer.insert("errorCode".to_owned(), word(&code).into());
        answer.insert("errorMessage".to_owned(), decision.error_message().into());
    }
    if !decision.flag.metadata.is_empty() {
        answer.insert("metadata".to_owned(), decision.flag.metadata.clone().into());
    }
    answer
}

fn failure(flag: Value, code: ErrorCode, message: &str) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("flag".to_owned(), flag);
    answer.insert("reason".to_owned(), word(&Reason::Error).into());
    answer.insert("errorCode".to_owned(), word(&code).into());
    answer.insert("errorMessage".to_owned(), message.into());
    answer
}

fn not_found(key: &str) -> Map<String, Value> {
    failure(
        key.into(),
        ErrorCode::FlagNotFound,
        &format!("there is no flag \"{key}\""),
    )
}

fn malformed(flag: Value, message: &str) -> Map<String, Value> {
    let mut answer = failure(flag, ErrorCode::ParseError, message);
    if answer["flag"].is_null() {
        answer.remove("flag");
    }
    answer
}

/// How OpenFeature spells a reason or an error code.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

fn unix_seconds() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
