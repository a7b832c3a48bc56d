//! The queue between callers and the I/O thread: one per engine, drained in order.

use super::engine::{Engine, RedisTier, Work};
use super::read::{Pending, Reads, ask_disk};
use crate::redis::Write;
use sluice_core::cache::Millis;
use sluice_core::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use tokio::sync::mpsc::UnboundedReceiver;

pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Something to be asked of Redis (or, for reads, of the disk).
pub(super) enum Job {
    /// A read.
    Read(Pending),
    /// A write of one key.
    Set(Set),
    /// Anything else that has a place in the order.
    Task(Task),
}
/// A write and who waits for it.
pub(super) struct Set {
    pub write: Write,
    pub now: Millis,
    pub done: Box<dyn FnOnce(Result<bool, Error>) + Send>,
    pub work: Work,
}
/// How many jobs go out at once.
const MOST: usize = 1024;

impl Engine {
    /// Accepts a job; it leaves with the next `flush`.
    pub(super) fn accept(self: &Arc<Self>, job: Job) {
        let mut jobs = self.reads.lock();
        jobs.push(job);
        if jobs.len() >= MOST {
            let jobs = next(&mut jobs);
            self.send(jobs);
        }
    }
    /// Lets everything accepted leave.
    pub fn flush(self: &Arc<Self>) {
        let mut jobs = self.reads.lock();
        if !jobs.is_empty() {
            let jobs = next(&mut jobs);
            self.send(jobs); // under the lock: the order of calls is the order of effects
        }
    }
    fn send(self: &Arc<Self>, jobs: Vec<Job>) {
        match self.redis.get() {
            Some(redis) => drop(redis.jobs.send(jobs)),
            None => {
                let reads = jobs.into_iter().filter_map(|job| match job {
                    Job::Read(pending) => Some(pending),
                    Job::Set(_) | Job::Task(_) => None,
                });
                ask_disk(Reads::new(self, reads.collect()));
            }
        }
    }
    /// Sends behind what was accepted, from any thread.
    pub(super) fn send_now(self: &Arc<Self>, redis: &RedisTier, job: Job) {
        self.flush();
        drop(redis.jobs.send(vec![job]));
    }
}

/// What has gathered, in exchange for room for as much again.
fn next(jobs: &mut Vec<Job>) -> Vec<Job> {
    let room = Vec::with_capacity(jobs.len().max(16));
    std::mem::replace(jobs, room)
}

/// Takes what was sent, all that has arrived at once: changes in their order, then reads.
pub(super) async fn drain(engine: Weak<Engine>, mut sent: UnboundedReceiver<Vec<Job>>) {
    let mut batches = Vec::new();
    while sent.recv_many(&mut batches, 16).await > 0 {
        let Some(engine) = engine.upgrade() else { return };
        let Some(redis) = engine.redis.get() else { return };
        let (mut reads, mut sets) = (Vec::new(), Vec::new());
        for job in batches.drain(..).flatten() {
            match job {
                Job::Read(pending) => reads.push(pending),
                Job::Set(set) => sets.push(set),
                Job::Task(task) => {
                    write(redis, &mut sets);
                    tokio::spawn(task);
                }
            }
        }
        write(redis, &mut sets);
        while !reads.is_empty() {
            let rest = if reads.len() > MOST { reads.split_off(MOST) } else { Vec::new() };
            let link = redis.link.clone();
            let some = Reads::new(&engine, std::mem::replace(&mut reads, rest));
            tokio::spawn(super::read::ask_redis(link, some));
        }
    }
}
fn write(redis: &RedisTier, sets: &mut Vec<Set>) {
    if sets.is_empty() {
        return;
    }
    let link = redis.link.clone();
    let sets = std::mem::take(sets);
    tokio::spawn(async move {
        let now = sets.iter().map(|set| set.now).max().unwrap_or_default();
        let (writes, rest): (Vec<_>, Vec<_>) =
            sets.into_iter().map(|set| (set.write, (set.done, set.work))).unzip();
        let results = link.set_many(writes, now).await;
        for ((done, work), result) in rest.into_iter().zip(results) {
            done(result);
            drop(work);
        }
    });
}
