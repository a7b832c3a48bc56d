//! Tiers by name: one name is one tier while anybody holds it.

use super::{Config, Memory};
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Weak};

static OPEN: LazyLock<Mutex<HashMap<String, Weak<Memory>>>> = LazyLock::new(Mutex::default);

/// The tier of that name, or a new one.
pub(super) fn open(name: &str, config: &Config) -> Result<Arc<Memory>, Error> {
    let mut open = OPEN.lock();
    open.retain(|_, memory| memory.strong_count() > 0);
    if let Some(memory) = open.get(name).and_then(Weak::upgrade) {
        if let Some(error) = differs(name, &memory.config, config) {
            return Err(error);
        }
        memory.holders.fetch_add(1, Ordering::AcqRel);
        Ok(memory)
    } else {
        let memory = Arc::new(Memory::new(config));
        open.insert(name.into(), Arc::downgrade(&memory));
        Ok(memory)
    }
}

/// One who had it open has closed. With the last one the name is free, though something may still refer to the tier.
/// True for that one.
pub(super) fn leave(memory: &Memory) -> bool {
    let mut open = OPEN.lock();
    if memory.holders.fetch_sub(1, Ordering::AcqRel) > 1 {
        return false;
    }
    if let Some(name) = &memory.config.shared {
        open.remove(name);
    }
    true
}

/// The first option that is not as the open tier has it.
fn differs(name: &str, open: &Config, asked: &Config) -> Option<Error> {
    let rows = [
        ("memory.store", store(open).to_owned(), store(asked).to_owned()),
        ("memory.maxBytes", open.max_bytes.to_string(), asked.max_bytes.to_string()),
        ("memory.maxEntries", open.max_entries.to_string(), asked.max_entries.to_string()),
        ("memory.policy", open.policy.name().to_owned(), asked.policy.name().to_owned()),
        ("negative.maxKeys", open.negative_keys.to_string(), asked.negative_keys.to_string()),
    ];
    let (option, has, value) = rows.into_iter().find(|(_, has, value)| has != value)?;
    let range = format!("{has}, as the open tier '{name}' has it");
    Some(Error::new(Kind::OptionRange).with("option", option).with("range", range).with("value", value))
}
fn store(config: &Config) -> &'static str {
    if config.stores { "bytes" } else { "reference" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Owner, Policy};
    use sluice_core::cache::{Record, Tag};

    fn config(name: &str) -> Config {
        Config {
            shared: Some(name.into()),
            stores: true,
            max_bytes: 1 << 20,
            max_entries: 0,
            policy: Policy::S3Fifo,
            negative_keys: 0,
        }
    }

    #[test]
    fn one_name_is_one_tier_while_it_is_held() {
        let first = Memory::open(&config("one")).unwrap();
        assert!(Arc::ptr_eq(&first, &Memory::open(&config("one")).unwrap()));
        assert!(!Arc::ptr_eq(&first, &Memory::open(&config("two")).unwrap()));
        let weak = Arc::downgrade(&first);
        drop(first);
        assert!(weak.upgrade().is_none());
        let other = Config { max_bytes: 2 << 20, ..config("one") };
        assert!(Memory::open(&other).is_ok());
    }

    #[test]
    fn a_name_is_free_when_the_last_has_left_though_it_is_referred_to() {
        let (first, second) =
            (Memory::open(&config("four")).unwrap(), Memory::open(&config("four")).unwrap());
        first.set(b"a", &Record::new(Tag::Text, "x", 9), 0);
        let (one, other) = (Owner::new(&first), Owner::new(&second));
        one.leave();
        one.leave();
        drop(one);
        let bigger = Config { max_bytes: 2 << 20, ..config("four") };
        assert!(Memory::open(&bigger).is_err());
        assert!(first.get(b"a", 0).is_some());
        other.leave();
        assert!(first.get(b"a", 0).is_none(), "what it held is freed");
        let third = Memory::open(&bigger).unwrap();
        assert!(!Arc::ptr_eq(&first, &third));
        drop((first, second, other));
        assert!(Arc::ptr_eq(&third, &Memory::open(&bigger).unwrap()));
    }

    #[test]
    fn without_a_name_each_is_its_own() {
        let unnamed = Config { shared: None, ..config("") };
        assert!(!Arc::ptr_eq(&Memory::open(&unnamed).unwrap(), &Memory::open(&unnamed).unwrap()));
    }

    #[test]
    fn other_options_are_refused_by_name() {
        let _held = Memory::open(&config("three")).unwrap();
        let cases = [
            (Config { stores: false, ..config("three") }, "memory.store", "reference"),
            (Config { max_bytes: 5, ..config("three") }, "memory.maxBytes", "5"),
            (Config { max_entries: 6, ..config("three") }, "memory.maxEntries", "6"),
            (Config { policy: Policy::Lru, ..config("three") }, "memory.policy", "lru"),
            (Config { negative_keys: 7, ..config("three") }, "negative.maxKeys", "7"),
        ];
        for (other, option, value) in cases {
            let error = Memory::open(&other).err().unwrap();
            assert_eq!(error.kind, Kind::OptionRange);
            let text = error.to_string();
            assert!(text.contains(option) && text.contains(value) && text.contains("three"), "{text}");
        }
    }
}
