//! A wake-up of the event loop: everything that has ended by then is told to the shells.

use super::queue::{Completion, Queue, Ready};
use super::{registry, undefined};
use crate::cache::{READS_AT_ONCE, reply_value};
use crate::error::contain;
use napi::{Env, JsValue, check_status, sys};
use sluice_core::error::{Error, Kind};
use sluice_io::cache::Reply;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

/// The environment is going down: nobody may call its function again.
pub(super) unsafe extern "C" fn closed(_env: sys::napi_env, context: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the context is what `registry` passed in, and this is called once.
    let queue = unsafe { Arc::from_raw(context.cast::<Queue>()) };
    queue.wake.lock().0 = ptr::null_mut();
    *queue.ready.lock() = Ready::default();
}

pub(super) unsafe extern "C" fn settle_all(
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
