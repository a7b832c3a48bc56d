//! Limiters by name: one for all threads of the process, as long as any has it open.

use crate::error::raise;
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use std::collections::HashMap;
use std::sync::Arc;

/// What is open under a name, with which options, by how many.
struct Open<C, T> {
    config: C,
    shared: Arc<T>,
    users: usize,
}

/// All that is open under names.
pub struct Names<C, T>(Mutex<Option<HashMap<String, Open<C, T>>>>);
impl<C: PartialEq + Clone, T> Names<C, T> {
    /// Nothing.
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }
    /// What has that name, made when nobody has it open; to be left once. All have to ask for the same.
    pub fn open(
        &self,
        name: Option<&str>,
        config: &C,
        make: impl FnOnce() -> Arc<T>,
    ) -> napi::Result<Arc<T>> {
        let Some(name) = name else { return Ok(make()) };
        let mut names = self.0.lock();
        let names = names.get_or_insert_default();
        if let Some(open) = names.get_mut(name) {
            if open.config == *config {
                open.users += 1;
                return Ok(open.shared.clone());
            }
            let range = "given with the same options wherever it is open";
            let error = Error::new(Kind::OptionRange).with("option", "shared").with("range", range);
            return Err(raise(&error.with("value", format!("{name:?} with other options"))));
        }
        let shared = make();
        let open = Open { config: config.clone(), shared: shared.clone(), users: 1 };
        names.insert(name.to_owned(), open);
        Ok(shared)
    }
    /// One uses it no more; the name is free when that was the last.
    pub fn leave(&self, name: Option<&str>) {
        let mut names = self.0.lock();
        let (Some(name), Some(names)) = (name, names.as_mut()) else { return };
        if let Some(open) = names.get_mut(name) {
            open.users -= 1;
            if open.users == 0 {
                names.remove(name);
            }
        }
    }
}
