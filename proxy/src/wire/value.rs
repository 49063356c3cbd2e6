//! A variant as the value of a header of its own.
//!
//! Visible ASCII stands as it is, except `%`; spaces inside stand too. Everything else, and spaces
//! at either end (HTTP trims those), is percent-encoded UTF-8. So percent-decoding always gives
//! back exactly what was meant, and a plain value needs no decoding.

use std::borrow::Cow;
use std::fmt::Write as _;

use burgee_eval::Variant;
use http::HeaderValue;
use serde_json::Value;

use crate::config::Content;

/// A variant's header value.
pub(super) fn header(variant: &Variant, content: Content) -> HeaderValue {
    match content {
        Content::Variant => encode(&variant.name),
        Content::Value => encode(&text(&variant.value)),
    }
}

/// A value as text: a string is itself, anything else its compact JSON.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        value => Cow::Owned(value.to_string()),
    }
}

/// Text as a header value; [`decode`] is its inverse.
pub fn encode(text: &str) -> HeaderValue {
    let last = text.len().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (position, byte) in text.bytes().enumerate() {
        let inner_space = byte == b' ' && position != 0 && position != last;
        if inner_space || (byte.is_ascii_graphic() && byte != b'%') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    HeaderValue::from_str(&out).expect("only visible ASCII and spaces were written")
}

/// What [`encode`] was given. `None` where the value is not of its making.
pub fn decode(value: &HeaderValue) -> Option<String> {
    let decoded = percent_encoding::percent_decode(value.as_bytes());
    decoded.decode_utf8().ok().map(Cow::into_owned)
}
