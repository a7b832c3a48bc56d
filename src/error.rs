//! Errors and contained panics on their way to the shell.

use napi::{Error, Status};
use sluice_core::error::{Error as CoreError, Kind};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An engine's error as the exception that the shell unwraps.
pub fn raise(error: &CoreError) -> Error {
    Error::new(Status::GenericFailure, error.to_json())
}

/// What a panic said.
pub fn panicked(what: &str, payload: &(dyn std::any::Any + Send)) -> CoreError {
    let detail = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned());
    CoreError::new(Kind::Internal).with("what", what).with("detail", detail)
}

/// Runs an engine's function so that a panic in it becomes `ERR_INTERNAL`.
pub fn contain<T>(what: &str, run: impl FnOnce() -> Result<T, CoreError>) -> Result<T, CoreError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| Err(panicked(what, payload.as_ref())))
}

/// An engine's object that is not used again once a panic went through it.
pub struct Guarded<T> {
    value: T,
    what: &'static str,
    poisoned: Option<CoreError>,
}
impl<T> Guarded<T> {
    /// Takes an object under its name in error texts.
    pub fn new(what: &'static str, value: T) -> Self {
        Self { value, what, poisoned: None }
    }
    /// Calls the object; a panic poisons it, and each later call fails as the first one did.
    pub fn call<R>(&mut self, run: impl FnOnce(&mut T) -> Result<R, CoreError>) -> napi::Result<R> {
        if let Some(error) = &self.poisoned {
            return Err(raise(error));
        }
        let value = &mut self.value;
        match catch_unwind(AssertUnwindSafe(|| run(value))) {
            Ok(result) => result.map_err(|error| raise(&error)),
            Err(payload) => {
                let error = panicked(self.what, payload.as_ref());
                let raised = raise(&error);
                self.poisoned = Some(error);
                Err(raised)
            }
        }
    }
}
