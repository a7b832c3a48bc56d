//! Deletes, listings and leases: what asks lower tiers, and is known at once where there are none.

use super::engine::{Held, owned};
use super::values::with_text;
use crate::body::value;
use crate::completion::{Completer, undefined};
use crate::text::string;
use napi::bindgen_prelude::{Array, External, JsObjectValue, Object, ToNapiValue};
use napi::{Env, Unknown, check_status, sys};
use napi_derive::napi;
use sluice_core::error::Error;
use sluice_io::cache::Engine;
use std::ptr;
use std::sync::Arc;

fn number(env: sys::napi_env, value: f64) -> napi::Result<sys::napi_value> {
    let mut made = ptr::null_mut();
    // SAFETY: on the event loop, with its environment.
    check_status!(unsafe { sys::napi_create_double(env, value, &mut made) })?;
    Ok(made)
}
type Counted = Box<dyn FnOnce(u64) + Send>;
/// Calls with what makes the settling function, which is used only where the answer is not known at once.
fn counted(
    env: &Env,
    (shell, id): (u32, u32),
    held: &Held,
    call: impl FnOnce(&Arc<Engine>, &mut dyn FnMut() -> Counted) -> Result<Option<u64>, Error>,
) -> napi::Result<Option<f64>> {
    let mut completer = Some(Completer::new(env, shell, id)?);
    let known = held.call(|engine| {
        call(engine, &mut || {
            let completer = completer.take();
            Box::new(move |count| {
                if let Some(completer) = completer {
                    completer.settle(Ok(move |env| number(env, count as f64)));
                }
            })
        })
    });
    if let Some(completer) = completer {
        completer.forget();
    }
    Ok(known?.map(|count| count as f64))
}

/// Removes keys: how many there were, at once or settled.
#[napi(catch_unwind)]
pub fn cache_remove(
    env: &Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    keys: Object<'_>,
    now: f64,
) -> napi::Result<Option<f64>> {
    let keys = (0..keys.get_array_length()?)
        .map(|at| owned(env, &keys.get_element(at)?, "a key"))
        .collect::<napi::Result<Vec<_>>>()?;
    counted(env, (shell, id), held, |engine, done| engine.remove(keys, now as u64, done))
}
/// Removes what matches a glob.
#[napi(catch_unwind)]
pub fn cache_remove_pattern(
    env: &Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    pattern: Unknown<'_>,
    now: f64,
) -> napi::Result<Option<f64>> {
    let pattern = owned(env, &pattern, "a pattern")?;
    counted(env, (shell, id), held, |engine, done| engine.remove_pattern(&pattern, now as u64, done))
}
/// Removes what carries a tag.
#[napi(catch_unwind)]
pub fn cache_remove_tag(
    env: &Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    tag: String,
    now: f64,
) -> napi::Result<Option<f64>> {
    counted(env, (shell, id), held, |engine, done| engine.remove_tag(&tag, now as u64, done))
}
/// Removes everything that begins so.
#[napi(catch_unwind)]
pub fn cache_clear(
    env: &Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    prefix: Unknown<'_>,
    now: f64,
) -> napi::Result<Option<f64>> {
    let prefix = owned(env, &prefix, "a prefix")?;
    counted(env, (shell, id), held, |engine, done| engine.clear(&prefix, now as u64, done))
}

fn list<'env>(env: &'env Env, keys: &[bytes::Bytes]) -> napi::Result<Array<'env>> {
    let mut list = env.create_array(keys.len() as u32)?;
    for (at, key) in keys.iter().enumerate() {
        list.set(at as u32, string(env, key)?)?;
    }
    Ok(list)
}
/// Keys that begin so: a list, or undefined and settled with one.
#[napi(catch_unwind)]
pub fn cache_keys<'env>(
    env: &'env Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    prefix: Unknown<'_>,
    limit: f64,
    now: f64,
) -> napi::Result<Unknown<'env>> {
    let prefix = owned(env, &prefix, "a prefix")?;
    let mut completer = Some(Completer::new(env, shell, id)?);
    let known = held.call(|engine| {
        engine.keys(&prefix, limit as usize, now as u64, || {
            let completer = completer.take();
            Box::new(move |keys| {
                let Some(completer) = completer else { return };
                completer.settle(Ok(move |raw| {
                    let env = Env::from_raw(raw);
                    // SAFETY: on the event loop, with its environment.
                    unsafe { ToNapiValue::to_napi_value(raw, list(&env, &keys)?) }
                }));
            })
        })
    });
    if let Some(completer) = completer {
        completer.forget();
    }
    match known? {
        // SAFETY: a value of this environment, just made.
        Some(keys) => value(env, unsafe { ToNapiValue::to_napi_value(env.raw(), list(env, &keys)?) }?),
        None => value(env, undefined(env.raw())?),
    }
}
/// Asks for the lease of a load: a token above 0, 0 (read again), -1 (run alone), or undefined and settled with one.
#[napi(catch_unwind)]
pub fn cache_lease(
    env: &Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    key: Unknown<'_>,
    now: f64,
    wait_ms: f64,
) -> napi::Result<Option<f64>> {
    let mut completer = Some(Completer::new(env, shell, id)?);
    let known = with_text(env, &key, "a key", |key| {
        held.call(|engine| {
            engine.lease(key, now as u64, wait_ms as u64, || {
                let completer = completer.take();
                Box::new(move |token| {
                    if let Some(completer) = completer {
                        completer.settle(Ok(move |env| number(env, token as f64)));
                    }
                })
            })
        })
    });
    if let Some(completer) = completer {
        completer.forget();
    }
    Ok(known?.map(|token| token as f64))
}
/// Ends a lease.
#[napi(catch_unwind)]
pub fn cache_release(env: &Env, held: &External<Held>, key: Unknown<'_>, token: f64) -> napi::Result<()> {
    with_text(env, &key, "a key", |key| {
        held.call(|engine| {
            engine.release(key, token as u64);
            Ok(())
        })
    })
}
