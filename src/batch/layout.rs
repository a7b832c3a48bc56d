//! Where things lie in the numbers that a machine shares with its shell, and what they mean. `lib/batch/layout.js` says
//! the same for JavaScript; machine.rs says how they are used.

/// Rows of arrivals in the inbox. The shell counts up, each crossing empties it.
pub const INBOX: usize = 0;
/// 1: there are actions that did not fit; another step brings them.
pub const MORE: usize = 1;
/// What an operation answers.
pub const RESULT: usize = 2;
/// The id of the last arrival that the machine has heard of.
pub const LAST_ID: usize = 3;
/// Arrivals up to this id are admitted as they come.
pub const ADMIT_TO: usize = 4;
/// Arrivals from this id on have to be told at once.
pub const TELL_AT: usize = 5;
/// 1: nothing could leave anyway, no lane's need matters.
pub const BUSY: usize = 6;
/// When to step at the latest; Infinity: nothing waits for time.
pub const WAKE_AT: usize = 7;
/// 1: items wait for a turn of the event loop (`batchTimeout: 0`), then `op::TURN`.
pub const TURN: usize = 8;
/// `Status`: accepted and not settled.
pub const SIZE: usize = 9;
/// Without room, or being stored.
pub const WAITING: usize = 10;
/// Batches in flight; with pull, items.
pub const IN_FLIGHT: usize = 11;
/// Letters kept.
pub const DEAD_LETTERS: usize = 12;
/// 1: somebody waits for a batch to fill, or for another try.
pub const LINGERING: usize = 13;
/// Age of the oldest unsettled item; as of the last `op::STATUS`.
pub const OLDEST_AGE: usize = 14;
/// So long, in milliseconds, the first item of a lane may wait before it is told; 0: it is told at once.
pub const LINGER: usize = 15;
/// `Stats`, six numbers; as of the last step with an operation other than STEP and FINISH.
pub const STATS: usize = 16;
/// `Account`, six numbers, likewise.
pub const ACCOUNT: usize = 22;
/// Batches in `ENDED`. The shell counts up, each crossing empties it.
pub const ENDINGS: usize = 28;
/// So many items may be delivered before it has to be told at once. The shell counts down.
pub const LEEWAY: usize = 29;

/// Two numbers for each of the first lanes: items and bytes after which the machine wants to be told.
pub const NEED: usize = 32;
/// Lanes that have such numbers; items of others are told one by one while the machine is not busy.
pub const NEED_LANES: usize = 128;
/// Arrivals: lane, bytes, at, the tries of what a log had kept (-1 for new ones), and how many came one after the other.
pub const ARRIVALS: usize = NEED + 2 * NEED_LANES;
/// Rows that the inbox holds.
pub const INBOX_SIZE: usize = 512;
/// Numbers of a row.
pub const ARRIVAL: usize = 5;
/// Items that a row stands for at most.
pub const ALIKE: u64 = 4096;
/// What an operation needs besides its numbers: failures, or limits.
pub const AUX: usize = ARRIVALS + ARRIVAL * INBOX_SIZE;
/// Failures that fit there: place, retryable, Retry-After in ms, random number.
pub const AUX_SIZE: usize = 128;
/// Numbers of a failure.
pub const FAILURE: usize = 4;
/// Numbers of batches that ended well, in order.
pub const ENDED: usize = AUX + FAILURE * AUX_SIZE;
/// Batches that fit there.
pub const ENDED_SIZE: usize = 256;
/// Actions.
pub const OUT: usize = ENDED + ENDED_SIZE;
/// Their numbers at most.
pub const OUT_SIZE: usize = 1024;
/// All numbers.
pub const LENGTH: usize = OUT + OUT_SIZE;

/// What the machine is asked for.
pub mod op {
    /// Take the arrivals, act on the time.
    pub const STEP: u32 = 0;
    /// Batch `a` ends, with `b` more failures in AUX.
    pub const FINISH: u32 = 1;
    /// `a` failures of the next FINISH, more than AUX holds.
    pub const FAILURES: u32 = 2;
    /// A flush. RESULT: its ticket; 0: nothing to wait for.
    pub const FLUSH: u32 = 3;
    /// Takes nothing more, hands over until `a`.
    pub const CLOSE: u32 = 4;
    /// After CLOSED: lists what is left; `a` 1: it is kept.
    pub const LEAVE: u32 = 5;
    /// Pull: lists the next `a`.
    pub const TAKE: u32 = 6;
    /// Pull: ends item `a`; `b` 1: with the failure in AUX. RESULT 1: it was in flight.
    pub const SETTLE: u32 = 7;
    /// Drops item `a` of lane `b`. RESULT 1: it had not left.
    pub const REMOVE: u32 = 8;
    /// The same for a caller who gave up.
    pub const ABORT: u32 = 9;
    /// Drops and lists all that have not left.
    pub const CLEAR: u32 = 10;
    /// Lists all that have not left.
    pub const PENDING: u32 = 11;
    /// Items up to `a` are on disk.
    pub const STORED: u32 = 12;
    /// Item `a` is not. RESULT 1: it was being stored.
    pub const REFUSE: u32 = 13;
    /// Letter `a` is queued again in lane `b`, its bytes in AUX. RESULT 1: it was there.
    pub const REQUEUE: u32 = 14;
    /// A letter `a` of an earlier process. RESULT: the one that had to go for it, or 0.
    pub const ADOPT_DEAD: u32 = 15;
    /// RESULT: how many letters are gone.
    pub const CLEAR_DEAD: u32 = 16;
    /// Brings OLDEST_AGE up to date.
    pub const STATUS: u32 = 17;
    /// Zeroes STATS.
    pub const RESET_STATS: u32 = 18;
    /// The turn of the event loop that TURN asked for has come.
    pub const TURN: u32 = 19;
    /// Other limits, in AUX: items of a batch, its milliseconds, batches in flight, items.
    pub const UPDATE: u32 = 20;
}

/// What the shell is to do, with the numbers that follow.
pub mod act {
    /// batch, lane, reason (place in `Reason`), attempt, count, named: 0 the lane's next, 1 NAMES follow.
    pub const DISPATCH: u32 = 1;
    /// n, then n ids of the DISPATCH before; as often as needed.
    pub const NAMES: u32 = 2;
    /// batch.
    pub const TIMED_OUT: u32 = 3;
    /// id, attempts, kept, evicted id or 0.
    pub const DEAD: u32 = 4;
    /// id, lane: dropped for newer ones.
    pub const DROPPED: u32 = 5;
    /// id, lane: an arrival without room.
    pub const REFUSED: u32 = 6;
    /// id: all up to it have found room, or are gone.
    pub const ADMITTED: u32 = 7;
    /// ticket.
    pub const FLUSHED: u32 = 8;
    /// Nothing will be handed over any more.
    pub const CLOSED: u32 = 9;
    /// The buffer is filling up.
    pub const HIGH_WATER: u32 = 10;
    /// It is below the mark again.
    pub const DRAINED: u32 = 11;
    /// lane.
    pub const LANE_FORGOTTEN: u32 = 12;
    /// n, then n times id, lane, attempts, age in ms; as often as needed.
    pub const LISTED: u32 = 13;
}
