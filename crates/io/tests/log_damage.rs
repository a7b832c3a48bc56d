//! Damaged files: found at the opening, never a panic, a hang, or rows that nobody wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

#[allow(dead_code, reason = "each test uses its part")]
#[path = "log/chance.rs"]
mod chance;
#[allow(dead_code, reason = "each test uses its part")]
#[path = "log/disk.rs"]
mod disk;
#[path = "log/model.rs"]
mod model;

use bytes::Bytes;
use chance::{Chance, QUEUES};
use disk::Disk;
use model::Model;
use redb::{Database, ReadableDatabase, TableDefinition};
use sluice_core::error::{Error, Kind};
use sluice_io::log::{Change, DurableStore, RedbStore, Row};
use std::path::Path;

fn open(image: Vec<u8>) -> Result<RedbStore, Error> {
    RedbStore::open_on(Disk::new(image, 0), Path::new("disk"), u64::MAX)
}
/// A small file with rows, letters and keys, and what it may hold; closed, or as a kill leaves it. Then damage of the
/// last commit cannot be told from a power cut within it, and the file is as it was before.
fn file(is_closed: bool) -> (Vec<u8>, Vec<Model>) {
    let disk = Disk::new(Vec::new(), 0);
    let mut store = RedbStore::create_on(disk.clone(), Path::new("disk"), u64::MAX).unwrap();
    let (mut chance, mut model) = (Chance::new(7), Model::new(u64::MAX));
    let mut before = None;
    for _ in 0..12 {
        before = Some(Model::of(&store, &QUEUES));
        let changes: Vec<Change> = (0..5).map(|_| chance.change(&model)).collect();
        store.commit(&changes, 0).unwrap();
        model.commit(&changes, 0).unwrap();
    }
    let found = Model::of(&store, &QUEUES);
    assert!(found.queues.values().all(|queue| !queue.pending.is_empty()));
    if is_closed {
        store.close().unwrap();
        (disk.view(), vec![found])
    } else {
        let image = disk.view();
        drop(store);
        (image, vec![found, before.unwrap()])
    }
}
/// Whether it was found; else all must be there that was.
fn is_found(image: Vec<u8>, wanted: &[Model], what: impl Fn() -> String) -> bool {
    match open(image) {
        Err(error) => {
            assert_eq!(error.kind, Kind::StoreCorrupt, "{}: {error}", what());
            true
        }
        Ok(store) => {
            assert!(wanted.contains(&Model::of(&store, &QUEUES)), "{}", what());
            false
        }
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_found() {
    for is_closed in [true, false] {
        let (image, model) = file(is_closed);
        let last = image.iter().rposition(|byte| *byte != 0).unwrap();
        let lengths = (0..1000).chain((1000..image.len()).step_by(997)).chain([last, image.len() - 1]);
        let (mut found, mut count) = (0, 0);
        for length in lengths {
            count += 1;
            found += u32::from(is_found(image[..length].to_vec(), &model, || format!("{length} bytes")));
        }
        assert_eq!(found, count, "of those that were cut, so many were found");
        assert!(!is_found(image, &model[..1], || "whole".into()));
    }
}
#[test]
fn each_flipped_bit_of_the_header_does_no_harm_or_is_found() {
    for is_closed in [true, false] {
        let (image, model) = file(is_closed);
        let mut found = 0;
        for bit in 0..320 * 8 {
            let mut damaged = image.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            found += u32::from(is_found(damaged, &model, || {
                format!("byte {} bit {}, closed {is_closed}", bit / 8, bit % 8)
            }));
        }
        assert!(found > 100, "{found}");
    }
}
#[test]
fn flipped_bits_of_pages_do_no_harm_or_are_found() {
    let (image, model) = file(true);
    let mut chance = Chance::new(3);
    let mut found = 0;
    // the pages in use lie together
    for _ in 0..1500 {
        let mut damaged = image.clone();
        let part = if chance.one_in(4) { 1 } else { 10 };
        let at = chance.below(damaged.len() as u64 / part) as usize;
        damaged[at] ^= 1 << chance.below(8);
        found += u32::from(is_found(damaged, &model, || format!("byte {at}")));
    }
    assert!(found > 100, "{found}");
}
#[test]
fn overwritten_pages_are_found() {
    let (image, model) = file(false);
    let mut chance = Chance::new(5);
    for page in 0..image.len() / 4096 {
        let mut damaged = image.clone();
        let filling = [0, 0xff, chance.next() as u8][page % 3];
        damaged[page * 4096..(page + 1) * 4096].fill(filling);
        is_found(damaged, &model, || format!("page {page} of {filling}"));
    }
}
#[test]
fn files_of_noise_are_found() {
    let mut chance = Chance::new(11);
    let (image, _) = file(true);
    for length in (0..400).chain([4_096, 65_536, 1 << 20]) {
        let noise: Vec<u8> = (0..length).map(|_| chance.next() as u8).collect();
        assert_eq!(open(noise.clone()).unwrap_err().kind, Kind::StoreCorrupt, "{length} bytes");
        // behind a good header
        let mut damaged = image[..320].to_vec();
        damaged.extend_from_slice(&noise);
        assert_eq!(open(damaged).unwrap_err().kind, Kind::StoreCorrupt, "{length} bytes and a header");
    }
    assert_eq!(open(vec![0; 1 << 20]).unwrap_err().kind, Kind::StoreCorrupt);
    assert_eq!(open(b"[{\"id\":1}]".to_vec()).unwrap_err().kind, Kind::StoreCorrupt);
}

/// The bytes of a store whose tables somebody has written to.
fn tampered(write: impl FnOnce(&redb::WriteTransaction)) -> Vec<u8> {
    let (image, _) = file(true);
    let disk = Disk::new(image, 0);
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let txn = database.begin_write().unwrap();
    write(&txn);
    txn.commit().unwrap();
    database.close().unwrap();
    disk.view()
}
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const PENDING: TableDefinition<(u32, u64), &[u8]> = TableDefinition::new("pending");

#[test]
fn a_newer_format_is_refused_and_not_called_damaged() {
    let image = tampered(|txn| {
        txn.open_table(META).unwrap().insert("format", 2_u32.to_le_bytes().as_slice()).unwrap();
    });
    let error = open(image).unwrap_err();
    assert_eq!(error.kind, Kind::StoreIo);
    assert!(error.message().contains("newer version"), "{error}");
}
#[test]
fn another_program_s_file_is_found() {
    let other: TableDefinition<u64, u64> = TableDefinition::new("other");
    let disk = Disk::new(Vec::new(), 0);
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(other).unwrap().insert(1, 2).unwrap();
    txn.commit().unwrap();
    assert!(database.begin_read().unwrap().open_table(other).is_ok());
    database.close().unwrap();
    assert_eq!(open(disk.view()).unwrap_err().kind, Kind::StoreCorrupt);
    for table in ["pending", "dead", "seen", "expiry", "queues", "notes", "meta"] {
        let wrong: TableDefinition<u8, u8> = TableDefinition::new(table);
        let image = tampered(|txn| {
            let handle =
                txn.list_tables().unwrap().find(|found| redb::TableHandle::name(found) == table).unwrap();
            assert!(txn.delete_table(handle).unwrap());
        });
        assert_eq!(open(image.clone()).unwrap_err().kind, Kind::StoreCorrupt, "without {table}");
        let disk = Disk::new(image, 0);
        let database = Database::builder().create_with_backend(disk.clone()).unwrap();
        let txn = database.begin_write().unwrap();
        txn.open_table(wrong).unwrap();
        txn.commit().unwrap();
        database.close().unwrap();
        assert_eq!(open(disk.view()).unwrap_err().kind, Kind::StoreCorrupt, "with another {table}");
    }
}
#[test]
fn a_row_that_lies_in_a_wrong_place_is_not_decoded() {
    let mut wrong = None;
    let image = tampered(|txn| {
        let mut table = txn.open_table(PENDING).unwrap();
        let (key, value) = {
            let (key, value) = redb::ReadableTable::first(&table).unwrap().unwrap();
            (key.value(), value.value().to_vec())
        };
        wrong = Some(key.0);
        table.insert((key.0, 10_000), value.as_slice()).unwrap();
    });
    let mut store = open(image).unwrap();
    let name = QUEUES.iter().find(|name| store.pending(name).is_err()).expect("a queue with a damaged row");
    assert_eq!(store.pending(name).unwrap_err().kind, Kind::StoreCorrupt);
    assert!(wrong.is_some());
    // a commit that comes to it changes nothing
    let other = QUEUES.iter().find(|other| *other != name).unwrap();
    let before = store.pending(other).unwrap();
    let row = Row { seq: 20_000, at: 0, attempts: 0, key: None, tag: 0, payload: Bytes::from_static(b"x") };
    let changes = [
        Change::Accept { queue: (*other).into(), row, claim: false },
        Change::Attempts { queue: (*name).into(), seq: 10_000, attempts: 1 },
    ];
    assert_eq!(store.commit(&changes, 0).unwrap_err().kind, Kind::StoreIo);
    assert_eq!(store.pending(other).unwrap(), before);
}
