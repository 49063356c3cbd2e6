//! `burgee override`: what an operator does at three in the morning.

mod keys;
mod list;
mod place;
mod set;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;

use super::connection::{Author, Connection, Output, reason};
use crate::overrides::Scope;
use place::Place;

/// Overrides: one flag, one variant, for some time.
#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum Args {
    /// Gives everyone in scope one variant of a flag, from the next request on, for some time.
    ///
    /// Setting it again for the same flag, scope and keys replaces it. Named keys beat everyone; then
    /// a cluster beats a region, and a region beats `global`; then the later one counts. Every proxy
    /// ends it by its own clock, also while it is cut off.
    #[command(after_help = "Examples:
  burgee override set new-checkout off --for 30m --scope region:eu --reason \"payment errors\"
  burgee override set new-checkout on --for 2h --region eu --keys alice,bob --reason \"support case 4711\"
  burgee override set new-checkout default --for 1h --region eu --scope global --reason \"stop the rollout\"

When the broker is what is broken, write the record where a proxy watches:
  burgee override set new-checkout off --for 30m --region eu --reason \"NATS is down\" --local overrides/")]
    Set(Set),
    /// Lists overrides and when they end.
    #[command(after_help = "Examples:
  burgee override list
  burgee override list --region eu --json
  burgee override list --local overrides/")]
    List(List),
    /// Ends an override now.
    #[command(after_help = "Examples:
  burgee override clear new-checkout --scope region:eu
  burgee override clear new-checkout --region eu --keys alice,bob")]
    Clear(Clear),
}

/// See [`Args::Set`].
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Set {
    /// The flag's key.
    flag: String,
    /// The variant's name; `default`: the flag's default (unless a variant has that name).
    variant: String,
    /// How long, e.g. 30m, 2h, 1d; at most 90 days.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    lasts: Duration,
    /// The reason, for the record.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: String,
    /// Do not check that the flag and the variant are in the log, nor that the log is this environment's.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    author: Author,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// See [`Args::List`].
#[derive(Clone, Debug, clap::Args)]
pub(super) struct List {
    /// Read a proxy's watched directory instead of the registry; of all regions, unless one is named.
    #[arg(long, value_name = "DIR")]
    local: Option<PathBuf>,
    /// Show also those that are over.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// See [`Args::Clear`].
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Clear {
    /// The flag's key.
    flag: String,
    /// The reason, for the record.
    #[arg(long, value_name = "REASON", default_value = "")]
    reason: String,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    author: Author,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Where, for whom, and in which log.
#[derive(Clone, Debug, clap::Args)]
struct Target {
    /// global, region:NAME or cluster:NAME [default: the region of --region].
    #[arg(long)]
    scope: Option<Scope>,
    /// Only for these targeting keys, separated by commas (blanks around a key do not count); recorded
    /// as salted hashes.
    #[arg(long, value_name = "KEY", value_delimiter = ',', value_parser = keys::key)]
    keys: Vec<String>,
    /// Write the record into a proxy's watched directory, which is made where it is not there, instead of
    /// the log.
    #[arg(long, value_name = "DIR")]
    local: Option<PathBuf>,
}

/// A change of an override, for programs.
#[derive(Serialize)]
struct Changed {
    flag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    scope: Scope,
    log: String,
    subject: String,
    revision: u64,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<Timestamp>,
    /// JSON has text only: what is not UTF-8 in it is U+FFFD.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// Runs the verb.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args {
        Args::Set(args) => set::set(args).await,
        Args::List(args) => list::list(args).await,
        Args::Clear(args) => set::clear(args).await,
    }
}

impl Target {
    /// A scope of one region also says which log is meant, where `--region` does not.
    fn resolve(&self, connection: &mut Connection) -> anyhow::Result<Scope> {
        if let (None, Some(Scope::Region(region))) = (&connection.region, &self.scope) {
            connection.region = Some(region.clone());
        }
        if let Some(scope) = &self.scope {
            return Ok(scope.clone());
        }
        let region = connection.region.as_deref();
        let region =
            region.context("say where it counts: --scope region:NAME, or --region NAME")?;
        Ok(format!("region:{region}").parse()?)
    }
}
