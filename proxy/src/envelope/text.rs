//! How long a document may be, so that its record fits a message.

/// The largest document of a flag set, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 512 * 1024;

/// The largest document of a flag set once it is written as a JSON string, in bytes: quotation marks,
/// backslashes, tabs and line breaks take two then. In base64 that leaves 40,000 of an envelope's bytes for
/// everything else: twice what the longest author, reason and names take, escaped, with all signatures.
pub const MAX_DOCUMENT_JSON_BYTES: usize = 720_000;

/// Why a document is too long for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentTooLong {
    /// As it is.
    #[error("it has {0} bytes; at most {MAX_DOCUMENT_BYTES} are allowed")]
    Bytes(usize),
    /// As a JSON string, which is how a record holds it.
    #[error(
        "as a JSON string, with every tab, line break and quotation mark escaped, it has {0} bytes; \
         at most {MAX_DOCUMENT_JSON_BYTES} fit a record"
    )]
    Json(usize),
}

impl DocumentTooLong {
    /// What to do about it.
    pub fn help(self) -> &'static str {
        match self {
            Self::Bytes(_) => "split the flag set",
            Self::Json(_) => {
                "split the flag set, or write it with less white space and fewer quotation marks"
            }
        }
    }
}

/// Whether a document is one that readers take. They need not ask for more: their envelope is bounded.
pub(super) fn is_bounded(text: &str) -> Result<(), DocumentTooLong> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(DocumentTooLong::Bytes(text.len()));
    }
    Ok(())
}

/// Whether a document fits a record, whatever else the record says. Writes it as JSON, for writers only.
pub fn fits_record(text: &str) -> Result<(), DocumentTooLong> {
    is_bounded(text)?;
    let json = serde_json::to_string(text).map_or(usize::MAX, |json| json.len());
    if json > MAX_DOCUMENT_JSON_BYTES {
        return Err(DocumentTooLong::Json(json));
    }
    Ok(())
}
