//! Instances on one Redis, in any order of everything that can happen between them: what they serve once the dust
//! has settled, and how old it may be until then. Redis, the connections and each instance's memory are models; what
//! decides is the core's.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "cache_coherence/instance.rs"]
mod instance;
#[path = "cache_coherence/world.rs"]
mod world;

use proptest::prelude::*;
use sluice_core::cache::Millis;
use world::World;

const KEYS: u8 = 1;
const INSTANCES: usize = 2;
const MEMORY_TTL: Millis = 1000;

#[derive(Debug, Clone)]
enum Act {
    Read(usize, u8),
    Set(usize, u8, Millis),
    Delete(usize, u8),
    Serve(usize),
    Hear(usize),
    Cut(usize),
    Mend(usize),
    Wait(Millis),
    /// Redis drops a key for want of room.
    Evict(u8),
    /// Everything on an instance's way is done.
    Deliver(usize),
}
fn acts() -> impl Strategy<Value = Vec<Act>> {
    let (at, key) = (0usize..INSTANCES, 0u8..KEYS);
    let act = prop_oneof![
        6 => (at.clone(), key.clone()).prop_map(|(at, key)| Act::Read(at, key)),
        3 => (at.clone(), key.clone(), 500u64..90_000).prop_map(|(at, key, ttl)| Act::Set(at, key, ttl)),
        4 => (at.clone(), key.clone()).prop_map(|(at, key)| Act::Delete(at, key)),
        4 => key.prop_map(Act::Evict),
        5 => at.clone().prop_map(Act::Serve),
        5 => at.clone().prop_map(Act::Hear),
        6 => at.clone().prop_map(Act::Deliver),
        1 => at.clone().prop_map(Act::Cut),
        1 => at.prop_map(Act::Mend),
        1 => (1u64..2000).prop_map(Act::Wait),
    ];
    proptest::collection::vec(act, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// When everything has been told, nobody serves anything but what Redis has; where it has nothing, nothing, or
    /// what the instance's own disk may fill it with; and an absence that is remembered hides nothing.
    #[test]
    fn when_the_dust_has_settled_all_serve_what_redis_has(acts in acts(), with_disk in any::<bool>()) {
        let mut world = World::new(INSTANCES, with_disk);
        for act in acts {
            match act {
                Act::Read(at, key) => drop(world.begin(at, key)),
                Act::Set(at, key, ttl) => world.set(at, key, ttl),
                Act::Delete(at, key) => world.delete(at, key),
                Act::Serve(at) => world.serve(at),
                Act::Hear(at) => world.hear(at),
                Act::Cut(at) => world.cut(at),
                Act::Mend(at) => world.mend(at),
                Act::Wait(ms) => world.now += ms,
                Act::Deliver(at) => {
                    while !world.instances[at].out.is_empty() || !world.instances[at].inbound.is_empty() {
                        world.serve(at);
                        world.hear(at);
                    }
                }
                Act::Evict(key) => {
                    if world.server.values.remove(&key).is_some() {
                        world.changed(None, key, false);
                    }
                }
            }
        }
        world.settle();
        for key in 0..KEYS {
            let now = world.now;
            let truth = world.server.values.get(&key).filter(|(_, deadline)| now <= *deadline).map(|(value, _)| *value);
            let served: Vec<_> = (0..INSTANCES).map(|at| world.read(at, key)).collect();
            if let Some(truth) = truth {
                prop_assert_eq!(&served, &vec![Some(truth); INSTANCES]);
            }
            // what a disk still has may be served, and filled into Redis: never what was replaced or deleted
            let newest = world.server.newest.get(&key).copied();
            prop_assert!(served.iter().flatten().all(|value| Some(*value) == newest), "{:?}, not {:?}", served, newest);
            world.settle();
            let again: Vec<_> = (0..INSTANCES).map(|at| world.read(at, key)).collect();
            prop_assert!(again.iter().all(|value| *value == again[0]), "{:?} {:?}", served, again);
        }
    }

    /// While its connection is cut an instance serves nothing that others replaced more than `memory.ttl` ago.
    #[test]
    fn while_down_nothing_is_served_for_longer_than_promised(acts in acts(), wait in 1u64..3000) {
        let mut world = World::new(2, false);
        for act in acts {
            match act {
                Act::Read(at, key) => drop(world.begin(at % 2, key)),
                Act::Set(at, key, _) => world.set(at % 2, key, 90_000),
                Act::Serve(at) => world.serve(at % 2),
                Act::Hear(at) => world.hear(at % 2),
                _ => {}
            }
        }
        world.settle();
        world.set(1, 0, 90_000);
        world.settle();
        world.read(0, 0);
        world.cut(0);
        world.set(1, 0, 90_000);
        let newest = world.next;
        while !world.instances[1].out.is_empty() {
            world.serve(1);
        }
        world.now += wait;
        let served = world.begin(0, 0).unwrap();
        if wait > MEMORY_TTL {
            prop_assert_eq!(served, None);
        } else {
            prop_assert_eq!(served, Some(newest - 1), "a copy is served meanwhile");
        }
    }
}
