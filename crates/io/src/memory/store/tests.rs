//! What every store must hold, run on each.

use super::super::{Config, Policy};
use super::*;
use sluice_core::cache::{NEVER, Record, Tag, key_hash};
use std::collections::{BTreeMap, BTreeSet};

const POLICIES: [Policy; 3] = [Policy::S3Fifo, Policy::Lru, Policy::TinyLfu];

fn config(policy: Policy, max_bytes: u64, max_entries: u64) -> Config {
    Config { shared: None, stores: true, max_bytes, max_entries, policy, negative_keys: 0 }
}
fn each(max_bytes: u64, max_entries: u64, check: impl Fn(&dyn ByteStore, Policy)) {
    for policy in POLICIES {
        check(&*open(&config(policy, max_bytes, max_entries)), policy);
    }
}
fn entry(key: &str, bytes: usize) -> Copy {
    let mut record = Record::new(Tag::Bytes, vec![b'x'; bytes], NEVER);
    // with a tag, so that replaced ones are told
    record.tags = ["tag".into()].into();
    Copy::new(key.as_bytes(), (&record).into(), 0, 0).unwrap()
}
fn put(store: &dyn ByteStore, key: &str, bytes: usize) -> Departed {
    let mut departed = Departed::default();
    store.insert(key_hash(key.as_bytes()), entry(key, bytes), &mut departed);
    departed
}
fn get(store: &dyn ByteStore, key: &str) -> Option<usize> {
    store.get(key_hash(key.as_bytes())).map(|entry| entry.bytes().len())
}
fn keys(entries: &Entries) -> Vec<String> {
    entries.iter().map(|(_, entry)| String::from_utf8(entry.key().to_vec()).unwrap()).collect()
}

#[test]
fn what_is_put_is_there_until_it_is_removed() {
    each(1 << 20, 0, |store, policy| {
        for index in 0..100 {
            put(store, &format!("k{index}"), index);
        }
        assert_eq!(store.entries(), 100, "{policy:?}");
        for index in 0..100 {
            assert_eq!(get(store, &format!("k{index}")), Some(index), "{policy:?}");
        }
        assert_eq!(get(store, "other"), None);
        assert_eq!(store.remove(key_hash(b"k7")).unwrap().key(), b"k7");
        assert!(store.remove(key_hash(b"k7")).is_none());
        assert_eq!((get(store, "k7"), store.entries()), (None, 99));
        let mut seen = BTreeSet::new();
        store.each(&mut |hash, entry| {
            assert_eq!(hash, key_hash(entry.key()));
            assert!(seen.insert(hash));
        });
        assert_eq!(seen.len(), 99);
    });
}

#[test]
fn the_last_put_wins_and_its_weight_counts() {
    each(1 << 20, 0, |store, policy| {
        put(store, "a", 10);
        let light = store.weight();
        let departed = put(store, "a", 1010);
        assert_eq!(keys(&departed.replaced), ["a"], "{policy:?}");
        assert_eq!(keys(&departed.evicted).len(), 0);
        assert_eq!(get(store, "a"), Some(1010));
        assert_eq!((store.entries(), store.weight()), (1, light + 1000), "{policy:?}");
        store.remove(key_hash(b"a"));
        assert_eq!((store.entries(), store.weight()), (0, 0), "{policy:?}");
    });
}

#[test]
fn as_many_entries_as_asked_for_fit_and_no_more() {
    for max_entries in [1, 2, 3, 10, 64, 65, 100, 1000] {
        each(64 << 20, max_entries, |store, policy| {
            for index in 0..max_entries {
                let departed = put(store, &format!("k{index}"), 100);
                assert_eq!(departed.evicted.iter().count(), 0, "{policy:?} {max_entries}");
            }
            assert_eq!(store.entries(), max_entries, "{policy:?} {max_entries}");
            for index in 0..2 * max_entries {
                put(store, &format!("more{index}"), 100);
                assert!(store.entries() <= max_entries, "{policy:?} {max_entries}");
            }
        });
    }
}

#[test]
fn bytes_are_bounded_and_every_departure_is_told_once() {
    const MAX_BYTES: u64 = 200_000;
    each(MAX_BYTES, 0, |store, policy| {
        let mut there: BTreeMap<String, usize> = BTreeMap::new();
        let mut seed = 1u64;
        for _ in 0..5000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (key, bytes) = (format!("k{}", seed >> 54), (seed >> 20) as usize % 3000);
            let departed = put(store, &key, bytes);
            let was = there.insert(key.clone(), bytes);
            assert_eq!(departed.replaced.iter().count(), usize::from(was.is_some()), "{policy:?}");
            for gone in keys(&departed.evicted) {
                assert!(there.remove(&gone).is_some(), "{policy:?}: {gone} left twice");
            }
            assert!(store.weight() <= MAX_BYTES, "{policy:?}: {}", store.weight());
            assert_eq!(store.entries(), there.len() as u64, "{policy:?}");
        }
        for (key, bytes) in &there {
            assert_eq!(get(store, key), Some(*bytes), "{policy:?}");
        }
        let weight: u64 = there.iter().map(|(key, bytes)| store.weigh(&entry(key, *bytes))).sum();
        assert_eq!(store.weight(), weight, "{policy:?}");
    });
}

#[test]
fn the_heaviest_fits_alone() {
    each(100_000, 0, |store, policy| {
        let spare = store.weigh(&entry("a", 0));
        put(store, "a", (store.heaviest() - spare) as usize);
        assert_eq!(store.weight(), store.heaviest(), "{policy:?}");
        assert!(store.heaviest() >= 97_000, "{policy:?}");
    });
}

#[test]
fn used_entries_outlast_a_scan() {
    for policy in [Policy::S3Fifo, Policy::TinyLfu] {
        let store = &*open(&config(policy, 64 << 20, 100));
        for round in 0..4 {
            for index in 0..50 {
                let key = format!("hot{index}");
                if get(store, &key).is_none() {
                    put(store, &key, round);
                }
            }
        }
        for index in 0..1000 {
            put(store, &format!("scan{index}"), 1);
        }
        let left = (0..50).filter(|index| get(store, &format!("hot{index}")).is_some()).count();
        assert!(left >= 45, "{policy:?}: {left}");
    }
}

#[test]
fn lru_lets_the_least_recently_used_go() {
    let store = &*open(&config(Policy::Lru, 64 << 20, 3));
    for key in ["a", "b", "c"] {
        put(store, key, 1);
    }
    get(store, "a");
    assert_eq!(keys(&put(store, "d", 1).evicted), ["b"]);
    get(store, "c");
    assert_eq!(keys(&put(store, "e", 1).evicted), ["a"]);
}
