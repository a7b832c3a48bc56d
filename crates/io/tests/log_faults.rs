//! Disks that are full, read-only or gone: what fails, what is told, what is there afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests
#![cfg(unix)]

mod log_files;
use log_files::*;
use sluice_core::error::Kind;
use sluice_io::log::{Change, DurableStore, Event, Options, RedbStore, Seq};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const BULK: usize = 20_000;

/// A file system of a few megabytes, where the user may mount one.
struct Disk(PathBuf);
impl Disk {
    fn mount(folder: &Folder, size: &str) -> Option<Self> {
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
    fn remount(&self, how: &str) {
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
struct Instance {
    held: Held,
    live: BTreeMap<Seq, String>,
}
impl Instance {
    /// Accepts items until one fails; how it failed.
    fn fill(&mut self, bulk: usize) -> sluice_core::error::Error {
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
    fn reopen(&mut self) {
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
    fn settle_in_memory(&mut self, keep: usize) {
        while self.live.len() > keep {
            self.live.pop_first();
        }
    }
    fn settle_all_but(&mut self, keep: usize) {
        while self.live.len() > keep {
            let (seq, _) = self.live.pop_first().unwrap();
            self.held.complete(seq);
        }
    }
    /// Closes, and compares what is on disk with what it had.
    fn check(self, path: &Path) {
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

#[test]
fn a_full_disk_fails_accepts_and_loses_nothing() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, "12m") else { return };
    let filler = disk.0.join("filler");
    let options = Options { path: disk.0.join("log"), ..folder.options() };
    let (held, _) = open(&options, "mail");
    let mut instance = Instance { held, live: BTreeMap::new() };
    for item in ["a", "b", "c"] {
        let seq = instance.held.accept(&[item])[0];
        instance.live.insert(seq, item.into());
    }
    instance.settle_all_but(2);
    std::fs::write(&filler, vec![0; 8 << 20]).unwrap();
    let why = instance.fill(BULK);
    assert_eq!(why.kind, Kind::StoreIo);
    assert!(why.message().contains("space"), "{why}");
    assert_eq!(instance.held.degraded().kind, Kind::StoreIo);
    // nothing more is taken, and nothing already taken is gone
    assert_eq!(instance.held.submit(vec![accept(row(1 << 30, "a"))]).unwrap_err(), why);
    let acknowledged = instance.live.len();
    assert!(acknowledged > 10, "{acknowledged}");
    instance.settle_in_memory(5);
    std::fs::remove_file(&filler).unwrap();
    instance.reopen();
    let seq = instance.held.accept(&["after"])[0];
    instance.live.insert(seq, "after".into());
    until("the retired file is deleted", || {
        let redb = names(&options.path).into_iter().filter(|name| name.ends_with(".redb"));
        redb.count() == 1
    });
    instance.check(&options.path);
}

#[test]
fn a_disk_that_stays_full_is_not_filled_with_retired_files() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, "24m") else { return };
    let options = Options { path: disk.0.join("log"), ..folder.options() };
    let (held, _) = open(&options, "mail");
    let mut instance = Instance { held, live: BTreeMap::new() };
    std::fs::write(disk.0.join("filler"), vec![0; 4 << 20]).unwrap();
    instance.fill(BULK);
    // now there is room for an empty file, and not for what is in memory
    std::fs::remove_file(disk.0.join("filler")).unwrap();
    for _ in 0..2 {
        until("a submission opens a new file", || {
            let _ = instance.held.submit(Vec::new());
            std::thread::sleep(Duration::from_millis(20));
            let events = instance.held.events.lock().unwrap();
            events.try_iter().any(|event| matches!(event, Event::Reopened))
        });
        let all = instance.live.iter().map(|(seq, item)| accept(row(*seq, item))).collect();
        assert_eq!(instance.held.resubmit(all).unwrap_err().kind, Kind::StoreIo);
        until("what holds nothing is deleted", || {
            names(&options.path).into_iter().filter(|name| name.ends_with(".redb")).count() == 1
        });
    }
    instance.held.close();
    // all of it is where it was first
    let (held, recovered) = open(&options, "mail");
    let found = items(&recovered);
    let live: Vec<_> = instance.live.into_values().collect();
    assert!(found.len() > 100 && found.starts_with(&live), "{} of {}", found.len(), live.len());
    held.close();
}

#[test]
fn a_read_only_disk_keeps_nobody_from_starting() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, "12m") else { return };
    let options = Options { path: disk.0.join("log"), ..folder.options() };
    let (held, _) = open(&options, "mail");
    held.accept(&["old"]);
    held.close();
    disk.remount("ro");
    let held = try_open(&options, "mail").unwrap();
    assert_eq!(held.wait().unwrap_err().kind, Kind::StoreIo);
    assert_eq!(held.submit(vec![accept(row(held.queue.lease(1), "a"))]).unwrap_err().kind, Kind::StoreIo);
    disk.remount("rw");
    let seq = held.queue.lease(1);
    let mut told = Vec::new();
    until("it opens", || {
        let _ = held.submit(Vec::new());
        std::thread::sleep(Duration::from_millis(20));
        told.extend(held.events.lock().unwrap().try_iter());
        told.iter().any(|event| matches!(event, Event::Reopened))
    });
    // what was there comes late, under a number that it has not used
    let adopted = told.iter().find_map(|event| match event {
        Event::Adopted(recovered) => Some(recovered.clone()),
        _ => None,
    });
    let adopted = adopted.unwrap_or_else(|| held.adopted());
    assert_eq!(items(&adopted), ["old"]);
    assert!(adopted.rows[0].seq > seq);
    held.resubmit(vec![accept(row(seq, "new"))]).unwrap();
    held.close();
    let (held, recovered) = open(&options, "mail");
    assert_eq!(items(&recovered), ["new", "old"]);
    held.close();
}

/// What the limited process does; nothing when it runs as a test itself.
#[test]
fn child() {
    let Some((role, folder)) = role() else { return };
    if role == "namesakes" {
        return namesakes(&folder);
    }
    let (held, _) = open(&options(&folder), "mail");
    let mut instance = Instance { held, live: BTreeMap::new() };
    for _ in 0..3 {
        let why = instance.fill(BULK);
        assert_eq!(why.kind, Kind::StoreIo);
        assert_eq!(instance.held.degraded().kind, Kind::StoreIo);
        instance.settle_in_memory(10);
        instance.reopen();
    }
    until("retired files are deleted", || {
        names(&folder).into_iter().filter(|name| name.ends_with(".redb")).count() == 1
    });
    let live = instance.live.len();
    instance.check(&folder);
    say(format!("{live} left"));
}

/// Two instances of one name when their file is retired: what one has yet to store anew is not the other's.
fn namesakes(folder: &Path) {
    sluice_io::log::look_every(Duration::from_millis(20));
    let held = [(); 2].map(|()| open(&options(folder), "mail").0);
    let [mut one, mut two] = held.map(|held| Instance { held, live: BTreeMap::new() });
    for (instance, item) in [(&mut one, "first"), (&mut two, "second")] {
        let seq = instance.held.accept(&[item])[0];
        instance.live.insert(seq, item.into());
    }
    assert_eq!(one.fill(BULK).kind, Kind::StoreIo);
    [&one, &two].iter().for_each(|one| assert_eq!(one.held.degraded().kind, Kind::StoreIo));
    one.settle_in_memory(3);
    one.reopen();
    std::thread::sleep(Duration::from_millis(200));
    one.held.no_event();
    assert_eq!(names(folder).into_iter().filter(|name| name.ends_with(".redb")).count(), 2);
    two.reopen();
    until("the retired file is deleted", || {
        names(folder).into_iter().filter(|name| name.ends_with(".redb")).count() == 1
    });
    two.held.close();
    one.live.extend(two.live.into_iter().map(|(seq, item)| (seq + (1 << 40), item)));
    let live = one.live.len();
    // which it does not take over before it looks
    one.check(folder);
    say(format!("{live} left"));
}

fn limited(role: &str, folder: &Folder) -> String {
    // the signal must be ignored from before the start; the limit is of each file
    let script = "trap '' XFSZ; ulimit -f 8000; exec \"$0\" --exact child --nocapture --test-threads=1";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("SLUICE_ROLE", role)
        .env("SLUICE_FOLDER", &folder.0)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
    text
}
#[test]
fn a_file_that_may_not_grow_is_retired_again_and_again() {
    let folder = Folder::new();
    let text = limited("limited", &folder);
    assert!(text.contains("::10 left"), "{text}");
}

#[test]
fn instances_of_one_name_store_anew_each_for_itself() {
    let folder = Folder::new();
    let text = limited("namesakes", &folder);
    assert!(text.contains("::4 left"), "{text}");
}

#[test]
fn what_cannot_be_renamed_is_not_imported() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, "1m") else { return };
    let file = disk.0.join("queue.json");
    std::fs::write(&file, r#"[{"data":1}]"#).unwrap();
    disk.remount("ro");
    let options = Options { path: folder.file("log"), import: Some(file.clone()), ..folder.options() };
    for _ in 0..2 {
        let (held, recovered) = open(&options, "mail");
        assert_eq!(items(&recovered), Vec::<String>::new());
        let error = held.degraded();
        assert!(error.kind == Kind::StoreIo && error.message().contains("queue.json"), "{error}");
        held.close();
    }
    disk.remount("rw");
    let (held, recovered) = open(&options, "mail");
    assert_eq!(items(&recovered), ["1"]);
    assert!(!file.exists());
    held.close();
}

#[test]
fn two_instances_store_anew_what_each_has() {
    let folder = Folder::new();
    sluice_io::log::look_every(Duration::from_millis(50));
    let options = Options { path: folder.file("log"), ..folder.options() };
    std::fs::create_dir(&options.path).unwrap();
    let (first, _) = open(&options, "mail");
    let (second, _) = open(&options, "sms");
    let (gone, _) = open(&options, "fax");
    let one = first.accept(&["1", "2"]);
    let two = second.accept(&["3"]);
    gone.accept(&["4"]);
    gone.close();
    // the file goes, its directory and locks stay
    std::fs::rename(folder.file("log/sluice-1.redb"), folder.file("log/away")).unwrap();
    assert_eq!(first.degraded().kind, Kind::StoreIo);
    assert_eq!(second.degraded().kind, Kind::StoreIo);
    until("it opens", || {
        let _ = first.submit(Vec::new());
        std::thread::sleep(Duration::from_millis(20));
        matches!(first.events.lock().unwrap().try_recv(), Ok(Event::Reopened))
    });
    assert!(matches!(second.event(), Event::Reopened));
    let letter = Change::Bury { queue: "".into(), seq: one[1], attempts: 2, error: "no".into(), died: NOW };
    first.resubmit(vec![accept(row(one[0], "1")), accept(row(one[1], "2")), letter]).unwrap();
    second.resubmit(vec![accept(row(two[0], "3"))]).unwrap();
    first.close();
    second.close();
    let (first, recovered) = open(&options, "mail");
    assert_eq!((items(&recovered).len(), recovered.letters.len()), (1, 1));
    let (second, recovered) = open(&options, "sms");
    assert_eq!(items(&recovered), ["3"]);
    first.close();
    second.close();
}
