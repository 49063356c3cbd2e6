//! Making a log: the stream's settings, asked for and then looked at.
//!
//! Servers ignore settings that they do not know, so what was made is read back and compared. A log
//! that exists is never changed: with settings that weaken it, it is reported instead.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use super::{Log, Registry, RegistryError};

/// What an operator may choose about a log.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Copies that a cluster keeps of every message.
    pub replicas: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { replicas: 1 }
    }
}

/// What making a log came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Created {
    /// It is new.
    Made,
    /// It was there, as it should be.
    Existed,
}

/// Why a log cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The server did not do it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It is there with other settings; or the server ignored what it was asked for.
    #[error("the log {log} does not have the settings it needs: {}", differences.join("; "))]
    Differs {
        /// Its name.
        log: String,
        /// One per setting.
        differences: Vec<String>,
    },
}

impl Registry {
    /// Makes a log, if it is not there.
    pub async fn create(&self, log: &Log, options: LogOptions) -> Result<Created, CreateError> {
        let made = match self.stream(log).await {
            Ok(_) => Created::Existed,
            Err(RegistryError::NoLog(_)) => self.make(log, options).await?,
            Err(error) => return Err(error.into()),
        };
        let stream = self.stream(log).await?;
        let differences = differences(&settings(log, options), &stream.cached_info().config);
        if differences.is_empty() {
            Ok(made)
        } else {
            Err(CreateError::Differs {
                log: log.name().into(),
                differences,
            })
        }
    }

    async fn make(&self, log: &Log, options: LogOptions) -> Result<Created, RegistryError> {
        match self.context.create_stream(settings(log, options)).await {
            Ok(_) => Ok(Created::Made),
            // Someone else was as quick: what is there is compared next.
            Err(error) => match error.kind() {
                CreateStreamErrorKind::JetStream(answer)
                    if answer.error_code() == ErrorCode::STREAM_NAME_EXIST =>
                {
                    Ok(Created::Existed)
                }
                _ => Err(RegistryError::request(
                    format!("making the log {log}"),
                    error,
                )),
            },
        }
    }
}

/// No limit by count, age, size or subject; nothing may be taken out; nothing rolls up.
fn settings(log: &Log, options: LogOptions) -> Config {
    Config {
        name: log.name().into(),
        subjects: vec![log.pattern()],
        description: Some("Burgee: every change and its record; nothing is ever removed".into()),
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_bytes: -1,
        max_consumers: -1,
        num_replicas: options.replicas,
        deny_delete: true,
        deny_purge: true,
        allow_rollup: false,
        allow_direct: true,
        ..Config::default()
    }
}

fn differences(wanted: &Config, found: &Config) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |setting: &str, wanted: String, found: String| {
        if wanted != found {
            differences.push(format!("{setting} is {found}, not {wanted}"));
        }
    };
    let unlimited = |limit: i64| {
        if limit <= 0 {
            "unlimited".to_owned()
        } else {
            limit.to_string()
        }
    };
    compare(
        "subjects",
        wanted.subjects.join(" "),
        found.subjects.join(" "),
    );
    compare(
        "retention",
        format!("{:?}", wanted.retention),
        format!("{:?}", found.retention),
    );
    compare(
        "discard",
        format!("{:?}", wanted.discard),
        format!("{:?}", found.discard),
    );
    compare(
        "max_msgs",
        unlimited(wanted.max_messages),
        unlimited(found.max_messages),
    );
    compare(
        "max_msgs_per_subject",
        unlimited(wanted.max_messages_per_subject),
        unlimited(found.max_messages_per_subject),
    );
    compare(
        "max_bytes",
        unlimited(wanted.max_bytes),
        unlimited(found.max_bytes),
    );
    compare(
        "max_age",
        format!("{:?}", wanted.max_age),
        format!("{:?}", found.max_age),
    );
    compare(
        "deny_delete",
        wanted.deny_delete.to_string(),
        found.deny_delete.to_string(),
    );
    compare(
        "deny_purge",
        wanted.deny_purge.to_string(),
        found.deny_purge.to_string(),
    );
    compare(
        "allow_rollup_hdrs",
        wanted.allow_rollup.to_string(),
        found.allow_rollup.to_string(),
    );
    compare(
        "allow_direct",
        wanted.allow_direct.to_string(),
        found.allow_direct.to_string(),
    );
    compare(
        "storage",
        format!("{:?}", wanted.storage),
        format!("{:?}", found.storage),
    );
    differences
}
