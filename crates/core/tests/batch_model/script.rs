//! What may happen to a buffer, drawn at random.

use proptest::prelude::*;
use proptest::sample::Index;
use sluice_core::batch::*;

#[derive(Debug, Clone)]
pub enum Op {
    Arrive { lane: u32, bytes: u64 },
    Recovered { lane: u32, attempts: u32, age: u64 },
    Finish { which: Index, failures: Vec<(Index, bool, u64, u8)> },
    Unknown(u32),
    Flush,
    Turn,
    Close(Option<i64>),
    Remove(Index),
    Abort(Index),
    Clear,
    Take(usize),
    Settle(Index, Option<(bool, u64, u8)>),
    Requeue(Index, u32),
    Adopt(Index),
    ClearDead,
    Stored(Index),
    Refuse(Index),
    Advance(u64),
    Wake,
    Jump(u64),
    Leave(bool),
    ResetStats,
    Update(Limits),
}

pub fn config() -> impl Strategy<Value = Config> {
    let batches =
        (1..6u32, prop_oneof![Just(u64::MAX), Just(100u64)], prop_oneof![Just(0u64), Just(50), Just(100)]);
    let flight = (any::<bool>(), 1..4u32, prop_oneof![Just(0u64), Just(300)]);
    let room = prop_oneof![Just(Overflow::Wait), Just(Overflow::Reject), Just(Overflow::DropOldest)];
    let room = (1..14u64, room, prop_oneof![Just(0.8), Just(0.5), Just(1.0)]);
    let tries = (0..4u32, prop_oneof![Just(0.0), Just(0.5)], 0..4u64);
    let kind = prop_oneof![5 => Just((false, false)), 1 => Just((true, false)), 2 => Just((false, true)), 1 => Just((true, true))];
    (batches, flight, room, tries, kind).prop_map(|(batches, flight, room, tries, (pull, durable))| Config {
        batch_size: batches.0,
        batch_bytes: batches.1,
        batch_timeout_ms: batches.2,
        adaptive: flight.0,
        concurrency: flight.1,
        handler_timeout_ms: flight.2,
        max_size: room.0,
        overflow: room.1,
        high_water: room.2,
        retries: tries.0,
        backoff: Backoff { min_ms: 40, max_ms: 150, factor: 2.0, jitter: tries.1 },
        max_dead_letters: tries.2,
        pull,
        durable,
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let timeout = prop_oneof![Just(0u64), Just(30), Just(200)];
    (1..6u32, timeout, 1..4u32, 1..14u64).prop_map(|(batch_size, batch_timeout_ms, concurrency, max_size)| {
        Limits { batch_size, batch_timeout_ms, concurrency, max_size }
    })
}

pub fn op() -> impl Strategy<Value = Op> {
    let failure = || (any::<bool>(), prop_oneof![3 => Just(0u64), 1 => Just(500)], 0..4u8);
    let failures = prop::collection::vec(
        (any::<Index>(), failure()).prop_map(|(at, (retry, after, random))| (at, retry, after, random)),
        0..5,
    );
    prop_oneof![
        // what comes in bursts is alike, and kept as runs
        20 => (0..2u32).prop_map(|lane| Op::Arrive { lane, bytes: 20 }),
        10 => (0..4u32, 0..60u64).prop_map(|(lane, bytes)| Op::Arrive { lane, bytes }),
        3 => (0..4u32, 100..200u64).prop_map(|(lane, bytes)| Op::Arrive { lane, bytes }),
        2 => (0..4u32, 0..3u32, 0..300u64).prop_map(|(lane, attempts, age)| Op::Recovered { lane, attempts, age }),
        14 => (any::<Index>(), failures).prop_map(|(which, failures)| Op::Finish { which, failures }),
        1 => (0..9u32).prop_map(Op::Unknown),
        4 => Just(Op::Flush),
        4 => Just(Op::Turn),
        1 => prop_oneof![Just(None), (-5..200i64).prop_map(Some)].prop_map(Op::Close),
        3 => any::<Index>().prop_map(Op::Remove),
        2 => any::<Index>().prop_map(Op::Abort),
        1 => Just(Op::Clear),
        4 => (0..5usize).prop_map(Op::Take),
        4 => (any::<Index>(), prop::option::of(failure())).prop_map(|(which, failure)| Op::Settle(which, failure)),
        3 => (any::<Index>(), 0..4u32).prop_map(|(which, lane)| Op::Requeue(which, lane)),
        1 => any::<Index>().prop_map(Op::Adopt),
        1 => Just(Op::ClearDead),
        10 => any::<Index>().prop_map(Op::Stored),
        2 => any::<Index>().prop_map(Op::Refuse),
        12 => (0..80u64).prop_map(Op::Advance),
        8 => Just(Op::Wake),
        1 => (0..5000u64).prop_map(Op::Jump),
        2 => any::<bool>().prop_map(Op::Leave),
        1 => Just(Op::ResetStats),
        2 => limits().prop_map(Op::Update),
    ]
}

pub fn failure((place, retryable, after_ms, random): (u32, bool, u64, u8)) -> Failure {
    Failure { place, retryable, after_ms, random: f64::from(random) / 4.0 }
}
pub fn pick<T: Clone>(index: &Index, from: &[T]) -> Option<T> {
    (!from.is_empty()).then(|| from[index.index(from.len())].clone())
}
