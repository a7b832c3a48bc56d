//! Records in the order of their use.

use super::pages::{NIL, Pages};
use super::record::Record;

/// A list through `newer` and `older`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    newest: u32,
    oldest: u32,
}
impl Default for Order {
    fn default() -> Self {
        Self { newest: NIL, oldest: NIL }
    }
}
impl Order {
    pub fn newest(&self) -> u32 {
        self.newest
    }
    pub fn oldest(&self) -> u32 {
        self.oldest
    }
    pub fn push_newest(&mut self, records: &mut Pages<Record>, at: u32) {
        if let Some(record) = records.get_mut(at) {
            (record.newer, record.older) = (NIL, self.newest);
        }
        match records.get_mut(self.newest) {
            Some(record) => record.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }
    pub fn push_oldest(&mut self, records: &mut Pages<Record>, at: u32) {
        if let Some(record) = records.get_mut(at) {
            (record.newer, record.older) = (self.oldest, NIL);
        }
        match records.get_mut(self.oldest) {
            Some(record) => record.older = at,
            None => self.newest = at,
        }
        self.oldest = at;
    }
    pub fn remove(&mut self, records: &mut Pages<Record>, at: u32) {
        let Some(&Record { newer, older, .. }) = records.get(at) else { return };
        match records.get_mut(newer) {
            Some(record) => record.older = older,
            None => self.newest = older,
        }
        match records.get_mut(older) {
            Some(record) => record.newer = newer,
            None => self.oldest = newer,
        }
    }
}
