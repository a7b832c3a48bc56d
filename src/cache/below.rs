//! Deletes, listings and leases: what asks lower tiers, and is known at once where there are none.

use super::engine::{Held, owned};
use super::values::with_text;
use crate::body::value;
use crate::completion::{Later, undefined};
use crate::external::External;
use crate::text::string;
use napi::bindgen_prelude::{Array, JsObjectValue, Object, ToNapiValue};
use napi::{Env, Unknown, check_status, sys};
use napi_derive::napi;
use std::ptr;

fn number(env: sys::napi_env, value: f64) -> napi::Result<sys::napi_value> {
    let mut made = ptr::null_mut();
    // SAFETY: on the event loop, with its environment.
    check_status!(unsafe { sys::napi_create_double(env, value, &mut made) })?;
    Ok(made)
}
fn whole(env: sys::napi_env, value: u64) -> napi::Result<sys::napi_value> {
    number(env, value as f64)
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
    let known =
        held.call(|engine| engine.remove(keys, now as u64, || Later(env, shell, id).settle(whole)))?;
    Ok(known.map(|count| count as f64))
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
    let done = || Later(env, shell, id).settle(whole);
    let known = held.call(|engine| engine.remove_pattern(&pattern, now as u64, done))?;
    Ok(known.map(|count| count as f64))
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
    let done = || Later(env, shell, id).settle(whole);
    let known = held.call(|engine| engine.remove_tag(&tag, now as u64, done))?;
    Ok(known.map(|count| count as f64))
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
    let done = || Later(env, shell, id).settle(whole);
    let known = held.call(|engine| engine.clear(&prefix, now as u64, done))?;
    Ok(known.map(|count| count as f64))
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
    let done = || {
        Later(env, shell, id).settle(|raw, keys: Vec<bytes::Bytes>| {
            let env = Env::from_raw(raw);
            // SAFETY: on the event loop, with its environment.
            unsafe { ToNapiValue::to_napi_value(raw, list(&env, &keys)?) }
        })
    };
    let known = held.call(|engine| engine.keys(&prefix, limit as usize, now as u64, done))?;
    match known {
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
    let done = || Later(env, shell, id).settle(|env, token: i64| number(env, token as f64));
    let known = with_text(env, &key, "a key", |key| {
        held.call(|engine| engine.lease(key, now as u64, wait_ms as u64, done))
    })?;
    Ok(known.map(|token| token as f64))
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
