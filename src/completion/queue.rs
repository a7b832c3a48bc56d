//! What other threads see of an environment: its queue, and rights to put something into it.

use super::registry;
use crate::error::contain;
use napi::{Env, sys};
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use sluice_io::cache::{Inbox, Reply};
use std::ptr;
use std::sync::Arc;

/// Makes the JavaScript value of a completion, on its event loop.
type Make = Box<dyn FnOnce(sys::napi_env) -> napi::Result<sys::napi_value> + Send>;

pub(super) struct Completion {
    pub(super) shell: u32,
    pub(super) id: u32,
    pub(super) result: Result<Make, Error>,
}

#[derive(Default)]
pub(super) struct Ready {
    pub(super) completions: Vec<Completion>,
    pub(super) reads: Vec<Reply>,
}
/// What other threads see of an environment.
pub(super) struct Queue {
    pub(super) ready: Mutex<Ready>,
    /// The thread-safe function, null once the environment is gone; calls are made under the lock.
    pub(super) wake: Mutex<Wake>,
    /// Which of the two queues it is: see `Registry::last`.
    pub(super) number: usize,
}
pub(super) struct Wake(pub(super) sys::napi_threadsafe_function);
// SAFETY: a thread-safe function may be called from any thread; it is used under its lock and nulled before it dies.
unsafe impl Send for Wake {}

impl Queue {
    fn push(&self, completion: Completion) {
        self.add(|ready| ready.completions.push(completion));
    }
    fn add(&self, add: impl FnOnce(&mut Ready)) {
        let was_empty = {
            let mut ready = self.ready.lock();
            let was_empty = ready.completions.is_empty() && ready.reads.is_empty();
            add(&mut ready);
            was_empty
        };
        if was_empty {
            self.call();
        }
    }
    fn call(&self) {
        let mut wake = self.wake.lock();
        if wake.0.is_null() {
            // gone: nobody will take it
            *self.ready.lock() = Ready::default();
            return;
        }
        // SAFETY: not null, so alive: its finalizer takes the same lock to null it.
        let status = unsafe {
            sys::napi_call_threadsafe_function(
                wake.0,
                ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
        if status != sys::Status::napi_ok {
            wake.0 = ptr::null_mut(); // closing: the environment takes no more
        }
    }
}

impl Inbox for Queue {
    fn replies(&self, mut replies: Vec<Reply>) {
        self.add(|ready| ready.reads.append(&mut replies));
    }
}

/// A name for events that may be told again and again, from any thread, and that holds nothing.
#[derive(Clone)]
pub struct Announcer {
    queue: Arc<Queue>,
    shell: u32,
    id: u32,
}
impl Announcer {
    /// For the subscription of that shell under that id.
    pub fn new(env: &Env, shell: u32, id: u32) -> napi::Result<Self> {
        Ok(Self { queue: registry(env)?.queue.clone(), shell, id })
    }
    /// Tells what `make` builds on the event loop.
    pub fn tell(&self, make: impl FnOnce(sys::napi_env) -> napi::Result<sys::napi_value> + Send + 'static) {
        let (shell, id) = (self.shell, self.id);
        self.queue.push(Completion { shell, id, result: Ok(Box::new(make)) });
    }
}

/// One piece of work's right to be settled, exactly once: dropping it unsettled is `ERR_INTERNAL`.
pub struct Completer {
    pub(super) queue: Arc<Queue>,
    pub(super) shell: u32,
    pub(super) id: u32,
    pub(super) settled: bool,
}
impl Completer {
    /// For work of this environment, started by that shell under that id.
    pub fn new(env: &Env, shell: u32, id: u32) -> napi::Result<Self> {
        Ok(Self { queue: registry(env)?.queue.clone(), shell, id, settled: false })
    }
    /// Settles with the value that `make` builds on the event loop, or with an error.
    pub fn settle(
        mut self,
        result: Result<impl FnOnce(sys::napi_env) -> napi::Result<sys::napi_value> + Send + 'static, Error>,
    ) {
        self.settled = true;
        let result = result.map(|make| Box::new(make) as Make);
        self.queue.push(Completion { shell: self.shell, id: self.id, result });
    }
    /// Settles with what `run` returns, which may panic.
    pub fn run<M>(self, what: &str, run: impl FnOnce() -> Result<M, Error>)
    where
        M: FnOnce(sys::napi_env) -> napi::Result<sys::napi_value> + Send + 'static,
    {
        let result = contain(what, run);
        self.settle(result);
    }
}
/// Makes a completer only where something is not known at once.
#[derive(Clone, Copy)]
pub struct Later<'env>(pub &'env Env, pub u32, pub u32);
impl Later<'_> {
    /// What settles with the value that `make` builds of a result on the event loop.
    pub fn settle<T: Send + 'static>(
        self,
        make: impl FnOnce(sys::napi_env, T) -> napi::Result<sys::napi_value> + Send + 'static,
    ) -> Box<dyn FnOnce(T) + Send> {
        let completer = Completer::new(self.0, self.1, self.2).ok();
        Box::new(move |result| {
            if let Some(completer) = completer {
                completer.settle(Ok(move |env| make(env, result)));
            }
        })
    }
}
impl Drop for Completer {
    fn drop(&mut self) {
        if !self.settled {
            let error = Error::new(Kind::Internal).with("what", "work").with("detail", "it was dropped");
            self.queue.push(Completion { shell: self.shell, id: self.id, result: Err(error) });
        }
    }
}
