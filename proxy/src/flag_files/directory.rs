//! Which files a path stands for: itself, or the flag sets of a directory, as a proxy watches one. That
//! is flat, so that what lies deeper is told and not read.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use burgee_eval::text::Format;

use crate::finding::code::{NO_FLAG_SET, SKIPPED_DIRECTORY};
use crate::finding::{Finding, Level};

/// How deep flag sets are looked for that a proxy would pass by.
const MAX_DEPTH: usize = 16;

/// How many entries are looked at for that, below one directory.
const MAX_ENTRIES: usize = 10_000;

/// What cannot be read, is not there or is passed by goes to `findings`.
pub(super) fn expand(path: &Path, findings: &mut Vec<Finding>) -> Vec<PathBuf> {
    let is_directory = fs::metadata(path).map(|metadata| metadata.is_dir());
    let found = is_directory.and_then(|is_directory| {
        if is_directory {
            files(path, findings)
        } else {
            Ok(vec![path.to_owned()])
        }
    });
    found.unwrap_or_else(|error| {
        findings.push(Finding::whole_file(
            path,
            format!("cannot be read: {error}"),
            "name an existing file or directory",
        ));
        Vec::new()
    })
}

fn files(directory: &Path, findings: &mut Vec<Finding>) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if is_hidden(&entry) {
            continue;
        }
        if path.is_dir() {
            let mut left = MAX_ENTRIES;
            if holds_flag_sets(&path, MAX_DEPTH, &mut left) {
                findings.push(skipped(&path));
            }
        } else if path.is_file() && format_of(&path).is_some() {
            found.push(path);
        }
    }
    if found.is_empty() {
        findings.push(Finding {
            level: Level::Warning,
            rule: NO_FLAG_SET,
            ..Finding::whole_file(
                directory,
                "holds no flag set",
                "put .json, .yaml or .yml files into it",
            )
        });
    }
    Ok(found)
}

/// By the extension.
pub(super) fn format_of(path: &Path) -> Option<Format> {
    Format::from_extension(&path.extension()?.to_string_lossy())
}

/// Editors keep what is unfinished in files whose names begin with a dot.
fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether something in a directory would be read, did it lie one level or more further up. Links to
/// directories are not followed, for they can lead in circles.
fn holds_flag_sets(directory: &Path, depth: usize, left: &mut usize) -> bool {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| !is_hidden(entry)) {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let holds = if is_directory {
            depth > 0 && holds_flag_sets(&entry.path(), depth - 1, left)
        } else {
            let path = entry.path();
            format_of(&path).is_some() && path.is_file()
        };
        if holds {
            return true;
        }
    }
    false
}

fn skipped(directory: &Path) -> Finding {
    Finding {
        level: Level::Warning,
        rule: SKIPPED_DIRECTORY,
        ..Finding::whole_file(
            directory,
            "this directory lies in another and is not looked into; a proxy reads no flag set in it",
            "move its flag sets up, or name the directory, too",
        )
    }
}
