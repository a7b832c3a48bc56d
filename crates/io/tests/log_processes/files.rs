//! Files as processes that are gone leave them, and what is in all of them.

use crate::log_files::*;
use sluice_io::log::{Change, DurableStore, RedbStore};
use std::path::Path;

pub fn leave(folder: &Path, number: u32, items: &[&str]) {
    let path = folder.join(format!("sluice-{number}.redb"));
    let mut store = RedbStore::create(&path, false, 1 << 30).unwrap();
    let rows = items.iter().zip(1..).map(|(item, seq)| row(seq, item)).collect();
    let queue = "mail\u{0}1".into();
    store.commit(&[Change::Adopt { queue, rows, letters: vec![], seen: vec![] }], NOW).unwrap();
}
pub fn physical(folder: &Folder) -> Vec<String> {
    let mut all = Vec::new();
    for name in folder.names("sluice-", ".redb") {
        let store = RedbStore::open(&folder.file(&name), false, 1 << 30).unwrap();
        for queue in store.queues().unwrap() {
            let rows = store.pending(&queue).unwrap();
            all.extend(rows.iter().map(|row| String::from_utf8(row.payload.to_vec()).unwrap()));
        }
    }
    all.sort();
    all
}
