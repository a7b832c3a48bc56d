//! The sliding window: when permits were taken. No bucket edges, so no double burst.

use super::super::Millis;
use std::collections::VecDeque;

/// A log of the permits that count, oldest first, one entry for each millisecond in which some were taken.
#[derive(Debug, Clone, Default)]
pub struct Window {
    entries: VecDeque<(Millis, u64)>,
    used: u64,
}
impl Window {
    /// Forgets what was taken a window or longer ago.
    pub fn expire(&mut self, now: Millis, window_ms: Millis) {
        while let Some(&(at, weight)) = self.entries.front() {
            if at.saturating_add(window_ms) > now {
                break;
            }
            self.used -= weight;
            self.entries.pop_front();
        }
    }
    /// Permits taken that count.
    pub fn used(&self) -> u64 {
        self.used
    }
    /// Counts permits. Times only grow: an older one counts from the latest that is known, which forgives nothing.
    pub fn book(&mut self, at: Millis, weight: u64) {
        if weight == 0 {
            return;
        }
        self.used += weight;
        match self.entries.back_mut() {
            Some((last, sum)) if at <= *last => *sum += weight,
            _ => self.entries.push_back((at, weight)),
        }
    }
    /// From when on at most `most` of what counts now is left; None: already.
    pub fn down_to(&self, most: u64, window_ms: Millis) -> Option<Millis> {
        let mut left = self.used;
        for &(at, weight) in &self.entries {
            if left <= most {
                return None;
            }
            left -= weight;
            if left <= most {
                return Some(at.saturating_add(window_ms));
            }
        }
        None
    }
    /// From when on nothing counts any more; None: nothing does.
    pub fn empty_at(&self, window_ms: Millis) -> Option<Millis> {
        self.entries.back().map(|&(at, _)| at.saturating_add(window_ms))
    }
    /// Counts everything from the latest time, which forgives nothing, and takes least memory.
    pub fn collapse(&mut self) {
        let Some(&(last, _)) = self.entries.back() else { return };
        self.entries = VecDeque::from([(last, self.used)]);
    }
    /// Bytes of the log.
    pub fn bytes(&self) -> u64 {
        (self.entries.capacity() * size_of::<(Millis, u64)>()) as u64
    }
}
