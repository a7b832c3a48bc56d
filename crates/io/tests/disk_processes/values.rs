//! Values that prove themselves, written and checked by many processes.

use sluice_core::cache::{Record, Tag};
use sluice_io::disk::{Answer, Disk};
use std::path::Path;
use std::time::Duration;

/// A value that proves itself: its key, a number, and bytes that follow from both.
pub fn proof(key: usize, number: u64) -> String {
    let length = 20 + (key * 37 + number as usize * 101) % 6_000;
    let mut text = format!("{key}:{number}:");
    let fill = (b'a' + ((key as u64 + number) % 26) as u8) as char;
    text.extend(std::iter::repeat_n(fill, length));
    text
}
pub fn is_proof(key: usize, text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let number = parts.nth(1).and_then(|number| number.parse().ok());
    number.is_some_and(|number| proof(key, number) == text)
}
pub const KEYS: usize = 800;

pub fn write(disk: &Disk, seed: u64, mut until: impl FnMut(u64) -> bool) {
    let mut number = seed << 32;
    while !until(number) {
        number += 1;
        let key = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize % KEYS;
        let name = format!("k{key}");
        match number % 11 {
            0 => disk.remove(&[name.into()], Box::new(|_| {})),
            _ => drop(disk.put(name.as_bytes(), Record::new(Tag::Text, proof(key, number), 1 << 50), None)),
        }
        if number.is_multiple_of(64) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
/// Reads all keys once; how many were there, and which were wrong.
pub fn check(disk: &Disk) -> (usize, Vec<String>) {
    let (mut found, mut wrong) = (0, Vec::new());
    for key in 0..KEYS {
        match disk.get(format!("k{key}").as_bytes(), 1000) {
            Answer::Absent => {}
            Answer::Damaged => wrong.push(format!("{key} damaged")),
            Answer::Found { record, .. } => {
                found += 1;
                let text = String::from_utf8_lossy(&record.bytes).into_owned();
                if !is_proof(key, &text) {
                    wrong.push(text);
                }
            }
        }
    }
    (found, wrong)
}
pub fn stop_sign(folder: &Path) -> std::path::PathBuf {
    folder.with_extension("stop")
}
