//! The directory of a log within one process: who gets which rows, options, imports, what is set aside, closing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

mod log_files;
use log_files::*;
use sluice_core::error::Kind;
use sluice_io::log::{Change, DurableStore, Event, Options, RedbStore, look_every};
use std::time::Duration;

fn store(folder: &Folder, name: &str) -> RedbStore {
    RedbStore::open(&folder.file(name), false, 1 << 30).unwrap()
}
/// The number that a process that is gone would have had: a lock that nobody holds.
fn leave(folder: &Folder, number: u32, queue: &str, items: &[&str]) {
    let path = folder.file(&format!("sluice-{number}.redb"));
    let mut store = RedbStore::create(&path, false, 1 << 30).unwrap();
    let queue: std::sync::Arc<str> = format!("{queue}\u{0}1").into();
    let rows = items.iter().zip(1..).map(|(item, seq)| row(seq, item)).collect();
    store.commit(&[Change::Adopt { queue, rows, letters: vec![], seen: vec![] }], NOW).unwrap();
}

#[test]
fn what_is_left_comes_back_in_order_with_all_that_it_had() {
    let folder = Folder::new();
    let deep = Options { path: folder.file("a/b/c"), ..folder.options() };
    let (held, recovered) = open(&deep, "mail");
    assert_eq!(recovered, Default::default());
    let seqs = held.accept(&["1", "2", "3", "4"]);
    let key = sluice_io::log::Row { key: Some("k".into()), attempts: 2, ..row(held.queue.lease(1), "5") };
    held.submit(vec![
        Change::Accept { queue: "another".into(), row: key.clone(), claim: true },
        Change::Complete { queue: "".into(), seq: seqs[1], seen: None },
        Change::Bury { queue: "".into(), seq: seqs[3], attempts: 3, error: "no".into(), died: NOW + 1 },
    ])
    .unwrap();
    held.close();
    let (held, recovered) = open(&deep, "mail");
    assert_eq!(items(&recovered), ["1", "3", "5"]);
    assert_eq!(recovered.rows[2], key);
    assert_eq!(recovered.letters.len(), 1);
    assert_eq!((&*recovered.letters[0].error, recovered.letters[0].row.attempts), ("no", 3));
    assert_eq!(recovered.seen.len(), 1);
    assert_eq!(recovered.seen[0].pending, Some(key.seq));
    assert!(held.queue.lease(1) > key.seq);
    let (other, recovered) = open(&deep, "other");
    assert_eq!(recovered, Default::default());
    other.close();
    held.close();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: std::path::PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.file("a/b/c")), 0o700);
        assert_eq!(mode(folder.file("a/b/c/sluice-1.redb")), 0o600);
        assert_eq!(mode(folder.file("a/b/c/sluice-1.lock")), 0o600);
    }
}

#[test]
fn one_process_has_one_file_and_instances_of_one_name_keep_apart() {
    let folder = Folder::new();
    let (first, _) = open(&folder.options(), "mail");
    let (second, recovered) = open(&folder.options(), "mail");
    assert!(recovered.rows.is_empty());
    // their numbers may be equal: they are not of one queue
    let one = first.accept(&["a", "b"]);
    second.accept(&["c", "d"]);
    assert_eq!(folder.names("sluice-", ".redb"), ["sluice-1.redb"]);
    first.complete(one[0]);
    first.close();
    let (third, recovered) = open(&folder.options(), "mail");
    assert_eq!(items(&recovered), ["b"], "the rows of who has closed, not of who is open");
    third.close();
    second.close();
    let (held, recovered) = open(&folder.options(), "mail");
    let mut all = items(&recovered);
    all.sort();
    assert_eq!(all, ["b", "c", "d"]);
    held.close();
    let (held, recovered) = open(&folder.options(), "mail");
    assert_eq!(recovered.rows.len(), 3, "they were moved and not copied");
    held.close();
}

#[test]
fn orphans_are_taken_at_the_next_look() {
    look_every(Duration::from_millis(50));
    let folder = Folder::new();
    let (first, _) = open(&folder.options(), "mail");
    let (second, _) = open(&folder.options(), "mail");
    second.accept(&["2"]);
    first.accept(&["a", "b", "c"]);
    first.close();
    let adopted = second.adopted();
    assert_eq!(items(&adopted), ["a", "b", "c"]);
    let lowest = adopted.rows[0].seq;
    assert_eq!(adopted.rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [lowest, lowest + 1, lowest + 2]);
    // under numbers that are nobody else's, and that can be settled
    assert!(second.queue.lease(1) > lowest + 2);
    adopted.rows.iter().for_each(|row| second.complete(row.seq));
    second.close();
    let (held, recovered) = open(&folder.options(), "mail");
    assert_eq!(items(&recovered), ["2"]);
    held.close();
}

#[test]
fn dead_owners_files_are_adopted_at_the_opening() {
    let folder = Folder::new();
    leave(&folder, 2, "mail", &["a", "b"]);
    leave(&folder, 3, "mail", &["c"]);
    leave(&folder, 5, "sms", &["x"]);
    let (held, recovered) = open(&folder.options(), "mail");
    assert_eq!(items(&recovered), ["a", "b", "c"]);
    let seqs: Vec<_> = recovered.rows.iter().map(|row| row.seq).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b));
    assert_eq!(folder.names("sluice-", ".redb"), ["sluice-1.redb", "sluice-5.redb"]);
    let (sms, recovered) = open(&folder.options(), "sms");
    assert_eq!(items(&recovered), ["x"]);
    assert_eq!(folder.names("sluice-", ".redb"), ["sluice-1.redb"]);
    held.no_event();
    held.close();
    sms.close();
    let own = store(&folder, "sluice-1.redb");
    assert_eq!(own.queues().unwrap(), ["mail\u{0}1", "sms\u{0}1"]);
    assert_eq!(own.notes().unwrap(), []);
}

#[test]
fn all_that_a_row_has_is_adopted() {
    let folder = Folder::new();
    let path = folder.file("sluice-7.redb");
    let mut dead = RedbStore::create(&path, false, 1 << 30).unwrap();
    let keyed = sluice_io::log::Row { key: Some("k".into()), attempts: 4, at: 5, tag: 2, ..row(9, "a") };
    let seen = |key: &str, pending, expires| sluice_io::log::Seen {
        key: key.into(),
        pending,
        expires,
        result: None,
    };
    let letter = |seq| sluice_io::log::Letter { row: row(seq, "dead"), error: "why".into(), died: NOW - seq };
    let change = Change::Adopt {
        queue: "mail\u{0}2".into(),
        rows: vec![keyed.clone(), row(12, "b")],
        letters: vec![letter(3), letter(11)],
        seen: vec![seen("k", Some(9), u64::MAX), seen("done", None, NOW + 5), seen("old", None, NOW - 5)],
    };
    dead.commit(&[change], NOW).unwrap();
    drop(dead);
    let (held, recovered) = open(&folder.options(), "mail");
    let [first, second] = &recovered.rows[..] else { panic!("{recovered:?}") };
    assert_eq!(*first, sluice_io::log::Row { seq: first.seq, ..keyed });
    assert_eq!(*second, row(second.seq, "b"));
    assert_eq!(recovered.letters.len(), 2);
    assert!(recovered.letters.iter().all(|letter| letter.row.seq < second.seq && &*letter.error == "why"));
    let mut keys: Vec<_> = recovered.seen.iter().map(|seen| (&*seen.key, seen.pending)).collect();
    keys.sort();
    assert_eq!(keys, [("done", None), ("k", Some(first.seq))]);
    held.close();
}

#[test]
fn other_options_are_refused_by_name() {
    let folder = Folder::new();
    let (held, _) = open(&folder.options(), "mail");
    let same = folder.options();
    for (options, name) in [
        (Options { max_bytes: 5, ..same.clone() }, "durable.maxBytes"),
        (Options { exclusive: true, ..same.clone() }, "durable.exclusive"),
        (Options { sync: true, ..same.clone() }, "durable.fsync"),
    ] {
        let error = try_open(&options, "other").err().unwrap();
        assert_eq!(error.kind, Kind::OptionRange);
        assert!(error.message().starts_with(name), "{error}");
    }
    // by whatever name the directory goes
    let roundabout = folder.0.join("../").join(folder.0.file_name().unwrap());
    let error = try_open(&Options { path: roundabout, max_bytes: 5, ..same.clone() }, "x").err().unwrap();
    assert_eq!(error.kind, Kind::OptionRange);
    held.close();
    let (held, _) = open(&Options { max_bytes: 5, ..same }, "mail");
    let refused = held.submit(vec![accept(row(held.queue.lease(1), "too large"))]).unwrap();
    assert_eq!(
        refused.iter().map(|(seq, why)| (*seq, why.kind)).collect::<Vec<_>>(),
        [(1, Kind::BufferFull)]
    );
    held.close();
}

#[test]
fn a_file_in_the_place_of_the_directory_is_an_invalid_option() {
    let folder = Folder::new();
    let path = folder.file("plain");
    std::fs::write(&path, "mine").unwrap();
    let error = try_open(&options(&path), "mail").err().unwrap();
    assert_eq!(error.kind, Kind::OptionRange);
    assert!(error.message().contains("durable.path") && error.message().contains("plain"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    // one that cannot be made is no option's fault, and keeps nobody from starting
    let held = try_open(&options(&path.join("below")), "mail").unwrap();
    assert_eq!(held.wait().unwrap_err().kind, Kind::StoreIo);
    assert_eq!(held.submit(vec![accept(row(1, "a"))]).unwrap_err().kind, Kind::StoreIo);
    held.close();
}

#[test]
fn damaged_files_are_set_aside_and_foreign_ones_left() {
    let folder = Folder::new();
    leave(&folder, 1, "mail", &["lost"]);
    leave(&folder, 2, "mail", &["kept"]);
    std::fs::write(folder.file("sluice-3.redb"), "").unwrap();
    std::fs::write(folder.file("sluice-1.damaged-1"), "older").unwrap();
    for foreign in ["notes.txt", "other.redb", "sluice-x.redb", "sluice-0.redb"] {
        std::fs::write(folder.file(foreign), "mine").unwrap();
    }
    let path = folder.file("sluice-1.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[..half].iter_mut().for_each(|byte| *byte ^= 0x55);
    std::fs::write(&path, &bytes).unwrap();
    let (held, recovered) = open(&folder.options(), "mail");
    assert_eq!(items(&recovered), ["kept"]);
    let mut told: Vec<String> = (0..2)
        .map(|_| {
            let error = held.degraded();
            assert_eq!(error.kind, Kind::StoreCorrupt, "{error}");
            error.message()
        })
        .collect();
    told.sort();
    assert!(told[0].contains("sluice-1.damaged-2") && told[1].contains("sluice-3.damaged-1"), "{told:?}");
    assert_eq!(std::fs::read(folder.file("sluice-1.damaged-2")).unwrap(), bytes);
    assert_eq!(std::fs::read(folder.file("sluice-1.damaged-1")).unwrap(), b"older");
    for foreign in ["notes.txt", "other.redb", "sluice-x.redb", "sluice-0.redb"] {
        assert_eq!(std::fs::read(folder.file(foreign)).unwrap(), b"mine");
    }
    held.accept(&["new"]);
    held.close();
}

#[test]
fn files_of_a_newer_format_are_left_alone() {
    let folder = Folder::new();
    let before: Vec<_> = [1, 3]
        .map(|number| {
            leave(&folder, number, "mail", &["newer"]);
            let path = folder.file(&format!("sluice-{number}.redb"));
            let database = redb::Database::open(&path).unwrap();
            let txn = database.begin_write().unwrap();
            let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
            txn.open_table(meta).unwrap().insert("format", 99_u32.to_le_bytes().as_slice()).unwrap();
            txn.commit().unwrap();
            path
        })
        .into();
    let (held, recovered) = open(&folder.options(), "mail");
    assert!(recovered.rows.is_empty());
    for path in &before {
        let error = held.degraded();
        assert_eq!(error.kind, Kind::StoreIo);
        let text = error.message();
        assert!(text.contains(path.to_str().unwrap()) && text.contains("newer"), "{text}");
    }
    held.accept(&["a"]);
    held.close();
    assert_eq!(folder.names("sluice-", ".redb"), ["sluice-1.redb", "sluice-2.redb", "sluice-3.redb"]);
    assert_eq!(folder.names("", "damaged"), Vec::<String>::new());
    let (held, recovered) = open(&folder.options(), "mail");
    assert_eq!(items(&recovered), ["a"]);
    held.close();
}

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
fn a_note_covers_what_was_moved_and_nothing_that_came_later() {
    let folder = Folder::new();
    leave(&folder, 1, "sms", &["x"]);
    leave(&folder, 2, "mail", &["1", "2", "3", "4"]);
    let (id, mut own) = (store(&folder, "sluice-2.redb").id(), store(&folder, "sluice-1.redb"));
    let note = |file: u128, up_to: &str| Change::Note {
        name: format!("moved {file:032x} mail\u{0}1").into(),
        text: Some(up_to.into()),
    };
    own.commit(&[note(id, "2"), note(id ^ 1, "9")], NOW).unwrap();
    drop(own);
    let (held, recovered) = open(&folder.options(), "mail");
    assert_eq!(items(&recovered), ["3", "4"]);
    held.close();
    // notes of files that are no more are forgotten
    assert_eq!(store(&folder, "sluice-1.redb").notes().unwrap(), []);
}

#[test]
fn other_options_are_fine_once_it_is_closed() {
    let folder = Folder::new();
    for sync in [false, true, false] {
        let options = Options { sync, exclusive: sync, max_bytes: 1 << 20, ..folder.options() };
        let (held, _) = open(&options, "mail");
        held.accept(&["a"]);
        held.close();
    }
    let (held, recovered) = open(&folder.options(), "mail");
    assert_eq!(recovered.rows.len(), 3);
    held.close();
}

const QUEUE: &str = r#"[{"id":"a","data":{"n":1},"timestamp":1600000000000,"retryCount":2},
    {"id":"b","data":"two","timestamp":"2020-09-13T12:26:41.000Z","retryCount":0}]"#;

#[test]
fn an_import_is_taken_in_once_and_renamed() {
    for text in [QUEUE.to_owned(), format!(r#"{{"buffer":{QUEUE},"stats":{{}},"timestamp":1}}"#)] {
        let folder = Folder::new();
        let file = folder.file("queue.json");
        std::fs::write(&file, &text).unwrap();
        std::fs::write(folder.file("queue.json.imported"), "older").unwrap();
        let options = Options { path: folder.file("log"), import: Some(file.clone()), ..folder.options() };
        let (held, recovered) = open(&options, "mail");
        assert_eq!(items(&recovered), [r#"{"n":1}"#, r#""two""#]);
        let facts: Vec<_> =
            recovered.rows.iter().map(|row| (row.at, row.attempts, row.key.clone())).collect();
        assert_eq!(facts, [(1_600_000_000_000, 2, None), (1_600_000_001_000, 0, None)]);
        assert!(!file.exists());
        assert_eq!(std::fs::read_to_string(folder.file("queue.json.imported-2")).unwrap(), text);
        assert_eq!(std::fs::read_to_string(folder.file("queue.json.imported")).unwrap(), "older");
        held.close();
        let (held, recovered) = open(&options, "mail");
        assert_eq!(recovered.rows.len(), 2);
        held.no_event();
        // a new file by that name is another import
        std::fs::write(&file, r#"[{"data":3}]"#).unwrap();
        held.close();
        let (held, recovered) = open(&options, "mail");
        assert_eq!(items(&recovered), [r#"{"n":1}"#, r#""two""#, "3"]);
        held.close();
        let own = RedbStore::open(&folder.file("log/sluice-1.redb"), false, 1 << 30).unwrap();
        assert_eq!(own.notes().unwrap(), []);
    }
}

#[test]
fn a_damaged_import_stays_and_the_start_goes_on() {
    let folder = Folder::new();
    let file = folder.file("queue.json");
    std::fs::write(&file, &QUEUE[..QUEUE.len() - 9]).unwrap();
    let options = Options { path: folder.file("log"), import: Some(file.clone()), ..folder.options() };
    let (held, recovered) = open(&options, "mail");
    assert!(recovered.rows.is_empty());
    let error = held.degraded();
    assert_eq!(error.kind, Kind::StoreCorrupt);
    assert!(error.message().contains("queue.json"), "{error}");
    assert!(file.exists());
    held.accept(&["works"]);
    held.close();
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
