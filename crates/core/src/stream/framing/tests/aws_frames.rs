//! The AWS event stream.

use super::*;

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
