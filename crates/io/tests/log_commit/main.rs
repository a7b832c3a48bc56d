//! The commit thread: what is gathered, in which order it is told, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

mod desk;

use desk::*;
use sluice_core::error::{Error, Kind};
use sluice_io::log::{Committer, DurableStore, RedbStore, Refused};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::channel;

#[test]
fn what_comes_during_a_commit_is_the_next_one_and_each_hears_of_its_own() {
    let (store, hand) = fake();
    let desk = Desk::new(store);
    desk.submit(1, [1, 2], 50);
    assert_eq!(hand.asked(), [1, 2, 50]);
    // none of these waits
    desk.submit(2, [3], 70);
    desk.submit(3, [], 0);
    desk.submit(4, [4, 5, 6], 60);
    desk.submit(5, [7], 80);
    assert_eq!(desk.told(), [], "nothing is told before its commit is on disk");
    hand.order(Order::Go);
    assert_eq!(hand.asked(), [3, 4, 5, 6, 7, 60], "and the earliest of their clocks");
    hand.order(Order::Refuse(vec![3, 5, 6]));
    desk.rest();
    assert_eq!(
        desk.told(),
        [
            (1, Ok(vec![])),
            (2, Ok(vec![(0, 3)])),
            (3, Ok(vec![])),
            (4, Ok(vec![(1, 5), (2, 6)])),
            (5, Ok(vec![]))
        ]
    );
}
#[test]
fn jobs_run_between_commits_in_the_order_of_the_calls() {
    let (store, hand) = fake();
    let desk = Desk::new(store);
    desk.submit(1, [1], 0);
    assert_eq!(hand.asked(), [1, 0]);
    desk.submit(2, [2], 0);
    let told = desk.told.clone();
    desk.committer.run(Box::new(move |store| {
        assert_eq!(store.unwrap().id(), 7);
        told.lock().unwrap().push((100, Ok(vec![])));
    }));
    desk.submit(3, [3], 0);
    hand.order(Order::Go);
    assert_eq!(hand.asked(), [2, 0]);
    hand.order(Order::Go);
    assert_eq!(hand.asked(), [3, 0]);
    hand.order(Order::Go);
    desk.rest();
    assert_eq!(desk.told().iter().map(|(name, _)| *name).collect::<Vec<_>>(), [1, 2, 100, 3]);
}
#[test]
fn after_a_failure_nothing_is_committed() {
    for order in [Order::Fail, Order::Panic] {
        let (store, hand) = fake();
        let desk = Desk::new(store);
        desk.submit(1, [1], 0);
        hand.asked();
        desk.submit(2, [2], 0);
        desk.submit(3, [3], 0);
        hand.order(Order::Go);
        assert_eq!(hand.asked(), [2, 3, 0]);
        desk.submit(4, [4], 0);
        hand.order(order);
        desk.submit(5, [5], 0);
        // it is let go at once: its lock and its file may be needed
        assert_eq!(hand.dropped.recv_timeout(SOON), Ok("dropped"));
        desk.rest();
        let failed = |name| (name, Err(Kind::StoreIo));
        assert_eq!(desk.told(), [(1, Ok(vec![])), failed(2), failed(3), failed(4), failed(5)]);
        let (sender, receiver) = channel();
        desk.committer.run(Box::new(move |store| sender.send(store.err().map(|error| error.kind)).unwrap()));
        assert_eq!(receiver.recv_timeout(SOON).unwrap(), Some(Kind::StoreIo));
        assert!(hand.asked.try_recv().is_err());
    }
}
#[test]
fn the_error_says_where_and_why() {
    let (store, hand) = fake();
    let committer = Committer::new(store, "fake".into());
    let (sender, receiver) = channel();
    committer.submit(
        accepts([1]),
        0,
        Box::new(move |done| sender.send(done.unwrap_err().message()).unwrap()),
    );
    hand.order(Order::Fail);
    let text = receiver.recv_timeout(SOON).unwrap();
    assert_eq!(text, "the store at fake cannot be used: no space left on device");
}
#[test]
fn a_callback_that_panics_takes_nothing_with_it() {
    let (store, hand) = fake();
    let desk = Desk::new(store);
    let thrown = |_: Result<Vec<Refused>, Error>| std::panic::resume_unwind(Box::new("on purpose"));
    desk.committer.submit(accepts([1]), 0, Box::new(thrown));
    desk.committer.run(Box::new(|_| std::panic::resume_unwind(Box::new("on purpose"))));
    hand.order(Order::Go);
    desk.submit(2, [2], 0);
    hand.order(Order::Go);
    desk.rest();
    assert_eq!(desk.told(), [(2, Ok(vec![]))]);
}
#[test]
fn closing_commits_what_came_before_and_refuses_what_comes_after() {
    let (store, hand) = fake();
    let desk = Desk::new(store);
    desk.submit(1, [1], 0);
    hand.asked();
    desk.submit(2, [2], 0);
    let (sender, closed) = channel();
    let again = sender.clone();
    desk.committer.close(move || sender.send(1).unwrap());
    desk.submit(3, [3], 0);
    assert_eq!(desk.told(), [(3, Err(Kind::Closed))]);
    hand.order(Order::Go);
    assert_eq!(hand.asked(), [2, 0]);
    assert!(closed.try_recv().is_err());
    hand.order(Order::Go);
    assert_eq!(closed.recv_timeout(SOON), Ok(1));
    // the store was closed before that was said
    assert_eq!(hand.dropped.try_recv(), Ok("dropped"));
    assert_eq!(desk.told(), [(1, Ok(vec![])), (2, Ok(vec![]))]);
    // also when the thread has gone
    for name in 2..5 {
        let again = again.clone();
        desk.committer.close(move || again.send(name).unwrap());
        assert_eq!(closed.recv_timeout(SOON), Ok(name));
    }
}
#[test]
fn dropping_commits_what_came_before() {
    let (store, hand) = fake();
    let desk = Desk::new(store);
    desk.submit(1, [1], 0);
    desk.submit(2, [2], 0);
    let told = desk.told.clone();
    drop(desk);
    hand.order(Order::Go);
    hand.order(Order::Go);
    assert_eq!(hand.dropped.recv_timeout(SOON), Ok("dropped"));
    assert_eq!(told.lock().unwrap().len(), 2);
    // and what was never used is closed, too
    let (store, hand) = fake();
    drop(Committer::new(store, "fake".into()));
    assert_eq!(hand.dropped.recv_timeout(SOON), Ok("dropped"));
}
#[test]
fn a_transaction_does_not_grow_without_bound() {
    let (store, hand) = fake();
    let desk = Desk::new(store);
    desk.submit(1, [1], 0);
    hand.asked();
    for name in 0..100 {
        desk.submit(2 + name, 1..1001, 0);
    }
    for _ in 0..7 {
        hand.order(Order::Go);
    }
    desk.rest();
    let sizes: Vec<usize> = hand.asked.try_iter().map(|changes| changes.len() - 1).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 100_000);
    assert!(sizes.iter().all(|size| *size < 21_000), "{sizes:?}");
    assert_eq!(desk.told().len(), 101);
}
#[test]
fn many_threads_share_one_store() {
    let backend = redb::backends::InMemoryBackend::new();
    let committer = Committer::new(
        RedbStore::create_on(backend, Path::new("memory"), u64::MAX).unwrap(),
        "memory".into(),
    );
    let told = Mutex::new(0);
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (committer, sender) = (&committer, sender.clone());
            scope.spawn(move || {
                for index in 0..200 {
                    let sender = sender.clone();
                    let done =
                        move |done: Result<Vec<Refused>, Error>| sender.send((thread, index, done)).unwrap();
                    committer.submit(accepts([1 + thread * 1000 + index]), 0, Box::new(done));
                }
            });
        }
    });
    drop(sender);
    let mut last = [None; 8];
    for (thread, index, done) in receiver.iter() {
        assert_eq!(done.unwrap(), []);
        assert!(last[thread as usize] < Some(index), "in the order of the calls");
        last[thread as usize] = Some(index);
        *told.lock().unwrap() += 1;
    }
    assert_eq!(*told.lock().unwrap(), 1600);
    let (sender, receiver) = channel();
    committer.run(Box::new(move |store| sender.send(store.unwrap().pending("q").unwrap().len()).unwrap()));
    assert_eq!(receiver.recv_timeout(SOON), Ok(1600));
}
