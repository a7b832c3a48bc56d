//! What the machine says: the list of actions, and how it stands.

use super::layout::*;
use super::machine::Machine;
use super::numbers::{Numbers, flag, float, number};
use sluice_core::batch::{Action, Lane, Millis};

impl Machine {
    /// Writes the list of actions; MORE says whether it goes on.
    pub(super) fn act(&mut self, numbers: &Numbers, now: Millis) -> usize {
        let mut out = Out { numbers, length: 0 };
        let done =
            self.write_listed(&mut out) && self.write_names(&mut out) && self.write_actions(&mut out, now);
        if done {
            self.listed.shrink_to(OUT_SIZE);
            self.named.shrink_to(OUT_SIZE);
        }
        numbers.set(MORE, flag(!done));
        out.length
    }
    fn write_listed(&mut self, out: &mut Out<'_>) -> bool {
        while !self.listed.is_empty() {
            let count = (out.left().saturating_sub(2) / LISTED).min(self.listed.len());
            if count == 0 {
                return false;
            }
            out.write(&[f64::from(act::LISTED), count as f64]);
            for item in self.listed.drain(..count) {
                out.write(&[
                    float(item.id),
                    f64::from(item.lane),
                    f64::from(item.attempts),
                    item.age_ms as f64,
                ]);
            }
        }
        true
    }
    fn write_names(&mut self, out: &mut Out<'_>) -> bool {
        while !self.named.is_empty() {
            let count = out.left().saturating_sub(2).min(self.named.len());
            if count == 0 {
                return false;
            }
            out.write(&[f64::from(act::NAMES), count as f64]);
            self.named.drain(..count).for_each(|id| out.write(&[float(id)]));
        }
        true
    }
    fn write_actions(&mut self, out: &mut Out<'_>, now: Millis) -> bool {
        loop {
            let Some(action) = self.held_back.take().or_else(|| self.buffer.next(now)) else { return true };
            if out.left() < LONGEST {
                self.held_back = Some(action);
                return false;
            }
            let kind = |kind: u32| f64::from(kind);
            match action {
                Action::Dispatch { batch, lane, reason, attempt, count, ids } => {
                    let (batch, lane) = (f64::from(batch), f64::from(lane));
                    let (attempt, named) = (f64::from(attempt), flag(!ids.is_empty()));
                    let reason = f64::from(reason as u8);
                    out.write(&[kind(act::DISPATCH), batch, lane, reason, attempt, f64::from(count), named]);
                    if !ids.is_empty() {
                        self.named.extend(ids);
                        if !self.write_names(out) {
                            return false;
                        }
                    }
                }
                Action::TimedOut(batch) => out.write(&[kind(act::TIMED_OUT), f64::from(batch)]),
                Action::Dead { id, attempts, kept, evicted } => {
                    let evicted = float(evicted.unwrap_or(0));
                    out.write(&[kind(act::DEAD), float(id), f64::from(attempts), flag(kept), evicted]);
                }
                Action::Dropped { id, lane } => out.write(&[kind(act::DROPPED), float(id), f64::from(lane)]),
                Action::Refused { id, lane } => out.write(&[kind(act::REFUSED), float(id), f64::from(lane)]),
                Action::Admitted(id) => out.write(&[kind(act::ADMITTED), float(id)]),
                Action::Flushed(ticket) => out.write(&[kind(act::FLUSHED), float(ticket)]),
                Action::Closed => out.write(&[kind(act::CLOSED)]),
                Action::HighWater => out.write(&[kind(act::HIGH_WATER)]),
                Action::Drained => out.write(&[kind(act::DRAINED)]),
                Action::LaneForgotten(lane) => out.write(&[kind(act::LANE_FORGOTTEN), f64::from(lane)]),
            }
        }
    }

    /// Those of all lanes that have such numbers.
    pub(super) fn publish_needs(&mut self, numbers: &Numbers) {
        (0..NEED_LANES).for_each(|lane| self.publish_need(lane as Lane, numbers));
    }
    fn publish_need(&mut self, lane: Lane, numbers: &Numbers) {
        let place = lane as usize;
        if place < NEED_LANES {
            let need = self.buffer.need(lane);
            numbers.set(NEED + 2 * place, number(need.items));
            numbers.set(NEED + 2 * place + 1, number(need.bytes));
        }
    }
    pub(super) fn publish(&mut self, numbers: &Numbers) {
        while let Some(lane) = self.buffer.changed_lane() {
            self.publish_need(lane, numbers);
        }
        let buffer = &self.buffer;
        let last = buffer.last_id();
        numbers.set(LAST_ID, float(last));
        numbers.set(ADMIT_TO, number(last.saturating_add(buffer.room())));
        numbers.set(TELL_AT, number(buffer.tell_at()));
        numbers.set(BUSY, flag(buffer.busy()));
        numbers.set(LEEWAY, number(buffer.leeway()));
        numbers.set(LINGER, number(buffer.linger_ms()));
        numbers.set(WAKE_AT, buffer.wake_at().map_or(f64::INFINITY, number));
        numbers.set(TURN, flag(buffer.wants_turn()));
        let status = buffer.standing();
        numbers.set(SIZE, float(status.size));
        numbers.set(WAITING, float(status.waiting));
        numbers.set(IN_FLIGHT, float(status.in_flight));
        numbers.set(DEAD_LETTERS, float(status.dead_letters));
        numbers.set(LINGERING, flag(status.lingering));
    }
    /// What is looked at now and then.
    pub(super) fn publish_sums(&self, numbers: &Numbers) {
        let buffer = &self.buffer;
        let stats = buffer.stats();
        let stats =
            [stats.accepted, stats.delivered, stats.failed, stats.retried, stats.batches, stats.calls];
        numbers.set_all(STATS, &stats.map(float));
        let sums = buffer.account();
        let sums = [sums.accepted, sums.delivered, sums.dead_lettered, sums.dropped, sums.aborted, sums.kept];
        numbers.set_all(ACCOUNT, &sums.map(float));
    }
}

/// Numbers of an item in a list.
const LISTED: usize = 4;
/// Numbers of the longest action.
const LONGEST: usize = 7;

/// The list of actions as it grows.
struct Out<'n> {
    numbers: &'n Numbers,
    length: usize,
}
impl Out<'_> {
    fn left(&self) -> usize {
        OUT_SIZE.saturating_sub(self.length)
    }
    fn write(&mut self, numbers: &[f64]) {
        self.numbers.set_all(OUT + self.length, numbers);
        self.length += numbers.len();
    }
}
