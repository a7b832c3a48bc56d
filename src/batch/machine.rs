//! The buffer's state machine behind shared numbers, for `lib/batch/machine.js`.
//!
//! `batchOpen(config, firstId)` opens one, `batchNumbers(machine)` is an ArrayBuffer for one Float64Array (layout.rs), and
//! `batchStep(machine, op, a, b, now)` is the only crossing after that: it takes the arrivals in the inbox, does what `op`
//! says, lets the machine act, and returns how many numbers of actions lie from OUT on.
//!
//! **An arrival** does not cross by itself. The shell does this, and steps only where it says so:
//!
//! ```js
//! // overflow 'reject': nothing is written, and no id used, when lastId >= n[ADMIT_TO]: reject at once
//! const at = ARRIVALS + 5 * n[INBOX]++;
//! n[at] = lane; n[at + 1] = bytes; n[at + 2] = now; n[at + 3] = -1;       // or its tries, when a log had kept it
//! n[at + 4] = 1;                                                          // an item like that of the last row counts up there, to ALIKE
//! const id = ++lastId;
//! const admitted = id <= n[ADMIT_TO];                                      // else an ADMITTED (or DROPPED) will say it
//! if (!admitted) n[LEEWAY] = 0;                                            // the next batch that ends may make room
//! if (id >= n[TELL_AT]) step();
//! else if (n[BUSY] === 0 && admitted && (lane >= NEED_LANES || --n[NEED + 2 * lane] <= 0 || (n[NEED + 2 * lane + 1] -= bytes) <= 0)) step();
//! // the first of its lane: the timer that is armed, for whatever, must ring before it has waited long enough
//! else if (n[BUSY] === 0 && admitted && n[NEED + 2 * lane] === batchSize - 1 && (n[LINGER] === 0 || now + n[LINGER] < ringsAt)) step();
//! else if (n[INBOX] === INBOX_SIZE) step();
//! ```
//!
//! What a log had kept (and a letter sent again) is admitted and on disk whatever the numbers say; step after writing it.
//! It is always named by id, and never part of a lane's next.
//!
//! **A batch that ended well** need not cross by itself either, while others are in flight: `n[ENDED + n[ENDINGS]++] = batch`,
//! then step when `(n[LEEWAY] -= items) < 0` or the list is full, else before an arrival without room, with whatever crosses
//! next, and at the latest when the code that runs has ended. The last one in flight is told at once: a timer waits for it.
//!
//! **Actions** are a kind and its numbers, see `act`. The shell reads (or copies) the list to its end before it runs
//! anybody's code; while MORE is 1 it steps again for the rest, and only then acts. Lists of items (LISTED) come first.
//!
//! **Lanes** are small numbers from 0, given by the shell; a number is free again after LANE_FORGOTTEN. Lane 0 is for items
//! without a group and never forgotten. An arrival in the inbox keeps its lane.
//!
//! **Time**: `now` may jump. `n[WAKE_AT]` is when to step at the latest, on one timer. TURN 1 (only with batchTimeout 0):
//! items wait for one turn of the event loop; then step with `op.TURN`.
//!
//! **Results**: FINISH names the batch and how many failures lie in AUX, in the order of their places; when there are more
//! than AUX_SIZE, the first ones go ahead with FAILURES. The jitter of a batch is that of its first failure, so that what
//! failed together is tried again together. After TIMED_OUT the batch is in flight until it is finished.
//!
//! **Closing**: CLOSE with `a` = Infinity (no limit), or the moment until which items are handed over. At that moment CLOSED
//! comes, even with batches in flight; with a moment that has passed (`timeoutMs: 0`) nothing more is handed over, and CLOSED
//! comes when nothing is in flight any more. A later CLOSE can only make it earlier. Then LEAVE lists what is left.
//!
//! A panic in the machine poisons it: each later step throws ERR_INTERNAL.

use super::layout::*;
use super::numbers::{Numbers, count, flag, float, whole};
use crate::cells::expose_numbers;
use crate::error::Guarded;
use crate::external::External;
use napi::{Env, Unknown};
use napi_derive::napi;
use sluice_core::batch::{
    Action, Arrival, Backoff, Buffer, Config, Failure, Id, Lane, Limits, Listed, Millis, Overflow,
};
use std::collections::VecDeque;

/// A buffer's options as the shell has checked them; what is unbounded is Infinity.
#[napi(object)]
pub struct BatchConfig {
    /// Items.
    pub batch_size: f64,
    /// Bytes.
    pub batch_bytes: f64,
    /// Milliseconds; 0: a turn of the event loop.
    pub batch_timeout_ms: f64,
    /// An idle buffer sends at once.
    pub adaptive: bool,
    /// Batches.
    pub concurrency: f64,
    /// Milliseconds; 0: for ever.
    pub handler_timeout_ms: f64,
    /// Items.
    pub max_size: f64,
    /// 'wait', 'reject' or 'drop-oldest'.
    pub overflow: String,
    /// Share of `max_size`.
    pub high_water: f64,
    /// After the first try.
    pub retries: f64,
    /// Milliseconds.
    pub backoff_min_ms: f64,
    /// Milliseconds.
    pub backoff_max_ms: f64,
    /// At least 1.
    pub backoff_factor: f64,
    /// Share.
    pub backoff_jitter: f64,
    /// Letters.
    pub max_dead_letters: f64,
    /// No handler.
    pub pull: bool,
    /// Items are stored before they are accepted.
    pub durable: bool,
}

/// A machine in the hands of the shell.
pub struct Held {
    numbers: Numbers,
    machine: Guarded<Machine>,
}
pub(super) struct Machine {
    pub(super) buffer: Buffer,
    failures: Vec<Failure>,
    /// Lists and actions that did not fit.
    pub(super) listed: VecDeque<Listed>,
    pub(super) named: VecDeque<Id>,
    pub(super) held_back: Option<Action>,
}

/// Opens a machine whose first item gets the id `firstId`.
#[napi(catch_unwind)]
pub fn batch_open(config: BatchConfig, first_id: f64) -> External<Held> {
    let config = Config {
        batch_size: config.batch_size as u32,
        batch_bytes: whole(config.batch_bytes),
        batch_timeout_ms: whole(config.batch_timeout_ms),
        adaptive: config.adaptive,
        concurrency: config.concurrency as u32,
        handler_timeout_ms: whole(config.handler_timeout_ms),
        max_size: whole(config.max_size),
        overflow: match config.overflow.as_str() {
            "reject" => Overflow::Reject,
            "drop-oldest" => Overflow::DropOldest,
            _ => Overflow::Wait,
        },
        high_water: config.high_water,
        retries: config.retries as u32,
        backoff: Backoff {
            min_ms: whole(config.backoff_min_ms),
            max_ms: whole(config.backoff_max_ms),
            factor: config.backoff_factor,
            jitter: config.backoff_jitter,
        },
        max_dead_letters: whole(config.max_dead_letters),
        pull: config.pull,
        durable: config.durable,
    };
    let numbers = Numbers::new(LENGTH);
    let buffer = Buffer::new(config, whole(first_id).max(1));
    let mut machine = Machine {
        buffer,
        failures: Vec::new(),
        listed: VecDeque::new(),
        named: VecDeque::new(),
        held_back: None,
    };
    machine.publish_needs(&numbers);
    machine.publish(&numbers);
    machine.publish_sums(&numbers);
    External::new(Held { numbers, machine: Guarded::new("BatchBuffer", machine) })
}
/// The numbers that it shares.
#[napi(catch_unwind)]
pub fn batch_numbers<'env>(env: &'env Env, held: &External<Held>) -> napi::Result<Unknown<'env>> {
    expose_numbers(env, held.numbers.cells().clone())
}
/// Takes the arrivals and the endings, does what `op` says, and lets the machine act; returns the length of the list of actions.
#[napi(catch_unwind)]
pub fn batch_step(held: &mut External<Held>, op: u32, a: f64, b: f64, now: f64) -> napi::Result<u32> {
    let Held { numbers, machine } = &mut **held;
    let numbers = &*numbers;
    machine.call(|machine| {
        let now = whole(now);
        machine.take_arrivals(numbers, now);
        machine.take_endings(numbers, now);
        machine.operate(numbers, op, a, b, now);
        let length = machine.act(numbers, now);
        machine.publish(numbers);
        if op != op::STEP && op != op::FINISH {
            machine.publish_sums(numbers);
        }
        Ok(length as u32)
    })
}

impl Machine {
    fn take_arrivals(&mut self, numbers: &Numbers, now: Millis) {
        let told = (numbers.get(INBOX) as usize).min(INBOX_SIZE);
        for at in (0..told).map(|place| ARRIVALS + ARRIVAL * place) {
            let attempts = numbers.get(at + 3);
            let arrival = Arrival {
                lane: numbers.get(at) as Lane,
                bytes: count(numbers.get(at + 1)),
                at: count(numbers.get(at + 2)),
                attempts: attempts as u32,
                recovered: attempts >= 0.0,
            };
            self.buffer.arrive_all(arrival, count(numbers.get(at + 4)).min(ALIKE), now);
        }
        numbers.set(INBOX, 0.0);
    }
    /// After the arrivals: the shell has judged their room without what these give back.
    fn take_endings(&mut self, numbers: &Numbers, now: Millis) {
        let ended = (numbers.get(ENDINGS) as usize).min(ENDED_SIZE);
        for at in (0..ended).map(|place| ENDED + place) {
            self.buffer.finish(numbers.get(at) as u32, &[], now);
        }
        numbers.set(ENDINGS, 0.0);
    }
    fn operate(&mut self, numbers: &Numbers, op: u32, a: f64, b: f64, now: Millis) {
        let buffer = &mut self.buffer;
        let (id, lane) = (whole(a), b as Lane);
        let result = match op {
            op::FINISH => {
                self.failures.extend(failures(numbers, b as usize));
                let found = buffer.finish(a as u32, &self.failures, now);
                self.failures.clear();
                flag(found)
            }
            op::FAILURES => {
                self.failures.extend(failures(numbers, a as usize));
                0.0
            }
            op::FLUSH => float(buffer.flush().unwrap_or(0)),
            op::CLOSE => {
                buffer.close((a < f64::INFINITY).then(|| whole(a)), now);
                0.0
            }
            op::LEAVE => list(&mut self.listed, buffer.leave(a == 1.0, now)),
            op::TAKE => list(&mut self.listed, buffer.take(a as usize, now)),
            op::SETTLE => {
                let failure = if b == 1.0 { failures(numbers, 1).next() } else { None };
                flag(buffer.settle(id, failure, now))
            }
            op::REMOVE => flag(buffer.remove(id, lane)),
            op::ABORT => flag(buffer.abort(id, lane)),
            op::CLEAR => list(&mut self.listed, buffer.clear(now)),
            op::PENDING => list(&mut self.listed, buffer.pending(now)),
            op::STORED => {
                buffer.stored(id);
                0.0
            }
            op::REFUSE => flag(buffer.refuse(id)),
            op::REQUEUE => flag(buffer.requeue(id, lane, whole(numbers.get(AUX)), now)),
            op::ADOPT_DEAD => float(buffer.adopt_dead(id).unwrap_or(0)),
            op::CLEAR_DEAD => float(buffer.clear_dead()),
            op::STATUS => {
                numbers.set(OLDEST_AGE, float(buffer.status(now).oldest_age_ms));
                0.0
            }
            op::RESET_STATS => {
                buffer.reset_stats();
                0.0
            }
            op::TURN => {
                buffer.turn();
                0.0
            }
            op::UPDATE => {
                buffer.update(Limits {
                    batch_size: numbers.get(AUX) as u32,
                    batch_timeout_ms: whole(numbers.get(AUX + 1)),
                    concurrency: numbers.get(AUX + 2) as u32,
                    max_size: whole(numbers.get(AUX + 3)),
                });
                self.publish_needs(numbers);
                0.0
            }
            op::STEP => return, // the rest of a list leaves the result as it was
            _ => 0.0,
        };
        numbers.set(RESULT, result);
    }
}

fn failures(numbers: &Numbers, count: usize) -> impl Iterator<Item = Failure> {
    (0..count.min(AUX_SIZE)).map(|place| AUX + FAILURE * place).map(|at| Failure {
        place: numbers.get(at) as u32,
        retryable: numbers.get(at + 1) == 1.0,
        after_ms: whole(numbers.get(at + 2)),
        random: numbers.get(at + 3),
    })
}
fn list(into: &mut VecDeque<Listed>, items: Vec<Listed>) -> f64 {
    let count = items.len() as f64;
    into.extend(items);
    count
}
