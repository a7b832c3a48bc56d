//! Queues of slots, linked through one array that all queues of a table share: O(1) for everything, no allocation.

/// No slot.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Link {
    newer: u32,
    older: u32,
}

/// What is known of each slot. Numbers that were never handed out read as free.
#[derive(Debug, Default)]
pub struct Nodes {
    links: Vec<Link>,
    /// Which queue a slot is in, 0 for none, above its hits (two bits): one byte, so that noting a hit touches little.
    state: Vec<u8>,
    hashes: Vec<u64>,
    weights: Vec<u64>,
}

const HITS: u8 = 3;

impl Nodes {
    /// A slot that never was.
    pub fn grow(&mut self) -> u32 {
        self.links.push(Link { newer: NONE, older: NONE });
        self.state.push(0);
        self.hashes.push(0);
        self.weights.push(0);
        self.links.len() as u32 - 1
    }
    /// The hash of a slot's key.
    pub fn hash(&self, slot: u32) -> u64 {
        self.hashes.get(slot as usize).copied().unwrap_or(0)
    }
    /// Sets the hash of a slot's key.
    pub fn set_hash(&mut self, slot: u32, hash: u64) {
        if let Some(held) = self.hashes.get_mut(slot as usize) {
            *held = hash;
        }
    }
    /// What a slot weighs.
    pub fn weight(&self, slot: u32) -> u64 {
        self.weights.get(slot as usize).copied().unwrap_or(0)
    }
    /// Sets what a slot weighs; only while it is in no queue, or through `Queue::reweigh`.
    pub fn set_weight(&mut self, slot: u32, weight: u64) {
        if let Some(held) = self.weights.get_mut(slot as usize) {
            *held = weight;
        }
    }
    /// The queue of a slot; 0 when it is free.
    pub fn queue(&self, slot: u32) -> u8 {
        self.state.get(slot as usize).map_or(0, |state| state >> 2)
    }
    /// Names the queue of a slot, and forgets its hits.
    pub fn set_queue(&mut self, slot: u32, queue: u8) {
        if let Some(state) = self.state.get_mut(slot as usize) {
            *state = queue << 2;
        }
    }
    /// Hits of a slot, at most three.
    pub fn hits(&self, slot: u32) -> u8 {
        self.state.get(slot as usize).map_or(0, |state| state & HITS)
    }
    /// Notes a hit.
    pub fn hit(&mut self, slot: u32) {
        if let Some(state) = self.state.get_mut(slot as usize)
            && *state & HITS < HITS
        {
            *state += 1;
        }
    }
    /// Takes a hit back.
    pub fn spend_hit(&mut self, slot: u32) {
        if let Some(state) = self.state.get_mut(slot as usize)
            && *state & HITS > 0
        {
            *state -= 1;
        }
    }
    fn link(&self, slot: u32) -> Link {
        self.links.get(slot as usize).copied().unwrap_or(Link { newer: NONE, older: NONE })
    }
    fn set_newer(&mut self, slot: u32, newer: u32) {
        if let Some(link) = self.links.get_mut(slot as usize) {
            link.newer = newer;
        }
    }
    fn set_older(&mut self, slot: u32, older: u32) {
        if let Some(link) = self.links.get_mut(slot as usize) {
            link.older = older;
        }
    }
}

/// A queue: slots from the newest to the oldest.
#[derive(Debug)]
pub struct Queue {
    newest: u32,
    oldest: u32,
    len: u32,
    weight: u64,
}
impl Default for Queue {
    fn default() -> Self {
        Self { newest: NONE, oldest: NONE, len: 0, weight: 0 }
    }
}
impl Queue {
    /// How many slots are in it.
    pub fn len(&self) -> u32 {
        self.len
    }
    /// What they weigh together.
    pub fn weight(&self) -> u64 {
        self.weight
    }
    /// The slot that has been in it for longest.
    pub fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }
    /// Puts a slot, which is in no queue, at the newer end.
    pub fn push(&mut self, nodes: &mut Nodes, slot: u32) {
        nodes.set_newer(slot, NONE);
        nodes.set_older(slot, self.newest);
        if self.newest == NONE {
            self.oldest = slot;
        } else {
            nodes.set_newer(self.newest, slot);
        }
        self.newest = slot;
        self.len += 1;
        self.weight += nodes.weight(slot);
    }
    /// Takes a slot of this queue out.
    pub fn unlink(&mut self, nodes: &mut Nodes, slot: u32) {
        let Link { newer, older } = nodes.link(slot);
        match newer {
            NONE => self.newest = older,
            _ => nodes.set_older(newer, older),
        }
        match older {
            NONE => self.oldest = newer,
            _ => nodes.set_newer(older, newer),
        }
        self.len -= 1;
        self.weight -= nodes.weight(slot);
    }
    /// Moves a slot of this queue to the newer end.
    pub fn renew(&mut self, nodes: &mut Nodes, slot: u32) {
        if self.newest != slot {
            self.unlink(nodes, slot);
            self.push(nodes, slot);
        }
    }
    /// A slot of this queue weighs something else now.
    pub fn reweigh(&mut self, nodes: &mut Nodes, slot: u32, weight: u64) {
        self.weight = self.weight - nodes.weight(slot) + weight;
        nodes.set_weight(slot, weight);
    }
}
