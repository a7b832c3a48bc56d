//! The stores that are open in this process, by their canonical paths: each is opened once and shared.

use super::Config;
use super::place;
use super::tier::Tier;
use parking_lot::{Condvar, Mutex};
use sluice_core::error::{Error, Kind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

enum Entry {
    /// Being opened or closed.
    Busy,
    Open {
        tier: Arc<Tier>,
        users: usize,
    },
}
static OPEN: Mutex<BTreeMap<PathBuf, Entry>> = Mutex::new(BTreeMap::new());
static CHANGED: Condvar = Condvar::new();
/// Another thread may be walking a large store, or waiting for a writer that another process holds up.
const WAIT: Duration = Duration::from_secs(60);

/// Opens or joins a store. The error beside it: what was set aside on the way.
pub(super) fn join(config: &Config) -> Result<(Arc<Tier>, Option<Error>), Error> {
    let root = place::root(&config.path)?;
    let mut open = OPEN.lock();
    let until = Instant::now() + WAIT;
    loop {
        match open.get_mut(&root) {
            None => break,
            Some(Entry::Open { tier, users }) => {
                let same = Config { path: tier.config.path.clone(), ..config.clone() } == tier.config;
                if !same {
                    return Err(Error::new(Kind::OptionRange)
                        .with("option", "disk")
                        .with("range", format!("the same everywhere for {}", root.display()))
                        .with("value", describe(config)));
                }
                *users += 1;
                let tier = tier.clone();
                drop(open);
                tier.joined();
                return Ok((tier, None));
            }
            Some(Entry::Busy) => {
                if CHANGED.wait_until(&mut open, until).timed_out() {
                    let error = Error::new(Kind::StoreLocked).with("path", root.display().to_string());
                    return Err(error.with("detail", "it is still being opened or closed in this process"));
                }
            }
        }
    }
    open.insert(root.clone(), Entry::Busy);
    drop(open);
    let opened = Tier::open(&root, config);
    let mut open = OPEN.lock();
    match &opened {
        Ok((tier, _)) => open.insert(root, Entry::Open { tier: tier.clone(), users: 1 }),
        Err(_) => open.remove(&root),
    };
    drop(open);
    CHANGED.notify_all();
    opened
}
fn describe(config: &Config) -> String {
    let Config { max_bytes, compress_min_bytes, follows, .. } = config;
    format!("maxBytes {max_bytes}, compress from {compress_min_bytes}, redis {follows}")
}
/// One user less; the last one closes it.
pub(super) fn leave(root: &Path) {
    let mut open = OPEN.lock();
    let Some(Entry::Open { tier, users }) = open.get_mut(root) else { return };
    *users -= 1;
    if *users > 0 {
        return;
    }
    let tier = tier.clone();
    open.insert(root.into(), Entry::Busy);
    drop(open);
    tier.close();
}
/// A writer thread has closed its store.
pub(super) fn ended(root: &Path) {
    OPEN.lock().remove(root);
    CHANGED.notify_all();
}
