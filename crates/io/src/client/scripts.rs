//! The scripts that a client is sent: those of our own connection, so that both kinds of instances know each other's
//! leases and tags.

pub use crate::redis::lease::lease_keys;
/// Takes or renews a lease: the token, or 0.
pub const TAKE: &str = crate::redis::lease::TAKE;
/// Ends a lease.
pub const RELEASE: &str = crate::redis::lease::RELEASE;
/// Adds a member to a tag.
pub const TAG: &str = crate::redis::write::TAG;
