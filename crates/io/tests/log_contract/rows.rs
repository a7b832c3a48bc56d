//! Rows, claims and stores, in short.

use bytes::Bytes;
use redb::backends::InMemoryBackend;
use sluice_io::log::{Change, RedbStore, Row, Seen};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub fn mail() -> Arc<str> {
    "mail".into()
}
pub fn row(seq: u64, key: Option<&str>, payload: &'static [u8]) -> Row {
    Row { seq, at: seq, attempts: 0, key: key.map(Into::into), tag: 1, payload: Bytes::from_static(payload) }
}
pub fn accept(row: Row, claim: bool) -> Change {
    Change::Accept { queue: mail(), row, claim }
}
pub fn seen(key: &str, pending: Option<u64>, expires: u64, result: Option<&'static str>) -> Seen {
    Seen { key: key.into(), pending, expires, result: result.map(|text| Bytes::from_static(text.as_bytes())) }
}
pub fn dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("sluice-log-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
pub fn in_memory(max_bytes: u64) -> RedbStore {
    RedbStore::create_on(InMemoryBackend::new(), Path::new("memory"), max_bytes).unwrap()
}
