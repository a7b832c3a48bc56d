//! What only the tests may call; compiled with the feature `test-hooks`, which no release has.
#![expect(clippy::panic, reason = "panics on demand are what these hooks are for")]

use crate::completion::{Completer, undefined};
use crate::error::Guarded;
use crate::external::External;
use napi::Env;
use napi_derive::napi;
use sluice_core::error::Error;

/// Completes these ids from that many native threads at once.
#[napi(catch_unwind)]
pub fn test_complete(env: &Env, shell: u32, ids: Vec<u32>, threads: u32) -> napi::Result<()> {
    let mut completers: Vec<Completer> =
        ids.into_iter().map(|id| Completer::new(env, shell, id)).collect::<napi::Result<_>>()?;
    let share = completers.len().div_ceil(threads.max(1) as usize);
    while !completers.is_empty() {
        let mine = completers.split_off(completers.len().saturating_sub(share));
        std::thread::spawn(move || mine.into_iter().for_each(|completer| completer.settle(Ok(undefined))));
    }
    Ok(())
}

/// Work on the pool that panics.
#[napi(catch_unwind)]
pub fn test_panic_async(env: &Env, shell: u32, id: u32) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    sluice_io::pool::spawn(move || {
        completer.run("test", || -> Result<fn(_) -> _, Error> { std::panic::panic_any("on purpose") });
    });
    Ok(())
}

/// Work on the pool that is dropped unsettled.
#[napi(catch_unwind)]
pub fn test_drop_async(env: &Env, shell: u32, id: u32) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    sluice_io::pool::spawn(move || drop(completer));
    Ok(())
}

/// Work on the pool that takes that long.
#[napi(catch_unwind)]
pub fn test_sleep(env: &Env, shell: u32, id: u32, ms: u32) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    sluice_io::pool::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(ms.into()));
        completer.settle(Ok(undefined));
    });
    Ok(())
}

/// An object that can be made to panic.
#[napi(catch_unwind)]
pub fn test_guarded() -> External<Guarded<u32>> {
    External::new(Guarded::new("test", 0))
}

/// Counts up, or panics.
#[napi(catch_unwind)]
pub fn test_call(object: &mut External<Guarded<u32>>, panic: bool) -> napi::Result<u32> {
    object.call(|count| {
        if panic {
            std::panic::panic_any("on purpose");
        }
        *count += 1;
        Ok(*count)
    })
}

/// A panic inside of a limiter.
#[napi(catch_unwind)]
pub fn test_limiter_panic(held: &External<crate::limiter::AdaptiveHeld>) -> napi::Result<()> {
    held.poison()
}

/// Bytes of external memory that V8 has been told of; `process.memoryUsage` counts array buffers only.
#[napi(catch_unwind)]
pub fn test_external_memory(env: &Env) -> napi::Result<f64> {
    Ok(env.adjust_external_memory(0)? as f64)
}
