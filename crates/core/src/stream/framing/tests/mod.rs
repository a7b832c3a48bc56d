//! What the tests of all framings share, and what holds for each of them.

mod aws_frames;
mod lines;
mod splits;

use super::*;

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

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    aws::write_frame(&headers, payload, &mut out);
    out
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
