//! Leases within the process: one loader per key among the instances and threads that share a memory tier.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

/// How a wait for a lease ended: a token above 0 (ours), 0 (read again) or -1 (run alone).
pub type Done = Box<dyn FnOnce(i64) + Send>;

struct Held {
    token: u64,
    engine: u64,
    waiting: Vec<(u64, Done)>,
    /// What a lower tier gave.
    lower: Option<Lower>,
}
/// A lease that a lower tier gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lower {
    /// Who holds it there.
    pub owner: u64,
    /// Its fencing token.
    pub fence: u64,
    /// Redis; else the disk.
    pub redis: bool,
}
/// The leases of one memory tier.
#[derive(Default)]
pub struct Leases {
    held: Mutex<HashMap<Box<[u8]>, Held>>,
    next: AtomicU64,
}
static TABLES: LazyLock<Mutex<HashMap<usize, Weak<Leases>>>> = LazyLock::new(Mutex::default);

impl Leases {
    /// The leases of the memory tier with these cells.
    pub fn of(memory: &crate::memory::Memory) -> Arc<Self> {
        let mut tables = TABLES.lock();
        tables.retain(|_, table| table.strong_count() > 0);
        // an engine holds both its memory and its table, so an address with a live table is that memory's
        let address = Arc::as_ptr(memory.cells()).cast::<u8>() as usize;
        if let Some(table) = tables.get(&address).and_then(Weak::upgrade) {
            return table;
        }
        let table = Arc::new(Self::default());
        tables.insert(address, Arc::downgrade(&table));
        table
    }
    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }
    /// Takes the lease of a key; None: another holds it.
    pub fn ask(&self, key: &[u8], engine: u64) -> Option<u64> {
        let mut held = self.held.lock();
        if held.contains_key(key) {
            return None;
        }
        let token = self.number();
        held.insert(key.into(), Held { token, engine, waiting: Vec::new(), lower: None });
        Some(token)
    }
    /// Waits for the end of a lease, under the number that is returned; one that has ended is told at once.
    pub fn wait(&self, key: &[u8], done: Done) -> Option<u64> {
        {
            let mut held = self.held.lock();
            if let Some(held) = held.get_mut(key) {
                let number = self.number();
                held.waiting.push((number, done));
                return Some(number);
            }
        }
        done(0);
        None
    }
    /// Stops waiting: ends that wait with -1, if it has not ended.
    pub fn stop_waiting(&self, key: &[u8], number: u64) {
        let done = {
            let mut held = self.held.lock();
            held.get_mut(key).and_then(|held| {
                let at = held.waiting.iter().position(|(waits, _)| *waits == number)?;
                Some(held.waiting.swap_remove(at).1)
            })
        };
        if let Some(done) = done {
            done(-1);
        }
    }
    /// Whether the lease is still of that token.
    pub fn holds(&self, key: &[u8], token: u64) -> bool {
        self.held.lock().get(key).is_some_and(|held| held.token == token)
    }
    /// What a lower tier gave for it.
    pub fn lower(&self, key: &[u8], token: u64) -> Option<Lower> {
        self.held.lock().get(key).filter(|held| held.token == token)?.lower
    }
    /// Remembers what a lower tier gave; false when the lease has ended meanwhile.
    pub fn set_lower(&self, key: &[u8], token: u64, lower: Lower) -> bool {
        match self.held.lock().get_mut(key).filter(|held| held.token == token) {
            Some(held) => {
                held.lower = Some(lower);
                true
            }
            None => false,
        }
    }
    /// Ends a lease; who waits reads again. What a lower tier gave is returned, to be given back.
    pub fn end(&self, key: &[u8], token: u64) -> Option<Lower> {
        let ended = {
            let mut held = self.held.lock();
            if held.get(key)?.token != token {
                return None;
            }
            held.remove(key)?
        };
        for (_, done) in ended.waiting {
            done(0);
        }
        ended.lower
    }
    /// Ends all leases of an engine: it is going away.
    pub fn end_all(&self, engine: u64) -> Vec<(Box<[u8]>, Lower)> {
        let keys: Vec<(Box<[u8]>, u64)> = {
            let held = self.held.lock();
            let mine = held.iter().filter(|(_, held)| held.engine == engine);
            mine.map(|(key, held)| (key.clone(), held.token)).collect()
        };
        keys.into_iter().filter_map(|(key, token)| self.end(&key, token).map(|lower| (key, lower))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn wait(leases: &Leases, sender: &std::sync::mpsc::Sender<i64>) -> Option<u64> {
        let sender = sender.clone();
        leases.wait(b"k", Box::new(move |result| sender.send(result).unwrap()))
    }

    #[test]
    fn one_holds_and_the_others_read_again_when_it_ends() {
        let (leases, (sender, receiver)) = (Leases::default(), channel());
        let token = leases.ask(b"k", 1).unwrap();
        assert_eq!(leases.ask(b"k", 2), None);
        assert!(wait(&leases, &sender).is_some() && leases.holds(b"k", token));
        leases.end(b"k", token + 100); // another's token ends nothing
        assert!(leases.holds(b"k", token) && receiver.try_recv().is_err());
        leases.end(b"k", token);
        assert_eq!(receiver.try_recv(), Ok(0));
        assert!(!leases.holds(b"k", token));
        assert_ne!(leases.ask(b"k", 1), Some(token), "tokens never come again");
    }
    #[test]
    fn a_wait_is_ended_once_and_an_engine_takes_its_leases_with_it() {
        let (leases, (sender, receiver)) = (Leases::default(), channel());
        leases.ask(b"k", 1);
        let number = wait(&leases, &sender).unwrap();
        leases.stop_waiting(b"k", number);
        leases.stop_waiting(b"k", number);
        wait(&leases, &sender);
        leases.end_all(2);
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [-1]);
        leases.end_all(1);
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [0]);
        assert_eq!(wait(&leases, &sender), None, "nothing to wait for");
        assert_eq!(receiver.try_recv(), Ok(0));
    }
}
