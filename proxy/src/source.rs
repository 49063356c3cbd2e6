//! Where flag sets and overrides come from: the contract between a source and `ingest`.
//!
//! A source yields [`Update`]s into a bounded channel and knows nothing of what becomes of them. What
//! it gets from a log it has verified; it never decodes a flag set. Absence from a log is never a
//! deletion. Overrides travel in a lane of their own, so that nothing that is queued delays one.

mod clock;
mod file;
mod nats;
mod synced;

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use crate::config::{self, Config};
use crate::envelope::{FlagSetText, Verified};
use crate::registry::{Kind, Log};

pub(crate) use file::{UNFINISHED, envelope, read_directory, read_file, write_atomically};
pub use nats::Pace;

use file::Directory;
use synced::parts;

/// Something that a source has to tell.
#[derive(Debug)]
pub enum Update {
    /// A flag set was put or deleted.
    FlagSet(FlagSetUpdate),
    /// An override was set or cleared.
    Override(OverrideUpdate),
    /// Something stood where a record should, and does not count.
    Refused(Refused),
    /// At this moment the source has nothing pending of this kind: all that came before is the current
    /// state. Repeated for as long as that stays so.
    Synced(Kind),
    /// Whether the source is reached.
    Connected(bool),
}

/// A flag set was put or deleted.
#[derive(Debug)]
pub enum FlagSetUpdate {
    /// In a watched directory.
    File {
        /// The file's name, which tells one set from another here.
        file: String,
        /// `None`: the file was removed.
        document: Option<FlagSetText>,
    },
    /// In the log.
    Log(Verified),
}

/// An override was set or cleared.
#[derive(Debug)]
pub enum OverrideUpdate {
    /// In a watched directory.
    File {
        /// The file's name.
        file: String,
        /// `None`: the file was removed.
        record: Option<Verified>,
    },
    /// A watched directory was read for the first time. What was known of other files no longer counts.
    Listed {
        /// The name of every file in it, a record or not.
        files: BTreeSet<String>,
    },
    /// In a log.
    Log {
        /// The change.
        record: Verified,
        /// This proxy's clock minus the broker's, in milliseconds, where it could be measured.
        ahead_ms: Option<i64>,
    },
}

/// Something that does not count.
#[derive(Debug)]
pub struct Refused {
    /// What it would have been.
    pub kind: Kind,
    /// Its subject or file. `None`: all of a directory, which cannot be read.
    pub name: Option<String>,
    /// A word for metrics.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

/// Updates that may wait in each lane; then the source waits.
pub(crate) const LANE: usize = 256;

/// The sending end, for sources.
#[derive(Clone, Debug)]
pub struct Sender {
    overrides: mpsc::Sender<Update>,
    flag_sets: mpsc::Sender<Update>,
}

/// The receiving end, for `ingest`.
#[derive(Debug)]
pub struct Receiver {
    /// Overrides and what concerns them, and the connection.
    pub(crate) overrides: mpsc::Receiver<Update>,
    /// Flag sets and what concerns them.
    pub(crate) flag_sets: mpsc::Receiver<Update>,
}

/// A channel from sources to `ingest`.
pub fn channel() -> (Sender, Receiver) {
    let (overrides, overrides_receiver) = mpsc::channel(LANE);
    let (flag_sets, flag_sets_receiver) = mpsc::channel(LANE);
    (
        Sender {
            overrides,
            flag_sets,
        },
        Receiver {
            overrides: overrides_receiver,
            flag_sets: flag_sets_receiver,
        },
    )
}

impl Sender {
    /// Waits while the lane is full. An update to an ingest that is gone is dropped: the process is leaving.
    pub async fn send(&self, update: Update) {
        let lane = match &update {
            Update::FlagSet(_)
            | Update::Synced(Kind::FlagSets)
            | Update::Refused(Refused {
                kind: Kind::FlagSets,
                ..
            }) => &self.flag_sets,
            _ => &self.overrides,
        };
        let _ = lane.send(update).await;
    }
}

/// The records in the directory of local overrides beside the logs, by file name. What is no record is
/// left to [`run`], which reports it. Blocks.
pub(crate) fn local_overrides(config: &Config) -> Vec<(String, Verified)> {
    let config::Source::Nats(nats) = &config.source else {
        return Vec::new();
    };
    let Some(path) = nats.local_overrides.as_deref() else {
        return Vec::new();
    };
    let logs = override_logs(nats.override_regions.iter().map(String::as_str));
    file::overrides_now(path, &config.environment, &logs)
}

/// Runs the configured source. Never returns; dropping the future stops all of it.
pub async fn run(config: &Config, updates: Sender) {
    run_at(config, updates, Pace::default()).await;
}

/// As [`run`], at another pace.
pub async fn run_at(config: &Config, updates: Sender, pace: Pace) {
    let environment = config.environment.as_str();
    match &config.source {
        config::Source::Nats(nats) => nats::run(nats, environment, &updates, pace).await,
        config::Source::Files(files) => {
            updates.send(Update::Connected(true)).await;
            let overrides = async {
                let Some(part) = parts(Kind::Overrides, 1).pop() else {
                    return;
                };
                match &files.overrides {
                    Some(path) => {
                        let logs = override_logs([config.region.as_str()]);
                        Directory::overrides(path, environment, logs)
                            .watch(&updates, part)
                            .await;
                    }
                    // There is nowhere for an override to come from, so none is missing.
                    None => file::always_synced(&updates, part).await,
                }
            };
            let flags = async {
                let Some(part) = parts(Kind::FlagSets, 1).pop() else {
                    return;
                };
                Directory::flag_sets(&files.flags)
                    .watch(&updates, part)
                    .await;
            };
            tokio::join!(flags, overrides);
        }
    }
}

/// Configured regions are checked names, so that every one of them has a log.
fn override_logs<'r>(regions: impl IntoIterator<Item = &'r str>) -> Vec<Log> {
    regions
        .into_iter()
        .filter_map(|region| Log::overrides(region).ok())
        .collect()
}
