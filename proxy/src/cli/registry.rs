//! `burgee registry init`: makes the logs.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use super::connection::{Connection, Output};
use crate::registry::{Created, Log, LogOptions};

/// The logs in NATS JetStream.
#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum Args {
    /// Makes the logs that are not there yet; never changes one that is.
    #[command(after_help = "Examples:
  burgee registry init --region eu
  burgee registry init --override-region eu --override-region us

On a cluster of three servers or more:
  burgee registry init --region eu --replicas 3")]
    Init(Init),
}

/// See [`Args::Init`].
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Init {
    /// A region to make a log of overrides for; repeat it for more [default: --region].
    #[arg(long = "override-region", value_name = "NAME")]
    override_regions: Vec<String>,
    /// Copies that a cluster keeps of every message.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: u8,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Made {
    log: String,
    outcome: Created,
}

/// Runs the verb.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args::Init(args) = args;
    let mut regions = args.override_regions;
    if regions.is_empty() {
        regions.push(args.connection.region.clone().context(
            "name the regions that overrides are set in: --override-region NAME, --region NAME or BURGEE_REGION",
        )?);
    }
    let mut logs = vec![Log::flags()];
    for region in &regions {
        logs.push(Log::overrides(region)?);
    }
    logs.dedup();
    let registry = args.connection.registry().await?;
    let mut made = Vec::new();
    let mut text = String::new();
    for log in logs {
        let outcome = registry
            .create(
                &log,
                LogOptions {
                    replicas: args.replicas.into(),
                },
            )
            .await?;
        let word = match outcome {
            Created::Made => "made",
            Created::Existed => "was there already, as it should be",
        };
        writeln!(text, "{log}: {word}")?;
        made.push(Made {
            log: log.name().into(),
            outcome,
        });
    }
    args.output.answer(&made, text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
