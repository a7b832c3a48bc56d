//! Instances on one Redis, in any order of everything that can happen between them: what they serve once the dust
//! has settled, and how old it may be until then. Redis, the connections and each instance's memory are models; what
//! decides is the core's.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use sluice_core::cache::coherence::{Rules, Told};
use sluice_core::cache::lifetime::Caps;
use sluice_core::cache::read::{Answer, Held, Read, Step, Tiers};
use sluice_core::cache::{Millis, Moment, Record, Tag, moment};
use std::collections::{BTreeMap, VecDeque};

const KEYS: u8 = 1;
const INSTANCES: usize = 2;
const MEMORY_TTL: Millis = 1000;

#[derive(Debug, Clone)]
enum Command {
    Get(u8, usize),
    Set(u8, u64, Millis),
    Fill(u8, u64, Millis, Moment),
    Delete(u8),
}
#[derive(Debug, Clone)]
enum Inbound {
    /// Tracking; with `true` the channel says so too.
    Push(u8, bool),
    Value(usize, Option<(u64, Millis)>),
    Filled(u8, bool, Moment),
    Down(usize),
}
#[derive(Debug, Clone, Copy)]
struct Copy {
    value: u64,
    deadline: Millis,
    stored: Millis,
    trust: i32,
}
struct Flight {
    key: u8,
    began: Moment,
    read: Read,
}
/// A process with memory, a disk of its own and a connection.
struct Instance {
    memory: BTreeMap<u8, Copy>,
    disk: BTreeMap<u8, (u64, Millis)>,
    absent: BTreeMap<u8, Moment>,
    epochs: [i32; KEYS as usize],
    era: i32,
    trust: i32,
    told: Told,
    tracked: bool,
    out: VecDeque<Command>,
    inbound: VecDeque<Inbound>,
    flights: Vec<Option<Flight>>,
}
#[derive(Default)]
struct Server {
    values: BTreeMap<u8, (u64, Millis)>,
    /// What the changes say the value is, in the order in which Redis took them: all others are outdated.
    newest: BTreeMap<u8, u64>,
}
struct World {
    server: Server,
    instances: Vec<Instance>,
    now: Millis,
    next: u64,
    with_disk: bool,
    /// Keys that were changed while Redis was away from who changed them.
    missed: Vec<u8>,
}

fn record(value: u64, deadline: Millis) -> Record {
    Record::new(Tag::Text, value.to_le_bytes().to_vec(), deadline)
}
fn value_of(record: &Record) -> u64 {
    u64::from_le_bytes(record.bytes[..8].try_into().unwrap())
}

impl Instance {
    fn new() -> Self {
        Self {
            memory: BTreeMap::new(),
            disk: BTreeMap::new(),
            absent: BTreeMap::new(),
            epochs: [0; KEYS as usize],
            era: 0,
            trust: 0,
            told: Told::Tracking,
            tracked: true,
            out: VecDeque::new(),
            inbound: VecDeque::new(),
            flights: Vec::new(),
        }
    }
    fn moment(&self, key: u8) -> Moment {
        moment(self.epochs[key as usize], self.era)
    }
    fn bump(&mut self, key: u8) {
        self.epochs[key as usize] += 1;
    }
    fn distrust(&mut self) {
        self.trust += 1;
        self.era += 1;
    }
}

impl World {
    fn new(instances: usize, with_disk: bool) -> Self {
        Self {
            server: Server::default(),
            instances: (0..instances).map(|_| Instance::new()).collect(),
            now: 1_000_000,
            next: 0,
            with_disk,
            missed: Vec::new(),
        }
    }
    fn tiers(&self) -> Tiers {
        Tiers {
            memory: true,
            caps: Caps { redis: Some(100_000), disk: self.with_disk.then_some(100_000) },
            rules: Rules { memory_ttl: MEMORY_TTL, serves_when_down: true },
            negative: Some(10_000),
        }
    }
    /// Begins a read; what it serves at once, if it does.
    fn begin(&mut self, at: usize, key: u8) -> Option<Option<u64>> {
        let (tiers, now) = (self.tiers(), self.now);
        let instance = &mut self.instances[at];
        let began = instance.moment(key);
        let mut read = Read::new(tiers, instance.told, 0, now);
        let copy = instance.memory.get(&key).copied();
        let held = copy.map(|copy| Held {
            deadline: copy.deadline,
            stored: copy.stored,
            copy_trust: copy.trust,
            trust: instance.trust,
        });
        let known_absent = instance.absent.get(&key) == Some(&began);
        match read.on_memory(held, || None, known_absent) {
            Step::ServeCopy(_) => return Some(copy.map(|copy| copy.value)),
            Step::AskRedis => {
                let id = instance.flights.len();
                instance.flights.push(Some(Flight { key, began, read }));
                instance.out.push_back(Command::Get(key, id));
            }
            step => return self.ended(at, key, began, read, step),
        }
        None
    }
    /// Follows a read to its end; what it serves.
    fn ended(
        &mut self,
        at: usize,
        key: u8,
        began: Moment,
        mut read: Read,
        mut step: Step,
    ) -> Option<Option<u64>> {
        let now = self.now;
        let instance = &mut self.instances[at];
        if step == Step::AskDisk {
            let held = instance.disk.get(&key).filter(|(_, deadline)| now <= *deadline);
            step = read.on_disk(match held {
                Some((value, deadline)) => Answer::Found { record: record(*value, *deadline), doubt: false },
                None => Answer::Absent,
            });
        }
        let Step::Done(outcome) = step else { panic!("{step:?}") };
        let unmoved = instance.moment(key) == began;
        if let Some(fill) = outcome.fill_memory.filter(|_| unmoved) {
            let copy =
                Copy { value: value_of(&fill), deadline: fill.deadline, stored: now, trust: instance.trust };
            instance.memory.insert(key, copy);
        }
        if let Some(fill) = outcome.fill_disk.filter(|_| unmoved) {
            instance.disk.insert(key, (value_of(&fill), fill.deadline));
        }
        if let Some(fill) = outcome.fill_redis.filter(|_| unmoved) {
            instance.out.push_back(Command::Fill(key, value_of(&fill), fill.deadline, began));
        }
        if outcome.absent_until.is_some() && unmoved {
            instance.absent.insert(key, began);
        }
        Some(outcome.found.map(|found| value_of(&found.record)))
    }
    fn set(&mut self, at: usize, key: u8, ttl: Millis) {
        self.next += 1;
        let (value, deadline, now) = (self.next, self.now + ttl, self.now);
        let down = matches!(self.instances[at].told, Told::Down { .. });
        let instance = &mut self.instances[at];
        instance.memory.insert(key, Copy { value, deadline, stored: now, trust: instance.trust });
        instance.bump(key);
        if self.with_disk {
            instance.disk.insert(key, (value, deadline));
        }
        match down {
            true => self.missed.push(key),
            false => instance.out.push_back(Command::Set(key, value, deadline)),
        }
    }
    fn delete(&mut self, at: usize, key: u8) {
        let down = matches!(self.instances[at].told, Told::Down { .. });
        let instance = &mut self.instances[at];
        instance.memory.remove(&key);
        instance.disk.remove(&key);
        instance.bump(key);
        match down {
            true => self.missed.push(key),
            false => instance.out.push_back(Command::Delete(key)),
        }
    }
    /// Redis changed a key: the others are told, on their own connections, behind what they were sent before.
    fn changed(&mut self, by: Option<usize>, key: u8, published: bool) {
        for (at, instance) in self.instances.iter_mut().enumerate() {
            if Some(at) != by && instance.tracked {
                instance.inbound.push_back(Inbound::Push(key, published));
            }
        }
    }
    /// Redis takes an instance's next command.
    fn serve(&mut self, at: usize) {
        let Some(command) = self.instances[at].out.pop_front() else { return };
        self.server.values.retain(|_, (_, deadline)| self.now <= *deadline);
        match command {
            Command::Get(key, id) => {
                let value = self.server.values.get(&key).copied();
                self.instances[at].inbound.push_back(Inbound::Value(id, value));
            }
            Command::Set(key, value, deadline) => {
                self.server.values.insert(key, (value, deadline));
                self.server.newest.insert(key, value);
                self.changed(Some(at), key, true);
            }
            Command::Fill(key, value, deadline, began) => {
                let free = !self.server.values.contains_key(&key);
                if free {
                    self.server.values.insert(key, (value, deadline));
                    self.changed(Some(at), key, true);
                }
                self.instances[at].inbound.push_back(Inbound::Filled(key, free, began));
            }
            Command::Delete(key) => {
                self.server.values.remove(&key);
                self.server.newest.remove(&key);
                self.changed(Some(at), key, true);
            }
        }
    }
    /// An instance hears what was sent to it next.
    fn hear(&mut self, at: usize) {
        let Some(inbound) = self.instances[at].inbound.pop_front() else { return };
        match inbound {
            Inbound::Push(key, published) => {
                let instance = &mut self.instances[at];
                instance.memory.remove(&key);
                if published {
                    instance.disk.remove(&key);
                }
                instance.bump(key);
            }
            Inbound::Filled(key, stored, began) => {
                if stored && self.instances[at].moment(key) != began {
                    self.instances[at].out.push_back(Command::Delete(key));
                }
            }
            Inbound::Value(id, value) => {
                let Some(Flight { key, began, mut read }) = self.instances[at].flights[id].take() else {
                    return;
                };
                let step = read.on_redis(match value {
                    Some((value, deadline)) => {
                        Answer::Found { record: record(value, deadline), doubt: false }
                    }
                    None => Answer::Absent,
                });
                self.ended(at, key, began, read, step);
            }
            Inbound::Down(id) => {
                let Some(Flight { key, began, mut read }) = self.instances[at].flights[id].take() else {
                    return;
                };
                let step = read.on_redis(Answer::Down);
                self.ended(at, key, began, read, step);
            }
        }
    }
    /// The connection of an instance is cut: what was on its way, either way, is lost.
    fn cut(&mut self, at: usize) {
        let now = self.now;
        let instance = &mut self.instances[at];
        if matches!(instance.told, Told::Down { .. }) {
            return;
        }
        let before = instance.trust;
        instance.distrust();
        instance.tracked = false;
        instance.told = Told::Down { lost: Some((now, before)) };
        instance.inbound.clear();
        for command in std::mem::take(&mut instance.out) {
            match command {
                Command::Get(_, id) => instance.inbound.push_back(Inbound::Down(id)),
                Command::Set(key, ..) | Command::Delete(key) => self.missed.push(key),
                Command::Fill(..) => {}
            }
        }
        let lost = (0..instance.flights.len()).filter(|id| instance.flights[*id].is_some());
        instance.inbound.extend(lost.map(Inbound::Down));
    }
    /// It is back: what it missed is deleted before anything else is asked, its disk's doubts are not served.
    fn mend(&mut self, at: usize) {
        if !matches!(self.instances[at].told, Told::Down { .. }) {
            return;
        }
        for key in std::mem::take(&mut self.missed) {
            self.server.values.remove(&key);
            self.server.newest.remove(&key);
            self.changed(None, key, true);
        }
        let instance = &mut self.instances[at];
        instance.tracked = true;
        instance.distrust();
        instance.told = Told::Tracking;
        instance.disk.clear(); // suspect: never filled upwards
    }
    fn settle(&mut self) {
        (0..self.instances.len()).for_each(|at| self.mend(at));
        while self.instances.iter().any(|instance| !instance.out.is_empty() || !instance.inbound.is_empty()) {
            for at in 0..self.instances.len() {
                self.serve(at);
                self.hear(at);
            }
        }
    }
    /// What a read serves when nothing else happens.
    fn read(&mut self, at: usize, key: u8) -> Option<u64> {
        if let Some(served) = self.begin(at, key) {
            return served;
        }
        let id = self.instances[at].flights.len() - 1;
        self.serve(at);
        let flight = self.instances[at].flights[id].take().unwrap();
        let Some(Inbound::Value(_, value)) = self.instances[at].inbound.pop_back() else {
            panic!("no answer")
        };
        let mut read = flight.read;
        let step = read.on_redis(match value {
            Some((value, deadline)) => Answer::Found { record: record(value, deadline), doubt: false },
            None => Answer::Absent,
        });
        self.ended(at, key, flight.began, read, step).unwrap()
    }
}

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
