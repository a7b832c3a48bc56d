//! What every store of rows must do, held against a model of plain maps.

#[path = "log/model.rs"]
mod model;

use bytes::Bytes;
use sluice_io::log::{Change, DurableStore, RedbStore, Row};
use std::path::PathBuf;
use std::sync::Arc;

fn row(seq: u64, key: Option<&str>, payload: &'static [u8]) -> Row {
    Row { seq, at: seq, attempts: 0, key: key.map(Into::into), tag: 1, payload: Bytes::from_static(payload) }
}
fn dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("sluice-log-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn a_file_is_made_and_found_again() {
    let dir = dir("made");
    let path = dir.join("sluice-1.redb");
    let queue: Arc<str> = "mail".into();
    let mut store = RedbStore::create(&path, true, 1 << 20).unwrap();
    let id = store.id();
    let accept =
        |seq| Change::Accept { queue: queue.clone(), row: row(seq, Some("k"), b"payload"), claim: seq == 1 };
    assert_eq!(store.commit(&[accept(1), accept(2)], 5).unwrap(), []);
    store.close().unwrap();
    let store = RedbStore::open(&path, true, 1 << 20).unwrap();
    assert_eq!(store.id(), id);
    assert_eq!(
        store.pending("mail").unwrap(),
        [row(1, Some("k"), b"payload"), row(2, Some("k"), b"payload")]
    );
    assert_eq!(store.bytes(), 17);
    assert_eq!(store.next_seq("mail").unwrap(), 3);
    assert_eq!(store.queues().unwrap(), ["mail"]);
    std::fs::remove_dir_all(&dir).unwrap();
}
