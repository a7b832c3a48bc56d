//! The driver of the tiered cache: runs the core's machines on memory, Redis and disk. See docs/design/cache.md.

mod client;
mod closing;
pub mod config;
mod disk;
mod doubt;
mod engine;
mod events;
mod keys;
mod load;
mod queue;
mod read;
mod remove;
mod ticket;
mod write;

pub use crate::memory::Removal;
pub use client::Answered;
pub use engine::{Counters, Engine, Health};
pub use events::{Event, Kinds, Subscriber};
pub use read::{CopyHit, Looked};
pub use ticket::{Hit, Inbox, Reply, Seen};
pub use write::{Guard, Value};
