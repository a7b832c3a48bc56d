//! A thread of the shell's, in Rust.

use sluice_core::limiter::adaptive::{
    Admission, Cells, Config, Event, Limiter, MemberId, Report, cells::Spent,
};
use std::collections::VecDeque;

pub fn config(limit: u64, window_ms: u64, concurrency: u64) -> Config {
    Config { limit, window_ms, concurrency, adapt: None, max_queue: 1000 }
}

/// What became of somebody who waited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Left {
    Granted(u64),
    TimedOut(u64),
}
/// What became of who asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    Taken,
    Waits(u64),
    Full,
}

/// A thread as the shell is one: cells first, then its own line, then a crossing.
pub struct Thread {
    pub limiter: Limiter,
    pub cells: Cells,
    pub member: MemberId,
    pub report: Report,
    pub crossings: u32,
    /// Number, weight, deadline.
    pub line: VecDeque<(u64, u64, Option<u64>)>,
    pub last: u64,
    pub left: Vec<Left>,
}
impl Thread {
    pub fn new(config: Config) -> Self {
        let mut limiter = Limiter::new(config);
        let member = limiter.join();
        let cells = limiter.cells().clone();
        let (report, line, left) = (Report::default(), VecDeque::new(), Vec::new());
        Self { limiter, cells, member, report, crossings: 0, line, last: 0, left }
    }
    /// Who is late leaves, and the limiter is told who waits.
    pub fn cross(&mut self, now: u64) {
        self.crossings += 1;
        let is_late = |w: &&(u64, u64, Option<u64>)| w.2.is_some_and(|until| until <= now);
        let mut late: Vec<_> = self.line.iter().filter(is_late).copied().collect();
        late.sort_by_key(|w| (w.2, w.0));
        self.line.retain(|w| w.2.is_none_or(|until| until > now));
        self.cells.unqueue(late.len() as u64);
        self.left.extend(late.iter().map(|w| Left::TimedOut(w.0)));
        let report = &mut self.report;
        report.weight = self.line.front().map_or(0, |w| w.1);
        report.first = self.line.iter().take_while(|w| w.1 == report.weight).count() as u64;
        report.waiting = self.line.len() as u64;
        report.wanted = self.line.iter().map(|w| w.1).sum();
        self.limiter.report(self.member, report);
        *report = Report { held: report.held, ..Report::default() };
    }
    /// What the crossing said; more crossings while the limiter does not know who is first.
    pub fn hear(&mut self, now: u64) {
        loop {
            let mut granted = false;
            while let Some(event) = self.limiter.event(self.member) {
                let Event::Granted { weight, count } = event else { continue };
                for _ in 0..count {
                    let (id, wants, _) = self.line.pop_front().unwrap();
                    assert_eq!(wants, weight, "the first in line");
                    self.cells.unqueue(1);
                    self.report.held += weight;
                    self.left.push(Left::Granted(id));
                    granted = true;
                }
            }
            if !granted || self.line.is_empty() {
                break;
            }
            self.cross(now);
            self.limiter.pass(self.member, now);
        }
    }
    pub fn pass(&mut self, now: u64) {
        self.cross(now);
        self.limiter.pass(self.member, now);
        self.hear(now);
    }
    pub fn spend(&mut self, weight: u64, now: u64) -> bool {
        match self.cells.spend(weight as i32, now) {
            Spent::Taken { full } => {
                self.report.requests += 1;
                self.report.full |= full;
                self.report.held += weight;
                true
            }
            Spent::Ask { owes } => {
                if owes {
                    self.limiter.release(self.member, weight, 0, now);
                }
                false
            }
        }
    }
    pub fn try_take(&mut self, weight: u64, now: u64) -> bool {
        if self.spend(weight, now) {
            return true;
        }
        self.cross(now);
        let taken = self.limiter.try_acquire(self.member, weight, now);
        self.report.held += if taken { weight } else { 0 };
        self.hear(now);
        taken
    }
    pub fn acquire(&mut self, weight: u64, timeout_ms: Option<u64>, now: u64) -> Answer {
        if self.spend(weight, now) {
            return Answer::Taken;
        }
        if !self.line.is_empty() {
            self.pass(now);
        }
        if self.line.is_empty() {
            self.cross(now);
            match self.limiter.acquire(self.member, weight, now) {
                Admission::Taken => {
                    self.report.held += weight;
                    return Answer::Taken;
                }
                Admission::Full => return Answer::Full,
                Admission::Waits => {}
            }
        } else if !self.cells.queue(1000) {
            return Answer::Full;
        }
        self.last += 1;
        self.line.push_back((self.last, weight, timeout_ms.map(|ms| now + ms)));
        self.pass(now);
        Answer::Waits(self.last)
    }
    pub fn cancel(&mut self, id: u64, now: u64) -> bool {
        let before = self.line.len();
        self.line.retain(|w| w.0 != id);
        let left = before - self.line.len();
        self.cells.unqueue(left as u64);
        self.pass(now);
        left > 0
    }
    pub fn update(&mut self, limit: u64, window_ms: u64, now: u64) {
        self.cross(now);
        self.limiter.update(self.member, limit, window_ms, now);
        self.hear(now);
    }
    pub fn release(&mut self, weight: u64, now: u64) {
        self.report.held -= weight;
        if self.cells.finish(weight as i32) {
            return;
        }
        let first =
            self.line.front().copied().filter(|w| w.1 == weight && w.2.is_none_or(|until| until > now));
        if let (Some((id, ..)), true) = (first, self.cells.hands_on()) {
            self.line.pop_front();
            self.cells.unqueue(1);
            self.report.held += weight;
            self.left.push(Left::Granted(id));
            return self.pass(now);
        }
        self.cross(now);
        self.limiter.release(self.member, weight, 0, now);
        self.hear(now);
    }
    pub fn events(&mut self) -> Vec<Left> {
        std::mem::take(&mut self.left)
    }
    /// When the shell's timer rings.
    pub fn wake_at(&mut self) -> Option<u64> {
        let deadline = self.line.iter().filter_map(|w| w.2).min();
        [self.limiter.wake_at(self.member), deadline].into_iter().flatten().min()
    }
}
