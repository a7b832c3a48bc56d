//! A read: memory, then Redis, then disk, and what is filled upwards from what was found.

use super::coherence::{Rules, Told};
use super::lifetime::{Caps, capped};
use super::{Millis, Record, skip};

/// What an instance is made of; the same for all its reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    /// Whether values are kept in memory.
    pub memory: bool,
    /// Caps of the tiers below, which also tell whether they are there.
    pub caps: Caps,
    /// How far copies are believed.
    pub rules: Rules,
    /// How long an absence is remembered, if at all.
    pub negative: Option<Millis>,
}

/// A tier, by the number that statistics use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Tier {
    /// L1.
    Memory = 1,
    /// L2.
    Redis = 2,
    /// L3.
    Disk = 3,
}
/// How good a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Quality {
    /// To be served.
    Fresh = 0,
    /// Past its deadline, within its stale window.
    Stale = 1,
    /// On disk from before a gap in what this host heard: only in place of an error.
    Suspect = 2,
}
/// What a read found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The value.
    pub record: Record,
    /// Where.
    pub tier: Tier,
    /// Until when it may be served from a near cache; 0: not at all.
    pub near_until: Millis,
    /// How good it is.
    pub quality: Quality,
}

/// What is known of a copy in memory, with the memory's trust when it was looked up.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// Its deadline.
    pub deadline: Millis,
    /// When it was stored.
    pub stored: Millis,
    /// The trust in which it was stored.
    pub copy_trust: i32,
    /// The trust now.
    pub trust: i32,
}

/// What a lower tier said.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Nothing there.
    Absent,
    /// A value. `doubt`: Redis does not say how long it lives, or the disk did not hear of all changes since.
    Found {
        /** The value. */
        record: Record,
        /** Whether there is a doubt. */
        doubt: bool,
    },
    /// Something unreadable.
    Damaged,
    /// The tier is away.
    Down,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Serve the copy in memory, until then from a near cache.
    ServeCopy(Millis),
    /// Ask Redis, then call `on_redis`.
    AskRedis,
    /// Ask the disk, then call `on_disk`.
    AskDisk,
    /// The read has ended.
    Done(Box<Outcome>),
}
/// How a read ended. Fills into memory and disk are made only if the moment has not passed; those into Redis are NX.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// None: a miss.
    pub found: Option<Found>,
    /// For memory.
    pub fill_memory: Option<Record>,
    /// For Redis.
    pub fill_redis: Option<Record>,
    /// For the disk.
    pub fill_disk: Option<Record>,
    /// Until when to remember that no tier has the key.
    pub absent_until: Option<Millis>,
    /// Whether it was answered from such a memory.
    pub negative: bool,
    /// Tiers whose value could not be read.
    pub damaged: u8,
}

/// A read of one key.
#[derive(Debug, Clone)]
pub struct Read {
    tiers: Tiers,
    told: Told,
    flags: u32,
    now: Millis,
    spare: Option<Box<Found>>,
    /// Whether every tier that was asked said that nothing is there.
    all_absent: bool,
    redis_absent: bool,
    redis_down: bool,
    damaged: u8,
}
impl Read {
    /// A read that leaves out the tiers of `flags` (`skip`).
    pub fn new(tiers: Tiers, told: Told, flags: u32, now: Millis) -> Self {
        let redis_down = matches!(told, Told::Down { .. });
        Self {
            tiers,
            told,
            flags,
            now,
            spare: None,
            all_absent: flags & !skip::DISK_FILL == 0,
            redis_absent: false,
            redis_down,
            damaged: 0,
        }
    }
    /// What memory has, and whether it remembers that no tier has the key. `record` makes the value of a copy that
    /// may have to be served stale.
    pub fn on_memory(
        &mut self,
        copy: Option<Held>,
        record: impl FnOnce() -> Option<Record>,
        known_absent: bool,
    ) -> Step {
        if self.flags & skip::MEMORY == 0 {
            if let Some(copy) = copy {
                let rules = &self.tiers.rules;
                let good =
                    rules.good_until(self.told, copy.deadline, copy.stored, copy.copy_trust, copy.trust);
                match good {
                    Some(until) if self.now <= until => return Step::ServeCopy(until),
                    // neither one that is past its time without asking nor a suspect one is served instead of an error
                    _ if copy.copy_trust == copy.trust && copy.deadline < self.now => {
                        if let Some(record) = record() {
                            self.keep(record, Tier::Memory, false);
                        }
                    }
                    _ => {}
                }
            } else if known_absent && self.flags & !skip::DISK_FILL == 0 && self.told.tells() {
                return Step::Done(Box::new(Outcome { negative: true, ..Outcome::default() }));
            }
        }
        if self.tiers.caps.redis.is_some() && self.flags & skip::REDIS == 0 {
            if !self.redis_down {
                return Step::AskRedis;
            }
            self.all_absent = false;
        }
        self.after_redis()
    }
    /// What Redis said.
    pub fn on_redis(&mut self, answer: Answer) -> Step {
        match answer {
            Answer::Absent => self.redis_absent = true,
            Answer::Down => {
                self.redis_down = true;
                self.all_absent = false;
            }
            Answer::Damaged => self.damage(),
            Answer::Found { mut record, doubt } => {
                if doubt {
                    record.deadline = record.deadline.min(self.short());
                    record.stale_until = record.deadline;
                }
                if record.is_fresh(self.now) {
                    let fill_disk = match self.tiers.caps.disk {
                        Some(cap) if !doubt && self.flags & (skip::DISK | skip::DISK_FILL) == 0 => {
                            Some(capped(record.clone(), cap, self.now))
                        }
                        _ => None,
                    };
                    let fill_memory = self.for_memory(&record);
                    let until = self.near(&record);
                    let outcome = Outcome { fill_memory, fill_disk, ..Outcome::default() };
                    return self.found(record, Tier::Redis, until, outcome);
                }
                self.keep(record, Tier::Redis, false);
                self.all_absent = false;
            }
        }
        self.after_redis()
    }
    /// What the disk said.
    pub fn on_disk(&mut self, answer: Answer) -> Step {
        match answer {
            Answer::Absent => {}
            Answer::Down => self.all_absent = false,
            Answer::Damaged => self.damage(),
            Answer::Found { record, doubt } => {
                let serves = !doubt || self.redis_down;
                if record.is_fresh(self.now) && serves {
                    if doubt {
                        return self.found(record, Tier::Disk, 0, Outcome::default());
                    }
                    let fill_redis = match self.tiers.caps.redis {
                        Some(cap) if self.redis_absent => Some(capped(record.clone(), cap, self.now)),
                        _ => None,
                    };
                    let fill_memory = self.for_memory(&record);
                    let until = self.near(&record);
                    let outcome = Outcome { fill_memory, fill_redis, ..Outcome::default() };
                    return self.found(record, Tier::Disk, until, outcome);
                }
                self.keep(record, Tier::Disk, doubt);
                self.all_absent = false;
            }
        }
        self.missed()
    }
    fn after_redis(&mut self) -> Step {
        if self.redis_down && !self.tiers.rules.serves_when_down {
            self.spare = None;
            return self.missed();
        }
        if self.tiers.caps.disk.is_some() && self.flags & skip::DISK == 0 {
            return Step::AskDisk;
        }
        self.missed()
    }
    fn damage(&mut self) {
        self.damaged += 1;
        self.all_absent = false;
    }
    /// Keeps what may be served stale if nothing better is found.
    fn keep(&mut self, record: Record, tier: Tier, doubt: bool) {
        let quality = if doubt { Quality::Suspect } else { Quality::Stale };
        let usable = self.now <= record.stale_until;
        let better = self.spare.as_ref().is_none_or(|held| held.record.deadline < record.deadline);
        if usable && better {
            self.spare = Some(Box::new(Found { record, tier, near_until: 0, quality }));
        }
    }
    fn found(&self, record: Record, tier: Tier, near_until: Millis, outcome: Outcome) -> Step {
        let found = Some(Found { record, tier, near_until, quality: Quality::Fresh });
        Step::Done(Box::new(Outcome { found, damaged: self.damaged, ..outcome }))
    }
    fn missed(&mut self) -> Step {
        let found = self.spare.take().map(|spare| *spare);
        let below = self.tiers.caps.redis.is_some() || self.tiers.caps.disk.is_some();
        let remembers = found.is_none() && self.all_absent && below && self.told.tells();
        let absent_until = self.tiers.negative.filter(|_| remembers).map(|ms| self.now.saturating_add(ms));
        Step::Done(Box::new(Outcome { found, absent_until, damaged: self.damaged, ..Outcome::default() }))
    }
    fn for_memory(&self, record: &Record) -> Option<Record> {
        (self.tiers.memory && self.flags & skip::MEMORY == 0).then(|| record.clone())
    }
    fn short(&self) -> Millis {
        self.now.saturating_add(self.tiers.rules.memory_ttl)
    }
    /// Until when what was just read may be served without asking.
    fn near(&self, record: &Record) -> Millis {
        if self.told.tells() { record.deadline } else { record.deadline.min(self.short()) }
    }
}
