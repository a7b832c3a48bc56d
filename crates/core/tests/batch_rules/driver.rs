//! A buffer, its clock, and what it says to each call.

use sluice_core::batch::*;

pub fn config() -> Config {
    Config {
        batch_size: 3,
        batch_bytes: u64::MAX,
        batch_timeout_ms: 100,
        adaptive: false,
        concurrency: 1,
        handler_timeout_ms: 0,
        max_size: 10,
        overflow: Overflow::Wait,
        high_water: 0.8,
        retries: 2,
        backoff: Backoff { min_ms: 10, max_ms: 1000, factor: 2.0, jitter: 0.0 },
        max_dead_letters: 2,
        pull: false,
        durable: false,
    }
}
pub struct Driver {
    pub buffer: Buffer,
    pub now: u64,
}
impl Driver {
    pub fn new(config: Config) -> Self {
        Self { buffer: Buffer::new(config, 1), now: 1000 }
    }
    pub fn said(&mut self) -> Vec<Action> {
        let (buffer, now) = (&mut self.buffer, self.now);
        std::iter::from_fn(|| buffer.next(now)).collect()
    }
    pub fn add(&mut self, lane: Lane) -> Vec<Action> {
        self.add_bytes(lane, 1)
    }
    pub fn add_bytes(&mut self, lane: Lane, bytes: u64) -> Vec<Action> {
        let arrival = Arrival { lane, bytes, attempts: 0, at: self.now, recovered: false };
        self.buffer.arrive(arrival, self.now);
        self.said()
    }
    pub fn add_many(&mut self, count: usize) -> Vec<Action> {
        (0..count).flat_map(|_| self.add(0)).collect()
    }
    pub fn finish(&mut self, batch: BatchId, failed: &[u32]) -> Vec<Action> {
        let failures: Vec<Failure> = failed.iter().map(|&place| failure(place)).collect();
        assert!(self.buffer.finish(batch, &failures, self.now));
        self.said()
    }
    pub fn at(&mut self, now: u64) -> Vec<Action> {
        self.now = now;
        self.said()
    }
    pub fn close(&mut self, until: Option<u64>) -> Vec<Action> {
        self.buffer.close(until, self.now);
        self.said()
    }
}
pub fn failure(place: u32) -> Failure {
    Failure { place, retryable: true, after_ms: 0, random: 0.5 }
}
pub fn dispatch(batch: BatchId, lane: Lane, reason: Reason, count: u32) -> Action {
    Action::Dispatch { batch, lane, reason, attempt: 1, count, ids: vec![] }
}
pub fn retry(batch: BatchId, attempt: u32, ids: &[Id]) -> Action {
    let count = ids.len() as u32;
    Action::Dispatch { batch, lane: 0, reason: Reason::Retry, attempt, count, ids: ids.to_vec() }
}
