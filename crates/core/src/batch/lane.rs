//! Lanes: who waits for its first hand-over, and which lane leaves next.

use super::queue::{Queue, Run};
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
    batch_size: u64,
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
            batch_size: u64::from(config.batch_size).max(1),
            batch_bytes: config.batch_bytes,
        }
    }
    /// Batches have another size from now on.
    pub fn resize(&mut self, batch_size: u32) {
        self.batch_size = batch_size.into();
        let lanes = Lane::try_from(self.states.len()).unwrap_or(Lane::MAX);
        (0..lanes).for_each(|lane| self.sort(lane));
    }
    /// So many items come into being.
    pub fn enter(&mut self, lane: Lane, items: u64) {
        let place = index(lane);
        if self.states.len() <= place {
            self.states.resize_with(place.saturating_add(1), State::default);
        }
        if let Some(state) = self.states.get_mut(place) {
            state.items += items;
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
    pub fn push(&mut self, run: Run) {
        let Some(state) = self.states.get_mut(index(run.lane)) else { return };
        state.queue.push(run);
        self.sort(run.lane);
    }
    /// Takes the oldest items that make a batch into `take`.
    pub fn batch(&mut self, lane: Lane, mut take: impl FnMut(Run)) {
        let Some(state) = self.states.get_mut(index(lane)) else { return };
        let (mut left, mut bytes) = (self.batch_size, Some(self.batch_bytes));
        while let (Some(room), Some(next)) = (bytes, state.queue.first()) {
            let most = room.checked_div(next.bytes).unwrap_or(u64::MAX);
            // an item that is larger than a batch may be goes alone
            let most = if left == self.batch_size { most.max(1) } else { most };
            let Some(run) = state.queue.pop(most.min(left)) else { break };
            left -= run.count;
            bytes = room.checked_sub(run.sum());
            take(run);
        }
        self.sort(lane);
    }
    /// Takes that one out.
    pub fn remove(&mut self, lane: Lane, id: Id) -> Option<Run> {
        let item = self.states.get_mut(index(lane))?.queue.remove(id)?;
        self.sort(lane);
        Some(item)
    }
    /// Takes the oldest of a lane.
    pub fn pop(&mut self, lane: Lane) -> Option<Run> {
        let item = self.states.get_mut(index(lane))?.queue.pop(1)?;
        self.sort(lane);
        Some(item)
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
    /// What is missing to a batch.
    pub fn need(&self, lane: Lane) -> Need {
        let queue = self.states.get(index(lane)).map(|state| &state.queue);
        let (items, bytes) = queue.map_or((0, 0), |queue| (queue.len(), queue.bytes()));
        let items = self.batch_size.saturating_sub(items).max(1);
        let bytes = match self.batch_bytes {
            u64::MAX => u64::MAX,
            bound => bound.saturating_sub(bytes).max(1),
        };
        Need { items, bytes }
    }
    /// A lane whose need may have changed; each is said once.
    pub fn changed(&mut self) -> Option<Lane> {
        let lane = self.changed.pop()?;
        if let Some(state) = self.states.get_mut(index(lane)) {
            state.changed = false;
        }
        Some(lane)
    }
    /// All that wait, each alone, lane by lane.
    pub fn iter(&self) -> impl Iterator<Item = Run> {
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
        let head = state.queue.first().map(|run| run.id);
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

#[cfg(test)]
mod tests {
    use super::super::types::{Backoff, Overflow};
    use super::*;

    fn lanes(batch_size: u32, batch_bytes: u64) -> Lanes {
        let backoff = Backoff { min_ms: 1, max_ms: 1, factor: 1.0, jitter: 0.0 };
        Lanes::new(&Config {
            batch_size,
            batch_bytes,
            batch_timeout_ms: 1,
            adaptive: false,
            concurrency: 1,
            handler_timeout_ms: 0,
            max_size: 1,
            overflow: Overflow::Wait,
            high_water: 1.0,
            retries: 0,
            backoff,
            max_dead_letters: 0,
            pull: false,
            durable: false,
        })
    }
    fn push(lanes: &mut Lanes, lane: Lane, id: Id, bytes: u64) {
        lanes.enter(lane, 1);
        lanes.push(Run { id, count: 1, bytes, at: id, lane });
    }
    fn batch(lanes: &mut Lanes, lane: Lane) -> Vec<Id> {
        let mut ids = vec![];
        lanes.batch(lane, |run| ids.extend(run.id..=run.last()));
        ids
    }

    #[test]
    fn the_oldest_lane_and_the_oldest_full_one_are_known_through_every_change() {
        let mut lanes = lanes(2, u64::MAX);
        [(1, 1), (2, 2), (2, 3), (3, 4), (3, 5)]
            .into_iter()
            .for_each(|(lane, id)| push(&mut lanes, lane, id, 1));
        assert_eq!((lanes.oldest(), lanes.oldest_full()), (Some((1, 1, 1)), Some((2, 2, 2))));
        assert_eq!(lanes.remove(2, 2).map(|item| item.id), Some(2));
        assert_eq!((lanes.oldest(), lanes.oldest_full()), (Some((1, 1, 1)), Some((4, 3, 4))));
        assert_eq!(lanes.pop(1).map(|item| item.id), Some(1));
        assert_eq!((batch(&mut lanes, 3), lanes.oldest_full()), (vec![4, 5], None));
        assert_eq!(lanes.oldest(), Some((3, 2, 3)));
        assert_eq!(lanes.iter().map(|item| item.id).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn an_item_above_the_bytes_of_a_batch_goes_alone() {
        let mut lanes = lanes(10, 100);
        [(1, 40), (2, 60), (3, 500), (4, 99), (5, 2)]
            .into_iter()
            .for_each(|(id, bytes)| push(&mut lanes, 0, id, bytes));
        assert_eq!(lanes.fills(0), (false, true));
        assert_eq!((batch(&mut lanes, 0), batch(&mut lanes, 0)), (vec![1, 2], vec![3]));
        assert_eq!(batch(&mut lanes, 0), [4]);
        assert_eq!((lanes.fills(0), lanes.oldest_full()), ((false, false), None));
    }

    #[test]
    fn needs_are_what_is_missing_to_a_batch() {
        let mut lanes = lanes(3, 100);
        assert_eq!(lanes.need(7), Need { items: 3, bytes: 100 });
        push(&mut lanes, 7, 1, 30);
        assert_eq!(lanes.need(7), Need { items: 2, bytes: 70 });
        push(&mut lanes, 7, 2, 10);
        assert_eq!(lanes.need(7), Need { items: 1, bytes: 60 });
        assert_eq!((lanes.changed(), lanes.changed()), (Some(7), None));
    }

    #[test]
    fn a_lane_is_forgotten_once_when_its_last_item_is_settled_and_lane_0_never() {
        let mut lanes = lanes(3, 100);
        lanes.enter(0, 1);
        lanes.enter(5, 2);
        lanes.leave(0, 1);
        lanes.leave(5, 1);
        assert_eq!(lanes.forgotten(), None);
        lanes.leave(5, 1);
        lanes.enter(5, 1);
        assert_eq!(lanes.forgotten(), None);
        lanes.leave(5, 1);
        assert_eq!((lanes.forgotten(), lanes.forgotten()), (Some(5), None));
    }

    #[test]
    fn lanes_that_are_forgotten_take_no_room() {
        let mut lanes = lanes(3, 100);
        (0..10_000).for_each(|lane| lanes.enter(lane, 1));
        (0..10_000).for_each(|lane| lanes.leave(lane, 1));
        while lanes.forgotten().is_some() {}
        assert!(lanes.states.len() <= SPARE);
    }
}
