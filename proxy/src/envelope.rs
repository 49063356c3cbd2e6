//! The envelope around every change that users can see, and the record inside it.
//!
//! An envelope is DSSE's JSON: `{"payload": base64, "payloadType": …, "signatures": []}`. The payload is
//! one [`Record`]. `docs/records.md` describes both for people.
//!
//! What never happens here: a payload is never parsed before its envelope was found canonical, of the
//! right size and type. Signatures are not checked yet, so a list that is not empty is refused: serving
//! a signature that nobody checked would look like trust.

mod digest;
mod text;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use burgee_eval::text::Format;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::overrides::OverrideDocument;
use crate::printable::is_hidden;
use crate::registry::{Kind, Log};

pub use digest::Digest;
use text::is_bounded;
pub use text::{DocumentTooLong, MAX_DOCUMENT_BYTES, MAX_DOCUMENT_JSON_BYTES, fits_record};

/// What the payload is; a later, incompatible record gets another type.
pub const PAYLOAD_TYPE: &str = "application/vnd.burgee.record.v1+json";

/// The largest envelope, in bytes: below NATS's default `max_payload` of 1 MiB, with room for headers.
pub const MAX_ENVELOPE_BYTES: usize = 1_000_000;

/// The longest `who`, and `environment`, in bytes.
pub const MAX_WHO_BYTES: usize = 256;

/// The longest `why`, in bytes.
pub const MAX_WHY_BYTES: usize = 4096;

/// One change of one flag set or override.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// A record of one environment means nothing in another.
    pub environment: String,
    /// The log's name.
    pub log: String,
    /// The subject, so that a record cannot be moved to another.
    pub subject: String,
    /// Counts the changes of this subject from 1.
    pub revision: u64,
    /// Digest of this subject's change before this one.
    pub previous: Option<Digest>,
    /// Who made it.
    pub who: String,
    /// For what reason.
    pub why: String,
    /// When it was composed, UTC.
    pub when: Timestamp,
    /// What it changes.
    pub change: Change,
}

/// What a record changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The subject now holds this document.
    Put(Document),
    /// The subject holds nothing from now on.
    Delete,
}

/// What a subject can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// In `BURGEE_FLAGS`.
    FlagSet(FlagSetText),
    /// In `BURGEE_OVERRIDES_<REGION>`.
    Override(OverrideDocument),
}

/// A flag set as it was reviewed, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagSetText {
    /// How to read it.
    pub format: Format,
    /// The file's text, unchanged.
    pub text: String,
}

/// A record whose envelope was verified, with the exact bytes. Only [`verify`] and [`seal`] make one.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Verified(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    record: Record,
    digest: Digest,
    envelope: Bytes,
}

/// Why an envelope does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Longer than [`MAX_ENVELOPE_BYTES`].
    #[error("it has {0} bytes; at most {MAX_ENVELOPE_BYTES} are allowed")]
    TooLarge(usize),
    /// Not the JSON of an envelope.
    #[error("it is not an envelope: {0}")]
    Malformed(String),
    /// Encodes to other bytes than it came in.
    #[error("the envelope is not canonical: it must be compact JSON with padded standard base64")]
    NotCanonical,
    /// Some other payload.
    #[error("its payload is {0:?}, not {PAYLOAD_TYPE:?}")]
    PayloadType(String),
    /// There are some; see the module's documentation.
    #[error("it carries signatures, which this version cannot check")]
    Signatures,
    /// The payload is not a record.
    #[error("its payload is not a record: {0}")]
    Record(String),
    /// Meant for another environment.
    #[error("it is a record of environment {0:?}")]
    Environment(String),
    /// Meant for another log.
    #[error(
        "it is a record of the log {claimed:?}, and what is read here is {read}{}",
        region_help(claimed)
    )]
    Log {
        /// The log that it names.
        claimed: String,
        /// The log that it was found in, or all that would do.
        read: String,
    },
    /// Meant for another subject.
    #[error("it is a record of {0:?}")]
    Subject(String),
}

impl Rejection {
    /// A word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "too_large",
            Self::Malformed(_) => "malformed",
            Self::NotCanonical => "not_canonical",
            Self::PayloadType(_) => "payload_type",
            Self::Signatures => "signatures",
            Self::Record(_) => "record",
            Self::Environment(_) => "environment",
            Self::Log { .. } => "log",
            Self::Subject(_) => "subject",
        }
    }
}

impl Verified {
    /// What it says.
    pub fn record(&self) -> &Record {
        &self.0.record
    }

    /// SHA-256 of the payload's bytes: what the next change of the subject names as `previous`.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The envelope, byte for byte.
    pub fn envelope(&self) -> &Bytes {
        &self.0.envelope
    }
}

/// Checks an envelope that stands on `subject` of `log`, then decodes its record.
pub fn verify(
    envelope: &Bytes,
    environment: &str,
    log: &Log,
    subject: &str,
) -> Result<Verified, Rejection> {
    let payload = open(envelope)?;
    let record = decode(&payload, log)?;
    if record.environment != environment {
        return Err(Rejection::Environment(record.environment));
    }
    if record.subject != subject {
        return Err(Rejection::Subject(record.subject));
    }
    Ok(Verified(Arc::new(Parts {
        digest: Digest::of(&payload),
        record,
        envelope: envelope.clone(),
    })))
}

/// The log that the record in an envelope says it is of; for a reader to whom any would do. It is still
/// to be verified.
pub(crate) fn claimed_log(envelope: &[u8]) -> Result<Log, Rejection> {
    #[derive(Deserialize)]
    struct Claim {
        log: String,
    }
    let claim: Claim = serde_json::from_slice(&open(envelope)?)
        .map_err(|error| Rejection::Record(error.to_string()))?;
    Log::from_name(&claim.log).ok_or(Rejection::Subject(claim.log))
}

/// The payload, once everything around it was found in order.
fn open(envelope: &[u8]) -> Result<Vec<u8>, Rejection> {
    if envelope.len() > MAX_ENVELOPE_BYTES {
        return Err(Rejection::TooLarge(envelope.len()));
    }
    let outer: Envelope = serde_json::from_slice(envelope)
        .map_err(|error| Rejection::Malformed(error.to_string()))?;
    let payload = BASE64
        .decode(&outer.payload)
        .map_err(|_| Rejection::NotCanonical)?;
    if !outer.signatures.is_empty() {
        return Err(Rejection::Signatures);
    }
    if outer.payload_type != PAYLOAD_TYPE {
        return Err(Rejection::PayloadType(outer.payload_type));
    }
    if encode(&payload) != envelope[..] {
        return Err(Rejection::NotCanonical);
    }
    Ok(payload)
}

/// As [`verify`], for a message of a log. Each change is one message, so a revision beyond the
/// message's sequence was never reached by changes: taken for true, it would bar every later one.
pub fn verify_message(
    envelope: &Bytes,
    environment: &str,
    log: &Log,
    subject: &str,
    sequence: u64,
) -> Result<Verified, Rejection> {
    let verified = verify(envelope, environment, log, subject)?;
    let revision = verified.record().revision;
    if revision > sequence {
        return Err(Rejection::Record(format!(
            "it calls itself revision {revision}, but only {sequence} messages came before or with it"
        )));
    }
    Ok(verified)
}

/// Puts a record into its envelope. What [`verify`] would refuse is refused here.
pub fn seal(record: Record) -> Result<Verified, Rejection> {
    let log = Log::from_name(&record.log).ok_or_else(|| Rejection::Subject(record.log.clone()))?;
    let document = match &record.change {
        Change::Delete => None,
        Change::Put(Document::FlagSet(set)) => {
            fits_record(&set.text).map_err(too_long)?;
            Some(serde_json::value::to_raw_value(set))
        }
        Change::Put(Document::Override(document)) => {
            Some(serde_json::value::to_raw_value(document))
        }
    };
    let document = document
        .transpose()
        .map_err(|error| Rejection::Record(error.to_string()))?;
    let payload = Payload {
        environment: record.environment,
        log: record.log,
        subject: record.subject,
        revision: record.revision,
        previous: record.previous,
        who: record.who,
        why: record.why,
        when: record.when,
        operation: if document.is_some() {
            Operation::Put
        } else {
            Operation::Delete
        },
        document,
    };
    let bytes =
        serde_json::to_vec(&payload).map_err(|error| Rejection::Record(error.to_string()))?;
    let envelope = Bytes::from(encode(&bytes));
    verify(&envelope, &payload.environment, &log, &payload.subject)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    environment: String,
    log: String,
    subject: String,
    revision: u64,
    previous: Option<Digest>,
    who: String,
    why: String,
    when: Timestamp,
    operation: Operation,
    document: Option<Box<RawValue>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Operation {
    Put,
    Delete,
}

fn encode(payload: &[u8]) -> Vec<u8> {
    let envelope = Envelope {
        payload: BASE64.encode(payload),
        payload_type: PAYLOAD_TYPE.into(),
        signatures: Vec::new(),
    };
    serde_json::to_vec(&envelope).expect("an envelope is strings only")
}

/// What to do about a record of the log of overrides of another region.
fn region_help(claimed: &str) -> &'static str {
    match Log::from_name(claimed).map(|log| log.kind()) {
        Some(Kind::Overrides) => {
            ": set it for a region that is read (`BURGEE_REGION`), or let this one read that region's log (`override_regions`)"
        }
        Some(Kind::FlagSets) | None => "",
    }
}

fn too_long(error: DocumentTooLong) -> Rejection {
    Rejection::Record(format!("the document is too long: {error}"))
}

fn decode(payload: &[u8], log: &Log) -> Result<Record, Rejection> {
    let wrong = |error: &dyn fmt::Display| Rejection::Record(error.to_string());
    let payload: Payload = serde_json::from_slice(payload).map_err(|error| wrong(&error))?;
    // First, for everything below is asked in the words of this log.
    if payload.log != log.name() {
        return Err(Rejection::Log {
            claimed: payload.log,
            read: log.to_string(),
        });
    }
    let change = match (payload.operation, &payload.document) {
        (Operation::Delete, None) => Change::Delete,
        (Operation::Delete, Some(_)) => return Err(wrong(&"a deletion carries no document")),
        (Operation::Put, None) => return Err(wrong(&"the document is missing")),
        (Operation::Put, Some(raw)) => Change::Put(match log.kind() {
            Kind::FlagSets => {
                Document::FlagSet(serde_json::from_str(raw.get()).map_err(|error| wrong(&error))?)
            }
            Kind::Overrides => {
                Document::Override(serde_json::from_str(raw.get()).map_err(|error| wrong(&error))?)
            }
        }),
    };
    match &change {
        Change::Put(Document::FlagSet(set)) => {
            is_bounded(&set.text).map_err(too_long)?;
        }
        Change::Put(Document::Override(document)) => {
            document
                .check(payload.when)
                .map_err(|error| wrong(&error))?;
            if log.token(&payload.subject) != Some(&document.token()) {
                return Err(wrong(
                    &"the subject does not follow from the override's flag, scope and keys",
                ));
            }
        }
        _ => {}
    }
    if payload.revision == 0 || (payload.revision == 1) != payload.previous.is_none() {
        return Err(wrong(
            &"revisions count from 1, and all but the first name the change before",
        ));
    }
    for (name, text) in [("who", &payload.who), ("why", &payload.why)] {
        if text.chars().any(is_hidden) {
            return Err(wrong(&format_args!(
                "`{name}` holds a control or direction character"
            )));
        }
    }
    if payload.who.len() > MAX_WHO_BYTES || payload.environment.len() > MAX_WHO_BYTES {
        return Err(wrong(&format_args!(
            "`who` and `environment` have at most {MAX_WHO_BYTES} bytes"
        )));
    }
    if payload.why.len() > MAX_WHY_BYTES {
        return Err(wrong(&format_args!(
            "`why` has at most {MAX_WHY_BYTES} bytes"
        )));
    }
    Ok(Record {
        environment: payload.environment,
        log: payload.log,
        subject: payload.subject,
        revision: payload.revision,
        previous: payload.previous,
        who: payload.who,
        why: payload.why,
        when: payload.when,
        change,
    })
}

#[cfg(test)]
mod tests;
