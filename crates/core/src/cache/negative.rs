//! Negative memory: keys that no tier had, each until its deadline, and while its moment has not passed.

use super::{Identity, Millis, Moment};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

#[derive(Debug, Clone, Copy)]
struct Absence {
    check: u64,
    until: Millis,
    moment: Moment,
    turn: u64,
}

/// A bounded memory of absent keys. A key is its hash, and a check: another, secret hash, since a caller could make
/// keys collide in the first and so hide one behind the absence of another.
#[derive(Debug)]
pub struct Negative {
    absent: HashMap<u64, Absence, BuildHasherDefault<Identity>>,
    /// In the order in which they were remembered; a turn that is no longer its entry's is left over.
    order: VecDeque<(u64, u64)>,
    max_keys: usize,
    turn: u64,
}
impl Negative {
    /// Room for so many keys.
    pub fn new(max_keys: usize) -> Self {
        Self { absent: HashMap::default(), order: VecDeque::new(), max_keys, turn: 0 }
    }
    /// Remembers a key's absence, seen in that moment. When there is no room, the oldest is forgotten.
    pub fn remember(&mut self, hash: u64, check: u64, until: Millis, moment: Moment) {
        if self.max_keys == 0 {
            return;
        }
        self.turn += 1;
        let turn = self.turn;
        self.absent.insert(hash, Absence { check, until, moment, turn });
        self.order.push_back((hash, turn));
        while self.absent.len() > self.max_keys || self.order.len() > 2 * self.max_keys {
            let Some((hash, turn)) = self.order.pop_front() else { break };
            if self.is_turn(hash, turn) {
                if self.absent.len() > self.max_keys {
                    self.absent.remove(&hash);
                } else {
                    self.order.push_front((hash, turn));
                    self.sweep();
                }
            }
        }
    }
    /// Whether the key is known to be absent. What is past its time, or of another moment, is forgotten.
    pub fn is_absent(&mut self, hash: u64, check: u64, now: Millis, moment: Moment) -> bool {
        match self.absent.get(&hash) {
            Some(absence) if now > absence.until || absence.moment != moment => {
                self.absent.remove(&hash);
                false
            }
            Some(absence) => absence.check == check,
            None => false,
        }
    }
    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.absent.len()
    }
    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.absent.is_empty()
    }
    /// Forgets all.
    pub fn clear(&mut self) {
        self.absent = HashMap::default();
        self.order = VecDeque::new();
    }
    fn is_turn(&self, hash: u64, turn: u64) -> bool {
        self.absent.get(&hash).is_some_and(|absence| absence.turn == turn)
    }
    /// Drops left-over turns: at most half are not, so it is paid for by those that came since the last time.
    fn sweep(&mut self) {
        let mut order = std::mem::take(&mut self.order);
        order.retain(|(hash, turn)| self.is_turn(*hash, *turn));
        self.order = order;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Remember { key: u8, ttl: u64 },
        Ask { key: u8 },
        Moved { key: u8 },
        Later(u64),
    }
    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (0u8..12, 0u64..40).prop_map(|(key, ttl)| Step::Remember { key, ttl }),
            3 => (0u8..12).prop_map(|key| Step::Ask { key }),
            1 => (0u8..12).prop_map(|key| Step::Moved { key }),
            1 => (0u64..15).prop_map(Step::Later),
        ];
        proptest::collection::vec(step, 1..200)
    }

    #[test]
    fn what_is_cleared_may_be_there_again() {
        let mut negative = Negative::new(4);
        (0..9).for_each(|key| negative.remember(key, 7, 1000, 0));
        negative.clear();
        assert!(negative.is_empty() && (0..9).all(|key| !negative.is_absent(key, 7, 1, 0)));
        (0..4).for_each(|key| negative.remember(key, 7, 1000, 0));
        assert!((0..4).all(|key| negative.is_absent(key, 7, 1, 0)));
    }

    proptest! {
        /// Against a plain list, oldest first.
        #[test]
        fn remembers_the_latest_absences(steps in steps(), max_keys in 0usize..6) {
            let mut negative = Negative::new(max_keys);
            let mut list: Vec<(u8, u64, Moment)> = Vec::new();
            let mut moments = [0; 12];
            let mut now = 1000;
            for step in steps {
                match step {
                    Step::Remember { key, ttl } => {
                        negative.remember(u64::from(key), 7, now + ttl, moments[usize::from(key)]);
                        list.retain(|(one, ..)| *one != key);
                        list.push((key, now + ttl, moments[usize::from(key)]));
                        let over = list.len().saturating_sub(max_keys);
                        list.drain(..over);
                    }
                    Step::Ask { key } => {
                        let moment = moments[usize::from(key)];
                        let dead = |(one, until, of): &(u8, u64, Moment)| *one == key && (now > *until || *of != moment);
                        list.retain(|one| !dead(one));
                        let known = list.iter().any(|(one, ..)| *one == key);
                        prop_assert_eq!(negative.is_absent(u64::from(key), 7, now, moment), known);
                        prop_assert!(!negative.is_absent(u64::from(key), 8, now, moment));
                    }
                    Step::Moved { key } => moments[usize::from(key)] += 1,
                    Step::Later(by) => now += by,
                }
                prop_assert_eq!(negative.len(), list.len());
                prop_assert!(negative.order.len() <= 2 * max_keys);
            }
        }
    }
}
