//! A node's part of a limit that Redis keeps: what it may admit at once, and what it asks for behind that.
//!
//! A grant is booked in Redis as if it were spent at the end of its lease, and is spent by then or given back; debt is booked whatever
//! the limit says. A refusal ends debt until Redis sees room. So what all nodes admit in a window is at most the limit and one `share` of debt per node.

mod requests;
mod types;

use requests::Asked;
pub use types::{Answer, Request, Terms, Try, Verdict, WhenDown};

use super::Millis;
use super::adaptive::{Supply, Window};

/// What a node may owe, and asks for at most: a tenth of the limit, at least 1.
pub fn share(limit: u64) -> u64 {
    (limit / 10).max(1)
}
/// A window has so many slices.
const SLICES: u64 = 100;

/// What a lease lasts.
fn slice_ms(terms: &Terms) -> Millis {
    (terms.window_ms / SLICES).max(1)
}

/// One key on one node.
#[derive(Debug, Clone, Default)]
pub struct Node {
    left: u64,
    granted: u64,
    until: Millis,
    slice: u64,
    /// Spent of the lease that ended last; what the next one is to bear.
    demand: u64,
    /// Admitted without a lease, and not booked for certain.
    debt: u64,
    asked: Option<Asked>,
    /// When it asked before.
    asked_at: Option<Millis>,
    refused_until: Millis,
    /// Others may give back what they did not spend: asked for again from then on, though not on credit.
    again_at: Millis,
    /// Until then there is no more than what was granted last.
    short_until: Millis,
    /// Whom a refusal or the end of debt turned away since the last request, and the largest of them.
    missed: u64,
    largest: u64,
    nodes: u64,
    down: bool,
    /// Until then it is left alone.
    paused_until: Millis,
    /// What was admitted while Redis was away.
    own: Window,
    /// What counted by the last answer, and when nothing of it counts any more.
    used: u64,
    busy_until: Millis,
}
impl Node {
    /// One that does not know anything but how many share, if anybody does.
    pub fn new(nodes: u64) -> Self {
        Self { nodes, ..Self::default() }
    }
    /// Decides at once. 0 looks, as for 1.
    pub fn check(&mut self, weight: u64, terms: &Terms, now: Millis) -> Verdict {
        let found = self.look(weight, terms, now);
        match found {
            Verdict::Allowed => self.take(weight, terms, now),
            Verdict::Denied { .. } if !self.down => self.turn_away(weight, terms),
            Verdict::Denied { .. } => {}
        }
        found
    }
    /// What a check would find.
    pub fn look(&mut self, weight: u64, terms: &Terms, now: Millis) -> Verdict {
        let wanted = weight.max(1);
        if wanted > terms.limit {
            return Verdict::Denied { retry_after_ms: terms.window_ms.max(1) };
        }
        if self.down {
            return self.alone(wanted, terms, now);
        }
        let lacking = wanted.saturating_sub(self.held(now));
        if lacking == 0 {
            return Verdict::Allowed;
        }
        if now < self.refused_until {
            return Verdict::Denied { retry_after_ms: self.refused_until - now };
        }
        if self.debt.saturating_add(lacking) <= share(terms.limit) {
            return Verdict::Allowed;
        }
        Verdict::Denied { retry_after_ms: 1 }
    }
    /// How long until that weight may pass, by what is known; 0: now.
    pub fn retry_after(&mut self, weight: u64, terms: &Terms, now: Millis) -> Millis {
        match self.look(weight, terms, now) {
            Verdict::Allowed => 0,
            Verdict::Denied { retry_after_ms } if self.down => retry_after_ms,
            // a part of what was asked for was granted: there is no more than that
            Verdict::Denied { retry_after_ms } => retry_after_ms.max(self.short_until.saturating_sub(now)),
        }
    }
    /// Decides by the lease, or by what Redis said last, but never on credit.
    pub fn try_lease(&mut self, weight: u64, terms: &Terms, now: Millis) -> Try {
        let wanted = weight.max(1);
        if !self.down && self.held(now) < wanted && now < self.short_until.min(self.again_at) {
            self.turn_away(weight, terms);
            return Try::Known(Verdict::Denied { retry_after_ms: self.short_until - now });
        }
        let refused = now < self.refused_until.min(self.again_at);
        let known = self.down || wanted > terms.limit || self.held(now) >= wanted || refused;
        if known { Try::Known(self.check(weight, terms, now)) } else { Try::Ask }
    }
    /// So much was admitted at that moment.
    fn take(&mut self, weight: u64, terms: &Terms, now: Millis) {
        if weight == 0 {
            return;
        }
        if self.down {
            if terms.when_down == WhenDown::Degrade {
                // in slices, as Redis has them: so many and no more
                let slice_ms = slice_ms(terms);
                self.own.book((now / slice_ms).saturating_mul(slice_ms).saturating_add(slice_ms - 1), weight);
            }
            self.debt = self.debt.saturating_add(weight).min(terms.limit);
        } else {
            let leased = weight.min(self.held(now));
            self.left -= leased;
            self.debt = self.debt.saturating_add(weight - leased);
        }
        self.used_at(now, terms.window_ms);
    }
    /// So much was admitted of what `supply` gave: of the lease first, the rest is debt.
    pub fn spend(&mut self, weight: u64, terms: &Terms, now: Millis) {
        if weight == 0 {
            return;
        }
        if self.down {
            return self.take(weight, terms, now);
        }
        let leased = weight.min(self.left);
        self.left -= leased;
        self.debt = self.debt.saturating_add(weight - leased);
        self.used_at(now, terms.window_ms);
    }
    /// Takes that much of the lease, for one who waited for it; false: there is less.
    pub fn reserve(&mut self, weight: u64) -> bool {
        let is_there = weight <= self.left;
        self.left -= if is_there { weight } else { 0 };
        is_there
    }
    /// Somebody wanted so much in vain.
    pub fn turn_away(&mut self, weight: u64, terms: &Terms) {
        if weight <= terms.limit {
            self.missed = self.missed.saturating_add(weight);
            self.largest = self.largest.max(weight);
        }
    }
    fn used_at(&mut self, now: Millis, window_ms: Millis) {
        // a lease is booked at its end, and a slice leaves as a whole
        let late = 2 * (window_ms / SLICES) + 2;
        self.busy_until = self.busy_until.max(now.saturating_add(window_ms).saturating_add(late));
    }
    /// What gates a window of an adaptive limiter: the lease, then credit.
    pub fn supply(&self, terms: &Terms, now: Millis) -> Supply {
        if self.down {
            return match terms.when_down {
                WhenDown::Degrade => Supply::Degraded(self.degraded_limit(terms)),
                WhenDown::Open => Supply::Open,
                WhenDown::Closed => Supply::Shut,
            };
        }
        let credit = share(terms.limit).saturating_sub(self.debt);
        let credit = if now < self.refused_until { 0 } else { credit };
        match self.held(now) {
            0 => Supply::Credit(credit),
            left => Supply::Leased { left, until: self.until.saturating_sub(1), credit },
        }
    }
    /// Permits of the lease that are left at this moment.
    pub fn held(&self, now: Millis) -> u64 {
        // not in its last millisecond: the server's milliseconds begin at other moments than ours
        if now < self.until { self.left } else { 0 }
    }
    /// What it has admitted without a lease, that Redis may not know of.
    pub fn debt(&self) -> u64 {
        self.debt
    }
    /// About how many permits are free.
    pub fn remaining(&mut self, terms: &Terms, now: Millis) -> u64 {
        if self.down {
            self.own.expire(now, terms.window_ms);
            return match terms.when_down {
                WhenDown::Closed => 0,
                WhenDown::Open => terms.limit,
                WhenDown::Degrade => self.degraded_limit(terms).saturating_sub(self.own.used()),
            };
        }
        if now < self.refused_until {
            return 0;
        }
        let used = if now < self.busy_until { self.used } else { 0 };
        terms
            .limit
            .saturating_sub(used.saturating_add(self.debt))
            .saturating_add(self.held(now))
            .min(terms.limit)
    }
    /// How long until the whole limit is free again, at most.
    pub fn reset_ms(&self, now: Millis) -> Millis {
        self.busy_until.saturating_sub(now)
    }
    /// Whether Redis knows all that matters of it.
    pub fn is_forgettable(&mut self, terms: &Terms, now: Millis) -> bool {
        self.own.expire(now, terms.window_ms);
        let holds = self.left > 0 || self.debt > 0 || self.asked.is_some();
        !holds && now >= self.refused_until && self.own.used() == 0
    }
    /// Bytes of the log of what was admitted while Redis was away.
    pub fn log_bytes(&self) -> u64 {
        self.own.bytes()
    }
    /// Keeps that log shorter: what it holds counts longer, never shorter.
    pub fn shorten(&mut self) {
        self.own.collapse();
    }
    /// The end of the lease.
    pub fn until(&self) -> Millis {
        self.until
    }
    /// The breaker has opened; true: it was not known.
    pub fn lost(&mut self) -> bool {
        (self.left, self.granted, self.refused_until) = (0, 0, 0);
        !std::mem::replace(&mut self.down, true)
    }
    /// Whether Redis is away.
    pub fn is_down(&self) -> bool {
        self.down
    }
    /// The limit while Redis is away and nodes share it blindly.
    pub fn degraded_limit(&self, terms: &Terms) -> u64 {
        (terms.limit / self.nodes.max(1)).max(1)
    }
    fn alone(&mut self, wanted: u64, terms: &Terms, now: Millis) -> Verdict {
        let most = match terms.when_down {
            WhenDown::Closed => return Verdict::Denied { retry_after_ms: 1 },
            WhenDown::Open => return Verdict::Allowed,
            WhenDown::Degrade => self.degraded_limit(terms),
        };
        self.own.expire(now, terms.window_ms);
        if self.own.used().saturating_add(wanted) <= most {
            return Verdict::Allowed;
        }
        let room = most.checked_sub(wanted).and_then(|most| self.own.down_to(most, terms.window_ms));
        Verdict::Denied { retry_after_ms: room.map_or(terms.window_ms, |at| at.saturating_sub(now)).max(1) }
    }
}
