//! The thread of a directory: opens and closes its file, tells the instances, retires what failed.

use super::directory::{Directory, Job, Own, contained};
use super::import::Source;
use super::lock::{self, Gate, Look, Place};
use super::queue::{Closed, Event, Hold, Recovered};
use super::row::{Change, Refused};
use super::store::RedbStore;
use super::{Committer, DurableStore, open, registry};
use sluice_core::error::{Error, Kind};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Another process may be moving the rows of large files; the next look is not far.
pub(super) const LOOK_WAIT: Duration = Duration::from_secs(3);

/// The file that commits go to.
pub(super) struct OwnFile {
    pub(super) place: Place,
    pub(super) id: u128,
    pub(super) committer: Arc<Committer<RedbStore>>,
    generation: u64,
    identity: Option<(u64, u64)>,
    /// Whether it may hold something: it was there, or a commit of ours succeeded.
    is_used: Arc<AtomicBool>,
}
/// Another file that stays locked: rows of it are elsewhere too, until that is mended.
pub(super) struct Kept {
    pub(super) place: Place,
    pub(super) id: u128,
}
/// When the own file was taken; and the look, which nobody else has since.
enum Taken {
    Before,
    Now(Option<Look>),
}
pub(super) struct Keeper {
    pub(super) directory: Arc<Directory>,
    pub(super) root: PathBuf,
    gate: Option<(Gate, Option<(u64, u64)>)>,
    pub(super) own: Option<OwnFile>,
    pub(super) kept: Vec<Kept>,
    /// Imports that are in a file, and whose own file is still to be renamed.
    pub(super) imported: Vec<Source>,
    generation: u64,
    /// What has been said of files that stay as they are.
    reported: HashSet<String>,
}

/// Runs until the last hold has ended.
pub(super) fn run(directory: Arc<Directory>) {
    let mut keeper = Keeper {
        root: directory.key.clone(),
        directory: directory.clone(),
        gate: None,
        own: None,
        kept: Vec::new(),
        imported: Vec::new(),
        generation: 0,
        reported: HashSet::new(),
    };
    let mut last_look = Instant::now();
    loop {
        let job = directory.next(last_look);
        if matches!(job, None | Some(Job::Look)) {
            last_look = Instant::now();
        }
        let mut dones = Vec::new();
        // a panic ends neither the thread nor the promise that a close is told
        contained(|| match job {
            Some(Job::Open(hold)) => {
                contained(|| keeper.open(&hold));
                keeper.tell_opened(&hold, Err(keeper.directory.unusable("it could not be opened")));
            }
            Some(Job::Close(hold, done)) => {
                dones.push(done);
                keeper.close(&hold);
            }
            Some(Job::Failed(generation, why)) => keeper.retire(generation, &why),
            Some(Job::Reopen) => keeper.reopen(),
            Some(Job::Look) | None => keeper.look(),
        });
        let has_ended = !dones.is_empty() && registry::begin_end(&directory);
        if has_ended {
            keeper.end();
        }
        dones.into_iter().for_each(|done: Closed| contained(done));
        if has_ended {
            return;
        }
    }
}

impl Keeper {
    pub(super) fn now(&self) -> u64 {
        self.directory.now.load(Ordering::Acquire)
    }
    /// Those that may be told and given something.
    pub(super) fn holds(&self) -> Vec<Arc<Hold>> {
        let state = self.directory.state.lock();
        state.holds.iter().filter(|hold| !hold.standing.lock().is_closing).cloned().collect()
    }
    pub(super) fn tell_all(&mut self, why: Error) {
        // each of them once: most are found again at every look
        if self.reported.insert(why.message()) {
            self.holds().iter().for_each(|hold| hold.tell(Event::Degraded(why.clone())));
        }
    }
    /// Commits to the own file and waits.
    pub(super) fn commit(&mut self, changes: Vec<Change>) -> Result<Vec<Refused>, Error> {
        let own = self.own.as_mut().ok_or_else(|| self.directory.unusable("it has no file"))?;
        let (told, answer) = channel();
        own.committer.submit(
            changes,
            self.directory.now.load(Ordering::Acquire),
            Box::new(move |result| drop(told.send(result))),
        );
        let result = answer.recv().unwrap_or_else(|_| Err(self.directory.unusable("its thread has ended")));
        match &result {
            Ok(_) => own.is_used.store(true, Ordering::Release),
            Err(why) => self.directory.fail(own.generation, why),
        }
        result
    }
    /// Reads from the own file and waits.
    pub(super) fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&RedbStore) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let own = self.own.as_ref().ok_or_else(|| self.directory.unusable("it has no file"))?;
        let (told, answer) = channel();
        own.committer.run(Box::new(move |store| drop(told.send(store.and_then(|store| run(store))))));
        answer.recv().unwrap_or_else(|_| Err(self.directory.unusable("its thread has ended")))
    }

    fn open(&mut self, hold: &Arc<Hold>) {
        let found = self.ensure().and_then(|look| {
            let recovered = self.recover(hold)?;
            let mut standing = hold.standing.lock();
            (standing.recovered, standing.is_current) = (recovered, true);
            Ok(look)
        });
        let result = found.map(|taken| match taken {
            Taken::Before => self.look(),
            Taken::Now(Some(look)) => self.look_under(&look),
            // somebody else has been at it for long: at the next look
            Taken::Now(None) => {}
        });
        if let Err(why) = &result {
            // a file that cannot be read is of no more use to anybody
            self.own.iter().for_each(|own| self.directory.fail(own.generation, why));
            self.is_down(why);
        }
        self.tell_opened(hold, result);
    }
    /// Tells an instance how its opening ended, unless it knows.
    fn tell_opened(&self, hold: &Hold, result: Result<(), Error>) {
        let (opened, recovered) = {
            let mut standing = hold.standing.lock();
            (standing.opened.take(), std::mem::take(&mut standing.recovered))
        };
        if let Some(opened) = opened {
            contained(|| opened(result.map(|()| recovered)));
        }
    }
    fn reopen(&mut self) {
        match self.ensure() {
            Ok(Taken::Now(Some(look))) => self.look_under(&look),
            Ok(Taken::Now(None) | Taken::Before) => {}
            Err(why) => self.is_down(&why),
        }
    }
    /// Opens the own file when there is none; those that had to do without hear of it.
    fn ensure(&mut self) -> Result<Taken, Error> {
        if self.own.is_some() {
            return Ok(Taken::Before);
        }
        let look = self.start()?;
        for hold in self.holds() {
            let is_waiting = hold.standing.lock().opened.is_some();
            if is_waiting {
                continue;
            }
            // it may have numbered rows already: those that lie there go above them
            let queue = hold.queue.clone();
            let next = self.read(move |store| store.next_seq(&queue))?;
            hold.next.fetch_max(next, Ordering::AcqRel);
            self.move_own(&hold.queue, &hold)?;
            hold.tell(Event::Reopened);
        }
        Ok(Taken::Now(look))
    }
    fn is_down(&self, why: &Error) {
        let mut state = self.directory.state.lock();
        if !matches!(state.own, Own::Open { .. }) {
            state.own = Own::Down { why: why.clone(), tried: Instant::now() };
        }
    }
    /// Opens the own file; the look is given on, so that nobody takes what is to be moved.
    fn start(&mut self) -> Result<Option<Look>, Error> {
        self.root = lock::make_root(&self.directory.options.path)?;
        let gate = self.root.join(lock::GATE);
        let has_gate = self.gate.as_ref().is_some_and(|(_, known)| *known == lock::identity(&gate));
        if !has_gate {
            self.gate = None;
            let entered = Gate::enter(&self.root, self.directory.options.exclusive)?;
            self.gate = Some((entered, lock::identity(&gate)));
        }
        let look = Look::take(&self.root, LOOK_WAIT)?;
        let mut found = Vec::new();
        let taken = open::take_own(&self.root, &self.directory.options, look.is_none(), &mut found);
        found.into_iter().for_each(|why| self.tell_all(why));
        let open::Taken { place, store, is_new } = taken?;
        self.generation += 1;
        let id = store.id();
        let is_used = Arc::new(AtomicBool::new(!is_new));
        let identity = lock::identity(&place.path);
        let committer = Arc::new(Committer::new(store, place.path.clone()));
        let generation = self.generation;
        let opened = Own::Open { committer: committer.clone(), generation, is_used: is_used.clone() };
        self.own = Some(OwnFile { place, id, committer, generation, identity, is_used });
        self.directory.state.lock().own = opened;
        Ok(look)
    }
    /// What the own file has for a queue that nobody in this process has taken.
    fn recover(&mut self, hold: &Hold) -> Result<Recovered, Error> {
        let (queue, now) = (hold.queue.clone(), self.now());
        let (next, recovered) = self.read(move |store| {
            let (rows, letters) = (store.pending(&queue)?, store.letters(&queue)?);
            let seen = store.seen(&queue, now)?;
            Ok((store.next_seq(&queue)?, Recovered { rows, letters, seen }))
        })?;
        hold.next.fetch_max(next, Ordering::AcqRel);
        Ok(recovered)
    }

    /// The file failed: it stays locked, and what the instances have in memory is theirs to store anew.
    fn retire(&mut self, generation: u64, why: &Error) {
        let Some(own) = self.own.take_if(|own| own.generation == generation) else { return };
        // the thread of it may still be telling the others that they failed
        let (told, ended) = channel();
        own.committer.close(move || {
            let _ = told.send(());
        });
        let _ = ended.recv();
        let is_there = own.is_there();
        let is_used = is_there && own.is_used.load(Ordering::Acquire);
        for hold in &self.directory.state.lock().holds {
            let mut standing = hold.standing.lock();
            standing.is_current = false;
            if is_used && standing.opened.is_none() {
                standing.debts.push(own.id);
            }
        }
        if is_used {
            self.kept.push(Kept { place: own.place, id: own.id });
        } else if is_there {
            // nobody was told that anything is in it
            let _ = std::fs::remove_file(&own.place.path);
        }
        self.holds().iter().for_each(|hold| hold.tell(Event::Degraded(why.clone())));
    }
    /// Ends a hold when what it submitted is on disk.
    fn close(&mut self, hold: &Arc<Hold>) {
        let _ = self.commit(Vec::new());
        self.directory.state.lock().holds.retain(|other| !Arc::ptr_eq(other, hold));
        // nobody is going to open it
        self.tell_opened(hold, Err(Error::new(Kind::Closed).with("what", "the log")));
    }
    /// Closes the file and gives all locks back.
    fn end(&mut self) {
        if let Some(own) = self.own.take() {
            let (told, ended) = channel();
            own.committer.close(move || {
                let _ = told.send(());
            });
            let _ = ended.recv();
        }
        self.kept.clear();
        self.gate = None;
        registry::ended(&self.directory);
        for job in self.directory.ended() {
            // closed twice
            if let Job::Close(_, done) = job {
                contained(done);
            }
        }
    }
}
impl OwnFile {
    /// Whether the file is still the one that was opened.
    pub(super) fn is_there(&self) -> bool {
        self.identity.is_some() && lock::identity(&self.place.path) == self.identity
    }
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }
}
