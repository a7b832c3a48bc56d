//! Who is told that entries have left.

use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why an entry left by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// For want of room.
    Size,
    /// It was found past its time.
    Expired,
}
/// Is told the key of an entry that left, on the thread that found it, which holds no lock.
pub type Observer = Arc<dyn Fn(&[u8], Reason) + Send + Sync>;

#[derive(Default)]
pub(super) struct Observers {
    count: AtomicUsize,
    list: RwLock<(u64, Vec<(u64, Observer)>)>,
}
impl Observers {
    pub(super) fn add(&self, observer: Observer) -> u64 {
        let mut list = self.list.write();
        list.0 += 1;
        let id = list.0;
        list.1.push((id, observer));
        self.count.store(list.1.len(), Ordering::Release);
        id
    }
    pub(super) fn remove(&self, id: u64) {
        let mut list = self.list.write();
        list.1.retain(|(one, _)| *one != id);
        self.count.store(list.1.len(), Ordering::Release);
    }
    /// Who is to be told now; None when nobody listens, which is all that it costs then.
    pub(super) fn now(&self) -> Option<Vec<Observer>> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        Some(self.list.read().1.iter().map(|(_, observer)| Arc::clone(observer)).collect())
    }
}
