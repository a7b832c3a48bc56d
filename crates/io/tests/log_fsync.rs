//! What the store asks of the system, seen at the C library's functions, whose place these here take in this program:
//! commits wait for the disk, and an error of it is the end of the file.

#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

use bytes::Bytes;
use sluice_core::error::Kind;
use sluice_io::log::{Change, DurableStore, RedbStore, Row};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

thread_local! {
    /// Writes to a file and changes of its length since it was synced last.
    static UNSYNCED: Cell<u32> = const { Cell::new(0) };
    static FILE_SYNCS: Cell<u32> = const { Cell::new(0) };
    static FULL_SYNCS: Cell<u32> = const { Cell::new(0) };
    /// Which of the functions fails, and with which number.
    static FAULT: Cell<Option<(&'static str, c_int)>> = const { Cell::new(None) };
}
const EIO: c_int = 5;
const ENOSPC: c_int = 28;

unsafe extern "C" {
    safe fn __errno_location() -> *mut c_int;
}
fn end(name: &str, result: Result<usize, rustix::io::Errno>) -> isize {
    let fault = FAULT.get().filter(|(failing, _)| *failing == name).map(|(_, number)| number);
    match (fault, result) {
        (None, Ok(count)) => count as isize,
        (fault, result) => {
            let number = fault.unwrap_or_else(|| result.err().map_or(EIO, |error| error.raw_os_error()));
            // SAFETY: the C library gives this thread's own errno.
            unsafe { *__errno_location() = number };
            -1
        }
    }
}
fn file<'a>(fd: c_int) -> BorrowedFd<'a> {
    // SAFETY: the caller of these functions has the file open.
    unsafe { BorrowedFd::borrow_raw(fd) }
}
fn sync(name: &str, count: &'static std::thread::LocalKey<Cell<u32>>, fd: c_int) -> c_int {
    count.set(count.get() + 1);
    let result = end(name, rustix::fs::fsync(file(fd)).map(|()| 0));
    if result == 0 {
        UNSYNCED.set(0);
    }
    result as c_int
}
// SAFETY: the name and the type are those of the function that it replaces, which does the same.
#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync("fdatasync", &FILE_SYNCS, fd)
}
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    sync("fsync", &FULL_SYNCS, fd)
}
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn ftruncate64(fd: c_int, length: i64) -> c_int {
    UNSYNCED.set(UNSYNCED.get() + 1);
    let fault = FAULT.get().is_some_and(|(failing, _)| failing == "ftruncate64");
    let done = if fault { Ok(()) } else { rustix::fs::ftruncate(file(fd), length as u64) };
    end("ftruncate64", done.map(|()| 0)) as c_int
}
// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, data: *const c_void, count: usize, offset: i64) -> isize {
    UNSYNCED.set(UNSYNCED.get() + 1);
    // SAFETY: the caller has so many bytes there.
    let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), count) };
    end("pwrite64", rustix::io::pwrite(file(fd), data, offset as u64))
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sluice-log-fsync-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
fn accept(seq: u64, bytes: usize) -> Change {
    let payload = Bytes::from(vec![b'x'; bytes]);
    Change::Accept {
        queue: "q".into(),
        row: Row { seq, at: 0, attempts: 0, key: None, tag: 0, payload },
        claim: false,
    }
}

#[test]
fn a_commit_is_on_disk_when_it_returns() {
    let folder = folder("always");
    let mut store = RedbStore::create(&folder.join("sluice-1.redb"), true, u64::MAX).unwrap();
    assert!(FULL_SYNCS.get() >= 2, "the file, and its name in the directory");
    for seq in 1..20 {
        let syncs = FILE_SYNCS.get();
        store.commit(&[accept(seq, 100_000)], 0).unwrap();
        assert!(FILE_SYNCS.get() > syncs);
        assert_eq!(UNSYNCED.get(), 0);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
#[test]
fn without_it_a_commit_is_written_when_it_returns() {
    let folder = folder("os");
    let mut store = RedbStore::create(&folder.join("sluice-1.redb"), false, u64::MAX).unwrap();
    let syncs = FILE_SYNCS.get() + FULL_SYNCS.get();
    for seq in 1..20 {
        let unsynced = UNSYNCED.get();
        store.commit(&[accept(seq, 100)], 0).unwrap();
        assert!(UNSYNCED.get() > unsynced);
    }
    assert_eq!(FILE_SYNCS.get() + FULL_SYNCS.get(), syncs);
    std::fs::remove_dir_all(&folder).unwrap();
}
#[test]
fn an_error_of_the_disk_is_the_end_of_a_file_and_is_told() {
    let folder = folder("errors");
    for (index, (name, number, text)) in [
        ("fdatasync", EIO, "Input/output error"),
        ("pwrite64", ENOSPC, "No space left on device"),
        ("pwrite64", EIO, "Input/output error"),
        ("ftruncate64", ENOSPC, "No space left on device"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.join(format!("sluice-{index}.redb"));
        let mut store = RedbStore::create(&path, true, u64::MAX).unwrap();
        store.commit(&[accept(1, 100)], 0).unwrap();
        FAULT.set(Some((name, number)));
        // more than the file has room for
        let error = store.commit(&[accept(2, 3 << 20)], 0).unwrap_err();
        FAULT.set(None);
        assert_eq!(error.kind, Kind::StoreIo);
        assert!(error.message().contains(text), "{name}: {error}");
        assert!(error.message().contains(&path.display().to_string()), "{name}: {error}");
        // the disk works again, but who knows what it has
        assert_eq!(store.commit(&[accept(3, 100)], 0).unwrap_err().kind, Kind::StoreIo, "{name}");
        drop(store);
        let found = RedbStore::open(&path, true, u64::MAX).unwrap().pending("q").unwrap();
        assert_eq!(found.first().map(|row| row.seq), Some(1), "{name}");
        assert!(found.iter().all(|row| row.seq < 3), "{name}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
#[test]
fn a_file_that_cannot_be_synced_is_not_made() {
    let folder = folder("made");
    for name in ["fdatasync", "fsync", "pwrite64", "ftruncate64"] {
        let path = folder.join("sluice-1.redb");
        FAULT.set(Some((name, ENOSPC)));
        let made = RedbStore::create(&path, true, u64::MAX);
        FAULT.set(None);
        assert_eq!(made.unwrap_err().kind, Kind::StoreIo, "{name}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "{name}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
