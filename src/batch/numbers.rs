//! The numbers that a machine shares with its shell, as bits that both may touch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Float64 numbers.
pub struct Numbers(Arc<[AtomicU64]>);
impl Numbers {
    /// So many zeros.
    pub fn new(length: usize) -> Self {
        Self((0..length).map(|_| AtomicU64::new(0)).collect())
    }
    /// Their memory.
    pub fn cells(&self) -> &Arc<[AtomicU64]> {
        &self.0
    }
    /// The number at a place.
    pub fn get(&self, place: usize) -> f64 {
        self.0.get(place).map_or(0.0, |bits| f64::from_bits(bits.load(Relaxed)))
    }
    /// Writes a number.
    pub fn set(&self, place: usize, number: f64) {
        if let Some(bits) = self.0.get(place) {
            bits.store(number.to_bits(), Relaxed);
        }
    }
    /// Writes numbers from a place on.
    pub fn set_all(&self, from: usize, numbers: &[f64]) {
        let cells = self.0.get(from..from + numbers.len()).unwrap_or_default();
        for (bits, number) in cells.iter().zip(numbers) {
            bits.store(number.to_bits(), Relaxed);
        }
    }
}

/// A number of JavaScript as a whole one; Infinity is the largest.
pub fn whole(number: f64) -> u64 {
    number as u64
}
/// A count or a time, for which the way of signed numbers is the shorter one.
pub fn count(number: f64) -> u64 {
    (number as i64).max(0) as u64
}
/// The same the other way round.
pub fn float(count: u64) -> f64 {
    count as i64 as f64
}
/// A whole number of which the largest means Infinity.
pub fn number(whole: u64) -> f64 {
    if whole == u64::MAX { f64::INFINITY } else { float(whole) }
}
/// 1 or 0.
pub fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}
