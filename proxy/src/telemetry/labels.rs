//! Counters whose labels come from flag sets, and therefore must be bounded.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus::{IntCounter, IntCounterVec, Opts, Result};

/// What stands in every label of the series that takes the excess.
const OTHER: &str = "other";

/// A counter with `N` labels and a bounded number of label sets. Clones share it.
///
/// Finding a series by its labels costs some 50 ns or more; keep the [`IntCounter`] that
/// [`Bounded::series`] returns where requests are counted.
#[derive(Clone, Debug)]
pub struct Bounded<const N: usize> {
    vector: IntCounterVec,
    seen: Arc<RwLock<HashSet<[Arc<str>; N]>>>,
    limit: usize,
}

impl<const N: usize> Bounded<N> {
    /// A counter with at most `limit` label sets, and one more for what is beyond.
    pub fn new(opts: Opts, labels: [&str; N], limit: usize) -> Result<Self> {
        Ok(Self {
            vector: IntCounterVec::new(opts, &labels)?,
            seen: Arc::default(),
            limit,
        })
    }

    /// For registration.
    pub fn vector(&self) -> IntCounterVec {
        self.vector.clone()
    }

    /// The series of these labels, or that of the excess.
    pub fn series(&self, labels: [&str; N]) -> IntCounter {
        if self.admit(labels) {
            self.vector.with_label_values(&labels)
        } else {
            self.vector.with_label_values(&[OTHER; N])
        }
    }

    fn admit(&self, labels: [&str; N]) -> bool {
        let owned = labels.map(Arc::<str>::from);
        // A panic while the lock was held cannot have left a set half changed.
        if self
            .seen
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&owned)
        {
            return true;
        }
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.len() < self.limit && {
            seen.insert(owned);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excess_label_sets_share_one_series() {
        let counter =
            Bounded::new(Opts::new("test_total", "Test."), ["flag", "variant"], 2).unwrap();
        for flag in ["a", "b", "c", "d", "a"] {
            counter.series([flag, "on"]).inc();
        }
        assert_eq!(counter.series(["a", "on"]).get(), 2);
        assert_eq!(counter.series(["b", "on"]).get(), 1);
        assert_eq!(counter.series(["anything", "new"]).get(), 2, "c and d");
    }
}
