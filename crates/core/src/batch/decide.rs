//! What happens next, and when.

use super::buffer::{Buffer, count};
use super::queue::Run;
use super::types::{Action, Id, Lane, Millis, Need, Overflow, Reason};

impl Buffer {
    /// What is to be done next. To be called until None after every other call.
    pub fn next(&mut self, now: Millis) -> Option<Action> {
        let now = self.clock.tick(now);
        let action = self.decide(now);
        self.returned &= action.is_some();
        action
    }
    fn decide(&mut self, now: Millis) -> Option<Action> {
        if let Some(action) = self.said.pop_front() {
            return Some(action);
        }
        if let Some(batch) = self.flights.overdue(now) {
            return Some(Action::TimedOut(batch));
        }
        self.stop_in_time(now);
        self.admit_waiting()
            .or_else(|| self.dispatch(now))
            .or_else(|| self.flushes.done().map(Action::Flushed))
            .or_else(|| self.water())
            .or_else(|| self.lanes.forgotten().map(Action::LaneForgotten))
            .or_else(|| self.closed(now))
    }
    /// When `next` has to be called at the latest; None: nothing waits for time.
    pub fn wake_at(&self) -> Option<Millis> {
        let timeout_ms = self.config.batch_timeout_ms;
        let leaves = self.hands_over();
        let oldest = self.lanes.oldest().filter(|_| leaves && timeout_ms > 0);
        let linger = oldest.map(|(_, _, at)| at.saturating_add(timeout_ms));
        let retry = self.retry.next().filter(|_| leaves).map(|(due, _)| due);
        let ends = self.closing.as_ref().filter(|closing| !closing.said).and_then(|closing| closing.until);
        let first = [linger, retry, self.flights.deadline(), ends].into_iter().flatten().min()?;
        Some(self.clock.shown(first))
    }
    /// Whether items wait for a turn of the event loop, to be told by `turn`.
    pub fn wants_turn(&self) -> bool {
        self.config.batch_timeout_ms == 0 && self.hands_over() && self.lanes.oldest().is_some()
    }
    /// Whether a batch could leave.
    pub(super) fn hands_over(&self) -> bool {
        !self.config.pull && !self.stopped() && count(self.flights.len()) < u64::from(self.config.concurrency)
    }
    /// Whether close wants nothing more to leave.
    pub(super) fn stopped(&self) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.stopped)
    }
    fn stop_in_time(&mut self, now: Millis) {
        if let Some(closing) = &mut self.closing {
            closing.stopped |= closing.until.is_some_and(|until| until <= now);
        }
    }

    /// So many more arrivals find room.
    pub fn room(&self) -> u64 {
        if self.closing.is_some() || !self.waiting.is_empty() {
            return 0;
        }
        self.config.max_size.saturating_sub(self.occupied())
    }
    /// Arrivals from this id on have to be told at once: they are refused, push others out, or make the water high.
    pub fn tell_at(&self) -> Id {
        let room = self.room();
        let full = self.closing.is_some() || self.config.overflow != Overflow::Wait;
        let full = if full { room.saturating_add(1) } else { u64::MAX };
        let high = self.high_mark().saturating_sub(self.occupied());
        let high = if self.high || room == 0 { u64::MAX } else { high.max(1) };
        self.last.saturating_add(full.min(high))
    }
    /// Whether no lane's need matters, since nothing could leave when they come.
    pub fn busy(&self) -> bool {
        self.config.durable || !self.hands_over()
    }
    /// So many items may be delivered before the buffer has to be told at once: nothing waits for it. Until then batches
    /// that ended well are told, after the arrivals, with whatever is told next, and before one comes that finds no room.
    pub fn leeway(&self) -> u64 {
        let waited_for = !self.waiting.is_empty() || !self.flushes.is_empty() || self.closing.is_some();
        if waited_for || self.busy() || self.config.adaptive {
            0
        } else if self.high {
            self.occupied().saturating_sub(self.high_mark())
        } else {
            u64::MAX
        }
    }
    /// So long the first item of an empty lane may wait before the buffer is told, in milliseconds; 0: not at all.
    pub fn linger_ms(&self) -> u64 {
        let idle = self.config.adaptive && self.flights.len() == 0;
        if idle { 0 } else { self.config.batch_timeout_ms }
    }
    /// After how much more in the lane the buffer wants to be told, unless it is busy.
    pub fn need(&self, lane: Lane) -> Need {
        self.lanes.need(lane)
    }
    /// A lane whose need may have changed since it was said last; None: there are no more.
    pub fn changed_lane(&mut self) -> Option<Lane> {
        self.lanes.changed()
    }
    fn high_mark(&self) -> u64 {
        let mark = (self.config.max_size as f64 * self.config.high_water).ceil() as u64;
        mark.clamp(1, self.config.max_size.max(1))
    }
    fn water(&mut self) -> Option<Action> {
        let high = self.occupied() >= self.high_mark();
        if high == self.high {
            return None;
        }
        self.high = high;
        Some(if high { Action::HighWater } else { Action::Drained })
    }

    fn admit_waiting(&mut self) -> Option<Action> {
        let mut admitted = None;
        while !self.stopped() && self.occupied() < self.config.max_size {
            let Some(run) = self.waiting.pop(self.config.max_size - self.occupied()) else { break };
            admitted = Some(Action::Admitted(run.last()));
            self.admit(run);
        }
        admitted
    }

    /// The next batch: of those that are due the one that has been so, or has waited, for longest.
    fn dispatch(&mut self, now: Millis) -> Option<Action> {
        if !self.hands_over() {
            return None;
        }
        let retry = self.retry.next().filter(|&(due, _)| due <= now);
        let fresh = self.due_lane(now);
        match (retry, fresh) {
            (Some((due, _)), Some((_, at, _))) if due <= at => self.dispatch_named(now),
            (_, Some((lane, _, reason))) => Some(self.dispatch_fresh(lane, reason, now)),
            (Some(_), None) => self.dispatch_named(now),
            (None, None) => None,
        }
    }
    /// The lane that leaves next, when its oldest came, and why.
    fn due_lane(&self, now: Millis) -> Option<(Lane, Millis, Reason)> {
        let (id, lane, at) = self.lanes.oldest()?;
        let timeout_ms = self.config.batch_timeout_ms;
        let aged = if timeout_ms == 0 { id <= self.ripe } else { at.saturating_add(timeout_ms) <= now };
        let why = if self.closing.is_some() {
            Reason::Close
        } else if id <= self.flushes.wanted() {
            Reason::Flush
        } else if aged {
            Reason::Timeout
        } else if self.config.adaptive && (self.returned || self.flights.len() == 0) {
            Reason::Idle
        } else {
            let (_, lane, at) = self.lanes.oldest_full()?;
            return Some((lane, at, self.filled(lane).unwrap_or(Reason::Bytes)));
        };
        Some((lane, at, self.filled(lane).unwrap_or(why)))
    }
    fn filled(&self, lane: Lane) -> Option<Reason> {
        match self.lanes.fills(lane) {
            (true, _) => Some(Reason::Size),
            (false, true) => Some(Reason::Bytes),
            (false, false) => None,
        }
    }
    fn dispatch_fresh(&mut self, lane: Lane, reason: Reason, now: Millis) -> Action {
        let until = self.handler_until(now);
        let (lanes, mut items) = (&mut self.lanes, 0);
        let batch = self.flights.begin(lane, 1, until, |flown| {
            lanes.batch(lane, |run| {
                items += run.count;
                flown.push(run);
            });
        });
        self.returned = false;
        self.stats.calls += 1;
        self.stats.batches += 1;
        let count = u32::try_from(items).unwrap_or(u32::MAX);
        Action::Dispatch { batch, lane, reason, attempt: 1, count, ids: Vec::new() }
    }
    fn dispatch_named(&mut self, now: Millis) -> Option<Action> {
        let until = self.handler_until(now);
        let (_, id) = self.retry.next()?;
        let held = self.retry.get(id)?;
        let (lane, attempt) = (held.lane, held.attempts.saturating_add(1));
        let (size, bytes) = (self.config.batch_size, self.config.batch_bytes);
        let (retry, mut ids) = (&mut self.retry, Vec::new());
        let batch = self.flights.begin(lane, attempt, until, |flown| {
            retry.batch(now, size, bytes, |id, held| {
                ids.push(id);
                flown.push(Run { id, count: 1, bytes: held.bytes, at: held.at, lane: held.lane });
            });
        });
        self.stats.calls += 1;
        let items = count(ids.len());
        let reason = if attempt > 1 {
            self.stats.retried += items;
            Reason::Retry
        } else {
            self.stats.batches += 1;
            self.why_named(items)
        };
        let count = u32::try_from(items).unwrap_or(u32::MAX);
        Some(Action::Dispatch { batch, lane, reason, attempt, count, ids })
    }
    /// Why items leave that are named, and have no try behind them.
    fn why_named(&self, items: u64) -> Reason {
        if items >= u64::from(self.config.batch_size) {
            Reason::Size
        } else if self.closing.is_some() {
            Reason::Close
        } else {
            Reason::Timeout
        }
    }
    fn handler_until(&self, now: Millis) -> Option<Millis> {
        let timeout_ms = self.config.handler_timeout_ms;
        (timeout_ms > 0).then(|| now.saturating_add(timeout_ms))
    }

    fn closed(&mut self, now: Millis) -> Option<Action> {
        let over =
            self.flights.len() == 0 && self.storing.is_empty() && (self.stopped() || self.unsettled() == 0);
        let closing = self.closing.as_mut().filter(|closing| !closing.said)?;
        if !over && closing.until.is_none_or(|until| until > now) {
            return None;
        }
        closing.said = true;
        closing.stopped = true;
        Some(Action::Closed)
    }
}
