//! The registry: the logs in NATS JetStream that hold every change, and how to read and append to them.
//!
//! A log is a bucket and its audit in one stream: a change is one message, so it is visible exactly
//! when it is recorded. [`Registry::append`] is the only way a record gets in; [`Registry::head`] and
//! [`Registry::newest`] read. What a proxy follows all the time is `source::nats`.
//!
//! Messages that do not verify are junk: skipped wherever a subject's newest record is asked for.

mod append;
mod create;
mod names;
mod read;

use std::path::Path;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, ErrorCode};

pub use append::{AppendError, Appended, Draft};
pub use create::{CreateError, Created, LogOptions};
pub use names::{Kind, Log, MAX_NAME_BYTES, NameError, check_cluster, check_region, check_set};
pub(crate) use names::{MAX_PLACE_BYTES, is_place};
pub(crate) use read::unix_ms;
pub use read::{Head, Junk};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The logs of one environment, on one server or cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    context: jetstream::Context,
    environment: String,
}

/// Why the registry did not answer.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The log was not made yet, or JetStream's domain is another.
    #[error("there is no log {0}; `burgee registry init` makes it")]
    NoLog(String),
    /// Anything that the network or the server can do.
    #[error("{what} failed")]
    Request {
        /// What was asked.
        what: String,
        /// What came back.
        source: Cause,
    },
    /// Nothing came for [`ANSWER_WITHIN`].
    #[error("{what}: no answer for {} s", ANSWER_WITHIN.as_secs())]
    Silent {
        /// What was asked.
        what: String,
    },
}

/// How long one request, or the next message of a read, may take.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);

impl Registry {
    /// The registry behind a client. `domain`: JetStream's, for a leaf node.
    pub fn new(
        client: async_nats::Client,
        domain: Option<&str>,
        environment: impl Into<String>,
    ) -> Self {
        let mut context = match domain {
            Some(domain) => jetstream::with_domain(client, domain),
            None => jetstream::new(client),
        };
        context.set_timeout(ANSWER_WITHIN);
        Self {
            context,
            environment: environment.into(),
        }
    }

    /// Whose records count.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The same logs, for another environment.
    #[must_use]
    pub fn in_environment(&self, environment: &str) -> Self {
        Self {
            context: self.context.clone(),
            environment: environment.into(),
        }
    }

    /// A subject that nobody else listens to.
    pub(crate) fn inbox(&self) -> String {
        self.context.client().new_inbox()
    }

    pub(crate) async fn stream(&self, log: &Log) -> Result<Stream, RegistryError> {
        self.context
            .get_stream(log.name())
            .await
            .map_err(|error| no_stream(log, error))
    }
}

fn no_stream(log: &Log, error: GetStreamError) -> RegistryError {
    match error.kind() {
        GetStreamErrorKind::JetStream(answer)
            if answer.error_code() == ErrorCode::STREAM_NOT_FOUND =>
        {
            RegistryError::NoLog(log.name().into())
        }
        _ => RegistryError::request(format!("looking for the log {log}"), error),
    }
}

impl RegistryError {
    pub(crate) fn request(what: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Request {
            what: what.into(),
            source: source.into(),
        }
    }
}

/// How the proxy and the operator's verbs connect: a name that an administrator recognises, and
/// credentials where there are some.
pub(crate) async fn connect_options(
    credentials: Option<&Path>,
    connect_timeout: Duration,
) -> Result<ConnectOptions, std::io::Error> {
    let options = match credentials {
        Some(path) => ConnectOptions::with_credentials_file(path).await?,
        None => ConnectOptions::new(),
    };
    Ok(options
        .name(concat!("burgee ", env!("CARGO_PKG_VERSION")))
        .connection_timeout(connect_timeout)
        .request_timeout(Some(ANSWER_WITHIN)))
}
