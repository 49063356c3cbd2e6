//! `burgee check`: everything that is wrong with a configuration and with flag sets, before a proxy
//! meets them.

mod fix;
mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use burgee_eval::lint::World;
use burgee_eval::{Compiler, Snapshot, code};
use clap::ArgGroup;
use jiff::Timestamp;

use self::fix::Fix;
use self::report::{Format, Outcome};
use crate::config::{Config, Inspected, Source};
use crate::edge::{GeoFile, provided};
use crate::finding::code::{UNKNOWN_ROUTE_FLAG, UNREADABLE_DATABASE};
use crate::finding::{Finding, Level, quote};
use crate::flag_files::{self, FlagFile, Read};
use crate::wire::{self, WireProblem};

/// Check a configuration and flag sets; every finding at once.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("what").args(["paths", "config", "flags"]).required(true).multiple(true))]
#[allow(clippy::struct_excessive_bools)] // Switches of a command line are independent of each other.
pub(super) struct Args {
    /// Flag sets, and directories of them.
    #[arg(value_name = "FILE_OR_DIRECTORY")]
    paths: Vec<PathBuf>,
    /// A configuration; where it reads flag sets from files, those are checked too.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A flag set, or a directory of them, as without this option; may be given more than once.
    #[arg(long, value_name = "FILE_OR_DIRECTORY")]
    flags: Vec<PathBuf>,
    /// Do not look for the geography database that the configuration names: it is only where the
    /// proxies are.
    #[arg(long, requires = "config")]
    no_database: bool,
    /// Fail on warnings, too.
    #[arg(long)]
    strict: bool,
    /// Write `metadata.bucketing: v3` into flag sets that split users and pin no bucketing. Nothing
    /// else in such a file changes.
    #[arg(long)]
    fix: bool,
    /// How to answer: drawn, in lines, for programs, or for a code host (SARIF 2.1.0).
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        conflicts_with = "json"
    )]
    format: Format,
    /// The same as `--format json`.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  burgee check config/flags
  burgee check --config burgee.yaml --no-database config/flags --strict
  burgee check --fix config/flags/checkout.yaml
  burgee check config/flags --format sarif > burgee.sarif

Exit code 1 when there is an error, with --strict also when there is a warning. docs/check.md explains
every kind of finding.";

/// Exit code 1 where there is something to fail for.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut read = check(args);
    let mut fixed = Vec::new();
    if args.fix {
        let (files, refused) = unpinned(&read);
        fixed = fix::all(&files);
        fixed.extend(refused.into_iter().map(fix::refused));
        if fixed.iter().any(Fix::is_done) {
            read = check(args);
        }
        read.findings.extend(fixed.iter().filter_map(Fix::failure));
        read.findings.sort();
    }
    let findings = &read.findings;
    let outcome = Outcome {
        findings,
        fixes: &fixed,
        files: read.looked_at,
        configuration: args.config.is_some(),
    };
    let format = if args.json { Format::Json } else { args.format };
    report::print(&outcome, format)?;
    let fails = |finding: &Finding| args.strict || finding.level == Level::Error;
    Ok(if findings.iter().any(fails) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// When flags are looked at for being past their day, in Unix seconds.
pub(super) fn now() -> Option<u64> {
    u64::try_from(Timestamp::now().as_second()).ok()
}

fn check(args: &Args) -> Read {
    let mut findings = Vec::new();
    let mut paths = args.paths.clone();
    paths.extend(args.flags.iter().cloned());

    // What a wrong configuration names is checked all the same: every error at once.
    let mut read = None;
    if let Some(path) = args.config.as_deref() {
        let mut inspected = Config::inspect(path);
        findings.append(&mut inspected.findings);
        read = Some((path, inspected));
    }
    let config = read.as_ref().and_then(|(_, read)| read.config.as_ref());
    if let Some(Config {
        source: Source::Files(files),
        ..
    }) = config
    {
        paths.push(files.flags.clone());
    }

    let mut compiler = Compiler::new();
    let provided = config.map(provided);
    let world = World {
        now: now(),
        provided: provided.as_deref(),
    };
    let Read {
        files,
        looked_at,
        findings: found,
    } = flag_files::read_and_lint(&paths, &mut compiler, &world);
    findings.extend(found);
    let snapshot = Snapshot::new(&compiler, files.iter().map(|file| file.set.clone()));

    let default_reserved = crate::config::default_reserved();
    let reserved = config.map_or(&default_reserved, |config| &config.reserved);
    findings.extend(flag_files::header_findings(&files, &snapshot, reserved));
    // Flags of a file that was refused are not known, so nobody can say that they do not exist.
    let all_known = !flag_files::any_refused(&files, &findings);
    findings.extend(flag_files::between_flags(&files, &snapshot, all_known));
    if let Some((path, read)) = &read {
        if !paths.is_empty() && all_known {
            findings.extend(routes(path, read, &snapshot));
        }
        if !args.no_database {
            findings.extend(database(path, read));
        }
        quote(&mut findings, path, &read.text);
    }
    findings.sort();
    findings.dedup();
    Read {
        files,
        looked_at,
        findings,
    }
}

/// The files that lack a pin: those that are served, and those that are refused.
fn unpinned(read: &Read) -> (Vec<&FlagFile>, Vec<&Path>) {
    let lacking: BTreeSet<&Path> = read
        .findings
        .iter()
        .filter(|finding| finding.rule == code::UNPINNED_BUCKETING)
        .map(|finding| &*finding.file)
        .collect();
    let lacks = |file: &&FlagFile| lacking.contains(&*file.path);
    let served: Vec<&FlagFile> = read.files.iter().filter(lacks).collect();
    let is_served = |path: &Path| served.iter().any(|file| *file.path == *path);
    let refused = lacking.iter().copied().filter(|path| !is_served(path));
    let refused = refused.collect();
    (served, refused)
}

/// What routes say of flags and variants, against the flag sets at hand. Warnings: a proxy serves
/// such a route without the decision, and the set may be on its way.
fn routes(path: &Path, read: &Inspected, snapshot: &Snapshot) -> Vec<Finding> {
    let Some(config) = &read.config else {
        return Vec::new();
    };
    let place = |problem: WireProblem| {
        let name = problem.route?;
        let number = config.routes.iter().position(|route| route.name == name)?;
        let pointer = format!("/routes/{number}{}", problem.pointer);
        let span = read.locations.span(&pointer);
        Some(Finding {
            level: Level::Warning,
            help: Some(problem.help),
            ..Finding::at(path, span, UNKNOWN_ROUTE_FLAG, problem.message)
        })
    };
    let problems = wire::problems(&config.routes, snapshot, &config.reserved);
    problems.into_iter().filter_map(place).collect()
}

const DATABASE_HELP: &str = "name a readable MaxMind database (.mmdb); where it is only on the machines of \
                             the proxies, check with --no-database";

/// A geography database that a proxy could not start with.
fn database(path: &Path, read: &Inspected) -> Option<Finding> {
    let geo = read.config.as_ref()?.context.geo.as_ref()?;
    let error = anyhow::Error::from(GeoFile::open(geo.mmdb.as_ref()?).err()?);
    let span = read.locations.span("/context/geo/mmdb/path");
    Some(Finding {
        help: Some(DATABASE_HELP.to_owned()),
        ..Finding::at(path, span, UNREADABLE_DATABASE, format!("{error:#}"))
    })
}
