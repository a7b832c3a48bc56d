//! Who gets which rows, and what comes with them.

use crate::files::*;
use crate::log_files::*;
use sluice_io::log::{Change, DurableStore, Options, RedbStore, look_every};
use std::time::Duration;

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
