use super::*;
use proptest::prelude::*;

fn head(tag: Tag, deadline: Millis, stale_until: Millis) -> Head {
    Head { tag, deadline, stale_until, tags: Box::default(), zstd: false }
}
fn plain(tag: Tag, text: &str) -> Option<Stored> {
    Some(Stored::Plain(tag, Bytes::copy_from_slice(text.as_bytes())))
}

#[test]
fn the_tagged_layout_is_what_is_documented() {
    let text = write_tagged(&head(Tag::Text, 0x1_2345, NEVER), "größe".as_bytes(), true);
    assert_eq!(text, "\u{2}1t0000000012345ffffffffffffgröße".as_bytes());
    let tags: Box<[Box<str>]> = ["a".into(), "ü".into()].into();
    let tagged = Head { tags, ..head(Tag::Bytes, 1, 2) };
    let want = "\u{2}1b1000000000001000000000002\
                00000013\
                00000001a00000002ü";
    assert_eq!(write_tagged(&tagged, &[255, 0], false), [want.as_bytes(), &[255, 0]].concat());
    assert!(write_tagged(&tagged, &[255, 0], true).ends_with(b"/wA="));
    assert!(std::str::from_utf8(&write_tagged(&tagged, &[255, 0], true)).is_ok());
}

#[test]
fn the_plain_layout_is_what_other_clients_expect() {
    assert_eq!(write_plain(Tag::Json, br#"{"a":1}"#), br#"{"a":1}"#);
    assert_eq!(write_plain(Tag::Text, b"123"), br#""123""#);
    assert_eq!(write_plain(Tag::Text, "a\"\n\u{1}é".as_bytes()), "\"a\\\"\\n\\u0001é\"".as_bytes());
    assert_eq!(write_plain(Tag::Bytes, &[255, 0]), b"\x01/wA=");
    assert_eq!(write_plain(Tag::V8, &[255, 0]), b"\x01*/wA=");
}

#[test]
fn what_others_wrote_is_json_or_text() {
    let read = |text: &str| read(&Bytes::copy_from_slice(text.as_bytes()));
    assert_eq!(read("123"), plain(Tag::Json, "123"));
    assert_eq!(read("\"123\""), plain(Tag::Text, "123"));
    assert_eq!(read("hello"), plain(Tag::Text, "hello"));
    assert_eq!(read(""), plain(Tag::Text, ""));
    assert_eq!(read("{\"a\":"), plain(Tag::Text, "{\"a\":"));
    assert_eq!(read("null"), plain(Tag::Json, "null"));
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(read(&deep), plain(Tag::Json, &deep));
    // a lone surrogate is JSON that no UTF-8 string can hold
    assert_eq!(read(r#""\ud800""#), plain(Tag::Json, r#""\ud800""#));
}

#[test]
fn what_cannot_be_read_is_damaged() {
    let damaged: &[&[u8]] = &[
        b"\xff\xfe",
        b"\x01not base64",
        b"\x02",
        b"\x022t0000000000001000000000002x",
        b"\x021x0000000000001000000000002x",
        b"\x021t4000000000001000000000002x",
        b"\x021t000000000000g000000000002x",
        b"\x021t0000000000001000000000002\xff",
        b"\x021b1000000000001000000000002ffffffff",
        b"\x021b10000000000010000000000020000000900000009a",
        b"\x021B0000000000001000000000002***",
    ];
    for value in damaged {
        assert_eq!(read(&Bytes::copy_from_slice(value)), None, "{}", String::from_utf8_lossy(value));
    }
}

#[test]
fn the_payload_is_not_copied() {
    let value = Bytes::from(write_tagged(&head(Tag::Bytes, 1, 2), &[7; 1000], false));
    let Some(Stored::Tagged(_, payload)) = read(&value) else { panic!() };
    assert_eq!(payload.as_ptr(), value[HEAD_BYTES..].as_ptr());
}

fn any_head() -> impl Strategy<Value = Head> {
    let time = prop_oneof![Just(NEVER), 0..NO_DEADLINE];
    let tags = proptest::collection::vec(".{0,9}", 0..4);
    (0u8..4, time.clone(), time, tags, any::<bool>()).prop_map(|(tag, one, other, tags, zstd)| Head {
        tag: Tag::from_u8(tag).unwrap(),
        deadline: one.min(other),
        stale_until: one.max(other),
        tags: tags.into_iter().map(String::into_boxed_str).collect(),
        zstd,
    })
}
proptest! {
    #[test]
    fn tagged_values_come_back(head in any_head(), text in ".{0,40}", bytes: Vec<u8>, text_only: bool) {
        let binary = head.zstd || matches!(head.tag, Tag::Bytes | Tag::V8);
        let payload = if binary { bytes } else { text.into_bytes() };
        let value = write_tagged(&head, &payload, text_only);
        if text_only {
            prop_assert!(std::str::from_utf8(&value).is_ok());
        }
        prop_assert_eq!(read(&value.clone().into()), Some(Stored::Tagged(head.clone(), payload.into())));
        // any beginning says how much more is needed, and enough of it says all
        for end in 1..value.len() {
            match peek(&value[..end]) {
                Peek::Short(need) => prop_assert!(need > end && need <= value.len().max(HEAD_BYTES)),
                Peek::Head { head: seen, at, .. } => {
                    prop_assert!(at <= end);
                    prop_assert_eq!(&seen, &head);
                }
                Peek::Foreign => prop_assert!(false, "its own beginning"),
            }
        }
    }

    #[test]
    fn plain_values_come_back(tag in 0u8..4, text in ".{0,40}", bytes: Vec<u8>) {
        let tag = Tag::from_u8(tag).unwrap();
        let payload = match tag {
            Tag::Json => serde_json::to_vec(&vec![text]).unwrap(),
            Tag::Text => text.into_bytes(),
            _ => bytes,
        };
        let value = Bytes::from(write_plain(tag, &payload));
        prop_assert!(std::str::from_utf8(&value).is_ok());
        prop_assert_eq!(read(&value), Some(Stored::Plain(tag, payload.into())));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, tagged: bool) {
        let bytes = if tagged { [b"\x021b1".as_slice(), &bytes].concat() } else { bytes };
        let _ = read(&bytes.into());
    }
}
