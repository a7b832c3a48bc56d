//! What was stored comes back, for as long as it is to live, and within the cap.

use crate::disk::*;
use bytes::Bytes;
use sluice_core::cache::{NEVER, Record, Tag};
use sluice_io::disk::{Answer, Config, Disk};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_value_is_there_at_once_and_after_its_commit_and_after_a_restart() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    assert_eq!(read(&disk, "a"), None);
    assert!(disk.put(b"a", text("1"), None));
    assert_eq!(read(&disk, "a").as_deref(), Some("1"));
    flush(&disk);
    assert_eq!(read(&disk, "a").as_deref(), Some("1"));
    assert!(disk.put(b"a", text("2"), None));
    drop(disk);
    let (disk, ear) = open(&folder.config());
    assert_eq!(read(&disk, "a").as_deref(), Some("2"));
    assert!(ear.kinds().is_empty());
}

#[test]
fn tags_times_and_bytes_come_back_as_they_were() {
    let folder = Folder::new();
    for compress_min_bytes in [0, 100] {
        let config = Config { compress_min_bytes, ..folder.config() };
        let (disk, _) = open(&config);
        let mut record = Record::new(Tag::V8, vec![7; 100_000], 5_000);
        record.stale_until = 9_000;
        record.tags = ["x".into(), "ÿ".into()].into();
        let key = "k".repeat(3_000);
        disk.put(key.as_bytes(), record.clone(), None);
        flush(&disk);
        for (now, is_there) in [(0, true), (5_001, true), (9_000, true), (9_001, false)] {
            match disk.get(key.as_bytes(), now) {
                Answer::Found { record: found, suspect } => assert!(is_there && !suspect && found == record),
                other => assert!(!is_there, "{other:?} at {now}"),
            }
        }
        let small = std::fs::metadata(folder.data()).unwrap().len() < 300_000;
        assert!(small || compress_min_bytes == 0);
        drop(disk);
    }
}

#[test]
fn the_last_of_many_writes_of_a_key_stays() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    for round in 0..2_000 {
        let key = format!("k{}", round % 7);
        match round % 3 {
            0 => drop(disk.put(key.as_bytes(), text(&round.to_string()), None)),
            1 => disk.remove(&[Bytes::from(key)], Box::new(|_| {})),
            _ => drop(disk.put(key.as_bytes(), text(&format!("x{round}")), None)),
        }
    }
    let last = |key: usize| {
        let round = (0..2_000).rev().find(|round| round % 7 == key).unwrap();
        match round % 3 {
            0 => Some(round.to_string()),
            1 => None,
            _ => Some(format!("x{round}")),
        }
    };
    let wanted: Vec<_> = (0..7).map(last).collect();
    let seen = |disk: &Disk| (0..7).map(|key| read(disk, &format!("k{key}"))).collect::<Vec<_>>();
    assert_eq!(seen(&disk), wanted);
    flush(&disk);
    assert_eq!(seen(&disk), wanted);
    drop(disk);
    assert_eq!(seen(&open(&folder.config()).0), wanted);
}

#[test]
fn a_guard_that_says_no_leaves_what_there_is() {
    let folder = Folder::new();
    let (disk, ear) = open(&folder.config());
    disk.put(b"a", text("1"), None);
    assert!(!disk.put(b"a", text("0"), Some(Box::new(|| false))));
    assert_eq!(read(&disk, "a").as_deref(), Some("1"));
    let asked = Arc::new(AtomicBool::new(false));
    let sees = asked.clone();
    assert!(disk.put(
        b"b",
        text("2"),
        Some(Box::new(move || {
            sees.store(true, Ordering::SeqCst);
            true
        }))
    ));
    flush(&disk);
    assert!(asked.load(Ordering::SeqCst));
    assert_eq!(read(&disk, "b").as_deref(), Some("2"));
    assert!(ear.take_hashes().is_empty(), "one is not told of one's own");
}

#[test]
fn expired_records_are_swept_by_the_callers_clock() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    for index in 0..2_000 {
        disk.put(format!("e{index}").as_bytes(), Record::new(Tag::Text, vec![1; 2_000], 10_000), None);
    }
    disk.put(b"forever", Record::new(Tag::Text, "v", NEVER), None);
    flush(&disk);
    let size = || std::fs::metadata(folder.data()).unwrap().len();
    let full = size();
    assert!(full > 4_000_000);
    for round in 0..4 {
        let now = 20_000 + round * 20_000;
        for index in 0..2_000 {
            disk.get(b"x", now);
            let record = Record::new(Tag::Text, vec![1; 2_000], now + 10_000);
            disk.put(format!("{round}:{index}").as_bytes(), record, None);
            if index % 100 == 0 {
                flush(&disk);
            }
        }
    }
    assert!(size() < full * 2, "{} after {full}", size());
    assert!(matches!(disk.get(b"forever", 1 << 50), Answer::Found { .. }));
}

#[test]
fn the_byte_cap_holds_and_the_oldest_leave() {
    let folder = Folder::new();
    let (disk, ear) = open(&Config { max_bytes: 4 << 20, ..folder.config() });
    for index in 0..20_000 {
        disk.put(format!("k{index}").as_bytes(), Record::new(Tag::Bytes, vec![1; 1_000], NEVER), None);
        if index % 500 == 0 {
            flush(&disk);
        }
    }
    flush(&disk);
    until("it is below the cap", || disk.keys(b"", usize::MAX, 1000).len() * 1_000 <= 4 << 20);
    let left = disk.keys(b"", usize::MAX, 1000).len();
    assert!(left > 2_000, "{left}");
    assert_eq!(read(&disk, "k0"), None);
    assert!(matches!(disk.get(b"k19999", 1000), Answer::Found { .. }));
    assert!(std::fs::metadata(folder.data()).unwrap().len() < 16 << 20);
    assert!(ear.kinds().is_empty());
}

#[test]
fn a_value_too_large_for_the_store_deletes_what_was_there() {
    let folder = Folder::new();
    let (disk, _) = open(&Config { max_bytes: 4 << 20, ..folder.config() });
    disk.put(b"k", text("old"), None);
    flush(&disk);
    assert!(!disk.put(b"k", Record::new(Tag::Bytes, vec![1; 2 << 20], NEVER), None));
    assert_eq!(read(&disk, "k"), None);
    flush(&disk);
    assert_eq!(read(&disk, "k"), None);
}
