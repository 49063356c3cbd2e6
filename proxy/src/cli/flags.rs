//! `burgee flags`: flag sets in the log.

mod broken;
mod delete;
mod push;
mod sets;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use jiff::Timestamp;
use serde::Serialize;

use super::connection::{Author, Connection, Contents, Output, reason, table, tell_skipped, time};
use crate::config::default_reserved;
use crate::envelope::{Change, Document, FlagSetText, Verified};
use crate::finding::did_you_mean;
use crate::printable::printable;
use crate::registry::{AppendError, Log};

pub(super) use push::append;
pub(super) use sets::Sets;

/// Flag sets in the log.
#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum Args {
    /// Puts flag sets into the log, exactly as the files are.
    ///
    /// What `burgee check` calls an error is refused, and so are a flag that another set in the log
    /// defines and a change that would break another set there; what it warns of is shown. A set that
    /// is in the log as it stands is left alone. When someone else changed a set at the same moment,
    /// nothing is overwritten: you are told who, and can look before you push again.
    #[command(after_help = "Examples:
  burgee flags push config/flags --reason \"10% in Germany\"
  burgee flags push config/flags/checkout.yaml --as ci@build-4711")]
    Push(Push),
    /// Prints a flag set as it was pushed, byte for byte; on a terminal, control characters are shown
    /// instead of sent.
    #[command(after_help = "Example:
  burgee flags get checkout > checkout.yaml")]
    Get(Get),
    /// Lists the flag sets in the log.
    List(List),
    /// Deletes a flag set: from the next request on, its flags do not exist.
    ///
    /// Refused where another set in the log requires one of them; you are told which.
    #[command(after_help = "Example:
  burgee flags delete checkout --reason \"replaced by checkout-2\"")]
    Delete(Delete),
}

/// See [`Args::Push`].
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Push {
    /// Files, or directories of `.json`, `.yaml` and `.yml` files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The reason, for the record.
    #[arg(long, value_name = "REASON", default_value = "")]
    reason: String,
    /// Refuse what `burgee check` warns of, too.
    #[arg(long)]
    strict: bool,
    /// Push although other sets in the log would break; how is shown. What is wrong with the files
    /// themselves is refused all the same.
    #[arg(long)]
    force: bool,
    /// Header names that proxies reserve, as their configuration says; a flag's own header must be one of them.
    #[arg(long, value_name = "PREFIX", value_delimiter = ',', default_values_t = default_reserved())]
    reserved: Vec<String>,
    #[command(flatten)]
    author: Author,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// See [`Args::Get`].
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Get {
    /// Its name.
    set: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// See [`Args::List`].
#[derive(Clone, Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// See [`Args::Delete`].
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Delete {
    /// Its name.
    set: String,
    /// The reason, for the record.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: String,
    /// Delete it although other sets in the log would break; how is shown.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    author: Author,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// A flag set in the log, for programs.
#[derive(Serialize)]
struct Described<'r> {
    set: &'r str,
    revision: u64,
    digest: String,
    who: &'r str,
    why: &'r str,
    when: Timestamp,
    #[serde(flatten)]
    text: Option<&'r FlagSetText>,
}

/// Runs the verb.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args {
        Args::Push(args) => push::run(args).await,
        Args::Get(args) => get(args).await,
        Args::List(args) => list(args).await,
        Args::Delete(args) => delete::run(args).await,
    }
}

async fn get(args: Get) -> anyhow::Result<ExitCode> {
    let registry = args.connection.registry().await?;
    let log = Log::flags();
    let head = registry.head(&log, &log.subject(&args.set)?).await?;
    let Some((record, text)) = head
        .newest
        .as_ref()
        .and_then(|record| Some((record, text(record)?)))
    else {
        let contents = Contents::of_log(&registry, &log).await?;
        bail!(missing(&args.set, &contents));
    };
    if args.output.json {
        args.output.answer(&describe(record, Some(text)), "")?;
    } else {
        let mut stdout = std::io::stdout().lock();
        if stdout.is_terminal() {
            for line in text.text.lines() {
                writeln!(stdout, "{}", printable(line))?;
            }
        } else {
            stdout.write_all(text.text.as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(args: List) -> anyhow::Result<ExitCode> {
    let registry = args.connection.registry().await?;
    let (records, junk) = registry.newest(&Log::flags()).await?;
    tell_skipped(&junk);
    let live: Vec<&Verified> = records
        .iter()
        .filter(|record| text(record).is_some())
        .collect();
    let described: Vec<Described<'_>> = live.iter().map(|record| describe(record, None)).collect();
    if live.is_empty() && !args.output.json {
        eprintln!("no flag sets; `burgee flags push PATH` puts some into the log");
        return Ok(ExitCode::SUCCESS);
    }
    let rows = described.iter().map(|set| {
        [
            set.set.into(),
            set.revision.to_string(),
            time(set.when),
            set.who.into(),
            set.why.into(),
        ]
    });
    args.output.answer(
        &described,
        table(["SET", "REVISION", "WHEN", "WHO", "WHY"], rows),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn missing(set: &str, contents: &Contents) -> String {
    let log = Log::flags();
    let live = contents
        .records
        .iter()
        .filter(|record| text(record).is_some());
    let names = live.filter_map(|record| log.token(&record.record().subject));
    format!(
        "there is no flag set {set:?} in {}{}{}",
        log.name(),
        did_you_mean(set, names),
        contents.note()
    )
}

/// `None`: deleted.
fn text(record: &Verified) -> Option<&FlagSetText> {
    match &record.record().change {
        Change::Put(Document::FlagSet(text)) => Some(text),
        _ => None,
    }
}

fn describe<'r>(verified: &'r Verified, text: Option<&'r FlagSetText>) -> Described<'r> {
    let record = verified.record();
    Described {
        set: record.subject.rsplit('.').next().unwrap_or_default(),
        revision: record.revision,
        digest: verified.digest().to_string(),
        who: &record.who,
        why: &record.why,
        when: record.when,
        text,
    }
}

/// What to do about it.
pub(super) fn explain(error: AppendError) -> anyhow::Error {
    let advice = match &error {
        AppendError::LostRace { .. } => {
            Some("look at what is there now, then run the command again")
        }
        AppendError::Unsettled { .. } => Some("run the same command again: it finds out"),
        AppendError::Refused(_) | AppendError::Registry(_) => None,
    };
    match advice {
        Some(advice) => anyhow::Error::new(error).context(advice),
        None => error.into(),
    }
}
