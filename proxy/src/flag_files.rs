//! Flag sets as files: found, read, parsed and compiled, with every finding placed.
//!
//! What `check`, `explain`, `flags push` and the demo read; the watched directory of a proxy goes
//! through `source` and `ingest` instead, which keep what worked before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burgee_eval::text::{self, Format, Locations};
use burgee_eval::{Compiler, FlagSet, Snapshot};

use crate::envelope::MAX_DOCUMENT_BYTES;
use crate::finding::{Finding, Level};
use crate::source::read_file;
use crate::wire::{self, WireProblem};

/// A flag set that was read from a file and compiled.
#[derive(Debug)]
pub struct FlagFile {
    /// The file.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// Its bytes, unchanged.
    pub text: String,
    /// Where its parts stand.
    pub locations: Locations,
    /// What it compiled to; some flags may be spoiled, see its problems.
    pub set: Arc<FlagSet>,
}

impl FlagFile {
    /// A finding about one flag of this file.
    pub fn finding(&self, flag: &str, level: Level, message: String, help: String) -> Finding {
        let pointer = format!("/flags/{}", flag.replace('~', "~0").replace('/', "~1"));
        self.finding_at(&pointer, level, message, help)
    }

    /// A finding about the part of this file that a JSON Pointer names.
    fn finding_at(&self, pointer: &str, level: Level, message: String, help: String) -> Finding {
        Finding {
            level,
            help: Some(help),
            ..Finding::at(&self.path, self.locations.find(pointer), message)
        }
    }
}

/// Files and directories (their `.json`, `.yaml` and `.yml` files, not deeper) to compiled sets.
///
/// Every finding of every file comes back, also where two sets have the same name or define the
/// same flag. A file with an error in the whole of it gives no set.
pub fn read(paths: &[PathBuf], compiler: &mut Compiler) -> (Vec<FlagFile>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        match expand(path) {
            Ok(found) => files.extend(found),
            Err(finding) => findings.push(finding),
        }
    }
    files.sort();
    files.dedup();

    let mut read = Vec::with_capacity(files.len());
    for path in &files {
        match compile(path, compiler) {
            Ok(file) => {
                let problems = &file.set.problems;
                findings.extend(
                    problems
                        .iter()
                        .map(|p| Finding::place(path, &file.locations, p)),
                );
                read.push(file);
            }
            Err(refused) => findings.extend(refused),
        }
    }
    findings.extend(conflicts(&read));
    (read, findings)
}

/// Whether a file was refused as a whole, so that what it defines is not known.
pub fn any_refused(files: &[FlagFile], findings: &[Finding]) -> bool {
    findings.iter().any(|finding| {
        finding.level == Level::Error && !files.iter().any(|file| file.path == finding.file)
    })
}

/// Flags that cannot be told to a backend: their header is no header, lies outside the reserved
/// prefixes, or is another flag's.
pub fn header_findings(
    files: &[FlagFile],
    snapshot: &Snapshot,
    reserved: &[String],
) -> Vec<Finding> {
    let place = |problem: WireProblem| {
        let has = |file: &&FlagFile| file.set.flags.iter().any(|flag| *flag.key == *problem.flag);
        let file = files.iter().find(has)?;
        Some(file.finding_at(
            &problem.pointer,
            Level::Error,
            problem.message,
            problem.help,
        ))
    };
    wire::problems(&[], snapshot, reserved)
        .into_iter()
        .filter_map(place)
        .collect()
}

fn expand(path: &Path) -> Result<Vec<PathBuf>, Finding> {
    let unreadable = |error: std::io::Error| {
        Finding::whole_file(
            path,
            format!("cannot be read: {error}"),
            "name an existing file or directory",
        )
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        // Editors keep what is unfinished in files whose names begin with a dot.
        let hidden = file
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && file.is_file() && format_of(&file).is_some() {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Err(Finding {
            level: Level::Warning,
            ..Finding::whole_file(
                path,
                "holds no flag set",
                "put .json, .yaml or .yml files into it",
            )
        });
    }
    Ok(found)
}

/// By the extension.
fn format_of(path: &Path) -> Option<Format> {
    Format::from_extension(&path.extension()?.to_string_lossy())
}

fn compile(path: &Path, compiler: &mut Compiler) -> Result<FlagFile, Vec<Finding>> {
    let whole = |message: String, help: &str| vec![Finding::whole_file(path, message, help)];
    let format = format_of(path).ok_or_else(|| {
        whole(
            "is neither JSON nor YAML by its name".to_owned(),
            "name it .json, .yaml or .yml",
        )
    })?;
    let unreadable = |error: String| {
        let help = "make it a readable UTF-8 file";
        whole(format!("cannot be read: {error}"), help)
    };
    let bytes = read_file(path, MAX_DOCUMENT_BYTES)
        .ok_or_else(|| unreadable("it is not a file".to_owned()))?
        .map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    let parsed = text::parse(&text, format).map_err(|errors| Finding::syntax(path, errors))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let set = compiler.compile(&stem, &parsed.value).map_err(|problems| {
        problems
            .iter()
            .map(|problem| Finding::place(path, &parsed.locations, problem))
            .collect::<Vec<_>>()
    })?;
    Ok(FlagFile {
        path: path.to_owned(),
        format,
        text,
        locations: parsed.locations,
        set: Arc::new(set),
    })
}

/// Two files that name the same set, or define the same flag.
fn conflicts(files: &[FlagFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut sets: BTreeMap<&str, &Path> = BTreeMap::new();
    let mut flags: BTreeMap<&str, &FlagFile> = BTreeMap::new();
    for file in files {
        if let Some(first) = sets.insert(&file.set.id, &file.path) {
            findings.push(Finding {
                help: Some("give each a `metadata.flagSetId` of its own".to_owned()),
                ..Finding::at(
                    &file.path,
                    file.locations.find("/metadata/flagSetId"),
                    format!(
                        "flag set \"{}\" stands in {} too",
                        file.set.id,
                        first.display()
                    ),
                )
            });
        }
        for flag in &file.set.flags {
            if let Some(first) = flags.insert(&flag.key, file) {
                findings.push(file.finding(
                    &flag.key,
                    Level::Error,
                    format!(
                        "flag \"{}\" is defined in {} too",
                        flag.key,
                        first.path.display()
                    ),
                    "a flag belongs to one set: rename one of the two".to_owned(),
                ));
            }
        }
    }
    findings
}
