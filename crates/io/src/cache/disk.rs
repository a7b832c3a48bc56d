//! The disk tier of an engine: opened on the pool, and what is asked of it meanwhile waits in order.

use crate::disk::{Config, Disk, Listener};
use crate::pool;
use parking_lot::Mutex;
use sluice_core::error::Error;
use std::collections::VecDeque;
use std::sync::Arc;

type Waiting = Box<dyn FnOnce(Option<&Arc<Disk>>) + Send>;
enum State {
    Idle,
    /// What waits; the disk once it is there and what waited is being run.
    Opening(VecDeque<Waiting>, Option<Arc<Disk>>),
    Open(Arc<Disk>),
    Off,
}
/// A disk tier that may not be open yet.
pub struct DiskTier {
    config: Config,
    state: Mutex<State>,
}
impl DiskTier {
    /// A tier that nothing has asked for.
    pub fn new(config: Config) -> Arc<Self> {
        Arc::new(Self { config, state: Mutex::new(State::Idle) })
    }
    /// The disk where it is open.
    pub fn get(&self) -> Option<Arc<Disk>> {
        match &*self.state.lock() {
            State::Open(disk) => Some(disk.clone()),
            _ => None,
        }
    }
    /// Whether it is open, and what waited for it has been run.
    pub fn is_open(&self) -> bool {
        matches!(&*self.state.lock(), State::Open(_))
    }
    /// Whether it takes and gives, also to those who waited for it.
    pub fn is_up(&self) -> bool {
        match &*self.state.lock() {
            State::Open(disk) | State::Opening(_, Some(disk)) => disk.is_up(),
            _ => false,
        }
    }
    /// Opens it once, on the pool; `failed` is told why it cannot be had.
    pub fn open(self: &Arc<Self>, listener: Arc<dyn Listener>, failed: impl FnOnce(Error) + Send + 'static) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Idle) {
            return;
        }
        *state = State::Opening(VecDeque::new(), None);
        drop(state);
        let tier = self.clone();
        pool::spawn(move || {
            let opened =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Disk::open(&tier.config, listener)));
            let disk = match opened {
                Ok(Ok(disk)) => Some(disk),
                Ok(Err(error)) => {
                    failed(error);
                    None
                }
                Err(_) => None,
            };
            tier.opened(disk);
        });
    }
    /// Runs what waited, in order, before anything later can go past it.
    fn opened(&self, disk: Option<Arc<Disk>>) {
        loop {
            let next = {
                let mut state = self.state.lock();
                let State::Opening(waiting, ready) = &mut *state else { return };
                ready.clone_from(&disk);
                match waiting.pop_front() {
                    Some(next) => next,
                    None => {
                        *state = disk.map_or(State::Off, State::Open);
                        return;
                    }
                }
            };
            next(disk.as_ref());
        }
    }
    /// Calls with the disk, or with None when it cannot be had: at once when that is known, else when it is.
    pub fn with(&self, call: impl FnOnce(Option<&Arc<Disk>>) + Send + 'static) {
        let disk = {
            let mut state = self.state.lock();
            match &mut *state {
                State::Opening(waiting, _) => {
                    waiting.push_back(Box::new(call));
                    return;
                }
                State::Open(disk) => Some(disk.clone()),
                State::Idle | State::Off => None,
            }
        };
        call(disk.as_ref());
    }
    /// Gives the disk up, once it is open if it is being opened: `then` gets it, or None where there is none.
    pub fn close(self: &Arc<Self>, then: impl FnOnce(Option<Arc<Disk>>) + Send + 'static) {
        let mut state = self.state.lock();
        if let State::Opening(waiting, None) = &mut *state {
            let tier = self.clone();
            waiting.push_back(Box::new(move |disk| {
                *tier.state.lock() = State::Off;
                then(disk.cloned());
            }));
            return;
        }
        let was = std::mem::replace(&mut *state, State::Off);
        drop(state);
        let (disk, waiting) = match was {
            State::Opening(waiting, ready) => (ready, waiting),
            State::Open(disk) => (Some(disk), VecDeque::new()),
            State::Idle | State::Off => (None, VecDeque::new()),
        };
        waiting.into_iter().for_each(|call| call(None));
        then(disk);
    }
}
