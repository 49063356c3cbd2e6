//! Geography by client address, from an MMDB file that is reloaded when it changes.
//!
//! Looking up does no I/O: the whole file is in memory. A file that cannot be read keeps the last
//! good one in use.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use maxminddb::{PathElement, Reader};
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use serde::de::{Deserialize, Deserializer, Visitor};

use crate::config::Mmdb;

/// Between two looks at the file.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// A database in memory.
pub(super) type Database = Reader<Vec<u8>>;

/// A database file, and what of it is in use.
#[derive(Debug)]
pub struct GeoFile {
    path: PathBuf,
    current: ArcSwap<Database>,
    /// Of the file that was read last, good or bad.
    seen: Mutex<Option<Fingerprint>>,
}

/// What changes when a file is replaced or rewritten.
type Fingerprint = (SystemTime, u64);

/// A database file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not an MMDB file.
    #[error("{} is not a MaxMind database", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: maxminddb::MaxMindDbError,
    },
}

impl GeoFile {
    /// Reads the file; without a first good one there is no start.
    pub fn open(settings: &Mmdb) -> Result<Self, GeoError> {
        let seen = fingerprint(&settings.path);
        let current = ArcSwap::from_pointee(read(&settings.path)?);
        Ok(Self {
            path: settings.path.clone(),
            current,
            seen: Mutex::new(seen),
        })
    }

    /// The database of this moment.
    pub(super) fn load(&self) -> Arc<Database> {
        self.current.load_full()
    }

    /// Reads the file again if it has changed. Blocks.
    fn refresh(&self) {
        let found = fingerprint(&self.path);
        // A panic while the lock was held cannot have left a fingerprint half written.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_none() || *seen == found {
            return;
        }
        match read(&self.path) {
            Ok(database) => {
                tracing::info!(path = %self.path.display(), "geo database reloaded");
                self.current.store(Arc::new(database));
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::warn!("the geo database keeps its last good version: {error:#}");
            }
        }
        *seen = found;
    }
}

/// Watches a database file until shutdown.
#[derive(Debug)]
pub struct GeoWatch(pub Arc<GeoFile>);

#[async_trait]
impl BackgroundService for GeoWatch {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let watch = async {
            let mut ticks = tokio::time::interval(WATCH_INTERVAL);
            loop {
                ticks.tick().await;
                let file = Arc::clone(&self.0);
                if let Err(error) = tokio::task::spawn_blocking(move || file.refresh()).await {
                    tracing::error!(%error, "reading the geo database failed");
                }
            }
        };
        tokio::select! {
            () = watch => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
    }
}

fn read(path: &Path) -> Result<Database, GeoError> {
    let bytes = fs::read(path).map_err(|source| GeoError::Read {
        path: path.to_owned(),
        source,
    })?;
    Reader::from_source(bytes).map_err(|source| GeoError::Format {
        path: path.to_owned(),
        source,
    })
}

fn fingerprint(path: &Path) -> Option<Fingerprint> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// The value at `path` in the record of `address`. A path element that is a number is a place in a
/// list. Absent where there is no record, no such value, or one that is not a scalar.
pub(super) fn look_up<'d>(
    database: &'d Database,
    address: IpAddr,
    path: &[String],
) -> Option<Scalar<'d>> {
    let elements: Vec<PathElement<'_>> = path
        .iter()
        .map(|element| {
            element
                .parse()
                .map_or(PathElement::Key(element), PathElement::Index)
        })
        .collect();
    database
        .lookup(address)
        .ok()?
        .decode_path::<Scalar<'d>>(&elements)
        .ok()?
}

/// A value that an attribute can have, borrowed from the database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'d> {
    Text(&'d str),
    Number(f64),
    Bool(bool),
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a string, a number or a boolean")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "numbers of rules are f64; AS numbers fit"
        )]
        Ok(Scalar::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "numbers of rules are f64")]
        Ok(Scalar::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }
}

#[cfg(test)]
mod tests;
