//! Several instances of one store: what they tell each other, leases, and how each ends.

use crate::disk::{self, *};
use bytes::Bytes;
use sluice_core::cache::key_hash;
use sluice_core::error::Kind;
use sluice_io::disk::{Config, Disk, Lease};
use std::sync::Arc;

#[test]
fn instances_of_a_process_tell_each_other_and_share_one_store() {
    let folder = Folder::new();
    let (one, ear_one) = open(&folder.config());
    let (two, ear_two) = open(&folder.config());
    one.put(b"a", text("1"), None);
    assert_eq!(read(&two, "a").as_deref(), Some("1"));
    until("the change is told", || ear_two.take_hashes() == [key_hash(b"a")]);
    remove(&two, &["a"]);
    until("the change is told", || ear_one.take_hashes() == [key_hash(b"a")]);
    assert!(ear_two.take_hashes().is_empty());
    let (done, told) = done();
    two.remove_pattern(b"x*", done);
    settled(&told);
    until("the pattern is told", || ear_one.removed.lock().unwrap().len() == 2);
    assert!(ear_two.removed.lock().unwrap().is_empty());
    assert_eq!(one.origin(), two.origin());
    assert_eq!(one.origin().len(), 16);
    drop(one);
    assert!(two.put(b"b", text("1"), None));
    flush(&two);
}

#[test]
fn a_fill_is_refused_until_its_instance_has_heard_of_anothers_write() {
    let folder = Folder::new();
    let (one, _) = open(&folder.config());
    let deaf = Arc::new(Deaf::default());
    let two = Disk::open(&folder.config(), deaf.clone()).unwrap();
    let held = deaf.0.lock().unwrap();
    one.put(b"k", text("new"), None);
    assert!(!two.put(b"k", text("old"), Some(Box::new(|| true))));
    assert!(two.put(b"other", text("x"), Some(Box::new(|| true))));
    drop(held);
    until("it has been told", || two.put(b"k", text("newer"), Some(Box::new(|| true))));
    flush(&one);
    assert_eq!(read(&one, "k").as_deref(), Some("newer"));
}
/// Hears nothing while its lock is held.
#[derive(Default)]
struct Deaf(std::sync::Mutex<()>);
impl sluice_io::disk::Listener for Deaf {
    fn changed(&self, _hashes: Option<&[u64]>) {
        drop(self.0.lock());
    }
    fn state(&self, _up: bool, _why: Option<sluice_core::error::Error>) {}
}

#[test]
fn instances_that_share_a_memory_are_not_told_of_each_other() {
    let folder = Folder::new();
    let ears = [0, 1].map(|_| Arc::new(Sharing::default()));
    let [one, two] = [0, 1].map(|index: usize| Disk::open(&folder.config(), ears[index].clone()).unwrap());
    let (other, ear) = open(&folder.config());
    one.put(b"a", text("1"), None);
    two.put(b"b", text("1"), None);
    until("the third is told", || ear.hashes.lock().unwrap().len() == 2);
    other.put(b"c", text("1"), None);
    until("both are told", || ears.iter().all(|ear| ear.0.take_hashes() == [key_hash(b"c")]));
}
#[derive(Default)]
struct Sharing(Ear);
impl sluice_io::disk::Listener for Sharing {
    fn memory(&self) -> usize {
        77
    }
    fn changed(&self, hashes: Option<&[u64]>) {
        self.0.changed(hashes);
    }
    fn state(&self, up: bool, why: Option<sluice_core::error::Error>) {
        self.0.state(up, why);
    }
}

#[test]
fn other_options_for_an_open_path_are_refused() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    let other = Config { max_bytes: 32 << 20, ..folder.config() };
    let refused = Disk::open(&other, Arc::new(Ear::default())).err().unwrap();
    assert_eq!(refused.kind, Kind::OptionRange);
    // the same directory by another name
    std::os::unix::fs::symlink(&folder.0, folder.0.join("link")).unwrap();
    let same = Config { path: folder.0.join("link"), ..folder.config() };
    let (again, _) = open(&Config { path: folder.0.clone(), ..same.clone() });
    let by_link = Disk::open(&same, Arc::new(Ear::default())).unwrap();
    assert_eq!(by_link.origin(), disk.origin());
    drop((disk, again, by_link));
    let reopened = Disk::open(&other, Arc::new(Ear::default()));
    assert!(reopened.is_ok());
}

#[test]
fn leases_are_granted_once_renewed_and_released() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    let Lease::Granted(first) = lease(&disk, "k", 1, 1000) else { panic!("busy") };
    assert_eq!(lease(&disk, "k", 2, 1000), Lease::Busy);
    assert_eq!(lease(&disk, "k", 1, 5_000), Lease::Granted(first));
    assert_eq!(lease(&disk, "k", 2, 15_000), Lease::Busy);
    let Lease::Granted(second) = lease(&disk, "k", 2, 15_001) else { panic!("the deadline has passed") };
    assert!(second > first);
    disk.release(b"k", 1);
    assert_eq!(lease(&disk, "k", 3, 15_001), Lease::Busy);
    disk.release(b"k", 2);
    let third = lease(&disk, "k", 3, 15_001);
    assert!(matches!(third, Lease::Granted(third) if third > second), "{third:?} after {second}");
}

#[test]
fn a_fill_under_a_lost_lease_is_not_made() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    let Lease::Granted(first) = lease(&disk, "k", 1, 1000) else { panic!("busy") };
    let Lease::Granted(second) = lease(&disk, "k", 2, 20_000) else { panic!("busy") };
    disk.put_fenced(b"k", text("late"), None, 1, first);
    flush(&disk);
    assert_eq!(read(&disk, "k"), None);
    disk.put_fenced(b"k", text("right"), None, 2, second);
    disk.release(b"k", 2);
    flush(&disk);
    assert_eq!(read(&disk, "k").as_deref(), Some("right"));
    disk.put_fenced(b"k", text("again"), None, 2, second);
    flush(&disk);
    assert_eq!(read(&disk, "k").as_deref(), Some("right"));
}

#[test]
fn what_redis_missed_outlives_a_restart() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    disk.missed(&[Bytes::from("one"), Bytes::from(vec![b'x'; 5_000])]);
    disk.missed(&[Bytes::from("two")]);
    drop(disk);
    let (disk, _) = open(&folder.config());
    let rows = disk.take_missed();
    assert_eq!(rows.iter().map(Bytes::len).collect::<Vec<_>>(), [3, 5_000, 3]);
    assert!(disk.take_missed().is_empty());
}

#[test]
fn the_store_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let (disk, _) = open(&Config { path: folder.0.join("new"), ..folder.config() });
    let mode = |path: &str| std::fs::metadata(folder.0.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("new"), mode("new/sluice-1")), (0o700, 0o700));
    for entry in std::fs::read_dir(folder.0.join("new/sluice-1")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    drop(disk);
}

#[test]
fn eight_threads_open_use_and_close_instances_of_one_store() {
    let folder = Folder::new();
    let threads: Vec<_> = (0..8_u64)
        .map(|thread| {
            let config = folder.config();
            std::thread::spawn(move || {
                for round in 0..6 {
                    let (disk, _) = open(&config);
                    let own = format!("own{thread}");
                    for step in 0..300_u64 {
                        let shared = format!("s{}", (step * 7 + thread) % 20);
                        match (step + thread) % 6 {
                            0 => drop(disk.put(shared.as_bytes(), text("x"), None)),
                            1 => disk.remove(&[Bytes::from(shared)], Box::new(|_| {})),
                            2 => drop(disk.put(shared.as_bytes(), text("f"), Some(Box::new(|| true)))),
                            3 => disk.poll(),
                            4 => drop(disk.keys(b"s", 10, 1000)),
                            _ => drop(lease(&disk, &shared, thread, 1000 + step)),
                        }
                        let value = format!("{round}:{step}");
                        assert!(disk.put(own.as_bytes(), text(&value), None));
                        assert_eq!(read(&disk, &own), Some(value));
                    }
                    if thread == 0 {
                        let (done, told) = done();
                        disk.remove_pattern(b"s1*", done);
                        settled(&told);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let (disk, _) = open(&folder.config());
    for thread in 0..8 {
        assert_eq!(read(&disk, &format!("own{thread}")).as_deref(), Some("5:299"));
    }
}

#[test]
fn a_closed_store_answers_nothing_and_is_left_as_it_was() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    disk.put(b"k", text("1"), None);
    disk.close();
    let files = |folder: &Folder| std::fs::read_dir(folder.0.join("sluice-1")).unwrap().count();
    let before = (files(&folder), std::fs::read(folder.data()).unwrap());
    assert!(!disk.put(b"k", text("2"), None) && read(&disk, "k").is_none());
    assert_eq!(remove(&disk, &["k"]), 0);
    let (done, told) = done();
    disk.clear(done);
    assert_eq!(settled(&told), 0);
    let (done, told) = disk::done();
    disk.remove_pattern(b"*", done);
    assert_eq!(settled(&told), 0);
    let (done, told) = disk::done();
    disk.flush(done);
    assert!(told.recv_timeout(PATIENCE).unwrap().is_err());
    disk.poll();
    assert_eq!((files(&folder), std::fs::read(folder.data()).unwrap()), before);
    // a new store of that path is another one, though the old is still held
    let (again, _) = open(&folder.config());
    assert_eq!(read(&again, "k").as_deref(), Some("1"));
    disk.close();
    drop(disk);
    assert!(again.put(b"k", text("3"), None));
    flush(&again);
}
