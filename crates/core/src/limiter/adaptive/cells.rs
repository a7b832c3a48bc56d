//! The words that JavaScript takes permits from without crossing. The protocol is in docs/design/limiter.md, "Permits in
//! shared memory"; what a thread does is written here once more, for tests and loom, as `take`, `put_back` and `Cells::spend`.

use super::super::Millis;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicI32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

/// Permits of the lease.
pub const LEASE: usize = 0;
/// Work that may start; `CLOSED`: ask.
pub const ROOM: usize = 1;
/// Bit 0: there is a window; bit 1: there is a concurrency limit.
pub const KIND: usize = 2;
/// Not 0: a thread may hand what it releases on to who is first in its own line.
pub const HANDS_ON: usize = 3;
/// How many stand in the lines of all threads.
pub const QUEUED: usize = 4;
/// How many words there are.
pub const WORDS: usize = 8;
/// When the lease was given.
pub const LEASED: usize = 0;
/// Its last millisecond.
pub const ENDS: usize = 1;
/// From when on every call is to cross.
pub const LOOK: usize = 2;
/// Where the times of single permits begin.
pub const TAKEN: usize = 3;
/// Permits of one lease at most.
pub const MAX_LEASE: u64 = 256;
/// What ROOM holds while everybody has to ask.
pub const CLOSED: i32 = -1;

/// A word that threads share: an `AtomicI32`, or loom's.
pub trait Word {
    /// Its value.
    fn load(&self) -> i32;
    /// Puts a value there and says what was there.
    fn swap(&self, value: i32) -> i32;
    /// Puts `new` there if `old` was there.
    fn compare_exchange(&self, old: i32, new: i32) -> bool;
}
impl Word for AtomicI32 {
    fn load(&self) -> i32 {
        AtomicI32::load(self, SeqCst)
    }
    fn swap(&self, value: i32) -> i32 {
        AtomicI32::swap(self, value, SeqCst)
    }
    fn compare_exchange(&self, old: i32, new: i32) -> bool {
        AtomicI32::compare_exchange(self, old, new, SeqCst, SeqCst).is_ok()
    }
}

/// Takes from a word what is left of it; None: that much is not there.
pub fn take(word: &impl Word, weight: i32) -> Option<i32> {
    loop {
        let held = word.load();
        if held < weight {
            return None;
        }
        if word.compare_exchange(held, held - weight) {
            return Some(held - weight);
        }
    }
}
/// Gives work's room back; false: it is closed, the limiter has to be told.
pub fn put_back(room: &impl Word, weight: i32) -> bool {
    loop {
        let held = room.load();
        if held < 0 {
            return false;
        }
        if room.compare_exchange(held, held.saturating_add(weight)) {
            return true;
        }
    }
}

/// What a thread finds in the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// It may go; whether that used up concurrency.
    Taken {
        /// Concurrency was used up by this.
        full: bool,
    },
    /// It has to ask; true: and has concurrency's room in hand, that it could not put back.
    Ask {
        /// Tell the limiter that the weight is released.
        owes: bool,
    },
}

/// The lease that was in the cells.
#[derive(Debug, Clone, Copy)]
struct Lease {
    given: Millis,
    ends: Millis,
    granted: u64,
}

/// What the threads are given.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// Now.
    pub now: Millis,
    /// The last millisecond of the lease.
    pub ends: Millis,
    /// What the window has room for.
    pub permits: u64,
    /// What concurrency has room for; None: both are closed.
    pub room: Option<u64>,
    /// Whether a thread may hand on what it releases.
    pub hands_on: bool,
}

/// The cells of one limiter.
#[derive(Debug, Clone)]
pub struct Cells {
    words: Arc<[AtomicI32]>,
    times: Arc<[AtomicU64]>,
    lease: Option<Lease>,
}
impl Default for Cells {
    fn default() -> Self {
        let words: Arc<[AtomicI32]> = (0..WORDS).map(|_| AtomicI32::new(0)).collect();
        if let Some(room) = words.get(ROOM) {
            room.store(CLOSED, SeqCst);
        }
        let times = (0..TAKEN + MAX_LEASE as usize).map(|_| AtomicU64::new(f64::NAN.to_bits())).collect();
        Self { words, times, lease: None }
    }
}
impl Cells {
    /// The words, for who shows them to JavaScript.
    pub fn words(&self) -> &Arc<[AtomicI32]> {
        &self.words
    }
    /// The bits of the times.
    pub fn times(&self) -> &Arc<[AtomicU64]> {
        &self.times
    }
    fn word(&self, at: usize) -> Option<&AtomicI32> {
        self.words.get(at)
    }
    fn time(&self, at: usize) -> f64 {
        // what orders them is the swap of LEASE
        self.times.get(at).map_or(f64::NAN, |bits| f64::from_bits(bits.load(Relaxed)))
    }
    fn set_time(&self, at: usize, value: f64) {
        if let Some(bits) = self.times.get(at) {
            bits.store(value.to_bits(), Relaxed);
        }
    }

    /// Takes both words away from the threads. Returns the permits of the lease that were spent, as (time, weight) in
    /// order, and the room that was left, None: it was closed.
    pub fn seize(&mut self, now: Millis) -> (Vec<(Millis, u64)>, Option<u64>) {
        let left = self.word(LEASE).map_or(0, |word| Word::swap(word, 0)).max(0) as u64;
        let room = self.word(ROOM).map_or(CLOSED, |word| Word::swap(word, CLOSED));
        let spent = match self.lease.take() {
            Some(lease) if left < lease.granted => self.spent_of(lease, left, now),
            _ => Vec::new(),
        };
        (spent, u64::try_from(room).ok())
    }
    /// A take of several permits writes its time at the lowest of them only.
    fn spent_of(&self, lease: Lease, left: u64, now: Millis) -> Vec<(Millis, u64)> {
        let latest = lease.ends.min(now.max(lease.given));
        let mut spent: Vec<(Millis, u64)> = Vec::new();
        let mut weight = 0;
        for place in (left..lease.granted).rev() {
            weight += 1;
            let at = self.time(TAKEN + place as usize);
            self.set_time(TAKEN + place as usize, f64::NAN);
            let known = at >= lease.given as f64 && at <= lease.ends as f64;
            if known || place == left {
                let at = if known { at as Millis } else { latest };
                match spent.last_mut() {
                    Some((last, sum)) if *last == at => *sum += weight,
                    _ => spent.push((at, weight)),
                }
                weight = 0;
            }
        }
        spent.sort_unstable();
        spent
    }
    /// Gives the threads a lease and room, or closes both. Nothing is in the cells then.
    pub fn offer(&mut self, offer: Offer) {
        let Offer { now, ends, permits, room, hands_on } = offer;
        let granted = if room.is_some() { permits.min(MAX_LEASE) } else { 0 };
        if granted > 0 {
            self.set_time(LEASED, now as f64);
            self.set_time(ENDS, ends as f64);
            self.lease = Some(Lease { given: now, ends, granted });
        }
        if let Some(word) = self.word(HANDS_ON) {
            word.store(i32::from(hands_on), SeqCst);
        }
        if let Some(word) = self.word(LEASE) {
            word.store(granted as i32, SeqCst);
        }
        if let Some(word) = self.word(ROOM) {
            word.store(room.map_or(CLOSED, |room| i32::try_from(room).unwrap_or(i32::MAX)), SeqCst);
        }
    }
    /// One more stands in line; false: as many as may stand there.
    pub fn queue(&self, most: u64) -> bool {
        let Some(queued) = self.word(QUEUED) else { return false };
        let fits = (queued.fetch_add(1, SeqCst).max(0) as u64) < most;
        if !fits {
            queued.fetch_sub(1, SeqCst);
        }
        fits
    }
    /// So many stand there no more, whose thread does not say so any more.
    pub fn unqueue(&self, count: u64) {
        if let Some(queued) = self.word(QUEUED) {
            queued.fetch_sub(i32::try_from(count).unwrap_or(0), SeqCst);
        }
    }
    /// Whether a thread may hand what it releases on to who is first in its own line.
    pub fn hands_on(&self) -> bool {
        self.word(HANDS_ON).is_some_and(|word| Word::load(word) == 1)
    }
    /// How many stand in line.
    pub fn queued(&self) -> u64 {
        self.word(QUEUED).map_or(0, Word::load).max(0) as u64
    }

    /// What there is to take at all, and from when on every call is to cross.
    pub fn describe(&self, window: bool, concurrency: bool, look: Option<Millis>) {
        if let Some(word) = self.word(KIND) {
            word.store(i32::from(window) | i32::from(concurrency) << 1, SeqCst);
        }
        self.set_time(LOOK, look.map_or(f64::INFINITY, |look| look as f64));
    }

    /// What a thread does that wants a permit: the shell in JavaScript, tests here.
    pub fn spend(&self, weight: i32, now: Millis) -> Spent {
        let (Some(lease), Some(room), Some(kind)) = (self.word(LEASE), self.word(ROOM), self.word(KIND))
        else {
            return Spent::Ask { owes: false };
        };
        let kind = Word::load(kind);
        if now as f64 >= self.time(LOOK) {
            return Spent::Ask { owes: false };
        }
        let mut full = false;
        if kind & 2 != 0 {
            match take(room, weight) {
                Some(left) => full = left == 0,
                None => return Spent::Ask { owes: false },
            }
        }
        if kind & 1 != 0 {
            let valid = now as f64 >= self.time(LEASED) && now as f64 <= self.time(ENDS);
            let Some(left) = valid.then(|| take(lease, weight)).flatten() else {
                return Spent::Ask { owes: kind & 2 != 0 && !put_back(room, weight) };
            };
            self.set_time(TAKEN + left as usize, now as f64);
        }
        Spent::Taken { full }
    }
    /// What a thread does with work that has ended; false: the limiter has to be told.
    pub fn finish(&self, weight: i32) -> bool {
        match (self.word(KIND), self.word(ROOM)) {
            (Some(kind), Some(room)) if Word::load(kind) & 2 != 0 => put_back(room, weight),
            _ => true,
        }
    }
}
