//! What one flag set may take in memory, as an estimate that is made while it is compiled.
//!
//! References multiply: an evaluator of a few bytes can stand in every rule thousands of times, and so
//! can a long text in it. What a set takes is therefore counted before it is made, and a set that takes
//! more than [`MAX_SET_BYTES`] ends there. The estimate is on the high side of what is held
//! (`tests/set_memory.rs` compares them), and the same for the same document on every machine of 64 bits.

use std::mem::size_of;

use serde_json::{Map, Value};

use crate::document::FlagSource;
use crate::flag::{Flag, Variant};
use crate::limits::MAX_SET_BYTES;

/// What an allocator adds to each piece of memory, at most, with the rounding up of its size.
pub(crate) const PIECE: usize = 16;

/// Members of an object that fit into one node of the tree in which it keeps them.
const NODE_MEMBERS: usize = 11;

/// Such a node, with its keys and values side by side.
const NODE_BYTES: usize = NODE_MEMBERS * (size_of::<String>() + size_of::<Value>()) + 2 * PIECE;

/// Members for each node where there are several, for those are half full when they were filled in
/// order.
const MEMBERS_FOR_EACH_NODE: usize = 5;

/// What is left.
#[derive(Debug)]
pub(crate) struct Room {
    left: usize,
    spent: bool,
}

impl Room {
    /// For one set.
    pub(crate) fn of_a_set() -> Self {
        Self {
            left: MAX_SET_BYTES,
            spent: false,
        }
    }

    /// Takes so many bytes; whether there were as many. Once there were not, there are none.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) if !self.spent => self.left = left,
            _ => self.spent = true,
        }
        !self.spent
    }

    /// Whether more was asked for than there was.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent
    }

    /// What was taken.
    pub(crate) fn taken(&self) -> usize {
        MAX_SET_BYTES - self.left
    }
}

/// A text in a piece of memory of its own.
pub(crate) fn text_bytes(text: &str) -> usize {
    text.len() + PIECE
}

/// What a value holds beside itself.
pub(crate) fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text_bytes(text),
        Value::Array(items) => {
            let inside: usize = items.iter().map(value_bytes).sum();
            inside + items.len() * size_of::<Value>() + PIECE
        }
        Value::Object(members) => map_bytes(members),
    }
}

/// What an object holds.
pub(crate) fn map_bytes(members: &Map<String, Value>) -> usize {
    members_bytes(members) + nodes_bytes(members.len())
}

fn members_bytes(members: &Map<String, Value>) -> usize {
    let bytes = |(key, value): (&String, &Value)| text_bytes(key) + value_bytes(value);
    members.iter().map(bytes).sum()
}

/// What the nodes of an object of so many members take.
pub(crate) fn nodes_bytes(members: usize) -> usize {
    let nodes = match members {
        0 => 0,
        1..=NODE_MEMBERS => 1,
        _ => members.div_ceil(MEMBERS_FOR_EACH_NODE),
    };
    nodes * NODE_BYTES
}

/// What a flag takes beside its rule and its flaws, the set's metadata included.
pub(crate) fn flag_bytes(source: &FlagSource<'_>, of_the_set: &Map<String, Value>) -> usize {
    let FlagSource {
        key,
        variants,
        header,
        gates,
        ..
    } = source;
    let metadata = [of_the_set, &source.metadata];
    // Names stand a second time in the form that is searched.
    let variants: usize = variants
        .iter()
        .map(|variant| {
            size_of::<Variant>()
                + 2 * (text_bytes(&variant.name) + PIECE)
                + value_bytes(&variant.value)
        })
        .sum();
    // They become one object.
    let members = metadata.iter().map(|members| members.len()).sum();
    let metadata: usize = metadata.into_iter().map(members_bytes).sum();
    let header = header.map_or(0, |header| text_bytes(header) + PIECE);
    let fixed = size_of::<Flag>() + 4 * PIECE + text_bytes(key) + header + gates.bytes();
    fixed + variants + metadata + nodes_bytes(members)
}
