//! Deletes by key, pattern, tag and altogether, and what is listed meanwhile.

use crate::disk::{self, *};
use bytes::Bytes;
use sluice_core::cache::{Record, Tag};

#[test]
fn a_removed_key_is_gone_at_once_and_its_count_is_right() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    disk.put(b"a", text("1"), None);
    flush(&disk);
    disk.put(b"b", text("1"), None);
    let (done, told) = done();
    disk.remove(&[Bytes::from("a"), Bytes::from("b"), Bytes::from("c"), Bytes::from("b")], done);
    assert_eq!((read(&disk, "a"), read(&disk, "b")), (None, None));
    assert_eq!(settled(&told), 2);
    assert_eq!(remove(&disk, &["a", "b"]), 0);
    assert_eq!((read(&disk, "a"), read(&disk, "b")), (None, None));
    let (done, told) = disk::done();
    disk.remove(&[], done);
    assert_eq!(settled(&told), 0);
}

#[test]
fn patterns_and_tags_go_beyond_the_first_thousand() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    for index in 0..6_000 {
        let mut record = text("v");
        if index % 2 == 0 {
            record.tags = ["even".into(), "all".into()].into();
        }
        disk.put(format!("user:{index}:x").as_bytes(), record.clone(), None);
        disk.put(format!("{}:{index}", "long".repeat(200)).as_bytes(), record, None);
    }
    flush(&disk);
    // what was written after the call stays, wherever the search has got to
    let (done, told) = done();
    disk.remove_pattern(b"user:*5:?", done);
    assert_eq!(read(&disk, "user:5995:x"), None);
    disk.put(b"user:5995:x", text("new"), None);
    assert_eq!(read(&disk, "user:5995:x").as_deref(), Some("new"));
    // one of the 600 may have been written anew before the search came to it
    assert!((599..=600).contains(&settled(&told)));
    assert_eq!(read(&disk, "user:5:x"), None);
    assert_eq!(read(&disk, "user:6:x").as_deref(), Some("v"));
    assert_eq!(read(&disk, "user:5995:x").as_deref(), Some("new"));
    flush(&disk);
    assert_eq!(read(&disk, "user:5995:x").as_deref(), Some("new"));
    let (done, told) = disk::done();
    disk.remove_tag("even", done);
    assert_eq!(read(&disk, "user:0:x"), None);
    assert_eq!(settled(&told), 6_000);
    assert_eq!(disk.keys(b"user:", usize::MAX, 1000).len(), 2_401);
    let (done, told) = disk::done();
    disk.remove_pattern(b"longlong*", done);
    assert_eq!(settled(&told), 3_000);
    let (done, told) = disk::done();
    disk.remove_tag("none", done);
    assert_eq!(settled(&told), 0);
}

#[test]
fn keys_lists_fresh_ones_in_order_with_those_on_their_way() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    for index in 0..5_000 {
        disk.put(format!("a:{index:05}").as_bytes(), text("1"), None);
    }
    let long = format!("a:{}", "z".repeat(1000));
    disk.put(long.as_bytes(), text("1"), None);
    disk.put(b"a:old", Record::new(Tag::Text, "1", 500), None);
    disk.put(b"b:1", text("1"), None);
    flush(&disk);
    disk.put(b"a:new", text("1"), None);
    disk.remove(&[Bytes::from("a:00000")], Box::new(|_| {}));
    let keys = disk.keys(b"a:", usize::MAX, 1000);
    assert_eq!(keys.len(), 5_001);
    assert!(keys.is_sorted() && keys.contains(&Bytes::from(long)) && keys.contains(&Bytes::from("a:new")));
    assert_eq!(disk.keys(b"a:", 3, 1000)[..2], [Bytes::from("a:00001"), Bytes::from("a:00002")]);
    assert_eq!(disk.keys(b"", usize::MAX, 1000).len(), 5_002);
    assert_eq!(disk.keys(b"c", usize::MAX, 1000).len(), 0);
}

#[test]
fn clear_is_for_everything_before_it_and_nothing_after() {
    let folder = Folder::new();
    let (disk, _) = open(&folder.config());
    for index in 0..100 {
        disk.put(format!("{index}").as_bytes(), text("1"), None);
    }
    flush(&disk);
    disk.put(b"way", text("1"), None);
    let (done, told) = done();
    disk.clear(done);
    assert_eq!((read(&disk, "7"), read(&disk, "way")), (None, None));
    disk.put(b"8", text("2"), None);
    assert_eq!(settled(&told), 100);
    flush(&disk);
    assert_eq!((read(&disk, "7"), read(&disk, "8").as_deref()), (None, Some("2")));
    assert_eq!(disk.keys(b"", usize::MAX, 1000), [Bytes::from("8")]);
}
