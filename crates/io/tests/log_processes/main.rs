//! Several processes over one directory: kills, adoption, crashes between two commits, one owner for itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

#[path = "../log_files/mod.rs"]
mod log_files;

mod files;
mod kills;
mod moves;
mod owners;
mod work;

use log_files::*;
use sluice_io::log::{Options, at_checkpoints, look_every};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use work::*;

/// More rounds by `SLUICE_ROUNDS`.
fn rounds() -> usize {
    std::env::var("SLUICE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(25)
}

/// What other processes do in these tests; nothing when it runs as a test itself.
#[test]
fn child() {
    let Some((role, folder)) = role() else { return };
    let (role, detail) = role.split_once(' ').unwrap_or((&role, ""));
    match role {
        "work" => {
            look_every(Duration::from_millis(15));
            work(&Options { sync: detail.ends_with("sync"), ..options(&folder) }, detail);
        }
        // dies between the two commits of the `detail`th move
        "dies" => {
            static PASSED: AtomicUsize = AtomicUsize::new(0);
            static LAST: AtomicUsize = AtomicUsize::new(0);
            LAST.store(detail.parse().unwrap(), Ordering::SeqCst);
            at_checkpoints(|_| {
                if PASSED.fetch_add(1, Ordering::SeqCst) == LAST.load(Ordering::SeqCst) {
                    std::process::abort();
                }
            });
            let import = Some(folder.join("queue.json"));
            let (held, _) = open(&Options { import, ..options(&folder) }, "mail");
            held.close();
            say("alive");
        }
        // what it finds, once it is told to look
        "finds" => {
            say("ready");
            hear();
            let import = Some(folder.join("queue.json"));
            let (held, recovered) = open(&Options { import, ..options(&folder) }, "mail");
            items(&recovered).iter().for_each(|item| say(format!("R {item}")));
            say("open");
            hear();
            held.close();
        }
        "holds" => {
            let (_held, _) = open(&Options { exclusive: detail == "alone", ..options(&folder) }, "mail");
            say("open");
            hear();
        }
        "looks" => {
            let mut options = std::fs::File::options();
            let file = options.create(true).write(true).truncate(false).open(folder.join("sluice-look.lock"));
            let file = file.unwrap();
            file.lock().unwrap();
            say("locked");
            hear();
        }
        other => panic!("{other}"),
    }
}
