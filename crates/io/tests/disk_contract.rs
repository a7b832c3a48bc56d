//! Every method of a disk tier, in one process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

mod disk;
use bytes::Bytes;
use disk::*;
use sluice_core::cache::{NEVER, Record, Tag, key_hash};
use sluice_core::error::Kind;
use sluice_io::disk::{Answer, Config, Disk, Lease};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_value_is_there_at_once_and_after_its_commit_and_after_a_restart() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    assert_eq!(read(&disk, "a"), None);
    assert!(disk.put(b"a", text("1"), None));
    assert_eq!(read(&disk, "a").as_deref(), Some("1"));
    flush(&disk);
    assert_eq!(read(&disk, "a").as_deref(), Some("1"));
    assert!(disk.put(b"a", text("2"), None));
    drop(disk);
    let (disk, ear) = open(&folder.config());
    assert_eq!(read(&disk, "a").as_deref(), Some("2"));
    assert!(ear.kinds().is_empty());
}

#[test]
fn tags_times_and_bytes_come_back_as_they_were() {
    let folder = Folder::new();
    for compress_min_bytes in [0, 100] {
        let config = Config { compress_min_bytes, ..folder.config() };
        let (disk, _) = open(&config);
        let mut record = Record::new(Tag::V8, vec![7; 100_000], 5_000);
        record.stale_until = 9_000;
        record.tags = ["x".into(), "ÿ".into()].into();
        let key = "k".repeat(3_000);
        disk.put(key.as_bytes(), record.clone(), None);
        flush(&disk);
        for (now, is_there) in [(0, true), (5_001, true), (9_000, true), (9_001, false)] {
            match disk.get(key.as_bytes(), now) {
                Answer::Found { record: found, suspect } => assert!(is_there && !suspect && found == record),
                other => assert!(!is_there, "{other:?} at {now}"),
            }
        }
        let small = std::fs::metadata(folder.data()).unwrap().len() < 300_000;
        assert!(small || compress_min_bytes == 0);
        drop(disk);
    }
}

#[test]
fn a_removed_key_is_gone_at_once_and_its_count_is_right() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    disk.put(b"a", text("1"), None);
    flush(&disk);
    disk.put(b"b", text("1"), None);
    let (done, told) = done();
    disk.remove(&[Bytes::from("a"), Bytes::from("b"), Bytes::from("c"), Bytes::from("b")], done);
    assert_eq!((read(&disk, "a"), read(&disk, "b")), (None, None));
    assert_eq!(settled(&told), 2);
    assert_eq!(remove(&disk, &["a", "b"]), 0);
    assert_eq!((read(&disk, "a"), read(&disk, "b")), (None, None));
    let (done, told) = disk::done();
    disk.remove(&[], done);
    assert_eq!(settled(&told), 0);
}

#[test]
fn the_last_of_many_writes_of_a_key_stays() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    for round in 0..2_000 {
        let key = format!("k{}", round % 7);
        match round % 3 {
            0 => drop(disk.put(key.as_bytes(), text(&round.to_string()), None)),
            1 => disk.remove(&[Bytes::from(key)], Box::new(|_| {})),
            _ => drop(disk.put(key.as_bytes(), text(&format!("x{round}")), None)),
        }
    }
    let last = |key: usize| {
        let round = (0..2_000).rev().find(|round| round % 7 == key).unwrap();
        match round % 3 {
            0 => Some(round.to_string()),
            1 => None,
            _ => Some(format!("x{round}")),
        }
    };
    let wanted: Vec<_> = (0..7).map(last).collect();
    let seen = |disk: &Disk| (0..7).map(|key| read(disk, &format!("k{key}"))).collect::<Vec<_>>();
    assert_eq!(seen(&disk), wanted);
    flush(&disk);
    assert_eq!(seen(&disk), wanted);
    drop(disk);
    assert_eq!(seen(&open(&folder.config()).0), wanted);
}

#[test]
fn patterns_and_tags_go_beyond_the_first_thousand() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    for index in 0..6_000 {
        let mut record = text("v");
        if index % 2 == 0 {
            record.tags = ["even".into(), "all".into()].into();
        }
        disk.put(format!("user:{index}:x").as_bytes(), record.clone(), None);
        disk.put(format!("{}:{index}", "long".repeat(200)).as_bytes(), record, None);
    }
    flush(&disk);
    // what was written after the call stays, wherever the search has got to
    let (done, told) = done();
    disk.remove_pattern(b"user:*5:?", done);
    assert_eq!(read(&disk, "user:5995:x"), None);
    disk.put(b"user:5995:x", text("new"), None);
    assert_eq!(read(&disk, "user:5995:x").as_deref(), Some("new"));
    // one of the 600 may have been written anew before the search came to it
    assert!((599..=600).contains(&settled(&told)));
    assert_eq!(read(&disk, "user:5:x"), None);
    assert_eq!(read(&disk, "user:6:x").as_deref(), Some("v"));
    assert_eq!(read(&disk, "user:5995:x").as_deref(), Some("new"));
    flush(&disk);
    assert_eq!(read(&disk, "user:5995:x").as_deref(), Some("new"));
    let (done, told) = disk::done();
    disk.remove_tag("even", done);
    assert_eq!(read(&disk, "user:0:x"), None);
    assert_eq!(settled(&told), 6_000);
    assert_eq!(disk.keys(b"user:", usize::MAX, 1000).len(), 2_401);
    let (done, told) = disk::done();
    disk.remove_pattern(b"longlong*", done);
    assert_eq!(settled(&told), 3_000);
    let (done, told) = disk::done();
    disk.remove_tag("none", done);
    assert_eq!(settled(&told), 0);
}

#[test]
fn keys_lists_fresh_ones_in_order_with_those_on_their_way() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    for index in 0..5_000 {
        disk.put(format!("a:{index:05}").as_bytes(), text("1"), None);
    }
    let long = format!("a:{}", "z".repeat(1000));
    disk.put(long.as_bytes(), text("1"), None);
    disk.put(b"a:old", Record::new(Tag::Text, "1", 500), None);
    disk.put(b"b:1", text("1"), None);
    flush(&disk);
    disk.put(b"a:new", text("1"), None);
    disk.remove(&[Bytes::from("a:00000")], Box::new(|_| {}));
    let keys = disk.keys(b"a:", usize::MAX, 1000);
    assert_eq!(keys.len(), 5_001);
    assert!(keys.is_sorted() && keys.contains(&Bytes::from(long)) && keys.contains(&Bytes::from("a:new")));
    assert_eq!(disk.keys(b"a:", 3, 1000)[..2], [Bytes::from("a:00001"), Bytes::from("a:00002")]);
    assert_eq!(disk.keys(b"", usize::MAX, 1000).len(), 5_002);
    assert_eq!(disk.keys(b"c", usize::MAX, 1000).len(), 0);
}

#[test]
fn clear_is_for_everything_before_it_and_nothing_after() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    for index in 0..100 {
        disk.put(format!("{index}").as_bytes(), text("1"), None);
    }
    flush(&disk);
    disk.put(b"way", text("1"), None);
    let (done, told) = done();
    disk.clear(done);
    assert_eq!((read(&disk, "7"), read(&disk, "way")), (None, None));
    disk.put(b"8", text("2"), None);
    assert_eq!(settled(&told), 100);
    flush(&disk);
    assert_eq!((read(&disk, "7"), read(&disk, "8").as_deref()), (None, Some("2")));
    assert_eq!(disk.keys(b"", usize::MAX, 1000), [Bytes::from("8")]);
}

#[test]
fn a_guard_that_says_no_leaves_what_there_is() {
    let folder = Folder::new();
    let (disk, ear) = open(&folder.config());
    disk.put(b"a", text("1"), None);
    assert!(!disk.put(b"a", text("0"), Some(Box::new(|| false))));
    assert_eq!(read(&disk, "a").as_deref(), Some("1"));
    let asked = Arc::new(AtomicBool::new(false));
    let sees = asked.clone();
    assert!(disk.put(
        b"b",
        text("2"),
        Some(Box::new(move || {
            sees.store(true, Ordering::SeqCst);
            true
        }))
    ));
    flush(&disk);
    assert!(asked.load(Ordering::SeqCst));
    assert_eq!(read(&disk, "b").as_deref(), Some("2"));
    assert!(ear.take_hashes().is_empty(), "one is not told of one's own");
}

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
fn expired_records_are_swept_by_the_callers_clock() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    for index in 0..2_000 {
        disk.put(format!("e{index}").as_bytes(), Record::new(Tag::Text, vec![1; 2_000], 10_000), None);
    }
    disk.put(b"forever", Record::new(Tag::Text, "v", NEVER), None);
    flush(&disk);
    let size = || std::fs::metadata(folder.data()).unwrap().len();
    let full = size();
    assert!(full > 4_000_000);
    for round in 0..4 {
        let now = 20_000 + round * 20_000;
        for index in 0..2_000 {
            disk.get(b"x", now);
            let record = Record::new(Tag::Text, vec![1; 2_000], now + 10_000);
            disk.put(format!("{round}:{index}").as_bytes(), record, None);
            if index % 100 == 0 {
                flush(&disk);
            }
        }
    }
    assert!(size() < full * 2, "{} after {full}", size());
    assert!(matches!(disk.get(b"forever", 1 << 50), Answer::Found { .. }));
}

#[test]
fn the_byte_cap_holds_and_the_oldest_leave() {
    let folder = Folder::new();
    let (disk, ear) = open(&Config { max_bytes: 4 << 20, ..folder.config() });
    for index in 0..20_000 {
        disk.put(format!("k{index}").as_bytes(), Record::new(Tag::Bytes, vec![1; 1_000], NEVER), None);
        if index % 500 == 0 {
            flush(&disk);
        }
    }
    flush(&disk);
    until("it is below the cap", || disk.keys(b"", usize::MAX, 1000).len() * 1_000 <= 4 << 20);
    let left = disk.keys(b"", usize::MAX, 1000).len();
    assert!(left > 2_000, "{left}");
    assert_eq!(read(&disk, "k0"), None);
    assert!(matches!(disk.get(b"k19999", 1000), Answer::Found { .. }));
    assert!(std::fs::metadata(folder.data()).unwrap().len() < 16 << 20);
    assert!(ear.kinds().is_empty());
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
fn a_value_too_large_for_the_store_deletes_what_was_there() {
    let folder = Folder::new();
    let (disk, _) = open(&Config { max_bytes: 4 << 20, ..folder.config() });
    disk.put(b"k", text("old"), None);
    flush(&disk);
    assert!(!disk.put(b"k", Record::new(Tag::Bytes, vec![1; 2 << 20], NEVER), None));
    assert_eq!(read(&disk, "k"), None);
    flush(&disk);
    assert_eq!(read(&disk, "k"), None);
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
