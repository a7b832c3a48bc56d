//! Any split, and hostile bytes.

use super::*;
use proptest::prelude::*;

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
