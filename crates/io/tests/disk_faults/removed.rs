//! Folders and files that are removed or replaced under an open store.

use crate::common::*;
use crate::disk::*;
use std::time::Duration;

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
