//! What stands between the cache and the client: the breaker, what the client missed, and native time.

use crate::runtime::Runtime;
use bytes::Bytes;
use sluice_core::cache::breaker::Breaker;
use sluice_core::cache::missed::{Missed, Owed, Wide};
use sluice_core::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The watch over one client.
pub struct Watch {
    breaker: Breaker,
    missed: Missed,
    began: Instant,
    /// Held from the first timer on.
    runtime: Option<Arc<Runtime>>,
}
impl Watch {
    /// A watch whose breaker opens after so many failed calls in a row (0: never) and probes that often. Calls pass
    /// from the start: the application's client connects by itself.
    pub fn new(failures: u32, probe_ms: u64) -> Self {
        let mut breaker = Breaker::new(failures, probe_ms);
        breaker.probe(0);
        breaker.probed(0, true);
        Self { breaker, missed: Missed::new(), began: Instant::now(), runtime: None }
    }
    /// Milliseconds of a clock that never goes back, and that nobody can fake.
    pub fn elapsed_ms(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1000.0
    }
    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
    /// A call was answered.
    pub fn succeeded(&mut self) {
        self.breaker.succeeded();
    }
    /// A call failed; true: that opened the breaker.
    pub fn failed(&mut self) -> bool {
        self.breaker.failed(self.now())
    }
    /// Milliseconds until a probe is due; None while none is to be sent.
    pub fn probe_in(&self) -> Option<u64> {
        self.breaker.probe_in(self.now())
    }
    /// A probe goes out; false: none may.
    pub fn probe(&mut self) -> bool {
        self.breaker.probe(self.now())
    }
    /// How the probe ended; true: that closed the breaker.
    pub fn probed(&mut self, answered: bool) -> bool {
        self.breaker.probed(self.now(), answered)
    }
    /// The client was not told of this key.
    pub fn miss_key(&mut self, key: Bytes) {
        self.missed.key(key);
    }
    /// The client was not told of this delete of many keys.
    pub fn miss_wide(&mut self, wide: Wide) {
        self.missed.wide(wide);
    }
    /// A write of the key has arrived: what was missed of it no longer matters.
    pub fn caught_up(&mut self, key: &[u8]) {
        self.missed.forget(key);
    }
    /// Whether nothing was missed.
    pub fn owes_nothing(&self) -> bool {
        self.missed.is_empty()
    }
    /// Whether what the client's server has of that key may be older than what it was not told.
    pub fn distrusts(&self, key: &[u8]) -> bool {
        self.missed.concerns(key)
    }
    /// What was missed, now the caller's business.
    pub fn take(&mut self) -> Option<Owed> {
        self.missed.take()
    }
    /// It could not be told.
    pub fn put_back(&mut self, owed: Owed) {
        self.missed.put_back(owed);
    }
    /// Calls `done` after so many milliseconds of native time, on the I/O thread.
    pub fn after(&mut self, wait_ms: u64, done: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let runtime = match &self.runtime {
            Some(runtime) => runtime,
            None => self.runtime.insert(Runtime::get()?),
        };
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            done();
        });
        Ok(())
    }
}

/// A name that no other process has: random, from what seeds the hash maps.
pub fn owner() -> String {
    let seed = || RandomState::new().hash_one(0u8);
    format!("{:016x}{:016x}", seed(), seed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn passes_at_first_and_opens_after_failures_in_a_row() {
        let mut watch = Watch::new(5, 50);
        assert_eq!(watch.probe_in(), None);
        assert!((0..4).all(|_| !watch.failed()));
        assert!(watch.failed(), "the fifth opens it");
        assert!(!watch.probe(), "the client had its chances: the first probe waits its time");
        std::thread::sleep(Duration::from_millis(60));
        assert!(watch.probe() && !watch.probe());
        assert!(watch.probed(true));
        assert_eq!(watch.probe_in(), None);
    }

    #[test]
    fn what_was_missed_is_distrusted_until_it_is_taken_or_written_again() {
        let mut watch = Watch::new(5, 1000);
        watch.miss_key(Bytes::from_static(b"a"));
        watch.miss_key(Bytes::from_static(b"b"));
        assert!(watch.distrusts(b"a") && !watch.distrusts(b"c"));
        watch.caught_up(b"a");
        assert!(!watch.distrusts(b"a"));
        watch.miss_wide(Wide::Pattern(Bytes::from_static(b"user:*")));
        assert!(watch.distrusts(b"user:7") && !watch.distrusts(b"c"));
        watch.miss_wide(Wide::Tag("red".into()));
        assert!(watch.distrusts(b"c"), "anything may carry a tag");
        let owed = watch.take();
        assert!(watch.owes_nothing() && !watch.distrusts(b"b"));
        watch.put_back(owed.unwrap());
        assert!(watch.distrusts(b"b"));
    }

    #[test]
    fn calls_back_after_native_time() {
        let (sender, receiver) = channel();
        let mut watch = Watch::new(5, 1000);
        let start = Instant::now();
        watch.after(20, move || sender.send(start.elapsed()).unwrap()).unwrap();
        assert!(receiver.recv().unwrap() >= Duration::from_millis(20));
    }
}
