//! Disks that are full, read-only or gone: what fails, what is told, what is there afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests
#![cfg(unix)]

#[path = "../log_files/mod.rs"]
mod log_files;

mod common;
mod limited;
mod mounted;

use common::*;
use log_files::*;
use sluice_core::error::Kind;
use std::collections::BTreeMap;

/// What the limited process does; nothing when it runs as a test itself.
#[test]
fn child() {
    let Some((role, folder)) = role() else { return };
    if role == "namesakes" {
        return limited::namesakes(&folder);
    }
    let (held, _) = open(&options(&folder), "mail");
    let mut instance = Instance { held, live: BTreeMap::new() };
    for _ in 0..3 {
        let why = instance.fill(BULK);
        assert_eq!(why.kind, Kind::StoreIo);
        assert_eq!(instance.held.degraded().kind, Kind::StoreIo);
        instance.settle_in_memory(10);
        instance.reopen();
    }
    until("retired files are deleted", || {
        names(&folder).into_iter().filter(|name| name.ends_with(".redb")).count() == 1
    });
    let live = instance.live.len();
    instance.check(&folder);
    say(format!("{live} left"));
}
