use super::*;
use proptest::prelude::*;

/// An event as the tests compare it: name, data, exception, id, retry.
type Seen = (String, String, String, String, Option<u64>);

const MAX: usize = 1 << 20;

fn seen(event: &Event<'_>) -> Seen {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).expect("UTF-8").to_owned();
    (text(event.name), text(event.data), text(event.exception), text(event.id), event.retry)
}

/// What comes out of the chunks, and the error if there was one.
fn run<'c>(mut framing: Framing, chunks: impl IntoIterator<Item = &'c [u8]>) -> (Vec<Seen>, Option<Error>) {
    let mut events = Vec::new();
    let mut sink = |event: &Event<'_>| {
        events.push(seen(event));
        Ok(())
    };
    let mut result = Ok(());
    for chunk in chunks {
        result = framing.push(chunk, &mut sink);
    }
    let finished = framing.finish(&mut sink);
    if result.is_err() {
        assert_eq!(finished, result, "it stays failed");
    }
    (events, finished.err())
}

fn data(text: &str) -> Seen {
    (String::new(), text.to_owned(), String::new(), String::new(), None)
}
fn named(name: &str, text: &str) -> Seen {
    (name.to_owned(), text.to_owned(), String::new(), String::new(), None)
}

/// The expected events come out whole, in every two parts, and byte by byte.
fn at_every_split(make: impl Fn() -> Framing, bytes: &[u8], expected: &[Seen]) {
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(run(make(), [bytes]), (expected.to_vec(), None), "whole: {shown:?}");
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(run(make(), [head, tail]), (expected.to_vec(), None), "at {at}: {shown:?}");
    }
    assert_eq!(run(make(), bytes.chunks(1)), (expected.to_vec(), None), "bytes: {shown:?}");
}
fn strict(bytes: &[u8], expected: &[Seen]) {
    at_every_split(|| Framing::sse(false, MAX), bytes, expected);
}
fn lenient(bytes: &[u8], expected: &[Seen]) {
    at_every_split(|| Framing::sse(true, MAX), bytes, expected);
}

#[test]
fn the_cases_of_the_html_standard() {
    strict(b"data: a\n\ndata: b\r\rdata: c\r\n\r\n", &[data("a"), data("b"), data("c")]);
    strict(b"data:  two spaces\n\ndata:none\n\n", &[data(" two spaces"), data("none")]);
    strict(b"data: YHOO\ndata: +2\ndata: 10\n\n", &[data("YHOO\n+2\n10")]);
    strict(b": comment\n\ndata: a\n: between\ndata: b\n\n:\n", &[data("a\nb")]);
    strict(b"data\n\ndata\ndata\n\ndata:last", &[data(""), data("\n")]);
    strict(b"event: add\ndata: 1\n\ndata: 2\n\n", &[named("add", "1"), data("2")]);
    strict(b"event: nothing\n\ndata: 1\n\n", &[data("1")]);
    strict(b"event: a\nevent: b\ndata: 1\nevent: c\n\n", &[named("c", "1")]);
    strict(b"datax: no\n data: no\nDATA: no\ndata: yes\nunknown\n\n", &[data("yes")]);
    strict(b"\n\n\r\n\r\r", &[]);
    strict(b"", &[]);
}

#[test]
fn a_byte_order_mark_is_skipped_once_and_only_at_the_start() {
    strict(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", &[data("a")]);
    strict(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", &[]);
    strict(b"\xef\xbbdata: a\n\ndata: b\n\n", &[data("b")]);
    strict(b"\xef\xbb\xbf\n\ndata: b\n\n", &[data("b")]);
}

#[test]
fn ids_last_and_reconnection_times_are_digits() {
    let event =
        |text: &str, id: &str, retry| (String::new(), text.to_owned(), String::new(), id.to_owned(), retry);
    strict(
        b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\nid: 9\n\ndata: d\n\nid: x\0y\ndata: e\n\n",
        &[
            event("a", "1", None),
            event("b", "1", None),
            event("c", "", None),
            event("d", "9", None),
            event("e", "9", None),
        ],
    );
    strict(
        b"retry: 1500\ndata: a\n\nretry: 15s\ndata: b\n\nretry:\ndata: c\n\nretry: 3\n\ndata: d\n\ndata: e\n\n",
        &[event("a", "", Some(1500)), event("b", "", None), event("c", "", None), event("d", "", Some(3)), event("e", "", None)],
    );
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_and_split_characters_are_not() {
    strict("data: grüße 🎈\n\n".as_bytes(), &[data("grüße 🎈")]);
    strict(b"event: \xff\ndata: a\xffb\xf0\x9f\x8e\n\n", &[named("\u{fffd}", "a\u{fffd}b\u{fffd}")]);
}

#[test]
fn strictly_a_last_event_needs_its_blank_line() {
    strict(b"data: {\"a\":1}\n\ndata: {\"b\":2}\n", &[data("{\"a\":1}")]);
}

#[test]
fn leniently_a_last_event_counts_when_it_is_whole() {
    lenient(b"data: {\"a\":1}\n\ndata: [DONE]", &[data("{\"a\":1}"), data("[DONE]")]);
    lenient(b"event: x\ndata: {\"a\":\"}\"}", &[named("x", "{\"a\":\"}\"}")]);
    lenient(b"data: {\"a\":1}\r\n", &[data("{\"a\":1}")]);
    lenient(b"data: {\"a\":\ndata: 1}", &[data("{\"a\":\n1}")]);
    lenient(b"data: {\"a\":1", &[]);
    lenient(b"data: [DON", &[]);
    lenient(b"data: {\"a\":1}\n\ndata: hel", &[data("{\"a\":1}")]);
    lenient(b"event: x\n", &[]);
}

#[test]
fn leniently_data_lines_that_are_json_each_are_events_each() {
    lenient(b"data: {\"a\":1}\ndata: {\"b\":2}\n\n", &[data("{\"a\":1}"), data("{\"b\":2}")]);
    lenient(
        b"data: {\"a\":1}\ndata: {\"b\":2}\ndata: {\"c\":3}\ndata: [DONE]\n\ndata: {\"d\":4}\n\n",
        &[data("{\"a\":1}"), data("{\"b\":2}"), data("{\"c\":3}"), data("[DONE]"), data("{\"d\":4}")],
    );
    lenient(b"data: {\ndata: \"a\": [1,\ndata: 2]}\n\n", &[data("{\n\"a\": [1,\n2]}")]);
    lenient(b"data: {\"a\":1}\ndata:\n\n", &[data("{\"a\":1}\n")]);
    lenient(b"data: some\ndata: text\n\n", &[data("some\ntext")]);
    lenient(b"data: {\"a\":1}\ndata: {\"cut\":", &[data("{\"a\":1}")]);
    strict(b"data: {\"a\":1}\ndata: {\"b\":2}\n\n", &[data("{\"a\":1}\n{\"b\":2}")]);
}

#[test]
fn ndjson_lines_are_events() {
    let lines = |bytes: &[u8], expected: &[Seen]| at_every_split(|| Framing::ndjson(MAX), bytes, expected);
    lines(b"{\"a\":1}\n\n  {\"b\":2} \r\n\r\n[3]\n", &[data("{\"a\":1}"), data("{\"b\":2}"), data("[3]")]);
    lines(
        b"data: {\"a\":1}\n\ndata:{\"b\":2}\n\ndata: [DONE]\n\n",
        &[data("{\"a\":1}"), data("{\"b\":2}"), data("[DONE]")],
    );
    lines(b"{\"a\":1}\n{\"b\":2}", &[data("{\"a\":1}"), data("{\"b\":2}")]);
    lines(b"{\"a\":1}\n{\"b\":", &[data("{\"a\":1}")]);
    lines(b": waiting\n1\n2", &[data("1"), data("2")]);
    lines(b"\xff\n", &[data("\u{fffd}")]);
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    aws::write_frame(&headers, payload, &mut out);
    out
}

/// A frame from parts that the writer would not write, with right checksums.
fn raw_frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&((16 + headers.len() + payload.len()) as u32).to_be_bytes());
    out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    out.extend_from_slice(&crc(&out).to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc(&out).to_be_bytes());
    out
}

/// CRC-32 as IEEE 802.3 defines it, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn aws_frames_are_events() {
    // the frame without headers that Amazon's own documentation and SDK tests use
    let empty = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
    assert_eq!(frame(&[], b""), empty);
    let mut bytes = empty.to_vec();
    bytes.extend(frame(&[(":message-type", "event"), (":event-type", "chunk")], b"{\"a\":1}"));
    bytes.extend(frame(
        &[(":message-type", "exception"), (":exception-type", "throttlingException")],
        b"{\"message\":\"slow\"}",
    ));
    bytes.extend(frame(
        &[(":message-type", "error"), (":error-code", "500"), (":error-message", "a \"b\"")],
        b"",
    ));
    bytes.extend(frame(&[(":message-type", "exception")], b"\xff"));
    let event = |name: &str, text: &str, exception: &str| {
        (name.to_owned(), text.to_owned(), exception.to_owned(), String::new(), None)
    };
    at_every_split(
        || Framing::aws(MAX),
        &bytes,
        &[
            event("", "", ""),
            event("chunk", "{\"a\":1}", ""),
            event("", "{\"message\":\"slow\"}", "throttlingException"),
            event("", "{\"message\":\"a \\\"b\\\"\"}", "500"),
            event("", "\u{fffd}", "exception"),
        ],
    );
}

#[test]
fn aws_headers_of_all_types_are_skipped() {
    let mut headers = Vec::new();
    for (kind, value) in [
        (0u8, &b""[..]),
        (1, b""),
        (2, b"\x07"),
        (3, b"\x07\x07"),
        (4, b"\x07\x07\x07\x07"),
        (5, b"\x07\x07\x07\x07\x07\x07\x07\x07"),
        (6, b"\x00\x03abc"),
        (8, b"\x07\x07\x07\x07\x07\x07\x07\x07"),
        (9, b"0123456789abcdef"),
        (7, b"\x00\x02hi"),
    ] {
        headers.extend_from_slice(b"\x0b:event-type");
        headers.push(kind);
        headers.extend_from_slice(value);
    }
    let bytes = raw_frame(&headers, b"{}");
    assert_eq!(run(Framing::aws(MAX), [&bytes[..]]), (vec![named("hi", "{}")], None));
}

fn offset_and_detail(error: Option<Error>) -> (u64, String) {
    let error = error.expect("an error");
    assert_eq!(error.kind, Kind::StreamFrame);
    match error.fields.as_slice() {
        [("offset", crate::error::Field::Number(offset)), ("detail", crate::error::Field::Text(detail))] => {
            (*offset, detail.clone())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn damaged_aws_frames_are_errors_that_say_where() {
    let good = frame(&[(":event-type", "chunk")], b"{}");
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes.extend_from_slice(&good);
        bytes[good.len() + at] ^= 1;
        bytes
    };
    for at in 0..good.len() {
        let bytes = flipped(at);
        let (events, error) = run(Framing::aws(MAX), [&bytes[..]]);
        assert_eq!(events.len(), 1, "the frame before it was given");
        let (offset, detail) = offset_and_detail(error);
        assert_eq!(offset, good.len() as u64);
        assert!(detail.contains("not decodable"), "{detail}");
        assert_eq!(run(Framing::aws(MAX), bytes.chunks(1)).1, run(Framing::aws(MAX), [&bytes[..]]).1);
    }
    for headers in [
        &b"\x05ab"[..],
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x07\x00\x05abc",
        b"\x01a\x07\x00",
        b"\x01a\x07\x00\x01\xff",
    ] {
        let (_, detail) = offset_and_detail(run(Framing::aws(MAX), [&raw_frame(headers, b"")[..]]).1);
        assert!(detail.contains("headers"), "{detail}");
    }
    for (total, headers) in [(15u32, 0u32), (0, 0), (20, 5), (16, u32::MAX), (u32::MAX, 0)] {
        let mut prelude = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        prelude.extend_from_slice(&crc(&prelude).to_be_bytes());
        let (offset, _) = offset_and_detail(run(Framing::aws(MAX), [&prelude[..]]).1);
        assert_eq!(offset, 0, "before anything is held: {total} {headers}");
    }
}

#[test]
fn a_header_that_is_too_long_is_cut_between_characters() {
    let bytes = frame(&[(":event-type", &"ß".repeat(40_000))], b"{}");
    assert_eq!(run(Framing::aws(MAX), [&bytes[..]]), (vec![named(&"ß".repeat(32_767), "{}")], None));
}

#[test]
fn events_say_where_they_start() {
    let offsets = |mut framing: Framing, bytes: &[u8]| {
        let mut found = Vec::new();
        let mut sink = |event: &Event<'_>| {
            found.push(event.offset);
            Ok(())
        };
        for byte in bytes.chunks(1) {
            framing.push(byte, &mut sink).expect("valid");
        }
        framing.finish(&mut sink).expect("valid");
        found
    };
    let sse = b"data: 1\r\n\r\n: c\n\nid: 1\ndata: {}\ndata: {}\n\ndata: 2";
    assert_eq!(offsets(Framing::sse(true, MAX), sse), [0, 16, 31, 41]);
    assert_eq!(offsets(Framing::ndjson(MAX), b"1\n\n  2\n3"), [0, 3, 7]);
    assert_eq!(offsets(Framing::aws(MAX), &[frame(&[], b"1"), frame(&[], b"2")].concat()), [0, 17]);
}

#[test]
fn an_event_over_the_cap_is_an_error_in_any_split() {
    // each has one event that fits, then one that is a byte too long at offset 9
    type Make = fn(usize) -> Framing;
    let too_long: [(&[u8], Make); 4] = [
        (b"data: 1\n\ndata: 78901\n\n", |max| Framing::sse(false, max)),
        (b"data: 1\n\n: 34567890 1\ndata: 1\n\n", |max| Framing::sse(false, max)),
        (b"data: 1\n\ndata: 1234\ndata: 6789\ndata: 1\n\n", |max| Framing::sse(false, max)),
        (b"[345678]\n[2345678901]\n", Framing::ndjson),
    ];
    for (bytes, make) in too_long {
        for size in 1..=bytes.len() {
            let (events, error) = run(make(10), bytes.chunks(size));
            assert_eq!(events.len(), 1);
            assert_eq!(offset_and_detail(error), (9, "it is longer than 10 bytes".to_owned()));
        }
        assert_eq!(run(make(12), [bytes]).1, None);
    }
    let bytes = [frame(&[], b"1"), frame(&[], b"12")].concat();
    for size in 1..=bytes.len() {
        let (events, error) = run(Framing::aws(17), bytes.chunks(size));
        assert_eq!((events.len(), offset_and_detail(error).0), (1, 17));
    }
}

#[test]
fn an_error_stays_the_sinks_too() {
    let mut framing = Framing::sse(true, MAX);
    let mut calls = 0;
    let mut sink = |_: &Event<'_>| {
        calls += 1;
        Err(Error::new(Kind::Internal).with("what", "sink"))
    };
    let first = framing.push(b"data: 1\n\ndata: 2\n\n", &mut sink);
    assert_eq!(framing.push(b"data: 3\n\n", &mut sink), first);
    assert_eq!(framing.finish(&mut sink), first);
    assert_eq!(calls, 1);
}

#[test]
fn a_boundary_is_where_nothing_is_held() {
    let boundaries = |make: fn() -> Framing, bytes: &[u8]| -> Vec<usize> {
        let mut framing = make();
        let mut found = Vec::new();
        for (at, byte) in bytes.chunks(1).enumerate() {
            framing.push(byte, &mut |_| Ok(())).expect("valid");
            assert_eq!(framing.position(), at as u64 + 1);
            if framing.on_boundary() {
                found.push(at + 1);
            }
        }
        found
    };
    assert_eq!(
        boundaries(|| Framing::sse(true, MAX), b"data: 1\n\n: c\n\nevent: x\ndata\n\n"),
        [9, 13, 14, 29]
    );
    assert_eq!(boundaries(|| Framing::sse(false, MAX), b"\xef\xbb\xbfdata\r\n\r\n"), [3, 10, 11]);
    assert_eq!(boundaries(|| Framing::ndjson(MAX), b"{}\n\n[]\n"), [3, 4, 7]);
    assert!(Framing::aws(MAX).on_boundary());
    let mut cut = Framing::sse(true, MAX);
    cut.push(b"data: {\"a\":", &mut |_| Ok(())).expect("valid");
    cut.finish(&mut |_| Ok(())).expect("valid");
    assert!(!cut.on_boundary(), "a cut event is missed");
}

#[test]
fn a_long_line_in_small_reads_is_scanned_once() {
    let line = [b"data: [\"", &vec![b'x'; 8 << 20][..], b"\"]\n\n"].concat();
    let started = std::time::Instant::now();
    let (events, error) = run(Framing::sse(true, 16 << 20), line.chunks(1024));
    assert_eq!((events.len(), error), (1, None));
    // quadratic would be 32 GB of scanning
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

/// Text of an event: nothing that ends a line.
fn text() -> impl Strategy<Value = String> {
    "[ -~äß漢🎈:\\[\\]{}\"]{0,40}"
}

fn parts(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut at: Vec<usize> =
        cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
}

proptest! {
    /// What is written by hand comes out again, however it is cut.
    #[test]
    fn sse_in_any_split(
        events in prop::collection::vec((text(), prop::collection::vec(text(), 1..4), prop::sample::select(vec!["\n", "\r", "\r\n"])), 0..8),
        bom: bool,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut bytes = if bom { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        let mut expected = Vec::new();
        for (name, lines, end) in &events {
            bytes.extend_from_slice(format!(": {name}{end}event: {name}{end}").as_bytes());
            for line in lines {
                bytes.extend_from_slice(format!("data: {line}{end}").as_bytes());
            }
            bytes.extend_from_slice(end.as_bytes());
            expected.push(named(name, &lines.join("\n")));
        }
        let parts = parts(&bytes, &cuts);
        prop_assert_eq!(run(Framing::sse(false, MAX), parts.iter().map(Vec::as_slice)), (expected, None));
    }

    #[test]
    fn ndjson_in_any_split(
        lines in prop::collection::vec(text(), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let lines: Vec<String> = lines.iter().map(|line| format!("{{\"a\":\"{}\"}}", line.replace(['"', '\\'], ""))).collect();
        let bytes = lines.join("\r\n").into_bytes();
        let expected: Vec<Seen> = lines.iter().map(|line| data(line)).collect();
        let parts = parts(&bytes, &cuts);
        prop_assert_eq!(run(Framing::ndjson(MAX), parts.iter().map(Vec::as_slice)), (expected, None));
    }

    #[test]
    fn aws_in_any_split(
        frames in prop::collection::vec((text(), text()), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(name, payload)| frame(&[(":event-type", name)], payload.as_bytes())).collect();
        let expected: Vec<Seen> = frames.iter().map(|(name, payload)| named(name, payload)).collect();
        let parts = parts(&bytes, &cuts);
        prop_assert_eq!(run(Framing::aws(MAX), parts.iter().map(Vec::as_slice)), (expected, None));
    }

    /// Hostile bytes: no panic, the same in any split, the cap holds.
    #[test]
    fn noise_is_the_same_in_any_split(
        pieces in prop::collection::vec(prop::sample::select(vec![
            &b"data: "[..], b"data", b"event:", b"id: ", b"retry: 1", b":", b"\n", b"\r", b"\r\n", b"{\"a\":1}", b"{", b"}", b"[DONE]",
            b"\xef\xbb\xbf", b"\xff", b"\0", b"\x00\x00\x00\x10", b"\x05\xc2\x48\xeb", b"\x7d\x98\xc8\xff", b" ",
        ]), 0..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes = pieces.concat();
        let parts = parts(&bytes, &cuts);
        for make in [|| Framing::sse(false, 24), || Framing::sse(true, 24), || Framing::ndjson(24), || Framing::aws(24)] {
            let whole = run(make(), [&bytes[..]]);
            prop_assert!(whole.0.iter().all(|event| event.1.len() <= 24 * 3));
            prop_assert_eq!(run(make(), parts.iter().map(Vec::as_slice)), whole);
        }
    }
}
