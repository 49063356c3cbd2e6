//! The last good state on disk: one file per record, each the envelope as the log held it.
//!
//! ```text
//! <state_dir>/flags/<set>.json               a flag set's last good version, or its deletion
//! <state_dir>/overrides/<LOG>.<token>.json   an override's last record, with its end by this proxy's clock
//! <state_dir>/flags.whole, overrides.whole   the files beside it are all there is, and when that was last known:
//!                                            written after the first sync, then every 30 s or so
//! ```
//!
//! A file is written aside, synced and renamed, so that it is old or new, never half. What is read back
//! is verified again; a file that fails is set aside as `*.corrupt` and reported, and the others load.
//! While overrides are not whole, or one of them is corrupt, the disk is no ground for readiness: a
//! missing override could revive a flag that it had killed.

mod whole;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ledger::is_past;
use super::metrics::IngestMetrics;
use super::now_ms;
use crate::config::{Config, Source};
use crate::envelope::{Digest, MAX_ENVELOPE_BYTES, Rejection, Verified, verify};
use crate::registry::{Kind, Log};
use crate::source::{UNFINISHED, read_directory, write_atomically};
use whole::NotWhole;

/// Room for what stands around an envelope.
const MAX_FILE_BYTES: usize = MAX_ENVELOPE_BYTES + 4096;

/// How often the time of the last sync is written, at most: a disk has better things to do, and an age
/// that is this much too high after a restart alarms nobody.
const MARK_EVERY: Duration = Duration::from_secs(30);

/// The state directory of one proxy.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    directory: PathBuf,
    environment: String,
    logs: Vec<Log>,
    /// Kinds of which it holds all, and when that was last written, in Unix milliseconds.
    whole: BTreeMap<Kind, u64>,
    not_before: Option<Instant>,
}

/// What a write is about. Records come before the claim that they are all there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Record { log: String, subject: String },
    Whole(Kind),
}

/// Something to be kept.
#[derive(Debug)]
pub(super) enum Kept {
    Record(Box<KeptRecord>),
    Whole { kind: Kind, current_at_ms: u64 },
}

/// A record as the disk holds it.
#[derive(Debug)]
pub(super) struct KeptRecord {
    pub(super) log: Log,
    pub(super) record: Verified,
    /// An override's end in milliseconds of this proxy's Unix clock, settled when it was first seen.
    pub(super) ends_ms: Option<u64>,
}

/// What the disk held.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) records: Vec<KeptRecord>,
    /// Kinds of which it held all, and when that was last known to be current; 0: not known.
    pub(super) whole: BTreeMap<Kind, u64>,
    /// Why it is not known to hold all of the other kinds; nothing where nothing was ever kept.
    pub(super) incomplete: BTreeMap<Kind, String>,
    /// Flag sets whose file was corrupt, now or at an earlier start, by name, and what became of it.
    pub(super) corrupt_sets: BTreeMap<String, String>,
}

/// What came of a write.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) error: Option<String>,
    pub(super) failed: BTreeMap<Slot, Kept>,
    whole: BTreeMap<Kind, u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    log: String,
    subject: String,
    ends_ms: Option<u64>,
    /// Of `ends_ms` in decimal (or nothing), a line feed, and the envelope. Finds rot, not forgery.
    sha256: Digest,
    envelope: Box<RawValue>,
}

/// Loads what a NATS source left behind. Directories need no second copy.
pub(super) fn open(config: &Config, metrics: &IngestMetrics) -> (Option<Disk>, Loaded) {
    let (Source::Nats(nats), Some(directory)) = (&config.source, &config.state_dir) else {
        return (None, Loaded::default());
    };
    let overrides = nats
        .override_regions
        .iter()
        .filter_map(|region| Log::overrides(region).ok());
    let mut disk = Disk {
        directory: directory.clone(),
        environment: config.environment.clone(),
        logs: std::iter::once(Log::flags()).chain(overrides).collect(),
        whole: BTreeMap::new(),
        not_before: None,
    };
    if let Err(error) = disk.probe() {
        metrics.disk_errors.inc();
        tracing::error!(directory = %directory.display(), %error, "the state directory cannot be used: a restart while NATS is away will find nothing new there");
    }
    let mut loaded = Loaded::default();
    for kind in [Kind::FlagSets, Kind::Overrides] {
        match disk.load(kind, &mut loaded.records, metrics) {
            Ok(current_at_ms) => drop(loaded.whole.insert(kind, current_at_ms)),
            Err(NotWhole::NothingYet) => {}
            Err(NotWhole::Because(why)) => {
                tracing::warn!(
                    kind = folder(kind),
                    why,
                    "the disk does not make this proxy ready; it waits for NATS"
                );
                loaded.incomplete.insert(kind, why);
            }
        }
    }
    loaded.corrupt_sets = disk.corrupt_sets();
    disk.whole.clone_from(&loaded.whole);
    if loaded.records.is_empty() && loaded.whole.is_empty() {
        tracing::debug!(directory = %directory.display(), "no last good state yet");
    } else {
        tracing::info!(directory = %directory.display(), records = loaded.records.len(), whole = ?loaded.whole, "read the last good state");
    }
    (Some(disk), loaded)
}

impl Disk {
    /// Whether enough time has passed since the last failure.
    pub(super) fn may_try(&self) -> bool {
        self.not_before.is_none_or(|at| at <= Instant::now())
    }

    /// Whether it does not say yet that it holds all of one kind, or has not said so for a while.
    pub(super) fn wants_mark(&self, kind: Kind, now_ms: u64) -> bool {
        self.whole.get(&kind).is_none_or(|&marked_ms| {
            u128::from(now_ms.abs_diff(marked_ms)) >= MARK_EVERY.as_millis()
        })
    }

    /// Whether it can be written, before anything depends on it.
    fn probe(&self) -> io::Result<()> {
        let folders =
            [Kind::FlagSets, Kind::Overrides].map(|kind| self.directory.join(folder(kind)));
        std::iter::once(&self.directory)
            .chain(&folders)
            .try_for_each(|directory| {
                let probe = directory.join(format!("{UNFINISHED}probe"));
                std::fs::create_dir_all(directory)?;
                std::fs::write(&probe, "probe")?;
                std::fs::remove_file(probe)
            })
    }

    fn corrupt_sets(&self) -> BTreeMap<String, String> {
        let paths = corrupt_files(&self.directory.join(folder(Kind::FlagSets)));
        let named = paths.iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(".json.corrupt")?;
            let message = format!(
                "its file was corrupt on disk, set aside as {}",
                path.display()
            );
            Some((name.to_owned(), message))
        });
        named.collect()
    }

    /// Takes note of a write that another clone of this made.
    pub(super) fn saved(&mut self, saved: &Saved, pause: Duration) {
        self.whole
            .extend(saved.whole.iter().map(|(&kind, &at)| (kind, at)));
        self.not_before = saved.error.as_ref().map(|_| Instant::now() + pause);
    }

    /// Writes everything, in order. After a failure nothing more is tried, so that what is said to be
    /// whole is.
    pub(super) fn save(&self, kept: BTreeMap<Slot, Kept>) -> Saved {
        let mut saved = Saved {
            error: None,
            failed: BTreeMap::new(),
            whole: BTreeMap::new(),
        };
        let mut touched = Vec::new();
        for (slot, kept) in kept {
            if saved.error.is_none() {
                let written = match &kept {
                    Kept::Record(record) => self.write_record(record),
                    Kept::Whole {
                        kind,
                        current_at_ms,
                    } => sync_all(&mut touched)
                        .and_then(|()| self.write_whole(*kind, *current_at_ms)),
                };
                match written {
                    Ok(path) => {
                        touched.push(path);
                        if let Kept::Whole {
                            kind,
                            current_at_ms,
                        } = kept
                        {
                            saved.whole.insert(kind, current_at_ms);
                        }
                        continue;
                    }
                    Err(error) => {
                        saved.error = Some(format!("{}: {error}", self.directory.display()));
                    }
                }
            }
            saved.failed.insert(slot, kept);
        }
        if let Err(error) = sync_all(&mut touched) {
            saved
                .error
                .get_or_insert(format!("{}: {error}", self.directory.display()));
        }
        saved
    }

    /// Returns the directory that has to be synced.
    fn write_record(&self, kept: &KeptRecord) -> io::Result<PathBuf> {
        let directory = self.directory.join(folder(kept.log.kind()));
        std::fs::create_dir_all(&directory)?;
        let record = kept.record.record();
        let token = kept
            .log
            .token(&record.subject)
            .ok_or_else(|| io::Error::other("a subject without a token"))?;
        let name = match kept.log.kind() {
            Kind::FlagSets => format!("{token}.json"),
            Kind::Overrides => format!("{}.{token}.json", kept.log),
        };
        let envelope =
            String::from_utf8(kept.record.envelope().to_vec()).map_err(io::Error::other)?;
        let file = File {
            log: record.log.clone(),
            subject: record.subject.clone(),
            ends_ms: kept.ends_ms,
            sha256: checksum(kept.ends_ms, envelope.as_bytes()),
            envelope: RawValue::from_string(envelope)?,
        };
        write_atomically(&directory, &name, &serde_json::to_vec(&file)?, 0o600)?;
        Ok(directory)
    }

    /// Where what it loaded is all there is: when that was last known, 0 where the mark does not say. What
    /// it holds is loaded, whole or not.
    fn load(
        &self,
        kind: Kind,
        records: &mut Vec<KeptRecord>,
        metrics: &IngestMetrics,
    ) -> Result<u64, NotWhole> {
        let directory = self.directory.join(folder(kind));
        remove_leftovers(&directory);
        let files = match read_directory(&directory, MAX_FILE_BYTES, |extension| {
            extension == "json"
        }) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                metrics.disk_errors.inc();
                tracing::error!(directory = %directory.display(), %error, "cannot read the last good state");
                return Err(NotWhole::Because(format!(
                    "{}: {error}",
                    directory.display()
                )));
            }
        };
        for (name, content) in files {
            let path = directory.join(name);
            match content.and_then(|bytes| self.decode(kind, &bytes)) {
                Ok(Some(kept)) if is_over(&kept) => drop(std::fs::remove_file(path)),
                Ok(Some(kept)) => records.push(kept),
                Ok(None) => {
                    tracing::warn!(file = %path.display(), "left alone: it belongs to another environment or log");
                }
                Err(error) => {
                    metrics
                        .disk_corrupt
                        .with_label_values(&[folder(kind)])
                        .inc();
                    tracing::error!(file = %path.display(), error, "a file of the last good state is corrupt; set aside");
                    let _ = std::fs::rename(&path, path.with_extension("json.corrupt"));
                }
            }
        }
        let corrupt = !corrupt_files(&directory).is_empty();
        if corrupt && kind == Kind::Overrides {
            tracing::error!(
                "an override may be missing: not ready before the logs of overrides are read again"
            );
            return Err(NotWhole::Because(format!(
                "a file in {} was corrupt, and an override may be missing",
                directory.display()
            )));
        }
        self.read_whole(kind)
    }

    /// `None`: sound, but not of this proxy's logs or environment.
    fn decode(&self, kind: Kind, bytes: &[u8]) -> Result<Option<KeptRecord>, String> {
        let file: File = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if checksum(file.ends_ms, file.envelope.get().as_bytes()) != file.sha256 {
            return Err("its checksum is wrong".into());
        }
        let Some(log) = self
            .logs
            .iter()
            .find(|log| log.name() == file.log && log.kind() == kind)
        else {
            return Ok(None);
        };
        let envelope = Bytes::from(String::from(Box::<str>::from(file.envelope)));
        match verify(&envelope, &self.environment, log, &file.subject) {
            Ok(record) => Ok(Some(KeptRecord {
                log: log.clone(),
                record,
                ends_ms: file.ends_ms,
            })),
            Err(Rejection::Environment(_)) => Ok(None),
            Err(rejection) => Err(rejection.to_string()),
        }
    }
}

impl Kept {
    pub(super) fn record(log: Log, record: Verified, ends_ms: Option<u64>) -> Self {
        Self::Record(Box::new(KeptRecord {
            log,
            record,
            ends_ms,
        }))
    }

    pub(super) fn slot(&self) -> Slot {
        match self {
            Self::Record(kept) => Slot::Record {
                log: kept.record.record().log.clone(),
                subject: kept.record.record().subject.clone(),
            },
            Self::Whole { kind, .. } => Slot::Whole(*kind),
        }
    }
}

/// An override so old that nothing of its subject can be in force.
fn is_over(kept: &KeptRecord) -> bool {
    kept.log.kind() == Kind::Overrides
        && is_past(kept.record.record().when.as_millisecond(), now_ms())
}

fn folder(kind: Kind) -> &'static str {
    match kind {
        Kind::FlagSets => "flags",
        Kind::Overrides => "overrides",
    }
}

fn checksum(ends_ms: Option<u64>, envelope: &[u8]) -> Digest {
    let mut bytes = ends_ms
        .map(|ends| ends.to_string())
        .unwrap_or_default()
        .into_bytes();
    bytes.push(b'\n');
    bytes.extend_from_slice(envelope);
    Digest::of(&bytes)
}

/// Makes renames in these directories last.
fn sync_all(directories: &mut Vec<PathBuf>) -> io::Result<()> {
    directories.sort_unstable();
    directories.dedup();
    directories
        .drain(..)
        .try_for_each(|directory| std::fs::File::open(directory)?.sync_all())
}

fn named(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
        .map(|entry| entry.path())
        .collect()
}

fn corrupt_files(directory: &Path) -> Vec<PathBuf> {
    named(directory, |name| name.ends_with(".corrupt"))
}

/// What a process that was killed was writing.
fn remove_leftovers(directory: &Path) {
    for path in named(directory, |name| name.starts_with(UNFINISHED)) {
        let _ = std::fs::remove_file(path);
    }
}
