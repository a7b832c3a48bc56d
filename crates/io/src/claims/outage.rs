//! Whether Redis is away: told once, from the first call in vain until it answers again.

use super::Tell;
use crate::redis::{Change, Listener, State};
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use std::time::{Duration, Instant};

/// A call that answers so soon after one that did not says nothing: of a cluster another master may be away.
const SETTLED: Duration = Duration::from_secs(1);

pub(super) struct Outage {
    tell: Tell,
    /// When a call failed last; None: it is not away.
    since: Mutex<Option<Instant>>,
}
impl Outage {
    pub fn new(tell: Tell) -> Self {
        Self { tell, since: Mutex::default() }
    }
    /// Calls failed.
    pub fn failed(&self, why: &Error) {
        if self.since.lock().replace(Instant::now()).is_none() {
            (self.tell)(why.clone());
        }
    }
    /// Calls that began then were answered, all of them.
    pub fn answered(&self, began: Instant) {
        let mut since = self.since.lock();
        if since.is_some_and(|failed| began.saturating_duration_since(failed) >= SETTLED) {
            *since = None;
        }
    }
}
impl Listener for Outage {
    fn changed(&self, _keys: Option<&[&[u8]]>) {}
    fn published(&self, _origin: &[u8], _change: Change<'_>) {}
    fn tracking(&self, _up: bool, _why: Option<Error>) {}
    fn state(&self, state: State, why: Option<Error>) {
        match state {
            State::Down => {
                let why = why.unwrap_or_else(|| Error::new(Kind::Redis).with("detail", "it is down"));
                self.failed(&why);
            }
            State::Up => *self.since.lock() = None,
            State::Idle => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn is_told_once_until_it_is_over() {
        let told = Arc::new(AtomicU32::new(0));
        let counter = told.clone();
        let outage = Outage::new(Box::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        }));
        let why = Error::new(Kind::Redis).with("detail", "late");
        let count = || told.load(Ordering::Relaxed);
        outage.failed(&why);
        outage.state(State::Down, None);
        outage.failed(&why);
        assert_eq!(count(), 1);
        outage.answered(Instant::now());
        outage.failed(&why);
        assert_eq!(count(), 1, "an answer in between ends nothing");
        outage.answered(Instant::now() + SETTLED);
        outage.failed(&why);
        assert_eq!(count(), 2);
        outage.state(State::Up, None);
        outage.state(State::Down, None);
        assert_eq!(count(), 3);
    }
}
