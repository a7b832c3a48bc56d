//! Taking a file: the own one, and those that have no owner.

use super::lock::{self, Place};
use super::store::RedbStore;
use super::{DurableStore, queue::Options};
use sluice_core::error::{Error, Kind};
use std::path::Path;

/// A directory has so many files at most.
const MAX_FILES: u32 = 100_000;

/// A file that is ours.
pub(super) struct Taken {
    pub(super) place: Place,
    pub(super) store: RedbStore,
    pub(super) is_new: bool,
}

/// Takes the lowest-numbered file that is free. With `is_new_only` (somebody holds the look up) only a number that has
/// no file: whoever takes a file with rows must take all that are free with it. What could not be used on the way goes
/// to `found`.
pub(super) fn take_own(
    root: &Path,
    options: &Options,
    is_new_only: bool,
    found: &mut Vec<Error>,
) -> Result<Taken, Error> {
    for number in 1..=MAX_FILES {
        let is_there = lock::file_path(root, number).exists();
        if is_there && is_new_only {
            continue;
        }
        let place = match Place::take(root, number) {
            Ok(Some(place)) => place,
            Ok(None) => continue,
            Err(error) if is_there => {
                found.push(lock::unusable(&lock::file_path(root, number), error));
                continue;
            }
            Err(error) => return Err(lock::unusable(root, error)),
        };
        // nobody else makes or takes it from here on
        if is_new_only && place.path.exists() {
            continue;
        }
        match read(root, &place, options) {
            Ok(Some(store)) => return Ok(Taken { place, store, is_new: false }),
            Err(error) if error.kind != Kind::StoreCorrupt => {
                found.push(error);
                continue;
            }
            Err(error) => found.push(error),
            Ok(None) => {}
        }
        let store = RedbStore::create(&place.path, options.sync, options.max_bytes)?;
        return Ok(Taken { place, store, is_new: true });
    }
    Err(lock::unusable(root, "it has too many files"))
}

/// Opens the file of a place; None: there is none. A damaged one is set aside: the error says where it is.
pub(super) fn read(root: &Path, place: &Place, options: &Options) -> Result<Option<RedbStore>, Error> {
    match place.path.try_exists() {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(error) => return Err(lock::unusable(&place.path, error)),
    }
    match RedbStore::open(&place.path, options.sync, options.max_bytes).and_then(read_through) {
        Ok(store) => Ok(Some(store)),
        Err(error) if error.kind == Kind::StoreCorrupt => Err(set_aside(root, place, &error)),
        Err(error) => Err(error),
    }
}
/// Reads every row once: what is damaged must be known before anything of it is used.
fn read_through(store: RedbStore) -> Result<RedbStore, Error> {
    for queue in store.queues()? {
        store.pending(&queue)?;
        store.letters(&queue)?;
        store.seen(&queue, 0)?;
    }
    Ok(store)
}
/// Out of the way, and kept.
fn set_aside(root: &Path, place: &Place, why: &Error) -> Error {
    let Some(target) = lock::damaged_path(root, place.number) else {
        return lock::unusable(&place.path, "too many damaged files are kept beside it");
    };
    match std::fs::rename(&place.path, &target) {
        Ok(()) => Error::new(Kind::StoreCorrupt)
            .with("path", target.display().to_string())
            .with("detail", why.detail()),
        Err(error) => lock::unusable(&place.path, error),
    }
}
