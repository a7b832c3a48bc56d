//! What instances of one process tell each other, and hear of the tier's state: from the writer thread or a `poll`,
//! never from inside a caller's write, which holds locks of its memory that a listener wants too.

use super::tier::Tier;
use super::{Listener, Removed};
use sluice_core::cache::ring::Change;
use sluice_core::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Changes of one memory's instances that wait to be told by name.
const MOST_WAITING: usize = 16_384;
const MOST_NOTICES: usize = 1024;

/// Something to be told to all but those of one memory.
pub(super) struct Notice {
    except: u64,
    what: News,
}
enum News {
    Change(Change),
    State(bool, Option<Error>),
}
/// What waits to be told; under the overlay's lock.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Vec<Notice>,
    /// On its way to the listeners.
    telling: Arc<Vec<Notice>>,
}
impl Outbox {
    /// Whether others have changed a key, or may have, and not all have heard of it: a fill would come too late.
    pub(super) fn names(&self, group: u64, hash: u64) -> bool {
        self.telling.iter().chain(&self.waiting).any(|notice| match &notice.what {
            News::Change(change) => {
                let is_other = notice.except != group;
                let is_wide = change.everything || !change.patterns.is_empty() || !change.tags.is_empty();
                is_other && (is_wide || change.hashes.contains(&hash))
            }
            News::State(..) => false,
        })
    }
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
    /// Adds a change that those of one memory know of.
    pub(super) fn change(&mut self, except: u64, change: Change) {
        if let Some(Notice { except: same, what: News::Change(last) }) = self.waiting.last_mut()
            && *same == except
        {
            last.hashes.extend(change.hashes);
            last.patterns.extend(change.patterns);
            last.tags.extend(change.tags);
            last.everything |= change.everything;
            if last.hashes.len() + last.patterns.len() + last.tags.len() > MOST_WAITING {
                *last = Change { everything: true, ..Change::default() };
            }
            return;
        }
        self.waiting.push(Notice { except, what: News::Change(change) });
        if self.waiting.len() > MOST_NOTICES {
            // nobody has been told for long, the writer is held up: all may have changed
            self.waiting.retain(|notice| matches!(notice.what, News::State(..)));
            let everything = Change { everything: true, ..Change::default() };
            self.waiting.push(Notice { except: 0, what: News::Change(everything) });
        }
    }
    pub(super) fn state(&mut self, up: bool, why: Option<Error>) {
        self.waiting.push(Notice { except: 0, what: News::State(up, why) });
    }
}

/// Who listens.
pub(super) struct Ear {
    id: u64,
    /// Those with one number share a memory.
    group: u64,
    listener: Arc<dyn Listener>,
}
impl Tier {
    pub(super) fn listen(&self, id: u64, group: u64, listener: Arc<dyn Listener>) {
        let mut ears = self.ears.write();
        ears.push(Ear { id, group, listener });
        set_many(&ears, &self.has_groups);
    }
    pub(super) fn unlisten(&self, id: u64) {
        let mut ears = self.ears.write();
        ears.retain(|ear| ear.id != id);
        set_many(&ears, &self.has_groups);
    }
    /// Whether anybody but those of one memory listens: else there is nobody to tell of a change.
    pub(super) fn has_others(&self) -> bool {
        self.has_groups.load(Ordering::Acquire)
    }
    fn tell(&self, except: u64, what: &dyn Fn(&dyn Listener)) {
        // called without the lock: a listener may be slow, and instances come and go
        let ears: Vec<_> = self
            .ears
            .read()
            .iter()
            .filter(|ear| ear.group != except)
            .map(|ear| ear.listener.clone())
            .collect();
        ears.iter().for_each(|listener| what(&**listener));
    }
    pub(super) fn tell_change(&self, except: u64, change: &Change) {
        if change.everything {
            return self.tell(except, &|listener| listener.changed(None));
        }
        if !change.hashes.is_empty() {
            self.tell(except, &|listener| listener.changed(Some(&change.hashes)));
        }
        for pattern in &change.patterns {
            self.tell(except, &|listener| listener.removed(Removed::Pattern(pattern)));
        }
        for tag in &change.tags {
            self.tell(except, &|listener| listener.removed(Removed::Tag(tag)));
        }
    }
    /// Tells what waits, in its order. Never under a lock that a listener could want.
    pub(super) fn deliver(&self) {
        if !self.has_news.load(Ordering::Acquire) {
            return;
        }
        let _order = self.delivering.lock();
        let telling = {
            let mut pending = self.pending.lock();
            self.has_news.store(false, Ordering::Release);
            let waiting = std::mem::take(&mut pending.outbox.waiting);
            pending.outbox.telling = Arc::new(waiting);
            pending.outbox.telling.clone()
        };
        for notice in telling.iter() {
            match &notice.what {
                News::Change(change) => self.tell_change(notice.except, change),
                News::State(up, why) => self.tell(0, &|listener| listener.state(*up, why.clone())),
            }
        }
        self.pending.lock().outbox.telling = Arc::default();
    }
}
fn set_many(ears: &[Ear], has_groups: &AtomicBool) {
    let has_several = ears.iter().any(|ear| ears.first().is_some_and(|first| first.group != ear.group));
    has_groups.store(has_several, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(hash: u64) -> Change {
        Change { hashes: vec![hash], ..Change::default() }
    }

    #[test]
    fn a_fill_is_late_while_others_have_not_heard() {
        let mut outbox = Outbox::default();
        outbox.change(1, one(7));
        assert!(outbox.names(2, 7) && !outbox.names(1, 7) && !outbox.names(2, 8));
        outbox.change(1, Change { tags: vec!["t".into()], ..Change::default() });
        assert!(outbox.names(2, 8) && !outbox.names(1, 8));
    }

    #[test]
    fn what_nobody_fetches_stays_bounded_and_names_everything() {
        let mut outbox = Outbox::default();
        for hash in 0..100_000 {
            outbox.change(1, one(hash));
        }
        assert!(outbox.waiting.len() == 1 && outbox.names(2, 1 << 40));
        let mut outbox = Outbox::default();
        outbox.state(false, None);
        for hash in 0..100_000 {
            outbox.change(hash % 2 + 1, one(hash));
        }
        assert!(
            outbox.waiting.len() <= MOST_NOTICES + 1 && outbox.names(1, 1 << 40) && outbox.names(2, 1 << 40)
        );
        assert!(matches!(outbox.waiting.first(), Some(Notice { what: News::State(false, None), .. })));
    }
}
