//! "All of it is current", said once every part of it has said so.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Sender, Update};
use crate::registry::Kind;

/// One of the places that records of one kind come from.
#[derive(Debug)]
pub(super) struct Part {
    kind: Kind,
    index: usize,
    all: Arc<Mutex<Vec<bool>>>,
}

/// As many parts as there are places.
pub(super) fn parts(kind: Kind, count: usize) -> Vec<Part> {
    let all = Arc::new(Mutex::new(vec![false; count]));
    (0..count)
        .map(|index| Part {
            kind,
            index,
            all: all.clone(),
        })
        .collect()
}

impl Part {
    /// What kind of records it is about.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// This part has nothing pending. When every part has said so since the last time,
    /// [`Update::Synced`] is sent, so it is never sent on the word of one part alone.
    pub(super) async fn synced(&self, updates: &Sender) {
        let complete = {
            let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            all[self.index] = true;
            let complete = all.iter().all(|&part| part);
            if complete {
                all.fill(false);
            }
            complete
        };
        if complete {
            updates.send(Update::Synced(self.kind)).await;
        }
    }
}
