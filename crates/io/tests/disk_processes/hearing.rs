//! Who hears of changes in another process: the ring, gaps, clocks apart.

use crate::disk::*;
use sluice_core::cache::{Record, Tag, key_hash};
use sluice_io::disk::{Answer, Config, Disk};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[test]
fn the_ring_tells_another_process_in_time() {
    let folder = Folder::new();
    let (disk, ear) = open(&Config { max_bytes: 8 << 20, ..folder.config() });
    let mut other = Process::start("answer", &folder.0);
    assert_eq!(other.line(), "ready");
    let mut took = Vec::new();
    for round in 0..200 {
        let began = Instant::now();
        disk.put(format!("ping{round}").as_bytes(), text("sent"), None);
        let wanted = key_hash(format!("pong{round}").as_bytes());
        until("it answers", || {
            disk.poll();
            ear.take_hashes().contains(&wanted)
        });
        assert_eq!(read(&disk, &format!("pong{round}")).as_deref(), Some("back"));
        took.push(began.elapsed());
    }
    took.sort();
    println!("there and back: p50 {:?}, p99 {:?}", took[100], took[198]);
    assert!(took[198] < Duration::from_millis(2 * 50 * 10), "{:?}", took[198]);
    assert_eq!(ear.all.load(Ordering::SeqCst), 0);
}

#[test]
fn a_process_that_has_not_looked_for_long_lets_everything_go() {
    let folder = Folder::new();
    let (disk, ear) = open(&Config { max_bytes: 8 << 20, ..folder.config() });
    let mut writer = Process::start("commit 300", &folder.0);
    assert_eq!(writer.line(), "done");
    disk.poll();
    assert!(ear.take_hashes().len() >= 300);
    assert_eq!(ear.all.load(Ordering::SeqCst), 0);
    writer.kill();
    let mut writer = Process::start("commit 1100", &folder.0);
    assert_eq!(writer.line(), "done");
    disk.poll();
    assert_eq!(ear.all.load(Ordering::SeqCst), 1);
    assert!(ear.take_hashes().is_empty());
}

#[test]
fn clocks_an_hour_apart_give_each_its_own_deadlines() {
    let folder = Folder::new();
    let (disk, _) = open(&Config { max_bytes: 8 << 20, ..folder.config() });
    disk.put(b"ours", Record::new(Tag::Text, "now", 601_000), None);
    flush(&disk);
    let mut ahead = Process::start("ahead", &folder.0);
    assert_eq!(ahead.line(), "Absent");
    assert!(matches!(disk.get(b"theirs", 1_000), Answer::Found { .. }));
    assert!(matches!(disk.get(b"theirs", 1_000 + 3_600_000 + 600_000), Answer::Found { .. }));
    assert!(matches!(disk.get(b"theirs", 1_001 + 3_600_000 + 600_000), Answer::Absent));
}

fn suspect(disk: &Arc<Disk>, key: &str) -> Option<bool> {
    match disk.get(key.as_bytes(), 1000) {
        Answer::Found { suspect, .. } => Some(suspect),
        _ => None,
    }
}
#[test]
fn records_older_than_a_gap_are_suspect_and_any_hearer_covers_the_host() {
    let folder = Folder::new();
    let (disk, _) = open(&Config { follows: true, max_bytes: 8 << 20, ..folder.config() });
    disk.put(b"old", text("1"), None);
    flush(&disk);
    assert_eq!(suspect(&disk, "old"), Some(true), "nobody has heard yet");
    let hear = |what: &str, holds: &dyn Fn() -> bool| {
        until(what, || {
            disk.heard(true, 0);
            std::thread::sleep(Duration::from_millis(20));
            holds()
        })
    };
    let renewed = || {
        disk.put(b"new", text("1"), None);
        flush(&disk);
        suspect(&disk, "new") == Some(false)
    };
    hear("hearing makes what is written from then on good", &renewed);
    assert_eq!(suspect(&disk, "old"), Some(true), "older than the gap");
    // another process that follows takes over: no gap
    let mut other = Process::start("hears", &folder.0);
    other.line();
    let began = Instant::now();
    hear("it hears too", &|| began.elapsed() > Duration::from_secs(1));
    disk.heard(false, 0);
    assert_eq!(suspect(&disk, "new"), Some(false), "the other one covers");
    let began = Instant::now();
    hear("we are back", &|| began.elapsed() > Duration::from_millis(800));
    assert_eq!(suspect(&disk, "new"), Some(false), "there was no gap");
    other.kill();
    let began = Instant::now();
    hear("we cover", &|| began.elapsed() > Duration::from_secs(3));
    assert_eq!(suspect(&disk, "new"), Some(false), "we heard all the time");
    // another instance in this process, which does not hear yet, then does
    let (second, _) = open(&Config { follows: true, max_bytes: 8 << 20, ..folder.config() });
    second.heard(false, 0);
    assert_eq!(suspect(&disk, "new"), Some(false), "the first one hears");
    second.heard(true, 0);
    disk.heard(false, 0);
    assert_eq!(suspect(&disk, "new"), Some(false), "the second one took over");
    disk.heard(true, 0);
    second.close();
    assert_eq!(suspect(&disk, "new"), Some(false), "and the first one again");
    disk.heard(false, 0);
    assert_eq!(suspect(&disk, "new"), Some(true), "a gap for all");
    disk.put(b"meanwhile", text("1"), None);
    flush(&disk);
    hear("hearing begins anew", &renewed);
    assert_eq!(suspect(&disk, "meanwhile"), Some(true), "written in the gap");
}

#[test]
fn a_killed_hearer_leaves_a_gap() {
    let folder = Folder::new();
    let (disk, _) = open(&Config { follows: true, max_bytes: 8 << 20, ..folder.config() });
    let mut other = Process::start("hears", &folder.0);
    other.line();
    until("it covers", || {
        disk.put(b"k", text("1"), None);
        flush(&disk);
        suspect(&disk, "k") == Some(false)
    });
    other.kill();
    let took = until("its silence is noticed", || suspect(&disk, "k") == Some(true));
    assert!(took < Duration::from_secs(4), "{took:?}");
}
