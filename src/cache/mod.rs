//! The tiered cache.

pub mod client;
pub mod key;
pub mod slots;
