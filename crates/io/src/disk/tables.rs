//! The tables of a store and how rows come into and out of them; everything within one transaction.

use heed::types::Bytes as Raw;
use heed::{Database, Env, RoTxn, RwTxn};
use sluice_core::cache::stored::{Body, Head, Stamp, Stored, encode, stored_key};
use sluice_core::cache::{Millis, NEVER, Record};
use std::ops::Bound;

/// The tables' names, as the checker knows them.
pub(super) const NAMES: &[&str] = &["entries", "expiry", "age", "tags", "ring", "leases", "missed", "meta"];
type Table = Database<Raw, Raw>;

#[derive(Clone, Copy)]
pub(super) struct Tables {
    /// Stored key: record.
    pub(super) entries: Table,
    /// The last millisecond of use and number: stored key.
    pub(super) expiry: Table,
    /// Number: stored key, oldest first.
    pub(super) age: Table,
    /// A tag's hash and number: stored key.
    pub(super) tags: Table,
    /// Number: what a commit changed.
    pub(super) ring: Table,
    /// Stored key: who holds it.
    pub(super) leases: Table,
    /// Number: what Redis missed.
    pub(super) missed: Table,
    /// Counters and the store's own number.
    pub(super) meta: Table,
}
/// What the store counts; one row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// The next record's number.
    pub(super) seq: u64,
    /// The generation of all that is there.
    pub(super) generation: u64,
    /// Bytes, indices and room in pages included by estimate.
    pub(super) bytes: u64,
    /// The last lease's token.
    pub(super) token: u64,
    /// The next missed row's number.
    pub(super) missed: u64,
}
const COUNTERS: &[u8] = b"counters";
const ORIGIN: &[u8] = b"origin";
/// What rows in the indices and room lost in pages take, by measurement.
const ROW_BYTES: u64 = 220;

fn weight(stored_key: &[u8], value: &[u8]) -> u64 {
    (3 * stored_key.len() + value.len()) as u64 + ROW_BYTES
}
pub(super) fn pair(first: u64, second: u64) -> [u8; 16] {
    (u128::from(first) << 64 | u128::from(second)).to_be_bytes()
}
fn tag_prefix(tag: &str) -> [u8; 16] {
    xxhash_rust::xxh3::xxh3_128(tag.as_bytes()).to_be_bytes()
}
fn tag_key(tag: &str, seq: u64) -> Vec<u8> {
    [&tag_prefix(tag)[..], &seq.to_be_bytes()].concat()
}
pub(super) fn number(key: &[u8]) -> u64 {
    key.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

impl Tables {
    /// Opens the tables, which are made where they are missing; gives the store's own number.
    pub(super) fn open<T>(
        env: &Env<T>,
        origin: [u8; 16],
        generation: u64,
    ) -> heed::Result<(Self, Counters, Vec<u8>)> {
        let mut txn = env.write_txn()?;
        let mut table = |name| env.create_database::<Raw, Raw>(&mut txn, Some(name));
        let tables = Self {
            entries: table("entries")?,
            expiry: table("expiry")?,
            age: table("age")?,
            tags: table("tags")?,
            ring: table("ring")?,
            leases: table("leases")?,
            missed: table("missed")?,
            meta: table("meta")?,
        };
        let origin = match tables.meta.get(&txn, ORIGIN)? {
            Some(found) => found.to_vec(),
            None => {
                tables.meta.put(&mut txn, ORIGIN, &origin)?;
                tables.save(&mut txn, &Counters { seq: 1, generation, ..Counters::default() })?;
                origin.to_vec()
            }
        };
        let counters = tables.counters(&txn)?;
        txn.commit()?;
        Ok((tables, counters, origin))
    }
    pub(super) fn counters(&self, txn: &RoTxn) -> heed::Result<Counters> {
        let row = self.meta.get(txn, COUNTERS)?.unwrap_or(&[]);
        let mut numbers =
            row.chunks_exact(8).map(|chunk| chunk.first_chunk().map_or(0, |c| u64::from_le_bytes(*c)));
        let mut next = || numbers.next().unwrap_or(0);
        Ok(Counters { seq: next(), generation: next(), bytes: next(), token: next(), missed: next() })
    }
    pub(super) fn save(&self, txn: &mut RwTxn, counters: &Counters) -> heed::Result<()> {
        let Counters { seq, generation, bytes, token, missed } = *counters;
        let row: Vec<u8> =
            [seq, generation, bytes, token, missed].iter().flat_map(|n| n.to_le_bytes()).collect();
        self.meta.put(txn, COUNTERS, &row)
    }
    /// Writes a record over what was there. True when something was.
    pub(super) fn put(
        &self,
        txn: &mut RwTxn,
        counters: &mut Counters,
        key: &[u8],
        record: &Record,
        body: Body<'_>,
        written: Millis,
    ) -> heed::Result<bool> {
        let under = stored_key(key);
        let existed = self.remove(txn, counters, &under)?;
        let seq = counters.seq;
        let stamp = Stamp { seq, generation: counters.generation, written };
        // only a value of 4 GiB has no encoding; it is a key without a value then
        let Some(value) = encode(key, record, body, stamp) else { return Ok(existed) };
        counters.seq += 1;
        counters.bytes = counters.bytes.saturating_add(weight(&under, &value));
        self.entries.put(txn, &under, &value)?;
        self.age.put(txn, &seq.to_be_bytes(), &under)?;
        if record.stale_until != NEVER {
            self.expiry.put(txn, &pair(record.stale_until, seq), &under)?;
        }
        for tag in &record.tags {
            self.tags.put(txn, &tag_key(tag, seq), &under)?;
        }
        Ok(existed)
    }
    /// Removes a record and its rows in the indices. True when there was one.
    pub(super) fn remove(
        &self,
        txn: &mut RwTxn,
        counters: &mut Counters,
        under: &[u8],
    ) -> heed::Result<bool> {
        let Some(value) = self.entries.get(txn, under)? else { return Ok(false) };
        counters.bytes = counters.bytes.saturating_sub(weight(under, value));
        let rows = index_rows(under, value);
        self.entries.delete(txn, under)?;
        if let Some(rows) = rows {
            // a damaged header could name another record's rows
            self.drop_row(txn, self.age, &rows.seq.to_be_bytes(), under)?;
            self.drop_row(txn, self.expiry, &pair(rows.stale_until, rows.seq), under)?;
            for key in &rows.tags {
                self.drop_row(txn, self.tags, key, under)?;
            }
        }
        Ok(true)
    }
    fn drop_row(&self, txn: &mut RwTxn, table: Table, key: &[u8], under: &[u8]) -> heed::Result<()> {
        if table.get(txn, key)? == Some(under) {
            table.delete(txn, key)?;
        }
        Ok(())
    }
    /// Removes everything but leases and what Redis missed. How many records there were.
    pub(super) fn clear(&self, txn: &mut RwTxn, counters: &mut Counters) -> heed::Result<u64> {
        let count = self.entries.len(txn)?;
        for table in [self.entries, self.expiry, self.age, self.tags] {
            table.clear(txn)?;
        }
        counters.bytes = 0;
        Ok(count)
    }
    /// Stored keys whose last use has passed, at most so many.
    pub(super) fn expired(
        &self,
        txn: &RoTxn,
        now: Millis,
        limit: usize,
    ) -> heed::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut found = Vec::new();
        for row in self.expiry.iter(txn)?.take(limit) {
            let (key, under) = row?;
            if key.first_chunk().is_none_or(|bytes| u64::from_be_bytes(*bytes) >= now) {
                break;
            }
            found.push((key.to_vec(), under.to_vec()));
        }
        Ok(found)
    }
    /// The oldest record's row.
    pub(super) fn oldest(&self, txn: &RoTxn) -> heed::Result<Option<(Vec<u8>, Vec<u8>)>> {
        Ok(self.age.first(txn)?.map(|(key, under)| (key.to_vec(), under.to_vec())))
    }
    /// Stored keys of records that carry a tag, from a place on, at most so many; gives where to go on.
    pub(super) fn tagged(&self, txn: &RoTxn, tag: &str, from: &[u8], limit: usize) -> heed::Result<Step> {
        let prefix = tag_prefix(tag);
        let start = if from.is_empty() { &prefix[..] } else { from };
        let mut step = Step::default();
        for row in self.tags.range(txn, &(Bound::Included(start), Bound::<&[u8]>::Unbounded))? {
            let (key, under) = row?;
            if !key.starts_with(&prefix) {
                break;
            }
            if step.under.len() == limit {
                step.next = Some(key.to_vec());
                break;
            }
            // two tags may share a hash
            let value = self.entries.get(txn, under)?;
            let carries = value.and_then(|value| Stored::read(under, value));
            if carries.is_some_and(|stored| stored.tags().any(|one| one == tag)) {
                step.under.push(under.to_vec());
            }
        }
        Ok(step)
    }
    /// Stored keys from a place on that begin with a prefix and are wanted, looking at so many; gives where to go on.
    pub(super) fn wanted(
        &self,
        txn: &RoTxn,
        prefix: &[u8],
        from: &[u8],
        looks: usize,
        wanted: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> heed::Result<Step> {
        let start = if from.is_empty() { prefix } else { from };
        let mut step = Step::default();
        let rows = self.entries.range(txn, &(Bound::Included(start), Bound::<&[u8]>::Unbounded))?;
        for (looked, row) in rows.enumerate() {
            let (under, value) = row?;
            if !under.starts_with(prefix) {
                break;
            }
            if looked == looks {
                step.next = Some(under.to_vec());
                break;
            }
            if wanted(under, value) {
                step.under.push(under.to_vec());
            }
        }
        Ok(step)
    }
}
/// A part of a longer search.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// Stored keys that were found.
    pub(super) under: Vec<Vec<u8>>,
    /// Where the next part begins; None: that was all.
    pub(super) next: Option<Vec<u8>>,
}
struct Rows {
    seq: u64,
    stale_until: Millis,
    tags: Vec<Vec<u8>>,
}
fn index_rows(under: &[u8], value: &[u8]) -> Option<Rows> {
    let head = Head::read(value)?;
    let seq = head.stamp.seq;
    let tags = Stored::read(under, value).map(|stored| stored.tags().map(|tag| tag_key(tag, seq)).collect());
    Some(Rows { seq, stale_until: head.stale_until, tags: tags.unwrap_or_default() })
}
