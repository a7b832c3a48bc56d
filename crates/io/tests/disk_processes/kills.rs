//! Processes that share a store, and are killed in the middle.

use crate::disk::*;
use crate::values::*;
use sluice_io::disk::Config;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

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
