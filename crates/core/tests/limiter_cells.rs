//! The cells among threads: every interleaving of small programs under loom (a cfg of its own, see CONTRIBUTING.md), and many threads as they come.
#![allow(clippy::unwrap_used)]

#[cfg(sluice_loom)]
mod every_interleaving {
    use loom::sync::atomic::{AtomicI32, Ordering::SeqCst};
    use loom::sync::{Arc, Mutex};
    use loom::thread;
    use sluice_core::limiter::adaptive::cells::{CLOSED, Word, put_back, take};

    struct Cell(AtomicI32);
    impl Word for Cell {
        fn load(&self) -> i32 {
            self.0.load(SeqCst)
        }
        fn swap(&self, value: i32) -> i32 {
            self.0.swap(value, SeqCst)
        }
        fn compare_exchange(&self, old: i32, new: i32) -> bool {
            self.0.compare_exchange(old, new, SeqCst, SeqCst).is_ok()
        }
    }

    #[test]
    fn a_permit_is_spent_or_returned_never_both_and_never_twice() {
        loom::model(|| {
            let lease = Arc::new(Cell(AtomicI32::new(2)));
            let takers: Vec<_> = (0..2)
                .map(|_| {
                    let lease = lease.clone();
                    thread::spawn(move || i32::from(take(&*lease, 1).is_some()))
                })
                .collect();
            // a crossing: it books what was spent of the lease before it and gives a new one
            let returned = lease.swap(0);
            lease.0.store(1, SeqCst);
            let granted = 2 + 1;
            let taken: i32 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
            assert_eq!(granted, taken + returned + lease.load());
        });
    }

    #[test]
    fn room_that_is_released_reaches_who_waits() {
        loom::model(|| {
            let room = Arc::new(Cell(AtomicI32::new(0)));
            // work that is known to be in flight, and whether somebody waits
            let limiter = Arc::new(Mutex::new((1, false)));
            let releasing = {
                let (room, limiter) = (room.clone(), limiter.clone());
                thread::spawn(move || {
                    if !put_back(&*room, 1) {
                        let mut limiter = limiter.lock().unwrap();
                        limiter.0 -= 1;
                        if limiter.1 && limiter.0 == 0 {
                            *limiter = (1, false);
                        }
                    }
                })
            };
            {
                let mut limiter = limiter.lock().unwrap();
                let left = room.swap(CLOSED);
                if left >= 0 {
                    limiter.0 = 1 - left;
                }
                // the waiter: it goes, or it waits and the room stays closed
                limiter.1 = limiter.0 > 0;
                if limiter.0 == 0 {
                    limiter.0 = 1;
                    room.0.store(0, SeqCst);
                }
            }
            releasing.join().unwrap();
            assert!(!limiter.lock().unwrap().1, "it waits for room that is there");
        });
    }
}

#[cfg(not(sluice_loom))]
mod many_threads {
    use sluice_core::limiter::adaptive::{Admission, Config, Event, Limiter, Report, cells::Spent};
    use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
    use std::sync::{Arc, Mutex};
    use std::thread;

    const THREADS: u64 = 8;
    const CALLS: u64 = 4000;

    #[test]
    fn eight_threads_never_have_more_in_flight_than_the_limit_and_all_get_through() {
        let limit = 3;
        let config = Config { limit: 0, window_ms: 1000, concurrency: limit, adapt: None, max_queue: 1000 };
        let limiter = Arc::new(Mutex::new(Limiter::new(config)));
        let (in_flight, most) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (limiter, in_flight, most) = (limiter.clone(), in_flight.clone(), most.clone());
                thread::spawn(move || {
                    let member = limiter.lock().unwrap().join();
                    let cells = limiter.lock().unwrap().cells().clone();
                    for call in 0..CALLS {
                        let now = call / 100;
                        if matches!(cells.spend(1, now), Spent::Ask { .. }) {
                            let mut asked = limiter.lock().unwrap();
                            asked.report(member, &Report::default());
                            let admission = asked.acquire(member, 1, now);
                            drop(asked);
                            let granted = Some(Event::Granted { weight: 1, count: 1 });
                            if admission == Admission::Waits {
                                while limiter.lock().unwrap().event(member) != granted {
                                    thread::yield_now();
                                }
                                cells.unqueue(1);
                            }
                        }
                        most.fetch_max(in_flight.fetch_add(1, SeqCst) + 1, SeqCst);
                        if call % 7 == 0 {
                            thread::yield_now();
                        }
                        in_flight.fetch_sub(1, SeqCst);
                        if !cells.finish(1) {
                            limiter.lock().unwrap().release(member, 1, 0, now);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(most.load(SeqCst) <= limit as i64, "{}", most.load(SeqCst));
        assert_eq!(limiter.lock().unwrap().status(1000).in_flight, 0);
    }

    #[test]
    fn eight_threads_never_take_more_of_a_window_than_the_limit() {
        let (limit, window_ms) = (50, 1000);
        let config = Config { limit, window_ms, concurrency: 0, adapt: None, max_queue: 1000 };
        let limiter = Arc::new(Mutex::new(Limiter::new(config)));
        let clock = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (limiter, clock) = (limiter.clone(), clock.clone());
                thread::spawn(move || {
                    let member = limiter.lock().unwrap().join();
                    let cells = limiter.lock().unwrap().cells().clone();
                    let mut taken = Vec::new();
                    for call in 0..20_000 {
                        // everybody moves the clock
                        let now = if call % 4 == 0 { clock.fetch_add(1, SeqCst) } else { clock.load(SeqCst) };
                        let went = match cells.spend(1, now) {
                            Spent::Taken { .. } => true,
                            Spent::Ask { .. } => {
                                let mut limiter = limiter.lock().unwrap();
                                limiter.report(member, &Report::default());
                                limiter.try_acquire(member, 1, now)
                            }
                        };
                        if went {
                            // it cannot have been later than this
                            taken.push((now, clock.load(SeqCst)));
                        }
                    }
                    taken
                })
            })
            .collect();
        let mut taken: Vec<(u64, u64)> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        taken.sort_unstable();
        let all = clock.load(SeqCst);
        let windows = all / window_ms + 1;
        assert!(taken.len() as u64 <= limit * windows, "{} in {windows} windows", taken.len());
        assert!(taken.len() as u64 >= limit * (windows - 1) / 2, "{} in {windows} windows", taken.len());
        // by the times that the threads went by, give or take how long one was held up between looking at the clock and taking
        let late = taken.iter().map(|(from, to)| to - from).max().unwrap();
        for (place, &(from, _)) in taken.iter().enumerate() {
            let inside = taken
                .iter()
                .skip(place)
                .take_while(|(at, _)| *at < from + window_ms.saturating_sub(late))
                .count();
            assert!(inside as u64 <= limit, "{inside} from {from}");
        }
    }
}
