//! The link against real servers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

#[path = "../support/redis.rs"]
mod servers;
mod witness;

mod commands;
mod failover;
mod faults;
mod formats;
mod refusals;
mod tls;
mod tracking;
