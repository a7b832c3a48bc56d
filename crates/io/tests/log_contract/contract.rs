//! The contract, held by the model, in memory and in a file; and random changes against the model.

use crate::chance::{Chance, QUEUES};
use crate::model::Model;
use crate::rows::*;
use bytes::Bytes;
use proptest::prelude::*;
use sluice_core::error::Kind;
use sluice_io::log::{Change, DurableStore, Letter, RedbStore, Row};

/// The life of items; `make` makes an empty store of at most so many bytes.
fn contract<S: DurableStore>(make: impl Fn(u64) -> S) {
    let mut store = make(1000);
    assert_eq!(store.next_seq("mail").unwrap(), 1);
    assert_eq!((store.bytes(), store.queues().unwrap().len()), (0, 0));
    assert_eq!(store.pending("mail").unwrap(), []);
    store.commit(&[], 0).unwrap();

    // accepted, with and without claims; in order of numbers, not of coming
    let changes = [
        accept(row(2, Some("b"), b"22"), true),
        accept(row(1, Some("a"), b"1"), true),
        accept(row(3, Some("c"), b"333"), false),
        accept(row(4, None, b""), true),
    ];
    assert_eq!(store.commit(&changes, 0).unwrap(), []);
    let rows =
        [row(1, Some("a"), b"1"), row(2, Some("b"), b"22"), row(3, Some("c"), b"333"), row(4, None, b"")];
    assert_eq!(store.pending("mail").unwrap(), rows);
    let claims = [seen("a", Some(1), u64::MAX, None), seen("b", Some(2), u64::MAX, None)];
    assert_eq!(store.seen("mail", u64::MAX - 1).unwrap(), claims);
    assert_eq!(store.bytes(), 1 + 1 + 2 + 1 + 3 + 1 + 2);
    assert_eq!((store.next_seq("mail").unwrap(), store.next_seq("other").unwrap()), (5, 1));
    assert_eq!(store.queues().unwrap(), ["mail"]);
    assert_eq!(store.pending("other").unwrap(), []);

    // tried, failed, requeued, delivered
    let changes = [
        Change::Attempts { queue: mail(), seq: 3, attempts: 2 },
        Change::Bury { queue: mail(), seq: 2, attempts: 4, error: "böse".into(), died: 70 },
        Change::Bury { queue: mail(), seq: 4, attempts: 1, error: "".into(), died: 60 },
        Change::Complete { queue: mail(), seq: 1, seen: Some((500, Some(Bytes::from_static(b"{}")))) },
    ];
    store.commit(&changes, 0).unwrap();
    assert_eq!(store.pending("mail").unwrap(), [Row { attempts: 2, ..row(3, Some("c"), b"333") }]);
    let second =
        Letter { row: Row { attempts: 4, ..row(2, Some("b"), b"22") }, error: "böse".into(), died: 70 };
    let first = Letter { row: Row { attempts: 1, ..row(4, None, b"") }, error: "".into(), died: 60 };
    assert_eq!(store.letters("mail").unwrap(), [first, second]);
    assert_eq!(store.seen("mail", 499).unwrap(), [seen("a", None, 500, Some("{}"))]);
    assert_eq!(store.seen("mail", 500).unwrap(), []);
    let changes = [
        Change::Requeue { queue: mail(), seq: 2 },
        Change::Forget { queue: mail(), seq: 4 },
        Change::Complete { queue: mail(), seq: 3, seen: None },
        // none of these is there
        Change::Complete { queue: mail(), seq: 3, seen: Some((9, None)) },
        Change::Attempts { queue: mail(), seq: 77, attempts: 2 },
        Change::Bury { queue: mail(), seq: 77, attempts: 2, error: "x".into(), died: 1 },
        Change::Requeue { queue: mail(), seq: 77 },
        Change::Forget { queue: mail(), seq: 77 },
        Change::Unsee { queue: mail(), key: "nobody".into() },
    ];
    store.commit(&changes, 0).unwrap();
    assert_eq!(store.pending("mail").unwrap(), [row(2, Some("b"), b"22")]);
    assert_eq!(store.letters("mail").unwrap(), []);

    // a key that is seen goes when there are too many, or when it has expired and its queue is touched
    store.commit(&[Change::Unsee { queue: mail(), key: "a".into() }], 0).unwrap();
    assert_eq!(store.seen("mail", 0).unwrap(), []);
    store
        .commit(&[accept(row(5, Some("d"), b"5"), true), Change::Unsee { queue: mail(), key: "d".into() }], 0)
        .unwrap();
    assert_eq!(store.seen("mail", 0).unwrap(), [seen("d", Some(5), u64::MAX, None)]);
    store.commit(&[Change::Complete { queue: mail(), seq: 5, seen: Some((900, None)) }], 899).unwrap();
    assert_eq!(store.seen("mail", 0).unwrap(), [seen("d", None, 900, None)]);
    store.commit(&[Change::Forget { queue: mail(), seq: 77 }], 900).unwrap();
    assert_eq!(store.seen("mail", 0).unwrap(), []);

    // an item that ends without an effect frees its key, unless another has claimed it since
    store.commit(&[accept(row(6, Some("e"), b"6"), true), accept(row(7, Some("e"), b"7"), true)], 0).unwrap();
    store.commit(&[Change::Forget { queue: mail(), seq: 6 }], 0).unwrap();
    assert_eq!(store.seen("mail", 0).unwrap(), [seen("e", Some(7), u64::MAX, None)]);
    let end = Change::Bury { queue: mail(), seq: 7, attempts: 1, error: "no".into(), died: 1 };
    store.commit(&[end], 0).unwrap();
    assert_eq!(store.seen("mail", 0).unwrap(), []);

    // notes
    let note = |text: Option<&str>| Change::Note { name: "moved".into(), text: text.map(Into::into) };
    store.commit(&[note(Some("1")), note(Some("2"))], 0).unwrap();
    assert_eq!(store.notes().unwrap(), [("moved".to_owned(), "2".to_owned())]);
    store.commit(&[note(None)], 0).unwrap();
    assert_eq!(store.notes().unwrap(), []);

    // cleared up to a number; numbers are not used again
    let rows = [accept(row(10, Some("f"), b"f"), true), accept(row(11, Some("g"), b"g"), true)];
    store.commit(&rows, 0).unwrap();
    store.commit(&[Change::Clear { queue: mail(), up_to: 10 }], 0).unwrap();
    assert_eq!(store.pending("mail").unwrap(), [row(11, Some("g"), b"g")]);
    assert_eq!(store.letters("mail").unwrap(), []);
    assert_eq!(store.seen("mail", 0).unwrap(), [seen("g", Some(11), u64::MAX, None)]);
    store.commit(&[Change::Clear { queue: mail(), up_to: 11 }], 0).unwrap();
    assert_eq!((store.bytes(), store.queues().unwrap().len()), (0, 0));
    assert_eq!(store.next_seq("mail").unwrap(), 12);
    refusals(make(10));
}
fn refusals(mut store: impl DurableStore) {
    let changes = [
        accept(row(1, None, b"123456"), false),
        accept(row(2, Some("k"), b"1234"), true),
        accept(row(3, None, b"1234"), false),
        // what refers to a refused one does nothing
        Change::Attempts { queue: mail(), seq: 2, attempts: 5 },
        Change::Complete { queue: mail(), seq: 2, seen: Some((9, None)) },
        Change::Forget { queue: mail(), seq: 1 },
        // there is room again
        accept(row(4, None, b"123456"), false),
        accept(row(3, None, b""), false),
    ];
    let refused = store.commit(&changes, 0).unwrap();
    let refused: Vec<_> = refused.iter().map(|one| (one.index, &*one.queue, one.seq, one.why.kind)).collect();
    assert_eq!(refused, [(1, "mail", 2, Kind::BufferFull), (7, "mail", 3, Kind::Internal)]);
    assert_eq!(store.pending("mail").unwrap(), [row(3, None, b"1234"), row(4, None, b"123456")]);
    assert_eq!(store.seen("mail", 0).unwrap(), []);
    assert_eq!((store.bytes(), store.next_seq("mail").unwrap()), (10, 5));
    // adoption asks for no room
    let adopted = row(6, Some("z"), b"more than ten bytes");
    let claim = seen("z", Some(6), u64::MAX, None);
    let change =
        Change::Adopt { queue: mail(), rows: vec![adopted.clone()], letters: vec![], seen: vec![claim] };
    assert_eq!(store.commit(&[change], 0).unwrap(), []);
    assert_eq!(store.pending("mail").unwrap().last(), Some(&adopted));
    assert_eq!(store.next_seq("mail").unwrap(), 7);
    // the last number that was refused is not used again either
    let refused = store.commit(&[accept(row(40, None, b"x"), false)], 0).unwrap();
    assert_eq!(refused.len(), 1);
    assert_eq!(store.next_seq("mail").unwrap(), 41);
}

#[test]
fn the_model_keeps_the_contract() {
    contract(Model::new);
}
#[test]
fn redb_keeps_the_contract() {
    contract(in_memory);
}
#[test]
fn a_file_keeps_the_contract() {
    let dir = dir("contract");
    let count = std::cell::Cell::new(0);
    contract(|max_bytes| {
        count.set(count.get() + 1);
        RedbStore::create(&dir.join(format!("sluice-{}.redb", count.get())), true, max_bytes).unwrap()
    });
    std::fs::remove_dir_all(&dir).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn redb_does_what_the_model_does(seed: u64, commits in prop::collection::vec(1_usize..12, 1..12), max_bytes in 1_000_u64..100_000) {
        let (mut store, mut model) = (in_memory(max_bytes), Model::new(max_bytes));
        let (mut chance, mut now) = (Chance::new(seed), 0);
        for count in commits {
            now += chance.below(400);
            let mut changes = Vec::new();
            let mut ahead = model.clone();
            for _ in 0..count {
                changes.push(chance.change(&ahead));
                ahead.commit(&changes[changes.len() - 1..], 0).unwrap();
            }
            let (found, wanted) = (store.commit(&changes, now).unwrap(), model.commit(&changes, now).unwrap());
            prop_assert_eq!(found.len(), wanted.len());
            for (found, wanted) in found.iter().zip(&wanted) {
                prop_assert_eq!((found.index, found.seq, found.why.kind), (wanted.index, wanted.seq, wanted.why.kind));
            }
            prop_assert_eq!(Model::of(&store, &QUEUES), Model { id: store.id(), ..Model::of(&model, &QUEUES) });
            prop_assert_eq!(store.queues().unwrap(), model.queues().unwrap());
            prop_assert_eq!(store.bytes(), model.bytes());
            for name in QUEUES {
                prop_assert_eq!(store.seen(name, now + 100).unwrap(), model.seen(name, now + 100).unwrap());
                prop_assert_eq!(store.letters(name).unwrap(), model.letters(name).unwrap());
            }
            prop_assert_eq!(store.is_empty(), model.queues().unwrap().is_empty());
        }
    }
}
