//! `burgee check --fix`: pins the bucketing in files that split users and do not say by which.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use burgee_eval::fix::pin_bucketing;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::finding::code::CANNOT_FIX;
use crate::finding::{Finding, shown};
use crate::flag_files::FlagFile;
use crate::printable::printable;

/// What became of one file.
#[derive(Debug, Serialize)]
pub(super) struct Fix {
    #[serde(serialize_with = "shown")]
    file: PathBuf,
    /// Where the pin stands; 0 where it could not be written.
    line: u32,
    #[serde(skip)]
    failure: Option<Failure>,
}

/// Why a pin was not written, and what to do.
#[derive(Debug)]
struct Failure {
    why: String,
    help: &'static str,
}

/// Tries each of these files by itself, and once where one is a link to another.
pub(super) fn all(files: &[&FlagFile]) -> Vec<Fix> {
    let mut targets = BTreeSet::new();
    let is_new = |file: &&&FlagFile| {
        let target = file.path.canonicalize();
        targets.insert(target.unwrap_or_else(|_| file.path.clone()))
    };
    let fix = |file: &&FlagFile| {
        let done = fix(file);
        Fix {
            file: file.path.clone(),
            line: *done.as_ref().unwrap_or(&0),
            failure: done.err().map(|error| Failure {
                why: format!("{error:#}"),
                help: "write `bucketing: v3` into the metadata of the set by hand",
            }),
        }
    };
    files.iter().filter(is_new).map(fix).collect()
}

/// Of a file that proxies refuse: what else is wrong with it may be wrong with the metadata.
pub(super) fn refused(file: &Path) -> Fix {
    Fix {
        file: file.to_owned(),
        line: 0,
        failure: Some(Failure {
            why: "the file is refused as it is".to_owned(),
            help: "mend its other errors, then run this again",
        }),
    }
}

/// The line of the pin.
fn fix(file: &FlagFile) -> anyhow::Result<u32> {
    let fixed = pin_bucketing(&file.text, file.format)?;
    replace(&file.path, &file.text, &fixed.text)?;
    Ok(fixed.line)
}

/// Puts a new file with `new` in the place of one with `old`, all at once and with the same owner, group
/// and mode. A symbolic link stays one; a file with another name (a hard link) would be torn from it, so
/// that it is left alone.
fn replace(path: &Path, old: &str, new: &str) -> anyhow::Result<()> {
    let target = path.canonicalize().context("it cannot be found again")?;
    let folder = target.parent().context("it is in no folder")?;
    let metadata = target.metadata().context("it cannot be read")?;
    ensure!(
        metadata.nlink() == 1,
        "the file has {} names (hard links), and the others would keep what is there now",
        metadata.nlink()
    );
    // The name begins with a dot, so that no proxy that watches the folder reads it.
    let mut file = NamedTempFile::with_prefix_in(".burgee-check-", folder)
        .context("no file can be made beside it")?;
    file.write_all(new.as_bytes())
        .context("no file can be written beside it")?;
    keep_owner(file.as_file(), &metadata)
        .context("a new file in its place would belong to somebody else")?;
    // After the owner, for a change of that takes setuid and setgid away.
    let kept = file.as_file().set_permissions(metadata.permissions());
    kept.and_then(|()| file.as_file().sync_all())
        .context("no file can be written beside it")?;
    let now = std::fs::read(&target).context("it cannot be read again")?;
    ensure!(now == old.as_bytes(), "it has changed in the meantime");
    file.persist(&target).context("it cannot be replaced")?;
    Ok(())
}

/// Gives a new file the owner and group of another, where they are not the same already: then only root
/// may, or the owner for a group of theirs.
fn keep_owner(file: &File, old: &Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    let differing = |old: u32, new: u32| (old != new).then_some(old);
    let (owner, group) = (
        differing(old.uid(), new.uid()),
        differing(old.gid(), new.gid()),
    );
    if owner.is_some() || group.is_some() {
        fchown(file, owner, group)?;
    }
    Ok(())
}

impl Fix {
    pub(super) fn is_done(&self) -> bool {
        self.failure.is_none()
    }

    pub(super) fn failure(&self) -> Option<Finding> {
        let Failure { why, help } = self.failure.as_ref()?;
        let message = format!("the pin was not written: {why}");
        Some(Finding {
            rule: CANNOT_FIX,
            ..Finding::whole_file(&self.file, message, *help)
        })
    }
}

/// A line; nothing for what is a finding.
impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_done() {
            return Ok(());
        }
        let file = self.file.to_string_lossy();
        let (file, line) = (printable(&file), self.line);
        writeln!(f, "fixed {file}:{line}: wrote metadata.bucketing: v3")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_permissions_and_through_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.yaml");
        fs::write(&file, "old").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o4640)).expect("permissions");
        let link = folder.path().join("link.yaml");
        symlink("a.yaml", &link).expect("a link");

        replace(&link, "old", "new").expect("it is replaced");
        assert_eq!(fs::read_to_string(&file).expect("a text"), "new");
        let mode = file.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o7777, 0o4640);
        assert!(link.symlink_metadata().expect("metadata").is_symlink());

        let error = replace(&file, "old", "newer").expect_err("it is new");
        assert!(error.to_string().contains("meantime"), "{error}");
        assert_eq!(fs::read_to_string(&file).expect("a text"), "new");
        // Nothing is left behind.
        assert_eq!(names(folder.path()), 2);
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).expect("a folder").count()
    }

    #[test]
    fn a_file_with_two_names_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, other) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
        fs::write(&file, "old").expect("a file");
        fs::hard_link(&file, &other).expect("a link");
        for name in [&file, &other] {
            let error = replace(name, "old", "new").expect_err("the other would stay");
            assert!(error.to_string().contains("hard links"), "{error}");
            assert_eq!(fs::read_to_string(name).expect("a text"), "old");
        }
        assert_eq!(names(folder.path()), 2);
    }

    /// Only root can give a file away; for anybody else, that it cannot be kept is what is tested.
    #[test]
    fn the_owner_and_the_group_stay_or_nothing_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.yaml");
        fs::write(&file, "old").expect("a file");
        if chown(&file, Some(12_345), Some(54_321)).is_ok() {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o6750)).expect("permissions");
            replace(&file, "old", "new").expect("root may");
            assert_eq!(fs::read_to_string(&file).expect("a text"), "new");
            let metadata = file.metadata().expect("metadata");
            assert_eq!((metadata.uid(), metadata.gid()), (12_345, 54_321));
            assert_eq!(metadata.permissions().mode() & 0o7777, 0o6750);
        } else {
            let foreign = fs::metadata("/").expect("root's");
            let own = File::open(&file).expect("a file");
            let error = keep_owner(&own, &foreign).expect_err("it is not ours");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
