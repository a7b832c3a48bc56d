//! What these tests share: small file systems, and instances that know what they hold.

use crate::log_files::*;
use sluice_core::error::Kind;
use sluice_io::log::{DurableStore, Event, RedbStore, Seq};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub const BULK: usize = 20_000;

/// A file system of a few megabytes, where the user may mount one.
pub struct Disk(pub PathBuf);
impl Disk {
    pub fn mount(folder: &Folder, size: &str) -> Option<Self> {
        let path = folder.file("disk");
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "sluice-test"])
            .arg(&path)
            .stderr(std::process::Stdio::null())
            .status();
        let is_mounted = mounted.is_ok_and(|status| status.success());
        if !is_mounted {
            println!("not allowed to mount: see `a_file_that_may_not_grow` instead");
        }
        is_mounted.then_some(Self(path))
    }
    pub fn remount(&self, how: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.0).status();
    }
}

/// What an instance has in memory: items that were acknowledged and are not settled.
pub struct Instance {
    pub held: Held,
    pub live: BTreeMap<Seq, String>,
}
impl Instance {
    /// Accepts items until one fails; how it failed.
    pub fn fill(&mut self, bulk: usize) -> sluice_core::error::Error {
        for number in 0.. {
            let seq = self.held.queue.lease(1);
            let item = format!("{seq}:{number}:{}", "x".repeat(bulk));
            match self.held.submit(vec![accept(row(seq, &item))]) {
                Ok(refused) => {
                    assert_eq!(refused, []);
                    self.live.insert(seq, item);
                }
                Err(why) => return why,
            }
        }
        unreachable!()
    }
    /// Submits until there is a new file, then stores all there.
    pub fn reopen(&mut self) {
        until("a submission opens a new file", || {
            let _ = self.held.submit(Vec::new());
            std::thread::sleep(Duration::from_millis(20));
            matches!(self.held.events.lock().unwrap().try_recv(), Ok(Event::Reopened))
        });
        // before it has answered nothing is taken: nobody knows yet what is where
        assert_eq!(self.held.submit(vec![accept(row(1, "early"))]).unwrap_err().kind, Kind::StoreIo);
        let all = self.live.iter().map(|(seq, item)| accept(row(*seq, item))).collect();
        assert_eq!(self.held.resubmit(all).unwrap(), []);
    }
    /// What is delivered while nothing can be written.
    pub fn settle_in_memory(&mut self, keep: usize) {
        while self.live.len() > keep {
            self.live.pop_first();
        }
    }
    pub fn settle_all_but(&mut self, keep: usize) {
        while self.live.len() > keep {
            let (seq, _) = self.live.pop_first().unwrap();
            self.held.complete(seq);
        }
    }
    /// Closes, and compares what is on disk with what it had.
    pub fn check(self, path: &Path) {
        self.held.close();
        let mut found = Vec::new();
        for name in names(path).into_iter().filter(|name| name.ends_with(".redb")) {
            let store = RedbStore::open(&path.join(&name), false, 1 << 30).unwrap();
            for queue in store.queues().unwrap() {
                let rows = store.pending(&queue).unwrap();
                found.extend(rows.iter().map(|row| String::from_utf8(row.payload.to_vec()).unwrap()));
            }
            assert_eq!(store.notes().unwrap(), [], "{name}");
        }
        found.sort();
        let mut live: Vec<_> = self.live.into_values().collect();
        live.sort();
        assert!(found == live, "{} on disk, {} in memory", found.len(), live.len());
    }
}
