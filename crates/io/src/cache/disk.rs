//! The disk tier of an engine: opened on the pool, and what is asked of it meanwhile waits in order.

use crate::disk::{Config, Disk, Listener};
use crate::pool;
use parking_lot::Mutex;
use sluice_core::error::Error;
use std::collections::VecDeque;
use std::sync::Arc;

type Waiting = Box<dyn FnOnce(Option<&Arc<Disk>>) + Send>;
/// What waits for the opening: in order before anything later, and once the tier is what it will be.
#[derive(Default)]
struct Opening {
    before: VecDeque<Waiting>,
    after: Vec<Box<dyn FnOnce() + Send>>,
}
enum State {
    Idle,
    Opening(Opening),
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
    /// Opens it once, on the pool; `failed` is told why it cannot be had.
    pub fn open(self: &Arc<Self>, listener: Arc<dyn Listener>, failed: impl FnOnce(Error) + Send + 'static) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Idle) {
            return;
        }
        *state = State::Opening(Opening::default());
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
                let State::Opening(opening) = &mut *state else { return };
                match opening.before.pop_front() {
                    Some(next) => next,
                    None => {
                        let after = std::mem::take(&mut opening.after);
                        *state = disk.map_or(State::Off, State::Open);
                        drop(state);
                        after.into_iter().for_each(|call| call());
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
                State::Opening(opening) => {
                    opening.before.push_back(Box::new(call));
                    return;
                }
                State::Open(disk) => Some(disk.clone()),
                State::Idle | State::Off => None,
            }
        };
        call(disk.as_ref());
    }
    /// Calls when it is known whether the disk can be had, and `get` says so.
    pub fn when_opened(&self, call: impl FnOnce() + Send + 'static) {
        if let State::Opening(opening) = &mut *self.state.lock() {
            opening.after.push(Box::new(call));
            return;
        }
        call();
    }
    /// Gives the disk up; None when it was not open.
    pub fn close(&self) -> Option<Arc<Disk>> {
        match std::mem::replace(&mut *self.state.lock(), State::Off) {
            State::Open(disk) => Some(disk),
            _ => None,
        }
    }
}
