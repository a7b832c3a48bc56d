//! Leases of loads between the threads that share a memory tier.

use super::{Memory, registry};
use sluice_core::cache::Lease;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Is called when a lease has ended, on the thread that ended it, which holds no lock.
pub(super) type Waiter = Box<dyn FnOnce() + Send>;

/// Who may hold leases: an instance in an environment. When it is dropped, as it is with its environment, its leases
/// end: a thread that is terminated in the midst of a load leaves nobody waiting.
pub struct Owner {
    memory: Arc<Memory>,
    id: u64,
    left: AtomicBool,
}
impl Owner {
    /// An owner for what `Memory::open` gave: one each time.
    pub fn new(memory: &Arc<Memory>) -> Self {
        let id = memory.owners.fetch_add(1, Ordering::Relaxed);
        Self { memory: Arc::clone(memory), id, left: AtomicBool::new(false) }
    }
    /// It is closed: its leases end. With the last owner, what the tier holds is freed, and its name.
    pub fn leave(&self) {
        self.end();
        if !self.left.swap(true, Ordering::AcqRel) && registry::leave(&self.memory) {
            self.memory.clear();
        }
    }
    /// Asks for the lease of a key.
    pub fn lease(&self, key: &[u8]) -> Lease {
        self.memory.flights.lock().lease(key, self.id)
    }
    /// Ends a lease. Nothing when the token is not its own.
    pub fn release(&self, key: &[u8], token: u64) {
        let waiters = self.memory.flights.lock().release(key, token);
        waiters.into_iter().for_each(|waiter| waiter());
    }
    /// Calls back once when the key's lease ends; at once when nobody has it. A number by which to give up.
    pub fn wait(&self, key: &[u8], then: impl FnOnce() + Send + 'static) -> Option<u64> {
        let waiting = self.memory.flights.lock().wait(key, Box::new(then));
        match waiting {
            Ok(wait) => Some(wait),
            Err(waiter) => {
                waiter();
                None
            }
        }
    }
    /// Gives up waiting: true when it has not been called, and will not be.
    pub fn give_up(&self, key: &[u8], wait: u64) -> bool {
        let waiter = self.memory.flights.lock().give_up(key, wait);
        waiter.is_some()
    }
    /// Whether that token is still the key's lease.
    pub fn holds(&self, key: &[u8], token: u64) -> bool {
        self.memory.flights.lock().holds(key, token)
    }
}
impl Owner {
    /// Ends all leases of this owner.
    pub fn end(&self) {
        let waiters = self.memory.flights.lock().drop_owner(self.id);
        waiters.into_iter().for_each(|waiter| waiter());
    }
}
impl Drop for Owner {
    fn drop(&mut self) {
        self.leave();
    }
}
