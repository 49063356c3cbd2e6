//! The verbs of the `burgee` command; one file each below.

mod check;
mod connection;
mod demo;
mod explain;
mod failure;
mod flags;
mod overrides;
mod registry;
mod serve;

use std::future::Future;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// An edge proxy that decides feature flags at the ingress of a cluster.
#[derive(Debug, Parser)]
#[command(name = "burgee", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  burgee demo                                       see it work, with nothing to set up
  burgee check --config config/quickstart.yaml      every error of a configuration, with its line
  burgee serve --config config/quickstart.yaml      run the proxy
  burgee flags push config/flags/                   put flag sets into the registry
  burgee override set new-checkout off --for 30m --scope region:eu --reason \"errors on checkout\"";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the proxy.
    Serve(serve::Args),
    /// See it work: two example backends and the proxy in front of them.
    Demo(demo::Args),
    /// Check a configuration and flag sets; every error at once.
    Check(check::Args),
    /// Tell what a flag gives for a context, and which rule decided.
    Explain(explain::Args),
    /// Set up the registry in NATS.
    #[command(subcommand)]
    Registry(registry::Args),
    /// Push, read and delete flag sets in the registry.
    #[command(subcommand)]
    Flags(flags::Args),
    /// Override a flag for a while.
    #[command(subcommand)]
    Override(overrides::Args),
}

/// Runs the verb that the arguments name. The exit code is 0, 1 for a failure that was reported,
/// or 2 for arguments that make no sense.
pub fn run() -> ExitCode {
    let arguments = Cli::command().get_matches();
    let json = failure::wants_json(&arguments);
    let cli = Cli::from_arg_matches(&arguments).unwrap_or_else(|error| error.exit());
    let result = match cli.verb {
        Verb::Serve(args) => serve::run(&args),
        Verb::Demo(args) => demo::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Registry(args) => block_on(registry::run(args)),
        Verb::Flags(args) => block_on(flags::run(args)),
        Verb::Override(args) => block_on(overrides::run(args)),
    };
    result.unwrap_or_else(|error| {
        failure::report(&error, json);
        ExitCode::FAILURE
    })
}

fn block_on(verb: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?
        .block_on(verb)
}
