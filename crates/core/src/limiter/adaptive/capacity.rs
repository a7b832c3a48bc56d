//! What there is room for: the window, work in flight, a hold, and what Redis supplies.

use super::super::Millis;
use super::supply::Supply;
use super::types::{Config, Target};
use super::window::Window;

/// Both limits and what is taken of them, at the latest time that was seen: threads' clocks differ a little.
#[derive(Debug)]
pub(super) struct Capacity {
    pub limit: u64,
    pub window_ms: Millis,
    pub concurrency: u64,
    pub now: Millis,
    pub in_flight: u64,
    pub supply: Supply,
    /// Taken of the window since somebody asked, and the most that the supply lacked for one.
    pub drawn: u64,
    pub lacked: u64,
    window: Window,
    hold_until: Millis,
}
impl Capacity {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            limit: config.limit,
            window_ms: config.window_ms.max(1),
            concurrency: config.concurrency,
            now: 0,
            in_flight: 0,
            supply: Supply::Own,
            drawn: 0,
            lacked: 0,
            window: Window::default(),
            hold_until: 0,
        }
    }
    pub(super) fn target(&self, target: Target) -> u64 {
        match target {
            Target::Limit => self.limit,
            Target::Concurrency => self.concurrency,
        }
    }
    pub(super) fn set(&mut self, target: Target, to: u64) {
        match target {
            Target::Limit => self.limit = to,
            Target::Concurrency => self.concurrency = to,
        }
    }
    /// Another window; a hold is no longer than that either.
    pub(super) fn set_window(&mut self, window_ms: Millis) {
        self.window_ms = window_ms.max(1);
        self.hold_until = self.hold_until.min(self.now.saturating_add(self.window_ms));
    }
    /// Refuses until then, at most a window; a shorter one does not shorten a longer.
    pub(super) fn hold(&mut self, retry_after_ms: Millis) {
        let until = self.now.saturating_add(retry_after_ms.min(self.window_ms));
        self.hold_until = self.hold_until.max(until);
    }
    pub(super) fn is_held(&self) -> bool {
        self.now < self.hold_until
    }
    pub(super) fn expire(&mut self) {
        self.window.expire(self.now, self.window_ms);
    }
    /// Permits were taken from the cells, each at its time.
    pub(super) fn book(&mut self, spent: &[(Millis, u64)]) {
        for &(at, weight) in spent {
            self.window.book(at, weight);
            self.draw(weight);
        }
        if let Some(&(last, _)) = spent.last() {
            // as the window stood then: what has left since made room only later. A time ahead of now (lib/limiter/recent.js
            // rounds up) lets nothing go early
            self.window.expire(last.min(self.now), self.window_ms);
        }
    }
    pub(super) fn admit(&mut self, weight: u64) {
        if self.limit > 0 {
            self.window.book(self.now, weight);
            self.draw(weight);
        }
        if self.concurrency > 0 {
            self.in_flight = self.in_flight.saturating_add(weight);
        }
    }
    fn draw(&mut self, weight: u64) {
        self.supply.spend(weight);
        self.drawn = self.drawn.saturating_add(weight);
    }
    /// That weight was refused.
    pub(super) fn lack(&mut self, weight: u64) {
        if self.supply.left(self.now) < weight {
            self.lacked = self.lacked.max(weight);
        }
    }
    pub(super) fn release(&mut self, weight: u64) {
        self.in_flight = self.in_flight.saturating_sub(weight);
    }

    pub(super) fn is_used_up(&self, target: Target) -> bool {
        match target {
            Target::Limit => self.window.used() >= self.limit,
            Target::Concurrency => self.in_flight >= self.concurrency,
        }
    }
    /// What the window has room for.
    pub(super) fn permits(&self) -> u64 {
        self.supply.limit(self.limit).saturating_sub(self.window.used()).min(self.supply.left(self.now))
    }
    /// What of that may be taken without a crossing.
    pub(super) fn lent(&self) -> u64 {
        self.permits().min(self.supply.lent(self.now))
    }
    /// What concurrency has room for; None: more is in flight than may be.
    pub(super) fn room(&self) -> Option<u64> {
        if self.concurrency > 0 { self.concurrency.checked_sub(self.in_flight) } else { Some(u64::MAX) }
    }
    /// Permits that are free at this moment; without a window, of concurrency.
    pub(super) fn tokens(&self) -> u64 {
        if self.limit > 0 { self.limit.saturating_sub(self.window.used()) } else { self.room().unwrap_or(0) }
    }
    /// A weight above the limit of the moment goes when it is alone: the limit was higher, and may not come back by itself.
    pub(super) fn fits(&self, weight: u64) -> bool {
        if self.is_held() {
            return false;
        }
        let alone = weight > self.supply.limit(self.limit)
            && self.window.used() == 0
            && self.supply.left(self.now) > 0;
        let in_window = self.limit == 0 || weight <= self.permits() || alone;
        in_window && self.fits_beside(weight)
    }
    fn fits_beside(&self, weight: u64) -> bool {
        let alone = weight > self.concurrency && self.in_flight == 0;
        self.concurrency == 0 || self.in_flight.saturating_add(weight) <= self.concurrency || alone
    }
    /// When the window has room for that weight; None: it has, or no time brings it.
    fn room_at(&self, weight: u64) -> Option<Millis> {
        if self.limit == 0 {
            return None;
        }
        let limit = self.supply.limit(self.limit);
        match limit.checked_sub(weight) {
            Some(most) => self.window.down_to(most, self.window_ms),
            None => self.window.empty_at(self.window_ms),
        }
    }
    /// When time lets that weight go that waits; None: no time does.
    pub(super) fn goes_at(&self, weight: u64) -> Option<Millis> {
        match self.is_held() {
            _ if !self.fits_beside(weight) => None,
            true => Some(self.hold_until),
            false => self.room_at(weight),
        }
    }
    /// How long until the window has room for that weight; 0: it has, or no clock can tell.
    pub(super) fn retry_after(&self, weight: u64) -> Millis {
        self.hold_until.max(self.room_at(weight).unwrap_or(0)).saturating_sub(self.now)
    }
}
