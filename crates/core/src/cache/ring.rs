//! The ring by which processes on one disk tell each other what they changed: a row for each commit.

use super::Millis;

/// What a commit changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Key hashes.
    pub hashes: Vec<u64>,
    /// Globs whose keys went.
    pub patterns: Vec<Box<[u8]>>,
    /// Tags whose keys went.
    pub tags: Vec<Box<str>>,
    /// Everything went.
    pub everything: bool,
}
/// Hashes a row names at most: beyond it says that everything may have changed.
const MAX_HASHES: usize = 16_384;
/// Rows that are kept: a process that has not looked for so many commits forgets all it has.
pub const KEPT_ROWS: u64 = 1024;

impl Change {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.hashes.is_empty() && self.patterns.is_empty() && self.tags.is_empty()
    }
    /// Writes a row.
    pub fn encode(&self, writer: u64) -> Vec<u8> {
        let mut out = writer.to_le_bytes().to_vec();
        if self.everything || self.hashes.len() > MAX_HASHES {
            out.push(1);
            return out;
        }
        out.push(0);
        out.extend_from_slice(&(self.hashes.len() as u32).to_le_bytes());
        self.hashes.iter().for_each(|hash| out.extend_from_slice(&hash.to_le_bytes()));
        let texts = self
            .patterns
            .iter()
            .map(|glob| (0, &**glob))
            .chain(self.tags.iter().map(|tag| (1, tag.as_bytes())));
        for (kind, text) in texts {
            out.push(kind);
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text);
        }
        out
    }
    /// Reads a row and adds it to what has changed; what cannot be read counts as everything. Gives the writer.
    pub fn merge_row(&mut self, row: &[u8]) -> u64 {
        let writer = row.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if self.merge(row.get(8..).unwrap_or(&[])).is_none() {
            self.everything = true;
        }
        writer
    }
    fn merge(&mut self, row: &[u8]) -> Option<()> {
        let (0, row) = row.split_first().map(|(flag, row)| (*flag, row))? else { return None };
        let (hashes, mut rest) = take(row, 8)?;
        self.hashes.extend(
            hashes
                .chunks_exact(8)
                .map(|chunk| chunk.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))),
        );
        while let Some((kind, after)) = rest.split_first() {
            let (text, after) = take(after, 1)?;
            match kind {
                0 => self.patterns.push(text.into()),
                _ => self.tags.push(std::str::from_utf8(text).ok()?.into()),
            }
            rest = after;
        }
        Some(())
    }
}
fn take(bytes: &[u8], unit: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?.checked_mul(unit)?;
    rest.split_at_checked(length)
}

/// What a process that has seen rows up to `seen` must do about a ring that holds `first..=last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Nothing is new.
    Current,
    /// Rows from here on are new.
    From(u64),
    /// Rows it has not seen are gone, or the ring began again.
    Overrun,
}
/// See `Behind`.
pub fn behind(seen: u64, first: u64, last: u64) -> Behind {
    if last == seen {
        Behind::Current
    } else if last < seen || first > seen.saturating_add(1) {
        Behind::Overrun
    } else {
        Behind::From(seen + 1)
    }
}

/// Who holds a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// As the caller named itself.
    pub owner: u64,
    /// Rises with each lease that is granted.
    pub token: u64,
    /// The last millisecond at which it holds.
    pub deadline: Millis,
    /// The process: which place it has in the store, and its how manyth user it is.
    pub process: (u64, u64),
}
impl Holder {
    /// As a row.
    pub fn encode(&self) -> [u8; 40] {
        let mut out = [0; 40];
        let numbers = [self.owner, self.token, self.deadline, self.process.0, self.process.1];
        for (place, number) in out.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        out
    }
    /// From a row; None when it is damaged.
    pub fn decode(row: &[u8]) -> Option<Self> {
        let mut numbers = row
            .chunks_exact(8)
            .filter_map(|chunk| chunk.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)));
        let mut next = || numbers.next();
        Some(Self { owner: next()?, token: next()?, deadline: next()?, process: (next()?, next()?) })
    }
    /// Whether it keeps another one out.
    pub fn keeps_out(&self, owner: u64, process: (u64, u64), now: Millis, is_dead: bool) -> bool {
        let is_same = self.owner == owner && self.process == process;
        !is_same && !is_dead && now <= self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_add_up() {
        let one = Change { hashes: vec![1, u64::MAX], patterns: vec![(*b"a*").into()], ..Change::default() };
        let two = Change { hashes: vec![3], tags: vec!["t".into()], ..Change::default() };
        let mut sum = Change::default();
        assert_eq!(sum.merge_row(&one.encode(9)), 9);
        assert_eq!(sum.merge_row(&two.encode(8)), 8);
        assert_eq!(sum.hashes, [1, u64::MAX, 3]);
        assert_eq!((&*sum.patterns[0], &*sum.tags[0], sum.everything), (&b"a*"[..], "t", false));
    }

    #[test]
    fn too_much_or_unreadable_is_everything() {
        let many = Change { hashes: vec![0; MAX_HASHES + 1], ..Change::default() };
        for row in
            [many.encode(1), Change { everything: true, ..Change::default() }.encode(1), vec![1, 2], vec![]]
        {
            let mut sum = Change::default();
            sum.merge_row(&row);
            assert!(sum.everything);
        }
    }

    #[test]
    fn a_ring_that_lost_rows_says_so() {
        assert_eq!(behind(7, 1, 7), Behind::Current);
        assert_eq!(behind(7, 1, 9), Behind::From(8));
        assert_eq!(behind(7, 8, 9), Behind::From(8));
        assert_eq!(behind(7, 9, 9), Behind::Overrun);
        assert_eq!(behind(7, 1, 3), Behind::Overrun);
        assert_eq!(behind(0, 0, 0), Behind::Current);
    }

    #[test]
    fn a_lease_keeps_others_out_while_its_process_lives() {
        let held = Holder { owner: 1, token: 5, deadline: 100, process: (0, 4) };
        assert!(held.keeps_out(2, (0, 4), 100, false));
        assert!(held.keeps_out(1, (1, 4), 100, false));
        assert!(!held.keeps_out(1, (0, 4), 100, false));
        assert!(!held.keeps_out(2, (1, 9), 101, false));
        assert!(!held.keeps_out(2, (1, 9), 100, true));
        assert_eq!(Holder::decode(&held.encode()), Some(held));
        assert_eq!(Holder::decode(&[1; 39]), None);
    }

    proptest! {
        #[test]
        fn any_row_is_read_without_panic(row in proptest::collection::vec(any::<u8>(), 0..80)) {
            Change::default().merge_row(&row);
        }
    }
}
