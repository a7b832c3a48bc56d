//! Prints what a disk tier costs on this machine: `cargo run --release --example disk [directory]`.

use bytes::Bytes;
use sluice_core::cache::{NEVER, Record, Tag};
use sluice_core::error::Error;
use sluice_io::disk::{Answer, Config, Disk, Listener};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

struct Deaf;
impl Listener for Deaf {
    fn changed(&self, _hashes: Option<&[u64]>) {}
    fn state(&self, up: bool, why: Option<Error>) {
        println!("up: {up} {}", why.map(|why| why.message()).unwrap_or_default());
    }
}
const ENTRIES: usize = 20_000;

fn key(number: usize) -> String {
    format!("user:profile:{:07}", number % ENTRIES)
}
fn each(what: &str, times: usize, mut run: impl FnMut(usize)) {
    let began = Instant::now();
    (0..times).for_each(&mut run);
    println!("{what:<44}{:>10.2} us", began.elapsed().as_secs_f64() * 1e6 / times as f64);
}
fn flush(disk: &Disk) -> Result<u64, Error> {
    let (told, flushed) = channel();
    disk.flush(Box::new(move |result| {
        let _ = told.send(result);
    }));
    flushed.recv().unwrap_or(Ok(0))
}

fn main() -> Result<(), Error> {
    let own = std::env::temp_dir().join(format!("sluice-disk-example-{}", std::process::id()));
    let path = std::env::args().nth(1).map_or(own.clone(), Into::into);
    let config = Config { path: path.clone(), max_bytes: 1 << 30, compress_min_bytes: 0, follows: false };
    let disk = Disk::open(&config, Arc::new(Deaf))?;
    let record = Record::new(Tag::Bytes, vec![7; 1024], NEVER);
    each("put of 1 KB, accepted", ENTRIES, |number| {
        disk.put(key(number).as_bytes(), record.clone(), None);
    });
    let began = Instant::now();
    flush(&disk)?;
    println!("{:<44}{:>10.2} ms", "what had not been committed by then", began.elapsed().as_secs_f64() * 1e3);
    let mut found = 0;
    for _ in 0..3 {
        each("get of 1 KB", ENTRIES * 5, |number| {
            found +=
                usize::from(matches!(disk.get(key(number * 7919).as_bytes(), 1000), Answer::Found { .. }));
        });
    }
    each("get, absent", ENTRIES * 5, |number| {
        found +=
            usize::from(matches!(disk.get(format!("no:{number}").as_bytes(), 1000), Answer::Found { .. }));
    });
    each("poll, nothing new", 1_000_000, |_| disk.poll());
    each("put and commit, one at a time", 200, |number| {
        disk.put(key(number).as_bytes(), record.clone(), None);
        drop(flush(&disk));
    });
    each("remove and commit, one at a time", 200, |number| {
        let (told, removed) = channel();
        disk.remove(&[Bytes::from(key(number))], Box::new(move |result| drop(told.send(result))));
        drop(removed.recv());
    });
    each("lease, one at a time", 200, |number| {
        let (told, leased) = channel();
        disk.lease(key(number).as_bytes(), 1, 1000, 10_000, Box::new(move |result| drop(told.send(result))));
        drop(leased.recv());
    });
    let until = Instant::now() + Duration::from_secs(3);
    let mut written = 0;
    while Instant::now() < until {
        for _ in 0..1000 {
            disk.put(key(written).as_bytes(), record.clone(), None);
            written += 1;
        }
        flush(&disk)?;
    }
    println!("{:<44}{:>10} /s", "puts of 1 KB, committed", written / 3);
    println!("{:<44}{found:>10}", "found");
    drop(disk);
    let _ = std::fs::remove_dir_all(own);
    Ok(())
}
