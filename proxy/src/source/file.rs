//! A watched directory: flag sets, or envelopes of overrides.
//!
//! The directory is watched, not the files, so that editors that rename on save and Kubernetes'
//! symlink swaps are noticed; every few seconds it is read again all the same, for a watch can be lost
//! in silence. Contents are compared by digest, so that an event without a change costs nothing.
//!
//! A file that cannot be read, or a directory of flag sets that is away, changes nothing: what it held
//! stays. A file that is gone for [`GRACE`] is a deletion. A directory of overrides that is not there
//! holds none: it is there only once someone needs it. Files whose names begin with a dot are passed
//! by: editors and [`write_atomically`] leave their unfinished work under such names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::synced::Part;
use super::{FlagSetUpdate, OverrideUpdate, Refused, Sender, Update};
use burgee_eval::text::Format;

use crate::envelope::{
    Digest, FlagSetText, MAX_DOCUMENT_BYTES, MAX_ENVELOPE_BYTES, Rejection, Verified, claimed_log,
    verify,
};
use crate::registry::{Kind, Log};

/// Files of one directory that are read; the first in order of name. More are reported.
const MAX_FILES: usize = 10_000;

/// How long a directory must be quiet before it is read, so that a file is not read half written.
const QUIET: Duration = Duration::from_millis(30);

/// The longest that steady events can put a read off.
const QUIET_AT_MOST: Duration = Duration::from_millis(300);

/// How long a file must be gone to be taken for deleted: an editor's rename leaves a gap.
const GRACE: Duration = Duration::from_millis(300);

/// Between two reads without an event.
const RESCAN: Duration = Duration::from_secs(2);

/// A directory to watch.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    holds: Holds,
}

#[derive(Debug)]
enum Holds {
    FlagSets,
    /// An envelope of one of these logs per file; the file's stem is the token of its subject.
    Overrides {
        environment: String,
        logs: Vec<Log>,
    },
}

/// What is in it, as far as it was told to anyone.
#[derive(Debug, Default)]
struct Told {
    files: BTreeMap<String, Seen>,
    gone: BTreeMap<String, Instant>,
    /// It was read at least once, so that what is told is all there is.
    whole: bool,
    /// What was said last of why it cannot be read, so that it is said once.
    trouble: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Content(Digest),
    Unreadable(String),
}

impl Told {
    /// Whether this trouble was not said a moment ago.
    fn is_news(&mut self, trouble: String) -> bool {
        let news = self.trouble.as_ref() != Some(&trouble);
        self.trouble = Some(trouble);
        news
    }
}

type Files = BTreeMap<String, Result<Vec<u8>, String>>;

impl Directory {
    /// One flag set per `.json`, `.yaml` or `.yml` file.
    pub(super) fn flag_sets(path: &Path) -> Self {
        Self {
            path: path.into(),
            holds: Holds::FlagSets,
        }
    }

    /// One envelope per `.json` file.
    pub(super) fn overrides(path: &Path, environment: &str, logs: Vec<Log>) -> Self {
        Self {
            path: path.into(),
            holds: Holds::Overrides {
                environment: environment.into(),
                logs,
            },
        }
    }

    /// Tells what is there and what changes. Never returns.
    pub(super) async fn watch(self, updates: &Sender, part: Part) {
        let (poke, mut poked) = mpsc::channel(1);
        let mut watch = None;
        let mut told = Told::default();
        loop {
            self.keep_watching(&mut watch, &poke);
            match self.read().await {
                Ok(files) => {
                    told.trouble = None;
                    self.tell(files, &mut told, updates).await;
                    part.synced(updates).await;
                }
                Err(error) if self.may_be_absent() && error.kind() == io::ErrorKind::NotFound => {
                    if told.is_news(error.to_string()) {
                        tracing::warn!(directory = %self.path.display(), "the directory of overrides does not exist; it counts as empty until it does");
                    }
                    self.tell(Files::new(), &mut told, updates).await;
                    part.synced(updates).await;
                }
                Err(error) => {
                    watch = None;
                    let message = format!("{}: {error}", self.path.display());
                    if told.is_news(message.clone()) {
                        let consequence = if told.whole {
                            "what it held stays in force"
                        } else {
                            "the proxy waits for it before it is ready"
                        };
                        tracing::warn!(directory = %self.path.display(), %error, "cannot read the directory; {consequence}");
                        updates
                            .send(self.refused(None, "unreadable", message))
                            .await;
                    }
                }
            }
            let wait = if told.gone.is_empty() { RESCAN } else { GRACE };
            if let Ok(Some(())) = tokio::time::timeout(wait, poked.recv()).await {
                settle(&mut poked).await;
            }
        }
    }

    /// Flag sets that are not there are a mistake; overrides, the rule.
    fn may_be_absent(&self) -> bool {
        matches!(self.holds, Holds::Overrides { .. })
    }

    /// Watches the directory that the path names now, which may have been replaced since; where there
    /// is none, its parent, for the moment when it appears.
    fn keep_watching(
        &self,
        watch: &mut Option<(u64, u64, RecommendedWatcher)>,
        poke: &mpsc::Sender<()>,
    ) {
        let identity = |path: &Path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
        let (place, awaited, now) = if let Ok(now) = identity(&self.path) {
            (self.path.as_path(), None, now)
        } else {
            let parent = self.path.parent().unwrap_or(&self.path);
            let parent = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            let Ok(now) = identity(parent) else {
                *watch = None;
                return;
            };
            (parent, self.path.file_name().map(ToOwned::to_owned), now)
        };
        if watch
            .as_ref()
            .is_some_and(|&(dev, ino, _)| (dev, ino) == now)
        {
            return;
        }
        let poke = poke.clone();
        let concerns_us = move |event: notify::Event| {
            let named = |path: &PathBuf| path.file_name() == awaited.as_deref();
            !is_only_a_look(event.kind) && (awaited.is_none() || event.paths.iter().any(named))
        };
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(&concerns_us) {
                // A full channel already holds a poke.
                let _ = poke.try_send(());
            }
        })
        .and_then(|mut watcher| {
            watcher
                .watch(place, RecursiveMode::NonRecursive)
                .map(|()| watcher)
        });
        *watch = match watcher {
            Ok(watcher) => Some((now.0, now.1, watcher)),
            Err(error) => {
                tracing::debug!(directory = %self.path.display(), %error, "cannot watch the directory; reading it every 2 s");
                None
            }
        };
    }

    async fn read(&self) -> io::Result<Files> {
        let path = self.path.clone();
        let (limit, wanted): (usize, fn(&str) -> bool) = match self.holds {
            Holds::FlagSets => (MAX_DOCUMENT_BYTES, |extension| {
                Format::from_extension(extension).is_some()
            }),
            Holds::Overrides { .. } => (MAX_ENVELOPE_BYTES + 1, |extension| extension == "json"),
        };
        tokio::task::spawn_blocking(move || read_directory(&path, limit, wanted))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    async fn tell(&self, files: Files, told: &mut Told, updates: &Sender) {
        if self.may_be_absent() && !told.whole {
            // `ingest` has looked before, and this tells it of what is gone since.
            let files: BTreeSet<String> = files.keys().cloned().collect();
            let listed = OverrideUpdate::Listed { files };
            updates.send(Update::Override(listed)).await;
        }
        told.whole = true;
        let missing: Vec<String> = told
            .files
            .keys()
            .filter(|name| !files.contains_key(*name))
            .cloned()
            .collect();
        told.gone.retain(|name, _| missing.contains(name));
        for name in missing {
            let since = *told.gone.entry(name.clone()).or_insert_with(Instant::now);
            if since.elapsed() >= GRACE {
                told.gone.remove(&name);
                told.files.remove(&name);
                updates.send(self.removed(name)).await;
            }
        }
        for (name, content) in files {
            let seen = match &content {
                Ok(bytes) => Seen::Content(Digest::of(bytes)),
                Err(error) => Seen::Unreadable(error.clone()),
            };
            if told.files.get(&name) != Some(&seen) {
                updates.send(self.changed(&name, content)).await;
                told.files.insert(name, seen);
            }
        }
    }

    fn removed(&self, file: String) -> Update {
        match self.holds {
            Holds::FlagSets => Update::FlagSet(FlagSetUpdate::File {
                file,
                document: None,
            }),
            Holds::Overrides { .. } => {
                Update::Override(OverrideUpdate::File { file, record: None })
            }
        }
    }

    fn changed(&self, file: &str, content: Result<Vec<u8>, String>) -> Update {
        let bytes = match content {
            Ok(bytes) => bytes,
            Err(error) => return self.refused(Some(file), "unreadable", error),
        };
        match &self.holds {
            Holds::FlagSets => match flag_set_text(file, bytes) {
                Ok(document) => Update::FlagSet(FlagSetUpdate::File {
                    file: file.into(),
                    document: Some(document),
                }),
                Err(error) => self.refused(Some(file), "unreadable", error),
            },
            Holds::Overrides { environment, logs } => {
                match envelope(file, bytes, environment, logs) {
                    Ok(record) => Update::Override(OverrideUpdate::File {
                        file: file.into(),
                        record: Some(record),
                    }),
                    Err(rejection) => {
                        self.refused(Some(file), rejection.reason(), rejection.to_string())
                    }
                }
            }
        }
    }

    fn refused(&self, name: Option<&str>, reason: &'static str, message: String) -> Update {
        let kind = match self.holds {
            Holds::FlagSets => Kind::FlagSets,
            Holds::Overrides { .. } => Kind::Overrides,
        };
        Update::Refused(Refused {
            kind,
            name: name.map(str::to_owned),
            reason,
            message,
        })
    }
}

/// Says again and again that nothing is pending where there is nothing to read. Never returns.
pub(super) async fn always_synced(updates: &Sender, part: Part) {
    loop {
        part.synced(updates).await;
        tokio::time::sleep(RESCAN).await;
    }
}

/// Reads every file of a directory that `wanted` takes by its extension; hidden files are left out.
pub(crate) fn read_directory(
    path: &Path,
    limit: usize,
    wanted: fn(&str) -> bool,
) -> io::Result<Files> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let extension = path.extension().and_then(|extension| extension.to_str());
        if let (Some(name), Some(extension)) = (name, extension)
            && !name.starts_with('.')
            && wanted(extension)
        {
            paths.push((name.to_owned(), path));
        }
    }
    paths.sort();
    if paths.len() > MAX_FILES {
        return Err(io::Error::other(format!(
            "{} files; at most {MAX_FILES} are possible",
            paths.len()
        )));
    }
    Ok(paths
        .into_iter()
        .filter_map(|(name, path)| Some((name, read_file(&path, limit)?)))
        .collect())
}

/// `None`: not a file, or no longer there.
pub(crate) fn read_file(path: &Path, limit: usize) -> Option<Result<Vec<u8>, String>> {
    let read = || -> io::Result<Option<Vec<u8>>> {
        // Asked before it is opened: opening a named pipe would wait for its other end.
        if !std::fs::metadata(path)?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path)?
            .take(limit as u64 + 1)
            .read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    match read() {
        Ok(Some(bytes)) if bytes.len() > limit => Some(Err(format!("larger than {limit} bytes"))),
        Ok(bytes) => bytes.map(Ok),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

/// How the name of a file begins that is being written; watchers pass it by.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// Leaves `name` in `directory` with the old content or the new, whatever happens. The directory itself
/// is still to be synced, where the rename has to outlive a power cut.
pub(crate) fn write_atomically(
    directory: &Path,
    name: &str,
    bytes: &[u8],
    mode: u32,
) -> io::Result<()> {
    let permissions = std::fs::Permissions::from_mode(mode);
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(permissions)
        .tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(directory.join(name))?;
    Ok(())
}

fn flag_set_text(file: &str, bytes: Vec<u8>) -> Result<FlagSetText, String> {
    let extension = Path::new(file)
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    let format = Format::from_extension(extension).ok_or("neither JSON nor YAML by its name")?;
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    Ok(FlagSetText { format, text })
}

/// Every record that is in a directory of overrides right now, by file name.
pub(super) fn overrides_now(
    path: &Path,
    environment: &str,
    logs: &[Log],
) -> Vec<(String, Verified)> {
    let files = read_directory(path, MAX_ENVELOPE_BYTES + 1, |extension| {
        extension == "json"
    });
    files
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, content)| {
            let record = envelope(&name, content.ok()?, environment, logs).ok()?;
            Some((name, record))
        })
        .collect()
}

/// The last line break that an editor adds does not count.
pub(crate) fn envelope(
    file: &str,
    mut bytes: Vec<u8>,
    environment: &str,
    logs: &[Log],
) -> Result<Verified, Rejection> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    let bytes = Bytes::from(bytes);
    let token = Path::new(file)
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let claimed = claimed_log(&bytes)?;
    let Some(log) = logs.iter().find(|log| **log == claimed) else {
        let names: Vec<&str> = logs.iter().map(Log::name).collect();
        return Err(Rejection::Log {
            claimed: claimed.name().to_owned(),
            read: names.join(", "),
        });
    };
    let subject = log
        .subject(token)
        .map_err(|_| Rejection::Subject(file.into()))?;
    verify(&bytes, environment, log, &subject)
}

/// Reading a file is an event too, and must not lead to the next reading.
fn is_only_a_look(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Waits until the directory is quiet.
async fn settle(poked: &mut mpsc::Receiver<()>) {
    let began = Instant::now();
    while began.elapsed() < QUIET_AT_MOST {
        if tokio::time::timeout(QUIET, poked.recv()).await.is_err() {
            return;
        }
    }
}
