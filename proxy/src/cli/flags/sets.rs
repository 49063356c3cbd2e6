//! Every flag set of the log, compiled the way proxies compile it.

use std::sync::Arc;

use burgee_eval::text::parse;
use burgee_eval::{Compiler, FlagSet, Snapshot};

use crate::envelope::{Change, Document, FlagSetText, Verified};
use crate::registry::Log;

/// Sets, to be looked at together.
#[derive(Debug, Default)]
pub(in crate::cli) struct Sets {
    pub(super) compiler: Compiler,
    sets: Vec<Arc<FlagSet>>,
}

impl Sets {
    /// Every set that the log holds and a proxy can serve.
    pub(in crate::cli) fn of_log<'r>(records: impl IntoIterator<Item = &'r Verified>) -> Self {
        let mut sets = Self::default();
        for record in records {
            if let Change::Put(Document::FlagSet(text)) = &record.record().change
                && let Some(name) = Log::flags().token(&record.record().subject)
                && let Some(set) = sets.compile(name, text)
            {
                sets.sets.push(set);
            }
        }
        sets
    }

    /// `None`: proxies refuse it as a whole, and serve what they had before.
    fn compile(&mut self, name: &str, text: &FlagSetText) -> Option<Arc<FlagSet>> {
        let parsed = parse(&text.text, text.format).ok()?;
        self.compiler
            .compile(name, &parsed.value)
            .ok()
            .map(Arc::new)
    }

    /// Puts a set in the place of the one of its name.
    pub(super) fn replace(&mut self, set: Arc<FlagSet>) {
        self.remove(&set.id);
        self.sets.push(set);
    }

    /// Takes out the set of this name.
    pub(super) fn remove(&mut self, name: &str) {
        self.sets.retain(|other| *other.id != *name);
    }

    /// All of them, as a proxy would have them.
    pub(in crate::cli) fn snapshot(&self) -> Snapshot {
        Snapshot::new(&self.compiler, self.sets.iter().cloned())
    }
}
