//! What commits of the log cost on this disk. Needs a directory: `cargo run --release -p sluice-io --example log -- DIR`.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a program for developers

use bytes::Bytes;
use sluice_io::log::{Change, Committer, DurableStore, RedbStore, Row};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const QUEUE: &str = "bench";

fn accepts(first: u64, count: u64, bytes: usize) -> Vec<Change> {
    let queue: Arc<str> = QUEUE.into();
    let payload = Bytes::from(vec![b'x'; bytes]);
    let row = |seq| Row { seq, at: 1, attempts: 0, key: None, tag: 0, payload: payload.clone() };
    (first..first + count)
        .map(|seq| Change::Accept { queue: queue.clone(), row: row(seq), claim: false })
        .collect()
}
fn completes(first: u64, count: u64) -> Vec<Change> {
    let queue: Arc<str> = QUEUE.into();
    (first..first + count).map(|seq| Change::Complete { queue: queue.clone(), seq, seen: None }).collect()
}
/// From the submission to its `done`, and how long `submit` itself took.
fn submit(committer: &Committer<RedbStore>, changes: Vec<Change>) -> (Duration, Duration) {
    let (sender, receiver) = channel();
    let began = Instant::now();
    committer.submit(changes, 0, Box::new(move |done| sender.send(done.unwrap()).unwrap()));
    let returned = began.elapsed();
    assert!(receiver.recv().unwrap().is_empty());
    (began.elapsed(), returned)
}
fn say(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!("{what}: min {:.2} ms, median {:.2} ms, p90 {:.2} ms", at(0), at(50), at(90));
}
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn main() {
    let dir = std::env::args().nth(1).expect("a directory");
    for sync in [true, false] {
        let path = Path::new(&dir).join(format!("bench-{sync}.redb"));
        let _ = std::fs::remove_file(&path);
        let committer = Committer::new(RedbStore::create(&path, sync, u64::MAX).unwrap(), path.clone());
        println!("-- fsync {}", if sync { "always" } else { "os" });
        let (mut one, mut thousand, mut done, mut returned, mut next) = (vec![], vec![], vec![], vec![], 1);
        for _ in 0..60 {
            one.push(submit(&committer, accepts(next, 1, 100)).0);
            next += 1;
            let times = submit(&committer, accepts(next, 1000, 100));
            thousand.push(times.0);
            returned.push(times.1);
            done.push(submit(&committer, completes(next - 1, 1001)).0);
            next += 1000;
        }
        say("1 accept", one);
        say("1000 accepts in one submission", thousand);
        say("1001 completions in one submission", done);
        say("submit of 1000 returns", returned);
        let mut many = vec![];
        for _ in 0..10 {
            let (sender, receiver) = channel();
            let began = Instant::now();
            for index in 0..1000 {
                let sender = sender.clone();
                committer.submit(
                    accepts(next + index, 1, 100),
                    0,
                    Box::new(move |_| sender.send(()).unwrap()),
                );
            }
            assert_eq!(receiver.iter().take(1000).count(), 1000);
            many.push(began.elapsed());
            next += 1000;
        }
        say("1000 submissions of one accept each", many);
        let before = resident();
        let began = Instant::now();
        for _ in 0..60 {
            submit(&committer, accepts(next, 1000, 4000));
            next += 1000;
        }
        println!("240 MB in 60 commits: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
        println!("resident: {} KB before, {} KB after", before, resident());
        let (sender, receiver) = channel();
        let began = Instant::now();
        committer.close(move || sender.send(()).unwrap());
        receiver.recv().unwrap();
        println!(
            "closing: {:.1} ms, {} bytes",
            began.elapsed().as_secs_f64() * 1e3,
            path.metadata().unwrap().len()
        );
        let began = Instant::now();
        let store = RedbStore::open(&path, sync, u64::MAX).unwrap();
        println!("opening: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        let rows = store.pending(QUEUE).unwrap();
        println!("reading {} rows: {:.1} ms", rows.len(), began.elapsed().as_secs_f64() * 1e3);
        drop((rows, store));
        println!("resident: {} KB", resident());
        std::fs::remove_file(&path).unwrap();
    }
}
