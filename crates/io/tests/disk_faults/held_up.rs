//! Writers and readers that are held up, or hold others up.

use crate::common::*;
use crate::disk::*;
use bytes::Bytes;
use sluice_io::disk::Config;
use std::time::Duration;

#[test]
fn writes_faster_than_commits_void_the_store_for_all_processes() {
    let folder = Folder::new();
    let (disk, ear) = open(&folder.config());
    disk.put(b"old", text("1"), None);
    flush(&disk);
    let mut reader = Process::with("open", &folder.0, |command| {
        command.stdin(std::process::Stdio::piped());
    });
    assert_eq!(reader.line(), "1");
    let mut holder = Process::start("hold", &folder.0);
    assert_eq!(holder.line(), "held");
    // puts first lose their room to deletes, and keep no older value
    for number in 0..80_000 {
        disk.put(format!("p{number}").as_bytes(), text("1"), None);
    }
    assert!(disk.is_up());
    assert_eq!((read(&disk, "p1").as_deref(), read(&disk, "p79999")), (Some("1"), None));
    assert_eq!(read(&disk, "old").as_deref(), Some("1"));
    for chunk in 0..300 {
        let keys: Vec<Bytes> = (0..1000).map(|number| Bytes::from(format!("d{chunk}:{number}"))).collect();
        disk.remove(&keys, Box::new(|_| {}));
    }
    assert!(!disk.is_up());
    disk.poll();
    went_off(&ear);
    // the other process has not heard of one delete in 300,000, and serves nothing all the same
    std::io::Write::write_all(reader.0.stdin.as_mut().unwrap(), b"go\n").unwrap();
    assert_eq!(reader.line(), "");
    holder.kill();
    until("it comes back", || disk.is_up());
    assert_eq!((read(&disk, "old"), read(&disk, "p1")), (None, None));
    assert!(disk.put(b"new", text("2"), None));
    flush(&disk);
    assert_eq!(read(&disk, "new").as_deref(), Some("2"));
}

#[test]
fn closing_does_not_wait_for_ever_for_a_writer_that_is_held_up() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    let mut holder = Process::start("hold", &folder.0);
    assert_eq!(holder.line(), "held");
    disk.put(b"k", text("1"), None);
    let began = std::time::Instant::now();
    drop(disk);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_reader_that_pins_all_pages_takes_it_off_and_its_end_brings_it_back() {
    let folder = Folder::new();
    let (disk, ear) = open(&Config { max_bytes: 2 << 20, ..folder.config() });
    let mut pin = Process::start("pin", &folder.0);
    assert_eq!(pin.line(), "pinned");
    let full = fill(&disk);
    went_off(&ear);
    pin.kill();
    until("it comes back", || disk.is_up());
    assert!((0..full).all(|number| is_big(&disk, number) != Some(false)));
    assert!(disk.put(b"x", text("2"), None));
    flush(&disk);
    assert_eq!(read(&disk, "x").as_deref(), Some("2"));
}
