//! What a disk tier does when the disk does not: full, read-only, removed, damaged, held up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

mod disk;
use bytes::Bytes;
use disk::*;
use sluice_core::cache::{NEVER, Record, Tag};
use sluice_io::disk::{Answer, Config, Disk};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

fn big(number: usize) -> Record {
    Record::new(Tag::Bytes, vec![number as u8; 20_000], NEVER)
}
fn is_big(disk: &Disk, number: usize) -> Option<bool> {
    match disk.get(format!("big{number}").as_bytes(), 1000) {
        Answer::Found { record, .. } => Some(record == big(number)),
        Answer::Absent => None,
        Answer::Damaged => Some(false),
    }
}
/// Writes until the tier goes off.
fn fill(disk: &Disk) -> usize {
    for number in 0..20_000 {
        disk.put(format!("big{number}").as_bytes(), big(number), None);
        if number % 16 == 0 {
            let (done, told) = done();
            disk.flush(done);
            if told.recv_timeout(PATIENCE).unwrap().is_err() {
                return number;
            }
        }
    }
    panic!("it never was full");
}
/// A small file system of its own, gone with the value. None where that takes rights we lack.
struct Small(PathBuf);
impl Small {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|out| out.status.success()).then(|| Self(at.into()))
    }
    fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        assert!(Command::new("mount").args(["-o", &option]).arg(&self.0).status().unwrap().success());
    }
}
impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
fn went_off(ear: &Ear) {
    until("it says that it went off", || ear.kinds().first() == Some(&(false, Some("StoreIo"))));
}

/// What other processes do in these tests; nothing when it runs as a test itself.
#[test]
fn child() {
    let Some((role, folder)) = role() else { return };
    match role.as_str() {
        "limited" => limited(&folder),
        "mutants" => mutants(&folder),
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

/// Runs where files may not grow beyond 4 MB until that is lifted.
fn limited(folder: &Path) {
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

fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}
#[test]
fn a_removed_folder_takes_it_off_and_nothing_is_made_again() {
    let folder = Folder::new();
    let (disk, ear) = open(&folder.config());
    disk.put(b"old", text("1"), None);
    flush(&disk);
    std::fs::remove_dir_all(&folder.0).unwrap();
    until("it is noticed without a write", || {
        disk.poll();
        !disk.is_up()
    });
    went_off(&ear);
    assert_eq!((read(&disk, "old"), disk.put(b"x", text("1"), None)), (None, false));
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(!folder.0.exists());
    // another process makes the store anew: that one is joined
    let mut other = Process::start("open", &folder.0);
    other.line();
    until("it comes back", || disk.is_up());
    assert!(disk.put(b"x", text("2"), None));
    flush(&disk);
    std::fs::remove_dir_all(&folder.0).unwrap();
    disk.put(b"x", text("3"), None);
    until("it is noticed by a write", || !disk.is_up());
    drop(disk);
    assert!(!folder.0.exists());
}
#[test]
fn whoever_opens_a_removed_store_makes_it_anew_for_all() {
    let folder = Folder::new();
    let (one, ear) = open(&folder.config());
    one.put(b"old", text("1"), None);
    flush(&one);
    std::fs::remove_dir_all(&folder.0).unwrap();
    let (two, _) = open(&folder.config());
    until("it is up", || one.is_up() && folder.data().exists());
    assert_eq!(ear.kinds().first(), Some(&(false, Some("StoreIo"))));
    assert_eq!(read(&one, "old"), None);
    assert!(two.put(b"new", text("2"), None));
    flush(&two);
    assert_eq!(read(&one, "new").as_deref(), Some("2"));
}
#[test]
fn a_damaged_file_in_the_place_of_an_open_one_is_set_aside() {
    let folder = Folder::new();
    let mut whole = closed_store(&folder);
    let (disk, ear) = open(&folder.config());
    whole[4096 + 18] ^= 0xff;
    let other = folder.0.join("other");
    std::fs::write(&other, &whole).unwrap();
    std::fs::rename(&other, folder.data()).unwrap();
    disk.put(b"x", text("1"), None);
    until("it comes back", || ear.kinds().last() == Some(&(true, None)));
    assert_eq!(ear.kinds(), [(false, Some("StoreIo")), (false, Some("StoreCorrupt")), (true, None)]);
    assert_eq!(std::fs::read(folder.0.join("sluice-1.damaged-1/data.mdb")).unwrap(), whole);
    assert_eq!((read(&disk, "x"), read(&disk, "k1")), (None, None));
    assert!(disk.put(b"x", text("2"), None));
    flush(&disk);
}
#[test]
fn nothing_is_made_after_opening_and_nothing_touched_after_closing() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    let opened = files(&folder.0.join("sluice-1"));
    for number in 0..50 {
        disk.put(format!("big{number}").as_bytes(), big(number), None);
    }
    lease(&disk, "k", 1, 1000);
    flush(&disk);
    assert_eq!(files(&folder.0.join("sluice-1")), opened);
    drop(disk);
    std::fs::remove_dir_all(&folder.0).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(!folder.0.exists());
}

/// A closed store with long and short values, tags and deletes, as bytes.
fn closed_store(folder: &Folder) -> Vec<u8> {
    let (disk, _) = open(&folder.config());
    for number in 0..300 {
        let mut record = Record::new(Tag::Text, content(number), NEVER);
        record.tags = [format!("t{}", number % 5).into()].into();
        disk.put(name(number).as_bytes(), record, None);
        if number % 50 == 0 {
            flush(&disk);
        }
    }
    remove(&disk, &[&name(7), &name(8)]);
    drop(disk);
    std::fs::read(folder.data()).unwrap()
}
fn name(number: usize) -> String {
    if number.is_multiple_of(10) { format!("{number}:{}", "long".repeat(200)) } else { format!("k{number}") }
}
fn content(number: usize) -> String {
    format!("{number}/").repeat(if number.is_multiple_of(25) { 4_000 } else { 30 })
}
/// Opens damaged copies one after the other; says which one it is at before it does.
fn mutants(folder: &Path) {
    let whole = std::fs::read(folder.join("whole")).unwrap();
    let mut tried = (0, 0, 0);
    // all of them take minutes: a share, unless asked for
    let step = if std::env::var_os("SLUICE_ALL_MUTANTS").is_some() { 1 } else { 13 };
    for (index, mutant) in mutations(&whole).enumerate().step_by(step) {
        say(format!("at {index}"));
        let store = folder.join("store");
        let _ = std::fs::remove_dir_all(&store);
        std::fs::create_dir_all(store.join("sluice-1")).unwrap();
        std::fs::write(store.join("sluice-1/data.mdb"), mutant).unwrap();
        let (disk, ear) = open(&config(&store));
        let mut found = 0;
        for number in 0..300 {
            match disk.get(name(number).as_bytes(), 1000) {
                Answer::Found { record, .. } => {
                    assert_eq!(record.bytes, content(number), "mutant {index}");
                    assert!(number != 7 && number != 8);
                    found += 1;
                }
                Answer::Absent | Answer::Damaged => {}
            }
        }
        assert!(disk.keys(b"", 1000, 1000).len() <= 298);
        // it takes writes and searches, whatever was in it
        if index % 3 == 0 {
            for number in 0..40 {
                disk.put(format!("new{number}").as_bytes(), text(&"n".repeat(3_000)), None);
            }
            for glob in ["k*", "*long*"] {
                let (done, told) = done();
                disk.remove_pattern(glob.as_bytes(), done);
                let _ = told.recv_timeout(PATIENCE).unwrap();
            }
            let (done, told) = done();
            disk.remove_tag("t1", done);
            let _ = told.recv_timeout(PATIENCE).unwrap();
            flush(&disk);
            assert!((0..40).all(|number| read(&disk, &format!("new{number}")).is_some()));
        }
        let aside = files(&store).iter().any(|path| path.to_string_lossy().contains("damaged"));
        assert_eq!(aside, ear.kinds().first() == Some(&(false, Some("StoreCorrupt"))), "mutant {index}");
        tried = (tried.0 + 1, tried.1 + usize::from(aside), tried.2 + found);
    }
    say(format!("tried {} aside {} found {}", tried.0, tried.1, tried.2));
}
/// Every byte of both meta pages' fields, headers, pointers and node headers of other pages, and cuts.
fn mutations(whole: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let pages = whole.len() / 4096;
    let meta = (0..2).flat_map(|page| (0..160).map(move |at| page * 4096 + at));
    let headers = (2..pages).flat_map(|page| (0..20).map(move |at| page * 4096 + at));
    let nodes = (2..pages)
        .flat_map(|page| (0..8).map(move |n| page * 4096 + 4096 - 1 - (n * 531 + page * 17) % 3_900));
    let sites: Vec<usize> = meta.chain(headers.filter(|at| at % 3 != 1)).chain(nodes).collect();
    let flips = sites.into_iter().enumerate().map(move |(index, at)| {
        let mut mutant = whole.to_vec();
        mutant[at] ^= [0xff, 0x01, 0x80, 0x10][index % 4];
        mutant
    });
    let cuts = [0, 1, 15, 16, 100, 4095, 4096, 4097, 8191, 8192, 8193, 12_288];
    let many = (3..pages).step_by(7).map(|page| page * 4096 + page);
    flips.chain(cuts.into_iter().chain(many).map(move |length| whole[..length.min(whole.len())].to_vec()))
}
#[test]
fn a_damaged_store_never_takes_the_process_down_or_yields_a_wrong_value() {
    let folder = Folder::new();
    let whole = closed_store(&folder);
    let work = Folder::new();
    std::fs::write(work.0.join("whole"), &whole).unwrap();
    let (is_well, lines) = Process::start("mutants", &work.0).finish();
    assert!(is_well, "died {:?}", lines.last());
    let last: Vec<&str> = lines.last().unwrap().split(' ').collect();
    println!("{}", last.join(" "));
    let numbers: Vec<usize> = last.iter().filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] > 200 && numbers[1] > numbers[0] / 5 && numbers[2] > 10_000, "{numbers:?}");
}
#[test]
fn a_whole_store_is_walked_and_kept() {
    let folder = Folder::new();
    let whole = closed_store(&folder);
    // the same bytes, written again: nothing says that it was closed cleanly
    std::fs::write(folder.data(), &whole).unwrap();
    let (disk, ear) = open(&folder.config());
    assert!(ear.kinds().is_empty());
    for number in 0..300 {
        let wanted = (number != 7 && number != 8).then(|| content(number));
        assert_eq!(read(&disk, &name(number)), wanted);
    }
}
#[test]
fn a_damaged_value_is_told_once_and_gone() {
    let folder = Folder::new();
    let whole = closed_store(&folder);
    let mut mutant = whole.clone();
    // in old versions of its page too
    for at in (0..whole.len() - 8).filter(|at| whole[*at..].starts_with(b"123/123/")) {
        mutant[at] = b'X';
    }
    std::fs::write(folder.data(), &mutant).unwrap();
    let (disk, _) = open(&folder.config());
    assert_eq!(read(&disk, "k123").as_deref(), Some("damaged"));
    flush(&disk);
    assert_eq!(read(&disk, "k123"), None);
    assert_eq!(read(&disk, "k124"), Some(content(124)));
}

#[test]
fn writes_faster_than_commits_void_the_store_for_all_processes() {
    let folder = Folder::new();
    let (disk, ear) = open(&folder.config());
    disk.put(b"old", text("1"), None);
    flush(&disk);
    let mut reader = Process::with("open", &folder.0, |command| {
        command.stdin(std::process::Stdio::piped());
    });
    assert_eq!(reader.line(), "1");
    let mut holder = Process::start("hold", &folder.0);
    assert_eq!(holder.line(), "held");
    // puts first lose their room to deletes, and keep no older value
    for number in 0..80_000 {
        disk.put(format!("p{number}").as_bytes(), text("1"), None);
    }
    assert!(disk.is_up());
    assert_eq!((read(&disk, "p1").as_deref(), read(&disk, "p79999")), (Some("1"), None));
    assert_eq!(read(&disk, "old").as_deref(), Some("1"));
    for chunk in 0..300 {
        let keys: Vec<Bytes> = (0..1000).map(|number| Bytes::from(format!("d{chunk}:{number}"))).collect();
        disk.remove(&keys, Box::new(|_| {}));
    }
    assert!(!disk.is_up());
    disk.poll();
    went_off(&ear);
    // the other process has not heard of one delete in 300,000, and serves nothing all the same
    std::io::Write::write_all(reader.0.stdin.as_mut().unwrap(), b"go\n").unwrap();
    assert_eq!(reader.line(), "");
    holder.kill();
    until("it comes back", || disk.is_up());
    assert_eq!((read(&disk, "old"), read(&disk, "p1")), (None, None));
    assert!(disk.put(b"new", text("2"), None));
    flush(&disk);
    assert_eq!(read(&disk, "new").as_deref(), Some("2"));
}

#[test]
fn closing_does_not_wait_for_ever_for_a_writer_that_is_held_up() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    let mut holder = Process::start("hold", &folder.0);
    assert_eq!(holder.line(), "held");
    disk.put(b"k", text("1"), None);
    let began = std::time::Instant::now();
    drop(disk);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_reader_that_pins_all_pages_takes_it_off_and_its_end_brings_it_back() {
    let folder = Folder::new();
    let (disk, ear) = open(&Config { max_bytes: 2 << 20, ..folder.config() });
    let mut pin = Process::start("pin", &folder.0);
    assert_eq!(pin.line(), "pinned");
    let full = fill(&disk);
    went_off(&ear);
    pin.kill();
    until("it comes back", || disk.is_up());
    assert!((0..full).all(|number| is_big(&disk, number) != Some(false)));
    assert!(disk.put(b"x", text("2"), None));
    flush(&disk);
    assert_eq!(read(&disk, "x").as_deref(), Some("2"));
}
