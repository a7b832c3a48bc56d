//! File systems that are full, read-only, or let no file grow.

use crate::common::*;
use crate::disk::*;
use sluice_io::disk::Disk;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Runs where files may not grow beyond 4 MB until that is lifted.
pub fn limited(folder: &Path) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |bytes| setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    let (disk, ear) = open(&config(folder));
    disk.put(b"old", text("1"), None);
    flush(&disk);
    limit(Some(4 << 20));
    let full = fill(&disk);
    went_off(&ear);
    assert!(!disk.is_up() && !disk.put(b"x", text("1"), None));
    assert_eq!((read(&disk, "old"), is_big(&disk, 0)), (None, None));
    // a delete holds all the same, and so does a set's: what there was is not served again
    assert_eq!(remove(&disk, &["old"]), 0);
    assert!(disk.keys(b"", 10, 1000).is_empty());
    limit(None);
    until("it comes back", || disk.is_up());
    until("it says so", || ear.kinds() == [(false, Some("StoreIo")), (true, None)]);
    assert_eq!(read(&disk, "old"), None);
    assert!((0..full).all(|number| is_big(&disk, number) != Some(false)));
    assert!(disk.put(b"x", text("2"), None));
    flush(&disk);
    assert_eq!(read(&disk, "x").as_deref(), Some("2"));
    say("well");
}
#[test]
fn a_limit_on_file_size_takes_it_off_and_lifting_it_brings_it_back() {
    let folder = Folder::new();
    let child = Process::with("limited", &folder.0, |command| {
        let program = command.get_program().to_owned();
        let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let envs: Vec<_> = command.get_envs().map(|(k, v)| (k.to_owned(), v.unwrap().to_owned())).collect();
        let mut shell = Command::new("bash");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(program).args(args).envs(envs);
        shell.stdout(std::process::Stdio::piped());
        *command = shell;
    });
    let (is_well, lines) = child.finish();
    assert!(is_well && lines == ["well"], "{lines:?}");
}

#[test]
fn a_full_file_system_takes_it_off_and_room_brings_it_back() {
    let folder = Folder::new();
    let Some(_small) = Small::mount(&folder.0, "6m") else { return };
    let (disk, ear) = open(&folder.config());
    let full = fill(&disk);
    assert!(full > 20);
    went_off(&ear);
    // at the limit reads go on elsewhere: nothing wrong, no crash
    assert!((0..full).all(|number| is_big(&disk, number).is_none()));
    drop(disk);
    let (disk, _) = open(&folder.config());
    assert!((0..full).all(|number| is_big(&disk, number) != Some(false)));
    drop(disk);
}

#[test]
fn a_store_that_cannot_be_made_is_an_error() {
    let folder = Folder::new();
    let mounted = Small::mount(&folder.0, "6m");
    match &mounted {
        Some(small) => small.remount("ro"),
        None => {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&folder.0, std::fs::Permissions::from_mode(0o555)).unwrap();
        }
    }
    let refused = Disk::open(&folder.config(), Arc::new(Ear::default())).err().unwrap();
    assert_eq!(refused.kind.row().kind, "StoreIo");
    drop(mounted);
    let file = folder.0.join("file");
    let _ = std::fs::write(&file, "");
    let refused = Disk::open(&config(&file), Arc::new(Ear::default())).err().unwrap();
    assert_eq!(refused.kind.row().kind, "StoreIo");
}
