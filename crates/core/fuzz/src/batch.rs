//! The batch buffer under any script: it never panics, its account sums up at every step, each item is settled once, and
//! it always comes to an end with nothing left to wake for.

use sluice_core::batch::{
    Action, Arrival, Backoff, Buffer, Config, Failure, Id, Lane, Limits, Listed, Overflow,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The bytes of a script, zeros at its end.
struct Script<'d>(std::slice::Iter<'d, u8>);
impl Script<'_> {
    fn byte(&mut self) -> u64 {
        self.0.next().copied().unwrap_or(0).into()
    }
    /// A small number, or now and then a very large one.
    fn number(&mut self) -> u64 {
        match self.byte() {
            255 => u64::MAX,
            254 => 1 << 53,
            253 => u64::from(u32::MAX),
            small => small,
        }
    }
}

/// Readings of a clock stay below, however often it jumps.
const LATEST: u64 = 1 << 44;

fn config(script: &mut Script<'_>) -> Config {
    let kind = script.byte();
    Config {
        batch_size: (1 + script.byte() % 8) as u32,
        batch_bytes: if kind & 1 == 0 { u64::MAX } else { script.number() },
        batch_timeout_ms: script.number(),
        adaptive: kind & 2 != 0,
        concurrency: (1 + script.byte() % 4) as u32,
        handler_timeout_ms: script.number(),
        max_size: 1 + script.byte() % 32,
        overflow: [Overflow::Wait, Overflow::Reject, Overflow::DropOldest][(kind >> 2) as usize % 3],
        high_water: script.byte() as f64 / 200.0,
        retries: (script.byte() % 4) as u32,
        backoff: Backoff {
            min_ms: script.number(),
            max_ms: script.number(),
            factor: script.byte() as f64 / 10.0,
            jitter: script.byte() as f64 / 200.0,
        },
        max_dead_letters: script.byte() % 4,
        pull: kind & 0x40 != 0,
        durable: kind & 0x80 != 0,
    }
}

#[derive(Default)]
struct Seen {
    /// Lives that are not settled.
    open: BTreeMap<Id, Lane>,
    queues: BTreeMap<Lane, VecDeque<Id>>,
    batches: BTreeMap<u32, Vec<Id>>,
    letters: BTreeSet<Id>,
    closed: bool,
}
impl Seen {
    fn settle(&mut self, id: Id) {
        let lane = self.open.remove(&id).expect("an item is settled once");
        if let Some(queue) = self.queues.get_mut(&lane) {
            queue.retain(|other| *other != id);
        }
    }
    fn act(&mut self, buffer: &mut Buffer, now: u64) {
        while let Some(action) = buffer.next(now) {
            match action {
                Action::Dispatch { batch, lane, count, ids, attempt, .. } => {
                    assert!(!self.closed && (1..=buffer.config().batch_size).contains(&count));
                    let ids = if ids.is_empty() {
                        assert_eq!(attempt, 1);
                        self.queues.get_mut(&lane).expect("it has items").drain(..count as usize).collect()
                    } else {
                        ids
                    };
                    assert_eq!(ids.len(), count as usize);
                    assert!(self.batches.insert(batch, ids).is_none(), "a number of one batch at a time");
                    assert!(self.batches.len() <= buffer.config().concurrency as usize);
                }
                Action::TimedOut(batch) => assert!(self.batches.contains_key(&batch)),
                Action::Dead { id, kept, evicted, .. } => {
                    self.settle(id);
                    evicted.inspect(|id| assert!(self.letters.remove(id)));
                    assert!(!kept || self.letters.insert(id));
                }
                Action::Dropped { id, .. } | Action::Refused { id, .. } => self.settle(id),
                Action::LaneForgotten(lane) => assert!(self.open.values().all(|other| *other != lane)),
                Action::Closed => self.closed = true,
                Action::Admitted(_) | Action::Flushed(_) | Action::HighWater | Action::Drained => {}
            }
        }
        let (sum, status) = (buffer.account(), buffer.status(now));
        let ends = sum.delivered + sum.dead_lettered + sum.dropped + sum.aborted + sum.kept;
        assert_eq!(sum.accepted, ends + status.size, "the account");
        assert_eq!(self.open.len() as u64, status.size + status.waiting);
        assert_eq!(self.letters.len() as u64, status.dead_letters);
        if !buffer.config().pull {
            assert_eq!(self.batches.len() as u64, status.in_flight);
        }
        if self.open.is_empty() {
            assert!(!status.lingering && !buffer.wants_turn());
        }
    }
    fn gone(&mut self, list: &[Listed]) {
        list.iter().for_each(|item| self.settle(item.id));
    }
    fn any(&self, at: u64) -> Option<(Id, Lane)> {
        let place = at as usize % self.open.len().max(1);
        self.open.iter().nth(place).map(|(&id, &lane)| (id, lane))
    }
}

/// A script of a buffer's life.
pub fn batch(data: &[u8]) {
    let mut script = Script(data.iter());
    let config = config(&mut script);
    let (mut buffer, mut seen, mut now) = (Buffer::new(config, 1), Seen::default(), 1000);
    while script.0.len() > 0 {
        step(&mut script, &mut buffer, &mut seen, &mut now);
        seen.act(&mut buffer, now);
    }
    // whatever was done, it can be closed
    buffer.close(Some(now + 1000), now);
    seen.act(&mut buffer, now);
    now += 1000;
    seen.act(&mut buffer, now);
    assert!(seen.closed);
    let left = buffer.leave(true, now);
    seen.batches.clear();
    seen.gone(&left);
    assert!(seen.open.is_empty());
    seen.act(&mut buffer, now);
    assert_eq!(buffer.wake_at(), None);
}

fn step(script: &mut Script<'_>, buffer: &mut Buffer, seen: &mut Seen, now: &mut u64) {
    let (op, a) = (script.byte() % 25, script.byte());
    match op {
        0..=7 => {
            let recovered = op == 7;
            let (lane, attempts) = ((a % 5) as Lane, if recovered { (a >> 6) as u32 } else { 0 });
            let at = if a & 0x20 == 0 { *now } else { script.number() };
            let id = buffer.arrive(Arrival { lane, bytes: a >> 3, attempts, at, recovered }, *now);
            seen.open.insert(id, lane);
            if !recovered {
                seen.queues.entry(lane).or_default().push_back(id);
            }
        }
        8..=10 => {
            let batch = (a % 5) as u32;
            let Some(ids) = seen.batches.remove(&batch) else {
                assert!(!buffer.finish(batch, &[], *now));
                return;
            };
            let failed = script.byte();
            let failures: Vec<Failure> = (0..ids.len() as u32)
                .rev()
                .filter(|place| failed >> (place % 7) & 1 == 1)
                .map(|place| Failure {
                    place,
                    retryable: failed & 0x80 != 0,
                    after_ms: if a & 0x10 == 0 { 0 } else { script.number() },
                    random: f64::from(place) / 7.0,
                })
                .collect();
            for (place, &id) in (0u32..).zip(&ids) {
                if failures.iter().all(|failure| failure.place != place) {
                    seen.settle(id);
                }
            }
            assert!(buffer.finish(batch, &failures, *now));
        }
        11 => drop(buffer.flush()),
        12 => buffer.turn(),
        13 if a < 20 => buffer.close((a > 1).then(|| (*now + a).saturating_sub(4)), *now),
        14 | 15 => {
            let Some((id, lane)) = seen.any(a) else { return };
            let done = if op == 14 { buffer.remove(id, lane) } else { buffer.abort(id, lane) };
            if done {
                seen.settle(id);
            }
        }
        16 if a < 40 => {
            let list = buffer.clear(*now);
            seen.gone(&list);
        }
        17 if buffer.config().pull => {
            for item in buffer.take(a as usize % 6, *now) {
                seen.queues.entry(item.lane).or_default().retain(|id| *id != item.id);
            }
        }
        18 => {
            let Some((id, _)) = seen.any(a) else { return };
            if a & 1 == 0 {
                if buffer.settle(id, None, *now) {
                    seen.settle(id);
                }
            } else {
                let failure = Failure { place: 0, retryable: a & 2 == 0, after_ms: 0, random: 0.5 };
                buffer.settle(id, Some(failure), *now);
            }
        }
        19 => {
            let Some(&id) = seen.letters.iter().nth(a as usize % 4) else { return };
            let lane = (a % 5) as Lane;
            if buffer.requeue(id, lane, a, *now) {
                seen.letters.remove(&id);
                seen.open.insert(id, lane);
            }
        }
        20 => buffer.stored(if a == 255 { u64::MAX } else { a }),
        21 => {
            let Some((id, _)) = seen.any(a) else { return };
            if buffer.refuse(id) {
                seen.settle(id);
            }
        }
        24 => buffer.update(Limits {
            batch_size: 1 + (a % 8) as u32,
            batch_timeout_ms: script.number(),
            concurrency: 1 + (a >> 6) as u32,
            max_size: 1 + (a >> 3) % 32,
        }),
        22 => *now = (*now + a).min(LATEST),
        23 => *now = if a < 128 { buffer.wake_at().unwrap_or(*now) } else { script.number() }.min(LATEST),
        _ => {}
    }
}
