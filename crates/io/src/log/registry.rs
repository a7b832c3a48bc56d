//! The directories that are open in this process, by their canonical paths: each is opened once and shared.

use super::directory::{Directory, Job};
use super::lock;
use super::queue::{Hold, Listener, Opened, Options, Standing};
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

static OPEN: Mutex<BTreeMap<PathBuf, Arc<Directory>>> = Mutex::new(BTreeMap::new());

fn refuse(option: &str, range: String, value: String) -> Error {
    Error::new(Kind::OptionRange).with("option", option).with("range", range).with("value", value)
}
/// What can be said of options without opening anything.
fn check_path(path: &Path) -> Result<(), Error> {
    match path.metadata() {
        Ok(found) if !found.is_dir() => {
            Err(refuse("durable.path", "a directory".into(), format!("the file {}", path.display())))
        }
        _ => Ok(()),
    }
}
fn check_same(options: &Options, open: &Options) -> Result<(), Error> {
    let same = |name: &str, ours: String, theirs: String| match ours == theirs {
        true => Ok(()),
        false => {
            let range = format!("{theirs}, as another instance has it for {}", open.path.display());
            Err(refuse(name, range, ours))
        }
    };
    let fsync = |sync: bool| if sync { "'always'" } else { "'os'" }.to_owned();
    same("durable.maxBytes", options.max_bytes.to_string(), open.max_bytes.to_string())?;
    same("durable.exclusive", options.exclusive.to_string(), open.exclusive.to_string())?;
    same("durable.fsync", fsync(options.sync), fsync(open.sync))
}

/// Opens or joins a directory; the opening itself goes on on its thread.
pub(super) fn join(
    options: Options,
    name: &str,
    now: u64,
    opened: Opened,
    listener: Listener,
) -> Result<(Arc<Directory>, Arc<Hold>), Error> {
    check_path(&options.path)?;
    // one that cannot be made has no canonical name; its thread says why
    let key = lock::make_root(&options.path).or_else(|_| std::path::absolute(&options.path));
    let key = key.map_err(|error| lock::unusable(&options.path, error))?;
    let import = options.import.clone();
    let mut open = OPEN.lock();
    let before = open.get(&key).cloned();
    let mut joined = before.clone().filter(|directory| !directory.state.lock().is_ending);
    if let Some(directory) = &joined {
        check_same(&options, &directory.options)?;
    }
    let directory = match joined.take() {
        Some(directory) => directory,
        None => {
            let directory = Directory::start(key.clone(), options, now, before)?;
            open.insert(key, directory.clone());
            directory
        }
    };
    let mut state = directory.state.lock();
    let is_free = |slot: &u32| {
        let queue = Hold::queue_of(name, *slot);
        state.holds.iter().all(|hold| hold.queue != queue)
    };
    let slot = (1..).find(is_free).unwrap_or(1);
    let standing = Standing { import, opened: Some(opened), ..Standing::default() };
    let hold = Arc::new(Hold {
        name: name.into(),
        queue: Hold::queue_of(name, slot),
        next: AtomicU64::new(1),
        listener,
        standing: Mutex::new(standing),
    });
    state.holds.push(hold.clone());
    state.jobs.push_back(Job::Open(hold.clone()));
    directory.wake.notify_one();
    drop(state);
    Ok((directory, hold))
}
/// Begins the end of a directory that nobody holds; false: somebody has joined.
pub(super) fn begin_end(directory: &Directory) -> bool {
    let _open = OPEN.lock();
    let mut state = directory.state.lock();
    state.is_ending = state.holds.is_empty();
    state.is_ending
}
/// Its file is closed and its locks are given back.
pub(super) fn ended(directory: &Arc<Directory>) {
    let mut open = OPEN.lock();
    if open.get(&directory.key).is_some_and(|found| Arc::ptr_eq(found, directory)) {
        open.remove(&directory.key);
    }
}
