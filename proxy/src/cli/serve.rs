//! `burgee serve`: run the proxy until it is told to leave.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::app;
use crate::config::Config;
use crate::finding::tell;

/// Run the proxy.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", env = "BURGEE_CONFIG")]
    config: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  burgee serve --config config/quickstart.yaml
  BURGEE_LOG=debug burgee serve --config burgee.yaml

SIGTERM and SIGINT drain: /readyz fails, clients are told to close, requests in flight finish.
Logs are JSON lines on standard error, the access log JSON lines on standard output.
Exit code 1: the configuration was refused, a listener could not bind, or a part of the proxy failed.";

/// Returns when the proxy has left.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match Config::load(&args.config) {
        Ok(config) => app::run(config),
        Err(findings) => {
            tell(&findings);
            anyhow::bail!("{} was refused", args.config.display())
        }
    }
}
