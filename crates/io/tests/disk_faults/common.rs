//! What these tests share: large records, small file systems, what lies in a folder.

use crate::disk::*;
use sluice_core::cache::{NEVER, Record, Tag};
use sluice_io::disk::{Answer, Disk};
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn big(number: usize) -> Record {
    Record::new(Tag::Bytes, vec![number as u8; 20_000], NEVER)
}
pub fn is_big(disk: &Disk, number: usize) -> Option<bool> {
    match disk.get(format!("big{number}").as_bytes(), 1000) {
        Answer::Found { record, .. } => Some(record == big(number)),
        Answer::Absent => None,
        Answer::Damaged => Some(false),
    }
}
/// Writes until the tier goes off.
pub fn fill(disk: &Disk) -> usize {
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
pub struct Small(pub PathBuf);
impl Small {
    pub fn mount(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|out| out.status.success()).then(|| Self(at.into()))
    }
    pub fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        assert!(Command::new("mount").args(["-o", &option]).arg(&self.0).status().unwrap().success());
    }
}
impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
pub fn went_off(ear: &Ear) {
    until("it says that it went off", || ear.kinds().first() == Some(&(false, Some("StoreIo"))));
}

pub fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// A closed store with long and short values, tags and deletes, as bytes.
pub fn closed_store(folder: &Folder) -> Vec<u8> {
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
pub fn name(number: usize) -> String {
    if number.is_multiple_of(10) { format!("{number}:{}", "long".repeat(200)) } else { format!("k{number}") }
}
pub fn content(number: usize) -> String {
    format!("{number}/").repeat(if number.is_multiple_of(25) { 4_000 } else { 30 })
}
