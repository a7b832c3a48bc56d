//! When Redis is asked, for what, and what comes of its answer.

use super::super::Millis;
use super::super::adaptive::Window;
use super::types::{Answer, Request, Terms};
use super::{Node, share, slice_ms};

/// Of what is unspent so little asks for more.
const LOW_WATER: u64 = 4;

/// A request that is out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    at: Millis,
    want: u64,
    debt: u64,
    window_ms: Millis,
}

impl Node {
    /// Whether Redis should be asked now: for permits, or because there is debt to book or something to give back, or to see whether it is back.
    pub fn should_ask(&self, now: Millis) -> bool {
        let to_book = self.debt > 0 || (self.left > 0 && now >= self.until);
        let may = self.asked.is_none() && now >= self.paused_until;
        may && (self.wants(now) || to_book || self.down)
    }
    /// Whether it should be asked for permits: the lease is about to be used up, or there is none and somebody came.
    pub fn wants(&self, now: Millis) -> bool {
        let used_up = self.spent() > 0 && now < self.until;
        let is_wanted = self.missed > 0 || self.debt > 0 || used_up;
        now >= self.rests_until() && is_wanted && self.held(now) <= self.granted / LOW_WATER
    }
    /// Whether a request is out.
    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }
    fn spent(&self) -> u64 {
        self.granted - self.left
    }
    fn demanded(&self, now: Millis) -> u64 {
        // used up before its end: twice as much would have been used
        let early = self.left == 0 && now < self.until;
        if self.granted == 0 { self.demand } else { self.spent().saturating_mul(if early { 2 } else { 1 }) }
    }
    /// The request to send, for `waiting` permits that somebody waits for besides; None: one is out. What is held goes back with it.
    pub fn ask(&mut self, waiting: u64, terms: &Terms, now: Millis) -> Option<Request> {
        // one that is asked for again within the time of a lease is worth one
        let is_often = self.asked_at.is_some_and(|at| now < at.saturating_add(slice_ms(terms)));
        let more = self.missed.saturating_add(self.demanded(now));
        let want = more
            .max(u64::from(is_often || self.debt == 0))
            .min(share(terms.limit))
            .max(waiting.max(self.largest).min(terms.limit));
        self.request(want, terms, now)
    }
    /// A request that books debt and gives back what is held, and wants nothing; None: one is out.
    pub fn settle(&mut self, terms: &Terms, now: Millis) -> Option<Request> {
        self.request(0, terms, now)
    }
    fn request(&mut self, want: u64, terms: &Terms, now: Millis) -> Option<Request> {
        if self.asked.is_some() {
            return None;
        }
        self.demand = self.demanded(now);
        let request = Request { want, debt: self.debt, back: self.left, back_slice: self.slice };
        (self.left, self.granted, self.missed, self.largest) = (0, 0, 0, 0);
        self.asked_at = Some(now);
        self.asked = Some(Asked { at: now, want, debt: self.debt, window_ms: terms.window_ms });
        Some(request)
    }
    /// Redis has answered what was asked. True: it had been away.
    pub fn answered(&mut self, answer: &Answer, now: Millis) -> bool {
        let Some(asked) = self.asked.take() else { return false };
        self.debt = self.debt.saturating_sub(asked.debt);
        self.nodes = answer.nodes.max(1);
        self.paused_until = 0;
        (self.left, self.granted, self.slice) = (answer.granted, answer.granted, answer.slice);
        self.again_at = now.saturating_add(answer.lease_ms.max(1));
        // what was admitted meanwhile is booked with the lease, later than it was
        let paid = self.debt.min(self.left);
        (self.debt, self.left) = (self.debt - paid, self.left - paid);
        self.until = asked.at.saturating_add(answer.lease_ms);
        self.refused_until = if answer.granted == 0 { now.saturating_add(answer.retry_after_ms) } else { 0 };
        let is_short = answer.granted < asked.want;
        self.short_until = if is_short { now.saturating_add(answer.retry_after_ms) } else { 0 };
        self.used = answer.used;
        if answer.used > 0 {
            self.used_at(now, asked.window_ms);
        }
        self.own = Window::default();
        std::mem::take(&mut self.down)
    }
    /// Until when asking for permits is in vain.
    pub fn rests_until(&self) -> Millis {
        self.refused_until.min(self.again_at).max(self.paused_until)
    }
    /// Redis is not to be asked before that.
    pub fn pause(&mut self, until: Millis) {
        self.paused_until = until;
    }
    /// It did not answer in time, or failed: what was asked may or may not be booked, so debt is booked again. The permits that were given back with it are gone until
    /// their window is over.
    pub fn unanswered(&mut self) {
        self.asked = None;
    }
}
