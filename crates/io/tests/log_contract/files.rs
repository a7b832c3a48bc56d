//! Files of rows: how they are made, found, lost and kept small.

use crate::rows::*;
use bytes::Bytes;
use sluice_core::error::Kind;
use sluice_io::log::{Change, DurableStore, MAX_ROW_BYTES, RedbStore, Row};

#[test]
fn a_file_is_made_under_another_name_and_found_again() {
    let dir = dir("made");
    let path = dir.join("sluice-1.redb");
    let mut store = RedbStore::create(&path, true, 1000).unwrap();
    assert!(!dir.join("sluice-1.redb.new").exists());
    let id = store.id();
    store
        .commit(&[accept(row(1, Some("k"), b"payload"), true), accept(row(2, None, b""), false)], 5)
        .unwrap();
    let note = Change::Note { name: "n".into(), text: Some("t".into()) };
    store.commit(&[note, Change::Forget { queue: mail(), seq: 2 }], 5).unwrap();
    store.close().unwrap();
    for _ in 0..3 {
        let store = RedbStore::open(&path, true, 1000).unwrap();
        assert_eq!(store.id(), id);
        assert_eq!(store.pending("mail").unwrap(), [row(1, Some("k"), b"payload")]);
        assert_eq!(store.seen("mail", 0).unwrap(), [seen("k", Some(1), u64::MAX, None)]);
        assert_eq!((store.bytes(), store.next_seq("mail").unwrap()), (9, 3));
        assert_eq!(store.notes().unwrap(), [("n".to_owned(), "t".to_owned())]);
    }
    let another = RedbStore::create(&dir.join("sluice-2.redb"), false, 1000).unwrap();
    assert_ne!(another.id(), id);
    std::fs::remove_dir_all(&dir).unwrap();
}
#[test]
fn files_that_cannot_be_made_or_read_are_io_errors() {
    let dir = dir("missing");
    let kind = |made: Result<RedbStore, sluice_core::error::Error>| made.map(|_| ()).unwrap_err().kind;
    assert_eq!(kind(RedbStore::open(&dir.join("nowhere.redb"), true, 10)), Kind::StoreIo);
    assert_eq!(kind(RedbStore::create(&dir.join("no").join("folder.redb"), true, 10)), Kind::StoreIo);
    assert_eq!(kind(RedbStore::open(&dir, true, 10)), Kind::StoreIo);
    // what a failed creation leaves is removed
    std::fs::create_dir(dir.join("taken.redb")).unwrap();
    assert_eq!(kind(RedbStore::create(&dir.join("taken.redb"), true, 10)), Kind::StoreIo);
    assert!(!dir.join("taken.redb.new").exists());
    std::fs::remove_dir_all(&dir).unwrap();
}
#[cfg(unix)]
#[test]
fn a_file_that_has_lost_its_name_takes_no_commits() {
    let dir = dir("unlinked");
    let path = dir.join("sluice-1.redb");
    for is_replaced in [false, true] {
        drop(RedbStore::create(&path, true, 1000).unwrap());
        let mut store = RedbStore::open(&path, true, 1000).unwrap();
        store.commit(&[accept(row(1, None, b"1"), false)], 0).unwrap();
        std::fs::remove_file(&path).unwrap();
        if is_replaced {
            drop(RedbStore::create(&path, true, 1000).unwrap());
        }
        let error = store.commit(&[accept(row(2, None, b"2"), false)], 0).unwrap_err();
        assert_eq!(error.kind, Kind::StoreIo);
        assert!(error.message().contains("removed"), "{error}");
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
#[test]
fn an_item_that_is_too_large_is_refused_alone() {
    let mut store = in_memory(u64::MAX);
    let payload = Bytes::from(vec![0; MAX_ROW_BYTES as usize + 1]);
    let large = Row { payload, ..row(1, None, b"") };
    let refused = store.commit(&[accept(large, false), accept(row(2, None, b"small"), false)], 0).unwrap();
    assert_eq!(refused.iter().map(|one| (one.seq, one.why.kind)).collect::<Vec<_>>(), [(1, Kind::Value)]);
    assert_eq!(store.pending("mail").unwrap(), [row(2, None, b"small")]);
}
#[test]
fn large_items_and_many_items_are_kept() {
    let dir = dir("large");
    let path = dir.join("sluice-1.redb");
    let mut store = RedbStore::create(&path, false, u64::MAX).unwrap();
    let payload: Bytes = (0..9 << 20).map(|index| (index % 251) as u8).collect();
    let large = Row { payload, ..row(1, None, b"") };
    let many = (2..5_002).map(|seq| accept(row(seq, None, b"a small one"), false));
    store.commit(&many.chain([accept(large.clone(), false)]).collect::<Vec<_>>(), 0).unwrap();
    drop(store);
    let mut store = RedbStore::open(&path, false, u64::MAX).unwrap();
    let found = store.pending("mail").unwrap();
    assert_eq!((found.len(), &found[0], &found[5_000]), (5_001, &large, &row(5_001, None, b"a small one")));
    // and what they took is used again
    store.commit(&[Change::Clear { queue: mail(), up_to: u64::MAX }], 0).unwrap();
    drop(store);
    let length = path.metadata().unwrap().len();
    assert!(length < 4 << 20, "{length} bytes");
    std::fs::remove_dir_all(&dir).unwrap();
}
#[test]
fn a_file_does_not_grow_with_what_went_through_it() {
    let dir = dir("endurance");
    let path = dir.join("sluice-1.redb");
    let mut store = RedbStore::create(&path, false, u64::MAX).unwrap();
    let mut largest = 0;
    for round in 0..400 {
        let first = 1 + round * 50;
        let accepts = (first..first + 50).map(|seq| accept(row(seq, Some("the same key"), &[7; 300]), true));
        store.commit(&accepts.collect::<Vec<_>>(), round).unwrap();
        let end = |seq| Change::Complete { queue: mail(), seq, seen: Some((round + 2, None)) };
        // two of them stay a round longer
        store.commit(&(first.saturating_sub(2)..first + 48).map(end).collect::<Vec<_>>(), round).unwrap();
        if round == 100 {
            largest = path.metadata().unwrap().len();
        }
    }
    let length = path.metadata().unwrap().len();
    assert!(length <= largest && length < 4 << 20, "{length} bytes, {largest} after a quarter");
    std::fs::remove_dir_all(&dir).unwrap();
}
#[test]
fn keys_that_expired_go_a_few_at_a_time() {
    let mut store = in_memory(u64::MAX);
    let done = (0..1000).map(|index| seen(&format!("key-{index}"), None, 10 + index, None)).collect();
    store.commit(&[Change::Adopt { queue: mail(), rows: vec![], letters: vec![], seen: done }], 0).unwrap();
    assert_eq!(store.seen("mail", 509).unwrap().len(), 500);
    for _ in 0..16 {
        store.commit(&[Change::Forget { queue: mail(), seq: 1 }], 509).unwrap();
    }
    assert_eq!(store.seen("mail", 0).unwrap().len(), 500);
    assert_eq!(store.seen("mail", 509).unwrap().len(), 500);
}
