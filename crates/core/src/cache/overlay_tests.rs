use super::*;
use crate::cache::Tag;
use proptest::prelude::*;
use std::collections::BTreeMap;

const WIDE: Limits = Limits { put_keys: 1000, put_bytes: 1 << 20, keys: 2000, bytes: 1 << 21 };

fn put_of(text: &str) -> Put {
    Put { record: Record::new(Tag::Text, text.to_owned(), 9), generation: 0, condition: None }
}
fn fill_of(text: &str) -> Put {
    Put { condition: Some(Condition { told: 0, fence: None }), ..put_of(text) }
}
fn key(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
fn names(batch: &[Next<u32, &'static str>]) -> Vec<String> {
    let name = |next: &Next<u32, &'static str>| match next {
        Next::Op(op) => (*op).to_owned(),
        Next::Key(taken) => String::from_utf8(taken.key.to_vec()).unwrap(),
    };
    batch.iter().map(name).collect()
}

#[test]
fn deletes_and_operations_run_ahead_of_puts_in_their_order() {
    let mut overlay = Overlay::<u32, &'static str>::new(WIDE);
    overlay.put(key("a"), put_of("1"), Lane::Behind);
    overlay.put(key("b"), put_of("1"), Lane::Behind);
    overlay.remove(key("c"), None);
    overlay.push("lease").unwrap();
    overlay.remove(key("b"), None);
    assert_eq!(names(&overlay.take(10)), ["c", "lease", "b", "a"]);
    assert!(overlay.is_idle());
}

#[test]
fn a_change_that_comes_while_a_key_is_written_stays() {
    let mut overlay = Overlay::<u32, ()>::new(WIDE);
    overlay.put(key("a"), put_of("1"), Lane::Behind);
    let batch = overlay.take(10);
    overlay.remove(key("a"), Some(7));
    let settled =
        batch.iter().filter_map(|next| if let Next::Key(taken) = next { Some(taken) } else { None });
    overlay.settle(settled);
    assert_eq!(overlay.get(b"a"), Some(&Effect::Delete));
    let next = overlay.take(10);
    assert!(matches!(&next[..], [Next::Key(Taken { tickets, .. })] if tickets[..] == [(7, Some(true))]));
}

#[test]
fn a_put_without_room_becomes_a_delete_and_a_delete_without_room_is_told() {
    let limits = Limits { put_keys: 1, put_bytes: 1 << 20, keys: 2, bytes: 1 << 20 };
    let mut overlay = Overlay::<u32, ()>::new(limits);
    assert_eq!(overlay.put(key("a"), put_of("1"), Lane::Behind), Admission::Accepted);
    assert_eq!(overlay.put(key("b"), fill_of("1"), Lane::Behind), Admission::Dropped);
    assert_eq!(overlay.get(b"b"), None);
    assert_eq!(overlay.put(key("b"), put_of("1"), Lane::Behind), Admission::Dropped);
    assert_eq!(overlay.get(b"b"), Some(&Effect::Delete));
    assert_eq!(overlay.put(key("c"), put_of("1"), Lane::Behind), Admission::Full);
    assert_eq!(overlay.remove(key("c"), None), Admission::Full);
    assert_eq!(overlay.remove(key("a"), None), Admission::Accepted);
    let bytes = Limits { put_bytes: 200, bytes: 400, ..WIDE };
    let mut overlay = Overlay::<u32, ()>::new(bytes);
    assert_eq!(overlay.put(key("a"), put_of(&"x".repeat(100)), Lane::Behind), Admission::Dropped);
    assert_eq!(overlay.put(key("a"), put_of("x"), Lane::Behind), Admission::Accepted);
}

#[test]
fn a_fill_in_place_of_a_waiting_write_says_so() {
    let mut overlay = Overlay::<u32, ()>::new(WIDE);
    overlay.put(key("a"), put_of("1"), Lane::Behind);
    overlay.put(key("a"), fill_of("2"), Lane::Behind);
    overlay.put(key("b"), fill_of("2"), Lane::Behind);
    overlay.put(key("b"), fill_of("3"), Lane::Behind);
    let replaced: Vec<bool> = overlay
        .take(10)
        .iter()
        .map(|next| matches!(next, Next::Key(Taken { or_delete: true, .. })))
        .collect();
    assert_eq!(replaced, [true, false]);
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8, bool),
    Remove(u8),
    Take(usize),
    Commit,
}
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6_u8, any::<u8>(), any::<bool>()).prop_map(|(key, value, urgent)| Step::Put(key, value, urgent)),
        (0..6_u8).prop_map(Step::Remove),
        (1..5_usize).prop_map(Step::Take),
        Just(Step::Commit),
    ]
}
fn text(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Put(put) => Some(String::from_utf8(put.record.bytes.to_vec()).unwrap()),
        Effect::Delete => None,
    }
}

proptest! {
    /// Seen through the overlay, the store is a plain map from the first call on; each delete is told once whether
    /// its key was there.
    #[test]
    fn what_is_seen_is_the_last_write(steps in proptest::collection::vec(step(), 0..80)) {
        let mut overlay = Overlay::<usize, ()>::new(WIDE);
        let mut model = BTreeMap::<Bytes, String>::new();
        let mut disk = BTreeMap::<Bytes, String>::new();
        let mut in_hand: Vec<Taken<usize>> = Vec::new();
        let (mut wanted, mut told) = (Vec::new(), BTreeMap::new());
        for step in steps.into_iter().chain((0..200).flat_map(|_| [Step::Take(3), Step::Commit])) {
            match step {
                Step::Put(name, value, urgent) => {
                    let lane = if urgent { Lane::Urgent } else { Lane::Behind };
                    overlay.put(key(&name.to_string()), put_of(&value.to_string()), lane);
                    model.insert(key(&name.to_string()), value.to_string());
                }
                Step::Remove(name) => {
                    let name = key(&name.to_string());
                    wanted.push(model.remove(&name).is_some());
                    overlay.remove(name, Some(wanted.len() - 1));
                }
                Step::Take(limit) if in_hand.is_empty() => {
                    in_hand = overlay.take(limit).into_iter().filter_map(|next| {
                        if let Next::Key(taken) = next { Some(taken) } else { None }
                    }).collect();
                }
                Step::Take(_) => {}
                Step::Commit => {
                    for taken in &in_hand {
                        let before = match text(&taken.effect) {
                            Some(value) => disk.insert(taken.key.clone(), value),
                            None => disk.remove(&taken.key),
                        };
                        for (ticket, known) in &taken.tickets {
                            prop_assert!(told.insert(*ticket, known.unwrap_or(before.is_some())).is_none());
                        }
                    }
                    overlay.settle(&in_hand);
                    in_hand.clear();
                }
            }
            let mut seen = disk.clone();
            for (name, effect) in overlay.iter() {
                match text(effect) {
                    Some(value) => { seen.insert(name.clone(), value); }
                    None => { seen.remove(name); }
                }
            }
            prop_assert_eq!(&seen, &model);
        }
        prop_assert_eq!(&disk, &model);
        prop_assert_eq!(told.into_values().collect::<Vec<_>>(), wanted);
        prop_assert!(overlay.is_idle() && overlay.bytes == 0);
    }
}
