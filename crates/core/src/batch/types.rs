//! What the buffer is told and what it says.

/// Whole milliseconds of elapsed time.
pub type Millis = u64;
/// An item: numbers from 1 in the order of arrival, below 2^53.
pub type Id = u64;
/// The queue of a group; 0 without groups. Numbers are the shell's, and free again after `Action::LaneForgotten`.
pub type Lane = u32;
/// A batch in flight; numbers are reused when it is finished.
pub type BatchId = u32;
/// Calls of `flush` of one moment; from 1.
pub type Ticket = u64;

/// What happens at `max_size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// Arrivals wait for room.
    Wait,
    /// Arrivals are refused.
    Reject,
    /// The oldest that has not left makes room.
    DropOldest,
}

/// The wait between two tries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// Before the second try, milliseconds.
    pub min_ms: u64,
    /// At most, milliseconds.
    pub max_ms: u64,
    /// Each wait is so many times the one before; at least 1.
    pub factor: f64,
    /// The share of a wait, 0 to 1, that chance may take away.
    pub jitter: f64,
}

/// A buffer's options, all decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Items of a batch at most.
    pub batch_size: u32,
    /// Bytes of a batch at most, unless a single item has more; `u64::MAX`: unbounded.
    pub batch_bytes: u64,
    /// How long an item waits for its batch to fill; 0: until `Buffer::turn`.
    pub batch_timeout_ms: u64,
    /// An idle buffer sends at once.
    pub adaptive: bool,
    /// Batches in flight at most.
    pub concurrency: u32,
    /// How long a handler may take; 0: as long as it likes.
    pub handler_timeout_ms: u64,
    /// Items admitted and not settled, at most.
    pub max_size: u64,
    /// What happens there.
    pub overflow: Overflow,
    /// The share of `max_size` from which the water is high.
    pub high_water: f64,
    /// Tries after the first.
    pub retries: u32,
    /// The wait between them.
    pub backoff: Backoff,
    /// Letters kept at most.
    pub max_dead_letters: u64,
    /// Nothing leaves by itself: `take` and `settle`.
    pub pull: bool,
    /// What is admitted is queued only when `stored` says so.
    pub durable: bool,
}

/// What of a buffer's options may change while it works, as in `Config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Items of a batch at most.
    pub batch_size: u32,
    /// How long an item waits for its batch to fill; 0: until `Buffer::turn`.
    pub batch_timeout_ms: u64,
    /// Batches in flight at most.
    pub concurrency: u32,
    /// Items admitted and not settled, at most.
    pub max_size: u64,
}

/// An item that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Which queue it joins.
    pub lane: Lane,
    /// Its size; 0 while nobody counts.
    pub bytes: u64,
    /// Tries that it has behind it: more than 0 for what a log had kept.
    pub attempts: u32,
    /// When it came.
    pub at: Millis,
    /// It is on disk already: it needs no room and no `stored`.
    pub recovered: bool,
}

/// Why a batch leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It has `batch_size` items.
    Size,
    /// It has `batch_bytes`.
    Bytes,
    /// Its oldest item has waited long enough.
    Timeout,
    /// `flush` was called.
    Flush,
    /// `close` was called.
    Close,
    /// Nothing was in flight, or a batch came back.
    Idle,
    /// Its items have failed before.
    Retry,
}

/// An item of a batch that failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failure {
    /// Its place in the batch.
    pub place: u32,
    /// Whether another try makes sense.
    pub retryable: bool,
    /// Not before so many milliseconds (Retry-After).
    pub after_ms: u64,
    /// A number from 0 to below 1 for the jitter.
    pub random: f64,
}

/// What the shell is to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Hand these over. First hand-overs (`ids` empty) are the lane's next `count`, in order.
    Dispatch {
        /// The batch.
        batch: BatchId,
        /// Its lane.
        lane: Lane,
        /// Why now.
        reason: Reason,
        /// 1 on the first try.
        attempt: u32,
        /// Items.
        count: u32,
        /// Items that were handed over before, or that a log had kept.
        ids: Vec<Id>,
    },
    /// The handler has had its time: abort it and `finish` the batch as failed.
    TimedOut(BatchId),
    /// Failed for good.
    Dead {
        /// The item.
        id: Id,
        /// Its tries.
        attempts: u32,
        /// Whether the letter is kept.
        kept: bool,
        /// The letter that had to go for it.
        evicted: Option<Id>,
    },
    /// Dropped for newer ones.
    Dropped {
        /// The item.
        id: Id,
        /// Its lane.
        lane: Lane,
    },
    /// An arrival without room, or after `close`.
    Refused {
        /// The item.
        id: Id,
        /// Its lane.
        lane: Lane,
    },
    /// All items up to this one have found room, or are gone.
    Admitted(Id),
    /// What that call of `flush` waited for is settled.
    Flushed(Ticket),
    /// Nothing will be handed over any more; what is left (`leave`) is for the shell to reject or keep.
    Closed,
    /// The buffer is filling up.
    HighWater,
    /// It is below that mark again.
    Drained,
    /// The lane has no items; its number may be used for another group. Never said of lane 0.
    LaneForgotten(Lane),
}

/// An item in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The item.
    pub id: Id,
    /// Its lane.
    pub lane: Lane,
    /// Tries that it has behind it.
    pub attempts: u32,
    /// How long ago it came, milliseconds.
    pub age_ms: u64,
}

/// After how much more in a lane the buffer wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Items; `u64::MAX`: however many.
    pub items: u64,
    /// Bytes; `u64::MAX`: however many.
    pub bytes: u64,
}

/// How the buffer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Accepted and not settled.
    pub size: u64,
    /// Without room yet, or being stored.
    pub waiting: u64,
    /// Batches in flight; with `pull`, items.
    pub in_flight: u64,
    /// Letters kept.
    pub dead_letters: u64,
    /// Age of the oldest that is not settled, milliseconds; 0 without any.
    pub oldest_age_ms: u64,
    /// Whether somebody waits for a batch to fill, or for another try.
    pub lingering: bool,
}

/// What has been done since the start, or since `reset_stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Items.
    pub accepted: u64,
    /// Items.
    pub delivered: u64,
    /// Items that failed for good.
    pub failed: u64,
    /// Tries after the first, of items.
    pub retried: u64,
    /// Batches made of first tries.
    pub batches: u64,
    /// Batches handed over, retries included.
    pub calls: u64,
}

/// What became of all that was accepted since the start; `accepted` is the sum of the others and of what is unsettled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Accepted.
    pub accepted: u64,
    /// The handler has had them.
    pub delivered: u64,
    /// Failed for good.
    pub dead_lettered: u64,
    /// Dropped, cleared, removed.
    pub dropped: u64,
    /// Given up by their callers, or by `close`.
    pub aborted: u64,
    /// Left on disk by `close`.
    pub kept: u64,
}
