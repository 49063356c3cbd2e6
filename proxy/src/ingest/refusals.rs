//! What does not count: each is counted, and the newest are shown in `/snapshot`, so that an operator
//! whose override does nothing finds out why without the logs of every proxy.
//!
//! A flag set that has a row of its own shows there why a version of it was refused, not here.

use std::collections::VecDeque;

use super::metrics::IngestMetrics;
use crate::registry::Kind;
use crate::source::Refused;
use crate::store::Refusal;

/// Refusals that are shown. The oldest is dropped for the newest: anyone who can write junk can make more.
const MAX_REFUSALS: usize = 100;

/// The longest message that is shown, in bytes: it may quote what was refused.
const MAX_MESSAGE_BYTES: usize = 1_000;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Refusals {
    metrics: IngestMetrics,
    /// Newest first.
    shown: VecDeque<Shown>,
    changed: bool,
}

#[derive(Debug)]
struct Shown {
    refusal: Refusal,
    /// How often its kind was synced since.
    syncs: u8,
}

impl Refusals {
    pub(super) fn new(metrics: IngestMetrics) -> Self {
        Self {
            metrics,
            shown: VecDeque::new(),
            changed: false,
        }
    }

    /// Counts what is shown elsewhere.
    pub(super) fn count(&self, kind: Kind, reason: &str) {
        let counter = match kind {
            Kind::FlagSets => &self.metrics.flagset_rejected,
            Kind::Overrides => &self.metrics.override_rejected,
        };
        counter.with_label_values(&[reason]).inc();
    }

    /// Shows what was counted. The same refusal again is the same one.
    pub(super) fn show(&mut self, refused: Refused) {
        let refusal = Refusal {
            kind: refused.kind,
            name: refused.name,
            reason: refused.reason,
            message: bounded(refused.message),
        };
        if let Some(again) = self.shown.iter_mut().find(|shown| shown.refusal == refusal) {
            again.syncs = 0;
            return;
        }
        self.shown.retain(|shown| {
            (shown.refusal.kind, &shown.refusal.name) != (refusal.kind, &refusal.name)
        });
        self.shown.push_front(Shown { refusal, syncs: 0 });
        self.shown.truncate(MAX_REFUSALS);
        self.changed = true;
    }

    /// A later record of this subject or file counts, or the file is gone.
    pub(super) fn mended(&mut self, kind: Kind, name: &str) {
        self.drop_where(|shown| {
            shown.refusal.kind == kind && shown.refusal.name.as_deref() == Some(name)
        });
    }

    /// The log holds the record that is held here. That ends a disagreement about revisions; junk may
    /// still stand on top of the record.
    pub(super) fn agreed(&mut self, kind: Kind, name: &str) {
        self.drop_where(|shown| {
            shown.refusal.kind == kind
                && shown.refusal.name.as_deref() == Some(name)
                && ["older", "fork"].contains(&shown.refusal.reason)
        });
    }

    /// A whole directory that was refused has been read since. The first time may owe to what its other
    /// parts, and it, said before; the second cannot.
    pub(super) fn synced(&mut self, kind: Kind) {
        let nameless = |shown: &Shown| shown.refusal.kind == kind && shown.refusal.name.is_none();
        for shown in self.shown.iter_mut().filter(|shown| nameless(shown)) {
            shown.syncs += 1;
        }
        self.drop_where(|shown| nameless(shown) && shown.syncs >= 2);
    }

    fn drop_where(&mut self, unwanted: impl Fn(&Shown) -> bool) {
        let before = self.shown.len();
        self.shown.retain(|shown| !unwanted(shown));
        self.changed |= self.shown.len() < before;
    }

    /// Whether something that is shown changed since this was last asked.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// What is shown, newest first.
    pub(super) fn list(&self) -> Vec<Refusal> {
        let refusals = self.shown.iter().map(|shown| &shown.refusal);
        refusals.cloned().collect()
    }
}

/// Cuts a message that is too long, and says so.
pub(super) fn bounded(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: Option<&str>, reason: &'static str) -> Refused {
        Refused {
            kind: Kind::Overrides,
            name: name.map(str::to_owned),
            reason,
            message: "no".into(),
        }
    }

    fn refusals() -> Refusals {
        Refusals::new(IngestMetrics::register(&prometheus::Registry::new()).expect("new names"))
    }

    #[test]
    fn the_newest_are_shown_first_and_no_more_than_fit() {
        let mut refusals = refusals();
        for number in 0..=MAX_REFUSALS {
            refusals.show(refused(Some(&number.to_string()), "malformed"));
        }
        let list = refusals.list();
        assert_eq!(list.len(), MAX_REFUSALS);
        assert_eq!(list[0].name.as_deref(), Some("100"));
        assert_eq!(list[99].name.as_deref(), Some("1"));
        assert!(refusals.take_changed());
        refusals.show(refused(Some("7"), "malformed"));
        assert!(!refusals.take_changed(), "nothing new");
        refusals.show(refused(Some("7"), "older"));
        assert_eq!(refusals.list()[0].reason, "older");
        assert_eq!(refusals.list().len(), MAX_REFUSALS);
    }

    #[test]
    fn what_is_mended_is_no_longer_shown() {
        let mut refusals = refusals();
        for (name, reason) in [("a", "malformed"), ("b", "older"), ("c", "fork")] {
            refusals.show(refused(Some(name), reason));
        }
        refusals.show(refused(None, "unreadable"));
        for name in ["a", "b"] {
            refusals.agreed(Kind::Overrides, name);
        }
        refusals.mended(Kind::Overrides, "c");
        refusals.mended(Kind::FlagSets, "a");
        assert_eq!(refusals.list().len(), 2);
        refusals.synced(Kind::Overrides);
        assert_eq!(refusals.list().len(), 2);
        refusals.synced(Kind::Overrides);
        assert_eq!(refusals.list()[0].name.as_deref(), Some("a"));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let cut = bounded("é".repeat(MAX_MESSAGE_BYTES));
        assert_eq!(cut.chars().count(), MAX_MESSAGE_BYTES / 2 + 1);
        assert_eq!(bounded("short".into()), "short");
    }
}
