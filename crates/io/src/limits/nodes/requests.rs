//! What the keys have to ask of Redis, and what comes of its answers.

use super::super::entries::Entry;
use super::{Due, Nodes, REST, Ticket};
use sluice_core::limiter::Millis;
use sluice_core::limiter::lease::{Answer, Request, Terms};
use tokio::sync::oneshot;

/// After a request in vain the next one waits so long.
const PAUSE_MS: Millis = 100;
/// Who waited takes what it was granted as soon as it hears of it, at the latest after so long.
const RESERVED_MS: Millis = 1_000;

impl Nodes {
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
    pub(super) fn sent(&mut self, place: u32, terms: Terms, request: Request, at: Millis) -> Option<Due> {
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
    fn asked_as(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        self.entry(ticket.place).filter(|entry| entry.turn == ticket.turn)
    }
    fn note_nodes(&mut self, nodes: u64, now: Millis) {
        if now.saturating_sub(self.seen_since) >= 2 * self.terms.window_ms {
            self.seen = [0, self.seen[0]];
            self.seen_since = now;
        }
        self.seen[0] = self.seen[0].max(nodes);
    }
    /// Has a request sent where one should be.
    pub(super) fn mark(&mut self, place: u32, now: Millis) {
        let Some(entry) = self.entry(place) else { return };
        let waited = entry.waiting.wanted > 0 && !entry.node.is_asked() && !entry.node.is_down();
        let wanted = entry.node.should_ask(now) || waited;
        if wanted && !entry.is_due {
            entry.is_due = true;
            self.due.push(place);
        }
    }
}
