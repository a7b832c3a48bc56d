//! What a disk tier does when the disk does not: full, read-only, removed, damaged, held up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

#[path = "../disk/mod.rs"]
mod disk;

mod common;
mod damaged;
mod full;
mod held_up;
mod removed;

use disk::*;

/// What other processes do in these tests; nothing when it runs as a test itself.
#[test]
fn child() {
    let Some((role, folder)) = role() else { return };
    match role.as_str() {
        "limited" => full::limited(&folder),
        "mutants" => damaged::mutants(&folder),
        "open" => {
            let (disk, _) = open(&config(&folder));
            say(read(&disk, "old").unwrap_or_default());
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).unwrap();
            say(read(&disk, "old").unwrap_or_default());
            std::thread::sleep(PATIENCE);
        }
        "hold" => {
            let mut options = heed::EnvOpenOptions::new();
            options.map_size(256 << 20).max_dbs(16).max_readers(1022);
            // SAFETY: nobody else opens it in this process, and only locks and snapshots are taken
            let env = unsafe { options.open(folder.join("sluice-1")) }.unwrap();
            let _txn = env.write_txn().unwrap();
            say("held");
            std::thread::sleep(PATIENCE * 2);
        }
        "pin" => {
            let mut options = heed::EnvOpenOptions::new();
            options.map_size(256 << 20).max_dbs(16).max_readers(1022);
            // SAFETY: nobody else opens it in this process, and only locks and snapshots are taken
            let env = unsafe { options.open(folder.join("sluice-1")) }.unwrap();
            let _txn = env.read_txn().unwrap();
            say("pinned");
            std::thread::sleep(PATIENCE * 2);
        }
        other => panic!("{other}"),
    }
}
