//! Flag sets as files: found, read, parsed and compiled, with every finding placed.
//!
//! What `check`, `explain`, `flags push` and the demo read; the watched directory of a proxy goes
//! through `source` and `ingest` instead, which keep what worked before.

mod directory;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burgee_eval::fix::pin_bucketing;
use burgee_eval::limits::MAX_TEXT_BYTES;
use burgee_eval::lint::{self, World};
use burgee_eval::text::{self, Format, Locations, Parsed};
use burgee_eval::{Compiler, FlagSet, Problem, SetProblem, Snapshot, code, join_pointer};

use self::directory::{expand, format_of};
use crate::envelope::fits_record;
use crate::finding::code::{DUPLICATE_SET, INVALID_HEADER};
use crate::finding::{Finding, Level, quote};
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
    /// An error about one flag of this file.
    pub fn error_of(&self, flag: &str, rule: &'static str, message: String, help: &str) -> Finding {
        self.error_at(&join_pointer("/flags", flag), rule, message, help)
    }

    /// An error about the part of this file that a JSON Pointer names.
    pub(crate) fn error_at(
        &self,
        pointer: &str,
        rule: &'static str,
        message: String,
        help: &str,
    ) -> Finding {
        let span = self.locations.span(pointer);
        Finding {
            help: Some(help.to_owned()),
            ..Finding::at(&self.path, span, rule, message)
        }
    }

    /// What compiling it found, flag by flag.
    pub fn findings(&self) -> Vec<Finding> {
        let problems = self.set.problems.iter();
        let mut findings: Vec<Finding> = problems.map(|problem| self.place(problem)).collect();
        quote(&mut findings, &self.path, &self.text);
        findings
    }

    /// A problem of this file, as [`quote_all`] expects it.
    pub(crate) fn place(&self, problem: &Problem) -> Finding {
        Finding::place(&self.path, &self.locations, problem)
    }
}

/// Files and directories (their `.json`, `.yaml` and `.yml` files, not deeper) to compiled sets.
///
/// Every finding of every file comes back, also where two sets have the same name or define the
/// same flag. A file with an error in the whole of it gives no set.
pub fn read(paths: &[PathBuf], compiler: &mut Compiler) -> (Vec<FlagFile>, Vec<Finding>) {
    let read = read_each(paths, |path| {
        let source = SourceFile::read(path)?;
        let (set, problems) = source.compile(compiler);
        let findings = source.place(&problems);
        match set {
            Some(set) => Ok((source.with(set), findings)),
            None => Err(findings),
        }
    });
    (read.files, read.findings)
}

/// What was read, and what is wrong with it.
#[derive(Debug)]
pub struct Read {
    /// The files that hold a set.
    pub files: Vec<FlagFile>,
    /// How many files were looked at, those that were refused included.
    pub looked_at: usize,
    /// In all of them.
    pub findings: Vec<Finding>,
}

/// As [`read`], and with what is right by the letter and cannot be meant. What flags that share an
/// evaluator have in common is reported once.
pub fn read_and_lint(paths: &[PathBuf], compiler: &mut Compiler, world: &World<'_>) -> Read {
    read_each(paths, |path| {
        let source = SourceFile::read(path)?;
        let (set, mut problems) = source.compile(compiler);
        problems = once_per_place(problems);
        problems.extend(lint::document(&source.parsed.value, world));
        if source.format == Format::Yaml {
            problems.extend(lint::yaml(&source.text));
        }
        let mut findings = source.place(&problems);
        let is_refused = set.is_none();
        for finding in &mut findings {
            if finding.rule == code::UNPINNED_BUCKETING {
                finding.help = Some(source.how_to_pin(is_refused));
            }
        }
        match set {
            Some(set) => Ok((source.with(set), findings)),
            None => Err(findings),
        }
    })
}

fn read_each(
    paths: &[PathBuf],
    mut read: impl FnMut(&Path) -> Result<(FlagFile, Vec<Finding>), Vec<Finding>>,
) -> Read {
    let mut findings = Vec::new();
    let mut paths_of_files = Vec::new();
    for path in paths {
        paths_of_files.extend(expand(path, &mut findings));
    }
    paths_of_files.sort();
    paths_of_files.dedup();

    let mut files = Vec::with_capacity(paths_of_files.len());
    for path in &paths_of_files {
        match read(path) {
            Ok((file, found)) => {
                findings.extend(found);
                files.push(file);
            }
            Err(refused) => findings.extend(refused),
        }
    }
    findings.extend(conflicts(&files));
    quote_all(&files, &mut findings);
    Read {
        files,
        looked_at: paths_of_files.len(),
        findings,
    }
}

/// Gives findings about these files the parts of their texts that they are about.
pub(crate) fn quote_all(files: &[FlagFile], findings: &mut [Finding]) {
    for file in files {
        quote(findings, &file.path, &file.text);
    }
}

/// A rule that many flags share through an evaluator has the same problem for each of them.
fn once_per_place(problems: Vec<Problem>) -> Vec<Problem> {
    let mut first: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut kept: Vec<(Problem, usize)> = Vec::new();
    for problem in problems {
        let key = (problem.path.clone(), problem.message.clone());
        let shared = problem.path.starts_with("/$evaluators/");
        match first.get(&key) {
            Some(index) if shared => kept[*index].1 += 1,
            _ => {
                first.insert(key, kept.len());
                kept.push((problem, 0));
            }
        }
    }
    let told = kept.into_iter().map(|(mut problem, others)| {
        match others {
            0 => {}
            1 => problem.message.push_str(" (and so has another flag)"),
            others => {
                let more = format!(" (and so have {others} other flags)");
                problem.message.push_str(&more);
            }
        }
        problem
    });
    told.collect()
}

/// A file's name as it is typed in a shell.
fn shell_word(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%,:=".contains(c);
    if name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
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
        Some(file.error_at(
            &problem.pointer,
            INVALID_HEADER,
            problem.message,
            &problem.help,
        ))
    };
    let problems = wire::problems(&[], snapshot, reserved);
    let mut findings: Vec<Finding> = problems.into_iter().filter_map(place).collect();
    quote_all(files, &mut findings);
    findings
}

/// What is wrong between flags, of these files or of other sets: prerequisites, layers. `all_known`:
/// no file was refused, so that a flag that is not there does not exist.
pub(crate) fn between_flags(
    files: &[FlagFile],
    snapshot: &Snapshot,
    all_known: bool,
) -> Vec<Finding> {
    let known = snapshot
        .problems()
        .iter()
        .filter(|found| all_known || found.problem.code != code::UNKNOWN_PREREQUISITE);
    let place = |found: &SetProblem| {
        let file = files.iter().find(|file| file.set.id == found.set)?;
        Some(file.place(&found.problem))
    };
    let mut findings: Vec<Finding> = known.filter_map(place).collect();
    quote_all(files, &mut findings);
    findings
}

/// A file that could be read and parsed.
struct SourceFile {
    path: PathBuf,
    format: Format,
    text: String,
    parsed: Parsed,
}

impl SourceFile {
    fn read(path: &Path) -> Result<Self, Vec<Finding>> {
        let whole = |message: String, help: &str| vec![Finding::whole_file(path, message, help)];
        // A proxy that watches the directory passes it by: sets are known by their files' names.
        if path.file_name().is_some_and(|name| name.to_str().is_none()) {
            let message = "has a name that is not UTF-8".to_owned();
            return Err(whole(message, "rename it"));
        }
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
        let bytes = read_file(path, MAX_TEXT_BYTES)
            .ok_or_else(|| unreadable("it is not a file".to_owned()))?
            .map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
        fits_record(&text).map_err(|error| whole(format!("is too long: {error}"), error.help()))?;
        let parsed = text::parse(&text, format).map_err(|errors| {
            let mut findings = Finding::syntax(path, errors);
            quote(&mut findings, path, &text);
            findings
        })?;
        Ok(Self {
            path: path.to_owned(),
            format,
            text,
            parsed,
        })
    }

    /// What to do about a missing pin.
    fn how_to_pin(&self, is_refused: bool) -> String {
        let shown = shell_word(&self.path.to_string_lossy());
        match (pin_bucketing(&self.text, self.format), is_refused) {
            (Ok(_), false) => {
                format!("run `burgee check --fix {shown}`, which pins what is served now")
            }
            (Ok(_), true) => format!(
                "mend what refuses the file, then run `burgee check --fix {shown}`, which pins what is served"
            ),
            (Err(error), _) => format!(
                "write `bucketing: v3` into the metadata of the set by hand, for `--fix` cannot: {error}"
            ),
        }
    }

    /// `None`, where it is refused as a whole; with all its problems in either case.
    fn compile(&self, compiler: &mut Compiler) -> (Option<Arc<FlagSet>>, Vec<Problem>) {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        match compiler.compile(&stem, &self.parsed.value) {
            Ok(set) => {
                let problems = set.problems.clone();
                (Some(Arc::new(set)), problems)
            }
            Err(problems) => (None, problems),
        }
    }

    fn place(&self, problems: &[Problem]) -> Vec<Finding> {
        let place = |problem| Finding::place(&self.path, &self.parsed.locations, problem);
        let mut findings: Vec<Finding> = problems.iter().map(place).collect();
        quote(&mut findings, &self.path, &self.text);
        findings
    }

    fn with(self, set: Arc<FlagSet>) -> FlagFile {
        FlagFile {
            path: self.path,
            format: self.format,
            text: self.text,
            locations: self.parsed.locations,
            set,
        }
    }
}

/// Two files that name the same set, or define the same flag.
fn conflicts(files: &[FlagFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut sets: BTreeMap<&str, &Path> = BTreeMap::new();
    let mut flags: BTreeMap<&str, &FlagFile> = BTreeMap::new();
    for file in files {
        if let Some(first) = sets.insert(&file.set.id, &file.path) {
            let message = format!(
                "flag set \"{}\" stands in {} too",
                file.set.id,
                first.display()
            );
            let help = "give each a `metadata.flagSetId` of its own";
            findings.push(file.error_at("/metadata/flagSetId", DUPLICATE_SET, message, help));
        }
        for flag in &file.set.flags {
            if let Some(first) = flags.insert(&flag.key, file) {
                let message = format!(
                    "flag \"{}\" is defined in {} too",
                    flag.key,
                    first.path.display()
                );
                let help = "a flag belongs to one set: rename one of the two";
                findings.push(file.error_of(&flag.key, code::DUPLICATE_FLAG, message, help));
            }
        }
    }
    findings
}
