//! File systems that are full or read-only, where the user may mount one.

use crate::common::*;
use crate::log_files::*;
use sluice_core::error::Kind;
use sluice_io::log::{Event, Options};
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn a_full_disk_fails_accepts_and_loses_nothing() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, "12m") else { return };
    let filler = disk.0.join("filler");
    let options = Options { path: disk.0.join("log"), ..folder.options() };
    let (held, _) = open(&options, "mail");
    let mut instance = Instance { held, live: BTreeMap::new() };
    for item in ["a", "b", "c"] {
        let seq = instance.held.accept(&[item])[0];
        instance.live.insert(seq, item.into());
    }
    instance.settle_all_but(2);
    std::fs::write(&filler, vec![0; 8 << 20]).unwrap();
    let why = instance.fill(BULK);
    assert_eq!(why.kind, Kind::StoreIo);
    assert!(why.message().contains("space"), "{why}");
    assert_eq!(instance.held.degraded().kind, Kind::StoreIo);
    // nothing more is taken, and nothing already taken is gone
    assert_eq!(instance.held.submit(vec![accept(row(1 << 30, "a"))]).unwrap_err(), why);
    let acknowledged = instance.live.len();
    assert!(acknowledged > 10, "{acknowledged}");
    instance.settle_in_memory(5);
    std::fs::remove_file(&filler).unwrap();
    instance.reopen();
    let seq = instance.held.accept(&["after"])[0];
    instance.live.insert(seq, "after".into());
    until("the retired file is deleted", || {
        let redb = names(&options.path).into_iter().filter(|name| name.ends_with(".redb"));
        redb.count() == 1
    });
    instance.check(&options.path);
}

#[test]
fn a_disk_that_stays_full_is_not_filled_with_retired_files() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, "24m") else { return };
    let options = Options { path: disk.0.join("log"), ..folder.options() };
    let (held, _) = open(&options, "mail");
    let mut instance = Instance { held, live: BTreeMap::new() };
    std::fs::write(disk.0.join("filler"), vec![0; 4 << 20]).unwrap();
    instance.fill(BULK);
    // now there is room for an empty file, and not for what is in memory
    std::fs::remove_file(disk.0.join("filler")).unwrap();
    for _ in 0..2 {
        until("a submission opens a new file", || {
            let _ = instance.held.submit(Vec::new());
            std::thread::sleep(Duration::from_millis(20));
            let events = instance.held.events.lock().unwrap();
            events.try_iter().any(|event| matches!(event, Event::Reopened))
        });
        let all = instance.live.iter().map(|(seq, item)| accept(row(*seq, item))).collect();
        assert_eq!(instance.held.resubmit(all).unwrap_err().kind, Kind::StoreIo);
        until("what holds nothing is deleted", || {
            names(&options.path).into_iter().filter(|name| name.ends_with(".redb")).count() == 1
        });
    }
    instance.held.close();
    // all of it is where it was first
    let (held, recovered) = open(&options, "mail");
    let found = items(&recovered);
    let live: Vec<_> = instance.live.into_values().collect();
    assert!(found.len() > 100 && found.starts_with(&live), "{} of {}", found.len(), live.len());
    held.close();
}

#[test]
fn a_read_only_disk_keeps_nobody_from_starting() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, "12m") else { return };
    let options = Options { path: disk.0.join("log"), ..folder.options() };
    let (held, _) = open(&options, "mail");
    held.accept(&["old"]);
    held.close();
    disk.remount("ro");
    let held = try_open(&options, "mail").unwrap();
    assert_eq!(held.wait().unwrap_err().kind, Kind::StoreIo);
    assert_eq!(held.submit(vec![accept(row(held.queue.lease(1), "a"))]).unwrap_err().kind, Kind::StoreIo);
    disk.remount("rw");
    let seq = held.queue.lease(1);
    let mut told = Vec::new();
    until("it opens", || {
        let _ = held.submit(Vec::new());
        std::thread::sleep(Duration::from_millis(20));
        told.extend(held.events.lock().unwrap().try_iter());
        told.iter().any(|event| matches!(event, Event::Reopened))
    });
    // what was there comes late, under a number that it has not used
    let adopted = told.iter().find_map(|event| match event {
        Event::Adopted(recovered) => Some(recovered.clone()),
        _ => None,
    });
    let adopted = adopted.unwrap_or_else(|| held.adopted());
    assert_eq!(items(&adopted), ["old"]);
    assert!(adopted.rows[0].seq > seq);
    held.resubmit(vec![accept(row(seq, "new"))]).unwrap();
    held.close();
    let (held, recovered) = open(&options, "mail");
    assert_eq!(items(&recovered), ["new", "old"]);
    held.close();
}

#[test]
fn what_cannot_be_renamed_is_not_imported() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, "1m") else { return };
    let file = disk.0.join("queue.json");
    std::fs::write(&file, r#"[{"data":1}]"#).unwrap();
    disk.remount("ro");
    let options = Options { path: folder.file("log"), import: Some(file.clone()), ..folder.options() };
    for _ in 0..2 {
        let (held, recovered) = open(&options, "mail");
        assert_eq!(items(&recovered), Vec::<String>::new());
        let error = held.degraded();
        assert!(error.kind == Kind::StoreIo && error.message().contains("queue.json"), "{error}");
        held.close();
    }
    disk.remount("rw");
    let (held, recovered) = open(&options, "mail");
    assert_eq!(items(&recovered), ["1"]);
    assert!(!file.exists());
    held.close();
}
