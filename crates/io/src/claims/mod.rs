//! Claims on keys over our own connection to Redis: asked for, renewed, ended, and waited for where another has them.
//!
//! What is said while a packet is away goes with the next one: one round trip carries everything that has gathered, in
//! order. While Redis does not answer every ask is answered `Away` at the latest after the time of a call.

mod worker;

use crate::outage::Outage;
use crate::redis::{self, Link};
use crate::runtime::Runtime;
use parking_lot::Mutex;
use serde::Deserialize;
use sluice_core::error::Error;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// What claims are opened with, as `lib/batch/claims.js` says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The connection.
    pub link: redis::Config,
    /// How long a key is known that had its effect; None: for good.
    pub ttl_ms: Option<u64>,
    /// How long a claim lives that nobody renews.
    pub lease_ms: u64,
}

/// What is said of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Whose is it? Ours from now on, if nobody's.
    Ask(String),
    /// It had its effect, with that result as JSON.
    Done(String, Option<String>),
    /// It had none.
    Free(String),
}
/// What an ask is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is ours, renewed until `Done` or `Free`.
    Ours,
    /// It had its effect before, with that result; known for so many milliseconds more, where that is known.
    Done(Option<String>, Option<u64>),
    /// Another has it: to be waited for.
    Busy,
    /// Nobody can say. It is claimed as soon as Redis answers again.
    Away,
}
type Then<T> = Box<dyn FnOnce(T) + Send>;
type Tell = Box<dyn Fn(Error) + Send + Sync>;

enum Job {
    Say(Vec<Word>, Then<Vec<Answer>>),
    Wait(String, Then<Answer>),
    Close(Then<()>),
}

/// The claims of one buffer. Dropped, they are renewed no more, and run out.
pub struct Claims {
    config: Config,
    degraded: Mutex<Option<Tell>>,
    started: Mutex<Option<UnboundedSender<Job>>>,
}
impl Claims {
    /// Claims that connect with the first word. `degraded` is told once whenever Redis goes away.
    pub fn new(config: Config, degraded: Tell) -> Self {
        Self { config, degraded: Mutex::new(Some(degraded)), started: Mutex::default() }
    }
    /// Says words in order; `then` gets the answers to those that ask.
    pub fn say(&self, words: Vec<Word>, then: Then<Vec<Answer>>) {
        self.send(Job::Say(words, then));
    }
    /// Waits for a key that another has: until it is done, or ours, or the other's lease has run out unseen.
    pub fn wait(&self, key: String, then: Then<Answer>) {
        self.send(Job::Wait(key, then));
    }
    /// Closes the connection after everything said; what is still claimed runs out.
    pub fn close(&self, then: Then<()>) {
        match self.started.lock().take() {
            Some(jobs) => drop(jobs.send(Job::Close(then))),
            None => then(()),
        }
        // what is said from now on is answered as if Redis were away
        *self.degraded.lock() = None;
    }
    fn send(&self, job: Job) {
        let mut started = self.started.lock();
        if started.is_none() {
            *started = self.start();
        }
        match &*started {
            Some(jobs) => drop(jobs.send(job)),
            None => away(job),
        }
    }
    fn start(&self) -> Option<UnboundedSender<Job>> {
        let tell = self.degraded.lock().take()?;
        let outage = Arc::new(Outage::new(Box::new(move |why| why.into_iter().for_each(&tell))));
        let link = Link::new(self.config.link.clone(), outage.clone());
        let runtime = Runtime::get().ok()?;
        link.begin().ok()?;
        let (sender, receiver) = unbounded_channel();
        let worker = worker::Worker::new(&self.config, link, outage);
        runtime.spawn(worker.run(receiver));
        Some(sender)
    }
}
/// Nobody can say.
fn away(job: Job) {
    match job {
        Job::Say(words, then) => {
            then(words.iter().filter(|word| matches!(word, Word::Ask(_))).map(|_| Answer::Away).collect());
        }
        Job::Wait(_, then) => then(Answer::Away),
        Job::Close(then) => then(()),
    }
}
