//! The keys of one limiter that Redis keeps: a `Node` for each, in order of their use, never more than there is room for.

mod requests;
mod room;

use super::entries::{Entries, Entry};
use bytes::Bytes;
use sluice_core::limiter::Millis;
use sluice_core::limiter::keyed::Decision;
use sluice_core::limiter::lease::{Node, Request, Terms, Try, Verdict, WhenDown};
use std::collections::VecDeque;

/// The key of all that find no room: no key of a caller is told from it by Redis, but it begins with what none is likely to.
const REST: &[u8] = b"\x01rest";
/// Which request an answer is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    place: u32,
    turn: u32,
}
impl Ticket {
    /// As a number that JavaScript holds exactly.
    pub fn number(self) -> u64 {
        u64::from(self.place) << 21 | u64::from(self.turn & 0x1f_ffff)
    }
    /// The other way round.
    pub fn from_number(number: u64) -> Self {
        Self { place: (number >> 21) as u32, turn: (number & 0x1f_ffff) as u32 }
    }
}
/// A request on its way to Redis.
#[derive(Debug, Clone)]
pub struct Due {
    /// To be given back with the answer.
    pub ticket: Ticket,
    /// As Redis knows it, without the prefix of the connection.
    pub key: Bytes,
    /// Limit and window that it is asked under.
    pub terms: Terms,
    /// What is asked.
    pub request: Request,
    /// When, by the caller's clock.
    pub at: Millis,
}
/// What was counted since the last reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Checks that passed.
    pub allowed: u64,
    /// Checks that did not.
    pub denied: u64,
    /// Keys that left for want of room.
    pub evicted: u64,
}

/// The keys.
pub struct Nodes {
    terms: Terms,
    max_keys: usize,
    max_bytes: u64,
    /// What keys in Redis begin with.
    name: String,
    entries: Entries,
    turns: u32,
    /// Where `try_lease` asked last.
    asked: u32,
    due: Vec<u32>,
    /// Requests that are made already.
    made: Vec<Due>,
    /// When leases end, by the caller's clock; only where the caller wakes for it.
    lapses: Option<VecDeque<(Millis, Ticket)>>,
    is_sole: bool,
    /// Redis is away: nothing is sent.
    away: bool,
    /// How many nodes were seen sharing a key in this span and the one before, for keys that were never answered.
    seen: [u64; 2],
    seen_since: Millis,
    stats: Stats,
}
impl Nodes {
    /// None yet.
    pub fn new(name: &str, terms: Terms, max_keys: usize, max_bytes: u64, is_sole: bool) -> Self {
        Self {
            terms,
            max_keys: max_keys.max(1),
            max_bytes,
            name: name.to_owned(),
            entries: Entries::default(),
            turns: 0,
            asked: 0,
            due: Vec::new(),
            made: Vec::new(),
            lapses: None,
            is_sole,
            away: false,
            seen: [0; 2],
            seen_since: 0,
            stats: Stats::default(),
        }
    }
    /// The caller looks at the end of leases, in `take_due`: `wake_in` says when.
    pub fn waking(mut self) -> Self {
        self.lapses = Some(VecDeque::new());
        self
    }
    /// How long until a lease ends of which something may have to go back; None: there is none.
    pub fn wake_in(&self, now: Millis) -> Option<Millis> {
        let (end, _) = self.lapses.as_ref()?.front()?;
        Some(end.saturating_sub(now))
    }
    /// Limit and window of keys that have none of their own.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }
    /// Others; the keys in Redis stay those of the first window.
    pub fn update(&mut self, limit: u64, window_ms: Millis) {
        (self.terms.limit, self.terms.window_ms) = (limit, window_ms);
    }
    /// Keys that are held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }
    /// Bytes of all of them.
    pub fn bytes(&self) -> u64 {
        self.entries.bytes()
    }
    /// What was counted.
    pub fn stats(&self) -> Stats {
        self.stats
    }
    /// Counts anew.
    pub fn reset_stats(&mut self) {
        self.stats = Stats::default();
    }
    /// Requests that wait to be sent.
    pub fn due_len(&self) -> usize {
        if self.away { self.made.len() } else { self.due.len() + self.made.len() }
    }

    /// Decides at once.
    pub fn check(&mut self, key: &[u8], weight: u64, limit: Option<u64>, now: Millis) -> bool {
        let place = self.place(key, limit, now);
        let terms = self.terms_of(place);
        let Some(entry) = self.entry(place) else { return false };
        let allowed = entry.node.check(weight, &terms, now) == Verdict::Allowed;
        self.checked(place, weight, allowed, now)
    }
    /// The same, and what it found.
    pub fn find(&mut self, key: &[u8], weight: u64, limit: Option<u64>, now: Millis) -> Decision {
        let place = self.place(key, limit, now);
        let terms = self.terms_of(place);
        let Some(entry) = self.entry(place) else { return refused(&terms) };
        let verdict = entry.node.check(weight, &terms, now);
        let found = found(&mut entry.node, verdict, &terms, now);
        self.checked(place, weight, found.allowed, now);
        found
    }
    /// Decides by the lease only; None: Redis is asked for that much, and it is to be tried again then.
    pub fn try_lease(
        &mut self,
        key: &[u8],
        weight: u64,
        limit: Option<u64>,
        now: Millis,
    ) -> Option<Decision> {
        let place = self.place(key, limit, now);
        let terms = self.terms_of(place);
        let is_deaf = self.lapses.is_some();
        let Some(entry) = self.entry(place) else { return Some(refused(&terms)) };
        let fits = weight > 0 && weight <= terms.limit;
        let is_kept = fits && entry.reserved >= weight && now < entry.reserved_until;
        let tried = match is_kept && !entry.node.is_down() {
            true => Try::Known(Verdict::Allowed),
            false => entry.node.try_lease(weight, &terms, now),
        };
        entry.reserved -= if is_kept { weight } else { 0 };
        match tried {
            Try::Known(verdict) => {
                let found = found(&mut entry.node, verdict, &terms, now);
                self.checked(place, weight, found.allowed, now);
                Some(found)
            }
            Try::Ask => {
                entry.waiting.add(weight);
                if is_deaf {
                    entry.waiting.add_deaf(weight);
                }
                self.asked = place;
                self.mark(place, now);
                None
            }
        }
    }
    fn checked(&mut self, place: u32, weight: u64, allowed: bool, now: Millis) -> bool {
        if weight > 0 {
            self.stats.allowed += u64::from(allowed);
            self.stats.denied += u64::from(!allowed);
        }
        self.mark(place, now);
        self.weigh(place);
        allowed
    }
    /// Counts the bytes of what is logged while Redis is away; where there is no room for it, it gets short.
    fn weigh(&mut self, place: u32) {
        let is_full = self.bytes() > self.max_bytes;
        if let Some(entry) = self.entry(place)
            && is_full
            && entry.node.log_bytes() > 0
        {
            entry.node.shorten();
        }
        self.entries.weigh(place);
    }
    /// Milliseconds; 0: now.
    pub fn retry_after(&mut self, key: &[u8], weight: u64, limit: Option<u64>, now: Millis) -> Millis {
        let terms = Terms { limit: limit.unwrap_or(self.terms.limit), ..self.terms };
        let verdict = match self.entries.find(key) {
            Some(place) => {
                self.meet(place);
                self.entry(place).map(|entry| entry.node.look(weight, &terms, now))
            }
            None => None,
        };
        match verdict.unwrap_or_else(|| self.fresh().look(weight, &terms, now)) {
            Verdict::Allowed => 0,
            Verdict::Denied { retry_after_ms } => retry_after_ms,
        }
    }
    /// The one node of an adaptive limiter: `run` gets it with its terms, `limit` being that of the moment, and whether Redis
    /// is away, and returns what Redis is to be asked.
    pub fn sole<R>(
        &mut self,
        limit: u64,
        now: Millis,
        run: impl FnOnce(&mut Node, &Terms, bool) -> (R, Option<Request>),
    ) -> Option<R> {
        self.terms.limit = limit;
        let (terms, away) = (self.terms, self.away);
        let place = self.place(b"", None, now);
        let (result, request) = run(&mut self.entry(place)?.node, &terms, away);
        if let Some(request) = request {
            let due = self.sent(place, terms, request, now);
            self.made.extend(due);
        }
        Some(result)
    }
    /// About how many permits the one node of an adaptive limiter has free.
    pub fn sole_remaining(&mut self, now: Millis) -> u64 {
        let place = self.place(b"", None, now);
        let terms = self.terms;
        self.entry(place).map_or(0, |entry| entry.node.remaining(&terms, now))
    }
    /// How long until that weight may pass the one node of an adaptive limiter; 0: now.
    pub fn sole_retry_after(&mut self, weight: u64, now: Millis) -> Millis {
        let place = self.place(b"", None, now);
        let terms = self.terms;
        self.entry(place).map_or(0, |entry| entry.node.retry_after(weight, &terms, now))
    }
    /// Whether Redis is known to be away.
    pub fn is_away(&self) -> bool {
        self.away
    }

    /// The key as Redis knows it, without the prefix of the connection.
    pub fn redis_key(&self, key: &[u8]) -> Bytes {
        [b"{", self.name.as_bytes(), key, b"}"].concat().into()
    }

    /// The key that `try_lease` asked for last: its own, or that of all that find no room.
    pub fn asked_key(&self) -> Bytes {
        self.entries.get(self.asked).map_or(Bytes::new(), |entry| self.redis_key(&entry.key))
    }

    fn entry(&mut self, place: u32) -> Option<&mut Entry> {
        self.entries.get_mut(place)
    }
    fn terms_of(&self, place: u32) -> Terms {
        let own = self.entries.get(place).and_then(|entry| entry.limit);
        Terms { limit: own.unwrap_or(self.terms.limit), ..self.terms }
    }
}

fn found(node: &mut Node, verdict: Verdict, terms: &Terms, now: Millis) -> Decision {
    let (allowed, retry_after_ms) = match verdict {
        Verdict::Allowed => (true, 0),
        Verdict::Denied { retry_after_ms } => (false, retry_after_ms),
    };
    let remaining = node.remaining(terms, now);
    Decision {
        allowed,
        remaining,
        limit: terms.limit,
        retry_after_ms,
        reset_ms: node.reset_ms(now).max(retry_after_ms),
    }
}
fn refused(terms: &Terms) -> Decision {
    let wait_ms = terms.window_ms;
    Decision { allowed: false, remaining: 0, limit: terms.limit, retry_after_ms: wait_ms, reset_ms: wait_ms }
}
/// As options name it.
pub fn when_down(name: &str) -> WhenDown {
    match name {
        "open" => WhenDown::Open,
        "closed" => WhenDown::Closed,
        _ => WhenDown::Degrade,
    }
}
