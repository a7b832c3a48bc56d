//! Options that are refused, and when they are fine.

use crate::log_files::*;
use sluice_core::error::Kind;
use sluice_io::log::Options;

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
