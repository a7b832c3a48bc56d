//! An instance's hold on one queue of one directory.

use super::directory::{Directory, Job, Own, contained};
use super::registry;
use super::{Change, Letter, Row, Seen, Seq};
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a directory is opened with. Instances of one process that name the same directory must agree on all but `import`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The directory; made with its parents when it is not there.
    pub path: PathBuf,
    /// Bytes of payloads and keys at most.
    pub max_bytes: u64,
    /// One owner of the whole directory.
    pub exclusive: bool,
    /// Whether a commit waits for the disk (`fsync: 'always'`).
    pub sync: bool,
    /// A JSON file of the services' own queue, taken in once and renamed.
    pub import: Option<PathBuf>,
}
/// What an instance has taken over, or has: rows, letters and keys, each in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Accepted and not settled.
    pub rows: Vec<Row>,
    /// Failed for good.
    pub letters: Vec<Letter>,
    /// Idempotency keys; those that are pending name one of the rows.
    pub seen: Vec<Seen>,
}
impl Recovered {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.letters.is_empty() && self.seen.is_empty()
    }
    pub(super) fn append(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.letters.extend(other.letters);
        self.seen.extend(other.seen);
    }
}
/// What becomes known later.
#[derive(Debug)]
pub enum Event {
    /// Something went wrong that needs no answer: a file was set aside, the own one was retired, an import could not be read.
    Degraded(Error),
    /// After a retirement (or a start without a file) there is a file again. The answer is `Queue::resubmit`, also when
    /// there is nothing; until then submissions fail as they did.
    Reopened,
    /// What dead owners left for this queue, in the own file now, under numbers that nobody else has.
    Adopted(Recovered),
}
/// Told once how the opening ended. After an error the hold stands: a submission tries again, at most once a second,
/// and `Event::Reopened` and `Event::Adopted` tell that it worked.
pub type Opened = Box<dyn FnOnce(Result<Recovered, Error>) + Send>;
/// Told of events, from a thread of the log, never after `close` has called back.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;
/// Told once what became of a submission: the accepts that were refused alone, or why nothing of it was stored.
pub type Done = Box<dyn FnOnce(Result<Vec<(Seq, Error)>, Error>) + Send>;
pub(super) type Closed = Box<dyn FnOnce() + Send>;

/// After a failure a new file is tried not more often.
const RETRY: Duration = Duration::from_secs(1);

/// What the directory knows of an instance.
pub(super) struct Hold {
    /// The instance's name, and the queue that it has in the file: names may be open twice, queues not.
    pub(super) name: String,
    pub(super) queue: Arc<str>,
    pub(super) next: AtomicU64,
    pub(super) listener: Listener,
    pub(super) standing: Mutex<Standing>,
}
#[derive(Default)]
pub(super) struct Standing {
    pub(super) import: Option<PathBuf>,
    /// Until it has been called.
    pub(super) opened: Option<Opened>,
    /// What `opened` is going to say.
    pub(super) recovered: Recovered,
    /// Whether it may submit: it is open, and has answered the last `Reopened`.
    pub(super) is_current: bool,
    pub(super) is_closing: bool,
    /// Retired files that have what it has in memory, until it has stored that anew.
    pub(super) debts: Vec<u128>,
}
impl Standing {
    /// Whether it takes what others left: it is open, and answers nothing just now.
    pub(super) fn may_inherit(&self) -> bool {
        !self.is_closing && self.is_current
    }
}
impl Hold {
    /// The name that a file has for the queue of an instance: the `slot`th that has that name.
    pub(super) fn queue_of(name: &str, slot: u32) -> Arc<str> {
        format!("{name}\0{slot}").into()
    }
    /// Whose queue that is.
    pub(super) fn name_of(queue: &str) -> Option<&str> {
        queue.rsplit_once('\0').map(|(name, _)| name)
    }
    pub(super) fn tell(&self, event: Event) {
        contained(|| (self.listener)(event));
    }
}

/// An instance's hold on one queue.
pub struct Queue {
    directory: Arc<Directory>,
    hold: Arc<Hold>,
}

impl Queue {
    /// Returns at once; opening, adoption and import run on a thread of the log. Errors here are of the options:
    /// `path` is a file, or another instance of this process has the directory open with other options.
    pub fn open(
        options: Options,
        name: &str,
        now_ms: u64,
        opened: Opened,
        event: Listener,
    ) -> Result<Arc<Self>, Error> {
        let (directory, hold) = registry::join(options, name, now_ms, opened, event)?;
        Ok(Arc::new(Self { directory, hold }))
    }
    /// Numbers for `count` rows, consecutive, above all that this queue has in the file, and nobody else's: take them
    /// in blocks (of a thousand, say) after `opened`. Numbers that stay unused do no harm. Below 2^53.
    pub fn lease(&self, count: u32) -> Seq {
        self.hold.next.fetch_add(u64::from(count), Ordering::AcqRel)
    }
    /// Stores changes in order, with all that other instances submit meanwhile, in one commit. Their queue is this
    /// one, whatever they say.
    pub fn submit(&self, changes: Vec<Change>, now_ms: u64, done: Done) {
        self.commit(changes, now_ms, done, false);
    }
    /// Answers `Event::Reopened`: everything that the instance has unsettled as accepts, its letters as accepts that
    /// are buried, its keys, all under the numbers that they have. Its accepts are not refused for want of room.
    pub fn resubmit(&self, all: Vec<Change>, now_ms: u64, done: Done) {
        self.commit(all.into_iter().map(Change::unrefused).collect(), now_ms, done, true);
    }
    fn commit(&self, mut changes: Vec<Change>, now_ms: u64, done: Done, is_all: bool) {
        self.directory.now.fetch_max(now_ms, Ordering::AcqRel);
        let committer = {
            let mut state = self.directory.state.lock();
            let mut standing = self.hold.standing.lock();
            if standing.is_closing {
                Err(Error::new(Kind::Closed).with("what", "the log"))
            } else {
                match &mut state.own {
                    Own::Open { committer, generation, is_used } if standing.is_current || is_all => {
                        standing.is_current = true;
                        Ok((committer.clone(), *generation, is_used.clone()))
                    }
                    Own::Open { .. } => Err(self.directory.unusable("it is being opened")),
                    Own::Opening => Err(self.directory.unusable("it is being opened")),
                    Own::Down { why, tried } => {
                        let why = why.clone();
                        if tried.elapsed() >= RETRY {
                            *tried = Instant::now();
                            state.jobs.push_back(Job::Reopen);
                            self.directory.wake.notify_one();
                        }
                        Err(why)
                    }
                }
            }
        };
        let (committer, generation, is_used) = match committer {
            Ok(open) => open,
            Err(why) => return contained(|| done(Err(why))),
        };
        changes.iter_mut().for_each(|change| change.set_queue(&self.hold.queue));
        let debts = if is_all { self.hold.standing.lock().debts.clone() } else { Vec::new() };
        let last = self.hold.next.load(Ordering::Acquire) - 1;
        changes.extend(debts.iter().map(|file| super::notes::moved(*file, &self.hold.queue, last)));
        let (directory, hold) = (self.directory.clone(), self.hold.clone());
        let told = move |result: Result<Vec<super::Refused>, Error>| {
            if result.is_ok() {
                is_used.store(true, Ordering::Release);
            }
            // its thread has ended meanwhile: so has the file
            let result = result.map_err(|why| match why.kind {
                Kind::Closed => directory.unusable("its file was retired"),
                _ => why,
            });
            match &result {
                Ok(_) if !debts.is_empty() => {
                    hold.standing.lock().debts.retain(|file| !debts.contains(file));
                    directory.push(Job::Look);
                }
                Ok(_) => {}
                Err(why) => directory.fail(generation, why),
            }
            let refused = |refused: Vec<super::Refused>| refused.into_iter().map(|one| (one.seq, one.why));
            done(result.map(|list| refused(list).collect()));
        };
        committer.submit(changes, now_ms, Box::new(told));
    }
    /// Ends the hold after what was submitted; its rows stay for the next that opens the queue. `done` after all is
    /// synced and, for the last hold, the file is closed and its lock given back.
    pub fn close(&self, done: Closed) {
        let mut state = self.directory.state.lock();
        self.hold.standing.lock().is_closing = true;
        if state.has_ended {
            drop(state);
            return contained(done);
        }
        state.jobs.push_back(Job::Close(self.hold.clone(), done));
        self.directory.wake.notify_one();
    }
}
impl Drop for Queue {
    fn drop(&mut self) {
        self.close(Box::new(|| {}));
    }
}
