//! Text on its way to V8: latin1 when it is ASCII, UTF-16 otherwise, which V8 copies instead of decoding.

use napi::{Env, Unknown, bindgen_prelude::FromNapiValue, check_status, sys};
use std::ptr;

/// A JavaScript string of UTF-8 bytes; ones that are not UTF-8 become U+FFFD.
pub fn string<'env>(env: &Env, bytes: &[u8]) -> napi::Result<Unknown<'env>> {
    let mut value = ptr::null_mut();
    // SAFETY: both calls copy from a slice that outlives them.
    unsafe {
        if bytes.is_ascii() {
            let (data, length) = (bytes.as_ptr().cast(), bytes.len() as isize);
            check_status!(sys::napi_create_string_latin1(env.raw(), data, length, &mut value))?;
        } else {
            let units: Vec<u16> = String::from_utf8_lossy(bytes).encode_utf16().collect();
            let (data, length) = (units.as_ptr(), units.len() as isize);
            check_status!(sys::napi_create_string_utf16(env.raw(), data, length, &mut value))?;
        }
        Unknown::from_napi_value(env.raw(), value)
    }
}
