//! Files that are damaged, foreign or of a newer format.

use crate::files::*;
use crate::log_files::*;
use sluice_core::error::Kind;

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
