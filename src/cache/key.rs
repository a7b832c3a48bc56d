//! Keys of calls, as UTF-8 on the stack: an owned `String` per call would cost more than the call.

use napi::{check_status, sys};
use std::ptr;

const ON_STACK: usize = 256;

/// Calls `run` with prefix and key as UTF-8. `key` must be a string.
pub fn with_key<R>(
    env: sys::napi_env,
    key: sys::napi_value,
    prefix: &[u8],
    run: impl FnOnce(&[u8]) -> R,
) -> napi::Result<R> {
    let mut stack = [0; ON_STACK];
    if let Some((head, rest)) = stack.split_at_mut_checked(prefix.len())
        && rest.len() > 1
    {
        head.copy_from_slice(prefix);
        let wrote = write(env, key, rest)?;
        // V8 stops before a character that does not fit, and ends with a zero: near the end it may have stopped
        if wrote + 4 < rest.len() {
            return Ok(run(stack.get(..prefix.len() + wrote).unwrap_or_default()));
        }
    }
    let mut length = 0;
    // SAFETY: a null buffer asks for the length alone.
    check_status!(unsafe { sys::napi_get_value_string_utf8(env, key, ptr::null_mut(), 0, &mut length) })?;
    let mut heap = vec![0; prefix.len() + length + 1];
    let (head, rest) = heap.split_at_mut(prefix.len());
    head.copy_from_slice(prefix);
    let wrote = write(env, key, rest)?;
    heap.truncate(prefix.len() + wrote);
    Ok(run(&heap))
}

fn write(env: sys::napi_env, key: sys::napi_value, out: &mut [u8]) -> napi::Result<usize> {
    let mut wrote = 0;
    // SAFETY: V8 writes at most `out.len()` bytes, the closing zero included.
    check_status!(unsafe {
        sys::napi_get_value_string_utf8(env, key, out.as_mut_ptr().cast(), out.len(), &mut wrote)
    })?;
    Ok(wrote)
}
