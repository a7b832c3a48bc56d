//! How the buffer stands, and what it has done.

use super::buffer::{Buffer, count};
use super::types::{Account, Millis, Stats, Status};

impl Buffer {
    /// How it stands, but for the age of the oldest, which takes a look at everything in flight.
    pub fn standing(&self) -> Status {
        Status {
            size: self.size,
            waiting: self.storing.len() + self.waiting.len(),
            in_flight: count(self.flights.len() + self.taken.len()),
            dead_letters: self.letters.len(),
            oldest_age_ms: 0,
            lingering: !self.config.pull && (self.lanes.oldest().is_some() || self.retry.len() > 0),
        }
    }
    /// How it stands.
    pub fn status(&mut self, now: Millis) -> Status {
        let now = self.clock.tick(now);
        let queued = self.lanes.oldest().map(|(_, _, at)| at);
        let held = self.retry.iter().map(|(_, held)| held.at);
        let flown = self.flights.iter().flat_map(|(_, flight)| &flight.items).map(|item| item.at);
        let taken = self.taken.values().map(|taken| taken.item.at);
        let oldest = queued.into_iter().chain(held).chain(flown).chain(taken).min();
        Status { oldest_age_ms: oldest.map_or(0, |at| now.saturating_sub(at)), ..self.standing() }
    }
    /// What it has done since the start, or since `reset_stats`.
    pub fn stats(&self) -> Stats {
        self.stats
    }
    /// Counts from zero again; the account goes on.
    pub fn reset_stats(&mut self) {
        self.stats = Stats::default();
    }
    /// What became of everything.
    pub fn account(&self) -> Account {
        self.account
    }
}
