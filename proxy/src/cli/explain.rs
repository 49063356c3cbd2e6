//! `burgee explain`: what a flag gives for a context, and which rule decided.

mod batch;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use burgee_eval::{
    Compiler, Context, Decision, ErrorCode, Explanation, Moment, Reason, Snapshot, explain,
};
use serde_json::{Map, Value};

use super::failure::Refused;
use crate::decide::{SyncedAt, lifecycle};
use crate::finding::{Finding, Level, did_you_mean, tell};
use crate::flag_files::{self, FlagFile};
use crate::printable::{printable, printable_json};

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
    /// When the flag sets were last known to be current, in Unix seconds, or `never`: what
    /// `delivery.<flag>.stale` goes by. Default: at the time that rules see.
    #[arg(long, value_name = "UNIX_SECONDS")]
    synced_at: Option<SyncedAt>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    /// Read JSON lines {"flag":…,"context":…,"now":…,"syncedAt":…,"type":…} from standard input and answer each
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
    let warnings = findings
        .iter()
        .filter(|finding| finding.level == Level::Warning);
    tell(warnings.filter(elsewhere));
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
        batch::run(&snapshot, args.now, args.synced_at).map(|()| ExitCode::SUCCESS)
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
    let spoiled: Vec<Finding> = files.iter().flat_map(FlagFile::findings).collect();
    let mut refusing = findings;
    refusing.retain(|finding| finding.level == Level::Error && !spoiled.contains(finding));
    refusing.sort();
    refusing.dedup();
    refusing
}

/// What is wrong with one flag, with the file that it stands in, and between it and other flags.
fn findings_of(key: &str, files: &[FlagFile], snapshot: &Snapshot) -> Vec<Finding> {
    let has = |file: &&FlagFile| file.set.flags.iter().any(|flag| *flag.key == *key);
    let mut findings: Vec<Finding> = files
        .iter()
        .filter(has)
        .flat_map(|file| {
            let of_set = snapshot.problems().iter();
            let between = of_set.filter(|found| found.set == file.set.id);
            let problems = file
                .set
                .problems
                .iter()
                .chain(between.map(|found| &found.problem));
            let ours =
                problems.filter(|problem| problem.flag.as_deref().is_none_or(|flag| flag == key));
            ours.map(|problem| file.place(problem))
        })
        .collect();
    flag_files::quote_all(files, &mut findings);
    findings.sort();
    findings
}

fn one(args: &Args, files: &[FlagFile], snapshot: &Snapshot) -> anyhow::Result<ExitCode> {
    let context: Value = serde_json::from_str(&args.context).context("--context is not JSON")?;
    anyhow::ensure!(context.is_object(), "--context must be a JSON object");
    let key = args.flag.as_deref().unwrap_or_default();
    tell(&findings_of(key, files, snapshot));
    let mut stdout = io::stdout().lock();
    let Some(flag) = snapshot.find(key) else {
        let keys = snapshot.flags().map(|(_, flag)| &*flag.key);
        let message = format!("there is no flag \"{key}\"{}", did_you_mean(key, keys));
        let mut answer = not_found(key);
        if args.json {
            answer.insert("error".to_owned(), message.into());
            writeln!(stdout, "{}", line(&answer)?)?;
            return Ok(ExitCode::FAILURE);
        }
        let told = |member: &str| answer[member].as_str().unwrap_or_default();
        let shown = printable(key);
        writeln!(stdout, "flag     {shown}\nreason   {}", told("reason"))?;
        writeln!(stdout, "error    {}", told("errorCode"))?;
        anyhow::bail!(message);
    };
    let context = Context::from_json(snapshot.attributes(), &context);
    let moment = moment(args.now, args.synced_at);
    let explanation = explain(snapshot, flag, &context, moment);
    if args.json {
        let mut answer = answer(key, &explanation.decision);
        let lifecycle = lifecycle(&explanation, moment.now);
        answer.extend(lifecycle.map(|lifecycle| ("lifecycle".to_owned(), lifecycle)));
        let steps = serde_json::to_value(&explanation.steps)?;
        answer.insert("steps".to_owned(), steps);
        writeln!(stdout, "{}", line(&answer)?)?;
    } else {
        stdout.write_all(for_people(key, &explanation, moment)?.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The moment that is asked about; what is not said is now, and current.
fn moment(now: Option<u64>, synced_at: Option<SyncedAt>) -> Moment {
    let now = now.unwrap_or_else(unix_seconds);
    match synced_at {
        None => Moment::current(now),
        Some(synced_at) => Moment {
            now,
            synced_at: synced_at.seconds(),
        },
    }
}

fn for_people(
    key: &str,
    explanation: &Explanation<'_>,
    moment: Moment,
) -> Result<String, std::fmt::Error> {
    let decision = &explanation.decision;
    let value = decision.value().map_or_else(
        || "none (the backend's own default)".to_owned(),
        Value::to_string,
    );
    let mut text = String::new();
    let (key, set) = (printable(key), printable(&decision.flag.set));
    let variant = printable(decision.variant_name().unwrap_or("none"));
    writeln!(text, "flag     {key} (set {set})")?;
    writeln!(text, "value    {}", printable(&value))?;
    writeln!(text, "variant  {variant}")?;
    writeln!(text, "reason   {}", word(&decision.reason))?;
    if let Some(message) = decision.error_message() {
        let code = decision.error.map_or_else(String::new, |code| word(&code));
        writeln!(text, "error    {code}: {}", printable(&message))?;
    }
    let lifecycle = &explanation.lifecycle;
    for (name, told) in [
        ("owner", lifecycle.owner),
        ("purpose", lifecycle.purpose),
        ("stage", lifecycle.stage),
    ] {
        if let Some(told) = told {
            writeln!(text, "{name:<7}  {}", printable(told))?;
        }
    }
    if let Some(expires) = lifecycle.expires {
        let over = if lifecycle.has_expired(moment.now) {
            " (over; it is still served as authored)"
        } else {
            ""
        };
        writeln!(text, "expires  {expires}{over}")?;
    }
    if !explanation.steps.is_empty() {
        writeln!(text, "steps")?;
    }
    for step in &explanation.steps {
        let indent = "  ".repeat(step.depth + 1);
        writeln!(
            text,
            "{indent}{}  {}\n{indent}  = {}",
            printable(&step.path),
            printable(&step.expression),
            printable(&step.outcome)
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

/// One line of JSON.
fn line(answer: &Map<String, Value>) -> serde_json::Result<String> {
    Ok(printable_json(&serde_json::to_string(answer)?).into_owned())
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
