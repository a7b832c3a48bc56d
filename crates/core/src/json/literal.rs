//! String literals. Text stays in its escaped form from the provider's bytes to the client's: it is copied, not
//! decoded, and decoded once at the end by whoever wants it.

use super::cursor::{check_literal, literal_end};
use memchr::memchr;

/// The inside of a JSON string literal, still escaped: valid UTF-8 without bare quotes or control characters,
/// every escape well-formed. Two of them, one behind the other, are a third.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Escaped<'a>(&'a [u8]);

impl<'a> Escaped<'a> {
    /// Takes bytes that are known to be the inside of a well-formed literal.
    pub fn from_checked(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
    /// Takes the literal in whose inside the bytes, of valid UTF-8, start, if it is well-formed; what is behind it
    /// starts with its closing quote.
    #[inline]
    pub fn take(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (inside, rest) = bytes.split_at_checked(literal_end(bytes)?)?;
        check_literal(inside).is_ok().then_some((Self(inside), rest))
    }
    /// The escaped bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
    /// Whether there is no text at all.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
    /// The decoded text. Lone surrogates, which UTF-8 cannot hold, become U+FFFD.
    pub fn decode(self) -> String {
        let mut out = Vec::with_capacity(self.0.len());
        unescape(self.0, &mut out);
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
    /// Whether the decoded text is `text`.
    pub fn is(self, text: &str) -> bool {
        self.0 == text.as_bytes() || (memchr(b'\\', self.0).is_some() && self.decode() == text)
    }
}

/// The number of four hexadecimal digits.
pub(crate) fn hex4(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.first_chunk::<4>()?;
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | (digit as char).to_digit(16)?))
}

/// Appends the UTF-8 text of an escaped literal. Lone surrogates become U+FFFD.
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    unescape_with(raw, out, |_, out| out.extend_from_slice("\u{FFFD}".as_bytes()));
}

/// Appends the text of an escaped literal; `lone` says a surrogate that has no partner, which UTF-8 cannot hold.
pub(crate) fn unescape_with(mut raw: &[u8], out: &mut Vec<u8>, lone: impl Fn(u32, &mut Vec<u8>)) {
    while let Some(at) = memchr(b'\\', raw) {
        let (plain, rest) = raw.split_at(at);
        out.extend_from_slice(plain);
        let Some((&escape, mut tail)) = rest.get(1..).and_then(|rest| rest.split_first()) else { return };
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let mut code = hex4(tail).unwrap_or(0xFFFD);
                tail = tail.get(4..).unwrap_or_default();
                if (0xD800..0xDC00).contains(&code)
                    && let Some(next) = tail.strip_prefix(b"\\u")
                    && let Some(low @ 0xDC00..0xE000) = hex4(next)
                {
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                    tail = next.get(4..).unwrap_or_default();
                }
                match char::from_u32(code) {
                    Some(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                    None => lone(code, out),
                }
            }
            other => out.push(other),
        }
        raw = tail;
    }
    out.extend_from_slice(raw);
}

/// Appends `text` as the inside of a string literal. Bytes that are not UTF-8 are passed on as they are.
pub fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, tail)) = tail.split_first() else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = tail;
    }
    out.extend_from_slice(rest);
}

/// Appends `text` as a string literal with its quotes.
pub fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(Escaped(br#"a\n\t\"\\\/\u00e9\ud83d\ude00\ud800x"#).decode(), "a\n\t\"\\/é😀\u{FFFD}x");
    }

    #[test]
    fn what_is_written_decodes_to_the_same() {
        let text: String = (0u8..128).map(char::from).chain("é漢😀".chars()).collect();
        let mut out = Vec::new();
        write_escaped(text.as_bytes(), &mut out);
        assert!(Escaped(&out).is(&text));
        assert!(!out.iter().any(|&byte| byte < 0x20));
    }
}
