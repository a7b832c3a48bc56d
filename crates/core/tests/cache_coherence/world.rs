//! Redis, the instances on it, and everything that can happen between them.

use crate::MEMORY_TTL;
use crate::instance::{Command, Copy, Flight, Inbound, Instance};
use sluice_core::cache::coherence::{Rules, Told};
use sluice_core::cache::lifetime::Caps;
use sluice_core::cache::read::{Answer, Held, Read, Step, Tiers};
use sluice_core::cache::{Millis, Moment, Record, Tag};
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Server {
    pub values: BTreeMap<u8, (u64, Millis)>,
    /// What the changes say the value is, in the order in which Redis took them: all others are outdated.
    pub newest: BTreeMap<u8, u64>,
}
pub struct World {
    pub server: Server,
    pub instances: Vec<Instance>,
    pub now: Millis,
    pub next: u64,
    pub with_disk: bool,
    /// Keys that were changed while Redis was away from who changed them.
    pub missed: Vec<u8>,
}

fn record(value: u64, deadline: Millis) -> Record {
    Record::new(Tag::Text, value.to_le_bytes().to_vec(), deadline)
}
fn value_of(record: &Record) -> u64 {
    u64::from_le_bytes(record.bytes[..8].try_into().unwrap())
}

impl World {
    pub fn new(instances: usize, with_disk: bool) -> Self {
        Self {
            server: Server::default(),
            instances: (0..instances).map(|_| Instance::new()).collect(),
            now: 1_000_000,
            next: 0,
            with_disk,
            missed: Vec::new(),
        }
    }
    pub fn tiers(&self) -> Tiers {
        Tiers {
            memory: true,
            caps: Caps { redis: Some(100_000), disk: self.with_disk.then_some(100_000) },
            rules: Rules { memory_ttl: MEMORY_TTL, serves_when_down: true },
            negative: Some(10_000),
        }
    }
    /// Begins a read; what it serves at once, if it does.
    pub fn begin(&mut self, at: usize, key: u8) -> Option<Option<u64>> {
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
    pub fn ended(
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
    pub fn set(&mut self, at: usize, key: u8, ttl: Millis) {
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
    pub fn delete(&mut self, at: usize, key: u8) {
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
    pub fn changed(&mut self, by: Option<usize>, key: u8, published: bool) {
        for (at, instance) in self.instances.iter_mut().enumerate() {
            if Some(at) != by && instance.tracked {
                instance.inbound.push_back(Inbound::Push(key, published));
            }
        }
    }
    /// Redis takes an instance's next command.
    pub fn serve(&mut self, at: usize) {
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
    pub fn hear(&mut self, at: usize) {
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
    pub fn cut(&mut self, at: usize) {
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
    pub fn mend(&mut self, at: usize) {
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
    pub fn settle(&mut self) {
        (0..self.instances.len()).for_each(|at| self.mend(at));
        while self.instances.iter().any(|instance| !instance.out.is_empty() || !instance.inbound.is_empty()) {
            for at in 0..self.instances.len() {
                self.serve(at);
                self.hear(at);
            }
        }
    }
    /// What a read serves when nothing else happens.
    pub fn read(&mut self, at: usize, key: u8) -> Option<u64> {
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
