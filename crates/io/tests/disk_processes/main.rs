//! Several processes on one store: values, kills, leases, the ring, clocks apart, who hears.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

#[path = "../disk/mod.rs"]
mod disk;

mod hearing;
mod kills;
mod leases;
mod values;

use disk::*;
use sluice_core::cache::{Record, Tag, key_hash};
use sluice_io::disk::Config;
use std::time::{Duration, Instant};
use values::*;

/// What other processes do in these tests; nothing when it runs as a test itself.
#[test]
fn child() {
    let Some((role, folder)) = role() else { return };
    let follows = role.starts_with("hears");
    let (disk, ear) = open(&Config { follows, max_bytes: 8 << 20, ..config(&folder) });
    let (role, number) = role.split_once(' ').unwrap_or((&role, "0"));
    let number: u64 = number.parse().unwrap();
    match role {
        "write" => {
            say("ready");
            write(&disk, number, |_| stop_sign(&folder).exists());
        }
        "check" => {
            say("ready");
            let (mut rounds, mut found) = (0, 0);
            while !stop_sign(&folder).exists() {
                disk.poll();
                let (there, wrong) = check(&disk);
                assert!(wrong.is_empty(), "{wrong:?}");
                (rounds, found) = (rounds + 1, found + there);
            }
            say(format!("{rounds} {found}"));
        }
        "commit" => {
            for round in 0..number {
                disk.put(format!("c{}", round % 10).as_bytes(), text("1"), None);
                flush(&disk);
            }
            say("done");
        }
        "hold" => {
            let held = lease(&disk, "load", number, 1000);
            say(format!("{held:?}"));
            std::thread::sleep(PATIENCE);
        }
        "answer" => {
            say("ready");
            loop {
                disk.poll();
                for hash in ear.take_hashes() {
                    if let Some(round) =
                        (0..400).find(|round| key_hash(format!("ping{round}").as_bytes()) == hash)
                    {
                        assert_eq!(read(&disk, &format!("ping{round}")).as_deref(), Some("sent"));
                        disk.put(format!("pong{round}").as_bytes(), text("back"), None);
                    }
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        "ahead" => {
            let now = 1_000 + 3_600_000;
            disk.put(b"theirs", Record::new(Tag::Text, "an hour on", now + 600_000), None);
            flush(&disk);
            say(format!("{:?}", disk.get(b"ours", now)).split_whitespace().next().unwrap());
            std::thread::sleep(PATIENCE);
        }
        "hears" | "hears-not" => {
            say("ready");
            let until = Instant::now() + PATIENCE;
            while Instant::now() < until {
                disk.heard(role == "hears", 0);
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        other => panic!("{other}"),
    }
}
