//! The memory tier as one: lifetimes, coherence, tags, bounds. Threads: see `crates/io/tests/memory_threads.rs`.

use super::*;
use sluice_core::cache::{Lease, NEVER, Record, Tag};
use std::sync::mpsc::channel;

fn config(policy: Policy) -> Config {
    Config { shared: None, stores: true, max_bytes: 1 << 20, max_entries: 0, policy, negative_keys: 100 }
}
fn each(check: impl Fn(Arc<Memory>)) {
    for policy in [Policy::S3Fifo, Policy::Lru, Policy::TinyLfu] {
        check(Memory::open(&config(policy)).unwrap());
    }
}
fn record(text: &str, deadline: Millis) -> Record {
    Record::new(Tag::Text, text.to_owned(), deadline)
}
/// What a load stores, as the engine does it.
fn replace(memory: &Memory, key: &[u8], value: &Record, began: Moment, lease: Option<(&Owner, u64)>) -> bool {
    memory.exclusive(key, |own| {
        let holds = lease.is_none_or(|(owner, token)| owner.holds(key, token));
        own.is(began) && holds && own.put(value, 0)
    })
}
fn tagged(text: &str, tags: &[&str]) -> Record {
    Record { tags: tags.iter().map(|tag| Box::from(*tag)).collect(), ..record(text, NEVER) }
}
fn text(memory: &Memory, key: &[u8], now: Millis) -> Option<String> {
    memory.get(key, now).map(|copy| String::from_utf8(copy.bytes().to_vec()).unwrap())
}
fn sorted(mut keys: Vec<Box<[u8]>>) -> Vec<String> {
    keys.sort();
    keys.into_iter().map(|key| String::from_utf8(key.into()).unwrap()).collect()
}
type Told = Arc<Mutex<Vec<(String, Reason)>>>;
fn listen(memory: &Memory) -> (Told, u64) {
    let told = Told::default();
    let into = Arc::clone(&told);
    let id = memory.observe(Arc::new(move |key, reason| {
        into.lock().push((String::from_utf8(key.to_vec()).unwrap(), reason));
    }));
    (told, id)
}

#[test]
fn a_copy_lives_through_its_deadline_and_its_stale_window() {
    each(|memory| {
        let (told, _) = listen(&memory);
        memory.set(b"a", &record("1", 100), 50);
        assert_eq!(text(&memory, b"a", 100).as_deref(), Some("1"));
        assert_eq!(text(&memory, b"a", 101), None);
        assert_eq!(*told.lock(), [("a".to_owned(), Reason::Expired)]);
        assert_eq!(memory.usage().entries, 0);
        memory.set(b"b", &Record { stale_until: 200, ..record("2", 100) }, 50);
        let copy = memory.get(b"b", 200).unwrap();
        assert!(!copy.is_fresh(200) && copy.stored() == 50);
        assert_eq!(text(&memory, b"b", 201), None);
        memory.set(b"c", &record("3", NEVER), 50);
        assert_eq!(text(&memory, b"c", NEVER).as_deref(), Some("3"));
    });
}

#[test]
fn a_fill_loses_to_whatever_came_since_it_began() {
    each(|memory| {
        let changes: [(&str, &dyn Fn()); 6] = [
            ("set", &|| assert!(memory.set(b"a", &record("new", NEVER), 0))),
            ("remove", &|| assert!(!memory.remove(b"a", 0))),
            ("invalidate", &|| assert!(!memory.invalidate(key_hash(b"a")))),
            ("clear", &|| memory.clear()),
            ("era", &|| memory.bump_era()),
            ("distrust", &|| memory.distrust()),
        ];
        for (what, change) in changes {
            memory.clear();
            let began = memory.moment(b"a");
            change();
            assert!(!memory.fill(b"a", &record("old", NEVER), 0, began), "{what}");
            assert!(!replace(&memory, b"a", &record("old", NEVER), began, None), "{what}");
            assert!(!memory.remove_if(b"a", 0, began), "{what}");
            assert_ne!(text(&memory, b"a", 0).as_deref(), Some("old"), "{what}");
        }
        memory.clear();
        let began = memory.moment(b"a");
        assert!(memory.fill(b"a", &record("found", NEVER), 0, began));
        assert_eq!(memory.moment(b"a"), began, "a fill tells nothing new");
        assert!(replace(&memory, b"a", &record("loaded", NEVER), began, None));
        assert_ne!(memory.moment(b"a"), began, "a load does");
        assert!(memory.remove_if(b"a", 0, memory.moment(b"a")));
    });
}

#[test]
fn a_copy_that_leaves_while_a_delete_looks_is_not_near_afterwards() {
    each(|memory| {
        memory.set(b"a", &record("old", 10), 0);
        let mut near = None;
        memory.forget(
            |memory| {
                near = text(memory, b"a", 0).map(|_| (memory.epoch(b"a"), memory.era()));
                assert!(memory.get(b"a", 1000).is_none());
                memory.keys(&|_| true, false, 0)
            },
            0,
        );
        assert!(near.is_some());
        assert_ne!(near, Some((memory.epoch(b"a"), memory.era())));
    });
}

#[test]
fn distrust_makes_copies_suspect() {
    let memory = Memory::open(&config(Policy::S3Fifo)).unwrap();
    memory.set(b"a", &record("1", NEVER), 0);
    assert_eq!(memory.get(b"a", 0).unwrap().trust(), memory.trust());
    memory.distrust();
    assert_ne!(memory.get(b"a", 0).unwrap().trust(), memory.trust());
}

#[test]
fn remove_tells_whether_there_was_a_fresh_one() {
    each(|memory| {
        memory.set(b"a", &record("1", 10), 0);
        memory.set(b"b", &record("1", 10), 0);
        assert!(memory.remove(b"a", 10));
        assert!(!memory.remove(b"a", 10));
        assert!(!memory.remove(b"b", 11));
        assert_eq!(memory.usage().entries, 0);
    });
}

#[test]
fn what_is_too_heavy_is_not_stored_and_takes_the_older_one_with_it() {
    each(|memory| {
        memory.set(b"a", &record("light", NEVER), 0);
        let before = memory.moment(b"a");
        assert!(!memory.set(b"a", &record(&"x".repeat(2 << 20), NEVER), 0));
        assert_eq!(text(&memory, b"a", 0), None);
        assert_ne!(memory.moment(b"a"), before);
    });
}

#[test]
fn the_key_is_compared_not_only_its_hash() {
    let memory = Memory::open(&config(Policy::S3Fifo)).unwrap();
    // another key's entry in the place of a's
    let other = Copy::new(b"b", (&record("b's", NEVER)).into(), 0, 0).unwrap();
    memory.held.read().store.insert(key_hash(b"a"), other, &mut Departed::default());
    assert_eq!(text(&memory, b"a", 0), None);
    memory.set(b"a", &record("a's", NEVER), 0);
    assert_eq!(text(&memory, b"a", 0).as_deref(), Some("a's"));
}

#[test]
fn tags_are_forgotten_with_the_last_entry_that_carries_them() {
    each(|memory| {
        let tags = |memory: &Memory| memory.held.read().tags.len();
        memory.set(b"a", &tagged("1", &["x", "y"]), 0);
        memory.set(b"b", &tagged("1", &["x"]), 0);
        assert_eq!(sorted(memory.tagged("x")), ["a", "b"]);
        memory.set(b"a", &tagged("2", &["y", "z"]), 0);
        assert_eq!(sorted(memory.tagged("x")), ["b"]);
        assert_eq!(sorted(memory.tagged("z")), ["a"]);
        memory.remove(b"b", 0);
        assert_eq!((sorted(memory.tagged("x")).len(), tags(&memory)), (0, 2));
        memory.invalidate(key_hash(b"a"));
        assert_eq!(tags(&memory), 0);
        memory.set(b"c", &Record { stale_until: 5, deadline: 5, ..tagged("1", &["w"]) }, 0);
        memory.get(b"c", 6);
        assert_eq!(tags(&memory), 0, "expired");
        for index in 0..12_000 {
            memory.set(format!("k{index}").as_bytes(), &tagged("1", &["all", &format!("t{index}")]), 0);
        }
        let entries = memory.usage().entries;
        assert!(entries > 100 && entries < 12_000);
        assert_eq!(memory.tagged("all").len() as u64, entries, "evicted");
        assert_eq!(tags(&memory) as u64, entries + 1);
        memory.clear();
        assert_eq!((memory.tagged("all").len(), tags(&memory)), (0, 0));
    });
}

#[test]
fn keys_are_those_that_may_be_served() {
    each(|memory| {
        memory.set(b"a1", &record("1", 10), 0);
        memory.set(b"a2", &Record { stale_until: 30, ..record("1", 10) }, 0);
        memory.set(b"b1", &record("1", NEVER), 0);
        let a = |key: &[u8]| key.starts_with(b"a");
        assert_eq!(sorted(memory.keys(&a, true, 10)), ["a1", "a2"]);
        assert_eq!(sorted(memory.keys(&a, false, 11)), ["a2"]);
        assert_eq!(sorted(memory.keys(&|_| true, true, 11)), ["b1"]);
    });
}

#[test]
fn absences_end_with_their_time_or_the_moment() {
    let memory = Memory::open(&config(Policy::S3Fifo)).unwrap();
    let absent = |now| memory.is_absent(b"a", now);
    memory.remember_absent(b"a", 100, memory.moment(b"a"));
    assert!(absent(100) && !absent(101));
    assert!(!memory.is_absent(b"b", 0));
    let changes: [&dyn Fn(); 4] = [
        &|| assert!(memory.set(b"a", &record("1", NEVER), 0)),
        &|| assert!(memory.invalidate(key_hash(b"a"))),
        &|| memory.bump_era(),
        &|| memory.clear(),
    ];
    for change in changes {
        let began = memory.moment(b"a");
        memory.remember_absent(b"a", 100, began);
        assert!(absent(0));
        change();
        assert!(!absent(0));
        memory.remember_absent(b"a", 100, began);
        assert!(!absent(0), "seen before the change");
    }
}

#[test]
fn evictions_are_counted_and_told_to_whom_it_concerns() {
    each(|memory| {
        let (told, id) = listen(&memory);
        for index in 0..10_000 {
            memory.set(format!("k{index}").as_bytes(), &record("1", NEVER), 0);
        }
        let Usage { entries, evictions, bytes } = memory.usage();
        assert!(entries > 1000 && bytes <= 1 << 20);
        assert_eq!(entries + evictions, 10_000);
        assert_eq!(told.lock().len() as u64, evictions);
        assert!(told.lock().iter().all(|(_, reason)| *reason == Reason::Size));
        memory.unobserve(id);
        told.lock().clear();
        memory.set(b"k1", &record("2", NEVER), 0);
        memory.clear();
        assert_eq!(told.lock().len(), 0);
    });
}

#[test]
fn an_observer_may_use_the_tier() {
    each(|memory| {
        let weak = Arc::downgrade(&memory);
        memory.observe(Arc::new(move |key, _| {
            let memory = weak.upgrade().unwrap();
            memory.get(key, 0);
            memory.remove(key, 0);
            memory.usage();
        }));
        for index in 0..10_000 {
            memory.set(format!("k{index}").as_bytes(), &record("1", NEVER), 0);
        }
        assert!(memory.usage().evictions > 0);
    });
}

#[test]
fn a_reported_use_counts_as_one() {
    for policy in [Policy::Lru, Policy::S3Fifo] {
        let memory = Memory::open(&Config { max_entries: 10, ..config(policy) }).unwrap();
        for index in 0..10 {
            memory.set(format!("k{index}").as_bytes(), &record("1", NEVER), 0);
        }
        memory.touch_many(&[key_hash(b"k0"), key_hash(b"k0"), 77]);
        for index in 0..9 {
            memory.set(format!("new{index}").as_bytes(), &record("1", NEVER), 0);
        }
        assert!(memory.get(b"k0", 0).is_some(), "{policy:?}");
        assert!(memory.get(b"k1", 0).is_none(), "{policy:?}");
    }
}

#[test]
fn many_entries_are_freed_by_the_pool() {
    let memory = Memory::open(&Config { max_bytes: 1 << 30, ..config(Policy::S3Fifo) }).unwrap();
    for index in 0..40_000 {
        memory.set(format!("k{index}").as_bytes(), &record("1", NEVER), 0);
    }
    let held = Arc::downgrade(&*memory.held.read());
    // every thread of the pool waits until all of these are gone
    let holding: Vec<_> = (0..8)
        .map(|_| {
            let (holding, released) = channel::<()>();
            crate::pool::spawn(move || _ = released.recv());
            holding
        })
        .collect();
    memory.clear();
    assert_eq!((memory.usage().entries, text(&memory, b"k1", 0)), (0, None));
    assert_eq!(held.strong_count(), 1, "not freed by the caller");
    drop(holding);
    while held.strong_count() > 0 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn a_tier_that_stores_nothing_still_tells_of_changes() {
    let memory = Memory::open(&Config { stores: false, ..config(Policy::S3Fifo) }).unwrap();
    let began = memory.moment(b"a");
    assert!(memory.set(b"a", &record("1", NEVER), 0));
    assert_ne!(memory.moment(b"a"), began);
    assert!(memory.get(b"a", 0).is_none());
    assert!(!memory.fill(b"a", &record("1", NEVER), 0, began));
}

#[test]
fn a_lease_ends_with_its_owner() {
    let memory = Memory::open(&config(Policy::S3Fifo)).unwrap();
    let (first, second) = (Owner::new(&memory), Owner::new(&memory));
    let Lease::Granted(token) = first.lease(b"a") else { panic!("nobody had it") };
    assert_eq!(second.lease(b"a"), Lease::Busy);
    let (tell, told) = channel();
    for number in 0..3 {
        let tell = tell.clone();
        let wait = second.wait(b"a", move || tell.send(number).unwrap()).unwrap();
        if number == 1 {
            assert!(second.give_up(b"a", wait) && !second.give_up(b"a", wait));
        }
    }
    assert!(told.try_recv().is_err());
    drop(first);
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [0, 2]);
    let began = memory.moment(b"a");
    assert!(!replace(&memory, b"a", &record("late", NEVER), began, Some((&second, token))));
    let Lease::Granted(token) = second.lease(b"a") else { panic!("it was given back") };
    assert!(replace(&memory, b"a", &record("1", NEVER), began, Some((&second, token))));
    second.release(b"a", token);
    second.wait(b"a", move || tell.send(9).unwrap());
    assert_eq!(told.try_recv(), Ok(9), "nobody has it: at once");
}

#[test]
fn an_era_waits_for_a_fill_that_has_looked_at_its_moment() {
    let changes: [fn(&Memory); 3] = [Memory::bump_era, Memory::distrust, Memory::clear];
    for change in changes {
        let memory = Memory::open(&config(Policy::S3Fifo)).unwrap();
        let began = memory.moment(b"a");
        std::thread::scope(|scope| {
            let (start, started) = channel();
            let memory = &memory;
            let other = scope.spawn(move || {
                started.recv().unwrap();
                change(memory);
                // as a delete by pattern does: what is there after the era has begun is removed
                memory.keys(&|_| true, false, 0).iter().for_each(|key| assert!(memory.remove(key, 0)));
            });
            memory.exclusive(b"a", |own| {
                assert!(own.is(began));
                start.send(()).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(50));
                own.fill(&record("old", NEVER), 0);
            });
            other.join().unwrap();
        });
        assert_eq!(text(&memory, b"a", 0), None);
    }
}

#[test]
fn a_change_that_panics_is_told_all_the_same() {
    let memory = Memory::open(&config(Policy::S3Fifo)).unwrap();
    let began = memory.moment(b"a");
    let change = || {
        memory.exclusive(b"a", |own| {
            assert!(own.put(&record("1", NEVER), 0));
            std::panic::resume_unwind(Box::new(0))
        })
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| -> () { change() })).is_err());
    assert_ne!(memory.moment(b"a"), began);
    assert!(memory.set(b"a", &record("2", NEVER), 0), "the lock is free");
}
