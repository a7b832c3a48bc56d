//! Properties of the body engine, held against serde_json and against plain reasoning.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_core::body::{self, Change, Document, Duplicates, Limits, Op, Piece, Pointer, Proto, Text};
use sluice_core::error::{Field, Kind};

fn free() -> Limits {
    Limits { max_depth: 10_000, proto: Proto::Ignore, duplicates: Duplicates::Last }
}
fn document(text: &str) -> Document {
    Document::parse(text.as_bytes().to_vec(), &free(), 7).unwrap()
}
fn pointer(text: &str) -> Pointer {
    Pointer::parse(&text.encode_utf16().collect::<Vec<_>>()).unwrap()
}
fn get<'a>(document: &'a Document, at: &str) -> Option<&'a str> {
    Some(std::str::from_utf8(&document.text()[document.find(&pointer(at))?]).unwrap())
}
fn with(text: &str, changes: &[(&str, Option<&str>)]) -> Option<String> {
    let change = |(at, value): &(&str, Option<&str>)| Change {
        pointer: pointer(at),
        value: value.map(|value| value.as_bytes().to_vec()),
    };
    let changes: Vec<_> = changes.iter().map(change).collect();
    document(text).with(&changes).ok().map(|bytes| String::from_utf8(bytes).unwrap())
}
/// Where a text is refused: offset, line, column.
fn refused(bytes: &[u8], limits: &Limits) -> [u64; 3] {
    let error = body::check(bytes, limits).unwrap_err();
    assert_eq!(error.kind, Kind::BodyJson);
    assert_eq!(Document::parse(bytes.to_vec(), limits, 7).unwrap_err(), error);
    ["offset", "line", "column"].map(|name| match error.fields.iter().find(|(field, _)| *field == name) {
        Some((_, Field::Number(number))) => *number,
        other => panic!("{other:?}"),
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| json!(n)),
        (-1e300..1e300f64).prop_map(|n| json!(n)),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 200, 40, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..24).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..24)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
/// Texts close to JSON: the interesting mistakes are one byte away from it.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let soup = prop::collection::vec(
        prop::sample::select(b"{}[]\",:\\u0019eE+-. \n\ttruefalsn\x00\x1f\xc3\xa9x/".to_vec()),
        0..40,
    );
    let mutated =
        (any_json(), any::<prop::sample::Index>(), prop::sample::select(b"{}[]\",:\\0-e. \x01z".to_vec()))
            .prop_map(|(value, at, byte)| {
                let mut text = value.to_string().into_bytes();
                let at = at.index(text.len());
                text[at] = byte;
                text
            });
    prop_oneof![soup, mutated]
}

proptest! {
    #[test]
    fn what_serde_accepts_is_accepted_and_nothing_else(bytes in nearly_json()) {
        let serde = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes);
        let ours = body::check(&bytes, &free());
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        prop_assert!(blank || ours.is_ok() == (serde.is_ok() && std::str::from_utf8(&bytes).is_ok()),
            "{:?}: {:?} against {:?}", String::from_utf8_lossy(&bytes), ours, serde);
        prop_assert_eq!(body::consistent(&bytes), Ok(!blank && ours.is_ok()));
    }

    #[test]
    fn every_value_is_found_by_its_pointer(value in any_json()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let document = document(&text);
        let mut rest = vec![(String::new(), &value)];
        while let Some((at, value)) = rest.pop() {
            let found: Value = serde_json::from_str(get(&document, &at).unwrap()).unwrap();
            prop_assert_eq!(&found, value);
            let length = document.length(&pointer(&at));
            match value {
                Value::Array(list) => {
                    prop_assert_eq!(length, Some(list.len()));
                    prop_assert_eq!(get(&document, &format!("{at}/{}", list.len())), None);
                    rest.extend(list.iter().enumerate().map(|(index, value)| (format!("{at}/{index}"), value)));
                }
                Value::Object(map) => {
                    prop_assert_eq!(length, Some(map.len()));
                    rest.extend(map.iter().map(|(key, value)| {
                        (format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), value)
                    }));
                }
                _ => prop_assert_eq!(length, None),
            }
        }
    }

    #[test]
    fn slices_put_together_are_the_whole(value in any_json(), slice_bytes in 1usize..200) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(assemble(&body::slices(&document(&text), slice_bytes)), value);
    }

    #[test]
    fn a_member_set_and_removed_again_is_as_it_was(
        members in prop::collection::btree_map("[a-c~/\"é]{0,3}", any_json(), 0..6),
        key in "[a-c~/\"é]{0,3}",
    ) {
        let text = serde_json::to_string(&members).unwrap();
        let at = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        let mut expected = members.clone();
        expected.insert(key.clone(), json!([1]));
        let added = with(&text, &[(&at, Some("[1]"))]).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&added).unwrap(), json!(expected));
        expected.remove(&key);
        let removed = with(&added, &[(&at, None)]).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&removed).unwrap(), json!(expected));
    }

    #[test]
    fn any_elements_are_removed_and_others_appended(keep in prop::collection::vec(any::<bool>(), 0..12), append: bool) {
        let text = format!("[ {} ]", (0..keep.len()).map(|n| n.to_string()).collect::<Vec<_>>().join(" , "));
        let mut changes: Vec<_> =
            keep.iter().enumerate().filter(|(_, keep)| !**keep).map(|(n, _)| (format!("/{n}"), None)).collect();
        if append {
            changes.push(("/-".to_owned(), Some("true")));
        }
        let changes: Vec<_> = changes.iter().map(|(at, value)| (at.as_str(), *value)).collect();
        let mut expected: Vec<Value> = (0..keep.len()).filter(|&n| keep[n]).map(|n| json!(n)).collect();
        expected.extend(append.then_some(json!(true)));
        prop_assert_eq!(serde_json::from_str::<Value>(&with(&text, &changes).unwrap()).unwrap(), json!(expected));
    }

    #[test]
    fn polluting_members_are_removed_at_any_place(members in prop::collection::vec((any::<bool>(), 0..3u8), 0..8)) {
        let good = |n: usize| format!(r#""k{n}" : {n}"#);
        let text = |(bad, kind): (bool, u8), n: usize| match (bad, kind) {
            (false, _) => good(n),
            (true, 0) => r#""__proto__" : {"x":[1]}"#.to_owned(),
            (true, 1) => r#""\u005f_proto__":1"#.to_owned(),
            (true, _) => r#""constructor":{"a":1,"protot\u0079pe":{"__proto__":2},"b":{"__proto__":3}}"#.to_owned(),
        };
        let all: Vec<_> = members.iter().enumerate().map(|(n, &member)| text(member, n)).collect();
        let kept: Vec<_> = members.iter().enumerate().filter(|(_, m)| !m.0).map(|(n, _)| good(n)).collect();
        let text = format!(r#"{{"in":[{{{}}}]}}"#, all.join(","));
        let limits = Limits { proto: Proto::Remove, ..Limits::default() };
        let document = Document::parse(text.into_bytes(), &limits, 7).unwrap();
        let found: Value = serde_json::from_slice(document.text()).unwrap();
        let expected: Value = serde_json::from_str(&format!(r#"{{"in":[{{{}}}]}}"#, kept.join(","))).unwrap();
        prop_assert_eq!(found, expected);
    }
}

/// What the shell does with the pieces, in the plainest way.
fn assemble(pieces: &[Piece]) -> Value {
    fn plain(text: &Text) -> String {
        match text {
            Text::Latin1(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            Text::Utf16(units) => String::from_utf16(units).unwrap(),
        }
    }
    fn put(
        open: &mut [(Option<String>, Value)],
        done: &mut Option<Value>,
        key: Option<String>,
        value: Value,
    ) {
        match open.last_mut() {
            None => *done = Some(value),
            Some((_, Value::Array(list))) => list.push(value),
            Some((_, Value::Object(map))) => drop(map.insert(key.unwrap(), value)),
            Some(_) => unreachable!(),
        }
    }
    let (mut open, mut done) = (Vec::new(), None);
    for piece in pieces {
        let key = piece.key.as_ref().map(plain);
        let text = piece.text.as_ref().map(plain);
        let parsed = || serde_json::from_str::<Value>(text.as_ref().unwrap()).unwrap();
        match piece.op {
            Op::Value => put(&mut open, &mut done, key, parsed()),
            Op::String => put(&mut open, &mut done, key, Value::String(text.clone().unwrap())),
            Op::Array => open.push((key, json!([]))),
            Op::Object => open.push((key, json!({}))),
            Op::Run => match (&mut open.last_mut().unwrap().1, parsed()) {
                (Value::Array(list), Value::Array(run)) => list.extend(run),
                (Value::Object(map), Value::Object(run)) => map.extend(run),
                _ => panic!("a run of another kind"),
            },
            Op::Close => {
                let (key, value) = open.pop().unwrap();
                put(&mut open, &mut done, key, value);
            }
        }
    }
    done.unwrap()
}

#[test]
fn faults_say_where() {
    assert_eq!(refused(b"{\"a\": 1,\n \"\xC3\xA9\": tru}", &free()), [19, 2, 10]);
    assert_eq!(refused(b"[1,]", &free()), [3, 1, 4]);
    assert_eq!(refused(b"[1", &free()), [2, 1, 3]);
    assert_eq!(refused(b"\n\n01", &free()), [3, 3, 2]);
    assert_eq!(refused(b"\"\\u00g0\"", &free()), [5, 1, 6]);
    assert_eq!(refused(b"\"a\tb\"", &free()), [2, 1, 3]);
}

#[test]
fn depth_counts_objects_and_arrays_inside_each_other() {
    let limits = Limits { max_depth: 3, ..Limits::default() };
    assert!(body::check(b"[{\"a\":[]},[[]]]", &limits).is_ok());
    assert_eq!(refused(b"[{\"a\":[[]]}]", &limits)[0], 7);
    let bomb = [b"[".repeat(1 << 20), b"]".repeat(1 << 20)].concat();
    assert_eq!(refused(&bomb, &free())[0], 10_000);
    let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
    assert!(Document::parse(deep, &free(), 7).is_ok());
}

#[test]
fn polluting_keys_are_refused_however_they_are_spelt() {
    let limits = Limits::default();
    for (text, offset) in [
        (r#"{"__proto__":1}"#, 1),
        (r#"[{"a":1,"\u005f\u005fproto__":1}]"#, 8),
        (r#"{"constructor":{"x":1,"prototype":1}}"#, 22),
        (r#"{"\u0063onstructor":{"prot\u006ftype":1}}"#, 21),
    ] {
        assert_eq!(refused(text.as_bytes(), &limits)[0], offset, "{text}");
        assert!(body::check(text.as_bytes(), &free()).is_ok());
    }
    for text in [
        r#"{"prototype":1,"constructor":1}"#,
        r#"{"constructor":[{"prototype":1}]}"#,
        r#"{"constructor":{"a":{"prototype":1}}}"#,
        r#"{"x":"__proto__","constructor":"prototype","__Proto__":1}"#,
    ] {
        assert!(body::check(text.as_bytes(), &limits).is_ok(), "{text}");
    }
}

#[test]
fn duplicates_are_found_decoded_and_per_object() {
    let limits = Limits { duplicates: Duplicates::Error, ..free() };
    assert_eq!(refused(br#"{"a":1,"b":2,"\u0061":3}"#, &limits)[0], 13);
    assert!(body::check(br#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#, &limits).is_ok());
    assert!(body::check(br#"{"\ud800":1,"\ud801":2}"#, &limits).is_ok());
}

#[test]
fn the_last_duplicate_counts_in_small_and_large_objects() {
    let few = document(r#"{"a":1,"b":2,"\u0061":3}"#);
    assert_eq!((get(&few, "/a"), few.length(&pointer(""))), (Some("3"), Some(2)));
    let many: Vec<_> = (0..1000).map(|n| format!(r#""k{}":{n}"#, n % 600)).collect();
    let many = document(&format!("{{{}}}", many.join(",")));
    assert_eq!(many.length(&pointer("")), Some(600));
    assert_eq!(
        [get(&many, "/k0"), get(&many, "/k399"), get(&many, "/k599")],
        [Some("600"), Some("999"), Some("599")]
    );
    assert_eq!(get(&many, "/k600"), None);
}

#[test]
fn changes_touch_nothing_else() {
    let text = "{ \"model\" : \"a\",\n  \"list\":[1 , 2,3 ] , \"e\":{} }";
    assert_eq!(with(text, &[("/model", Some("\"x\""))]).unwrap(), text.replace("\"a\"", "\"x\""));
    assert_eq!(
        with(text, &[("/list/1", None), ("/list/-", Some("4")), ("/e/n", Some("5")), ("/new", Some("6"))])
            .unwrap(),
        "{ \"model\" : \"a\",\n  \"list\":[1,3,4 ] , \"e\":{\"n\":5},\"new\":6 }"
    );
    assert_eq!(with(text, &[("/gone", None), ("/gone/deeper", None)]).unwrap(), text);
    assert_eq!(with(text, &[("", Some("7"))]).unwrap(), "7");
    assert_eq!(with(r#"{"a":1,"b":2,"a":3}"#, &[("/a", None)]).unwrap(), r#"{"b":2}"#);
}

#[test]
fn changes_that_lead_nowhere_or_overlap_are_errors() {
    let text = r#"{"a":{"b":[1]},"s":1}"#;
    for changes in [
        [("/x/y", Some("1"))].as_slice(),
        &[("/s/y", Some("1"))],
        &[("/a/b/1", Some("1"))],
        &[("/a/b/x", Some("1"))],
        &[("", None)],
        &[("", Some("1")), ("/s", Some("2"))],
        &[("/a", Some("1")), ("/a/b", Some("2"))],
        &[("/a", None), ("/a/b/-", Some("2"))],
        &[("/a", None), ("/a/new", Some("2"))],
    ] {
        assert_eq!(with(text, changes), None, "{changes:?}");
    }
}

#[test]
fn a_long_string_is_decoded_ahead() {
    let text = format!(r#"{{"a":"{}\n\ud800é"}}"#, "x".repeat(300));
    let pieces = body::slices(&document(&text), 100);
    let expected: Vec<u16> = "x".repeat(300).encode_utf16().chain([10, 0xD800, 0xE9]).collect();
    assert_eq!(pieces.iter().map(|piece| piece.op).collect::<Vec<_>>(), [Op::Object, Op::String, Op::Close]);
    assert_eq!(pieces[1].text, Some(Text::Utf16(expected)));
    assert_eq!(pieces[1].key, Some(Text::Latin1(b"a".to_vec())));
}

#[test]
fn a_slice_ends_where_ascii_does_when_it_is_long_enough() {
    let (ascii, chinese) = ("x".repeat(3000), "漢".repeat(1000));
    let elements = [&ascii, &ascii, &chinese, &chinese, &ascii, &ascii, &chinese, &ascii];
    let value = json!(elements.map(|text| json!(text)));
    let pieces = body::slices(&document(&value.to_string()), 7000);
    let runs: Vec<bool> = pieces
        .iter()
        .filter(|piece| piece.op == Op::Run)
        .map(|piece| matches!(piece.text, Some(Text::Latin1(_))))
        .collect();
    // two of each; the last two are too short to be kept apart
    assert_eq!(runs, [true, false, true, false]);
    assert_eq!(assemble(&pieces), value);
}
