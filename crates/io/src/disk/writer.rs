//! The one thread of a process that writes to its store: batches, deletes first, and what follows a commit.

use super::commit::{self, Item, Outcome};
use super::place::io_error;
use super::store::{self, Store};
use super::tier::Tier;
use super::work::{Op, Removal, Scan};
use super::{Lease, registry};
use sluice_core::cache::overlay::{Next, Taken};
use sluice_core::cache::ring::Change;
use sluice_core::error::{Error, Kind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long puts wait for company.
const LINGER: Duration = Duration::from_millis(5);
const FULL_BATCH: usize = 256;
const MAX_BATCH: usize = 512;
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
const STALE_READERS: Duration = Duration::from_secs(60);

enum Work {
    Batch(Vec<Next<Arc<Removal>, Op>>),
    Tell,
    Retry,
    End,
}
struct Writer<'a> {
    tier: &'a Arc<Tier>,
    scans: Vec<Scan>,
    /// Above the byte cap still.
    sweeping: bool,
    /// Void records that are gone, for the `clear` that made them void.
    cleared: u64,
    retry: Duration,
    readers_checked: Instant,
}

/// The thread's body.
pub(super) fn run(tier: &Arc<Tier>) {
    let mut writer = Writer {
        tier,
        scans: Vec::new(),
        sweeping: false,
        cleared: 0,
        retry: FIRST_RETRY,
        readers_checked: Instant::now(),
    };
    loop {
        let ended = catch_unwind(AssertUnwindSafe(|| writer.turn()));
        match ended {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => {
                let why = Error::new(Kind::Internal)
                    .with("what", "the disk tier")
                    .with("detail", "its writer panicked");
                let _ = catch_unwind(AssertUnwindSafe(|| tier.off(why)));
            }
        }
    }
    let store = tier.store.write().take();
    if let Some(store) = store {
        close(store, tier.is_up());
    }
    registry::ended(&tier.root);
    let pending = tier.pending.lock();
    tier.ended.store(true, Ordering::Release);
    drop(pending);
    tier.wake.notify_all();
}
/// Closes a store that some reads may still hold for a moment.
fn close(mut store: Arc<Store>, is_whole: bool) {
    for _ in 0..1000 {
        match Arc::try_unwrap(store) {
            Ok(store) => return store.close(is_whole),
            Err(held) => store = held,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Writer<'_> {
    fn next(&mut self) -> Work {
        let mut pending = self.tier.pending.lock();
        let mut has_lingered = false;
        loop {
            if !pending.outbox.is_empty() {
                return Work::Tell;
            }
            if !self.tier.is_up() {
                if pending.closing {
                    return Work::End;
                }
                if self.tier.store.read().is_some() || self.tier.may_make.load(Ordering::Acquire) {
                    return Work::Retry;
                }
                if self.tier.wake.wait_for(&mut pending, self.retry).timed_out() {
                    return Work::Retry;
                }
                continue;
            }
            let is_waiting = !pending.overlay.is_idle();
            if !is_waiting && self.scans.is_empty() && !self.sweeping {
                let flushes = std::mem::take(&mut pending.flushes);
                if !flushes.is_empty() {
                    drop(pending);
                    flushes.into_iter().for_each(|(_, done)| done(Ok(0)));
                    pending = self.tier.pending.lock();
                    continue;
                }
                if pending.closing {
                    return Work::End;
                }
                self.tier.wake.wait(&mut pending);
                continue;
            }
            let is_pressing = pending.overlay.is_urgent()
                || pending.closing
                || !pending.flushes.is_empty()
                || !self.scans.is_empty()
                || pending.overlay.waiting() >= FULL_BATCH;
            if is_waiting && !is_pressing && !has_lingered {
                has_lingered = true;
                self.tier.wake.wait_for(&mut pending, LINGER);
                continue;
            }
            return Work::Batch(pending.overlay.take(MAX_BATCH));
        }
    }
    /// One batch, or one try to come back; false when the tier is closed.
    fn turn(&mut self) -> bool {
        match self.next() {
            Work::End => return false,
            Work::Tell => self.tier.deliver(),
            Work::Retry => self.come_back(),
            Work::Batch(batch) => match self.tier.open_store() {
                Some(store) => self.write(&store, batch),
                None => refuse(batch, &self.tier.away()),
            },
        }
        true
    }

    fn write(&mut self, store: &Arc<Store>, batch: Vec<Next<Arc<Removal>, Op>>) {
        if !store.place.is_there() {
            self.tier.off(io_error(&self.tier.root, "it has been removed"));
            return refuse(batch, &self.tier.away());
        }
        if self.readers_checked.elapsed() > STALE_READERS {
            self.readers_checked = Instant::now();
            let _ = store.env.clear_stale_readers();
        }
        let mut items = Vec::with_capacity(batch.len());
        for next in batch {
            match next {
                Next::Op(Op::Scan(scan)) => self.scans.push(scan),
                next => items.push(Item::new(next, &self.tier.config)),
            }
        }
        let mut tries = 0;
        let report = loop {
            let made = commit::commit(self.tier, store, &items, &self.scans);
            match made {
                Ok(report) => break Ok(report),
                Err(why) if tries < 3 && is_full(&why) => {
                    tries += 1;
                    if let Err(why) = commit::make_room(self.tier, store) {
                        break Err(why);
                    }
                }
                Err(why) => break Err(why),
            }
        };
        match report {
            Ok(report) => self.settle(items, report),
            Err(why) => self.failed(&why, items),
        }
    }
    fn settle(&mut self, items: Vec<Item>, report: commit::Report) {
        self.sweeping = report.is_over;
        self.retry = FIRST_RETRY;
        self.cleared += report.cleared;
        for (scan, step) in self.scans.iter_mut().zip(report.scans) {
            (scan.from, scan.is_long, scan.is_done) = (step.from, step.is_long, step.is_done);
            scan.removed += step.removed.len() as u64;
            let change = Change { hashes: step.removed, ..Change::default() };
            self.tier.tell_change(scan.group, &change);
        }
        let (ended, going) = std::mem::take(&mut self.scans).into_iter().partition(|scan| scan.is_done);
        self.scans = going;
        let ended: Vec<Scan> = ended;
        let mut pending = self.tier.pending.lock();
        pending.overlay.settle(items.iter().filter_map(Item::key));
        pending.masks.retain(|mask| !ended.iter().any(|scan| Arc::ptr_eq(&scan.mask, mask)));
        let oldest = pending.overlay.oldest().unwrap_or(u64::MAX);
        let has_scans = !self.scans.is_empty();
        let (flushed, waiting) = std::mem::take(&mut pending.flushes)
            .into_iter()
            .partition(|(version, _)| !has_scans && *version < oldest);
        pending.flushes = waiting;
        let flushed: Vec<(u64, super::Done)> = flushed;
        drop(pending);
        for (item, outcome) in items.into_iter().zip(report.outcomes) {
            match (item.into_next(), outcome) {
                (Next::Op(Op::Clear(tickets, done)), _) => {
                    tickets.iter().for_each(|(ticket, removed)| ticket.settle(*removed));
                    done(Ok(std::mem::take(&mut self.cleared)));
                }
                (next, outcome) => tell(next, outcome),
            }
        }
        for scan in ended {
            let change = super::work::change_of(&scan.mask.what);
            self.tier.tell_change(scan.group, &change);
            scan.ticket.settle(scan.removed);
        }
        flushed.into_iter().for_each(|(_, done)| done(Ok(0)));
    }
    fn failed(&mut self, why: &heed::Error, items: Vec<Item>) {
        let error = io_error(&self.tier.root, why);
        self.tier.off(error.clone());
        std::mem::take(&mut self.scans).into_iter().for_each(|scan| scan.ticket.settle(scan.removed));
        refuse(items.into_iter().map(Item::into_next), &error);
    }
    /// Lets go of the store that failed and opens it anew; nothing is made where it is gone.
    fn come_back(&mut self) {
        self.sweeping = false;
        std::mem::take(&mut self.scans).into_iter().for_each(|scan| scan.ticket.settle(scan.removed));
        let held = self.tier.store.write().take();
        if let Some(store) = held {
            return close(store, false);
        }
        let opened =
            store::open(&self.tier.root, &self.tier.config, self.tier.may_make.swap(false, Ordering::AcqRel));
        let back = opened.and_then(|(store, aside)| {
            if self.tier.has_missed.swap(false, Ordering::AcqRel) {
                store.place.page.void();
            }
            match commit::probe(&store) {
                Ok(()) => Ok((store, aside)),
                Err(why) => {
                    store.close(false);
                    self.tier.has_missed.store(true, Ordering::Release);
                    Err(io_error(&self.tier.root, why))
                }
            }
        });
        match back {
            Ok((store, aside)) => self.tier.back(store, aside),
            Err(_) => self.retry = (self.retry * 2).min(LONGEST_RETRY),
        }
    }
}
fn is_full(why: &heed::Error) -> bool {
    matches!(why, heed::Error::Mdb(heed::MdbError::MapFull | heed::MdbError::TxnFull))
}

/// Tells who waited how it ended.
fn tell(next: Next<Arc<Removal>, Op>, outcome: Outcome) {
    match (next, outcome) {
        (Next::Key(Taken { tickets, .. }), Outcome::Key { existed }) => {
            tickets.iter().for_each(|(ticket, known)| ticket.settle(u64::from(known.unwrap_or(existed))));
        }
        (Next::Op(Op::Lease { done, .. }), Outcome::Lease(lease)) => done(Ok(lease)),
        (Next::Op(Op::TakeMissed(reply)), Outcome::Missed(rows)) => drop(reply.try_send(rows)),
        (Next::Op(Op::Scan(scan)), _) => scan.ticket.settle(0),
        (next, _) => drop(next),
    }
}
/// Tells who waited that the tier is off. Deletes hold all the same: what they were to remove is void.
pub(super) fn refuse(batch: impl IntoIterator<Item = Next<Arc<Removal>, Op>>, why: &Error) {
    for next in batch {
        match next {
            Next::Op(Op::Lease { done, .. }) => {
                let failed: Result<Lease, Error> = Err(why.clone());
                done(failed);
            }
            Next::Op(Op::TakeMissed(reply)) => drop(reply.try_send(Vec::new())),
            Next::Op(Op::Clear(tickets, done)) => {
                tickets.iter().for_each(|(ticket, removed)| ticket.settle(*removed));
                done(Ok(0));
            }
            next => tell(next, Outcome::refused()),
        }
    }
}
