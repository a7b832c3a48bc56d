//! The completion queue: native work on any thread ends here, and one wake-up of the event loop settles all that
//! has ended by then. There is one queue, with one thread-safe function, per environment, and a second one for turns.
//!
//! Protocol with the shell (`lib/completion.js`): each copy of the shell registers one settle function and gets a
//! number. Work is started with that number and an id of the shell's choice. A wake-up calls each settle function
//! once with `[id, ok, value, id, ok, value, …]`; a value that is not ok is an error as JSON. Reads of caches, of which
//! there are many, come as `(count, payload, payload, …)` with their numbers in `numbers`. The queue holds the
//! event loop, and the settle function, only between `hold` and `release`: while a caller's promise is pending.

use crate::cache::{Numbers, READS_AT_ONCE, reply_value};
use crate::error::{contain, raise};
use napi::{Env, JsValue, Status, Unknown, bindgen_prelude::Function, check_status, sys};
use napi_derive::napi;
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use sluice_io::cache::{Inbox, Reply};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

/// Makes the JavaScript value of a completion, on its event loop.
type Make = Box<dyn FnOnce(sys::napi_env) -> napi::Result<sys::napi_value> + Send>;

struct Completion {
    shell: u32,
    id: u32,
    result: Result<Make, Error>,
}

#[derive(Default)]
struct Ready {
    completions: Vec<Completion>,
    reads: Vec<Reply>,
}
/// What other threads see of an environment.
struct Queue {
    ready: Mutex<Ready>,
    /// The thread-safe function, null once the environment is gone; calls are made under the lock.
    wake: Mutex<Wake>,
    /// Which of the two queues it is: see `Registry::last`.
    number: usize,
}
struct Wake(sys::napi_threadsafe_function);
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
    queue: Arc<Queue>,
    shell: u32,
    id: u32,
    settled: bool,
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

/// The environment's side: touched on its own thread only.
struct Registry {
    queue: Arc<Queue>,
    /// The queue, as caches know it.
    inbox: Arc<dyn Inbox>,
    numbers: Numbers,
    /// For turns asked for while `queue` is being settled, and the other way round.
    other: Arc<Queue>,
    wakes: [sys::napi_threadsafe_function; 2],
    /// The queue that was settled last. What is called on it meanwhile is settled before the loop turns: Node.js
    /// drains a thread-safe function in one go.
    last: usize,
    /// Settle functions by the shells' numbers, weak while nothing is pending.
    shells: HashMap<u32, sys::napi_ref>,
    next_shell: u32,
    holding: u32,
}

fn registry(env: &Env) -> napi::Result<&'static mut Registry> {
    if let Some(registry) = env.get_instance_data::<Registry>()? {
        return Ok(registry);
    }
    let ((queue, first), (other, second)) = (open(env, 0)?, open(env, 1)?);
    env.set_instance_data(
        Registry {
            inbox: queue.clone(),
            numbers: Numbers::new(),
            queue,
            other,
            wakes: [first, second],
            last: 0,
            shells: HashMap::new(),
            next_shell: 1,
            holding: 0,
        },
        (),
        |_| {},
    )?;
    env.get_instance_data::<Registry>()?.ok_or_else(|| napi::Error::from_status(Status::GenericFailure))
}

/// A queue and its thread-safe function.
fn open(env: &Env, number: usize) -> napi::Result<(Arc<Queue>, sys::napi_threadsafe_function)> {
    let queue = Arc::new(Queue { ready: Mutex::default(), wake: Mutex::new(Wake(ptr::null_mut())), number });
    let raw = env.raw();
    let name = env.create_string("sluice")?;
    let mut wake = ptr::null_mut();
    let context = Arc::into_raw(queue.clone()).cast_mut().cast::<c_void>();
    // SAFETY: the context is a reference of its own to the queue, which `closed` gives back.
    check_status!(unsafe {
        sys::napi_create_threadsafe_function(
            raw,
            ptr::null_mut(),
            ptr::null_mut(),
            name.raw(),
            0,
            1,
            context,
            Some(closed),
            context,
            Some(settle_all),
            &mut wake,
        )
    })?;
    // SAFETY: just created; unreferenced, so that it keeps no process alive.
    check_status!(unsafe { sys::napi_unref_threadsafe_function(raw, wake) })?;
    queue.wake.lock().0 = wake;
    Ok((queue, wake))
}

/// The environment is going down: nobody may call its function again.
unsafe extern "C" fn closed(_env: sys::napi_env, context: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the context is what `registry` passed in, and this is called once.
    let queue = unsafe { Arc::from_raw(context.cast::<Queue>()) };
    queue.wake.lock().0 = ptr::null_mut();
    *queue.ready.lock() = Ready::default();
}

unsafe extern "C" fn settle_all(
    env: sys::napi_env,
    _function: sys::napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() {
        return;
    }
    // SAFETY: the queue lives until `closed`, which comes after the last call.
    let queue = unsafe { &*context.cast::<Queue>() };
    let Ready { completions: ready, reads } = std::mem::take(&mut *queue.ready.lock());
    let mut by_shell: Vec<(u32, Vec<Completion>)> = Vec::new();
    for completion in ready {
        match by_shell.iter_mut().find(|(shell, _)| *shell == completion.shell) {
            Some((_, list)) => list.push(completion),
            None => by_shell.push((completion.shell, vec![completion])),
        }
    }
    let env = Env::from_raw(env);
    if let Ok(registry) = registry(&env) {
        registry.last = queue.number;
    }
    let mut reads = reads.into_iter().peekable();
    while let Some(first) = reads.next() {
        let shell = (first.who >> 32) as u32;
        let mut batch = Vec::with_capacity(READS_AT_ONCE);
        batch.push(first);
        while batch.len() < READS_AT_ONCE {
            let Some(next) = reads.next_if(|next| (next.who >> 32) as u32 == shell) else { break };
            batch.push(next);
        }
        let _ = contain("completion", || {
            let _ = settle_reads(&env, shell, batch);
            Ok(())
        });
    }
    for (shell, completions) in by_shell {
        // a settle function does not throw; if the environment is being torn down there is nobody to tell
        let _ = contain("completion", || {
            let _ = settle(&env, shell, completions);
            Ok(())
        });
    }
}

/// The shell's settle function, where the shell is still there.
fn settle_function(env: &Env, shell: u32) -> napi::Result<Option<sys::napi_value>> {
    let Some(&reference) = registry(env)?.shells.get(&shell) else { return Ok(None) };
    let mut function = ptr::null_mut();
    // SAFETY: a plain call on the environment's own thread; the reference lives until it is deleted there.
    check_status!(unsafe { sys::napi_get_reference_value(env.raw(), reference, &mut function) })?;
    Ok(Some(function).filter(|function| !function.is_null()))
}

fn settle_reads(env: &Env, shell: u32, replies: Vec<Reply>) -> napi::Result<()> {
    let Some(function) = settle_function(env, shell)? else { return Ok(()) };
    let numbers = &registry(env)?.numbers;
    let count = env.create_uint32(replies.len() as u32)?.raw();
    let mut arguments = Vec::with_capacity(replies.len() + 1);
    arguments.push(count);
    for (at, reply) in replies.iter().enumerate() {
        arguments.push(reply_value(env, numbers, at, reply)?);
    }
    let this = undefined(env.raw())?;
    // SAFETY: as many values as are said, all of this environment and made in this scope.
    check_status!(unsafe {
        sys::napi_call_function(
            env.raw(),
            this,
            function,
            arguments.len(),
            arguments.as_ptr(),
            ptr::null_mut(),
        )
    })
}

fn settle(env: &Env, shell: u32, completions: Vec<Completion>) -> napi::Result<()> {
    let Some(function) = settle_function(env, shell)? else { return Ok(()) };
    let raw = env.raw();
    let (mut this, mut list) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: plain calls on the environment's own thread, inside the scope that its thread-safe function opens.
    unsafe {
        check_status!(sys::napi_get_undefined(raw, &mut this))?;
        check_status!(sys::napi_create_array_with_length(raw, completions.len() * 3, &mut list))?;
        let mut index = 0;
        for completion in completions {
            let made = completion.result.and_then(|make| {
                let what = "completion";
                contain(what, || {
                    make(raw).map_err(|error| {
                        Error::new(Kind::Internal).with("what", what).with("detail", error.reason.clone())
                    })
                })
            });
            let ok = made.is_ok();
            let value = match made {
                Ok(value) => value,
                Err(error) => env.create_string(error.to_json())?.raw(),
            };
            let (mut id, mut flag) = (ptr::null_mut(), ptr::null_mut());
            check_status!(sys::napi_create_uint32(raw, completion.id, &mut id))?;
            check_status!(sys::napi_get_boolean(raw, ok, &mut flag))?;
            for element in [id, flag, value] {
                check_status!(sys::napi_set_element(raw, list, index, element))?;
                index += 1;
            }
        }
        check_status!(sys::napi_call_function(raw, this, function, 1, &list, ptr::null_mut()))
    }
}

/// Registers a copy of the shell; returns its number.
#[napi(catch_unwind)]
pub fn register_shell(env: &Env, settle: Function<Unknown, Unknown>) -> napi::Result<u32> {
    let registry = registry(env)?;
    let raw = env.raw();
    // copies that jest has dropped since: their functions are gone
    registry.shells.retain(|_, reference| {
        let mut value = ptr::null_mut();
        // SAFETY: the reference is ours and alive until it is deleted here.
        unsafe {
            let gone = sys::napi_get_reference_value(raw, *reference, &mut value) != sys::Status::napi_ok
                || value.is_null();
            if gone {
                sys::napi_delete_reference(raw, *reference);
            }
            !gone
        }
    });
    let mut reference = ptr::null_mut();
    // SAFETY: a weak reference (count 0) to a function that the shell holds.
    check_status!(unsafe { sys::napi_create_reference(raw, settle.raw(), 0, &mut reference) })?;
    let number = registry.next_shell;
    registry.next_shell += 1;
    registry.shells.insert(number, reference);
    Ok(number)
}

/// A promise of this shell is pending: the process stays, and so does the shell.
#[napi(catch_unwind)]
pub fn hold(env: &Env, shell: u32) -> napi::Result<()> {
    let registry = registry(env)?;
    let Some(&reference) = registry.shells.get(&shell) else { return Err(unknown_shell(shell)) };
    // SAFETY: on the environment's own thread; both are alive with it.
    unsafe {
        let mut settle = ptr::null_mut();
        check_status!(sys::napi_get_reference_value(env.raw(), reference, &mut settle))?;
        if settle.is_null() {
            return Err(unknown_shell(shell)); // collected: nobody would hear of what settles
        }
        check_status!(sys::napi_reference_ref(env.raw(), reference, ptr::null_mut()))?;
        if registry.holding == 0 {
            for wake in registry.wakes {
                check_status!(sys::napi_ref_threadsafe_function(env.raw(), wake))?;
            }
        }
    }
    registry.holding += 1;
    Ok(())
}

/// No promise of this shell is pending any more.
#[napi(catch_unwind)]
pub fn release(env: &Env, shell: u32) -> napi::Result<()> {
    let registry = registry(env)?;
    let Some(&reference) = registry.shells.get(&shell) else { return Err(unknown_shell(shell)) };
    registry.holding = registry.holding.saturating_sub(1);
    // SAFETY: as in `hold`.
    unsafe {
        check_status!(sys::napi_reference_unref(env.raw(), reference, ptr::null_mut()))?;
        if registry.holding == 0 {
            for wake in registry.wakes {
                check_status!(sys::napi_unref_threadsafe_function(env.raw(), wake))?;
            }
        }
    }
    Ok(())
}

fn unknown_shell(shell: u32) -> napi::Error {
    raise(&Error::new(Kind::Internal).with("what", "completion").with("detail", format!("no shell {shell}")))
}

/// Settles an id in the next turn of the event loop: how slices of long work yield, since timers may be faked.
#[napi(catch_unwind)]
pub fn next_turn(env: &Env, shell: u32, id: u32) -> napi::Result<()> {
    let registry = registry(env)?;
    let queue = if registry.last == 0 { &registry.other } else { &registry.queue };
    Completer { queue: queue.clone(), shell, id, settled: false }.settle(Ok(undefined));
    Ok(())
}

/// The value of completions that say no more than that they are.
pub fn undefined(env: sys::napi_env) -> napi::Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: called on the event loop with its environment.
    check_status!(unsafe { sys::napi_get_undefined(env, &mut value) })?;
    Ok(value)
}

/// Where the replies to a shell's reads go: the environment's queue.
pub fn inbox(env: &Env) -> napi::Result<&'static Arc<dyn Inbox>> {
    Ok(&registry(env)?.inbox)
}
/// The numbers of what has just been looked up or settled; see `crate::cache::Numbers`.
pub fn numbers(env: &Env) -> napi::Result<&'static Numbers> {
    Ok(&registry(env)?.numbers)
}
