//! Files of a log as a process that has ended leaves them.

use crate::log_files::*;
use sluice_io::log::{Change, DurableStore, RedbStore};

pub fn store(folder: &Folder, name: &str) -> RedbStore {
    RedbStore::open(&folder.file(name), false, 1 << 30).unwrap()
}
/// The number that a process that is gone would have had: a lock that nobody holds.
pub fn leave(folder: &Folder, number: u32, queue: &str, items: &[&str]) {
    let path = folder.file(&format!("sluice-{number}.redb"));
    let mut store = RedbStore::create(&path, false, 1 << 30).unwrap();
    let queue: std::sync::Arc<str> = format!("{queue}\u{0}1").into();
    let rows = items.iter().zip(1..).map(|(item, seq)| row(seq, item)).collect();
    store.commit(&[Change::Adopt { queue, rows, letters: vec![], seen: vec![] }], NOW).unwrap();
}
