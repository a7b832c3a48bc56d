//! What the instances of one directory in this process share, and the thread that opens, looks, retires and closes.

use super::queue::{Closed, Hold, Options};
use super::store::RedbStore;
use super::{Committer, keeper, lock};
use parking_lot::{Condvar, Mutex};
use sluice_core::error::Error;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How often a directory is looked through for dead owners' files.
static LOOK_MS: AtomicU64 = AtomicU64::new(30_000);

/// Looks more often, for tests: from the next look or opening on.
#[doc(hidden)]
pub fn look_every(every: Duration) {
    LOOK_MS.store(u64::try_from(every.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
}

static CHECKPOINT: OnceLock<fn(&str)> = OnceLock::new();

/// Calls a test between two steps that a crash may part.
#[doc(hidden)]
pub fn at_checkpoints(run: fn(&str)) {
    let _ = CHECKPOINT.set(run);
}
pub(super) fn checkpoint(name: &str) {
    if let Some(run) = CHECKPOINT.get() {
        run(name);
    }
}

/// What the thread has to do.
pub(super) enum Job {
    Open(Arc<Hold>),
    Close(Arc<Hold>, Closed),
    /// The own file of that generation cannot be used any more.
    Failed(u64, Error),
    Reopen,
    Look,
}
/// The file of this process.
pub(super) enum Own {
    Opening,
    Open { committer: Arc<Committer<RedbStore>>, generation: u64, is_used: Arc<AtomicBool> },
    Down { why: Error, tried: Instant },
}
pub(super) struct State {
    pub(super) own: Own,
    pub(super) jobs: VecDeque<Job>,
    /// All that are not closed.
    pub(super) holds: Vec<Arc<Hold>>,
    /// Nobody can join any more.
    pub(super) is_ending: bool,
    pub(super) has_ended: bool,
}
/// A directory that this process has open.
pub(super) struct Directory {
    /// Its name in the registry.
    pub(super) key: PathBuf,
    pub(super) options: Options,
    /// The latest time that somebody has told, milliseconds since 1970.
    pub(super) now: AtomicU64,
    pub(super) state: Mutex<State>,
    pub(super) wake: Condvar,
}

impl Directory {
    /// Starts its thread, which waits until the one before has given its locks back.
    pub(super) fn start(
        key: PathBuf,
        options: Options,
        now: u64,
        before: Option<Arc<Self>>,
    ) -> Result<Arc<Self>, Error> {
        let state = State {
            own: Own::Opening,
            jobs: VecDeque::new(),
            holds: Vec::new(),
            is_ending: false,
            has_ended: false,
        };
        let directory = Arc::new(Self {
            key,
            options,
            now: AtomicU64::new(now),
            state: Mutex::new(state),
            wake: Condvar::new(),
        });
        let started = std::thread::Builder::new().name("sluice-log-dir".into()).spawn({
            let directory = directory.clone();
            move || {
                if let Some(before) = before {
                    before.wait_for_end();
                }
                keeper::run(directory);
            }
        });
        started.map_err(|error| directory.unusable(&error.to_string()))?;
        Ok(directory)
    }
    pub(super) fn unusable(&self, detail: &str) -> Error {
        lock::unusable(&self.options.path, detail)
    }
    pub(super) fn push(&self, job: Job) {
        self.state.lock().jobs.push_back(job);
        self.wake.notify_one();
    }
    /// The next job, or None when it is time to look.
    pub(super) fn next(&self, last_look: Instant) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            let until = last_look + Duration::from_millis(LOOK_MS.load(Ordering::Acquire));
            if self.wake.wait_until(&mut state, until).timed_out() && state.jobs.is_empty() {
                return None;
            }
        }
    }
    /// A commit failed: nothing more is taken for that file.
    pub(super) fn fail(&self, generation: u64, why: &Error) {
        let mut state = self.state.lock();
        if !matches!(state.own, Own::Open { generation: current, .. } if current == generation) {
            return;
        }
        state.own = Own::Down { why: why.clone(), tried: Instant::now() };
        state.jobs.push_back(Job::Failed(generation, why.clone()));
        self.wake.notify_one();
    }
    /// Its locks are given back; what nobody has come to.
    pub(super) fn ended(&self) -> VecDeque<Job> {
        let mut state = self.state.lock();
        state.has_ended = true;
        self.wake.notify_all();
        std::mem::take(&mut state.jobs)
    }
    fn wait_for_end(&self) {
        let mut state = self.state.lock();
        while !state.has_ended {
            self.wake.wait(&mut state);
        }
    }
}

/// Runs somebody else's code: its panic is its own matter.
pub(super) fn contained(run: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(run));
}
