//! S3-FIFO: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023.
//!
//! What is new waits in a small queue, a tenth of the room. What was asked for more than once there goes on to the main
//! queue, the rest leaves and is remembered, by hash, as a ghost; a ghost that comes back goes to the main queue at
//! once. The main queue gives each entry another round for each of up to three hits. A hit moves nothing.

use super::Limits;
use super::queue::{Nodes, Queue};

const SMALL: u8 = 1;
const MAIN: u8 = 2;

/// The small and the main queue, and what left the small one.
#[derive(Debug)]
pub struct S3Fifo {
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
    /// A tenth of the room.
    small_limits: Limits,
}
impl S3Fifo {
    pub fn new(limits: Limits) -> Self {
        let small_limits = Limits {
            max_entries: (limits.max_entries / 10).max(1),
            max_weight: (limits.max_weight / 10).max(1),
        };
        Self { small: Queue::default(), main: Queue::default(), ghosts: Ghosts::default(), small_limits }
    }
    pub fn insert(&mut self, nodes: &mut Nodes, slot: u32) {
        let queue = if self.ghosts.take(nodes.hash(slot)) { MAIN } else { SMALL };
        nodes.set_queue(slot, queue);
        self.queue_of(queue).push(nodes, slot);
    }
    pub fn touch(&mut self, nodes: &mut Nodes, slot: u32) {
        nodes.hit(slot);
    }
    pub fn queue_of(&mut self, queue: u8) -> &mut Queue {
        if queue == SMALL { &mut self.small } else { &mut self.main }
    }
    pub fn victim(&mut self, nodes: &mut Nodes) -> Option<u32> {
        // ends: each round empties the small queue by one or spends a hit of the main one
        loop {
            let small_is_full = self.small.len() >= self.small_limits.max_entries
                || self.small.weight() >= self.small_limits.max_weight;
            let oldest = self.small.oldest().filter(|_| small_is_full || self.main.len() == 0);
            if let Some(slot) = oldest {
                self.small.unlink(nodes, slot);
                if nodes.hits(slot) < 2 {
                    self.ghosts.add(nodes.hash(slot), self.small.len() + self.main.len() + 1);
                    return Some(slot);
                }
                nodes.set_queue(slot, MAIN);
                self.main.push(nodes, slot);
                continue;
            }
            let slot = self.main.oldest()?;
            if nodes.hits(slot) == 0 {
                self.main.unlink(nodes, slot);
                return Some(slot);
            }
            nodes.spend_hit(slot);
            self.main.renew(nodes, slot);
        }
    }
}

/// Hashes of what left lately: as many as there are entries, in buckets of four.
#[derive(Debug, Default)]
struct Ghosts {
    buckets: Vec<[Ghost; 4]>,
    /// Counts what has left, from 1.
    clock: u32,
    /// How many of the last to leave are remembered.
    span: u32,
}
#[derive(Debug, Default, Clone, Copy)]
struct Ghost {
    fingerprint: u32,
    /// When it left; 0: nothing is here.
    left: u32,
}
impl Ghosts {
    fn bucket(&mut self, hash: u64) -> Option<&mut [Ghost; 4]> {
        let mask = self.buckets.len().wrapping_sub(1);
        self.buckets.get_mut(hash as usize & mask)
    }
    fn add(&mut self, hash: u64, entries: u32) {
        // made when the cache is full for the first time, and anew when far more entries fit than then
        if self.buckets.is_empty() || entries / 2 > self.span {
            self.span = entries;
            self.buckets = vec![[Ghost::default(); 4]; (entries as usize / 3).next_power_of_two()];
        }
        self.clock = self.clock.wrapping_add(1).max(1);
        let clock = self.clock;
        let ghost = Ghost { fingerprint: (hash >> 32) as u32, left: clock };
        if let Some(bucket) = self.bucket(hash)
            && let Some(place) = bucket
                .iter_mut()
                .max_by_key(|held| if held.left == 0 { u32::MAX } else { clock.wrapping_sub(held.left) })
        {
            *place = ghost;
        }
    }
    /// Whether that hash left lately; it is forgotten.
    fn take(&mut self, hash: u64) -> bool {
        let (clock, span, fingerprint) = (self.clock, self.span, (hash >> 32) as u32);
        let Some(bucket) = self.bucket(hash) else { return false };
        let found = bucket.iter_mut().find(|held| held.left != 0 && held.fingerprint == fingerprint);
        found.is_some_and(|held| {
            let lately = clock.wrapping_sub(held.left) < span;
            held.left = 0;
            lately
        })
    }
}
