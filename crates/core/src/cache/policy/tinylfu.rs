//! W-TinyLFU: Einziger, Friedman, Manes, "TinyLFU: a highly efficient cache admission policy", ACM ToS 2017.
//!
//! What is new enters a window, a hundredth of the room. What drops out of the window meets the entry that the main part
//! would give up, and the one that was used less often lately leaves. The main part is a segmented LRU: what is used
//! again on probation is protected, up to four fifths.

use super::Limits;
use super::queue::{Nodes, Queue};
use super::sketch::Sketch;

const WINDOW: u8 = 1;
const PROBATION: u8 = 2;
const PROTECTED: u8 = 3;

/// The window, the two segments of the main part, and how often keys were used.
#[derive(Debug)]
pub struct TinyLfu {
    window: Queue,
    probation: Queue,
    protected: Queue,
    sketch: Sketch,
    window_limits: Limits,
    protected_limits: Limits,
}
impl TinyLfu {
    pub fn new(limits: Limits) -> Self {
        let window_limits = Limits {
            max_entries: (limits.max_entries / 100).max(1),
            max_weight: (limits.max_weight / 100).max(1),
        };
        let protected_limits = Limits {
            max_entries: ((limits.max_entries - window_limits.max_entries) / 5).saturating_mul(4),
            max_weight: (limits.max_weight.saturating_sub(window_limits.max_weight) / 5).saturating_mul(4),
        };
        Self {
            window: Queue::default(),
            probation: Queue::default(),
            protected: Queue::default(),
            sketch: Sketch::default(),
            window_limits,
            protected_limits,
        }
    }
    pub fn insert(&mut self, nodes: &mut Nodes, slot: u32) {
        let entries = self.window.len() + self.probation.len() + self.protected.len() + 1;
        self.sketch.reserve(entries as usize);
        self.sketch.count(nodes.hash(slot));
        nodes.set_queue(slot, WINDOW);
        self.window.push(nodes, slot);
        // there is room, so what the window gives up is not contested
        while self.window.len() > 1
            && (self.window.len() > self.window_limits.max_entries
                || self.window.weight() > self.window_limits.max_weight)
        {
            let Some(oldest) = self.window.oldest() else { break };
            self.window.unlink(nodes, oldest);
            self.admit(nodes, oldest);
        }
    }
    /// Puts what left the window on probation.
    fn admit(&mut self, nodes: &mut Nodes, slot: u32) {
        nodes.set_queue(slot, PROBATION);
        self.probation.push(nodes, slot);
    }
    pub fn touch(&mut self, nodes: &mut Nodes, slot: u32) {
        self.sketch.count(nodes.hash(slot));
        match nodes.queue(slot) {
            WINDOW => self.window.renew(nodes, slot),
            PROTECTED => self.protected.renew(nodes, slot),
            _ => {
                self.probation.unlink(nodes, slot);
                nodes.set_queue(slot, PROTECTED);
                self.protected.push(nodes, slot);
                while self.protected.len() > self.protected_limits.max_entries
                    || self.protected.weight() > self.protected_limits.max_weight
                {
                    let Some(oldest) = self.protected.oldest() else { break };
                    self.protected.unlink(nodes, oldest);
                    self.admit(nodes, oldest);
                }
            }
        }
    }
    pub fn queue_of(&mut self, queue: u8) -> &mut Queue {
        match queue {
            WINDOW => &mut self.window,
            PROTECTED => &mut self.protected,
            _ => &mut self.probation,
        }
    }
    pub fn victim(&mut self, nodes: &mut Nodes) -> Option<u32> {
        let window_is_full = self.window.len() >= self.window_limits.max_entries
            || self.window.weight() >= self.window_limits.max_weight;
        let candidate = self.window.oldest().filter(|_| window_is_full);
        let incumbent = self.probation.oldest().or_else(|| self.protected.oldest());
        let leaves = match (candidate, incumbent) {
            (Some(candidate), Some(incumbent)) => {
                let [new, old] = [candidate, incumbent].map(|slot| self.sketch.frequency(nodes.hash(slot)));
                if new > old {
                    self.window.unlink(nodes, candidate);
                    self.admit(nodes, candidate);
                    incumbent
                } else {
                    candidate
                }
            }
            (Some(slot), None) | (None, Some(slot)) => slot,
            (None, None) => self.window.oldest()?,
        };
        let queue = nodes.queue(leaves);
        self.queue_of(queue).unlink(nodes, leaves);
        Some(leaves)
    }
}
