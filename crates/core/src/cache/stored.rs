//! A record as it lies on disk: under which key, behind which header, under which checksum.

use super::{Millis, Record, Tag};
use bytes::Bytes;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Keys up to here are stored as they are (LMDB takes 511 bytes, our mark included).
const SHORT_KEY_BYTES: usize = 480;
/// How much of a longer key stands before its hash, so that ranges by prefix hold for it too.
const LONG_KEY_PREFIX_BYTES: usize = 400;
const HEADER_BYTES: usize = 64;
const COMPRESSED: u8 = 1;
/// Mark of a key that is stored as it is.
pub const SHORT: u8 = 0;
/// Mark of a key that is stored by prefix and hash.
pub const LONG: u8 = 1;

/// The key under which a caller's key is stored: a mark and the key, or a mark, its beginning and its hash.
pub fn stored_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(1 + key.len().min(LONG_KEY_PREFIX_BYTES + 16));
    if key.len() <= SHORT_KEY_BYTES {
        stored.push(SHORT);
        stored.extend_from_slice(key);
    } else {
        stored.push(LONG);
        stored.extend_from_slice(key.get(..LONG_KEY_PREFIX_BYTES).unwrap_or(key));
        stored.extend_from_slice(&xxh3_128(key).to_be_bytes());
    }
    stored
}
/// The beginning that all stored keys of a mark share when the callers' keys begin so.
pub fn stored_prefix(mark: u8, prefix: &[u8]) -> Vec<u8> {
    let longest = if mark == LONG { LONG_KEY_PREFIX_BYTES } else { SHORT_KEY_BYTES };
    let mut stored = vec![mark];
    stored.extend_from_slice(prefix.get(..longest).unwrap_or(prefix));
    stored
}

/// When and as what a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its number: every write of a store has a higher one than those before.
    pub seq: u64,
    /// The store's generation: what an older one wrote is void.
    pub generation: u64,
    /// The writer's clock.
    pub written: Millis,
}
/// The value's bytes as they are stored.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    /// Compressed or not.
    pub bytes: &'a [u8],
    /// Their length before compression, when they are compressed.
    pub inflated: Option<u32>,
}

/// Writes header, long key, tags and bytes. None when a length does not fit its field.
pub fn encode(key: &[u8], record: &Record, body: Body<'_>, stamp: Stamp) -> Option<Vec<u8>> {
    let key_beside: &[u8] = if key.len() <= SHORT_KEY_BYTES { &[] } else { key };
    let tags_len: usize = record.tags.iter().map(|tag| 4 + tag.len()).sum();
    let mut out = Vec::with_capacity(HEADER_BYTES + key_beside.len() + tags_len + body.bytes.len());
    out.extend_from_slice(&[0; 8]);
    for number in [stamp.seq, stamp.generation, stamp.written, record.deadline, record.stale_until] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let raw = match body.inflated {
        Some(length) => length,
        None => u32::try_from(body.bytes.len()).ok()?,
    };
    for number in [raw, u32::try_from(key_beside.len()).ok()?, u32::try_from(tags_len).ok()?] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.push(record.tag as u8);
    out.push(if body.inflated.is_some() { COMPRESSED } else { 0 });
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(key_beside);
    for tag in &record.tags {
        out.extend_from_slice(&u32::try_from(tag.len()).ok()?.to_le_bytes());
        out.extend_from_slice(tag.as_bytes());
    }
    out.extend_from_slice(body.bytes);
    let sum = checksum(key, out.get(8..)?);
    out.get_mut(..8)?.copy_from_slice(&sum.to_le_bytes());
    Some(out)
}
fn checksum(key: &[u8], rest: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    // its length first: bytes must not wander between key and header
    hash.update(&(key.len() as u64).to_le_bytes());
    hash.update(key);
    hash.update(rest);
    hash.digest()
}

/// What sweeps and indices need of a stored record; not checked against its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// When it was written.
    pub stamp: Stamp,
    /// The last millisecond at which it is fresh.
    pub deadline: Millis,
    /// The last millisecond at which it may be served.
    pub stale_until: Millis,
}
fn number(value: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(value.get(at..at + 8)?.try_into().ok()?))
}
fn short_number(value: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(value.get(at..at + 4)?.try_into().ok()?)).ok()
}
impl Head {
    /// Reads a header.
    pub fn read(value: &[u8]) -> Option<Self> {
        let stamp =
            Stamp { seq: number(value, 8)?, generation: number(value, 16)?, written: number(value, 24)? };
        Some(Self { stamp, deadline: number(value, 32)?, stale_until: number(value, 40)? })
    }
}

/// A stored record whose checksum is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<'a> {
    /// Its times.
    pub head: Head,
    /// What its bytes are.
    pub tag: Tag,
    /// The caller's key.
    pub key: &'a [u8],
    /// The length of the bytes before compression, when they are compressed.
    pub inflated: Option<usize>,
    /// The value as it is stored.
    pub bytes: &'a [u8],
    tags: &'a [u8],
}
impl<'a> Stored<'a> {
    /// Reads what is stored under a stored key. None: damaged.
    pub fn read(stored_key: &'a [u8], value: &'a [u8]) -> Option<Self> {
        let head = Head::read(value)?;
        let (raw, key_len, tags_len) =
            (short_number(value, 48)?, short_number(value, 52)?, short_number(value, 56)?);
        let tag = Tag::from_u8(*value.get(60)?)?;
        let compressed = *value.get(61)? & COMPRESSED != 0;
        let rest = value.get(HEADER_BYTES..)?;
        let (key_beside, rest) = rest.split_at_checked(key_len)?;
        let (tags, bytes) = rest.split_at_checked(tags_len)?;
        let key = match stored_key.split_first()? {
            (&SHORT, key) => key,
            _ => key_beside,
        };
        if number(value, 0)? != checksum(key, value.get(8..)?) || (!compressed && raw != bytes.len()) {
            return None;
        }
        Some(Self { head, tag, key, inflated: compressed.then_some(raw), bytes, tags })
    }
    /// Its tags.
    pub fn tags(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut rest = self.tags;
        std::iter::from_fn(move || {
            let (tag, after) = rest.get(4..)?.split_at_checked(short_number(rest, 0)?)?;
            rest = after;
            std::str::from_utf8(tag).ok()
        })
    }
    /// As tiers exchange it, with the value's bytes as they were before compression.
    pub fn record(&self, bytes: Bytes) -> Record {
        Record {
            tag: self.tag,
            deadline: self.head.deadline,
            stale_until: self.head.stale_until,
            tags: self.tags().map(Into::into).collect(),
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tagged(tags: &[&str]) -> Record {
        let mut record = Record::new(Tag::Text, "value", 5_000);
        record.stale_until = 9_000;
        record.tags = tags.iter().map(|tag| (*tag).into()).collect();
        record
    }
    const STAMP: Stamp = Stamp { seq: 7, generation: 2, written: 1_000 };

    #[test]
    fn a_record_comes_back_with_tags_and_times() {
        for key in [b"k".to_vec(), vec![b'x'; 480], vec![b'x'; 481], vec![b'y'; 5_000], Vec::new()] {
            let record = tagged(&["a", "", "größer"]);
            let value = encode(&key, &record, Body { bytes: b"value", inflated: None }, STAMP).unwrap();
            let under = stored_key(&key);
            assert!(under.len() <= 511);
            let stored = Stored::read(&under, &value).unwrap();
            assert_eq!((stored.key, stored.head.stamp), (&key[..], STAMP));
            assert_eq!(stored.record(Bytes::from_static(b"value")), record);
        }
    }

    #[test]
    fn long_keys_of_one_beginning_differ_and_share_its_range() {
        let (one, other) = (vec![b'k'; 900], vec![b'k'; 901]);
        assert_ne!(stored_key(&one), stored_key(&other));
        for prefix in [&one[..1], &one[..400], &one[..600]] {
            assert!(stored_key(&other).starts_with(&stored_prefix(LONG, prefix)));
        }
    }

    proptest! {
        #[test]
        fn no_flipped_bit_is_taken_for_a_value(bit in 0_usize..8 * 700, long in any::<bool>()) {
            let key = if long { vec![b'k'; 600] } else { b"short".to_vec() };
            let mut value = encode(&key, &tagged(&["t"]), Body { bytes: b"value", inflated: None }, STAMP).unwrap();
            let at = bit / 8 % value.len();
            value[at] ^= 1 << (bit % 8);
            let under = stored_key(&key);
            prop_assert_eq!(Stored::read(&under, &value), None);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(stored) = Stored::read(&bytes, &bytes) {
                let _ = stored.tags().count();
            }
        }

        #[test]
        fn a_value_under_another_key_is_damaged(key in "[a-z]{1,9}", other in "[a-z]{1,9}") {
            prop_assume!(key != other);
            let value = encode(key.as_bytes(), &tagged(&[]), Body { bytes: b"value", inflated: None }, STAMP).unwrap();
            let under = stored_key(other.as_bytes());
            prop_assert_eq!(Stored::read(&under, &value), None);
        }
    }
}
