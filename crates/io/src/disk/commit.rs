//! One transaction of the writer: what it does to the tables, and what came of it.

use super::Lease;
use super::store::Store;
use super::tables::{Counters, number};
use super::tier::Tier;
use super::work::{Op, Removal, Scan};
use bytes::Bytes;
use heed::RwTxn;
use sluice_core::cache::Record;
use sluice_core::cache::overlay::{Effect, Next, Taken};
use sluice_core::cache::ring::{Change, KEPT_ROWS};
use sluice_core::cache::stored::Body;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Rows that a commit sweeps beside its own.
const SWEEP: usize = 64;

/// A part of a batch, compressed before the transaction begins.
pub(super) struct Item {
    pub(super) next: Next<Arc<Removal>, Op>,
    compressed: Option<Vec<u8>>,
}
impl Item {
    pub(super) fn new(next: Next<Arc<Removal>, Op>, config: &super::Config) -> Self {
        let compressed = match &next {
            Next::Key(Taken { effect: Effect::Put(put), .. }) => {
                compress(&put.record, config.compress_min_bytes)
            }
            _ => None,
        };
        Self { next, compressed }
    }
    pub(super) fn key(&self) -> Option<&Taken<Arc<Removal>>> {
        match &self.next {
            Next::Key(taken) => Some(taken),
            Next::Op(_) => None,
        }
    }
    pub(super) fn into_next(self) -> Next<Arc<Removal>, Op> {
        self.next
    }
    pub(super) fn body<'a>(&'a self, record: &'a Record) -> Body<'a> {
        match &self.compressed {
            Some(bytes) => Body { bytes, inflated: Some(record.bytes.len() as u32) },
            None => Body { bytes: &record.bytes, inflated: None },
        }
    }
}
fn compress(record: &Record, min_bytes: usize) -> Option<Vec<u8>> {
    if min_bytes == 0 || record.bytes.len() < min_bytes {
        return None;
    }
    zstd::bulk::compress(&record.bytes, 1).ok().filter(|smaller| smaller.len() < record.bytes.len())
}

/// What came of a part.
pub(super) enum Outcome {
    Key { existed: bool },
    Lease(Lease),
    Missed(Vec<Bytes>),
    Nothing,
}
impl Outcome {
    pub(super) fn refused() -> Self {
        Self::Key { existed: false }
    }
}
/// How far a scan has come.
pub(super) struct ScanStep {
    pub(super) from: Vec<u8>,
    pub(super) is_long: bool,
    pub(super) is_done: bool,
    pub(super) removed: Vec<u64>,
}
/// What came of a transaction.
pub(super) struct Report {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) scans: Vec<ScanStep>,
    pub(super) is_over: bool,
    /// Records that were void and are gone.
    pub(super) cleared: u64,
}

pub(super) struct Transaction<'a> {
    tier: &'a Tier,
    pub(super) store: &'a Store,
    pub(super) counters: Counters,
    pub(super) change: Change,
    pub(super) now: u64,
    /// What other processes changed since fills were accepted, by the row they had been told of.
    pub(super) others: Option<(u64, Option<Change>)>,
}

pub(super) fn commit(tier: &Tier, store: &Store, items: &[Item], scans: &[Scan]) -> heed::Result<Report> {
    let mut txn = store.env.write_txn()?;
    let before = store.tables.counters(&txn)?;
    let now = tier.now.load(Ordering::Relaxed);
    let mut work =
        Transaction { tier, store, counters: before, change: Change::default(), now, others: None };
    let cleared = work.reconcile(&mut txn)?;
    for scan in scans {
        let _ = scan.mask.boundary.compare_exchange(
            u64::MAX,
            work.counters.seq,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
    }
    let mut outcomes = Vec::with_capacity(items.len());
    for item in items {
        outcomes.push(work.item(&mut txn, item)?);
    }
    let mut steps = Vec::with_capacity(scans.len());
    for scan in scans {
        steps.push(work.scan(&mut txn, scan)?);
    }
    let is_over = work.sweep(&mut txn, SWEEP + 2 * items.len())?;
    if work.counters != before {
        store.tables.save(&mut txn, &work.counters)?;
    }
    append(&mut txn, store, &work.change)?;
    txn.commit()?;
    Ok(Report { outcomes, scans: steps, is_over, cleared })
}
/// Adds a row to the ring, and forgets the oldest.
fn append(txn: &mut RwTxn, store: &Store, change: &Change) -> heed::Result<()> {
    if change.is_empty() {
        return Ok(());
    }
    let ring = store.tables.ring;
    let row = ring.last(txn)?.map_or(0, |(key, _)| number(key)) + 1;
    ring.put(txn, &row.to_be_bytes(), &change.encode(store.writer))?;
    for _ in 0..2 {
        let oldest = ring.first(txn)?.map(|(key, _)| number(key));
        if oldest.is_some_and(|oldest| oldest + KEPT_ROWS <= row) {
            ring.delete(txn, &oldest.unwrap_or(0).to_be_bytes())?;
        }
    }
    Ok(())
}
/// Writes a row, to see whether the store can be written.
pub(super) fn probe(store: &Store) -> heed::Result<()> {
    let mut txn = store.env.write_txn()?;
    append(&mut txn, store, &Change { everything: true, ..Change::default() })?;
    txn.commit()
}
/// The map is full: the oldest leave, an eighth of the cap; where not even that can be written, everything does.
pub(super) fn make_room(tier: &Tier, store: &Store) -> heed::Result<()> {
    let evict = || {
        let mut freed = 0;
        while freed < tier.config.max_bytes / 8 {
            let mut txn = store.env.write_txn()?;
            let mut counters = store.tables.counters(&txn)?;
            let bytes = counters.bytes;
            for _ in 0..SWEEP {
                let Some((_, under)) = store.tables.oldest(&txn)? else { break };
                evict_row(&mut txn, store, &mut counters, &under)?;
            }
            freed += (bytes - counters.bytes).max(1);
            let is_empty = counters.bytes == bytes;
            store.tables.save(&mut txn, &counters)?;
            txn.commit()?;
            if is_empty {
                break;
            }
        }
        Ok(())
    };
    evict().or_else(|_: heed::Error| {
        let mut txn = store.env.write_txn()?;
        let mut counters = store.tables.counters(&txn)?;
        store.tables.clear(&mut txn, &mut counters)?;
        store.tables.save(&mut txn, &counters)?;
        txn.commit()
    })
}
fn evict_row(txn: &mut RwTxn, store: &Store, counters: &mut Counters, under: &[u8]) -> heed::Result<()> {
    let oldest = store.tables.oldest(txn)?;
    store.tables.remove(txn, counters, under)?;
    // a row that leads nowhere, or to a newer record, goes too
    if let Some((key, _)) = oldest.filter(|(_, named)| named == under) {
        store.tables.age.delete(txn, &key)?;
    }
    Ok(())
}

impl Transaction<'_> {
    /// Frees what is void since the generation moved.
    fn reconcile(&mut self, txn: &mut RwTxn) -> heed::Result<u64> {
        let generation = self.store.generation();
        if self.counters.generation == generation {
            return Ok(0);
        }
        self.counters.generation = generation;
        self.change.everything = true;
        self.store.tables.clear(txn, &mut self.counters)
    }
    /// Removes some of what has expired, then of what is oldest while there is too much. True when there still is.
    fn sweep(&mut self, txn: &mut RwTxn, limit: usize) -> heed::Result<bool> {
        let (store, max_bytes) = (self.store, self.tier.config.max_bytes);
        for (key, under) in store.tables.expired(txn, self.now, limit)? {
            let row = store.tables.entries.get(txn, &under)?.and_then(sluice_core::cache::stored::Head::read);
            if row.is_some_and(|head| head.stale_until < self.now) {
                store.tables.remove(txn, &mut self.counters, &under)?;
            }
            store.tables.expiry.delete(txn, &key)?;
        }
        for _ in 0..limit {
            if self.counters.bytes <= max_bytes {
                return Ok(false);
            }
            let Some((_, under)) = store.tables.oldest(txn)? else { return Ok(false) };
            evict_row(txn, store, &mut self.counters, &under)?;
        }
        Ok(self.counters.bytes > max_bytes)
    }
}
