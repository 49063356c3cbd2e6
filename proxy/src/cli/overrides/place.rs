//! Where records of overrides are read and written: the log of a region, or a proxy's directory.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};

use super::super::connection::{Connection, Contents, now};
use super::super::flags::explain;
use crate::envelope::{Record, Rejection, Verified, claimed_log, seal};
use crate::overrides::BROKER_CLOCK_TOLERANCE;
use crate::printable::printable;
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

    /// The newest record of every subject. A directory that is not there yet holds nothing.
    pub(super) async fn contents(&self) -> anyhow::Result<Contents> {
        match self {
            Self::Log { registry, log } => Ok(Contents::of_log(registry, log).await?),
            Self::Directory { path, .. } if !path.exists() => Ok(Contents::default()),
            Self::Directory {
                path,
                environment,
                log,
            } => read(path, environment, Some(log)),
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
        contents: Contents,
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
                let newest = contents
                    .records
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

/// Every record in a watched directory, of one log or of any; what is none is reported and skipped.
pub(super) fn read(path: &Path, environment: &str, log: Option<&Log>) -> anyhow::Result<Contents> {
    let files =
        source::read_directory(path, crate::envelope::MAX_ENVELOPE_BYTES + 1, |extension| {
            extension == "json"
        })
        .with_context(|| format!("cannot read the directory {}", path.display()))?;
    let (mut records, mut foreign) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let record = content.and_then(|bytes| {
            one(&name, &bytes, environment, log).map_err(|rejection| {
                if let Rejection::Environment(other) = &rejection {
                    foreign.extend(one(&name, &bytes, other, log));
                }
                rejection.to_string()
            })
        });
        match record {
            Ok(record) => records.push(record),
            Err(error) => {
                let what = format!("{}: {error}", path.join(name).display());
                eprintln!("skipped {}", printable(&what));
            }
        }
    }
    let place = path.display().to_string();
    Ok(Contents::new(place, environment.into(), records, foreign))
}

fn one(
    file: &str,
    bytes: &[u8],
    environment: &str,
    log: Option<&Log>,
) -> Result<Verified, Rejection> {
    let log = match log {
        Some(log) => log.clone(),
        None => claimed_log(bytes.strip_suffix(b"\n").unwrap_or(bytes))?,
    };
    source::envelope(file, bytes.to_vec(), environment, &[log])
}
