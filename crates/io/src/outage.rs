//! Whether Redis is away, as users are told: once, from the first call in vain until it answers again.

use crate::redis::{Change, Listener, State};
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use std::time::{Duration, Instant};

/// A call that answers so soon after one that did not says nothing: of a cluster another master may be away.
const SETTLED: Duration = Duration::from_secs(1);

/// Who is told: why Redis is away, or None when it is back.
pub(crate) type Tell = Box<dyn Fn(Option<Error>) + Send + Sync>;

pub(crate) struct Outage {
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
            (self.tell)(Some(why.clone()));
        }
    }
    /// Calls that began then were answered, all of them.
    pub fn answered(&self, began: Instant) {
        let mut since = self.since.lock();
        if since.is_some_and(|failed| began.saturating_duration_since(failed) >= SETTLED) {
            *since = None;
            (self.tell)(None);
        }
    }
    /// It answers again.
    pub fn over(&self) {
        if self.since.lock().take().is_some() {
            (self.tell)(None);
        }
    }
    /// When to ask it something, where nobody else does, so that it is told when it is back.
    pub fn settles_at(&self) -> Option<Instant> {
        self.since.lock().map(|failed| failed + SETTLED)
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
            State::Up => self.over(),
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
        let back = Arc::new(AtomicU32::new(0));
        let backs = back.clone();
        let outage = Outage::new(Box::new(move |why| {
            let counter = if why.is_some() { &counter } else { &backs };
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
        outage.state(State::Up, None);
        outage.over();
        assert_eq!(back.load(Ordering::Relaxed), 3, "each was over once");
    }
}
