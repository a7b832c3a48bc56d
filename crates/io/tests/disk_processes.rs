//! Several processes on one store: values, kills, leases, the ring, clocks apart, who hears.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

mod disk;
use disk::*;
use sluice_core::cache::{Record, Tag, key_hash};
use sluice_io::disk::{Answer, Config, Disk, Lease};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A value that proves itself: its key, a number, and bytes that follow from both.
fn proof(key: usize, number: u64) -> String {
    let length = 20 + (key * 37 + number as usize * 101) % 6_000;
    let mut text = format!("{key}:{number}:");
    let fill = (b'a' + ((key as u64 + number) % 26) as u8) as char;
    text.extend(std::iter::repeat_n(fill, length));
    text
}
fn is_proof(key: usize, text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let number = parts.nth(1).and_then(|number| number.parse().ok());
    number.is_some_and(|number| proof(key, number) == text)
}
const KEYS: usize = 800;

fn write(disk: &Disk, seed: u64, mut until: impl FnMut(u64) -> bool) {
    let mut number = seed << 32;
    while !until(number) {
        number += 1;
        let key = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize % KEYS;
        let name = format!("k{key}");
        match number % 11 {
            0 => disk.remove(&[name.into()], Box::new(|_| {})),
            _ => drop(disk.put(name.as_bytes(), Record::new(Tag::Text, proof(key, number), 1 << 50), None)),
        }
        if number.is_multiple_of(64) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
/// Reads all keys once; how many were there, and which were wrong.
fn check(disk: &Disk) -> (usize, Vec<String>) {
    let (mut found, mut wrong) = (0, Vec::new());
    for key in 0..KEYS {
        match disk.get(format!("k{key}").as_bytes(), 1000) {
            Answer::Absent => {}
            Answer::Damaged => wrong.push(format!("{key} damaged")),
            Answer::Found { record, .. } => {
                found += 1;
                let text = String::from_utf8_lossy(&record.bytes).into_owned();
                if !is_proof(key, &text) {
                    wrong.push(text);
                }
            }
        }
    }
    (found, wrong)
}
fn stop_sign(folder: &Path) -> std::path::PathBuf {
    folder.with_extension("stop")
}

/// What other processes do in these tests; nothing when it runs as a test itself.
#[test]
fn child() {
    let Some((role, folder)) = role() else { return };
    let follows = role.starts_with("hears");
    let (disk, ear) = open(&Config { follows, max_bytes: 8 << 20, ..config(&folder) });
    let (role, number) = role.split_once(' ').unwrap_or((&role, "0"));
    let number: u64 = number.parse().unwrap();
    match role {
        "write" => {
            say("ready");
            write(&disk, number, |_| stop_sign(&folder).exists());
        }
        "check" => {
            say("ready");
            let (mut rounds, mut found) = (0, 0);
            while !stop_sign(&folder).exists() {
                disk.poll();
                let (there, wrong) = check(&disk);
                assert!(wrong.is_empty(), "{wrong:?}");
                (rounds, found) = (rounds + 1, found + there);
            }
            say(format!("{rounds} {found}"));
        }
        "commit" => {
            for round in 0..number {
                disk.put(format!("c{}", round % 10).as_bytes(), text("1"), None);
                flush(&disk);
            }
            say("done");
        }
        "hold" => {
            let held = lease(&disk, "load", number, 1000);
            say(format!("{held:?}"));
            std::thread::sleep(PATIENCE);
        }
        "answer" => {
            say("ready");
            loop {
                disk.poll();
                for hash in ear.take_hashes() {
                    if let Some(round) =
                        (0..400).find(|round| key_hash(format!("ping{round}").as_bytes()) == hash)
                    {
                        assert_eq!(read(&disk, &format!("ping{round}")).as_deref(), Some("sent"));
                        disk.put(format!("pong{round}").as_bytes(), text("back"), None);
                    }
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        "ahead" => {
            let now = 1_000 + 3_600_000;
            disk.put(b"theirs", Record::new(Tag::Text, "an hour on", now + 600_000), None);
            flush(&disk);
            say(format!("{:?}", disk.get(b"ours", now)).split_whitespace().next().unwrap());
            std::thread::sleep(PATIENCE);
        }
        "hears" | "hears-not" => {
            say("ready");
            let until = Instant::now() + PATIENCE;
            while Instant::now() < until {
                disk.heard(role == "hears", 0);
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        other => panic!("{other}"),
    }
}

#[test]
fn four_processes_share_a_store() {
    let folder = Folder::new();
    let mut others: Vec<_> = (1..4).map(|seed| Process::start(&format!("write {seed}"), &folder.0)).collect();
    others.iter_mut().for_each(|other| assert_eq!(other.line(), "ready"));
    let (disk, ear) = open(&Config { max_bytes: 8 << 20, ..folder.config() });
    let until = Instant::now() + Duration::from_secs(3);
    let mut seen = 0;
    write(&disk, 9, |number| {
        if number % 500 == 0 {
            let (found, wrong) = check(&disk);
            assert!(wrong.is_empty(), "{wrong:?}");
            seen = seen.max(found);
        }
        disk.poll();
        Instant::now() > until
    });
    assert!(seen > KEYS / 2, "{seen}");
    assert!(ear.hashes.lock().unwrap().len() > 100 || ear.all.load(Ordering::SeqCst) > 0);
    std::fs::write(stop_sign(&folder.0), "").unwrap();
    for other in others {
        assert!(other.finish().0);
    }
    let _ = std::fs::remove_file(stop_sign(&folder.0));
    flush(&disk);
    assert!(check(&disk).1.is_empty());
}

#[test]
fn twenty_five_writers_are_killed_while_three_processes_read() {
    let folder = Folder::new();
    let mut readers: Vec<_> = (0..3).map(|_| Process::start("check", &folder.0)).collect();
    readers.iter_mut().for_each(|reader| assert_eq!(reader.line(), "ready"));
    for round in 1..=25 {
        let mut writer = Process::start(&format!("write {round}"), &folder.0);
        assert_eq!(writer.line(), "ready");
        std::thread::sleep(Duration::from_millis(60 + round * 7 % 90));
        writer.kill();
    }
    std::fs::write(stop_sign(&folder.0), "").unwrap();
    for reader in readers {
        let (is_well, lines) = reader.finish();
        let counts: Vec<usize> = lines.last().unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
        assert!(is_well && counts[0] > 3 && counts[1] > 500, "{lines:?}");
    }
    let _ = std::fs::remove_file(stop_sign(&folder.0));
    // the first to open it after kills walks it, and finds it whole
    let (disk, ear) = open(&Config { max_bytes: 8 << 20, ..folder.config() });
    assert!(ear.kinds().is_empty());
    let (found, wrong) = check(&disk);
    assert!(found > KEYS / 2 && wrong.is_empty(), "{found} {wrong:?}");
}

#[test]
fn all_processes_killed_at_once_leave_a_whole_store() {
    let folder = Folder::new();
    for round in 0..5 {
        let mut all: Vec<_> =
            (1..4).map(|seed| Process::start(&format!("write {}", round * 10 + seed), &folder.0)).collect();
        all.iter_mut().for_each(|one| assert_eq!(one.line(), "ready"));
        std::thread::sleep(Duration::from_millis(150));
        all.into_iter().for_each(Process::kill);
        let (disk, ear) = open(&Config { max_bytes: 8 << 20, ..folder.config() });
        assert!(ear.kinds().is_empty());
        let (found, wrong) = check(&disk);
        assert!(found > 100 && wrong.is_empty(), "{found} {wrong:?}");
    }
}

#[test]
fn a_lease_ends_with_its_process() {
    let folder = Folder::new();
    let (disk, _) = open(&Config { max_bytes: 8 << 20, ..folder.config() });
    let mut holder = Process::start("hold 7", &folder.0);
    let token = holder.line();
    assert!(token.starts_with("Granted"), "{token}");
    assert_eq!(lease(&disk, "load", 8, 1000), Lease::Busy);
    // the same number in another process is another owner
    assert_eq!(lease(&disk, "load", 7, 1000), Lease::Busy);
    holder.kill();
    until("a dead one's lease is free before its deadline", || {
        matches!(lease(&disk, "load", 8, 1000), Lease::Granted(_))
    });
}

#[test]
fn a_lease_of_a_frozen_process_ends_with_its_deadline() {
    let folder = Folder::new();
    let (disk, _) = open(&Config { max_bytes: 8 << 20, ..folder.config() });
    let mut holder = Process::start("hold 7", &folder.0);
    holder.line();
    let signal = |name: &str| {
        let pid = holder.0.id().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    assert_eq!(lease(&disk, "load", 8, 11_000), Lease::Busy);
    assert!(matches!(lease(&disk, "load", 8, 11_001), Lease::Granted(_)));
    signal("-CONT");
}

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
