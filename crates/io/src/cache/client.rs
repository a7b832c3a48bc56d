//! Reads whose Redis is a client of the application's: it is asked from JavaScript, and what it said goes on here.

use super::engine::Engine;
use super::read::{CopyHit, Looked, fill_disk};
use super::ticket::{Hit, Seen};
use crate::disk::Answer as OnDisk;
use crate::memory::Removal;
use crate::pool;
use bytes::Bytes;
use sluice_core::cache::channel::Notice;
use sluice_core::cache::lifetime::{Asked, Lifetime};
use sluice_core::cache::read::{Answer, Outcome, Step};
use sluice_core::cache::write::Plan;
use sluice_core::cache::{Millis, Moment, Record};
use sluice_core::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How a read goes on.
pub enum Answered {
    /// A copy that memory has got meanwhile.
    Copy(CopyHit),
    /// A value.
    Hit(Box<Hit>),
    /// No tier has it.
    Missed,
    /// The disk is asked next: `answered_below`.
    AskDisk,
}

impl Engine {
    /// Goes on with a read of that moment, for which the client said something.
    pub fn answered(
        self: &Arc<Self>,
        key: &[u8],
        now: Millis,
        flags: u32,
        began: Moment,
        said: Answer,
    ) -> Result<Answered, Error> {
        self.enter(now)?;
        let (looked, step, mut read, _) = self.look(key, now, flags);
        let step = match (looked, step) {
            (Looked::Copy(hit), _) => return Ok(Answered::Copy(hit)),
            (_, Step::AskRedis) => read.on_redis(said),
            (_, step) => step,
        };
        let Step::Done(outcome) = step else { return Ok(Answered::AskDisk) };
        Ok(match self.settle(key, now, began, *outcome).0 {
            Some(hit) => Answered::Hit(Box::new(hit)),
            None => Answered::Missed,
        })
    }
    /// The same where the disk is next: on the pool. `done` gets what was found, and what is to be filled into Redis.
    pub fn answered_below(
        self: &Arc<Self>,
        key: &[u8],
        now: Millis,
        flags: u32,
        began: Moment,
        said: Answer,
        done: impl FnOnce(Option<Hit>, Option<Record>) + Send + 'static,
    ) -> Result<(), Error> {
        self.enter(now)?;
        let (_, step, mut read, _) = self.look(key, now, flags);
        let step = if matches!(step, Step::AskRedis) { read.on_redis(said) } else { step };
        let (key, work) = (Bytes::copy_from_slice(key), self.work());
        let Some(tier) = self.disk.clone().filter(|_| matches!(step, Step::AskDisk)) else {
            let (hit, fill) = match step {
                Step::Done(outcome) => self.settle(&key, now, began, *outcome),
                _ => (None, None),
            };
            done(hit, fill);
            return Ok(());
        };
        tier.with(move |disk| {
            let disk = disk.cloned();
            pool::spawn(move || {
                let said = match disk.map(|disk| disk.get(&key, now)) {
                    Some(OnDisk::Absent) => Answer::Absent,
                    Some(OnDisk::Found { record, suspect }) => Answer::Found { record, doubt: suspect },
                    Some(OnDisk::Damaged) => Answer::Damaged,
                    None => Answer::Down,
                };
                let (hit, fill) = match read.on_disk(said) {
                    Step::Done(outcome) => work.0.settle(&key, now, began, *outcome),
                    _ => (None, None),
                };
                done(hit, fill);
                drop(work);
            });
        });
        Ok(())
    }
    /// Makes the fills of an ended read, but for that into Redis, which is returned.
    fn settle(
        self: &Arc<Self>,
        key: &[u8],
        now: Millis,
        began: Moment,
        mut outcome: Outcome,
    ) -> (Option<Hit>, Option<Record>) {
        if outcome.damaged > 0 {
            self.tallies.damaged.fetch_add(u64::from(outcome.damaged), Ordering::Relaxed);
        }
        let seen = Seen::at(&self.memory, key, began);
        if let Some(record) = outcome.fill_memory.take() {
            self.memory.fill(key, &record, now, began);
        }
        if let Some(until) = outcome.absent_until {
            self.memory.remember_absent(key, until, began);
        }
        if let Some(record) = outcome.fill_disk.take() {
            let (work, fill) = (self.work(), (Bytes::copy_from_slice(key), record, seen, now));
            pool::spawn(move || fill_disk(&work.0, vec![fill]));
        }
        (outcome.found.map(|found| Hit { found, seen }), outcome.fill_redis)
    }
    /// What a write of that lifetime gives to Redis: its deadline and the end of its stale window.
    pub fn redis_times(&self, asked: &Asked, now: Millis) -> (Millis, Millis) {
        let lifetime: Lifetime = Plan::lifetime(&self.tiers, asked, self.config.jitter);
        lifetime.until(lifetime.redis, now)
    }
    /// How this host signs what it publishes.
    pub fn disk_origin(&self) -> Bytes {
        let disk = self.disk.as_ref().and_then(|disk| disk.get());
        disk.map_or_else(Bytes::new, |disk| Bytes::copy_from_slice(disk.origin()))
    }
    /// A removal that JavaScript makes step by step begins; to be dropped, by `end_removal`, when all steps have ended.
    pub fn removal_of_client(&self) -> Removal {
        self.memory.begin_removal()
    }
    /// It has ended: memory may have been filled meanwhile with what was to go.
    pub fn end_removal(&self, removal: Removal, what: &Notice<'_>) {
        match what {
            Notice::Pattern(glob) => drop(self.forget_copies(glob, self.last_now())),
            Notice::Prefix(prefix) => self.clear_memory(prefix, self.last_now()),
            Notice::Tag(tag) => drop(self.forget_tagged(tag, self.last_now())),
            Notice::Keys(_) => {}
        }
        drop(removal);
    }
    /// The application's client answers, or does not.
    pub fn client_state(&self, up: bool) {
        self.events.set_down(!up);
        if up {
            self.memory.distrust();
        } else {
            self.memory.bump_era(); // near entries are dated anew
        }
    }
}
