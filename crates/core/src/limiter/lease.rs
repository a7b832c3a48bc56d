//! A node's part of a limit that Redis keeps: what it may admit at once, and what it asks for behind that.
//!
//! A grant is booked in Redis as if it were spent at the end of its lease, and is spent by then or given back; debt is booked whatever
//! the limit says. A refusal ends debt until Redis sees room. So what all nodes admit in a window is at most the limit and one `share` of debt per node.

use super::Millis;
use super::adaptive::Window;

/// What a node may owe, and asks for at most: a tenth of the limit, at least 1.
pub fn share(limit: u64) -> u64 {
    (limit / 10).max(1)
}
/// Of what is unspent so little asks for more.
const LOW_WATER: u64 = 4;

/// What happens while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenDown {
    /// The limit divided by the nodes that were known last.
    Degrade,
    /// All pass.
    Open,
    /// None passes.
    Closed,
}

/// The limit that nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Permits per window.
    pub limit: u64,
    /// The window.
    pub window_ms: Millis,
    /// While Redis is away.
    pub when_down: WhenDown,
}

/// What Redis is asked, in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Permits wished for.
    pub want: u64,
    /// Admitted already, to be booked.
    pub debt: u64,
    /// Unspent, to be taken off the slice `back_slice`.
    pub back: u64,
    /// See `back`.
    pub back_slice: u64,
}
/// What it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Permits granted.
    pub granted: u64,
    /// The slice in which they are booked.
    pub slice: u64,
    /// How long they may be spent, from when they were asked for.
    pub lease_ms: Millis,
    /// When enough of what is booked will have left for one permit to fit, if nothing was granted: the debt of all nodes included.
    pub retry_after_ms: Millis,
    /// Nodes that asked in the last two windows, at least this one.
    pub nodes: u64,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Allowed,
    /// It may not; ask again after so long.
    Denied {
        /// Milliseconds, 1 at least. Not more than a guess while an answer is due.
        retry_after_ms: Millis,
    },
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Millis,
    debt: u64,
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
    refused_until: Millis,
    /// Whom a refusal or the end of debt turned away since the last request.
    missed: u64,
    nodes: u64,
    down: bool,
    /// What was admitted while Redis was away.
    own: Window,
}
impl Node {
    /// Decides at once. 0 looks, as for 1.
    pub fn check(&mut self, weight: u64, terms: &Terms, now: Millis) -> Verdict {
        let (wanted, takes) = (weight.max(1), weight > 0);
        if wanted > terms.limit {
            return Verdict::Denied { retry_after_ms: terms.window_ms.max(1) };
        }
        if self.down {
            return self.alone(wanted, takes, terms, now);
        }
        if self.held(now) >= wanted {
            self.left -= if takes { wanted } else { 0 };
            return Verdict::Allowed;
        }
        if now < self.refused_until {
            self.missed = self.missed.saturating_add(weight);
            return Verdict::Denied { retry_after_ms: self.refused_until - now };
        }
        if self.debt + wanted <= share(terms.limit) {
            self.debt += if takes { wanted } else { 0 };
            return Verdict::Allowed;
        }
        self.missed = self.missed.saturating_add(weight);
        Verdict::Denied { retry_after_ms: 1 }
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
    /// Whether Redis should be asked now: the lease is about to be used up, or there is debt to book or something to give back.
    pub fn should_ask(&self, now: Millis) -> bool {
        let low = self.held(now) <= self.granted / LOW_WATER
            && (self.missed > 0 || self.debt > 0 || self.spent() > 0);
        let to_book = self.debt > 0 || (self.left > 0 && now >= self.until);
        self.asked.is_none() && ((low && now >= self.refused_until) || to_book)
    }
    fn spent(&self) -> u64 {
        self.granted - self.left
    }
    /// The request to send, for `waiting` permits that somebody waits for besides; None: one is out. What is held goes back with it.
    pub fn ask(&mut self, waiting: u64, terms: &Terms, now: Millis) -> Option<Request> {
        if self.asked.is_some() {
            return None;
        }
        // used up before its end: twice as much would have been used
        let early = self.left == 0 && self.granted > 0 && now < self.until;
        self.demand = if self.granted > 0 { self.spent() * if early { 2 } else { 1 } } else { self.demand };
        let want = self
            .demand
            .saturating_add(self.missed)
            .clamp(1, share(terms.limit))
            .max(waiting.min(terms.limit));
        let request = Request { want, debt: self.debt, back: self.left, back_slice: self.slice };
        (self.left, self.granted, self.missed) = (0, 0, 0);
        self.asked = Some(Asked { at: now, debt: self.debt });
        Some(request)
    }
    /// Redis has answered what was asked. True: it had been away.
    pub fn answered(&mut self, answer: &Answer, now: Millis) -> bool {
        let Some(asked) = self.asked.take() else { return false };
        self.debt = self.debt.saturating_sub(asked.debt);
        self.nodes = answer.nodes.max(1);
        (self.left, self.granted, self.slice) = (answer.granted, answer.granted, answer.slice);
        self.until = asked.at.saturating_add(answer.lease_ms);
        self.refused_until = if answer.granted == 0 { now.saturating_add(answer.retry_after_ms) } else { 0 };
        self.own = Window::default();
        std::mem::take(&mut self.down)
    }
    /// It did not answer in time, or failed: what was asked may or may not be booked, so debt is booked again. The permits that were given back with it are gone until
    /// their window is over.
    pub fn unanswered(&mut self) {
        self.asked = None;
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
    fn alone(&mut self, wanted: u64, takes: bool, terms: &Terms, now: Millis) -> Verdict {
        let most = match terms.when_down {
            WhenDown::Closed => return Verdict::Denied { retry_after_ms: 1 },
            WhenDown::Open => u64::MAX,
            WhenDown::Degrade => self.degraded_limit(terms),
        };
        self.own.expire(now, terms.window_ms);
        if self.own.used().saturating_add(wanted) > most {
            let room = most.checked_sub(wanted).and_then(|most| self.own.down_to(most, terms.window_ms));
            return Verdict::Denied {
                retry_after_ms: room.map_or(terms.window_ms, |at| at.saturating_sub(now)).max(1),
            };
        }
        if takes {
            if terms.when_down == WhenDown::Degrade {
                self.own.book(now, wanted);
            }
            self.debt = self.debt.saturating_add(wanted).min(terms.limit);
        }
        Verdict::Allowed
    }
}
