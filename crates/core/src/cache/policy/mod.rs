//! Which entry leaves a store of live values. The values are JavaScript's; here an entry is a slot: a small number
//! with the hash of its key and, where the caller weighs values, a weight.

mod lru;
mod queue;
mod s3fifo;
mod sketch;
#[cfg(test)]
mod tests;
mod tinylfu;

use lru::Lru;
use queue::{Nodes, Queue};
use s3fifo::S3Fifo;
use tinylfu::TinyLfu;

/// Which entry leaves first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The least recently used one, exactly.
    Lru,
    /// W-TinyLFU.
    TinyLfu,
    /// S3-FIFO.
    S3Fifo,
}

/// How much a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries, at least 1.
    pub max_entries: u32,
    /// Their weights together; `u64::MAX` where nothing is weighed.
    pub max_weight: u64,
}

#[derive(Debug)]
enum Order {
    Lru(Lru),
    TinyLfu(Box<TinyLfu>),
    S3Fifo(Box<S3Fifo>),
}
impl Order {
    fn new(policy: Policy, limits: Limits) -> Self {
        match policy {
            Policy::Lru => Order::Lru(Lru::default()),
            Policy::TinyLfu => Order::TinyLfu(Box::new(TinyLfu::new(limits))),
            Policy::S3Fifo => Order::S3Fifo(Box::new(S3Fifo::new(limits))),
        }
    }
    fn insert(&mut self, nodes: &mut Nodes, slot: u32) {
        match self {
            Order::Lru(order) => order.insert(nodes, slot),
            Order::TinyLfu(order) => order.insert(nodes, slot),
            Order::S3Fifo(order) => order.insert(nodes, slot),
        }
    }
    /// The queue that a slot is in.
    fn queue_of(&mut self, queue: u8) -> &mut Queue {
        match self {
            Order::Lru(order) => order.queue_of(),
            Order::TinyLfu(order) => order.queue_of(queue),
            Order::S3Fifo(order) => order.queue_of(queue),
        }
    }
    /// Picks what leaves, and takes it out of its queue.
    fn victim(&mut self, nodes: &mut Nodes) -> Option<u32> {
        match self {
            Order::Lru(order) => order.victim(nodes),
            Order::TinyLfu(order) => order.victim(nodes),
            Order::S3Fifo(order) => order.victim(nodes),
        }
    }
}

/// The slots of a store.
#[derive(Debug)]
pub struct SlotTable {
    policy: Policy,
    limits: Limits,
    nodes: Nodes,
    order: Order,
    free: Vec<u32>,
    /// Uses by slot that the store behind has not been told of.
    untold: Vec<u8>,
    entries: u32,
    weight: u64,
}
/// The store behind is told of an entry's first use, then of one in so many.
const TELL_EVERY: u8 = 8;
impl SlotTable {
    /// An empty table.
    pub fn new(policy: Policy, limits: Limits) -> Self {
        let limits = Limits { max_entries: limits.max_entries.clamp(1, u32::MAX - 1), ..limits };
        let order = Order::new(policy, limits);
        let (nodes, free, untold) = Default::default();
        Self { policy, limits, nodes, order, free, untold, entries: 0, weight: 0 }
    }
    /// Takes an entry in and returns its slot. What had to leave for it is added to `evicted`; the slot may be one of
    /// those. None when it is heavier than all room there is: nothing left then.
    pub fn admit(&mut self, hash: u64, weight: u64, evicted: &mut Vec<u32>) -> Option<u32> {
        if weight > self.limits.max_weight {
            return None;
        }
        self.make_room(1, weight, evicted);
        let slot = self.free.pop().unwrap_or_else(|| self.nodes.grow());
        self.nodes.set_hash(slot, hash);
        self.nodes.set_weight(slot, weight);
        self.order.insert(&mut self.nodes, slot);
        if let Some(untold) = self.untold.get_mut(slot as usize) {
            *untold = 0;
        }
        self.entries += 1;
        self.weight += weight;
        Some(slot)
    }
    /// Notes uses, in their order; free slots are passed over.
    pub fn touch(&mut self, slots: impl IntoIterator<Item = u32>) {
        let nodes = &mut self.nodes;
        match &mut self.order {
            Order::Lru(order) => each(nodes, slots, |nodes, slot| order.touch(nodes, slot)),
            Order::TinyLfu(order) => each(nodes, slots, |nodes, slot| order.touch(nodes, slot)),
            Order::S3Fifo(order) => each(nodes, slots, |nodes, slot| order.touch(nodes, slot)),
        }
    }
    /// For a table in front of another store: the hashes by which to tell that one of these uses, so that what is hot
    /// here does not look cold there. A small share of them; free slots are passed over.
    pub fn tell(&mut self, slots: impl IntoIterator<Item = u32>, mut told: impl FnMut(u64)) {
        for slot in slots {
            if self.nodes.queue(slot) == 0 {
                continue;
            }
            let at = slot as usize;
            if at >= self.untold.len() {
                self.untold.resize(at + 1, 0);
            }
            if let Some(untold) = self.untold.get_mut(at) {
                if *untold == 0 {
                    told(self.nodes.hash(slot));
                }
                *untold = (*untold + 1) % TELL_EVERY;
            }
        }
    }
    /// An entry weighs something else now; others may have to leave. False when it is heavier than all room: then it
    /// has left itself, and is not among `evicted`.
    pub fn resize(&mut self, slot: u32, weight: u64, evicted: &mut Vec<u32>) -> bool {
        let queue = self.nodes.queue(slot);
        if queue == 0 {
            return false;
        }
        if weight > self.limits.max_weight {
            self.remove(slot);
            return false;
        }
        let others = self.weight - self.nodes.weight(slot);
        if weight <= self.limits.max_weight - others {
            self.order.queue_of(queue).reweigh(&mut self.nodes, slot, weight);
            self.weight = others + weight;
            return true;
        }
        // out of its queue, it cannot be what leaves
        self.order.queue_of(queue).unlink(&mut self.nodes, slot);
        self.weight = others;
        self.make_room(0, weight, evicted);
        self.nodes.set_weight(slot, weight);
        self.order.queue_of(queue).push(&mut self.nodes, slot);
        self.weight += weight;
        true
    }
    /// Frees a slot. True when it was in use.
    pub fn remove(&mut self, slot: u32) -> bool {
        let queue = self.nodes.queue(slot);
        if queue == 0 {
            return false;
        }
        self.order.queue_of(queue).unlink(&mut self.nodes, slot);
        self.release(slot);
        true
    }
    /// Frees all slots, and forgets what was used how often.
    pub fn clear(&mut self) {
        *self = Self::new(self.policy, self.limits);
    }
    /// The hash of the key of a slot in use.
    pub fn hash(&self, slot: u32) -> Option<u64> {
        (self.nodes.queue(slot) != 0).then(|| self.nodes.hash(slot))
    }
    /// How many slots are in use.
    pub fn entries(&self) -> u32 {
        self.entries
    }
    /// What their entries weigh.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    fn make_room(&mut self, entries: u32, weight: u64, evicted: &mut Vec<u32>) {
        while self.entries + entries > self.limits.max_entries
            || weight > self.limits.max_weight - self.weight
        {
            let Some(slot) = self.order.victim(&mut self.nodes) else { return };
            self.release(slot);
            evicted.push(slot);
        }
    }
    fn release(&mut self, slot: u32) {
        self.entries -= 1;
        self.weight -= self.nodes.weight(slot);
        self.nodes.set_queue(slot, 0);
        self.free.push(slot);
    }
}

fn each(nodes: &mut Nodes, slots: impl IntoIterator<Item = u32>, mut touch: impl FnMut(&mut Nodes, u32)) {
    for slot in slots {
        if nodes.queue(slot) != 0 {
            touch(nodes, slot);
        }
    }
}
