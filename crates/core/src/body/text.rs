//! Text as bytes: finding what ends a run of plain characters, decoding escapes, and handing text to JavaScript.

use crate::json::{hex4, unescape_with};

/// Text in the form that V8 takes fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// One byte per character: ASCII.
    Latin1(Vec<u8>),
    /// UTF-16, which may hold lone surrogates.
    Utf16(Vec<u16>),
}
impl Text {
    /// Of UTF-8 bytes, or of WTF-8 ones as `unescape` makes them.
    pub fn of(bytes: Vec<u8>) -> Self {
        if bytes.is_ascii() { Text::Latin1(bytes) } else { Text::Utf16(to_utf16(&bytes)) }
    }
    /// Of ASCII, UTF-8 that is known to be valid, and ASCII, one behind the other.
    pub(super) fn wrapped(open: u8, inside: &[u8], close: u8) -> Self {
        if inside.is_ascii() {
            let mut bytes = Vec::with_capacity(inside.len() + 2);
            bytes.push(open);
            bytes.extend_from_slice(inside);
            bytes.push(close);
            return Text::Latin1(bytes);
        }
        let mut units = Vec::with_capacity(inside.len() + 2);
        units.push(open.into());
        push_utf16(inside, &mut units);
        units.push(close.into());
        Text::Utf16(units)
    }
    /// Bytes of memory.
    pub fn size(&self) -> usize {
        match self {
            Text::Latin1(bytes) => bytes.capacity(),
            Text::Utf16(units) => units.capacity() * 2,
        }
    }
}

/// The text behind a byte order mark.
pub fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// Whether there is nothing but JSON's white space.
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is_space(byte))
}

#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// UTF-16 of UTF-8 bytes that are known to be valid. Surrogates in three bytes each (WTF-8) come out as they are.
pub fn to_utf16(bytes: &[u8]) -> Vec<u16> {
    let mut out = Vec::with_capacity(bytes.len());
    push_utf16(bytes, &mut out);
    out
}

fn push_utf16(bytes: &[u8], out: &mut Vec<u16>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        while let Some((block, tail)) = rest.split_first_chunk::<16>() {
            if !block.is_ascii() {
                break;
            }
            out.extend(block.iter().map(|&byte| u16::from(byte)));
            rest = tail;
        }
        // as far as the next block that may be ASCII: decode one by one, at least one block's worth
        let stop = rest.len().saturating_sub(16);
        while rest.len() > stop || rest.first().is_some_and(|byte| !byte.is_ascii()) {
            let low = |byte: u8| u16::from(byte & 0x3F);
            rest = match *rest {
                [a, ref tail @ ..] if a < 0x80 => {
                    out.push(u16::from(a));
                    tail
                }
                [a @ 0xC0..=0xDF, b, ref tail @ ..] => {
                    out.push(u16::from(a & 0x1F) << 6 | low(b));
                    tail
                }
                [a @ 0xE0..=0xEF, b, c, ref tail @ ..] => {
                    out.push(u16::from(a & 0x0F) << 12 | low(b) << 6 | low(c));
                    tail
                }
                [a, b, c, d, ref tail @ ..] => {
                    let code = u32::from(a & 0x07) << 18
                        | u32::from(b & 0x3F) << 12
                        | u32::from(c & 0x3F) << 6
                        | u32::from(d & 0x3F);
                    let code = code.wrapping_sub(0x10000);
                    out.push(0xD800 | (code >> 10) as u16 & 0x3FF);
                    out.push(0xDC00 | (code & 0x3FF) as u16);
                    tail
                }
                _ => return,
            };
        }
    }
}

/// How many bytes the escape at the start of these takes, the backslash included; 0 when it is none.
pub(super) fn escape_length(bytes: &[u8]) -> usize {
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
        Some(b'u') if bytes.get(2..).and_then(hex4).is_some() => 6,
        _ => 0,
    }
}

/// The text of a literal's inside, whose escapes are well-formed. Lone surrogates are kept, in three bytes each
/// (WTF-8), so that two keys which JavaScript tells apart stay apart here.
pub(super) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    unescape_with(raw, &mut out, push_code);
    out
}

fn push_code(code: u32, out: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend([
            0xE0 | (code >> 12) as u8,
            0x80 | (code >> 6 & 0x3F) as u8,
            0x80 | (code & 0x3F) as u8,
        ]),
    }
}

/// WTF-8 of UTF-16, as JavaScript passes strings.
pub(super) fn from_utf16(units: &[u16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(units.len());
    for char in char::decode_utf16(units.iter().copied()) {
        match char {
            Ok(char) => push_code(char.into(), &mut out),
            Err(lone) => push_code(lone.unpaired_surrogate().into(), &mut out),
        }
    }
    out
}

/// Appends WTF-8 text as a string literal; surrogates in it are escaped, which makes it UTF-8.
pub(super) fn write_literal(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    out.push(b'"');
    while let Some(at) = rest.windows(2).position(|pair| matches!(pair, [0xED, 0xA0..=0xBF])) {
        let (plain, tail) = rest.split_at(at);
        crate::json::write_escaped(plain, out);
        for unit in to_utf16(tail.get(..3).unwrap_or_default()) {
            out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
        }
        rest = tail.get(3..).unwrap_or_default();
    }
    crate::json::write_escaped(rest, out);
    out.push(b'"');
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How many bytes come before the first quote, backslash or control character. Eight at a time: the lowest marked
/// byte is a true one, those above it may not be.
#[inline]
pub(super) fn plain_run(text: &[u8]) -> usize {
    let (words, tail) = text.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let (quote, backslash) = (word ^ (ONES * b'"' as u64), word ^ (ONES * b'\\' as u64));
        let found = (quote.wrapping_sub(ONES) & !quote
            | backslash.wrapping_sub(ONES) & !backslash
            | word.wrapping_sub(ONES * 0x20) & !word)
            & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + tail.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\').unwrap_or(tail.len())
}

/// A bit for each of eight bytes that is `byte`.
#[inline]
pub(super) fn matches(word: u64, byte: u8) -> u64 {
    let zero = word ^ (ONES * byte as u64);
    // exact in every byte: nothing is carried from one to the next
    let found = !(((zero & !HIGHS) + !HIGHS) | zero) & HIGHS;
    (found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn utf16_is_what_the_standard_library_says(text: String) {
            prop_assert_eq!(to_utf16(text.as_bytes()), text.encode_utf16().collect::<Vec<_>>());
        }

        #[test]
        fn any_units_survive_the_way_there_and_back(units: Vec<u16>) {
            prop_assert_eq!(to_utf16(&from_utf16(&units)), units);
        }

        #[test]
        fn a_plain_run_ends_where_a_naive_loop_ends(bytes: Vec<u8>, plain in 0usize..70) {
            let bytes = [vec![b'x'; plain], bytes].concat();
            let naive = bytes.iter().take_while(|&&b| b >= 0x20 && b != b'"' && b != b'\\').count();
            prop_assert_eq!(plain_run(&bytes), naive);
        }

        #[test]
        fn a_literal_decodes_to_what_was_written(units: Vec<u16>) {
            let mut literal = Vec::new();
            write_literal(&from_utf16(&units), &mut literal);
            prop_assert!(std::str::from_utf8(&literal).is_ok());
            prop_assert_eq!(to_utf16(&unescape(&literal[1..literal.len() - 1])), units);
        }
    }

    #[test]
    fn escapes_are_decoded_with_their_surrogates() {
        let text = unescape(br#"a\n\/\u005f\ud83d\ude00\ud800x\udc00"#);
        assert_eq!(to_utf16(&text), [97, 10, 47, 95, 0xD83D, 0xDE00, 0xD800, 120, 0xDC00]);
    }
}
