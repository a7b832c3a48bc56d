//! A window whose permits come from elsewhere: what each supply lets go, and what it says of it.
#![allow(clippy::unwrap_used)]

use sluice_core::limiter::adaptive::{
    Admission, Config, Event, Limiter, MemberId, Report, Supply, cells::Spent,
};

const OPEN: Spent = Spent::Taken { full: false };
const ASK: Spent = Spent::Ask { owes: false };

/// Ten a second, and what supplies them.
fn supplied(supply: Supply) -> (Limiter, MemberId) {
    let config = Config { limit: 10, window_ms: 1000, concurrency: 0, adapt: None, max_queue: 100 };
    let mut limiter = Limiter::new(config);
    let member = limiter.join();
    limiter.supply(member, supply, 0);
    (limiter, member)
}
fn takes(limiter: &mut Limiter, member: MemberId, now: u64) -> u64 {
    (0..100).take_while(|_| limiter.try_acquire(member, 1, now)).count() as u64
}

#[test]
fn a_grant_is_spent_once_and_ends_at_its_time_and_the_windows_own_limit_holds_too() {
    let (mut limiter, member) = supplied(Supply::Leased { left: 4, until: 50, credit: 0 });
    assert_eq!(takes(&mut limiter, member, 0), 4);
    limiter.supply(member, Supply::Leased { left: 4, until: 50, credit: 0 }, 20);
    assert!(!limiter.try_acquire(member, 1, 51), "it is over");
    limiter.supply(member, Supply::Leased { left: 4, until: 90, credit: 0 }, 60);
    assert!(limiter.try_acquire(member, 4, 90));
    // eight of the ten are taken
    limiter.supply(member, Supply::Leased { left: 50, until: 200, credit: 0 }, 100);
    assert_eq!(takes(&mut limiter, member, 100), 2);
}

#[test]
fn a_lease_of_the_cells_lasts_no_longer_than_the_grant() {
    let (limiter, _) = supplied(Supply::Leased { left: 4, until: 5, credit: 0 });
    assert_eq!(limiter.cells().spend(1, 5), OPEN);
    assert_eq!(limiter.cells().spend(1, 6), ASK, "a window's own lease would last until 10");
}

#[test]
fn nothing_of_a_credit_is_lent_to_the_cells() {
    let (mut limiter, member) = supplied(Supply::Credit(2));
    assert_eq!(limiter.cells().spend(1, 0), ASK);
    assert_eq!(takes(&mut limiter, member, 0), 2);
    assert_eq!((limiter.drawn(), limiter.lacked()), (2, 1));
    assert_eq!((limiter.drawn(), limiter.lacked()), (0, 0), "said once");
}

#[test]
fn what_a_grant_lacks_for_a_weight_is_on_credit_and_not_lent_to_the_cells() {
    let (mut limiter, member) = supplied(Supply::Leased { left: 3, until: 50, credit: 2 });
    assert_eq!((0..5).filter(|_| limiter.cells().spend(1, 0) == OPEN).count(), 3);
    let (mut other, alone) = supplied(Supply::Leased { left: 3, until: 50, credit: 2 });
    assert!(!other.try_acquire(alone, 6, 0));
    assert!(other.try_acquire(alone, 4, 0), "three of the grant, one on credit");
    assert_eq!((other.drawn(), other.lacked()), (4, 6));
    assert_eq!(takes(&mut other, alone, 1), 1);
    // credit does not end with the grant
    limiter.pass(member, 60);
    assert_eq!(takes(&mut limiter, member, 60), 2);
}

#[test]
fn while_redis_is_away_a_limit_of_its_own_all_or_none_may_go() {
    let (mut degraded, member) = supplied(Supply::Degraded(3));
    assert_eq!(takes(&mut degraded, member, 0), 3);
    assert_eq!(takes(&mut degraded, member, 1000), 3);
    let (mut wide, member) = supplied(Supply::Degraded(30));
    assert_eq!(takes(&mut wide, member, 0), 10, "never more than its own");
    let (mut open, member) = supplied(Supply::Open);
    assert_eq!(takes(&mut open, member, 0), 100);
    let (mut shut, member) = supplied(Supply::Shut);
    assert_eq!(takes(&mut shut, member, 5000), 0);
}

#[test]
fn who_waits_for_supply_is_what_is_wanted_and_goes_when_it_comes() {
    let (mut limiter, member) = supplied(Supply::Shut);
    assert_eq!(limiter.acquire(member, 2, 0), Admission::Waits);
    assert_eq!(limiter.wanted(), 2);
    let three = Report { waiting: 3, wanted: 6, first: 3, weight: 2, ..Report::default() };
    limiter.report(member, &three);
    assert_eq!(limiter.wanted(), 6);
    limiter.supply(member, Supply::Leased { left: 5, until: 100, credit: 0 }, 10);
    assert_eq!(limiter.event(member), Some(Event::Granted { weight: 2, count: 2 }));
    assert_eq!((limiter.wanted(), limiter.drawn()), (2, 4));
    assert_eq!(limiter.event(member), None);
    // the one that is left of the grant is too little for who is first
    assert!(!limiter.try_acquire(member, 1, 10));
}
