//! Limiters by name: one for all threads of the process, as long as any has it open.

use crate::error::raise;
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use std::collections::HashMap;
use std::sync::{Arc, Weak};

type Open<C, T> = HashMap<String, (C, Weak<T>)>;

/// What is open under names, and with which options.
pub struct Names<C, T>(Mutex<Option<Open<C, T>>>);
impl<C: PartialEq + Clone, T> Names<C, T> {
    /// Nothing.
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }
    /// What has that name, made when nobody has it open. All have to ask for the same.
    pub fn open(
        &self,
        name: Option<String>,
        config: &C,
        make: impl FnOnce() -> Arc<T>,
    ) -> napi::Result<Arc<T>> {
        let Some(name) = name else { return Ok(make()) };
        let mut open = self.0.lock();
        let open = open.get_or_insert_default();
        open.retain(|_, (_, held)| held.strong_count() > 0);
        if let Some((with, held)) = open.get(&name)
            && let Some(held) = held.upgrade()
        {
            if with == config {
                return Ok(held);
            }
            let range = "given with the same options wherever it is open";
            let error = Error::new(Kind::OptionRange).with("option", "shared").with("range", range);
            return Err(raise(&error.with("value", format!("{name:?} with other options"))));
        }
        let made = make();
        open.insert(name, (config.clone(), Arc::downgrade(&made)));
        Ok(made)
    }
}
