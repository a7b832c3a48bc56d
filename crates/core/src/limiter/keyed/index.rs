//! Hash -> record: open addressing with linear probing, a word of 4 bytes a slot (a record's place in 24 bits, 8 bits of its
//! hash), in parts that grow alone, so that no pause is longer than a part's. Deleting moves the next ones up: nothing is left behind,
//! so churn does not make it grow.

/// Keys of a part, about.
const PART: u32 = 512;
const FIRST: usize = 8;
const EMPTY: u32 = u32::MAX;
const PLACE: u32 = 0x00ff_ffff;
/// Keys that it can tell apart.
pub(super) const MAX_KEYS: u32 = PLACE;

#[derive(Debug, Clone, Default)]
struct Part {
    slots: Box<[u32]>,
    used: usize,
}

/// The index.
#[derive(Debug)]
pub(super) struct Index {
    parts: Vec<Part>,
    mask: u64,
    slots: u64,
}
impl Index {
    /// For so many keys at most; empty, it takes next to nothing.
    pub fn new(max_keys: u32) -> Self {
        let parts = (max_keys / PART).max(1).next_power_of_two();
        Self { parts: vec![Part::default(); parts as usize], mask: u64::from(parts) - 1, slots: 0 }
    }
    /// Bytes of all parts.
    pub fn bytes(&self) -> u64 {
        self.slots * size_of::<u32>() as u64 + self.parts_bytes()
    }
    /// Bytes that it has when it is empty.
    pub fn parts_bytes(&self) -> u64 {
        self.parts.len() as u64 * size_of::<Part>() as u64
    }
    #[inline]
    fn part(&self, hash: u64) -> usize {
        (hash >> 32 & self.mask) as usize
    }
    #[inline]
    pub fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.parts.get(self.part(hash))?.find(hash, is).map(|(_, at)| at)
    }
    /// Adds what is not there.
    pub fn insert(&mut self, hash: u64, at: u32, hash_of: impl Fn(u32) -> u64) {
        let part = self.part(hash);
        let Some(part) = self.parts.get_mut(part) else { return };
        if (part.used + 1) * 8 > part.slots.len() * 7 {
            self.slots += part.grow(hash_of) as u64;
        }
        part.put(hash, at);
        part.used += 1;
    }
    pub fn remove(&mut self, hash: u64, at: u32, hash_of: impl Fn(u32) -> u64) {
        let part = self.part(hash);
        if let Some(part) = self.parts.get_mut(part) {
            part.remove(hash, at, hash_of);
        }
    }
}
impl Part {
    #[inline]
    fn mask(&self) -> usize {
        self.slots.len().wrapping_sub(1)
    }
    fn slot(&self, place: usize) -> u32 {
        self.slots.get(place).copied().unwrap_or(EMPTY)
    }
    fn set(&mut self, place: usize, slot: u32) {
        if let Some(to) = self.slots.get_mut(place) {
            *to = slot;
        }
    }
    #[inline]
    fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        let tag = (hash >> 56) as u32;
        let mask = self.mask();
        let mut place = hash as usize & mask;
        loop {
            let slot = *self.slots.get(place)?;
            if slot == EMPTY {
                return None;
            }
            if slot >> 24 == tag && is(slot & PLACE) {
                return Some((place, slot & PLACE));
            }
            place = (place + 1) & mask;
        }
    }
    fn put(&mut self, hash: u64, at: u32) {
        let mask = self.mask();
        let mut place = hash as usize & mask;
        while self.slot(place) != EMPTY {
            place = (place + 1) & mask;
        }
        self.set(place, ((hash >> 56) as u32) << 24 | at);
    }
    /// Twice the slots; returns how many more.
    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) -> usize {
        let before = self.slots.len();
        let slots = vec![EMPTY; (before * 2).max(FIRST)].into_boxed_slice();
        let old = std::mem::replace(&mut self.slots, slots);
        for slot in old.into_iter().filter(|&slot| slot != EMPTY) {
            self.put(hash_of(slot & PLACE), slot & PLACE);
        }
        self.slots.len() - before
    }
    fn remove(&mut self, hash: u64, at: u32, hash_of: impl Fn(u32) -> u64) {
        let Some((mut gap, _)) = self.find(hash, |found| found == at) else { return };
        let mask = self.mask();
        let mut place = gap;
        loop {
            place = (place + 1) & mask;
            let slot = self.slot(place);
            if slot == EMPTY {
                break;
            }
            let home = hash_of(slot & PLACE) as usize & mask;
            // it may move up when its home is not behind the gap
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(gap) & mask {
                self.set(gap, slot);
                gap = place;
            }
        }
        self.set(gap, EMPTY);
        self.used = self.used.saturating_sub(1);
    }
}
