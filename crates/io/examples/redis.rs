//! How many gets of 1 KB one link makes a second: `cargo run --release -p sluice-io --example redis`. Starts a server of
//! its own, and shows for each number of keys in flight what it makes of one batch, of several and of single keys.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a measurement

#[allow(dead_code)]
#[path = "../tests/support/redis.rs"]
mod servers;

use bytes::Bytes;
use sluice_core::cache::{Record, Tag};
use sluice_core::error::Error;
use sluice_io::redis::{Answer, Change, Config, Link, Listener, State, Write};
use sluice_io::runtime::Runtime;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

struct Deaf;
impl Listener for Deaf {
    fn changed(&self, _: Option<&[&[u8]]>) {}
    fn published(&self, _: &[u8], _: Change<'_>) {}
    fn tracking(&self, _: bool, _: Option<Error>) {}
    fn state(&self, _: State, _: Option<Error>) {}
}
const KEYS: usize = 10_000;
const FOR: Duration = Duration::from_secs(2);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}
fn key(number: usize) -> Bytes {
    Bytes::from(format!("key:{}", number % KEYS))
}

/// Gets a second, with so many tasks that each ask for so many keys at once.
async fn rate(link: &Arc<Link>, tasks: usize, keys: usize) -> f64 {
    let gets = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let (link, gets) = (link.clone(), gets.clone());
        running.spawn(async move {
            let mut at = task * 977;
            while began.elapsed() < FOR {
                let batch: Vec<Bytes> = (at..at + keys).map(key).collect();
                let answers = link.get_many(&batch, now()).await.unwrap();
                assert!(answers.iter().all(|answer| matches!(answer, Answer::Found { .. })));
                gets.fetch_add(keys as u64, Ordering::Relaxed);
                at += keys;
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    gets.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

async fn measure(url: String, plain: bool) {
    let config = Config {
        urls: vec![url],
        sentinel: None,
        username: None,
        password: None,
        db: None,
        tls: None,
        key_prefix: "b:".into(),
        connect_timeout_ms: 5000,
        command_timeout_ms: 2000,
        breaker_failures: 5,
        probe_ms: 1000,
        plain,
        tracking: !plain,
        publishes: false,
        compress_min_bytes: 0,
    };
    let link = Link::new(config, Arc::new(Deaf));
    link.connect().await;
    let text = Bytes::from(format!("\"{}\"", "x".repeat(1022)));
    let began = Instant::now();
    for from in (0..KEYS).step_by(500) {
        let write = |number| Write {
            key: key(number),
            record: Record::new(Tag::Json, text.clone(), now() + 600_000),
            only_absent: false,
            fence: None,
            publish: None,
        };
        let results = link.set_many((from..from + 500).map(write).collect(), now()).await;
        assert!(results.iter().all(|result| *result == Ok(true)));
    }
    let format = if plain { "plain" } else { "tagged" };
    println!("{format}: {:.0} sets/s in batches of 500", KEYS as f64 / began.elapsed().as_secs_f64());
    for flight in [64, 512] {
        for tasks in [1, 4, flight] {
            let rate = rate(&link, tasks, flight / tasks).await;
            println!(
                "{format}: {flight} in flight as {tasks} x {}: {:.0} k gets/s",
                flight / tasks,
                rate / 1000.0
            );
        }
    }
    link.close().await;
}

fn main() {
    let server = servers::Server::start();
    let runtime = Runtime::get().unwrap();
    for plain in [false, true] {
        let (sender, receiver) = std::sync::mpsc::channel();
        let url = server.url();
        runtime.spawn(async move {
            measure(url, plain).await;
            let _ = sender.send(());
        });
        receiver.recv().unwrap();
    }
}
