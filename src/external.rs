//! Native objects in the hands of JavaScript, as `External<T>`.
//!
//! napi's own asks, at each call, a map of the whole process under a lock whether a pointer is one of its; that was most
//! of what a call cost, and all threads met there. A value never leaves its thread, so each thread has a map of its own.

use napi::bindgen_prelude::{FromNapiMutRef, FromNapiRef, ToNapiValue, TypeName, ValidateNapiValue};
use napi::{Error, Status, ValueType, check_status, sys};
use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// An object that JavaScript holds and passes back to us.
pub struct External<T: 'static>(T);

/// Spreads addresses, whose low and high bits are all alike.
#[derive(Default)]
struct Address(u64);
impl Hasher for Address {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write_usize(&mut self, address: usize) {
        let spread = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ spread >> 32;
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }
}
thread_local! {
    /// Where this thread's objects are, and of which type.
    static OURS: RefCell<HashMap<usize, TypeId, BuildHasherDefault<Address>>> = RefCell::default();
}

impl<T: 'static> External<T> {
    /// An object for JavaScript to hold.
    pub fn new(object: T) -> Self {
        Self(object)
    }
}
impl<T: 'static> Deref for External<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
impl<T: 'static> DerefMut for External<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: 'static> ToNapiValue for External<T> {
    unsafe fn to_napi_value(env: sys::napi_env, object: Self) -> napi::Result<sys::napi_value> {
        let (mut value, data) = (ptr::null_mut(), Box::into_raw(Box::new(object)));
        // SAFETY: the environment is the caller's; `data` is given back once, by the finalizer of its type.
        let status = unsafe {
            sys::napi_create_external(env, data.cast(), Some(free::<T>), ptr::null_mut(), &mut value)
        };
        if status != sys::Status::napi_ok {
            // SAFETY: nobody else has it.
            drop(unsafe { Box::from_raw(data) });
        }
        check_status!(status)?;
        OURS.with_borrow_mut(|ours| ours.insert(data as usize, TypeId::of::<T>()));
        Ok(value)
    }
}
unsafe extern "C" fn free<T: 'static>(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    let _ = OURS.try_with(|ours| ours.borrow_mut().remove(&(data as usize)));
    // SAFETY: the box of `to_napi_value`, whose finalizer runs once.
    let object = unsafe { Box::from_raw(data.cast::<External<T>>()) };
    // a panic would end the process here
    let _ = catch_unwind(AssertUnwindSafe(|| drop(object)));
}

impl<T: 'static> FromNapiMutRef for External<T> {
    unsafe fn from_napi_mut_ref(
        env: sys::napi_env,
        value: sys::napi_value,
    ) -> napi::Result<&'static mut Self> {
        let mut data = ptr::null_mut();
        // SAFETY: environment and value are the caller's.
        check_status!(unsafe { sys::napi_get_value_external(env, value, &mut data) })?;
        let known = OURS.with_borrow(|ours| ours.get(&(data as usize)).copied());
        if known != Some(TypeId::of::<T>()) {
            return Err(Error::new(Status::InvalidArg, "this is not the native object that belongs here"));
        }
        // SAFETY: made by `to_napi_value` of this type on this thread and not yet freed, or it would not be known; the
        // value that is being passed keeps it for the call, in which nobody else is given it.
        Ok(unsafe { &mut *data.cast::<Self>() })
    }
}
impl<T: 'static> FromNapiRef for External<T> {
    unsafe fn from_napi_ref(env: sys::napi_env, value: sys::napi_value) -> napi::Result<&'static Self> {
        // SAFETY: as the caller says.
        unsafe { Self::from_napi_mut_ref(env, value) }.map(|object| &*object)
    }
}

macro_rules! described {
    ($($of:ty),*) => {$(
        impl<T: 'static> TypeName for $of {
            fn type_name() -> &'static str {
                "External"
            }
            fn value_type() -> ValueType {
                ValueType::External
            }
        }
        impl<T: 'static> ValidateNapiValue for $of {}
    )*};
}
described!(&External<T>, &mut External<T>);
