//! Writes, as callers make them: into the overlay at once, to disk behind.

use super::notices::Outbox;
use super::store;
use super::tier::Tier;
use super::work::{MAX_MASKS, Mask, Op, Pending, Removal, Scan, What, change_of};
use super::writer;
use super::{Done, Guard};
use bytes::Bytes;
use parking_lot::MutexGuard;
use sluice_core::cache::overlay::{Admission, Condition, Effect, Lane, Next, Put};
use sluice_core::cache::ring::Change;
use sluice_core::cache::{Record, glob, key_hash};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const WAITING_PUTS: usize = 256;

impl Tier {
    pub(super) fn put(
        &self,
        group: u64,
        key: &[u8],
        record: Record,
        guard: Option<Guard>,
        fence: Option<(u64, u64)>,
    ) -> bool {
        let hash = key_hash(key);
        let is_fill = guard.is_some() || fence.is_some();
        let mut pending = self.pending.lock();
        // read before the guard is asked: what was told until then, the guard knows of
        let told = self.told_row.load(Ordering::Acquire);
        if is_fill && (guard.is_some_and(|guard| !guard()) || pending.outbox.names(group, hash)) {
            return false;
        }
        if !self.is_up() || pending.closing {
            if !is_fill && !pending.closing {
                // what the disk has of the key is older
                self.void();
                self.change(&mut pending.outbox, group, [hash]);
            }
            return false;
        }
        let key = Bytes::copy_from_slice(key);
        let was_idle = pending.overlay.is_idle() && pending.outbox.is_empty();
        let is_too_large =
            record.bytes.len() > store::MAX_VALUE_BYTES.min((self.config.max_bytes / 4) as usize);
        let generation = self.page.read().generation();
        let put = Put { record, generation, condition: is_fill.then_some(Condition { told, fence }) };
        let lane = if fence.is_some() { Lane::Urgent } else { Lane::Behind };
        let admission = match is_too_large {
            true if is_fill => Admission::Dropped,
            true => match pending.overlay.remove(key, None) {
                Admission::Accepted => Admission::Dropped,
                full => full,
            },
            false => pending.overlay.put(key, put, lane),
        };
        self.change(&mut pending.outbox, group, [hash]);
        let is_pressing = lane == Lane::Urgent || pending.overlay.waiting() == WAITING_PUTS;
        drop(pending);
        if was_idle || is_pressing || admission == Admission::Dropped {
            self.wake.notify_one();
        }
        if admission == Admission::Full {
            self.overflow();
        }
        admission == Admission::Accepted
    }
    pub(super) fn remove(&self, group: u64, keys: &[Bytes], done: Done) {
        if keys.is_empty() {
            return done(Ok(0));
        }
        let ticket = Removal::new(keys.len(), done);
        let mut pending = self.pending.lock();
        self.change(&mut pending.outbox, group, keys.iter().map(|key| key_hash(key)));
        if !self.is_up() || pending.closing {
            self.void_unless_closed(&pending);
            self.release(pending);
            return keys.iter().for_each(|_| ticket.settle(0));
        }
        let mut refused = 0;
        for key in keys {
            if pending.overlay.remove(key.clone(), Some(ticket.clone())) == Admission::Full {
                refused += 1;
            }
        }
        self.release(pending);
        if refused > 0 {
            self.overflow();
            (0..refused).for_each(|_| ticket.settle(0));
        }
    }
    /// Removes what matches: at once to this process's reads, a part at a time from the disk.
    pub(super) fn scan(&self, group: u64, what: What, done: Done) {
        let change = change_of(&what);
        let ticket = Removal::new(1, done);
        let mask = Mask::new(what);
        let mut pending = self.pending.lock();
        if !self.is_up() || pending.closing || pending.masks.len() >= MAX_MASKS {
            self.void_unless_closed(&pending);
            pending.outbox.change(0, Change { everything: true, ..Change::default() });
            self.has_news.store(true, Ordering::Release);
            self.release(pending);
            return ticket.settle(0);
        }
        let is_hit = |key: &Bytes, effect: &Effect| match (&mask.what, effect) {
            (_, Effect::Delete) => false,
            (What::Pattern(pattern), Effect::Put(_)) => glob::matches(pattern, key),
            (What::Tag(tag), Effect::Put(put)) => put.record.tags.contains(tag),
        };
        let hits =
            pending.overlay.iter().filter(|(key, effect)| is_hit(key, effect)).map(|(key, _)| key.clone());
        let hits: Vec<Bytes> = hits.collect();
        for key in hits {
            ticket.add_part();
            // it has its place there already: it always fits
            pending.overlay.remove(key, Some(ticket.clone()));
        }
        pending.masks.push(mask.clone());
        let scan = Scan { mask, ticket, group, from: Vec::new(), is_long: false, is_done: false, removed: 0 };
        let refused = pending.overlay.push(Op::Scan(scan)).err();
        pending.outbox.change(group, change);
        self.has_news.store(true, Ordering::Release);
        self.release(pending);
        if let Some(op) = refused {
            self.overflow();
            writer::refuse([Next::Op(op)], &self.away());
        }
    }
    pub(super) fn clear(&self, group: u64, done: Done) {
        let mut pending = self.pending.lock();
        self.void_unless_closed(&pending);
        let (waiting, _) = pending.overlay.forget();
        let waiting =
            waiting.into_iter().map(|(ticket, known)| (ticket, u64::from(known.unwrap_or(false)))).collect();
        pending.outbox.change(group, Change { everything: true, ..Change::default() });
        self.has_news.store(true, Ordering::Release);
        self.release(pending);
        if let Err(op) = self.push(Op::Clear(waiting, done)) {
            writer::refuse([Next::Op(op)], &self.away());
        }
    }
    /// What is asked of a closed store is asked of nothing: whoever opens it next finds it as it was.
    fn void_unless_closed(&self, pending: &Pending) {
        if !pending.closing {
            self.void();
        }
    }
    /// Queues an operation. It comes back when it cannot be done now.
    pub(super) fn push(&self, op: Op) -> Result<(), Op> {
        let mut pending = self.pending.lock();
        if !self.is_up() || pending.closing {
            return Err(op);
        }
        pending.overlay.push(op)?;
        self.release(pending);
        Ok(())
    }
    fn change(&self, outbox: &mut Outbox, group: u64, hashes: impl IntoIterator<Item = u64>) {
        if self.has_others() {
            outbox.change(group, Change { hashes: hashes.into_iter().collect(), ..Change::default() });
            self.has_news.store(true, Ordering::Release);
        }
    }
    fn release(&self, pending: MutexGuard<'_, Pending>) {
        drop(pending);
        self.wake.notify_one();
    }
    /// The writer does not keep up, and deletes are never dropped: all is void, and the tier is off for a while.
    pub(super) fn overflow(&self) {
        self.off(super::place::io_error(&self.root, "writes have come faster than they can be committed"));
    }
}
/// A number for those who share a memory: their memory's own, else the instance's.
pub(super) fn group_of(listener: &Arc<dyn super::Listener>, id: u64) -> u64 {
    match listener.memory() {
        0 => id,
        memory => memory as u64 | 1 << 63,
    }
}
