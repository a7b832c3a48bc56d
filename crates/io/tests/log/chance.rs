//! Seeded chance, and changes made by it.

use super::model::Model;
use bytes::Bytes;
use sluice_io::log::{Change, Letter, Row, Seen, Seq};
use std::sync::Arc;

pub const QUEUES: [&str; 2] = ["mail", "usage"];

/// Sebastiano Vigna's splitmix64.
pub struct Chance(u64);
impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// From 0 to below the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
    pub fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
    fn bytes(&mut self) -> Bytes {
        let length = match self.below(30) {
            0 => 3_000 + self.below(20_000),
            1 => 0,
            2..5 => self.below(3_000),
            _ => self.below(120),
        };
        (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(length as usize).collect()
    }
    fn key(&mut self) -> Option<Box<str>> {
        if self.one_in(2) { Some(format!("key-{}", self.below(12)).into()) } else { None }
    }
    fn row(&mut self, seq: Seq) -> Row {
        let (at, attempts, tag) = (self.below(1 << 40), self.below(4) as u32, self.below(5) as u8);
        Row { seq, at, attempts, key: self.key(), tag, payload: self.bytes() }
    }
    /// A number of one that is there, mostly.
    fn known<'a>(&mut self, seqs: impl Iterator<Item = &'a Seq>) -> Seq {
        let seqs: Vec<Seq> = seqs.copied().collect();
        if seqs.is_empty() || self.one_in(20) {
            self.below(50)
        } else {
            seqs[self.below(seqs.len() as u64) as usize]
        }
    }
    /// A change that makes sense, mostly, of what the model has.
    pub fn change(&mut self, model: &Model) -> Change {
        let name = QUEUES[usize::from(self.one_in(4))];
        let queue: Arc<str> = name.into();
        let found = model.queues.get(name).cloned().unwrap_or_default();
        let next = found.used + 1;
        let pending = self.known(found.pending.keys());
        let dead = self.known(found.dead.keys());
        let crowd = found.pending.len() as u64;
        match self.below(20 + crowd) {
            0..12 => {
                let (seq, claim) = (next + self.below(3), self.one_in(2));
                Change::Accept { queue, row: self.row(seq), claim }
            }
            12 => Change::Attempts { queue, seq: pending, attempts: self.below(9) as u32 },
            13 => {
                let (attempts, died) = (self.below(9) as u32, 1 + self.below(1000));
                Change::Bury { queue, seq: pending, attempts, error: format!("error {died}").into(), died }
            }
            14 => Change::Requeue { queue, seq: dead },
            15 => Change::Forget { queue, seq: if self.one_in(2) { pending } else { dead } },
            16 if self.one_in(3) => self.adopt(queue, next),
            16 if self.one_in(2) => Change::Clear { queue, up_to: pending },
            16 => Change::Unsee { queue, key: format!("key-{}", self.below(12)).into() },
            17 => {
                let text = if self.one_in(3) { None } else { Some(format!("{}", self.below(99)).into()) };
                Change::Note { name: format!("note-{}", self.below(5)).into(), text }
            }
            _ => {
                let seen = if self.one_in(2) {
                    let result = if self.one_in(2) { None } else { Some(self.bytes()) };
                    Some((1 + self.below(2000), result))
                } else {
                    None
                };
                Change::Complete { queue, seq: pending, seen }
            }
        }
    }
    fn adopt(&mut self, queue: Arc<str>, next: Seq) -> Change {
        let count = self.below(8);
        let rows: Vec<Row> = (0..count).map(|index| self.row(next + index)).collect();
        let letter = |(index, row): (u64, Row)| Letter { row, error: "adopted".into(), died: 1 + index };
        let letters =
            (0..self.below(3)).map(|index| (index, self.row(next + count + index))).map(letter).collect();
        let seen = (0..self.below(4)).map(|_| Seen {
            key: format!("key-{}", self.below(12)).into(),
            pending: None,
            expires: 1 + self.below(2000),
            result: Some(self.bytes()),
        });
        let mut seen: Vec<Seen> = seen.collect();
        if let Some(Row { key: Some(key), seq, .. }) = rows.first() {
            seen.push(Seen { key: key.clone(), pending: Some(*seq), expires: u64::MAX, result: None });
        }
        Change::Adopt { queue, rows, letters, seen }
    }
}
