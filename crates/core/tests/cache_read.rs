//! A read's rules, one by one: what is asked, what is served, what is filled where, when an absence is remembered.
#![allow(clippy::panic)]

use sluice_core::cache::coherence::{Rules, Told};
use sluice_core::cache::lifetime::Caps;
use sluice_core::cache::read::{Answer, Found, Held, Outcome, Quality, Read, Step, Tier, Tiers};
use sluice_core::cache::{Millis, Record, Tag, skip};

const NOW: Millis = 1_000;
const DOWN: Told = Told::Down { lost: None };
const TIERS: Tiers = Tiers {
    memory: true,
    caps: Caps { redis: Some(500), disk: Some(5_000) },
    rules: Rules { memory_ttl: 100, serves_when_down: true },
    negative: Some(50),
};

/// A value that may be served stale for 200 ms.
fn value(deadline: Millis) -> Record {
    Record { stale_until: deadline + 200, ..Record::new(Tag::Text, deadline.to_string(), deadline) }
}
fn found(deadline: Millis, doubt: bool) -> Answer {
    Answer::Found { record: value(deadline), doubt }
}
fn held(deadline: Millis, stored: Millis) -> Option<Held> {
    Some(Held { deadline, stored, copy_trust: 3, trust: 3 })
}
/// A read of what memory has, then Redis, then the disk, as far as each is asked.
fn read(told: Told, flags: u32, copy: Option<Held>, redis: Option<Answer>, disk: Option<Answer>) -> Outcome {
    let mut read = Read::new(TIERS, told, flags, NOW);
    let mut step = read.on_memory(copy, || copy.map(|copy| value(copy.deadline)), false);
    assert_eq!(step == Step::AskRedis, redis.is_some(), "{step:?}");
    if let Some(redis) = redis {
        step = read.on_redis(redis);
    }
    assert_eq!(step == Step::AskDisk, disk.is_some(), "{step:?}");
    if let Some(disk) = disk {
        step = read.on_disk(disk);
    }
    let Step::Done(outcome) = step else { panic!("{step:?}") };
    *outcome
}
fn what(outcome: &Outcome) -> Option<(Millis, Tier, Quality)> {
    outcome.found.as_ref().map(|Found { record, tier, quality, .. }| (record.deadline, *tier, *quality))
}

#[test]
fn a_copy_is_served_through_its_last_millisecond() {
    let mut read = Read::new(TIERS, Told::Tracking, 0, NOW);
    assert_eq!(read.on_memory(held(NOW, 0), || None, false), Step::ServeCopy(NOW));
    let mut late = Read::new(TIERS, Told::Tracking, 0, NOW + 1);
    assert_eq!(late.on_memory(held(NOW, 0), || None, false), Step::AskRedis);
    let mut skips = Read::new(TIERS, Told::Tracking, skip::MEMORY, NOW);
    assert_eq!(skips.on_memory(held(NOW, 0), || None, false), Step::AskRedis);
}

#[test]
fn of_what_is_stale_the_one_that_was_fresh_for_longest_is_served_wherever_it_lies() {
    let stale = |copy, redis, disk| {
        let (redis, disk) = (Some(found(redis, false)), Some(found(disk, false)));
        what(&read(Told::Tracking, 0, held(copy, 0), redis, disk))
    };
    assert_eq!(stale(980, 970, 960), Some((980, Tier::Memory, Quality::Stale)));
    assert_eq!(stale(970, 980, 960), Some((980, Tier::Redis, Quality::Stale)));
    assert_eq!(stale(960, 970, 980), Some((980, Tier::Disk, Quality::Stale)));
    assert_eq!(stale(700, 800, 799), Some((800, Tier::Redis, Quality::Stale)), "to its last millisecond");
    assert_eq!(stale(700, 799, 799), None);
}

#[test]
fn a_copy_that_may_not_be_served_without_asking_is_no_stale_one() {
    let none = || (Some(Answer::Absent), Some(Answer::Absent));
    // stored longer ago than memory.ttl, while nothing tells of changes
    for deadline in [NOW, NOW + 1, NOW + 500] {
        let (redis, disk) = none();
        assert_eq!(what(&read(Told::Silent, 0, held(deadline, 800), redis, disk)), None, "{deadline}");
    }
    let (redis, disk) = none();
    let suspect = Some(Held { deadline: 950, stored: 0, copy_trust: 2, trust: 3 });
    assert_eq!(what(&read(Told::Tracking, 0, suspect, redis, disk)), None);
}

#[test]
fn what_redis_has_fills_memory_and_the_disk_within_its_cap() {
    let outcome = read(Told::Tracking, 0, None, Some(found(9_000, false)), None);
    assert_eq!(what(&outcome), Some((9_000, Tier::Redis, Quality::Fresh)));
    assert_eq!(outcome.fill_memory.map(|record| record.deadline), Some(9_000));
    assert_eq!(outcome.fill_disk.map(|record| record.deadline), Some(6_000));
    assert_eq!((outcome.fill_redis, outcome.absent_until), (None, None));
    let skips = read(Told::Tracking, skip::DISK | skip::MEMORY, None, Some(found(9_000, false)), None);
    assert_eq!((skips.fill_memory, skips.fill_disk), (None, None));
}

#[test]
fn a_value_of_which_redis_does_not_say_how_long_it_lives_is_asked_for_again_soon() {
    let outcome = read(Told::Tracking, 0, None, Some(found(9_000, true)), None);
    assert_eq!(what(&outcome), Some((1_100, Tier::Redis, Quality::Fresh)));
    assert_eq!(outcome.fill_memory.map(|record| (record.deadline, record.stale_until)), Some((1_100, 1_100)));
    assert_eq!(outcome.fill_disk, None);
}

#[test]
fn what_the_disk_has_fills_memory_and_redis_only_where_that_said_it_has_nothing() {
    let disk = || Some(found(9_000, false));
    let absent = read(Told::Tracking, 0, None, Some(Answer::Absent), disk());
    assert_eq!(what(&absent), Some((9_000, Tier::Disk, Quality::Fresh)));
    assert_eq!(absent.fill_redis.map(|record| record.deadline), Some(1_500), "within its cap");
    assert_eq!(absent.fill_memory.map(|record| record.deadline), Some(9_000));
    for redis in [Answer::Down, Answer::Damaged, found(900, false)] {
        let outcome = read(Told::Tracking, 0, None, Some(redis), disk());
        assert_eq!(what(&outcome), Some((9_000, Tier::Disk, Quality::Fresh)));
        assert_eq!(outcome.fill_redis, None);
    }
    assert_eq!(read(DOWN, 0, None, None, disk()).fill_redis, None);
    assert_eq!(read(Told::Tracking, skip::REDIS, None, None, disk()).fill_redis, None);
}

#[test]
fn what_the_disk_doubts_is_served_while_redis_is_down_and_else_in_place_of_an_error() {
    let doubtful = || Some(found(9_000, true));
    let down = read(DOWN, 0, None, None, doubtful());
    assert_eq!(what(&down), Some((9_000, Tier::Disk, Quality::Fresh)));
    assert_eq!((down.fill_memory, down.fill_redis), (None, None));
    assert_eq!(down.found.map(|found| found.near_until), Some(0), "looked at each time");
    let up = read(Told::Tracking, 0, None, Some(Answer::Absent), doubtful());
    assert_eq!(what(&up), Some((9_000, Tier::Disk, Quality::Suspect)));
    assert_eq!((up.fill_memory, up.fill_redis, up.absent_until), (None, None, None));
}

#[test]
fn an_absence_is_remembered_when_all_tiers_said_so_and_a_change_would_be_told() {
    let absent = |told, flags, redis, disk| read(told, flags, None, redis, disk).absent_until;
    let none = || Some(Answer::Absent);
    assert_eq!(absent(Told::Tracking, 0, none(), none()), Some(1_050));
    assert_eq!(absent(Told::Silent, 0, none(), none()), None);
    assert_eq!(absent(DOWN, 0, None, none()), None);
    assert_eq!(absent(Told::Tracking, skip::DISK, none(), None), None);
    for odd in [Answer::Down, Answer::Damaged, found(700, false)] {
        assert_eq!(absent(Told::Tracking, 0, Some(odd.clone()), none()), None, "{odd:?}");
        assert_eq!(absent(Told::Tracking, 0, none(), Some(odd.clone())), None, "{odd:?}");
    }
    let known = |told, flags| Read::new(TIERS, told, flags, NOW).on_memory(None, || None, true);
    let Step::Done(outcome) = known(Told::Tracking, 0) else { panic!("asked") };
    assert!(outcome.negative && outcome.found.is_none());
    assert_eq!(known(Told::Silent, 0), Step::AskRedis);
    assert_eq!(known(Told::Tracking, skip::DISK), Step::AskRedis, "what was left out may have it");
}

#[test]
fn damage_is_counted_by_tier_and_keeps_nothing_from_being_served() {
    let outcome = read(Told::Tracking, 0, held(950, 0), Some(Answer::Damaged), Some(Answer::Damaged));
    assert_eq!((what(&outcome), outcome.damaged), (Some((950, Tier::Memory, Quality::Stale)), 2));
    let served = read(Told::Tracking, 0, None, Some(Answer::Damaged), Some(found(9_000, false)));
    assert_eq!((served.found.is_some(), served.damaged), (true, 1));
}

#[test]
fn where_nothing_is_to_be_served_while_redis_is_down_nothing_is() {
    let rules = Rules { serves_when_down: false, ..TIERS.rules };
    let mut read = Read::new(Tiers { rules, ..TIERS }, Told::Tracking, 0, NOW);
    assert_eq!(read.on_memory(held(950, 0), || Some(value(950)), false), Step::AskRedis);
    let Step::Done(outcome) = read.on_redis(Answer::Down) else { panic!("the disk is not asked") };
    assert_eq!(*outcome, Outcome::default());
}
