//! The tiered cache.

pub mod key;
pub mod slots;
