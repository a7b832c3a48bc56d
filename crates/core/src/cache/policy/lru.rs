//! The least recently used entry leaves first.

use super::queue::{Nodes, Queue};

const ALL: u8 = 1;

/// One queue, in the order of use.
#[derive(Debug, Default)]
pub struct Lru {
    all: Queue,
}
impl Lru {
    pub fn insert(&mut self, nodes: &mut Nodes, slot: u32) {
        nodes.set_queue(slot, ALL);
        self.all.push(nodes, slot);
    }
    pub fn touch(&mut self, nodes: &mut Nodes, slot: u32) {
        self.all.renew(nodes, slot);
    }
    pub fn queue_of(&mut self) -> &mut Queue {
        &mut self.all
    }
    pub fn victim(&mut self, nodes: &mut Nodes) -> Option<u32> {
        let slot = self.all.oldest()?;
        self.all.unlink(nodes, slot);
        Some(slot)
    }
}
