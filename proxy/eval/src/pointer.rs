//! JSON Pointers (RFC 6901): where something stands in a document.

use std::fmt::Write as _;

/// A JSON Pointer that grows and shrinks with a walk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pointer {
    text: String,
}

impl Pointer {
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Appends a pointer as it is.
    pub(crate) fn push_raw(&mut self, pointer: &str) {
        self.text.push_str(pointer);
    }

    /// Appends a member's key.
    pub(crate) fn push_key(&mut self, key: &str) {
        self.text.push('/');
        push_escaped(&mut self.text, key);
    }

    /// Appends an item's index.
    pub(crate) fn push_index(&mut self, index: usize) {
        write!(self.text, "/{index}").expect("writing to a String does not fail");
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
    }
}

/// `key` as one part of a JSON Pointer: `~` becomes `~0`, `/` becomes `~1`.
fn push_escaped(into: &mut String, key: &str) {
    for c in key.chars() {
        match c {
            '~' => into.push_str("~0"),
            '/' => into.push_str("~1"),
            c => into.push(c),
        }
    }
}

/// A part of a JSON Pointer as the key that it names.
pub(crate) fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// `parent`, a JSON Pointer (RFC 6901), with one more part: the key of a member.
pub fn join_pointer(parent: &str, key: &str) -> String {
    let mut text = String::with_capacity(parent.len() + 1 + key.len());
    text.push_str(parent);
    text.push('/');
    push_escaped(&mut text, key);
    text
}
