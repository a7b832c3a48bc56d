//! An entry: one shared allocation with header, key, tags and value, behind a pointer of eight bytes.

use bytes::Bytes;
use sluice_core::cache::{Millis, NEVER, Record, Tag};
use std::mem::MaybeUninit;
use std::ops::Range;
use triomphe::{Arc, HeaderSlice, HeaderWithLength, ThinArc, UniqueArc};

/// What is to be stored, borrowed: a memory tier copies it once, into the entry.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    /// What `bytes` are.
    pub tag: Tag,
    /// The last millisecond at which it is fresh.
    pub deadline: Millis,
    /// The last millisecond at which it may be served stale.
    pub stale_until: Millis,
    /// Names by which it can be deleted.
    pub tags: &'a [Box<str>],
    /// The value.
    pub bytes: &'a [u8],
}
impl<'a> From<&'a Record> for Value<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            tag: record.tag,
            deadline: record.deadline,
            stale_until: record.stale_until,
            tags: &record.tags,
            bytes: &record.bytes,
        }
    }
}

/// Bits of `Header::meta`: the tag, what precedes the key, and the key's length.
const TAG: u32 = 0b11;
const HAS_STALE: u32 = 1 << 2;
const HAS_TAGS: u32 = 1 << 3;
const KEY_SHIFT: u32 = 4;
const MAX_KEY_BYTES: usize = (u32::MAX >> KEY_SHIFT) as usize;
const STALE_BYTES: usize = size_of::<Millis>();
const LENGTH_BYTES: usize = size_of::<u32>();
/// Bytes of an allocation before its tail: count, header, length; and what the allocator adds.
const FIXED_BYTES: usize = 48;

#[derive(Debug)]
struct Header {
    deadline: Millis,
    stored: Millis,
    trust: i32,
    meta: u32,
}

/// A copy that the memory tier holds: a view of the entry, cheap to clone. The tail of the allocation is
/// `[stale_until] [length of tags, then each tag after its length] key value`; what is in brackets only when it is needed.
#[derive(Debug, Clone)]
pub struct Copy(ThinArc<Header, u8>);

impl Copy {
    /// An entry with these; None when there is no memory for it, or the key is longer than an entry can say.
    pub(super) fn new(key: &[u8], value: Value<'_>, stored: Millis, trust: i32) -> Option<Self> {
        let Value { tag, deadline, stale_until, tags, bytes } = value;
        if key.len() > MAX_KEY_BYTES {
            return None;
        }
        let mut meta = u32::from(tag as u8) | ((key.len() as u32) << KEY_SHIFT);
        let mut len = key.len().checked_add(bytes.len())?;
        if stale_until != deadline {
            meta |= HAS_STALE;
            len += STALE_BYTES;
        }
        let tags_len: usize = tags.iter().map(|tag| LENGTH_BYTES + tag.len()).sum();
        if !tags.is_empty() {
            meta |= HAS_TAGS;
            len += LENGTH_BYTES + tags_len;
        }
        let header = HeaderWithLength::new(Header { deadline, stored, trust, meta }, len);
        let mut entry: UniqueArc<HeaderSlice<_, [MaybeUninit<u8>]>> =
            UniqueArc::try_from_header_and_uninit_slice(header, len).ok()?;
        let mut rest = &mut entry.slice[..];
        if meta & HAS_STALE != 0 {
            rest = put(rest, &stale_until.to_ne_bytes());
        }
        if meta & HAS_TAGS != 0 {
            rest = put(rest, &u32::try_from(tags_len).ok()?.to_ne_bytes());
            for tag in tags {
                rest = put(rest, &(tag.len() as u32).to_ne_bytes());
                rest = put(rest, tag.as_bytes());
            }
        }
        rest = put(rest, key);
        rest = put(rest, bytes);
        if !rest.is_empty() {
            return None;
        }
        // SAFETY: `rest` began as the whole slice and is empty: every byte of it has been written.
        let entry = unsafe { entry.assume_init_slice_with_header() };
        Some(Self(Arc::into_thin(entry.shareable())))
    }
    fn header(&self) -> &Header {
        &self.0.header.header
    }
    fn tail(&self) -> &[u8] {
        &self.0.slice
    }
    /// Where the tags are.
    fn tags_range(&self) -> Range<usize> {
        let at = if self.header().meta & HAS_STALE == 0 { 0 } else { STALE_BYTES };
        if self.header().meta & HAS_TAGS == 0 {
            return at..at;
        }
        let start = at + LENGTH_BYTES;
        start..start + length_at(self.tail(), at)
    }
    /// The key.
    pub fn key(&self) -> &[u8] {
        let start = self.tags_range().end;
        &self.tail()[start..start + (self.header().meta >> KEY_SHIFT) as usize]
    }
    /// The value.
    pub fn bytes(&self) -> &[u8] {
        let start = self.tags_range().end + (self.header().meta >> KEY_SHIFT) as usize;
        &self.tail()[start..]
    }
    /// What the value is.
    pub fn tag(&self) -> Tag {
        Tag::from_u8((self.header().meta & TAG) as u8).unwrap_or(Tag::Bytes)
    }
    /// The last millisecond at which it is fresh.
    pub fn deadline(&self) -> Millis {
        self.header().deadline
    }
    /// The last millisecond at which it may be served stale.
    pub fn stale_until(&self) -> Millis {
        match self.tail().first_chunk() {
            Some(stale_until) if self.header().meta & HAS_STALE != 0 => Millis::from_ne_bytes(*stale_until),
            _ => self.deadline(),
        }
    }
    /// When it was stored.
    pub fn stored(&self) -> Millis {
        self.header().stored
    }
    /// The trust in which it was stored: `Memory::trust`.
    pub fn trust(&self) -> i32 {
        self.header().trust
    }
    /// Whether it may be served as fresh.
    pub fn is_fresh(&self, now: Millis) -> bool {
        self.deadline() == NEVER || now <= self.deadline()
    }
    /// Whether it may be served at all.
    pub fn is_alive(&self, now: Millis) -> bool {
        self.is_fresh(now) || self.stale_until() == NEVER || now <= self.stale_until()
    }
    /// Names by which it can be deleted.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let mut rest = &self.tail()[self.tags_range()];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (tag, after) = rest[LENGTH_BYTES..].split_at(length_at(rest, 0));
            rest = after;
            std::str::from_utf8(tag).ok()
        })
    }
    /// Whether it has tags.
    pub fn is_tagged(&self) -> bool {
        self.header().meta & HAS_TAGS != 0
    }
    /// The value, which keeps the entry alive where that is cheaper than to copy it.
    pub fn shared_bytes(&self) -> Bytes {
        const SMALL_BYTES: usize = 1024;
        match self.bytes().len() {
            ..SMALL_BYTES => Bytes::copy_from_slice(self.bytes()),
            _ => Bytes::from_owner(Shared(self.clone())),
        }
    }
    /// The record.
    pub fn record(&self) -> Record {
        Record {
            tag: self.tag(),
            deadline: self.deadline(),
            stale_until: self.stale_until(),
            tags: self.tags().map(Box::from).collect(),
            bytes: self.shared_bytes(),
        }
    }
    /// Bytes of the allocation.
    pub(super) fn allocated(&self) -> u64 {
        (FIXED_BYTES + self.tail().len()) as u64
    }
    /// Whether both are one allocation.
    pub(super) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.header(), other.header())
    }
}

struct Shared(Copy);
impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

fn put<'a>(into: &'a mut [MaybeUninit<u8>], what: &[u8]) -> &'a mut [MaybeUninit<u8>] {
    let (head, rest) = into.split_at_mut(what.len());
    // SAFETY: `head` is as long as `what`, and borrowed alone.
    unsafe { std::ptr::copy_nonoverlapping(what.as_ptr(), head.as_mut_ptr().cast(), what.len()) };
    rest
}
fn length_at(bytes: &[u8], at: usize) -> usize {
    bytes[at..].first_chunk().map_or(0, |length| u32::from_ne_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn says_what_was_put_in(
            key: Vec<u8>, bytes: Vec<u8>, tags: Vec<String>, tag in 0u8..4,
            deadline: u64, stale in proptest::option::of(any::<u64>()), stored: u64, trust: i32,
        ) {
            let record = Record {
                tag: Tag::from_u8(tag).unwrap(),
                deadline,
                stale_until: stale.map_or(deadline, |by| deadline.saturating_add(by)),
                tags: tags.iter().map(|tag| tag.as_str().into()).collect(),
                bytes: bytes.clone().into(),
            };
            let entry = Copy::new(&key, (&record).into(), stored, trust).unwrap();
            prop_assert_eq!(entry.record(), record);
            prop_assert_eq!(entry.key(), &key[..]);
            prop_assert_eq!(entry.bytes(), &bytes[..]);
            prop_assert_eq!((entry.stored(), entry.trust()), (stored, trust));
            prop_assert_eq!(entry.is_tagged(), !tags.is_empty());
        }
    }

    #[test]
    fn its_pointer_is_eight_bytes_and_its_header_forty() {
        assert_eq!(size_of::<Copy>(), 8);
        assert_eq!(size_of::<Option<Copy>>(), 8);
        assert_eq!(size_of::<usize>() + size_of::<HeaderWithLength<Header>>(), 40);
    }

    #[test]
    fn lives_through_its_deadlines() {
        let mut record = Record::new(Tag::Text, "x", 10);
        record.stale_until = 20;
        let entry = Copy::new(b"k", (&record).into(), 0, 0).unwrap();
        assert!(entry.is_fresh(10) && !entry.is_fresh(11));
        assert!(entry.is_alive(20) && !entry.is_alive(21));
    }
}
