//! Who says the words, on the I/O thread.

use super::{Answer, Config, Job, Then, Word};
use crate::client::owner;
use crate::outage::Outage;
use crate::redis::{Claimed, Link, Step};
use bytes::Bytes;
use sluice_core::batch::claim;
use sluice_core::error::Error;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

/// Ends that could not be told are tried again while they may matter: until the lease has run out. Not more than these.
const MOST_UNTOLD: usize = 10_000;
/// Between two tries to tell them.
const TELL_AGAIN: Duration = Duration::from_millis(500);
/// Jobs that are taken at once.
const AT_ONCE: usize = 256;

/// One that waits for another's claim to end.
struct Waiting {
    key: String,
    looks: u32,
    next: Instant,
    /// When the other's lease has run out, as far as is known.
    until: Instant,
    then: Then<Answer>,
}
/// Who gets the answer to a step.
enum From {
    /// The place of a job's answer.
    Ask(usize, usize),
    Wait(Waiting),
    Renewal,
    /// An end, and until when it is tried again.
    End(Instant),
}

pub(super) struct Worker {
    link: Arc<Link>,
    outage: Arc<Outage>,
    lease: Duration,
    ttl_ms: Option<u64>,
    owner: String,
    claims: u64,
    /// What each claim of ours holds.
    held: HashMap<Bytes, String>,
    renew_at: Instant,
    waiting: Vec<Waiting>,
    untold: VecDeque<(Step, Instant)>,
    tell_at: Instant,
}
impl Worker {
    pub fn new(config: &Config, link: Arc<Link>, outage: Arc<Outage>) -> Self {
        let now = Instant::now();
        Self {
            link,
            outage,
            lease: Duration::from_millis(config.lease_ms.max(3)),
            ttl_ms: config.ttl_ms,
            owner: owner(),
            claims: 0,
            held: HashMap::new(),
            renew_at: now,
            waiting: Vec::new(),
            untold: VecDeque::new(),
            tell_at: now,
        }
    }
    /// Until it is closed, or nobody can send it anything any more.
    pub async fn run(mut self, mut jobs: UnboundedReceiver<Job>) {
        let mut closing = None;
        while closing.is_none() {
            let mut taken = Vec::new();
            let wake = self.wake();
            tokio::select! {
                count = jobs.recv_many(&mut taken, AT_ONCE) => if count == 0 { break },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
            closing = self.round(taken).await;
        }
        for waiting in std::mem::take(&mut self.waiting) {
            (waiting.then)(Answer::Away);
        }
        self.link.close().await;
        if let Some(then) = closing {
            then(());
        }
    }
    /// When there is something to say without a job.
    fn wake(&self) -> Option<Instant> {
        let renewal = (!self.held.is_empty()).then_some(self.renew_at);
        let untold = (!self.untold.is_empty()).then_some(self.tell_at);
        self.waiting.iter().map(|waiting| waiting.next).chain(renewal).chain(untold).min()
    }
    fn lease_ms(&self) -> u64 {
        self.lease.as_millis() as u64
    }
    fn fresh(&mut self) -> String {
        self.claims += 1;
        claim::pending(&format!("{}:{}", self.owner, self.claims))
    }
    fn take(&mut self, key: &str) -> Step {
        let key = Bytes::copy_from_slice(key.as_bytes());
        Step::Take { key, value: self.fresh(), lease_ms: self.lease_ms() }
    }

    /// Says everything that is to be said by now, in one packet.
    async fn round(&mut self, jobs: Vec<Job>) -> Option<Then<()>> {
        let began = Instant::now();
        let mut said: Vec<(Step, From)> = Vec::new();
        if began >= self.tell_at {
            said.extend(self.untold.drain(..).map(|(step, until)| (step, From::End(until))));
        }
        let mut answers: Vec<(Vec<Answer>, Then<Vec<Answer>>)> = Vec::new();
        let mut closing = None;
        for job in jobs {
            match job {
                Job::Say(words, then) => {
                    let mut asked = 0;
                    for word in words {
                        let is_ask = matches!(word, Word::Ask(_));
                        let from = if is_ask {
                            From::Ask(answers.len(), asked)
                        } else {
                            From::End(began + self.lease)
                        };
                        asked += usize::from(is_ask);
                        said.extend(self.step(word).map(|step| (step, from)));
                    }
                    answers.push((vec![Answer::Away; asked], then));
                }
                Job::Wait(key, then) => {
                    let until = began + self.lease;
                    self.waiting.push(Waiting { key, looks: 0, next: began, until, then });
                }
                Job::Close(then) => closing = Some(then),
            }
        }
        self.look(began, &mut said);
        self.renew(began, &mut said);
        let (steps, from): (Vec<Step>, Vec<From>) = said.into_iter().unzip();
        let replies = if steps.is_empty() { Vec::new() } else { self.link.claims(&steps).await };
        match replies.iter().find_map(|reply| reply.as_ref().err()) {
            Some(why) => self.outage.failed(why),
            None if replies.is_empty() => {}
            None => self.outage.answered(began.into_std()),
        }
        for ((step, from), reply) in steps.into_iter().zip(from).zip(replies) {
            match from {
                From::Ask(job, place) => {
                    let answer = self.asked(step, reply);
                    if let Some(slot) = answers.get_mut(job).and_then(|(answers, _)| answers.get_mut(place)) {
                        *slot = answer;
                    }
                }
                From::Wait(waiting) => self.waited(waiting, step, reply),
                From::Renewal => {}
                From::End(until) => self.ended(step, until, &reply),
            }
        }
        for (answers, then) in answers {
            then(answers);
        }
        closing
    }
    /// What a word has Redis do.
    fn step(&mut self, word: Word) -> Option<Step> {
        match word {
            Word::Ask(key) => {
                let step = self.take(&key);
                if let Step::Take { key, value, .. } = &step {
                    self.hold(key.clone(), value.clone());
                }
                Some(step)
            }
            Word::Done(key, result) => {
                let (key, value) = self.held.remove_entry(key.as_bytes())?;
                let done = claim::done(result.as_deref());
                Some(Step::Finish { key, value, done, ttl_ms: self.ttl_ms })
            }
            Word::Free(key) => {
                self.give_up(&key);
                let (key, value) = self.held.remove_entry(key.as_bytes())?;
                Some(Step::Release { key, value })
            }
        }
    }
    fn hold(&mut self, key: Bytes, value: String) {
        if self.held.is_empty() {
            self.renew_at = Instant::now() + self.lease / 3;
        }
        self.held.insert(key, value);
    }
    /// Nobody waits for that key any more.
    fn give_up(&mut self, key: &str) {
        while let Some(at) = self.waiting.iter().position(|waiting| waiting.key == key) {
            (self.waiting.swap_remove(at).then)(Answer::Away);
        }
    }
    /// Others' claims that are to be looked at again.
    fn look(&mut self, now: Instant, said: &mut Vec<(Step, From)>) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.next <= now);
        self.waiting = later;
        for waiting in due {
            said.push((self.take(&waiting.key), From::Wait(waiting)));
        }
    }
    fn renew(&mut self, now: Instant, said: &mut Vec<(Step, From)>) {
        if self.held.is_empty() || now < self.renew_at {
            return;
        }
        self.renew_at = now + self.lease / 3;
        let lease_ms = self.lease_ms();
        let step = |(key, value): (&Bytes, &String)| {
            (Step::Renew { key: key.clone(), value: value.clone(), lease_ms }, From::Renewal)
        };
        said.extend(self.held.iter().map(step));
    }

    fn asked(&mut self, step: Step, reply: Result<Claimed, Error>) -> Answer {
        let answer = match reply {
            // held: the next renewal claims it
            Err(_) => Answer::Away,
            Ok(claimed) => answer_of(&step, &claimed, 0).0,
        };
        if let (Answer::Done(..) | Answer::Busy, Step::Take { key, value, .. }) = (&answer, &step)
            && self.held.get(key) == Some(value)
        {
            self.held.remove(key);
        }
        answer
    }
    fn waited(&mut self, mut waiting: Waiting, step: Step, reply: Result<Claimed, Error>) {
        let now = Instant::now();
        let (answer, pause) = match &reply {
            // its owner may be well: it has its lease
            Err(_) => (if now < waiting.until { Answer::Busy } else { Answer::Away }, TELL_AGAIN),
            Ok(claimed) => {
                let lease = claimed.left_ms.map_or(self.lease, Duration::from_millis);
                waiting.until = now + lease;
                answer_of(&step, claimed, waiting.looks)
            }
        };
        if answer == Answer::Busy {
            waiting.looks = waiting.looks.saturating_add(1);
            waiting.next = now + pause;
            self.waiting.push(waiting);
            return;
        }
        if let (Answer::Ours | Answer::Away, Step::Take { key, value, .. }) = (&answer, step) {
            self.hold(key, value);
        }
        (waiting.then)(answer);
    }
    fn ended(&mut self, step: Step, until: Instant, reply: &Result<Claimed, Error>) {
        let now = Instant::now();
        if reply.is_ok() || now >= until {
            return;
        }
        if self.untold.len() >= MOST_UNTOLD {
            self.untold.pop_front();
        }
        self.untold.push_back((step, until));
        self.tell_at = now + TELL_AGAIN;
    }
}
/// What follows from what a key holds, and when to look again.
fn answer_of(step: &Step, claimed: &Claimed, looks: u32) -> (Answer, Duration) {
    let mine = match step {
        Step::Take { value, .. } => value.as_str(),
        _ => "",
    };
    match claim::answer(claimed.value.as_deref(), mine, claimed.left_ms, looks) {
        claim::Answer::Ours => (Answer::Ours, Duration::ZERO),
        claim::Answer::Done(result) => {
            (Answer::Done(result.map(str::to_owned), claimed.left_ms), Duration::ZERO)
        }
        claim::Answer::Busy(pause_ms) => (Answer::Busy, Duration::from_millis(pause_ms)),
    }
}
