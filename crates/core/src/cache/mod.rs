//! The tiered cache: what its tiers exchange and every decision about them. See docs/design/cache.md.

pub mod breaker;
pub mod channel;
pub mod coherence;
mod flight;
pub mod glob;
mod identity;
pub mod lifetime;
pub mod load;
pub mod missed;
mod negative;
pub mod overlay;
pub mod pages;
pub mod policy;
pub mod read;
mod record;
pub mod ring;
pub mod server_time;
pub mod stored;
pub mod wire;
pub mod write;

pub use flight::{Flights, Lease};
pub use identity::Identity;
pub use negative::Negative;
pub use record::{Record, Tag};

/// Whole milliseconds since 1970, wall clock.
pub type Millis = u64;
/// The deadline of what does not expire.
pub const NEVER: Millis = Millis::MAX;

/// The state of a key's epoch cell when a read began; see docs/design/cache.md.
pub type Epoch = i32;
/// A key's epoch and the era as one number, below 2^53 so that it crosses as such: it passes whenever either moves.
pub type Moment = u64;
/// The moment of an epoch and an era.
pub fn moment(epoch: Epoch, era: i32) -> Moment {
    u64::from(epoch as u32) | u64::from(era as u32 & 0x001f_ffff) << 32
}
/// How many epoch cells a memory tier has.
pub const CELLS: usize = 65_536;
/// The hash of a key: the same in every process and version, since the disk tier's ring holds it. Fixed, so callers
/// could be made to collide: a collision costs a miss, never a wrong value.
pub fn key_hash(key: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key)
}
/// The epoch cell of a key's hash.
pub fn cell_of(hash: u64) -> usize {
    (hash as usize) & (CELLS - 1)
}
/// Which tiers a call leaves out.
pub mod skip {
    /// Leave memory out.
    pub const MEMORY: u32 = 1;
    /// Leave Redis out.
    pub const REDIS: u32 = 2;
    /// Leave disk out.
    pub const DISK: u32 = 4;
    /// Do not fill the disk: it was not heard when the read began, and what was read may have changed since.
    pub const DISK_FILL: u32 = 8;
}
