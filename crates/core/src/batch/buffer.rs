//! The buffer: its parts, and how items come in. The other files of this folder have one subject each.

use super::clock::Clock;
use super::flight::Flights;
use super::flush::Flushes;
use super::lane::Lanes;
use super::letters::Letters;
use super::queue::{Queue, Run};
use super::retry::{Held, Retry};
use super::types::{
    Account, Action, Arrival, Config, Id, Lane, Limits, Listed, Millis, Overflow, Stats, Ticket,
};
use std::collections::{BTreeMap, VecDeque};

/// Bytes that an item counts at most, so that sums stay exact.
const MOST_BYTES: u64 = 1 << 40;

/// The state machine. `next` says what is to be done, until None.
#[derive(Debug)]
pub struct Buffer {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) last: Id,
    pub(super) lanes: Lanes,
    /// Without room.
    pub(super) waiting: Queue,
    /// Admitted, and not on disk yet.
    pub(super) storing: Queue,
    pub(super) retry: Retry,
    pub(super) flights: Flights,
    /// Pull: in flight.
    pub(super) taken: BTreeMap<Id, Taken>,
    pub(super) flushes: Flushes,
    pub(super) letters: Letters,
    /// Decided already, to be said first.
    pub(super) said: VecDeque<Action>,
    pub(super) high: bool,
    /// A batch has ended since `next` had nothing to say: with `adaptive` one more may leave for it.
    pub(super) returned: bool,
    pub(super) closing: Option<Closing>,
    /// With `batch_timeout_ms` 0: items up to this one have had their turn.
    pub(super) ripe: Id,
    /// Accepted and not settled.
    pub(super) size: u64,
    pub(super) account: Account,
    pub(super) stats: Stats,
}

/// An item that was taken.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub(super) attempt: u32,
    pub(super) item: Run,
}

/// What `close` said.
#[derive(Debug, Default)]
pub struct Closing {
    /// When it ends, whatever is in flight.
    pub(super) until: Option<Millis>,
    /// Nothing more is handed over.
    pub(super) stopped: bool,
    pub(super) said: bool,
}

impl Buffer {
    /// An empty buffer whose first item gets the id `first`.
    pub fn new(config: Config, first: Id) -> Self {
        Self {
            lanes: Lanes::new(&config),
            config,
            clock: Clock::default(),
            last: first.saturating_sub(1),
            waiting: Queue::default(),
            storing: Queue::default(),
            retry: Retry::default(),
            flights: Flights::default(),
            taken: BTreeMap::new(),
            flushes: Flushes::default(),
            letters: Letters::default(),
            said: VecDeque::new(),
            high: false,
            returned: false,
            closing: None,
            ripe: 0,
            size: 0,
            account: Account::default(),
            stats: Stats::default(),
        }
    }
    /// Its options.
    pub fn config(&self) -> &Config {
        &self.config
    }
    /// Other limits from now on, for what is there as well: nothing is sent back, refused or dropped for them.
    pub fn update(&mut self, limits: Limits) {
        self.config.batch_size = limits.batch_size.max(1);
        self.config.batch_timeout_ms = limits.batch_timeout_ms;
        self.config.concurrency = limits.concurrency.max(1);
        self.config.max_size = limits.max_size.max(1);
        self.lanes.resize(self.config.batch_size);
    }
    /// The id of the last arrival.
    pub fn last_id(&self) -> Id {
        self.last
    }

    /// An item comes; its id is one more than the last one's.
    pub fn arrive(&mut self, arrival: Arrival, now: Millis) -> Id {
        self.arrive_all(arrival, 1, now)
    }
    /// So many come that are alike, one after the other; the id of the last.
    pub fn arrive_all(&mut self, arrival: Arrival, count: u64, now: Millis) -> Id {
        self.clock.tick(now);
        let count = count.max(1);
        let (lane, bytes) = (arrival.lane, arrival.bytes.min(MOST_BYTES));
        let mut next = Run { id: self.last + 1, count, bytes, at: 0, lane };
        self.last += count;
        self.lanes.enter(lane, count);
        if self.closing.is_some() {
            next.each().for_each(|item| self.refused(item.id, lane));
        } else if arrival.recovered {
            let at = self.clock.past(arrival.at);
            self.accepted(count);
            for item in next.each() {
                self.retry.insert(item.id, Held { lane, attempts: arrival.attempts, bytes, at, due: at });
            }
        } else {
            next.at = self.clock.arrival(arrival.at);
            let (fits, rest) = next.split(self.room());
            fits.into_iter().for_each(|run| self.admit(run));
            rest.into_iter().for_each(|run| self.overflow(run));
        }
        self.last
    }
    fn overflow(&mut self, run: Run) {
        match self.config.overflow {
            Overflow::Reject => run.each().for_each(|item| self.refused(item.id, item.lane)),
            Overflow::Wait => self.waiting.push(run),
            Overflow::DropOldest => run.each().for_each(|item| {
                self.waiting.push(item);
                self.drop_oldest();
            }),
        }
    }
    fn refused(&mut self, id: Id, lane: Lane) {
        self.said.push_back(Action::Refused { id, lane });
        self.vanish(id, lane);
    }
    /// Makes room for one that came. When everything is in flight it waits instead; then the oldest of too many that
    /// wait goes, since nobody may be waiting for their promises.
    fn drop_oldest(&mut self) {
        let queued = self.lanes.oldest().map(|(id, lane, _)| (id, lane));
        let held = self.retry.oldest().map(|(id, held)| (id, held.lane));
        let oldest = match (queued, held) {
            (Some(queued), Some(held)) => Some(queued.min(held)),
            (queued, held) => queued.or(held),
        };
        if let Some((id, lane)) = oldest {
            if self.lanes.remove(lane, id).is_some() || self.retry.remove(id).is_some() {
                self.account.dropped += 1;
                self.settled(id, lane);
                self.said.push_back(Action::Dropped { id, lane });
            }
        } else if self.waiting.len() > self.config.max_size
            && let Some(Run { id, lane, .. }) = self.waiting.pop(1)
        {
            self.vanish(id, lane);
            self.said.push_back(Action::Dropped { id, lane });
        }
    }
    /// There is room for them.
    pub(super) fn admit(&mut self, run: Run) {
        if self.config.durable {
            self.storing.push(run);
        } else {
            self.enqueue(run);
        }
    }
    fn enqueue(&mut self, run: Run) {
        self.accepted(run.count);
        self.lanes.push(run);
    }
    pub(super) fn accepted(&mut self, items: u64) {
        self.size += items;
        self.account.accepted += items;
        self.stats.accepted += items;
    }
    /// An accepted item is settled, in whatever way.
    pub(super) fn settled(&mut self, id: Id, lane: Lane) {
        self.size = self.size.saturating_sub(1);
        self.vanish(id, lane);
    }
    /// An item is gone.
    pub(super) fn vanish(&mut self, id: Id, lane: Lane) {
        self.lanes.leave(lane, 1);
        self.flushes.settle(id);
    }

    /// All admitted up to there are on disk, save those refused before.
    pub fn stored(&mut self, through: Id) {
        while let Some(first) = self.storing.first() {
            let most = through.saturating_add(1).saturating_sub(first.id);
            let Some(run) = self.storing.pop(most) else { break };
            self.enqueue(run);
        }
    }
    /// The log did not take it. False: it is not there, or stored.
    pub fn refuse(&mut self, id: Id) -> bool {
        let item = self.storing.remove(id);
        if let Some(item) = item {
            self.vanish(id, item.lane);
        }
        item.is_some()
    }
    /// A call of `flush`; those between which nothing came share a ticket. None: there is nothing to wait for.
    pub fn flush(&mut self) -> Option<Ticket> {
        self.flushes.begin(self.last, self.unsettled())
    }
    /// With `batch_timeout_ms` 0: the turn of the event loop that items wait for has come.
    pub fn turn(&mut self) {
        self.ripe = self.last;
    }
    /// Takes nothing more; hands over until `until` (None: no limit), when it ends with whatever is in flight. When
    /// that is `now` or earlier nothing more is handed over, and it ends when nothing is in flight. A later call can
    /// only make it earlier.
    pub fn close(&mut self, until: Option<Millis>, now: Millis) {
        let now = self.clock.tick(now);
        let until = until.map(|until| self.clock.future(until));
        let pull = self.config.pull;
        let closing = self.closing.get_or_insert_default();
        closing.stopped |= pull || until.is_some_and(|until| until <= now);
        if let Some(until) = until.filter(|&until| until > now) {
            closing.until = Some(closing.until.map_or(until, |earlier| earlier.min(until)));
        }
    }

    /// Admitted, and not settled.
    pub(super) fn occupied(&self) -> u64 {
        self.size + self.storing.len()
    }
    /// Whatever a flush waits for.
    pub(super) fn unsettled(&self) -> u64 {
        self.occupied() + self.waiting.len()
    }
    pub(super) fn listed(&self, id: Id, lane: Lane, attempts: u32, at: Millis) -> Listed {
        Listed { id, lane, attempts, age_ms: self.clock.now().saturating_sub(at) }
    }
}

/// A length as the number that it is.
pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
