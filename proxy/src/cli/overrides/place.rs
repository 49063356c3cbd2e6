//! Where records of overrides are read and written: the log of a region, or a proxy's directory.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};

use super::super::connection::{Connection, now};
use super::super::flags::explain;
use crate::envelope::{Record, Verified, seal};
use crate::overrides::BROKER_CLOCK_TOLERANCE;
use crate::registry::{Draft, Head, Log, Registry};
use crate::source;

/// See the module's documentation.
pub(super) enum Place {
    Log {
        registry: Registry,
        log: Log,
    },
    Directory {
        path: PathBuf,
        environment: String,
        log: Log,
    },
}

impl Place {
    pub(super) async fn open(
        connection: &Connection,
        local: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let log = connection.overrides()?;
        match local {
            None => Ok(Self::Log {
                registry: connection.registry().await?,
                log,
            }),
            Some(path) => {
                let path = path.to_owned();
                Ok(Self::Directory {
                    path,
                    environment: connection.environment.clone(),
                    log,
                })
            }
        }
    }

    pub(super) fn log(&self) -> &Log {
        match self {
            Self::Log { log, .. } | Self::Directory { log, .. } => log,
        }
    }

    /// The newest record of every subject.
    pub(super) async fn records(&self) -> anyhow::Result<Vec<Verified>> {
        match self {
            Self::Log { registry, log } => Ok(registry.newest(log).await?.0),
            Self::Directory {
                path,
                environment,
                log,
            } => read_if_there(path, environment, log),
        }
    }

    /// Now, by the clock that proxies go by: the broker's where they would believe it.
    pub(super) async fn now(&self) -> anyhow::Result<Timestamp> {
        let own = now();
        let Self::Log { registry, log } = self else {
            return Ok(own);
        };
        let broker = Timestamp::from_millisecond(registry.broker_clock_ms(log).await?)?;
        let apart = broker.duration_since(own).abs();
        if apart > SignedDuration::try_from(BROKER_CLOCK_TOLERANCE)? {
            eprintln!(
                "warning: the broker's clock says {broker}, this machine's {own}: one of them is wrong"
            );
            return Ok(own);
        }
        Ok(broker)
    }

    /// Puts a change on top of what is there for this subject.
    pub(super) async fn change(
        &self,
        token: &str,
        draft: Draft,
    ) -> anyhow::Result<(Verified, Option<PathBuf>)> {
        match self {
            Self::Log { registry, log } => {
                let subject = log.subject(token)?;
                let head = registry.head(log, &subject).await?;
                let appended = registry
                    .append(log, &subject, &head, draft)
                    .await
                    .map_err(explain)?;
                Ok((appended.record, None))
            }
            Self::Directory {
                path,
                environment,
                log,
            } => {
                let subject = log.subject(token)?;
                let before = read_if_there(path, environment, log)?;
                let newest = before
                    .into_iter()
                    .find(|record| record.record().subject == subject);
                let record = on_top(
                    &Head {
                        sequence: 0,
                        newest,
                    },
                    environment,
                    log,
                    subject,
                    draft,
                )?;
                let file = format!("{token}.json");
                std::fs::create_dir_all(path)
                    .with_context(|| format!("cannot make the directory {}", path.display()))?;
                // The proxy may run as someone else.
                source::write_atomically(path, &file, record.envelope(), 0o644)
                    .with_context(|| format!("cannot write into {}", path.display()))?;
                Ok((record, Some(path.join(file))))
            }
        }
    }
}

fn on_top(
    head: &Head,
    environment: &str,
    log: &Log,
    subject: String,
    draft: Draft,
) -> anyhow::Result<Verified> {
    let newest = head.newest.as_ref();
    Ok(seal(Record {
        environment: environment.into(),
        log: log.name().into(),
        subject,
        revision: newest.map_or(0, |newest| newest.record().revision) + 1,
        previous: newest.map(Verified::digest),
        who: draft.who,
        why: draft.why,
        when: draft.when,
        change: draft.change,
    })?)
}

/// As [`read`]; a directory that is not there yet holds nothing.
fn read_if_there(path: &Path, environment: &str, log: &Log) -> anyhow::Result<Vec<Verified>> {
    if path.exists() {
        read(path, environment, std::slice::from_ref(log))
    } else {
        Ok(Vec::new())
    }
}

/// Every record in a watched directory; what is none is reported and skipped.
pub(super) fn read(path: &Path, environment: &str, logs: &[Log]) -> anyhow::Result<Vec<Verified>> {
    let files =
        source::read_directory(path, crate::envelope::MAX_ENVELOPE_BYTES + 1, |extension| {
            extension == "json"
        })
        .with_context(|| format!("cannot read the directory {}", path.display()))?;
    let mut records = Vec::new();
    for (name, content) in files {
        let record = content.and_then(|bytes| {
            source::envelope(&name, bytes, environment, logs)
                .map_err(|rejection| rejection.to_string())
        });
        match record {
            Ok(record) => records.push(record),
            Err(error) => eprintln!("skipped {}: {error}", path.join(name).display()),
        }
    }
    Ok(records)
}
