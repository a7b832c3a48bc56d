//! The limiter. Each public call is a crossing: it takes the cells away from the threads, enters what they did, decides, and
//! gives the cells back (docs/design/limiter.md). Threads' clocks differ a little: the latest time that was seen counts.

use super::super::Millis;
use super::adjust::Adjuster;
use super::books::Books;
use super::capacity::Capacity;
use super::cells::{Cells, Offer};
use super::members::Members;
use super::supply::Supply;
use super::types::{Admission, Config, Event, MemberId, Report, Stats, Status, Target};

/// A lease lasts a window divided by this.
const LEASES_PER_WINDOW: Millis = 100;

/// A window of permits, a limit of work in flight, or both, with those who wait.
#[derive(Debug)]
pub struct Limiter {
    capacity: Capacity,
    max_queue: u64,
    cells: Cells,
    /// The concurrency limit when ROOM was given.
    offered: u64,
    books: Books,
    adjuster: Option<Adjuster>,
    members: Members,
    stats: Stats,
}

impl Limiter {
    /// Nobody uses it yet.
    pub fn new(config: Config) -> Self {
        let mut limiter = Self {
            capacity: Capacity::new(&config),
            max_queue: config.max_queue,
            cells: Cells::default(),
            offered: config.concurrency,
            books: Books::default(),
            adjuster: None,
            members: Members::default(),
            stats: Stats::default(),
        };
        if let Some(rules) = config.adapt {
            limiter.adjuster = Some(Adjuster::new(rules, 0));
            let start = limiter.capacity.target(rules.target);
            limiter.move_to(rules.target, start.clamp(rules.min, rules.max.max(rules.min)));
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
        self.members.join()
    }
    /// A thread has ended, with what it had in hand; its waiters are dropped without a word.
    pub fn leave(&mut self, member: MemberId, now: Millis) {
        self.enter(now);
        self.cells.unqueue(self.members.stood(member));
        self.capacity.release(self.members.leave(member));
        self.exit(None);
    }
    /// What a thread did without crossing, and who waits in it: to be told before the call that it crosses for.
    pub fn report(&mut self, member: MemberId, report: &Report) {
        self.books.enter(report);
        self.stats.requests += report.requests;
        self.stats.throttled += report.throttled;
        self.stats.rejected += report.rejected;
        self.stats.successes += report.successes;
        self.stats.failures += report.failures;
        if report.latency_ms.is_finite() && report.latency_ms >= 0.0 {
            self.stats.latency_ms += report.latency_ms;
            self.stats.latencies += report.latencies;
        }
        self.members.report(member, report);
    }

    /// Takes permits that are there; never waits.
    pub fn try_acquire(&mut self, member: MemberId, weight: u64, now: Millis) -> bool {
        self.ask(member, weight, false, now) == Admission::Taken
    }
    /// Takes permits, or the thread is to let it stand in line, which was empty.
    pub fn acquire(&mut self, member: MemberId, weight: u64, now: Millis) -> Admission {
        self.ask(member, weight, true, now)
    }
    fn ask(&mut self, member: MemberId, weight: u64, may_wait: bool, now: Millis) -> Admission {
        self.enter(now);
        self.stats.requests += 1;
        let admission = if self.members.waiting(Some(member)) == 0 && self.capacity.fits(weight) {
            self.admit(weight);
            Admission::Taken
        } else if may_wait && self.cells.queue(self.max_queue) {
            self.stats.throttled += 1;
            self.missed();
            self.members.wait(member, weight);
            Admission::Waits
        } else {
            self.stats.rejected += 1;
            self.missed();
            self.capacity.lack(weight);
            Admission::Full
        };
        self.exit(Some(member));
        admission
    }
    /// Work has ended whose room could not be put into the cells, or that asks for a hold.
    pub fn release(&mut self, member: MemberId, weight: u64, retry_after_ms: Millis, now: Millis) {
        self.enter(now);
        self.capacity.release(weight);
        if retry_after_ms > 0 {
            self.capacity.hold(retry_after_ms);
        }
        self.exit(Some(member));
    }
    /// Looks whether time, other threads, or what the thread said have changed something.
    pub fn pass(&mut self, member: MemberId, now: Millis) {
        self.enter(now);
        self.exit(Some(member));
    }
    /// Other limits. What was admitted still counts, as far as it is remembered.
    pub fn update(&mut self, member: MemberId, limit: u64, window_ms: Millis, now: Millis) {
        self.enter(now);
        self.capacity.set_window(window_ms);
        match self.adjuster.as_ref().map(|adjuster| *adjuster.rules()) {
            Some(rules) if rules.target == Target::Limit => {
                self.move_to(Target::Limit, limit.clamp(rules.min, rules.max.max(rules.min)));
            }
            _ => self.capacity.limit = limit,
        }
        self.capacity.expire();
        self.exit(Some(member));
    }
    /// Where the window's permits come from, from now on.
    pub fn supply(&mut self, member: MemberId, supply: Supply, now: Millis) {
        self.enter(now);
        self.capacity.supply = supply;
        self.exit(Some(member));
    }
    /// How much of the window was taken since this was asked last.
    pub fn drawn(&mut self) -> u64 {
        std::mem::take(&mut self.capacity.drawn)
    }
    /// The largest weight that was refused for want of supply since this was asked last.
    pub fn lacked(&mut self) -> u64 {
        std::mem::take(&mut self.capacity.lacked)
    }
    /// Permits per window, as it stands.
    pub fn limit(&self) -> u64 {
        self.capacity.limit
    }

    /// The next that a thread is to be told: all of it after each call that this thread made, but `status`.
    pub fn event(&mut self, member: MemberId) -> Option<Event> {
        self.members.event(member)
    }
    /// Whether a thread is to be told more.
    pub fn has_events(&self, member: MemberId) -> bool {
        self.members.has_events(member)
    }
    /// When this thread is to call `pass` at the latest; None: it has nobody who waits for a moment.
    pub fn wake_at(&mut self, member: MemberId) -> Option<Millis> {
        let at = self.wakes();
        self.members.wake_at(member, at)
    }
    /// The threads, but for this one, that have something to hear or to wake for earlier than they know.
    pub fn stirred(&self, but: MemberId) -> Vec<MemberId> {
        self.members.stirred(but, self.wakes())
    }
    /// How long until this weight would find room in the window; 0: it does, or no clock can tell.
    pub fn retry_after(&mut self, member: MemberId, weight: u64, now: Millis) -> Millis {
        self.enter(now);
        let wait_ms = self.capacity.retry_after(weight);
        self.exit(Some(member));
        wait_ms
    }
    /// How it stands, at this moment.
    pub fn status(&mut self, now: Millis) -> Status {
        self.enter(now);
        let capacity = &self.capacity;
        let rules = self.adjuster.as_ref().map(Adjuster::rules);
        let fixed = if capacity.limit > 0 { capacity.limit } else { capacity.concurrency };
        let status = Status {
            limit: capacity.limit,
            tokens: capacity.tokens(),
            window_ms: capacity.window_ms,
            concurrency: capacity.concurrency,
            in_flight: if capacity.concurrency > 0 { capacity.in_flight } else { self.members.held() },
            queued: self.cells.queued(),
            min: rules.map_or(fixed, |rules| rules.min),
            max: rules.map_or(fixed, |rules| rules.max),
            stats: self.stats,
        };
        self.exit(None);
        status
    }
    /// Counts anew; what the limiter has learnt stays.
    pub fn reset_stats(&mut self) {
        self.stats = Stats::default();
    }
    /// Weight that waits, as far as the threads have said: what to ask Redis for.
    pub fn wanted(&self) -> u64 {
        self.members.wanted()
    }

    fn enter(&mut self, now: Millis) {
        self.capacity.now = self.capacity.now.max(now);
        let (spent, room) = self.cells.seize(self.capacity.now);
        if !spent.is_empty() {
            self.capacity.book(&spent);
            self.note_use();
        }
        if let (Some(room), true) = (room, self.capacity.concurrency > 0) {
            self.capacity.in_flight = self.offered.saturating_sub(room);
        }
        self.capacity.expire();
        if self.members.next().is_some_and(|weight| !self.capacity.fits(weight)) {
            self.missed();
        }
        self.adapt();
        self.pump();
    }
    /// `hears`: the thread that is told at once what happened to it.
    fn exit(&mut self, hears: Option<MemberId>) {
        self.pump();
        let waiting = self.members.waiting(hears);
        let capacity = &self.capacity;
        let ends = capacity.now.saturating_add(capacity.window_ms / LEASES_PER_WINDOW);
        let room = capacity.room();
        let hands_on = capacity.limit == 0 && !capacity.is_held() && room.is_some() && waiting <= 1;
        let offer = Offer {
            now: capacity.now,
            ends: capacity.supply.until().map_or(ends, |until| ends.min(until)),
            permits: if capacity.limit > 0 { capacity.lent() } else { 0 },
            room: if waiting == 0 && !capacity.is_held() { room } else { None },
            hands_on: hands_on && capacity.concurrency > 0,
        };
        self.offered = capacity.concurrency;
        let look = if self.adjuster.is_some() { self.books.ends() } else { None };
        self.cells.describe(capacity.limit > 0, capacity.concurrency > 0, look);
        self.cells.offer(offer);
    }
    fn pump(&mut self) {
        while let Some(weight) = self.members.next() {
            if !self.capacity.fits(weight) {
                break;
            }
            self.admit(weight);
            self.members.grant();
        }
    }
    fn admit(&mut self, weight: u64) {
        self.capacity.admit(weight);
        self.note_use();
    }
    /// Nothing is left: the limit is in use.
    fn note_use(&mut self) {
        let target = self.adjuster.as_ref().map(|adjuster| adjuster.rules().target);
        if target.is_some_and(|target| self.capacity.is_used_up(target)) {
            self.books.in_use();
        }
    }
    /// Somebody did not get what it wanted: the limit is in use, but for a hold, which says nothing of the limit.
    fn missed(&mut self) {
        if !self.capacity.is_held() {
            self.books.in_use();
        }
    }
    /// When time changes something for those who wait.
    fn wakes(&self) -> Option<Millis> {
        self.capacity.goes_at(self.members.next()?)
    }

    fn adapt(&mut self) {
        let Some(adjuster) = &mut self.adjuster else { return };
        let rules = *adjuster.rules();
        let now = self.capacity.now;
        let Some(interval) = self.books.close(now, rules.interval_ms) else { return };
        let from = self.capacity.target(rules.target);
        let Some((to, why)) = adjuster.decide(from, &interval) else { return };
        self.capacity.set(rules.target, to);
        self.stats.last_adjustment = Some(now);
        if to > from {
            self.stats.raised += 1;
        } else {
            self.stats.lowered += 1;
        }
        self.members.tell_all(Event::Adjusted { from, to, why });
    }
    /// The limit that learns is set by hand.
    fn move_to(&mut self, target: Target, to: u64) {
        if let Some(adjuster) = &mut self.adjuster {
            adjuster.set(to);
        }
        self.capacity.set(target, to);
    }
}
