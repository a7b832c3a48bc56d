//! Single flight: who loads a key, and who waits for that. Within a process the end of an owner is known, so a lease
//! has no deadline here: it ends when its owner releases it or is gone. (Those on disk and in Redis have one.)

use std::collections::HashMap;

/// What was said to who asked for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// The caller loads; with its fencing token, which is larger than every earlier one.
    Granted(u64),
    /// Another loads.
    Busy,
}

#[derive(Debug)]
struct Flight<W> {
    token: u64,
    owner: u64,
    waiters: Vec<(u64, W)>,
}

/// The leases of a process, with what is to be called (`W`) when one ends.
#[derive(Debug)]
pub struct Flights<W> {
    flights: HashMap<Box<[u8]>, Flight<W>>,
    last: u64,
}
impl<W> Default for Flights<W> {
    fn default() -> Self {
        Self { flights: HashMap::new(), last: 0 }
    }
}
impl<W> Flights<W> {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
    /// Asks for the lease of a key.
    pub fn lease(&mut self, key: &[u8], owner: u64) -> Lease {
        if self.flights.contains_key(key) {
            return Lease::Busy;
        }
        let token = self.next();
        self.flights.insert(key.into(), Flight { token, owner, waiters: Vec::new() });
        Lease::Granted(token)
    }
    /// Whether that token is the key's lease.
    pub fn holds(&self, key: &[u8], token: u64) -> bool {
        self.flights.get(key).is_some_and(|flight| flight.token == token)
    }
    /// Waits for the end of the key's lease: a number by which to give up, or the waiter back when there is no lease.
    pub fn wait(&mut self, key: &[u8], waiter: W) -> Result<u64, W> {
        let wait = self.next();
        match self.flights.get_mut(key) {
            Some(flight) => {
                flight.waiters.push((wait, waiter));
                Ok(wait)
            }
            None => Err(waiter),
        }
    }
    /// Gives up waiting. The waiter, when it has not been called.
    pub fn give_up(&mut self, key: &[u8], wait: u64) -> Option<W> {
        let waiters = &mut self.flights.get_mut(key)?.waiters;
        let at = waiters.iter().position(|(one, _)| *one == wait)?;
        Some(waiters.swap_remove(at).1)
    }
    /// Ends a lease; who waited is to be called. Nothing when the token is not its own.
    pub fn release(&mut self, key: &[u8], token: u64) -> Vec<W> {
        if !self.holds(key, token) {
            return Vec::new();
        }
        self.flights.remove(key).map_or_else(Vec::new, Flight::landed)
    }
    /// Ends all leases of an owner that is gone; who waited is to be called.
    pub fn drop_owner(&mut self, owner: u64) -> Vec<W> {
        let gone = self.flights.extract_if(|_, flight| flight.owner == owner);
        gone.flat_map(|(_, flight)| flight.landed()).collect()
    }
    /// How many leases there are.
    pub fn len(&self) -> usize {
        self.flights.len()
    }
    /// Whether nobody loads.
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }
}
impl<W> Flight<W> {
    fn landed(self) -> Vec<W> {
        self.waiters.into_iter().map(|(_, waiter)| waiter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Clone)]
    enum Step {
        Lease(u8, u64),
        Release(u8, bool),
        Wait(u8),
        GiveUp(usize),
        Drop(u64),
    }
    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0u8..4, 0u64..3).prop_map(|(key, owner)| Step::Lease(key, owner)),
            (0u8..4, any::<bool>()).prop_map(|(key, right)| Step::Release(key, right)),
            (0u8..4).prop_map(Step::Wait),
            (0usize..8).prop_map(Step::GiveUp),
            (0u64..3).prop_map(Step::Drop),
        ];
        proptest::collection::vec(step, 1..80)
    }

    proptest! {
        /// Against a list of who flies and who waits: one flight a key, every waiter called exactly once.
        #[test]
        fn one_loads_and_nobody_waits_for_ever(steps in steps()) {
            let mut flights = Flights::<u32>::default();
            let mut flying: BTreeMap<u8, (u64, u64)> = BTreeMap::new();
            let mut waiting: Vec<(u32, u8, u64)> = Vec::new();
            let (mut waiters, mut highest) = (0u32, 0u64);
            for step in steps {
                let mut called = Vec::new();
                let mut due = Vec::new();
                match step {
                    Step::Lease(key, owner) => match flights.lease(&[key], owner) {
                        Lease::Granted(token) => {
                            prop_assert!(token > highest);
                            highest = token;
                            prop_assert!(flying.insert(key, (token, owner)).is_none());
                        }
                        Lease::Busy => prop_assert!(flying.contains_key(&key)),
                    },
                    Step::Release(key, right) => {
                        let token = flying.get(&key).map_or(0, |(token, _)| *token);
                        called = flights.release(&[key], if right { token } else { token + 1 });
                        if right && flying.remove(&key).is_some() {
                            due = waiting.extract_if(.., |(_, of, _)| *of == key).map(|(id, ..)| id).collect();
                        }
                    }
                    Step::Wait(key) => {
                        waiters += 1;
                        match flights.wait(&[key], waiters) {
                            Ok(wait) => {
                                prop_assert!(flying.contains_key(&key));
                                highest = highest.max(wait);
                                waiting.push((waiters, key, wait));
                            }
                            Err(back) => prop_assert!(back == waiters && !flying.contains_key(&key)),
                        }
                    }
                    Step::GiveUp(at) if at < waiting.len() => {
                        let (id, key, wait) = waiting.remove(at);
                        prop_assert_eq!(flights.give_up(&[key], wait), Some(id));
                        prop_assert_eq!(flights.give_up(&[key], wait), None);
                    }
                    Step::GiveUp(_) => {}
                    Step::Drop(owner) => {
                        called = flights.drop_owner(owner);
                        flying.retain(|_, (_, of)| *of != owner);
                        due = waiting
                            .extract_if(.., |(_, key, _)| !flying.contains_key(key))
                            .map(|(id, ..)| id)
                            .collect();
                    }
                }
                called.sort_unstable();
                due.sort_unstable();
                prop_assert_eq!(called, due);
                prop_assert_eq!(flights.len(), flying.len());
                for (key, (token, _)) in &flying {
                    prop_assert!(flights.holds(&[*key], *token) && !flights.holds(&[*key], token + 1));
                }
            }
        }
    }
}
