//! The limiter. Each public call is a crossing: it takes the cells away from the threads, enters what they did, decides, and
//! gives the cells back (docs/design/limiter.md). Threads' clocks differ a little: the latest time that was seen counts.

use super::super::Millis;
use super::adjust::Adjuster;
use super::books::Books;
use super::cells::Cells;
use super::queue::{Queue, Waiter};
use super::supply::Supply;
use super::types::{Admission, Config, Event, MemberId, Report, Stats, Status, Target, WaiterId};
use super::window::Window;
use std::collections::{BTreeMap, VecDeque};

/// A lease lasts a window divided by this.
const LEASES_PER_WINDOW: Millis = 100;

/// Adjustments are news only: a thread that hears nothing for long misses some.
const MAX_UNHEARD: usize = 1024;

/// A thread.
#[derive(Debug, Default)]
struct Member {
    held: u64,
    waiting: u64,
    /// What it is to be told, and the weight that goes with it.
    events: VecDeque<(Event, u64)>,
    /// When it means to look again by itself.
    wakes: Option<Millis>,
}

/// A window of permits, a limit of work in flight, or both, with those who wait.
#[derive(Debug)]
pub struct Limiter {
    limit: u64,
    window_ms: Millis,
    concurrency: u64,
    max_queue: u64,
    cells: Cells,
    now: Millis,
    window: Window,
    in_flight: u64,
    /// The concurrency limit when ROOM was given.
    offered: u64,
    supply: Supply,
    /// Taken from the supply since somebody asked, and the most that it lacked for one.
    drawn: u64,
    lacked: u64,
    queue: Queue,
    books: Books,
    adjuster: Option<Adjuster>,
    hold_until: Millis,
    members: BTreeMap<MemberId, Member>,
    last_member: MemberId,
    stats: Stats,
}

impl Limiter {
    /// Nobody uses it yet.
    pub fn new(config: Config) -> Self {
        let mut limiter = Self {
            limit: config.limit,
            window_ms: config.window_ms.max(1),
            concurrency: config.concurrency,
            max_queue: config.max_queue,
            cells: Cells::default(),
            now: 0,
            window: Window::default(),
            in_flight: 0,
            offered: config.concurrency,
            supply: Supply::Own,
            drawn: 0,
            lacked: 0,
            queue: Queue::default(),
            books: Books::default(),
            adjuster: None,
            hold_until: 0,
            members: BTreeMap::new(),
            last_member: 0,
            stats: Stats::default(),
        };
        if let Some(rules) = config.adapt {
            limiter.adjuster = Some(Adjuster::new(rules, 0));
            limiter.move_to(limiter.target(rules.target).clamp(rules.min, rules.max.max(rules.min)));
        }
        limiter.cells.describe(config.limit > 0, config.concurrency > 0, None);
        limiter
    }
    /// The cells, for who shows them to the threads.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// One more thread.
    pub fn join(&mut self) -> MemberId {
        self.last_member = self.last_member.wrapping_add(1);
        self.members.insert(self.last_member, Member::default());
        self.last_member
    }
    /// A thread has ended, with that weight in hand; its waiters are dropped without a word.
    pub fn leave(&mut self, member: MemberId, now: Millis) {
        self.enter(now);
        for id in self.queue.of(member) {
            self.queue.remove(id);
        }
        if let Some(left) = self.members.remove(&member) {
            let untold: u64 = left.events.iter().map(|(_, weight)| weight).sum();
            self.in_flight = self.in_flight.saturating_sub(left.held.saturating_add(untold));
        }
        self.exit();
    }
    /// What a thread did without crossing: to be told before the call that it crosses for.
    pub fn report(&mut self, member: MemberId, report: &Report) {
        self.books.enter(report);
        self.stats.requests += report.requests;
        self.stats.successes += report.successes;
        self.stats.failures += report.failures;
        if report.latency_ms.is_finite() && report.latency_ms >= 0.0 {
            self.stats.latency_ms += report.latency_ms;
            self.stats.latencies += report.latencies;
        }
        if let Some(member) = self.members.get_mut(&member) {
            member.held = report.held;
        }
    }

    /// Takes permits that are there; never waits.
    pub fn try_acquire(&mut self, weight: u64, now: Millis) -> bool {
        self.enter(now);
        self.stats.requests += 1;
        let taken = self.queue.is_empty() && self.fits(weight);
        if taken {
            self.admit(weight);
        } else {
            self.stats.rejected += 1;
            self.missed();
            if self.supply.left(self.now) < weight {
                self.lacked = self.lacked.max(weight);
            }
        }
        self.exit();
        taken
    }
    /// Takes permits, or waits for its turn, so long at most.
    pub fn acquire(
        &mut self,
        member: MemberId,
        weight: u64,
        timeout_ms: Option<Millis>,
        now: Millis,
    ) -> Admission {
        self.enter(now);
        self.stats.requests += 1;
        let admission = if self.queue.is_empty() && self.fits(weight) {
            self.admit(weight);
            Admission::Taken
        } else if self.queue.len() >= self.max_queue {
            self.stats.rejected += 1;
            self.missed();
            Admission::Full
        } else {
            self.stats.throttled += 1;
            self.missed();
            let until = timeout_ms.map(|timeout| self.now.saturating_add(timeout));
            if let Some(member) = self.members.get_mut(&member) {
                member.waiting += 1;
            }
            Admission::Waits(self.queue.push(Waiter { member, weight, until }))
        };
        self.exit();
        admission
    }
    /// Somebody waits no more; false: it does not wait, its permit has been granted or it timed out.
    pub fn cancel(&mut self, waiter: WaiterId, now: Millis) -> bool {
        self.enter(now);
        let waited = self.queue.remove(waiter);
        if let Some(waited) = waited {
            self.stats.rejected += 1;
            self.waits_no_more(&waited, None);
        }
        self.exit();
        waited.is_some()
    }
    /// Work has ended whose room could not be put into the cells, or that asks for a hold.
    pub fn release(&mut self, weight: u64, retry_after_ms: Millis, now: Millis) {
        self.enter(now);
        self.in_flight = self.in_flight.saturating_sub(weight);
        if retry_after_ms > 0 {
            self.hold_until =
                self.hold_until.max(self.now.saturating_add(retry_after_ms.min(self.window_ms)));
        }
        self.exit();
    }
    /// Looks whether time or other threads have changed something.
    pub fn pass(&mut self, now: Millis) {
        self.enter(now);
        self.exit();
    }
    /// Other limits. What was admitted still counts, as far as it is remembered.
    pub fn update(&mut self, limit: u64, window_ms: Millis, now: Millis) {
        self.enter(now);
        self.window_ms = window_ms.max(1);
        self.hold_until = self.hold_until.min(self.now.saturating_add(self.window_ms));
        match self.adjuster.as_ref().map(|adjuster| *adjuster.rules()) {
            Some(rules) if rules.target == Target::Limit => {
                self.move_to(limit.clamp(rules.min, rules.max.max(rules.min)))
            }
            _ => self.limit = limit,
        }
        self.window.expire(self.now, self.window_ms);
        self.exit();
    }
    /// Where the window's permits come from, from now on.
    pub fn supply(&mut self, supply: Supply, now: Millis) {
        self.enter(now);
        self.supply = supply;
        self.exit();
    }
    /// How much of the window was taken since this was asked last.
    pub fn drawn(&mut self) -> u64 {
        std::mem::take(&mut self.drawn)
    }
    /// The largest weight that was refused for want of supply since this was asked last.
    pub fn lacked(&mut self) -> u64 {
        std::mem::take(&mut self.lacked)
    }
    /// Permits per window, as it stands.
    pub fn limit(&self) -> u64 {
        self.limit
    }
    /// A thread closes: its waiters are told so, its work may end.
    pub fn close(&mut self, member: MemberId, now: Millis) {
        self.enter(now);
        for id in self.queue.of(member) {
            if let Some(waiter) = self.queue.remove(id) {
                self.stats.rejected += 1;
                self.waits_no_more(&waiter, Some((Event::Closed(id), 0)));
            }
        }
        self.exit();
    }

    /// The next that a thread is to be told.
    pub fn event(&mut self, member: MemberId) -> Option<Event> {
        self.members.get_mut(&member)?.events.pop_front().map(|(event, _)| event)
    }
    /// Whether a thread is to be told more.
    pub fn has_events(&self, member: MemberId) -> bool {
        self.members.get(&member).is_some_and(|member| !member.events.is_empty())
    }
    /// When this thread is to call `pass` at the latest; None: it has nobody who waits for a moment.
    pub fn wake_at(&mut self, member: MemberId) -> Option<Millis> {
        let at = self.wakes();
        let member = self.members.get_mut(&member)?;
        member.wakes = if member.waiting > 0 { at } else { None };
        member.wakes
    }
    /// The threads, but for this one, that have something to hear or to wake for earlier than they know.
    pub fn stirred(&self, but: MemberId) -> Vec<MemberId> {
        if self.members.len() < 2 && self.members.contains_key(&but) {
            return Vec::new();
        }
        let at = self.wakes();
        let earlier = |member: &Member| {
            member.waiting > 0 && at.is_some_and(|at| member.wakes.is_none_or(|wakes| at < wakes))
        };
        let stirred = self
            .members
            .iter()
            .filter(|&(&id, member)| id != but && (!member.events.is_empty() || earlier(member)));
        stirred.map(|(&id, _)| id).collect()
    }
    /// How long until this weight would find room in the window; 0: it does, or no clock can tell.
    pub fn retry_after(&mut self, weight: u64, now: Millis) -> Millis {
        self.enter(now);
        let at = self.hold_until.max(self.room_at(weight).unwrap_or(0));
        let wait_ms = at.saturating_sub(self.now);
        self.exit();
        wait_ms
    }
    /// How it stands, at this moment.
    pub fn status(&mut self, now: Millis) -> Status {
        self.enter(now);
        let held = || self.members.values().map(|member| member.held).fold(0, u64::saturating_add);
        let in_flight = if self.concurrency > 0 { self.in_flight } else { held() };
        let rules = self.adjuster.as_ref().map(Adjuster::rules);
        let fixed = if self.limit > 0 { self.limit } else { self.concurrency };
        let status = Status {
            limit: self.limit,
            tokens: if self.limit > 0 {
                self.limit.saturating_sub(self.window.used())
            } else {
                self.concurrency.saturating_sub(self.in_flight)
            },
            window_ms: self.window_ms,
            concurrency: self.concurrency,
            in_flight,
            queued: self.queue.len(),
            min: rules.map_or(fixed, |rules| rules.min),
            max: rules.map_or(fixed, |rules| rules.max),
            stats: self.stats,
        };
        self.exit();
        status
    }
    /// Counts anew; what the limiter has learnt stays.
    pub fn reset_stats(&mut self) {
        self.stats = Stats::default();
    }
    /// Weight that waits: what to ask Redis for.
    pub fn wanted(&self) -> u64 {
        self.queue.weight()
    }

    fn enter(&mut self, now: Millis) {
        self.now = self.now.max(now);
        let (spent, room) = self.cells.seize(self.now);
        let mut last = None;
        for (at, weight) in spent {
            self.window.book(at, weight);
            self.draw(weight);
            last = Some(at);
        }
        if let Some(at) = last {
            self.now = self.now.max(at);
            // as the window stood then: what has left since made room only later
            self.window.expire(at, self.window_ms);
            self.note_use();
        }
        if let (Some(room), true) = (room, self.concurrency > 0) {
            self.in_flight = self.offered.saturating_sub(room);
        }
        self.window.expire(self.now, self.window_ms);
        self.adapt();
        while let Some((id, waiter)) = self.queue.expired(self.now) {
            self.stats.rejected += 1;
            self.waits_no_more(&waiter, Some((Event::TimedOut(id), 0)));
        }
        self.pump();
    }
    fn exit(&mut self) {
        self.pump();
        let open = self.queue.is_empty() && self.now >= self.hold_until;
        let room =
            if self.concurrency > 0 { self.concurrency.checked_sub(self.in_flight) } else { Some(u64::MAX) };
        let room = if open { room } else { None };
        let permits = if self.limit > 0 && self.supply.is_lent() { self.permits() } else { 0 };
        let ends = self.now.saturating_add(self.window_ms / LEASES_PER_WINDOW);
        let ends = self.supply.until().map_or(ends, |until| ends.min(until));
        self.offered = self.concurrency;
        let look = if self.adjuster.is_some() { self.books.ends() } else { None };
        self.cells.describe(self.limit > 0, self.concurrency > 0, look);
        self.cells.offer(self.now, ends, permits, room);
    }
    fn pump(&mut self) {
        while let Some((id, waiter)) = self.queue.head() {
            if !self.fits(waiter.weight) {
                break;
            }
            self.queue.remove(id);
            self.admit(waiter.weight);
            self.waits_no_more(&waiter, Some((Event::Granted(id), waiter.weight)));
        }
    }
    fn waits_no_more(&mut self, waiter: &Waiter, event: Option<(Event, u64)>) {
        if let Some(member) = self.members.get_mut(&waiter.member) {
            member.waiting = member.waiting.saturating_sub(1);
            member.events.extend(event);
        }
    }
    fn draw(&mut self, weight: u64) {
        self.supply.spend(weight);
        self.drawn = self.drawn.saturating_add(weight);
    }
    /// What the window has room for.
    fn permits(&self) -> u64 {
        self.supply.limit(self.limit).saturating_sub(self.window.used()).min(self.supply.left(self.now))
    }
    /// A weight above the limit of the moment goes when it is alone: the limit was higher, and may not come back by itself.
    fn fits(&self, weight: u64) -> bool {
        if self.now < self.hold_until {
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
    fn admit(&mut self, weight: u64) {
        if self.limit > 0 {
            self.window.book(self.now, weight);
            self.draw(weight);
        }
        if self.concurrency > 0 {
            self.in_flight = self.in_flight.saturating_add(weight);
        }
        self.note_use();
    }
    /// Nothing is left: the limit is in use.
    fn note_use(&mut self) {
        let full = match self.adjuster.as_ref().map(|adjuster| adjuster.rules().target) {
            Some(Target::Limit) => self.window.used() >= self.limit,
            Some(Target::Concurrency) => self.in_flight >= self.concurrency,
            None => false,
        };
        if full {
            self.books.in_use();
        }
    }
    /// Somebody did not get what it wanted: the limit is in use, but for a hold, which says nothing of the limit.
    fn missed(&mut self) {
        if self.now >= self.hold_until {
            self.books.in_use();
        }
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
    /// When time changes something for those who wait.
    fn wakes(&self) -> Option<Millis> {
        let (_, head) = self.queue.head()?;
        let room = match self.now < self.hold_until {
            _ if !self.fits_beside(head.weight) => None,
            true => Some(self.hold_until),
            false => self.room_at(head.weight),
        };
        [room, self.queue.deadline()].into_iter().flatten().min()
    }

    fn adapt(&mut self) {
        let Some(adjuster) = &mut self.adjuster else { return };
        let rules = *adjuster.rules();
        let Some(interval) = self.books.close(self.now, rules.interval_ms) else { return };
        let from = match rules.target {
            Target::Limit => self.limit,
            Target::Concurrency => self.concurrency,
        };
        let Some((to, why)) = adjuster.decide(from, &interval) else { return };
        match rules.target {
            Target::Limit => self.limit = to,
            Target::Concurrency => self.concurrency = to,
        }
        self.stats.last_adjustment = Some(self.now);
        if to > from {
            self.stats.raised += 1;
        } else {
            self.stats.lowered += 1;
        }
        for member in self.members.values_mut().filter(|member| member.events.len() < MAX_UNHEARD) {
            member.events.push_back((Event::Adjusted { from, to, why }, 0));
        }
    }
    fn target(&self, target: Target) -> u64 {
        match target {
            Target::Limit => self.limit,
            Target::Concurrency => self.concurrency,
        }
    }
    fn move_to(&mut self, to: u64) {
        if let Some(adjuster) = &mut self.adjuster {
            adjuster.set(to);
            match adjuster.rules().target {
                Target::Limit => self.limit = to,
                Target::Concurrency => self.concurrency = to,
            }
        }
    }
}
