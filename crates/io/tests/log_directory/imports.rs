//! What older versions left, taken in once.

use crate::log_files::*;
use sluice_core::error::Kind;
use sluice_io::log::{DurableStore, Options, RedbStore};

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
