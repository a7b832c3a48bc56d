use super::*;
use crate::cache::key_hash;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

const POLICIES: [Policy; 3] = [Policy::Lru, Policy::TinyLfu, Policy::S3Fifo];

#[derive(Debug, Clone)]
enum Op {
    Admit(u16, u64),
    Touch(u16),
    Resize(u16, u64),
    Remove(u16),
    Clear,
}
fn ops() -> impl Strategy<Value = Vec<Op>> {
    let key = 0u16..40;
    let op = prop_oneof![
        12 => (key.clone(), 0u64..30).prop_map(|(key, weight)| Op::Admit(key, weight)),
        12 => key.clone().prop_map(Op::Touch),
        4 => (key.clone(), 0u64..60).prop_map(|(key, weight)| Op::Resize(key, weight)),
        3 => key.prop_map(Op::Remove),
        1 => Just(Op::Clear),
    ];
    prop::collection::vec(op, 1..300)
}
fn hash(key: u16) -> u64 {
    key_hash(&key.to_le_bytes())
}

/// A table with the keys of its slots beside it, as the shell keeps them; checks what always holds.
struct Store {
    table: SlotTable,
    limits: Limits,
    slots: HashMap<u32, (u16, u64)>,
}
impl Store {
    fn new(policy: Policy, limits: Limits) -> Self {
        Self { table: SlotTable::new(policy, limits), limits, slots: HashMap::new() }
    }
    fn slot(&self, key: u16) -> Option<u32> {
        self.slots.iter().find(|(_, (held, _))| *held == key).map(|(slot, _)| *slot)
    }
    /// Runs an operation; the keys that left for want of room.
    fn run(&mut self, op: &Op) -> Vec<u16> {
        let mut evicted = Vec::new();
        match *op {
            Op::Admit(key, weight) => {
                if let Some(slot) = self.slot(key) {
                    self.table.remove(slot);
                    self.slots.remove(&slot);
                }
                let admitted = self.table.admit(hash(key), weight, &mut evicted);
                assert_eq!(admitted.is_some(), weight <= self.limits.max_weight);
                let left = self.take(&evicted);
                if let Some(slot) = admitted {
                    let before = self.slots.insert(slot, (key, weight));
                    assert_eq!(before, None, "a slot that is in use was handed out");
                    assert_eq!(self.table.hash(slot), Some(hash(key)));
                }
                return left;
            }
            Op::Touch(key) => {
                let slot = self.slot(key);
                self.table.touch(slot);
            }
            Op::Resize(key, weight) => {
                if let Some(slot) = self.slot(key) {
                    let fits = self.table.resize(slot, weight, &mut evicted);
                    assert_eq!(fits, weight <= self.limits.max_weight);
                    assert!(!evicted.contains(&slot));
                    if fits {
                        self.slots.get_mut(&slot).unwrap().1 = weight;
                    } else {
                        self.slots.remove(&slot);
                    }
                }
            }
            Op::Remove(key) => {
                if let Some(slot) = self.slot(key) {
                    assert!(self.table.remove(slot));
                    assert!(!self.table.remove(slot), "removed twice");
                    self.slots.remove(&slot);
                }
            }
            Op::Clear => {
                self.table.clear();
                self.slots.clear();
            }
        }
        self.take(&evicted)
    }
    fn take(&mut self, evicted: &[u32]) -> Vec<u16> {
        evicted.iter().map(|slot| self.slots.remove(slot).expect("what was evicted was in use").0).collect()
    }
    fn check(&self) {
        assert_eq!(self.table.entries() as usize, self.slots.len());
        assert_eq!(self.table.weight(), self.slots.values().map(|(_, weight)| weight).sum::<u64>());
        assert!(self.table.entries() <= self.limits.max_entries);
        assert!(self.table.weight() <= self.limits.max_weight);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn bounds_hold_and_no_slot_has_two_owners(
        ops in ops(), max_entries in 1u32..30, max_weight in prop_oneof![Just(u64::MAX), 1u64..200],
    ) {
        for policy in POLICIES {
            let mut store = Store::new(policy, Limits { max_entries, max_weight });
            for op in &ops {
                store.run(op);
                store.check();
            }
        }
    }

    #[test]
    fn lru_is_exact(ops in ops(), max_entries in 1u32..30, max_weight in 20u64..200) {
        let mut store = Store::new(Policy::Lru, Limits { max_entries, max_weight });
        // keys with weights, least recently used first
        let mut model: Vec<(u16, u64)> = Vec::new();
        for op in &ops {
            let mut expected = Vec::new();
            let full = |model: &Vec<(u16, u64)>| {
                model.len() > max_entries as usize || model.iter().map(|(_, weight)| weight).sum::<u64>() > max_weight
            };
            match *op {
                Op::Admit(key, weight) => {
                    model.retain(|(held, _)| *held != key);
                    if weight <= max_weight {
                        model.push((key, weight));
                    }
                    while full(&model) {
                        expected.push(model.remove(0).0);
                    }
                }
                Op::Touch(key) => {
                    if let Some(at) = model.iter().position(|(held, _)| *held == key) {
                        let entry = model.remove(at);
                        model.push(entry);
                    }
                }
                Op::Resize(key, weight) => {
                    if let Some(at) = model.iter().position(|(held, _)| *held == key) {
                        let grows_over = {
                            model[at].1 = weight;
                            full(&model)
                        };
                        if weight > max_weight {
                            model.remove(at);
                        } else if grows_over {
                            let entry = model.remove(at);
                            model.push(entry);
                            while full(&model) {
                                expected.push(model.remove(0).0);
                            }
                        }
                    }
                }
                Op::Remove(key) => model.retain(|(held, _)| *held != key),
                Op::Clear => model.clear(),
            }
            prop_assert_eq!(store.run(op), expected);
        }
    }
}

#[test]
fn numbers_that_are_no_slots_change_nothing() {
    for policy in POLICIES {
        let mut table = SlotTable::new(policy, Limits { max_entries: 4, max_weight: 10 });
        table.touch([0, 7, u32::MAX]);
        assert!(!table.remove(3));
        assert!(!table.resize(u32::MAX, 1, &mut Vec::new()));
        assert_eq!((table.entries(), table.weight(), table.hash(0)), (0, 0, None));
    }
}

#[test]
fn the_store_behind_is_told_of_a_first_use_and_of_one_in_eight() {
    let mut table = SlotTable::new(Policy::S3Fifo, Limits { max_entries: 2, max_weight: u64::MAX });
    let a = table.admit(11, 0, &mut Vec::new()).unwrap();
    let b = table.admit(22, 0, &mut Vec::new()).unwrap();
    let mut told = Vec::new();
    table.tell([a, a, b, a, 9, u32::MAX], |hash| told.push(hash));
    assert_eq!(told, [11, 22]);
    table.tell([a; 5], |hash| told.push(hash));
    assert_eq!(told, [11, 22]);
    table.tell([a], |hash| told.push(hash));
    assert_eq!(told, [11, 22, 11]);
    // another entry in the slot begins anew
    table.remove(a);
    table.tell([a], |hash| told.push(hash));
    assert_eq!(table.admit(33, 0, &mut Vec::new()), Some(a));
    table.tell([a], |hash| told.push(hash));
    assert_eq!(told, [11, 22, 11, 33]);
}

fn keep(policy: Policy, max_entries: u32) -> Store {
    Store::new(policy, Limits { max_entries, max_weight: u64::MAX })
}

#[test]
fn s3fifo_lets_one_hit_wonders_go_and_takes_ghosts_back_into_the_main_queue() {
    let mut store = keep(Policy::S3Fifo, 10);
    for key in 0..10 {
        store.run(&Op::Admit(key, 0));
    }
    // asked for twice: goes on to the main queue; the others leave in the order they came
    store.run(&Op::Touch(0));
    store.run(&Op::Touch(0));
    assert_eq!(store.run(&Op::Admit(10, 0)), [1]);
    assert_eq!(store.run(&Op::Admit(11, 0)), [2]);
    // key 1 is a ghost: straight to the main queue, so a scan does not take it
    store.run(&Op::Admit(1, 0));
    for key in 20..40 {
        store.run(&Op::Admit(key, 0));
    }
    assert!(store.slot(0).is_some() && store.slot(1).is_some());
}

#[test]
fn tinylfu_keeps_what_is_used_often_against_what_passes_by() {
    let mut store = keep(Policy::TinyLfu, 100);
    for key in 0..100 {
        store.run(&Op::Admit(key, 0));
        for _ in 0..3 {
            store.run(&Op::Touch(key));
        }
    }
    for key in 1000..1500 {
        store.run(&Op::Admit(key, 0));
    }
    let kept = (0..100).filter(|key| store.slot(*key).is_some()).count();
    assert!(kept >= 85, "{kept} of 100");
}

/// A generator of its own, so that the ratios are the same everywhere.
struct Random(u64);
impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Requests for `universe` keys by Zipf's law, with scans of keys that nobody asks for again in between.
fn requests(universe: usize, skew: f64, count: usize, scan_every: usize, scan_keys: usize) -> Vec<u64> {
    let mut random = Random(7);
    let mut sums: Vec<f64> = Vec::with_capacity(universe);
    let mut sum = 0.0;
    for rank in 1..=universe {
        sum += (rank as f64).powf(-skew);
        sums.push(sum);
    }
    let mut all = Vec::new();
    let mut scanned = 1 << 40;
    for at in 0..count {
        let drawn = random.next() * sum;
        all.push(sums.partition_point(|one| *one < drawn) as u64);
        if scan_every > 0 && at % scan_every == scan_every - 1 {
            all.extend(scanned..scanned + scan_keys as u64);
            scanned += scan_keys as u64;
        }
    }
    all
}

/// Hits per hundred of the requests that are no scan, once the cache is warm.
fn hit_percent(policy: Policy, max_entries: u32, requests: &[u64]) -> f64 {
    let mut table = SlotTable::new(policy, Limits { max_entries, max_weight: u64::MAX });
    let (mut slots, mut keys) = (HashMap::new(), BTreeMap::new());
    let (mut hits, mut asked) = (0, 0);
    for (at, key) in requests.iter().enumerate() {
        let counts = at > requests.len() / 4 && *key < 1 << 40;
        asked += u32::from(counts);
        if let Some(slot) = slots.get(key) {
            hits += u32::from(counts);
            table.touch([*slot]);
            continue;
        }
        let mut evicted = Vec::new();
        let slot = table.admit(key_hash(&key.to_le_bytes()), 0, &mut evicted).unwrap();
        for gone in evicted {
            slots.remove(&keys.remove(&gone).unwrap());
        }
        slots.insert(*key, slot);
        keys.insert(slot, *key);
    }
    f64::from(hits) / f64::from(asked) * 100.0
}

#[test]
fn hit_ratio_on_zipf_with_scans_is_five_points_over_lru() {
    let requests = requests(50_000, 0.9, 400_000, 10_000, 5_000);
    let percent = |policy| hit_percent(policy, 2_500, &requests);
    let (lru, tinylfu, s3fifo) = (percent(Policy::Lru), percent(Policy::TinyLfu), percent(Policy::S3Fifo));
    println!("zipf with scans: lru {lru:.1}, tinylfu {tinylfu:.1}, s3fifo {s3fifo:.1}");
    assert!(tinylfu >= lru + 5.0, "tinylfu {tinylfu:.1}, lru {lru:.1}");
    assert!(s3fifo >= lru + 5.0, "s3fifo {s3fifo:.1}, lru {lru:.1}");
}

#[test]
fn what_is_popular_changes_and_no_policy_clings_to_the_past() {
    let first = requests(50_000, 0.9, 200_000, 0, 0);
    let mut all = first.clone();
    all.extend(first.iter().map(|key| key + 100_000));
    all.extend(first.iter().map(|key| key + 200_000));
    let percent = |policy| hit_percent(policy, 2_500, &all);
    let (lru, tinylfu, s3fifo) = (percent(Policy::Lru), percent(Policy::TinyLfu), percent(Policy::S3Fifo));
    println!("three periods: lru {lru:.1}, tinylfu {tinylfu:.1}, s3fifo {s3fifo:.1}");
    assert!(tinylfu >= lru - 1.0 && s3fifo >= lru - 1.0);
}
