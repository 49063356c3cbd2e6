//! `burgee check`: every error of a configuration and of flag sets, before a proxy meets them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use burgee_eval::text::{self, Format, Locations};
use burgee_eval::{Compiler, Snapshot};

use crate::config::{Config, Source};
use crate::edge::GeoFile;
use crate::finding::{Finding, Level};
use crate::flag_files;
use crate::wire::{self, WireProblem};

/// Check a configuration and flag sets; every error at once.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A configuration; where it reads flag sets from files, those are checked too.
    #[arg(long, short, value_name = "FILE", required_unless_present = "flags")]
    config: Option<PathBuf>,
    /// A flag set, or a directory of them; may be given more than once.
    #[arg(long, value_name = "FILE_OR_DIRECTORY")]
    flags: Vec<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  burgee check --config burgee.yaml
  burgee check --flags config/flags
  burgee check --config burgee.yaml --flags config/flags --json

Exit code 1 when there is an error; warnings alone leave it 0.";

/// Exit code 1 where there is an error.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    let mut paths = args.flags.clone();

    // What a wrong configuration names is checked all the same: every error at once.
    let mut config = None;
    if let Some(path) = args.config.as_deref() {
        let (read, found) = Config::inspect(path);
        findings.extend(found);
        config = read.map(|config| (path, config));
    }
    if let Some((_, config)) = &config
        && let Source::Files(files) = &config.source
    {
        paths.push(files.flags.clone());
    }

    let mut compiler = Compiler::new();
    let (files, found) = flag_files::read(&paths, &mut compiler);
    findings.extend(found);
    let snapshot = Snapshot::new(&compiler, files.iter().map(|file| file.set.clone()));

    let default_reserved = crate::config::default_reserved();
    let reserved = config
        .as_ref()
        .map_or(&default_reserved, |(_, config)| &config.reserved);
    findings.extend(flag_files::header_findings(&files, &snapshot, reserved));
    if let Some((path, config)) = &config {
        let locations = locations(path).unwrap_or_default();
        // Flags of a file that was refused are not known, so nobody can say that they do not exist.
        if !paths.is_empty() && !flag_files::any_refused(&files, &findings) {
            findings.extend(routes(path, &locations, config, &snapshot));
        }
        findings.extend(database(path, &locations, config));
    }
    findings.sort();
    findings.dedup();
    report(args, &findings, files.len())
}

fn report(args: &Args, findings: &[Finding], sets: usize) -> anyhow::Result<ExitCode> {
    let errors = findings
        .iter()
        .filter(|finding| finding.level == Level::Error)
        .count();
    let warnings = findings.len() - errors;
    if args.json {
        let answer =
            serde_json::json!({ "errors": errors, "warnings": warnings, "findings": findings });
        println!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        for finding in findings {
            println!("{finding}");
        }
        let configuration = if args.config.is_some() {
            "the configuration and "
        } else {
            ""
        };
        println!(
            "checked {configuration}{sets} flag set(s): {errors} error(s), {warnings} warning(s)"
        );
    }
    Ok(if errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What routes say of flags and variants, against the flag sets at hand. Warnings: a proxy serves
/// such a route without the decision, and the set may be on its way.
fn routes(
    path: &Path,
    locations: &Locations,
    config: &Config,
    snapshot: &Snapshot,
) -> Vec<Finding> {
    let place = |problem: WireProblem| {
        let name = problem.route?;
        let number = config.routes.iter().position(|route| route.name == name)?;
        let place = locations.find(&format!("/routes/{number}{}", problem.pointer));
        Some(Finding {
            level: Level::Warning,
            help: Some(problem.help),
            ..Finding::at(path, place, problem.message)
        })
    };
    let problems = wire::problems(&config.routes, snapshot, &config.reserved);
    problems.into_iter().filter_map(place).collect()
}

/// A geography database that a proxy could not start with.
fn database(path: &Path, locations: &Locations, config: &Config) -> Option<Finding> {
    let settings = config.context.geo.as_ref()?.mmdb.as_ref()?;
    let error = anyhow::Error::from(GeoFile::open(settings).err()?);
    let place = locations.find("/context/geo/mmdb/path");
    Some(Finding {
        help: Some("name a readable MaxMind database (.mmdb)".to_owned()),
        ..Finding::at(path, place, format!("{error:#}"))
    })
}

/// The configuration was checked a moment ago; only its places are wanted here.
fn locations(path: &Path) -> Option<Locations> {
    let text = std::fs::read_to_string(path).ok()?;
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let format = Format::from_extension(&extension).unwrap_or(Format::Yaml);
    Some(text::parse(&text, format).ok()?.locations)
}
