//! What Redis was not told while it was away, to be invalidated when it is back. Bounded: beyond so many keys or
//! patterns it is everything.

use super::glob;
use bytes::Bytes;
use std::collections::HashSet;

/// Keys that are remembered one by one.
pub const MAX_KEYS: usize = 100_000;
/// Patterns, prefixes and tags that are remembered one by one.
pub const MAX_PATTERNS: usize = 1_000;

/// One change that was missed and names more than a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wide {
    /// Keys that match a glob.
    Pattern(Bytes),
    /// Keys that begin so.
    Prefix(Bytes),
    /// Keys that carry a tag.
    Tag(Box<str>),
}

/// What has to be invalidated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owed {
    /// These.
    Some {
        /** Single keys. */
        keys: Vec<Bytes>,
        /** What names more than a key. */
        wide: Vec<Wide>,
    },
    /// More was missed than could be remembered.
    Everything,
}

/// The changes that were missed.
#[derive(Debug, Default)]
pub struct Missed {
    keys: HashSet<Bytes>,
    wide: HashSet<Wide>,
    everything: bool,
}
impl Missed {
    /// Nothing missed.
    pub fn new() -> Self {
        Self::default()
    }
    /// Whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.keys.is_empty() && self.wide.is_empty()
    }
    /// A key was set or deleted.
    pub fn key(&mut self, key: Bytes) {
        if !self.everything {
            self.keys.insert(key);
            self.bound();
        }
    }
    /// Many keys were deleted.
    pub fn wide(&mut self, wide: Wide) {
        if !self.everything {
            let all = matches!(&wide, Wide::Prefix(prefix) if prefix.is_empty());
            self.wide.insert(wide);
            self.everything = all;
            self.bound();
        }
    }
    /// Nothing that is stored may be trusted.
    pub fn everything(&mut self) {
        self.everything = true;
        self.bound();
    }
    /// A later write of the key has arrived.
    pub fn forget(&mut self, key: &[u8]) {
        self.keys.remove(key);
    }
    /// Whether what is stored of the key may be older than what was missed. Anything may carry a tag.
    pub fn concerns(&self, key: &[u8]) -> bool {
        self.everything
            || self.keys.contains(key)
            || self.wide.iter().any(|wide| match wide {
                Wide::Pattern(glob) => glob::matches(glob, key),
                Wide::Prefix(prefix) => key.starts_with(prefix),
                Wide::Tag(_) => true,
            })
    }
    fn bound(&mut self) {
        if self.everything || self.keys.len() > MAX_KEYS || self.wide.len() > MAX_PATTERNS {
            // the memory of single ones goes as well: it would only be repeated
            *self = Self { everything: true, ..Self::default() };
        }
    }
    /// What is owed, now the caller's business; None: nothing. It comes back by `put_back` when it could not be done.
    pub fn take(&mut self) -> Option<Owed> {
        let all = std::mem::take(self);
        if all.everything {
            Some(Owed::Everything)
        } else if all.is_empty() {
            None
        } else {
            Some(Owed::Some { keys: all.keys.into_iter().collect(), wide: all.wide.into_iter().collect() })
        }
    }
    /// Owed again.
    pub fn put_back(&mut self, owed: Owed) {
        match owed {
            Owed::Everything => self.everything(),
            Owed::Some { keys, wide } => {
                keys.into_iter().for_each(|key| self.key(key));
                wide.into_iter().for_each(|wide| self.wide(wide));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn key(number: usize) -> Bytes {
        Bytes::from(number.to_string())
    }

    #[test]
    fn as_many_as_stated_and_then_everything() {
        let mut missed = Missed::new();
        for round in 0..2 {
            (0..MAX_KEYS).for_each(|number| missed.key(key(number)));
            assert!(!missed.everything, "round {round}");
        }
        missed.key(key(MAX_KEYS));
        missed.key(key(1));
        assert!(missed.keys.capacity() == 0, "nothing is held beyond the bound");
        assert_eq!(missed.take(), Some(Owed::Everything));
        assert_eq!(missed.take(), None);

        for number in 0..MAX_PATTERNS {
            missed.wide(Wide::Pattern(key(number)));
        }
        assert!(matches!(missed.take(), Some(Owed::Some { wide, .. }) if wide.len() == MAX_PATTERNS));
        for number in 0..=MAX_PATTERNS {
            missed.wide(Wide::Tag(number.to_string().into()));
        }
        assert_eq!(missed.take(), Some(Owed::Everything));
        missed.wide(Wide::Prefix(Bytes::new()));
        assert_eq!(missed.take(), Some(Owed::Everything));
    }

    proptest! {
        #[test]
        fn nothing_is_forgotten(numbers in proptest::collection::vec(0usize..50, 0..80), cut in 0usize..80) {
            let mut missed = Missed::new();
            for (index, number) in numbers.iter().enumerate() {
                missed.key(key(*number));
                if index == cut && let Some(owed) = missed.take() {
                    missed.put_back(owed);
                }
            }
            let want: BTreeSet<Bytes> = numbers.iter().map(|number| key(*number)).collect();
            let got = match missed.take() {
                Some(Owed::Some { keys, .. }) => keys.into_iter().collect(),
                _ => BTreeSet::new(),
            };
            prop_assert_eq!(got, want);
        }
    }
}
