//! What one part of a batch does to the tables.

use super::Lease;
use super::commit::{Item, Outcome, ScanStep, Transaction};
use super::store::changes_since;
use super::work::{Op, Removal, Scan, What, change_of};
use bytes::Bytes;
use heed::RwTxn;
use sluice_core::cache::overlay::{Condition, Effect, Next, Put, Taken};
use sluice_core::cache::ring::{Change, Holder};
use sluice_core::cache::stored::{LONG, SHORT, Stored, stored_key, stored_prefix};
use sluice_core::cache::{glob, key_hash};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Rows that a part of a scan looks at, and removes, at most.
const SCAN_LOOKS: usize = 4096;
const SCAN_REMOVES: usize = 512;
const MAX_LEASES: u64 = 10_000;
const MAX_MISSED: u64 = 101_000;
/// Deadlines made from a time left differ by what it took to ask.
const SAME_DEADLINE_MS: u64 = 2_000;

impl Transaction<'_> {
    pub(super) fn item(&mut self, txn: &mut RwTxn, item: &Item) -> heed::Result<Outcome> {
        Ok(match &item.next {
            Next::Key(taken) => Outcome::Key { existed: self.key(txn, item, taken)? },
            Next::Op(Op::Lease { key, owner, now, ttl_ms, .. }) => {
                Outcome::Lease(self.lease(txn, key, *owner, *now, *ttl_ms)?)
            }
            Next::Op(Op::Release { key, owner }) => {
                let under = stored_key(key);
                let held = self.store.tables.leases.get(txn, &under)?.and_then(Holder::decode);
                if held.is_some_and(|held| held.owner == *owner && held.process == self.store.process()) {
                    self.store.tables.leases.delete(txn, &under)?;
                }
                Outcome::Nothing
            }
            // the transaction has begun with it
            Next::Op(Op::Clear(..)) => Outcome::Nothing,
            Next::Op(Op::Damaged { under, hash }) => {
                let value = self.store.tables.entries.get(txn, under)?;
                if value.is_some_and(|value| key_hash(value) == *hash) {
                    self.store.tables.remove(txn, &mut self.counters, under)?;
                }
                Outcome::Nothing
            }
            Next::Op(Op::Missed(rows)) => self.missed(txn, rows)?,
            Next::Op(Op::TakeMissed(_)) => {
                let rows = self.store.tables.missed.iter(txn)?.map(|row| Ok(Bytes::copy_from_slice(row?.1)));
                let rows = rows.collect::<heed::Result<_>>()?;
                self.store.tables.missed.clear(txn)?;
                Outcome::Missed(rows)
            }
            Next::Op(Op::Scan(_)) => Outcome::Nothing,
        })
    }
    fn key(&mut self, txn: &mut RwTxn, item: &Item, taken: &Taken<Arc<Removal>>) -> heed::Result<bool> {
        let (store, key) = (self.store, &taken.key);
        let under = stored_key(key);
        let put = match &taken.effect {
            Effect::Put(put) if put.generation != self.counters.generation => {
                return Ok(store.tables.entries.get(txn, &under)?.is_some());
            }
            Effect::Put(put) => match &put.condition {
                None => Some(put),
                Some(condition) if self.holds(txn, key, &under, condition)? => {
                    if self.is_there(txn, &under, item, put)? {
                        return Ok(true);
                    }
                    Some(put)
                }
                Some(_) if taken.or_delete => None,
                Some(_) => return Ok(store.tables.entries.get(txn, &under)?.is_some()),
            },
            Effect::Delete => None,
        };
        self.change.hashes.push(key_hash(key));
        match put {
            None => store.tables.remove(txn, &mut self.counters, &under),
            Some(put) => {
                let body = item.body(&put.record);
                store.tables.put(txn, &mut self.counters, key, &put.record, body, self.now)
            }
        }
    }
    /// Whether nothing has come between a fill and what it was made from.
    fn holds(&mut self, txn: &RwTxn, key: &[u8], under: &[u8], condition: &Condition) -> heed::Result<bool> {
        if let Some((owner, token)) = condition.fence {
            let held = self.store.tables.leases.get(txn, under)?.and_then(Holder::decode);
            let is_ours = |held: Holder| {
                held.owner == owner && held.token == token && held.process == self.store.process()
            };
            if !held.is_some_and(is_ours) {
                return Ok(false);
            }
        }
        if self.others.as_ref().is_none_or(|(told, _)| *told != condition.told) {
            let (change, _) = changes_since(&self.store.tables, txn, self.store.writer, condition.told)?;
            self.others = Some((condition.told, change));
        }
        let Some((_, Some(change))) = &self.others else { return Ok(false) };
        let is_named = change.everything
            || !change.tags.is_empty()
            || change.hashes.contains(&key_hash(key))
            || change.patterns.iter().any(|pattern| glob::matches(pattern, key));
        Ok(!is_named)
    }
    /// Whether a fill would write what is there: then nobody needs to hear of it.
    fn is_there(&self, txn: &RwTxn, under: &[u8], item: &Item, put: &Put) -> heed::Result<bool> {
        let value = self.store.tables.entries.get(txn, under)?;
        let body = item.body(&put.record);
        Ok(value.and_then(|value| Stored::read(under, value)).is_some_and(|stored| {
            stored.key == item.key().map_or(&[][..], |taken| &taken.key)
                && stored.tag == put.record.tag
                && stored.inflated == body.inflated.map(|length| length as usize)
                && stored.bytes == body.bytes
                && stored.head.stamp.generation == self.counters.generation
                && stored.head.deadline.abs_diff(put.record.deadline) < SAME_DEADLINE_MS
                && stored.head.stale_until.abs_diff(put.record.stale_until) < SAME_DEADLINE_MS
        }))
    }
    fn lease(
        &mut self,
        txn: &mut RwTxn,
        key: &[u8],
        owner: u64,
        now: u64,
        ttl_ms: u64,
    ) -> heed::Result<Lease> {
        let (leases, under, process) = (self.store.tables.leases, stored_key(key), self.store.process());
        let held = leases.get(txn, &under)?.and_then(Holder::decode);
        let is_same = held.is_some_and(|held| held.owner == owner && held.process == process);
        // asking who is alive costs files: only where it matters
        let keeps_out = held.is_some_and(|held| {
            held.keeps_out(owner, process, now, false)
                && held.keeps_out(owner, process, now, self.store.place.is_dead(held.process))
        });
        if keeps_out {
            return Ok(Lease::Busy);
        }
        let token = match held.filter(|_| is_same) {
            Some(held) => held.token,
            None => {
                self.counters.token += 1;
                self.counters.token
            }
        };
        let holder = Holder { owner, token, deadline: now.saturating_add(ttl_ms), process };
        leases.put(txn, &under, &holder.encode())?;
        if leases.len(txn)? > MAX_LEASES {
            let is_old = |row: &[u8]| Holder::decode(row).is_none_or(|held| held.deadline < now);
            let old = leases.iter(txn)?.filter_map(Result::ok).filter(|(_, row)| is_old(row)).take(256);
            let old: Vec<Vec<u8>> = old.map(|(under, _)| under.to_vec()).collect();
            for under in old {
                leases.delete(txn, &under)?;
            }
        }
        Ok(Lease::Granted(token))
    }
    fn missed(&mut self, txn: &mut RwTxn, rows: &[Bytes]) -> heed::Result<Outcome> {
        let missed = self.store.tables.missed;
        for row in rows {
            if missed.len(txn)? < MAX_MISSED {
                self.counters.missed += 1;
                missed.put(txn, &self.counters.missed.to_be_bytes(), row)?;
            }
        }
        Ok(Outcome::Nothing)
    }
    pub(super) fn scan(&mut self, txn: &mut RwTxn, scan: &Scan) -> heed::Result<ScanStep> {
        let tables = &self.store.tables;
        let mut is_long = scan.is_long;
        let step = match &scan.mask.what {
            What::Tag(tag) => tables.tagged(txn, tag, &scan.from, SCAN_REMOVES)?,
            What::Pattern(pattern) => {
                let prefix =
                    stored_prefix(if is_long { LONG } else { SHORT }, &glob::literal_prefix(pattern).0);
                let mut found = 0;
                let mut wanted = |under: &[u8], value: &[u8]| {
                    let is_hit = Stored::read(under, value).is_some_and(|stored| scan.mask.hides(&stored));
                    found += usize::from(is_hit);
                    is_hit
                };
                tables.wanted(txn, &prefix, &scan.from, SCAN_LOOKS, &mut wanted)?
            }
        };
        let mut removed = Vec::new();
        for under in &step.under {
            let value = tables.entries.get(txn, under)?;
            let hash = value.and_then(|value| Stored::read(under, value)).and_then(|stored| {
                (stored.head.stamp.seq < scan.mask.boundary.load(Ordering::Acquire))
                    .then(|| key_hash(stored.key))
            });
            if let Some(hash) = hash {
                tables.remove(txn, &mut self.counters, under)?;
                removed.push(hash);
            }
        }
        let mut is_done = step.next.is_none();
        if is_done && !is_long && matches!(scan.mask.what, What::Pattern(_)) {
            (is_long, is_done) = (true, false);
        }
        let Change { patterns, tags, .. } = change_of(&scan.mask.what);
        self.change.patterns.extend(patterns);
        self.change.tags.extend(tags);
        self.change.hashes.extend(&removed);
        Ok(ScanStep { from: step.next.unwrap_or_default(), is_long, is_done, removed })
    }
}
