//! Batches in flight and the time that their handlers have.

use super::queue::Run;
use super::types::{BatchId, Lane, Millis};
use std::collections::VecDeque;

/// A batch.
#[derive(Debug, Default)]
pub struct Flight {
    /// Its lane.
    pub lane: Lane,
    /// 1 on the first try.
    pub attempt: u32,
    /// Its items, in the order of their places.
    pub items: Vec<Run>,
    /// Which of those that had this number it is.
    turn: u64,
    live: bool,
}

impl Flight {
    /// Its items.
    pub fn count(&self) -> u64 {
        self.items.iter().map(|run| run.count).sum()
    }
}

/// A finished batch keeps room for so many runs.
const SPARE: usize = 1024;

/// All batches.
#[derive(Debug, Default)]
pub struct Flights {
    flights: Vec<Flight>,
    free: Vec<BatchId>,
    /// In order; those of finished batches are passed over.
    deadlines: VecDeque<(Millis, BatchId, u64)>,
    turn: u64,
}
impl Flights {
    /// Batches in flight.
    pub fn len(&self) -> usize {
        self.flights.len() - self.free.len()
    }
    /// A batch leaves, to be filled; `until` is when its handler has had its time.
    pub fn begin(
        &mut self,
        lane: Lane,
        attempt: u32,
        until: Option<Millis>,
        fill: impl FnOnce(&mut Vec<Run>),
    ) -> BatchId {
        let batch = self.free.pop().unwrap_or_else(|| {
            self.flights.push(Flight::default());
            BatchId::try_from(self.flights.len() - 1).unwrap_or(BatchId::MAX)
        });
        self.turn += 1;
        let turn = self.turn;
        if let Some(flight) = self.flights.get_mut(place(batch)) {
            flight.lane = lane;
            flight.attempt = attempt;
            flight.turn = turn;
            flight.live = true;
            fill(&mut flight.items);
        }
        if let Some(until) = until {
            self.deadlines.push_back((until, batch, turn));
            if self.deadlines.len() > 2 * self.len() + 64 {
                let flights = &self.flights;
                self.deadlines.retain(|&(_, batch, turn)| flies(flights, batch, turn));
            }
        }
        batch
    }
    /// Ends a batch and gives it away; `recycle` takes it back. None: it is not in flight.
    pub fn end(&mut self, batch: BatchId) -> Option<Flight> {
        let flight = self.flights.get_mut(place(batch)).filter(|flight| flight.live)?;
        let ended = std::mem::take(flight);
        self.free.push(batch);
        self.pass();
        Some(ended)
    }
    /// Keeps the memory of a finished batch for the next one.
    pub fn recycle(&mut self, mut flight: Flight) {
        flight.items.clear();
        let next = self.free.last().and_then(|&batch| self.flights.get_mut(place(batch)));
        if let Some(next) = next.filter(|next| !next.live && flight.items.capacity() <= SPARE) {
            next.items = flight.items;
        }
    }
    /// A batch whose handler has had its time; each is said once.
    pub fn overdue(&mut self, now: Millis) -> Option<BatchId> {
        let &(until, batch, _) = self.deadlines.front()?;
        if until > now {
            return None;
        }
        self.deadlines.pop_front();
        self.pass();
        Some(batch)
    }
    /// When the next handler has had its time.
    pub fn deadline(&self) -> Option<Millis> {
        self.deadlines.front().map(|&(until, ..)| until)
    }
    /// Batches with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (BatchId, &Flight)> {
        (0..).zip(&self.flights).filter(|(_, flight)| flight.live)
    }
    /// The first deadline is one of a batch in flight.
    fn pass(&mut self) {
        let flights = &self.flights;
        while self.deadlines.front().is_some_and(|&(_, batch, turn)| !flies(flights, batch, turn)) {
            self.deadlines.pop_front();
        }
    }
}

fn flies(flights: &[Flight], batch: BatchId, turn: u64) -> bool {
    flights.get(place(batch)).is_some_and(|flight| flight.live && flight.turn == turn)
}
fn place(batch: BatchId) -> usize {
    usize::try_from(batch).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::types::Id;
    use super::*;

    fn flown(id: Id) -> Run {
        Run { id, count: 1, bytes: 0, at: 0, lane: 0 }
    }

    #[test]
    fn numbers_are_used_again_and_a_finished_batch_has_no_deadline() {
        let mut flights = Flights::default();
        let first = flights.begin(1, 1, Some(10), |items| items.push(flown(1)));
        let second = flights.begin(2, 1, Some(20), |items| items.push(flown(2)));
        assert_eq!((flights.len(), flights.deadline()), (2, Some(10)));
        let ended = flights.end(first).expect("it is in flight");
        assert_eq!((ended.lane, ended.items.len(), flights.deadline()), (1, 1, Some(20)));
        flights.recycle(ended);
        assert!(flights.end(first).is_none());
        let third = flights.begin(3, 2, Some(30), |items| items.push(flown(3)));
        assert_eq!(third, first);
        assert_eq!(
            flights.iter().map(|(batch, flight)| (batch, flight.lane)).collect::<Vec<_>>(),
            [(0, 3), (1, 2)]
        );
        assert_eq!(flights.iter().map(|(_, flight)| flight.items.len()).sum::<usize>(), 2);
        assert_eq!(
            (flights.overdue(19), flights.overdue(20), flights.overdue(29)),
            (None, Some(second), None)
        );
        assert_eq!((flights.overdue(99), flights.overdue(99), flights.deadline()), (Some(third), None, None));
        assert_eq!(flights.len(), 2);
    }

    #[test]
    fn deadlines_behind_a_handler_that_hangs_take_no_room() {
        let mut flights = Flights::default();
        flights.begin(0, 1, Some(1 << 40), |_| ());
        for _ in 0..100_000 {
            let batch = flights.begin(0, 1, Some(1 << 40), |_| ());
            assert!(flights.end(batch).is_some());
        }
        assert!(flights.deadlines.len() < 200 && flights.flights.len() == 2);
    }

    #[test]
    fn deadlines_of_a_burst_that_is_over_take_no_room_either() {
        let mut flights = Flights::default();
        flights.begin(0, 1, Some(1 << 40), |_| ());
        let burst: Vec<BatchId> = (0..1000).map(|_| flights.begin(0, 1, Some(1 << 40), |_| ())).collect();
        assert!(burst.into_iter().all(|batch| flights.end(batch).is_some()));
        flights.begin(0, 1, Some(1 << 40), |_| ());
        assert!(flights.deadlines.len() < 100);
    }

    #[test]
    fn a_finished_batch_keeps_its_memory_for_the_next_unless_it_was_large() {
        let mut flights = Flights::default();
        let mut kept = |runs: u64| {
            let batch = flights.begin(0, 1, None, |items| items.extend((1..=runs).map(flown)));
            let ended = flights.end(batch).expect("it is in flight");
            flights.recycle(ended);
            flights.flights[0].items.capacity()
        };
        assert!(kept(100) >= 100);
        assert!(kept(100_000) <= SPARE);
    }
}
