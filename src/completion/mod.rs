//! The completion queue: native work on any thread ends here, and one wake-up of the event loop settles all that
//! has ended by then. There is one queue, with one thread-safe function, per environment, and a second one for turns.
//!
//! Protocol with the shell (`lib/completion.js`): each copy of the shell registers one settle function and gets a
//! number. Work is started with that number and an id of the shell's choice. A wake-up calls each settle function
//! once with `[id, ok, value, id, ok, value, …]`; a value that is not ok is an error as JSON. Reads of caches, of which
//! there are many, come as `(count, payload, payload, …)` with their numbers in `numbers`. The queue holds the
//! event loop, and the settle function, only between `hold` and `release`: while a caller's promise is pending.

mod queue;
mod settle;

pub use queue::{Announcer, Completer, Later};

use crate::cache::Numbers;
use crate::error::raise;
use napi::{Env, JsValue, Status, Unknown, bindgen_prelude::Function, check_status, sys};
use napi_derive::napi;
use parking_lot::Mutex;
use queue::{Queue, Wake};
use settle::{closed, settle_all};
use sluice_core::error::{Error, Kind};
use sluice_io::cache::Inbox;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
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
