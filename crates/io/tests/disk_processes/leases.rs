//! Leases of processes that end or freeze.

use crate::disk::*;
use sluice_io::disk::{Config, Lease};

#[test]
fn a_lease_ends_with_its_process() {
    let folder = Folder::new();
    let (disk, _) = open(&Config { max_bytes: 8 << 20, ..folder.config() });
    let mut holder = Process::start("hold 7", &folder.0);
    let token = holder.line();
    assert!(token.starts_with("Granted"), "{token}");
    assert_eq!(lease(&disk, "load", 8, 1000), Lease::Busy);
    // the same number in another process is another owner
    assert_eq!(lease(&disk, "load", 7, 1000), Lease::Busy);
    holder.kill();
    until("a dead one's lease is free before its deadline", || {
        matches!(lease(&disk, "load", 8, 1000), Lease::Granted(_))
    });
}

#[test]
fn a_lease_of_a_frozen_process_ends_with_its_deadline() {
    let folder = Folder::new();
    let (disk, _) = open(&Config { max_bytes: 8 << 20, ..folder.config() });
    let mut holder = Process::start("hold 7", &folder.0);
    holder.line();
    let signal = |name: &str| {
        let pid = holder.0.id().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    assert_eq!(lease(&disk, "load", 8, 11_000), Lease::Busy);
    assert!(matches!(lease(&disk, "load", 8, 11_001), Lease::Granted(_)));
    signal("-CONT");
}
