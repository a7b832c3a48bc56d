//! A process, and what goes between it and Redis.

use crate::KEYS;
use sluice_core::cache::coherence::Told;
use sluice_core::cache::read::Read;
use sluice_core::cache::{Millis, Moment, moment};
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug, Clone)]
pub enum Command {
    Get(u8, usize),
    Set(u8, u64, Millis),
    Fill(u8, u64, Millis, Moment),
    Delete(u8),
}
#[derive(Debug, Clone)]
pub enum Inbound {
    /// Tracking; with `true` the channel says so too.
    Push(u8, bool),
    Value(usize, Option<(u64, Millis)>),
    Filled(u8, bool, Moment),
    Down(usize),
}
#[derive(Debug, Clone, Copy)]
pub struct Copy {
    pub value: u64,
    pub deadline: Millis,
    pub stored: Millis,
    pub trust: i32,
}
pub struct Flight {
    pub key: u8,
    pub began: Moment,
    pub read: Read,
}
/// A process with memory, a disk of its own and a connection.
pub struct Instance {
    pub memory: BTreeMap<u8, Copy>,
    pub disk: BTreeMap<u8, (u64, Millis)>,
    pub absent: BTreeMap<u8, Moment>,
    pub epochs: [i32; KEYS as usize],
    pub era: i32,
    pub trust: i32,
    pub told: Told,
    pub tracked: bool,
    pub out: VecDeque<Command>,
    pub inbound: VecDeque<Inbound>,
    pub flights: Vec<Option<Flight>>,
}

impl Instance {
    pub fn new() -> Self {
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
    pub fn moment(&self, key: u8) -> Moment {
        moment(self.epochs[key as usize], self.era)
    }
    pub fn bump(&mut self, key: u8) {
        self.epochs[key as usize] += 1;
    }
    pub fn distrust(&mut self) {
        self.trust += 1;
        self.era += 1;
    }
}
