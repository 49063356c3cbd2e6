//! The mark that says that the disk holds all of one kind, of which logs, and when that was last known.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Disk, corrupt_files, folder};
use crate::registry::Kind;
use crate::source::write_atomically;

/// Why the disk is not known to hold all of one kind.
pub(super) enum NotWhole {
    /// It was never written.
    NothingYet,
    /// For people.
    Because(String),
}

#[derive(Serialize, Deserialize)]
struct Whole {
    environment: String,
    logs: Vec<String>,
    /// Unix milliseconds. Absent from what earlier versions wrote.
    #[serde(default)]
    current_at_ms: u64,
}

impl Disk {
    /// What the mark of one kind says, where it is about the logs that this proxy reads now.
    pub(super) fn read_whole(&self, kind: Kind) -> Result<u64, NotWhole> {
        let path = self.directory.join(whole_name(kind));
        let wrong = |error: &dyn std::fmt::Display| {
            NotWhole::Because(format!("{}: {error}", path.display()))
        };
        let claim = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(NotWhole::NothingYet);
            }
            Err(error) => return Err(wrong(&error)),
        };
        let claim: Whole = serde_json::from_slice(&claim).map_err(|error| wrong(&error))?;
        let expected = self.whole_claim(kind, claim.current_at_ms);
        if claim.environment != expected.environment {
            return Err(NotWhole::Because(format!(
                "it was last whole for the environment {:?}, and this is {:?}",
                claim.environment, expected.environment
            )));
        }
        if claim.logs != expected.logs {
            return Err(NotWhole::Because(format!(
                "it was last whole for the logs of {}, and this proxy reads {}: something of them may be missing",
                claim.logs.join(", "),
                expected.logs.join(", ")
            )));
        }
        Ok(claim.current_at_ms)
    }

    /// Returns the directory that has to be synced.
    pub(super) fn write_whole(&self, kind: Kind, current_at_ms: u64) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.directory)?;
        for path in corrupt_files(&self.directory.join(folder(kind))) {
            std::fs::remove_file(path)?;
        }
        let claim = serde_json::to_vec(&self.whole_claim(kind, current_at_ms))?;
        write_atomically(&self.directory, &whole_name(kind), &claim, 0o600)?;
        Ok(self.directory.clone())
    }

    fn whole_claim(&self, kind: Kind, current_at_ms: u64) -> Whole {
        let logs = self
            .logs
            .iter()
            .filter(|log| log.kind() == kind)
            .map(|log| log.name().to_owned());
        Whole {
            environment: self.environment.clone(),
            logs: logs.collect(),
            current_at_ms,
        }
    }
}

fn whole_name(kind: Kind) -> String {
    format!("{}.whole", folder(kind))
}
