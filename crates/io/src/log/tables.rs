//! The tables of a log's file.

use redb::TableDefinition;

/// Format version and the file's identity.
pub(super) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
/// Queues by name, with their number: see `codec::State`.
pub(super) const QUEUES: TableDefinition<&str, &[u8]> = TableDefinition::new("queues");
/// (queue, seq) -> item.
pub(super) const PENDING: TableDefinition<(u32, u64), &[u8]> = TableDefinition::new("pending");
/// (queue, seq) -> letter.
pub(super) const DEAD: TableDefinition<(u32, u64), &[u8]> = TableDefinition::new("dead");
/// (queue, key) -> what became of it.
pub(super) const SEEN: TableDefinition<(u32, &str), &[u8]> = TableDefinition::new("seen");
/// (queue, expires, key): `seen` in the order in which it expires.
pub(super) const EXPIRY: TableDefinition<(u32, u64, &str), ()> = TableDefinition::new("expiry");
/// Notes of the directory's, by name.
pub(super) const NOTES: TableDefinition<&str, &str> = TableDefinition::new("notes");

pub(super) const FORMAT: &str = "format";
pub(super) const ID: &str = "id";
/// What this code writes, and the newest that it reads.
pub(super) const VERSION: u32 = 1;
