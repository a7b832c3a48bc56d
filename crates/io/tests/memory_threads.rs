//! The memory tier under threads: what is old never overwrites what is newer, and what has been set is found.

#![allow(clippy::unwrap_used)]

use sluice_core::cache::{Moment, NEVER, Record, Tag, key_hash};
use sluice_io::memory::{Config, Memory, Policy};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const KEYS: usize = 4;
const RUN: Duration = Duration::from_millis(1500);
/// On a machine that is busy.
const LONGEST: Duration = Duration::from_secs(20);

fn memory(policy: Policy, max_bytes: u64) -> Arc<Memory> {
    let config = Config { shared: None, stores: true, max_bytes, max_entries: 0, policy, negative_keys: 100 };
    Memory::open(&config).unwrap()
}
fn record(version: u64) -> Record {
    // padding by version: replaced entries differ in size
    let mut bytes = version.to_le_bytes().to_vec();
    bytes.resize(8 + version as usize % 200, 7);
    Record { tags: [format!("t{}", version % 5).into()].into(), ..Record::new(Tag::Bytes, bytes, NEVER) }
}
fn version(memory: &Memory, key: &[u8]) -> Option<u64> {
    memory.get(key, 0).map(|copy| {
        let (version, rest) = copy.bytes().split_first_chunk().unwrap();
        let version = u64::from_le_bytes(*version);
        assert!(rest.len() == version as usize % 200 && rest.iter().all(|byte| *byte == 7), "torn");
        version
    })
}
fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}
/// Whether a version is a value: the others are deletes.
fn is_value(version: u64) -> bool {
    !version.is_multiple_of(4)
}

/// A key with what stands for the tier below: the version there now, and the latest whose change has returned.
struct Key {
    name: Vec<u8>,
    below: AtomicU64,
    done: AtomicU64,
    writing: parking_lot::Mutex<()>,
}

fn old_never_follows_new(policy: Policy) {
    let memory = memory(policy, 64 << 20);
    let keys: Vec<Key> = (0..KEYS)
        .map(|index| Key {
            name: format!("key{index}").into_bytes(),
            below: AtomicU64::new(0),
            done: AtomicU64::new(0),
            writing: Default::default(),
        })
        .collect();
    let (stop, fills, hits) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let pick = |seed: &mut u64| &keys[random(seed) as usize % KEYS];
    std::thread::scope(|scope| {
        for thread in 0..2u64 {
            let (memory, stop, pick) = (&memory, &stop, &pick);
            scope.spawn(move || {
                let mut seed = 77 + thread;
                while !stop.load(SeqCst) {
                    let key = pick(&mut seed);
                    // one writer at a time knows which version is the latest; the memory does not know of this lock
                    let _writing = key.writing.lock();
                    let next = key.below.load(SeqCst) + 1;
                    if !is_value(next) && random(&mut seed).is_multiple_of(2) {
                        // a delete that names no single key
                        key.below.store(next, SeqCst);
                        memory.forget(|memory| memory.keys(&|found| *found == *key.name, false, 0), 0);
                        key.done.store(next, SeqCst);
                        continue;
                    }
                    memory.exclusive(&key.name, |own| {
                        if is_value(next) {
                            assert!(own.put(&record(next), 0));
                        } else {
                            own.remove(0);
                        }
                        // the tier below changes later than memory, still within the step
                        std::thread::yield_now();
                        key.below.store(next, SeqCst);
                    });
                    key.done.store(next, SeqCst);
                    // other threads may remove it, and fill it again from below
                    let found = version(memory, &key.name);
                    assert!(found.is_none() || found == Some(next), "{policy:?}: {found:?} after {next}");
                    if random(&mut seed).is_multiple_of(512) {
                        // fills on their way die; what is there below is filled again
                        match random(&mut seed) % 3 {
                            0 => memory.clear(),
                            1 => memory.bump_era(),
                            _ => memory.distrust(),
                        }
                    }
                }
            });
        }
        for thread in 0..3u64 {
            let (memory, stop, pick, fills) = (&memory, &stop, &pick, &fills);
            scope.spawn(move || {
                let mut seed = 1234 + thread;
                while !stop.load(SeqCst) {
                    let key = pick(&mut seed);
                    let began: Moment = memory.moment(&key.name);
                    let found = key.below.load(SeqCst);
                    if random(&mut seed).is_multiple_of(2) {
                        std::thread::yield_now();
                    }
                    if is_value(found) && found > 0 {
                        fills.fetch_add(u64::from(memory.fill(&key.name, &record(found), 0, began)), SeqCst);
                    } else {
                        memory.remember_absent(&key.name, NEVER, began);
                    }
                    if random(&mut seed).is_multiple_of(64) {
                        memory.invalidate(key_hash(&key.name));
                    }
                }
            });
        }
        for thread in 0..2u64 {
            let (memory, stop, keys, hits) = (&memory, &stop, &keys, &hits);
            scope.spawn(move || {
                let mut seed = 99 + thread;
                // a near cache of one entry a key: epoch, era, version
                let mut near: Vec<Option<(i32, i32, u64)>> = vec![None; KEYS];
                while !stop.load(SeqCst) {
                    let index = random(&mut seed) as usize % KEYS;
                    let (slot, key) = (&mut near[index], &keys[index]);
                    let floor = key.done.load(SeqCst);
                    let (epoch, era) = (memory.epoch(&key.name), memory.era());
                    if let Some((of_epoch, of_era, held)) = *slot
                        && (of_epoch, of_era) == (epoch, era)
                    {
                        assert!(held >= floor, "{policy:?}: near has {held} after {floor}");
                    }
                    let absent = memory.is_absent(&key.name, 0);
                    let found = version(memory, &key.name);
                    if let Some(found) = found {
                        hits.fetch_add(1, SeqCst);
                        assert!(found >= floor, "{policy:?}: memory has {found} after {floor}");
                    }
                    if absent {
                        // some version since the floor was a delete, or nothing was ever set
                        let latest = key.below.load(SeqCst);
                        let deleted = (floor..=latest.max(floor)).any(|version| !is_value(version));
                        assert!(deleted, "{policy:?}: absent between {floor} and {latest}");
                    }
                    *slot = found.map(|found| (epoch, era, found));
                }
            });
        }
        let began = Instant::now();
        let enough = || fills.load(SeqCst) > 200 && hits.load(SeqCst) > 2000;
        while began.elapsed() < RUN || (began.elapsed() < LONGEST && !enough()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, SeqCst);
    });
    // the test has tested something
    assert!(fills.load(SeqCst) > 100, "{policy:?}: {fills:?} fills");
    assert!(hits.load(SeqCst) > 1000, "{policy:?}: {hits:?} hits");
    for key in &keys {
        if let Some(found) = version(&memory, &key.name) {
            assert_eq!(found, key.below.load(SeqCst), "{policy:?}: the last one stays");
        }
    }
}

#[test]
fn old_never_follows_new_s3fifo() {
    old_never_follows_new(Policy::S3Fifo);
}
#[test]
fn old_never_follows_new_lru() {
    old_never_follows_new(Policy::Lru);
}
#[test]
fn old_never_follows_new_tinylfu() {
    old_never_follows_new(Policy::TinyLfu);
}

/// Threads that set, remove and evict tagged entries at random: afterwards the index says what the store holds.
#[test]
fn tags_follow_the_store() {
    for policy in [Policy::S3Fifo, Policy::Lru, Policy::TinyLfu] {
        let memory = memory(policy, 40_000);
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let memory = &memory;
                scope.spawn(move || {
                    let mut seed = 5 + thread;
                    for _ in 0..20_000 {
                        let key = format!("k{}", random(&mut seed) % 200).into_bytes();
                        match random(&mut seed) % 8 {
                            0 => drop(memory.remove(&key, 0)),
                            1 => drop(memory.tagged("t1")),
                            _ => drop(memory.set(&key, &record(random(&mut seed) % 1000), 0)),
                        }
                    }
                });
            }
        });
        assert!(memory.usage().evictions > 1000, "{policy:?}");
        for tag in 0..5 {
            let mut told = memory.tagged(&format!("t{tag}"));
            let mut there =
                memory.keys(&|key| version(&memory, key).is_some_and(|version| version % 5 == tag), true, 0);
            told.sort();
            there.sort();
            assert_eq!(told, there, "{policy:?} t{tag}");
        }
    }
}

/// 8 threads set and get keys of their own: nothing is lost while there is room.
#[test]
fn no_set_is_lost() {
    for policy in [Policy::S3Fifo, Policy::Lru, Policy::TinyLfu] {
        let memory = memory(policy, 256 << 20);
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                let memory = &memory;
                scope.spawn(move || {
                    for index in 0..4000 {
                        let key = format!("{thread}:{}", index % 1000).into_bytes();
                        assert!(memory.set(&key, &record(index), 0));
                        assert_eq!(version(memory, &key), Some(index));
                    }
                });
            }
        });
        let usage = memory.usage();
        assert_eq!((usage.entries, usage.evictions), (8000, 0), "{policy:?}");
    }
}
