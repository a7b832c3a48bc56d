//! What is kept of a key: 52 bytes.

use super::super::Millis;
use super::pages::{Linked, NIL};

/// The bytes of the log that a record holds itself.
pub(super) const INLINE: usize = 12;
/// `len` of a record whose log is a chain of blocks.
pub(super) const CHAINED: u8 = u8::MAX;

/// A key. What the numbers mean is said by its algorithm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    hash: [u32; 2],
    time_low: u32,
    /// exact: the newest time less the oldest; counter: the previous bucket; gcra: 2^-32 ms.
    pub span: u32,
    /// exact: weight in the window; counter: the current bucket.
    pub used: u32,
    /// exact: weight of the newest millisecond; else when it was moved in the order of use, the low half.
    pub open: u32,
    /// The limit that it was held to last, when that was its own.
    pub own_limit: u32,
    pub newer: u32,
    pub older: u32,
    /// exact: bytes, or where their blocks are; counter: the window of its buckets.
    pub log: [u8; INLINE],
    time_high: u16,
    /// exact: bytes of the log, or `CHAINED`.
    pub len: u8,
    flags: u8,
}
const HELD: u8 = 1;
const OWN_LIMIT: u8 = 2;

impl Default for Record {
    fn default() -> Self {
        Self {
            hash: [0; 2],
            time_low: 0,
            span: 0,
            used: 0,
            open: 0,
            own_limit: 0,
            newer: NIL,
            older: NIL,
            log: [0; INLINE],
            time_high: 0,
            len: 0,
            flags: 0,
        }
    }
}
impl Linked for Record {
    fn link(&self) -> u32 {
        self.older
    }
    fn set_link(&mut self, to: u32) {
        self.older = to;
    }
}
impl Record {
    pub fn new(hash: u64) -> Self {
        Self { hash: [hash as u32, (hash >> 32) as u32], ..Self::default() }
    }
    #[inline]
    pub fn hash(&self) -> u64 {
        let [low, high] = self.hash;
        u64::from(low) | u64::from(high) << 32
    }
    /// exact: the newest; counter: when the current bucket began; gcra: the theoretical arrival time. Up to 2^48.
    #[inline]
    pub fn time(&self) -> Millis {
        u64::from(self.time_low) | u64::from(self.time_high) << 32
    }
    #[inline]
    pub fn set_time(&mut self, time: Millis) {
        self.time_low = time as u32;
        self.time_high = (time >> 32) as u16;
    }
    /// counter: the window that its buckets are of; 0: it has none yet.
    #[inline]
    pub fn window(&self) -> Millis {
        let [a, b, c, d, ..] = self.log;
        u64::from(u32::from_le_bytes([a, b, c, d]))
    }
    /// Up to 2^31.
    pub fn set_window(&mut self, window_ms: Millis) {
        let [a, b, c, d] = (window_ms as u32).to_le_bytes();
        (self.log[0], self.log[1], self.log[2], self.log[3]) = (a, b, c, d);
    }
    /// Its limit, where `common` is that of who has none of its own.
    pub fn limit(&self, common: u32) -> u32 {
        if self.flags & OWN_LIMIT != 0 { self.own_limit } else { common }
    }
    pub fn set_limit(&mut self, own: Option<u32>) {
        self.own_limit = own.unwrap_or(0);
        self.flags = if own.is_some() { self.flags | OWN_LIMIT } else { self.flags & !OWN_LIMIT };
    }
    /// Set aside, since it was at its limit.
    pub fn is_held(&self) -> bool {
        self.flags & HELD != 0
    }
    pub fn set_held(&mut self, held: bool) {
        self.flags = if held { self.flags | HELD } else { self.flags & !HELD };
    }
}
