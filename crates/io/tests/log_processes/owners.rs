//! One owner for itself, and a look that hangs.

use crate::files::*;
use crate::log_files::*;
use sluice_core::error::Kind;
use sluice_io::log::{Event, Options, look_every};
use std::time::Duration;

#[test]
fn one_owner_for_itself_keeps_all_others_out_and_they_it() {
    let folder = Folder::new();
    let alone = Options { exclusive: true, ..folder.options() };
    for (theirs, ours, detail) in [
        ("holds alone", folder.options(), "for itself"),
        ("holds alone", alone.clone(), "others"),
        ("holds", alone.clone(), "others"),
    ] {
        let mut other = Process::start(theirs, &folder.0);
        assert_eq!(other.line().unwrap(), "open");
        let held = try_open(&ours, "mail").unwrap();
        let error = held.wait().unwrap_err();
        assert_eq!(error.kind, Kind::StoreLocked);
        assert!(error.message().contains(detail), "{error}");
        let refused = held.submit(vec![accept(row(held.queue.lease(1), "a"))]).unwrap_err();
        assert_eq!(refused.kind, Kind::StoreLocked);
        held.no_event();
        // once it is gone, a submission tries again
        other.kill();
        until("it opens", || {
            let _ = held.submit(Vec::new());
            std::thread::sleep(Duration::from_millis(20));
            matches!(held.events.lock().unwrap().try_recv(), Ok(Event::Reopened))
        });
        held.resubmit(Vec::new()).unwrap();
        held.accept(&["b"]);
        held.close();
    }
    // two that do not want it for themselves share it
    let mut other = Process::start("holds", &folder.0);
    assert_eq!(other.line().unwrap(), "open");
    let (held, _) = open(&folder.options(), "mail");
    assert_eq!(folder.names("sluice-", ".redb"), ["sluice-1.redb", "sluice-2.redb"]);
    held.close();
}

#[test]
fn a_look_that_hangs_keeps_nobody_from_starting() {
    look_every(Duration::from_millis(50));
    let folder = Folder::new();
    leave(&folder.0, 1, &["a"]);
    let mut other = Process::start("looks", &folder.0);
    assert_eq!(other.line().unwrap(), "locked");
    let (held, recovered) = open(&folder.options(), "mail");
    assert!(recovered.rows.is_empty());
    assert_eq!(folder.names("sluice-", ".redb"), ["sluice-1.redb", "sluice-2.redb"]);
    held.accept(&["b"]);
    other.kill();
    assert_eq!(items(&held.adopted()), ["a"]);
    held.close();
    assert_eq!(physical(&folder), ["a", "b"]);
}
