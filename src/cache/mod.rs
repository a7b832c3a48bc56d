//! The tiered cache.

pub mod client;
