//! Dead letters: which are kept, in the order of their deaths.

use super::types::Id;
use std::collections::{BTreeMap, HashMap};

/// The letters.
#[derive(Debug, Default)]
pub struct Letters {
    by_age: BTreeMap<u64, Id>,
    places: HashMap<Id, u64>,
    next: u64,
}
impl Letters {
    /// Letters kept.
    pub fn len(&self) -> u64 {
        u64::try_from(self.by_age.len()).unwrap_or(u64::MAX)
    }
    /// One more, at most so many; whether it is kept, and the oldest when that had to go.
    pub fn push(&mut self, id: Id, most: u64) -> (bool, Option<Id>) {
        if most == 0 {
            return (false, None);
        }
        self.remove(id);
        let evicted = if self.len() >= most { self.by_age.pop_first().map(|(_, id)| id) } else { None };
        if let Some(id) = evicted {
            self.places.remove(&id);
        }
        self.next += 1;
        self.by_age.insert(self.next, id);
        self.places.insert(id, self.next);
        (true, evicted)
    }
    /// Takes a letter out. False: there is none.
    pub fn remove(&mut self, id: Id) -> bool {
        self.places.remove(&id).is_some_and(|place| self.by_age.remove(&place).is_some())
    }
    /// Forgets all of them; how many.
    pub fn clear(&mut self) -> u64 {
        let count = self.len();
        self.by_age.clear();
        self.places.clear();
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_letter_goes_for_the_newest() {
        let mut letters = Letters::default();
        assert_eq!(letters.push(1, 2), (true, None));
        assert_eq!(letters.push(2, 2), (true, None));
        assert_eq!(letters.push(3, 2), (true, Some(1)));
        assert_eq!((letters.remove(1), letters.remove(2), letters.remove(2)), (false, true, false));
        assert_eq!(letters.push(4, 2), (true, None));
        assert_eq!((letters.len(), letters.clear(), letters.len()), (2, 2, 0));
        assert!(!letters.remove(3));
    }

    #[test]
    fn those_that_had_to_go_take_no_room() {
        let mut letters = Letters::default();
        (0..1000).for_each(|id| assert!(letters.push(id, 2).0));
        assert_eq!((letters.by_age.len(), letters.places.len()), (2, 2));
    }

    #[test]
    fn none_is_kept_where_none_may_be() {
        let mut letters = Letters::default();
        assert_eq!((letters.push(1, 0), letters.len()), ((false, None), 0));
    }

    #[test]
    fn one_that_dies_again_is_one_letter_and_the_newest() {
        let mut letters = Letters::default();
        letters.push(1, 2);
        letters.push(2, 2);
        assert_eq!(letters.push(1, 2), (true, None));
        assert_eq!(letters.push(3, 2), (true, Some(2)));
    }
}
