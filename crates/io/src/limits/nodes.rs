//! The keys of one limiter that Redis keeps: a `Node` for each, in order of their use, never more than there is room for.

use super::entries::{Entries, Entry};
use bytes::Bytes;
use sluice_core::limiter::Millis;
use sluice_core::limiter::lease::{Answer, Node, Request, Terms, Try, Verdict, WhenDown};
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// Keys that are met for one that may leave.
const MET: usize = 64;
/// Keys that leave by themselves whenever one comes.
const PASSED: usize = 2;
/// After a request in vain the next one waits so long.
const PAUSE_MS: Millis = 100;
/// Who waited takes what it was granted as soon as it hears of it, at the latest after so long.
const RESERVED_MS: Millis = 1_000;
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
/// What a check has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// It may pass.
    pub allowed: bool,
    /// About how many permits are free.
    pub remaining: u64,
    /// The limit of the key.
    pub limit: u64,
    /// 0 when allowed.
    pub retry_after_ms: Millis,
    /// Until the whole limit is free again, at most.
    pub reset_ms: Millis,
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
    pub fn find(&mut self, key: &[u8], weight: u64, limit: Option<u64>, now: Millis) -> Found {
        let place = self.place(key, limit, now);
        let terms = self.terms_of(place);
        let Some(entry) = self.entry(place) else { return refused(&terms) };
        let verdict = entry.node.check(weight, &terms, now);
        let found = found(&mut entry.node, verdict, &terms, now);
        self.checked(place, weight, found.allowed, now);
        found
    }
    /// Decides by the lease only; None: Redis is asked for that much, and it is to be tried again then.
    pub fn try_lease(&mut self, key: &[u8], weight: u64, limit: Option<u64>, now: Millis) -> Option<Found> {
        let place = self.place(key, limit, now);
        let terms = self.terms_of(place);
        let is_deaf = self.lapses.is_some();
        let Some(entry) = self.entry(place) else { return Some(refused(&terms)) };
        let is_kept = weight > 0 && entry.reserved >= weight && now < entry.reserved_until;
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
    /// Whether Redis is known to be away.
    pub fn is_away(&self) -> bool {
        self.away
    }

    /// The key starts afresh, here. True: it was there.
    pub fn forget(&mut self, key: &[u8]) -> bool {
        let place = self.entries.find(key);
        place.is_some_and(|place| self.drop_at(place))
    }
    /// All do; which there were.
    pub fn forget_all(&mut self) -> Vec<Bytes> {
        let keys = self
            .entries
            .places()
            .filter_map(|place| Some(self.redis_key(&self.entries.get(place)?.key)))
            .collect();
        self.entries.clear();
        self.due.clear();
        keys
    }
    /// Drops what Redis knows all of, the oldest first, so many at most.
    pub fn sweep(&mut self, now: Millis, most: usize) {
        for _ in 0..most {
            let oldest = self.entries.oldest();
            let terms = self.terms_of(oldest);
            let gone = self.entry(oldest).is_some_and(|entry| {
                entry.node.reset_ms(now) == 0 && !entry.is_busy(now) && entry.node.is_forgettable(&terms, now)
            });
            if !gone {
                return;
            }
            self.drop_at(oldest);
        }
    }
    /// The key as Redis knows it, without the prefix of the connection.
    pub fn redis_key(&self, key: &[u8]) -> Bytes {
        [b"{", self.name.as_bytes(), key, b"}"].concat().into()
    }

    /// Requests to be sent, so many at most.
    pub fn take_due(&mut self, now: Millis, most: usize) -> Vec<Due> {
        while let Some(ticket) = self.ended_lease(now) {
            self.lapsed(ticket);
        }
        let mut out = std::mem::take(&mut self.made);
        if !self.away {
            let count = self.due.len().min(most);
            let places: Vec<u32> = self.due.drain(..count).collect();
            out.extend(places.into_iter().filter_map(|place| self.ask(place, now)));
        }
        out
    }
    fn ended_lease(&mut self, now: Millis) -> Option<Ticket> {
        let ends = self.lapses.as_mut()?;
        ends.front().filter(|(end, _)| *end <= now)?;
        ends.pop_front().map(|(_, ticket)| ticket)
    }
    fn ask(&mut self, place: u32, now: Millis) -> Option<Due> {
        let terms = self.terms_of(place);
        let entry = self.entry(place)?;
        entry.is_due = false;
        let wanted = entry.waiting.wanted;
        let request = match wanted > 0 || entry.node.wants(now) {
            true => entry.node.ask(wanted, &terms, now),
            false => entry.node.settle(&terms, now),
        };
        if request.is_some() {
            entry.asked = std::mem::take(&mut entry.waiting);
        }
        self.sent(place, terms, request?, now)
    }
    fn sent(&mut self, place: u32, terms: Terms, request: Request, at: Millis) -> Option<Due> {
        self.turns = (self.turns + 1) & 0x1f_ffff;
        let turn = self.turns;
        let entry = self.entry(place)?;
        entry.turn = turn;
        let key = entry.key.clone();
        Some(Due { ticket: Ticket { place, turn }, key: self.redis_key(&key), terms, request, at })
    }
    /// A lease has ended by native time; what is left of it goes back.
    pub fn lapsed(&mut self, ticket: Ticket) {
        // what an adaptive limiter has spent of it is known behind its next crossing
        if !self.is_sole
            && let Some(entry) = self.asked_as(ticket)
            && !entry.node.is_asked()
            && !entry.is_due
            && entry.node.held(0) > 0
        {
            entry.is_due = true;
            self.due.push(ticket.place);
        }
    }
    /// What everything that is left says when the limiter closes, debt and what was not spent, is due.
    pub fn settle_all(&mut self, now: Millis) {
        self.due.clear();
        self.lapses = None;
        let places: Vec<u32> = self.entries.places().collect();
        let settled = places.into_iter().filter_map(|place| {
            let terms = self.terms_of(place);
            let node = &mut self.entry(place)?.node;
            if node.debt() == 0 && node.held(0) == 0 {
                return None;
            }
            let request = node.settle(&terms, now)?;
            self.sent(place, terms, request, now)
        });
        let settled: Vec<Due> = settled.collect();
        self.made.extend(settled);
    }
    /// Redis has answered, at that moment of the caller's clock. How long what was granted may be spent, if anything was.
    pub fn answered(&mut self, ticket: Ticket, answer: &Answer, now: Millis) -> Option<Millis> {
        let entry = self.asked_as(ticket).filter(|entry| entry.node.is_asked())?;
        entry.node.answered(answer, now);
        // for those who waited, before anybody else takes it or it goes back
        if now >= entry.reserved_until {
            entry.reserved = 0;
        }
        for weight in entry.asked.end() {
            entry.reserved += if entry.node.reserve(weight) { weight } else { 0 };
        }
        entry.reserved_until = now.saturating_add(RESERVED_MS);
        self.note_nodes(answer.nodes, now);
        self.mark(ticket.place, now);
        self.weigh(ticket.place);
        if let Some(ends) = &mut self.lapses
            && answer.granted > 0
        {
            ends.push_back((now.saturating_add(answer.lease_ms), ticket));
        }
        (answer.granted > 0).then_some(answer.lease_ms)
    }
    /// It has not, or nobody knows.
    pub fn failed(&mut self, ticket: Ticket, now: Millis) {
        if let Some(entry) = self.asked_as(ticket).filter(|entry| entry.node.is_asked()) {
            entry.node.unanswered();
            entry.node.lost();
            entry.node.pause(now.saturating_add(PAUSE_MS));
            entry.asked.end().chain(entry.waiting.end()).for_each(drop);
        }
    }
    /// Redis is away, or back: then it is told of everything that it missed.
    pub fn set_away(&mut self, away: bool, now: Millis) {
        if std::mem::replace(&mut self.away, away) && !away {
            for place in self.entries.places().collect::<Vec<_>>() {
                if let Some(entry) = self.entry(place) {
                    entry.node.pause(0);
                }
                self.mark(place, now);
            }
        }
        if away {
            // whoever waits hears that nobody answers
            for place in self.entries.places().collect::<Vec<_>>() {
                if let Some(entry) = self.entry(place) {
                    entry.waiting.end().for_each(drop);
                }
            }
        }
    }
    /// Who hears when the request that was tried for has ended; None: none is out or due.
    pub fn hear(&mut self, key: &[u8], weight: u64) -> Option<oneshot::Receiver<()>> {
        let place = self.entries.find(key).or_else(|| self.entries.find(REST))?;
        let entry = self.entry(place)?;
        match entry.waiting.wanted > 0 {
            true => Some(entry.waiting.hear(weight)),
            false => entry.node.is_asked().then(|| entry.asked.hear(weight)),
        }
    }

    fn entry(&mut self, place: u32) -> Option<&mut Entry> {
        self.entries.get_mut(place)
    }
    fn asked_as(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        self.entry(ticket.place).filter(|entry| entry.turn == ticket.turn)
    }
    fn terms_of(&self, place: u32) -> Terms {
        let own = self.entries.get(place).and_then(|entry| entry.limit);
        Terms { limit: own.unwrap_or(self.terms.limit), ..self.terms }
    }
    fn fresh(&self) -> Node {
        let mut node = Node::new(self.seen.iter().copied().max().unwrap_or(0));
        if self.away {
            node.lost();
        }
        node
    }
    fn note_nodes(&mut self, nodes: u64, now: Millis) {
        if now.saturating_sub(self.seen_since) >= 2 * self.terms.window_ms {
            self.seen = [0, self.seen[0]];
            self.seen_since = now;
        }
        self.seen[0] = self.seen[0].max(nodes);
    }
    /// Has a request sent where one should be.
    fn mark(&mut self, place: u32, now: Millis) {
        let Some(entry) = self.entry(place) else { return };
        let waited = entry.waiting.wanted > 0 && !entry.node.is_asked() && !entry.node.is_down();
        let wanted = entry.node.should_ask(now) || waited;
        if wanted && !entry.is_due {
            entry.is_due = true;
            self.due.push(place);
        }
    }
    /// Where the key is, or is from now on; where all are that find no room.
    fn place(&mut self, key: &[u8], limit: Option<u64>, now: Millis) -> u32 {
        let place = match self.entries.find(key) {
            Some(place) => place,
            None if self.has_room(key, now) => self.add(key),
            None => self.entries.find(REST).unwrap_or_else(|| self.add(REST)),
        };
        self.meet(place);
        if let Some(entry) = self.entry(place) {
            entry.limit = limit;
        }
        place
    }
    /// It is the newest, and knows whether Redis is away.
    fn meet(&mut self, place: u32) {
        self.entries.renew(place);
        let away = self.away;
        if let Some(entry) = self.entry(place)
            && away
            && !entry.node.is_down()
        {
            entry.node.lost();
        }
    }
    fn has_room(&mut self, key: &[u8], now: Millis) -> bool {
        self.sweep(now, PASSED);
        let cost = Entries::cost(key);
        for _ in 0..MET {
            if self.entries.len() < self.max_keys && self.bytes() + cost <= self.max_bytes {
                return true;
            }
            let oldest = self.entries.oldest();
            let terms = self.terms_of(oldest);
            let Some(entry) = self.entry(oldest) else { return false };
            if !entry.is_busy(now) && entry.node.is_forgettable(&terms, now) {
                self.drop_at(oldest);
                self.stats.evicted += 1;
            } else {
                self.entries.renew(oldest);
            }
        }
        false
    }
    fn add(&mut self, key: &[u8]) -> u32 {
        let node = self.fresh();
        self.entries.add(key, node)
    }
    fn drop_at(&mut self, place: u32) -> bool {
        let gone = self.entries.remove(place);
        if gone.as_ref().is_some_and(|gone| gone.is_due) {
            self.due.retain(|&due| due != place);
        }
        gone.is_some()
    }
}

fn found(node: &mut Node, verdict: Verdict, terms: &Terms, now: Millis) -> Found {
    let (allowed, retry_after_ms) = match verdict {
        Verdict::Allowed => (true, 0),
        Verdict::Denied { retry_after_ms } => (false, retry_after_ms),
    };
    let remaining = node.remaining(terms, now);
    Found {
        allowed,
        remaining,
        limit: terms.limit,
        retry_after_ms,
        reset_ms: node.reset_ms(now).max(retry_after_ms),
    }
}
fn refused(terms: &Terms) -> Found {
    let wait_ms = terms.window_ms;
    Found { allowed: false, remaining: 0, limit: terms.limit, retry_after_ms: wait_ms, reset_ms: wait_ms }
}
/// As options name it.
pub fn when_down(name: &str) -> WhenDown {
    match name {
        "open" => WhenDown::Open,
        "closed" => WhenDown::Closed,
        _ => WhenDown::Degrade,
    }
}
