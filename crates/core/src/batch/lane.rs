//! Lanes: who waits for its first hand-over, and which lane leaves next.

use super::queue::{Entry, Queue};
use super::types::{Config, Id, Lane, Millis, Need};
use std::collections::{BTreeSet, VecDeque};

/// So many lanes keep their place though they are empty.
const SPARE: usize = 64;

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    /// Items of the lane, wherever they are.
    items: u64,
    /// Under which it stands in `heads`, and in `full`.
    head: Option<Id>,
    full: bool,
    changed: bool,
    /// It has had items since it was forgotten.
    known: bool,
}

/// All lanes.
#[derive(Debug)]
pub struct Lanes {
    states: Vec<State>,
    /// Lanes that have items which wait, by the oldest.
    heads: BTreeSet<(Id, Lane)>,
    /// Those of them that have a batch together.
    full: BTreeSet<(Id, Lane)>,
    changed: Vec<Lane>,
    empty: VecDeque<Lane>,
    batch_size: usize,
    batch_bytes: u64,
}
impl Lanes {
    /// None.
    pub fn new(config: &Config) -> Self {
        Self {
            states: Vec::new(),
            heads: BTreeSet::new(),
            full: BTreeSet::new(),
            changed: Vec::new(),
            empty: VecDeque::new(),
            batch_size: usize::try_from(config.batch_size).unwrap_or(usize::MAX).max(1),
            batch_bytes: config.batch_bytes,
        }
    }
    /// An item comes into being.
    pub fn enter(&mut self, lane: Lane) {
        let place = index(lane);
        if self.states.len() <= place {
            self.states.resize_with(place.saturating_add(1), State::default);
        }
        if let Some(state) = self.states.get_mut(place) {
            state.items += 1;
            state.known = true;
        }
    }
    /// So many items are settled.
    pub fn leave(&mut self, lane: Lane, items: u64) {
        let Some(state) = self.states.get_mut(index(lane)) else { return };
        state.items = state.items.saturating_sub(items);
        if state.items == 0 && lane != 0 {
            self.empty.push_back(lane);
        }
    }
    /// A lane that has no items any more; each is said once.
    pub fn forgotten(&mut self) -> Option<Lane> {
        while let Some(lane) = self.empty.pop_front() {
            let Some(state) = self.states.get_mut(index(lane)) else { continue };
            if state.items > 0 || !state.known {
                continue;
            }
            state.known = false;
            while self.states.len() > SPARE && self.states.last().is_some_and(|last| !last.known) {
                self.states.pop();
            }
            return Some(lane);
        }
        None
    }
    /// Joins the queue of its lane.
    pub fn push(&mut self, entry: Entry) {
        let Some(state) = self.states.get_mut(index(entry.lane)) else { return };
        state.queue.push(entry);
        self.sort(entry.lane);
    }
    /// Takes the oldest items that make a batch into `take`.
    pub fn batch(&mut self, lane: Lane, mut take: impl FnMut(Entry)) {
        let Some(state) = self.states.get_mut(index(lane)) else { return };
        let (mut count, mut bytes) = (0, 0u64);
        while count < self.batch_size {
            let Some(next) = state.queue.first() else { break };
            bytes = bytes.saturating_add(next.bytes);
            if count > 0 && bytes > self.batch_bytes {
                break;
            }
            if let Some(entry) = state.queue.pop() {
                take(entry);
            }
            count += 1;
        }
        self.sort(lane);
    }
    /// Takes that one out.
    pub fn remove(&mut self, lane: Lane, id: Id) -> Option<Entry> {
        let entry = self.states.get_mut(index(lane))?.queue.remove(id)?;
        self.sort(lane);
        Some(entry)
    }
    /// Takes the oldest of a lane.
    pub fn pop(&mut self, lane: Lane) -> Option<Entry> {
        let entry = self.states.get_mut(index(lane))?.queue.pop()?;
        self.sort(lane);
        Some(entry)
    }
    /// The oldest that waits: its id, its lane, when it came.
    pub fn oldest(&self) -> Option<(Id, Lane, Millis)> {
        self.heads.first().and_then(|&head| self.with_time(head))
    }
    /// The same of the lanes that have a batch together.
    pub fn oldest_full(&self) -> Option<(Id, Lane, Millis)> {
        self.full.first().and_then(|&head| self.with_time(head))
    }
    fn with_time(&self, (id, lane): (Id, Lane)) -> Option<(Id, Lane, Millis)> {
        Some((id, lane, self.states.get(index(lane))?.queue.first()?.at))
    }
    /// Whether it has the items of a batch; the bytes.
    pub fn fills(&self, lane: Lane) -> (bool, bool) {
        let queue = self.states.get(index(lane)).map(|state| &state.queue);
        queue.map_or((false, false), |queue| {
            (queue.len() >= self.batch_size, !queue.is_empty() && queue.bytes() >= self.batch_bytes)
        })
    }
    /// What is missing to a batch; the first item is missing before that.
    pub fn need(&self, lane: Lane) -> Need {
        let queue = self.states.get(index(lane)).map(|state| &state.queue);
        let Some(queue) = queue.filter(|queue| !queue.is_empty()) else {
            return Need { items: 1, bytes: u64::MAX };
        };
        let items = self.batch_size.saturating_sub(queue.len()).max(1);
        let bytes = match self.batch_bytes {
            u64::MAX => u64::MAX,
            bound => bound.saturating_sub(queue.bytes()).max(1),
        };
        Need { items: u64::try_from(items).unwrap_or(u64::MAX), bytes }
    }
    /// A lane whose need may have changed; each is said once.
    pub fn changed(&mut self) -> Option<Lane> {
        let lane = self.changed.pop()?;
        if let Some(state) = self.states.get_mut(index(lane)) {
            state.changed = false;
        }
        Some(lane)
    }
    /// All that wait, lane by lane.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.heads
            .iter()
            .filter_map(|&(_, lane)| self.states.get(index(lane)))
            .flat_map(|state| state.queue.iter())
    }
    /// Puts a lane where it belongs after a change.
    fn sort(&mut self, lane: Lane) {
        let (batch_size, batch_bytes) = (self.batch_size, self.batch_bytes);
        let Some(state) = self.states.get_mut(index(lane)) else { return };
        if !state.changed {
            state.changed = true;
            self.changed.push(lane);
        }
        let head = state.queue.first().map(|entry| entry.id);
        let full = head.is_some() && (state.queue.len() >= batch_size || state.queue.bytes() >= batch_bytes);
        if head == state.head && full == state.full {
            return;
        }
        if let Some(old) = state.head {
            if state.full {
                self.full.remove(&(old, lane));
            }
            if head != state.head {
                self.heads.remove(&(old, lane));
            }
        }
        if let Some(new) = head {
            if full {
                self.full.insert((new, lane));
            }
            if head != state.head {
                self.heads.insert((new, lane));
            }
        }
        state.head = head;
        state.full = full;
    }
}

fn index(lane: Lane) -> usize {
    usize::try_from(lane).unwrap_or(usize::MAX)
}
