//! Shared cells: atomics that Rust owns and every environment of the process sees, by name, as an ArrayBuffer of
//! its own over the same memory. Node-API on Node 20 cannot create a SharedArrayBuffer.

use napi::{Env, Unknown, bindgen_prelude::FromNapiValue, check_status, sys};
use napi_derive::napi;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU64};
use std::sync::{Arc, LazyLock, Weak};

type Cells = [AtomicI32];

static OPEN: LazyLock<Mutex<HashMap<String, Weak<Cells>>>> = LazyLock::new(Mutex::default);

/// The cells of that name, made as zeros when nobody has them open; alive while any environment holds them. All
/// must ask for the same length.
#[napi(catch_unwind)]
pub fn open_cells(env: &Env, name: String, length: u32) -> napi::Result<Unknown<'_>> {
    let cells = {
        let mut open = OPEN.lock();
        open.retain(|_, cells| cells.strong_count() > 0);
        match open.get(&name).and_then(Weak::upgrade) {
            Some(cells) => cells,
            None => {
                let cells: Arc<Cells> = (0..length.max(1)).map(|_| AtomicI32::new(0)).collect();
                open.insert(name, Arc::downgrade(&cells));
                cells
            }
        }
    };
    if cells.len() != length.max(1) as usize {
        return Err(napi::Error::from_reason(format!("these cells are {} long", cells.len())));
    }
    expose(env, cells)
}

/// An external ArrayBuffer over the cells, which keeps them alive.
pub fn expose(env: &Env, cells: Arc<Cells>) -> napi::Result<Unknown<'_>> {
    let (data, bytes) = (cells.as_ptr().cast_mut().cast::<c_void>(), size_of_val(&*cells));
    // SAFETY: the memory lives as long as `cells`; atomics may be read and written from any thread, and JavaScript's
    // Atomics on an Int32Array are such accesses.
    unsafe { expose_memory(env, data, bytes, cells) }
}

/// The same over the bits of numbers.
pub fn expose_numbers(env: &Env, numbers: Arc<[AtomicU64]>) -> napi::Result<Unknown<'_>> {
    let (data, bytes) = (numbers.as_ptr().cast_mut().cast::<c_void>(), size_of_val(&*numbers));
    // SAFETY: as for cells; only the environment's own thread writes them.
    unsafe { expose_memory(env, data, bytes, numbers) }
}

/// An external ArrayBuffer over memory that `keep` keeps.
///
/// # Safety
/// The memory is there while `keep` is, and any thread may write to it at any time.
pub unsafe fn expose_memory<T: Send + 'static>(
    env: &Env,
    data: *mut c_void,
    bytes: usize,
    keep: T,
) -> napi::Result<Unknown<'_>> {
    let keep = Box::into_raw(Box::new(keep)).cast::<c_void>();
    let mut value = ptr::null_mut();
    // SAFETY: the caller says what the memory is; `keep` goes with the ArrayBuffer, by the finalizer of its type.
    unsafe {
        check_status!(sys::napi_create_external_arraybuffer(
            env.raw(),
            data,
            bytes,
            Some(forget::<T>),
            keep,
            &mut value
        ))?;
        Unknown::from_napi_value(env.raw(), value)
    }
}

unsafe extern "C" fn forget<T>(_env: sys::napi_env, _data: *mut c_void, keep: *mut c_void) {
    // SAFETY: the box that `expose_memory` leaked, given back once.
    drop(unsafe { Box::from_raw(keep.cast::<T>()) });
}
