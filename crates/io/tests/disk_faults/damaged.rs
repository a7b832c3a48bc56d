//! Stores with damaged pages, headers and values.

use crate::common::*;
use crate::disk::*;
use sluice_io::disk::Answer;
use std::path::Path;

/// Opens damaged copies one after the other; says which one it is at before it does.
pub fn mutants(folder: &Path) {
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
