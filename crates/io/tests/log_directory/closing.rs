//! Closing early, twice and late, and what is left when all is closed.

use crate::log_files::*;
use sluice_core::error::Kind;
use sluice_io::log::{Event, Options, look_every};
use std::time::Duration;

#[test]
fn closing_early_twice_or_late_is_told_each_time() {
    let folder = Folder::new();
    for round in 0..50 {
        let held = try_open(&folder.options(), "mail").unwrap();
        // while it is being opened, and the next one while this is being closed
        let (told, done) = std::sync::mpsc::channel();
        let other = (round % 2 == 0).then(|| try_open(&folder.options(), "sms").unwrap());
        for _ in 0..3 {
            let told = told.clone();
            held.queue.close(Box::new(move || told.send(()).unwrap()));
        }
        let next = try_open(&folder.options(), "mail").unwrap();
        (0..3).for_each(|_| done.recv_timeout(PATIENCE).unwrap());
        assert_eq!(held.wait().unwrap(), Default::default());
        assert_eq!(next.wait().unwrap(), Default::default());
        if let Some(other) = other {
            other.wait().unwrap();
            other.close();
        }
        next.close();
        held.close();
    }
    assert_eq!(folder.names("sluice-", ".redb"), ["sluice-1.redb"], "nobody took a second file");
    let closed = try_open(&folder.options(), "mail").unwrap();
    closed.close();
    closed.wait().unwrap();
    closed.no_event();
}

#[test]
fn one_that_opens_during_the_close_waits_for_the_lock() {
    let folder = Folder::new();
    let options = Options { exclusive: true, ..folder.options() };
    let (mut held, _) = open(&options, "mail");
    for round in 0..1000 {
        held.queue.close(Box::new(|| {}));
        // somewhere between the call and the end
        let until = std::time::Instant::now() + Duration::from_micros(round % 500);
        while std::time::Instant::now() < until {
            std::hint::spin_loop();
        }
        held = open(&options, "mail").0;
    }
    held.close();
    assert_eq!(folder.names("sluice-", ".redb"), ["sluice-1.redb"]);
}

#[test]
fn nothing_is_made_after_the_close() {
    let folder = Folder::new();
    for round in 0..20 {
        let options = Options { path: folder.file("log"), ..folder.options() };
        let (held, _) = open(&options, "mail");
        held.accept(&["a"]);
        if round % 2 == 0 {
            std::fs::remove_dir_all(&options.path).unwrap();
            held.close();
        } else {
            held.close();
            std::fs::remove_dir_all(&options.path).unwrap();
        }
        assert!(!options.path.exists());
        assert_eq!(held.submit(vec![accept(row(9, "b"))]).unwrap_err().kind, Kind::Closed);
    }
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(folder.names("", ""), Vec::<String>::new());
}

#[test]
fn a_directory_that_is_removed_while_open_is_made_again_for_what_is_unsettled() {
    look_every(Duration::from_millis(50));
    let folder = Folder::new();
    let options = Options { path: folder.file("log"), ..folder.options() };
    let (held, _) = open(&options, "mail");
    held.accept(&["a"]);
    std::fs::remove_dir_all(&options.path).unwrap();
    assert_eq!(held.degraded().kind, Kind::StoreIo);
    until("a submission opens a new file", || {
        held.submit(vec![]).is_err() && {
            std::thread::sleep(Duration::from_millis(20));
            matches!(held.events.lock().unwrap().try_recv(), Ok(Event::Reopened))
        }
    });
    held.resubmit(vec![accept(row(1, "a"))]).unwrap();
    held.accept(&["b"]);
    held.close();
    let (held, recovered) = open(&options, "mail");
    assert_eq!(items(&recovered), ["a", "b"]);
    held.close();
}

#[test]
fn a_thousand_openings_leave_no_thread_and_no_descriptor() {
    let folder = Folder::new();
    let count = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    open(&folder.options(), "mail").0.close();
    let before = count();
    for round in 0..1000 {
        let (held, _) = open(&folder.options(), "mail");
        if round % 100 == 0 {
            held.accept(&["a"]);
        }
        // half of them are dropped and not closed
        if round % 2 == 0 { held.close() } else { drop(held) }
    }
    let (held, recovered) = open(&folder.options(), "mail");
    assert_eq!(recovered.rows.len(), 10);
    held.close();
    // other tests of this process have theirs open too
    until("what was opened is closed", || count() < before + 100);
}
