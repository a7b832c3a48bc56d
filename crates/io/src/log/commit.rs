//! The commit thread: what comes while a commit is being synced is the next commit.

use super::row::{Change, Refused};
use super::{DurableStore, fault};
use parking_lot::{Condvar, Mutex};
use sluice_core::error::{Error, Kind};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

/// Told what became of a submission, on the commit thread; at once when there is none. Must not block.
pub type Committed = Box<dyn FnOnce(Result<Vec<Refused>, Error>) + Send>;
/// Work with the store between two commits, or why there is none.
pub type Job<S> = Box<dyn FnOnce(Result<&mut S, Error>) + Send>;
type Closed = Box<dyn FnOnce() + Send>;

/// A transaction takes no more submissions in from so many changes or bytes on.
const GROUP_CHANGES: usize = 20_000;
const GROUP_BYTES: usize = 16 << 20;

enum Work<S> {
    Submit { changes: Vec<Change>, now: u64, done: Committed },
    Job(Job<S>),
}
struct State<S> {
    work: VecDeque<Work<S>>,
    /// While no thread runs.
    store: Option<Result<S, Error>>,
    is_running: bool,
    is_closing: bool,
    closed: Vec<Closed>,
}
struct Shared<S> {
    state: Mutex<State<S>>,
    wake: Condvar,
    path: PathBuf,
}

/// A store and its thread, which starts with the first work. Dropping it ends the thread when all is done.
pub struct Committer<S: DurableStore + 'static> {
    shared: Arc<Shared<S>>,
}

impl<S: DurableStore + 'static> Committer<S> {
    /// Takes a store; `path` is its name in errors.
    pub fn new(store: S, path: PathBuf) -> Self {
        let state = State {
            work: VecDeque::new(),
            store: Some(Ok(store)),
            is_running: false,
            is_closing: false,
            closed: Vec::new(),
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new(), path }) }
    }
    /// Commits changes after all that was submitted before, together with others; `done` when they are on disk. After a commit
    /// that failed, nothing is committed and every `done` is told why: the store is retired.
    pub fn submit(&self, changes: Vec<Change>, now: u64, done: Committed) {
        self.push(Work::Submit { changes, now, done });
    }
    /// Runs a job after all that was submitted before.
    pub fn run(&self, job: Job<S>) {
        self.push(Work::Job(job));
    }
    /// Takes nothing more. `done` when all is committed and the store is closed.
    pub fn close(&self, done: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.state.lock();
        state.is_closing = true;
        state.closed.push(Box::new(done));
        self.start(state);
    }

    fn push(&self, work: Work<S>) {
        let mut state = self.shared.state.lock();
        if state.is_closing {
            drop(state);
            return refuse(work, &Error::new(Kind::Closed).with("what", "the log"));
        }
        state.work.push_back(work);
        self.start(state);
    }
    fn start(&self, mut state: parking_lot::MutexGuard<'_, State<S>>) {
        if state.is_running {
            drop(state);
            self.shared.wake.notify_one();
            return;
        }
        let store =
            state.store.take().unwrap_or_else(|| Err(Error::new(Kind::Closed).with("what", "the log")));
        state.is_running = true;
        let shared = self.shared.clone();
        // the store goes through a cell so that it is not lost when no thread can be started
        let cell = Arc::new(Mutex::new(Some(store)));
        let thread = std::thread::Builder::new().name("sluice-log".into()).spawn({
            let cell = cell.clone();
            move || {
                let store = cell.lock().take();
                if let Some(store) = store {
                    Thread { shared, store }.work();
                }
            }
        });
        if let Err(error) = thread {
            state.is_running = false;
            state.store = cell.lock().take();
            let work = std::mem::take(&mut state.work);
            let closed = std::mem::take(&mut state.closed);
            let store = if state.is_closing { state.store.take() } else { None };
            drop(state);
            let error = fault::io(&self.shared.path, error);
            work.into_iter().for_each(|work| refuse(work, &error));
            drop(store);
            closed.into_iter().for_each(|closed| closed());
        }
    }
}
impl<S: DurableStore + 'static> Drop for Committer<S> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.is_closing = true;
        if state.is_running || state.store.is_some() {
            // closing a file takes time that the caller may not have
            self.start(state);
        }
    }
}

fn refuse<S>(work: Work<S>, why: &Error) {
    match work {
        Work::Submit { done, .. } => call(|| done(Err(why.clone()))),
        Work::Job(job) => call(|| job(Err(why.clone()))),
    }
}
/// A callback's panic is its owner's; the thread goes on.
fn call(run: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(run));
}

struct Thread<S: DurableStore> {
    shared: Arc<Shared<S>>,
    store: Result<S, Error>,
}
/// Submissions that are one transaction.
#[derive(Default)]
struct Group {
    changes: Vec<Change>,
    bytes: usize,
    now: u64,
    /// How many changes there are up to the end of each submission.
    ends: Vec<(usize, Committed)>,
}

impl<S: DurableStore> Thread<S> {
    fn work(mut self) {
        while let Some(work) = self.next() {
            let mut group = Group::default();
            for work in work {
                match work {
                    Work::Submit { changes, now, done } => {
                        group.take(changes, now, done);
                        if group.is_full() {
                            self.commit(std::mem::take(&mut group));
                        }
                    }
                    Work::Job(job) => {
                        self.commit(std::mem::take(&mut group));
                        call(|| job(self.store.as_mut().map_err(|error| error.clone())));
                    }
                }
            }
            self.commit(group);
        }
        let Self { shared, store } = self;
        call(|| drop(store));
        loop {
            let mut state = shared.state.lock();
            let closed = std::mem::take(&mut state.closed);
            state.is_running = !closed.is_empty();
            drop(state);
            if closed.is_empty() {
                return;
            }
            closed.into_iter().for_each(call);
        }
    }
    /// What has come, or None when the end has.
    fn next(&self) -> Option<VecDeque<Work<S>>> {
        let mut state = self.shared.state.lock();
        loop {
            if !state.work.is_empty() {
                return Some(std::mem::take(&mut state.work));
            }
            if state.is_closing {
                return None;
            }
            self.shared.wake.wait(&mut state);
        }
    }
    fn commit(&mut self, group: Group) {
        let Group { changes, now, ends, .. } = group;
        if ends.is_empty() {
            return;
        }
        let committed = match &mut self.store {
            Ok(store) => catch_unwind(AssertUnwindSafe(|| store.commit(&changes, now)))
                .unwrap_or_else(|payload| Err(fault::io(&self.shared.path, fault::said(payload.as_ref())))),
            Err(why) => Err(why.clone()),
        };
        drop(changes);
        match committed {
            Ok(refused) => settle(refused, ends),
            Err(why) => {
                if let Ok(store) = std::mem::replace(&mut self.store, Err(why.clone())) {
                    call(|| drop(store));
                }
                ends.into_iter().for_each(|(_, done)| call(|| done(Err(why.clone()))));
            }
        }
    }
}
impl Group {
    fn take(&mut self, mut changes: Vec<Change>, now: u64, done: Committed) {
        self.bytes = changes.iter().map(Change::bytes).fold(self.bytes, usize::saturating_add);
        if !changes.is_empty() {
            // clocks of instances may differ: what has expired for one alone stays a little longer
            self.now = if self.changes.is_empty() { now } else { self.now.min(now) };
        }
        if self.changes.is_empty() {
            self.changes = changes;
        } else {
            self.changes.append(&mut changes);
        }
        self.ends.push((self.changes.len(), done));
    }
    fn is_full(&self) -> bool {
        self.changes.len() >= GROUP_CHANGES || self.bytes >= GROUP_BYTES
    }
}
/// Tells each submission of its own refusals, by their places in it.
fn settle(refused: Vec<Refused>, ends: Vec<(usize, Committed)>) {
    let mut refused = refused.into_iter().peekable();
    let mut start = 0;
    for (end, done) in ends {
        let mut own = Vec::new();
        while let Some(one) = refused.next_if(|one| one.index < end) {
            own.push(Refused { index: one.index.saturating_sub(start), ..one });
        }
        start = end;
        call(|| done(Ok(own)));
    }
}
