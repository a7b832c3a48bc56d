//! A cached value as tiers exchange it.

use super::{Millis, NEVER};
use bytes::Bytes;

/// What the bytes of a record are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// JSON text.
    Json = 0,
    /// A string, as UTF-8.
    Text = 1,
    /// A Buffer.
    Bytes = 2,
    /// What `v8.serialize` wrote.
    V8 = 3,
}
impl Tag {
    /// The tag of that number.
    pub fn from_u8(number: u8) -> Option<Self> {
        [Tag::Json, Tag::Text, Tag::Bytes, Tag::V8].get(usize::from(number)).copied()
    }
}

/// A value with its lifetime.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What `bytes` are.
    pub tag: Tag,
    /// The last millisecond at which it is fresh.
    pub deadline: Millis,
    /// The last millisecond at which it may be served stale; never before `deadline`.
    pub stale_until: Millis,
    /// Names by which it can be deleted.
    pub tags: Box<[Box<str>]>,
    /// The value.
    pub bytes: Bytes,
}
impl Record {
    /// A record without tags or a stale window.
    pub fn new(tag: Tag, bytes: impl Into<Bytes>, deadline: Millis) -> Self {
        Self { tag, deadline, stale_until: deadline, tags: Box::default(), bytes: bytes.into() }
    }
    /// Whether it may be served as fresh.
    pub fn is_fresh(&self, now: Millis) -> bool {
        self.deadline == NEVER || now <= self.deadline
    }
}
