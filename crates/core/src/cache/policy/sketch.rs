//! How often keys were used lately: a count-min sketch of four rows of 4-bit counters, halved now and then, after
//! Einziger, Friedman, Manes, "TinyLFU: a highly efficient cache admission policy", ACM ToS 2017.

/// The counters. A key's four lie in one block of 64 bytes: one cache line.
#[derive(Debug, Default)]
pub struct Sketch {
    blocks: Vec<[u64; 8]>,
    /// Uses counted since the last halving.
    counted: u64,
}

const SAMPLES_PER_COUNTED_ENTRY: u64 = 10;
const ENTRIES_PER_BLOCK: usize = 8;

impl Sketch {
    /// Makes room for so many keys. What was counted stays: a block's keys spread over it and its copy.
    pub fn reserve(&mut self, entries: usize) {
        while self.blocks.len() * ENTRIES_PER_BLOCK < entries || self.blocks.is_empty() {
            if self.blocks.is_empty() {
                self.blocks.push([0; 8]);
            } else {
                self.blocks.extend_from_within(..);
            }
        }
    }
    /// Counts a use.
    pub fn count(&mut self, hash: u64) {
        let mask = self.blocks.len().wrapping_sub(1);
        let Some(block) = self.blocks.get_mut(hash as usize & mask) else { return };
        let mut moved = false;
        for row in 0..4 {
            let (word, shift) = place(hash, row);
            if let Some(word) = block.get_mut(word)
                && (*word >> shift) & 15 < 15
            {
                *word += 1 << shift;
                moved = true;
            }
        }
        if moved {
            self.counted += 1;
            if self.counted >= SAMPLES_PER_COUNTED_ENTRY * (self.blocks.len() * ENTRIES_PER_BLOCK) as u64 {
                self.halve();
            }
        }
    }
    /// How often a key was used, as far as is known: never less than it was since the last halving, up to 15.
    pub fn frequency(&self, hash: u64) -> u64 {
        let mask = self.blocks.len().wrapping_sub(1);
        let Some(block) = self.blocks.get(hash as usize & mask) else { return 0 };
        let count = |row| {
            let (word, shift) = place(hash, row);
            block.get(word).map_or(0, |word| (word >> shift) & 15)
        };
        (0..4).map(count).min().unwrap_or(0)
    }
    fn halve(&mut self) {
        for word in self.blocks.iter_mut().flatten() {
            *word = (*word >> 1) & 0x7777_7777_7777_7777;
        }
        self.counted /= 2;
    }
}

/// The word of a block and the shift within it: each row has two words of 16 counters, so five bits of the hash.
fn place(hash: u64, row: u32) -> (usize, u32) {
    let bits = (hash >> (40 + row * 5)) as u32 & 31;
    ((row * 2 + (bits >> 4)) as usize, (bits & 15) * 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::key_hash;

    #[test]
    fn never_counts_less_than_there_was_and_rarely_more() {
        let mut sketch = Sketch::default();
        sketch.reserve(2000);
        let hash = |key: u32| key_hash(&key.to_le_bytes());
        for key in 0..1000u32 {
            for _ in 0..key % 8 {
                sketch.count(hash(key));
            }
        }
        let more = (0..1000u32)
            .filter(|key| {
                let (counted, real) = (sketch.frequency(hash(*key)), u64::from(key % 8));
                assert!(counted >= real, "{key}: {counted} < {real}");
                counted > real
            })
            .count();
        assert!(more < 100, "{more} of 1000 are over");
    }

    #[test]
    fn halves_so_that_old_fame_fades() {
        let mut sketch = Sketch::default();
        sketch.reserve(64);
        let famous = key_hash(b"famous");
        (0..100).for_each(|_| sketch.count(famous));
        assert_eq!(sketch.frequency(famous), 15);
        for key in 0..10_000u32 {
            sketch.count(key_hash(&key.to_le_bytes()));
        }
        assert!(sketch.counted < 640);
        assert!(sketch.blocks.iter().flatten().any(|word| *word != 0));
    }

    #[test]
    fn growing_keeps_what_was_counted() {
        let mut sketch = Sketch::default();
        sketch.reserve(1);
        let key = key_hash(b"key");
        (0..5).for_each(|_| sketch.count(key));
        sketch.reserve(100_000);
        assert_eq!(sketch.frequency(key), 5);
    }
}
