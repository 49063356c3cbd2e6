//! How much one evaluation may do.
//!
//! A rule without loops does a bounded amount of work for each of its nodes, and their number is
//! bounded when it is compiled. What is left is counted here while it happens: turns of a loop, items
//! that are copied or compared, and bytes of texts beyond a short one. So no list and no text, in the
//! context or computed, can hold up a worker; nor can a value that shares its parts, which is small in
//! memory and huge to whoever looks at all of it.

use std::cell::Cell;

use super::Fault;
use crate::limits::{MAX_EVALUATION_STEPS, MAX_VALUE_DEPTH};

/// Bytes that are copied, compared or hashed in one step.
const COPIED_BYTES: usize = 64;

/// Bytes that are searched or parsed in one step.
const SCANNED_BYTES: usize = 16;

/// The digits of a number that are read or written without big integers, which take time in
/// proportion to each digit from there on.
const FEW_DIGITS: usize = 19;

/// Writing a number takes as long as so many steps, unless it is a small integer.
const NUMBER: usize = 8;

/// The steps that are left.
#[derive(Debug)]
pub(crate) struct Steps {
    left: Cell<usize>,
}

impl Steps {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            left: Cell::new(MAX_EVALUATION_STEPS),
        }
    }

    /// How many were taken.
    pub(super) fn taken(&self) -> usize {
        MAX_EVALUATION_STEPS - self.left.get()
    }

    /// Takes as many.
    pub(super) fn take(&self, count: usize) -> Result<(), Fault> {
        let left = self.left.get().checked_sub(count);
        self.left.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or(Fault::TooManySteps)
    }

    /// Long texts are rare, and must cost the others nothing.
    #[cold]
    #[inline(never)]
    fn take_for_long(&self, count: usize) -> Result<(), Fault> {
        self.take(count)
    }

    /// Takes what it costs to copy, compare or hash a text. A short one costs nothing: whoever reads
    /// it is a node of the rule, or an item that was counted.
    #[inline]
    pub(super) fn copy(&self, bytes: usize) -> Result<(), Fault> {
        if bytes < COPIED_BYTES {
            return Ok(());
        }
        self.take_for_long(bytes / COPIED_BYTES)
    }

    /// Takes what it costs to search or parse a text.
    #[inline]
    pub(super) fn scan(&self, bytes: usize) -> Result<(), Fault> {
        if bytes < SCANNED_BYTES {
            return Ok(());
        }
        self.take_for_long(bytes / SCANNED_BYTES)
    }

    /// Takes what it costs to read a number from a text.
    pub(super) fn read_number(&self, text: &str) -> Result<(), Fault> {
        if text.len() <= FEW_DIGITS {
            return Ok(());
        }
        self.take(text.len() / 2)
    }

    /// Takes what it costs to write a number as text.
    pub(super) fn write_number(&self, number: f64) -> Result<(), Fault> {
        let integer = number.fract() == 0.0 && number.abs() < 1e15;
        if integer { Ok(()) } else { self.take(NUMBER) }
    }

    /// Takes a step to a value that lies `depth` levels inside another.
    pub(super) fn descend(&self, depth: usize) -> Result<(), Fault> {
        if depth > MAX_VALUE_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.take(1)
    }
}
