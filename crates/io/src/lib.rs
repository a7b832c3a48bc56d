//! The world around the engines: worker threads and, as engines need them, sockets and disks. No Node.js here.

pub mod cache;
pub mod claims;
pub mod client;
pub mod counters;
pub mod disk;
pub mod inflate;
pub mod limits;
pub mod log;
pub mod memory;
mod outage;
pub mod pool;
pub mod redis;
pub mod runtime;
pub mod ticker;
