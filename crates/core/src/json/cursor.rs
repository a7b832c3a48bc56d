//! A cursor over one JSON text. It walks, without recursion and without building anything, to the members that
//! are asked for. What is skipped is checked for balance only; strings that are taken are checked in full.
//! Commas are not counted: whoever needs strict JSON uses the body's scanner.

use super::literal::Escaped;
use memchr::memchr2;

/// The text is not JSON, at this byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bad(pub usize);

/// A position in a JSON text.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of a text.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
    /// The next byte that is not white space, not consumed; `None` at the end.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }
    fn bad<T>(&self) -> Result<T, Bad> {
        Err(Bad(self.at))
    }
    /// Enters an object: `true`, and `next_key` goes through its members. Any other value is skipped: `false`.
    #[inline]
    pub fn object(&mut self) -> Result<bool, Bad> {
        self.enter(b'{')
    }
    /// Enters an array: `true`, and `next_element` goes through its elements. Any other value is skipped: `false`.
    #[inline]
    pub fn array(&mut self) -> Result<bool, Bad> {
        self.enter(b'[')
    }
    #[inline]
    fn enter(&mut self, open: u8) -> Result<bool, Bad> {
        if self.peek() == Some(open) {
            self.at += 1;
            return Ok(true);
        }
        self.skip()?;
        Ok(false)
    }
    /// The next member's key, as it is written, with the cursor before its value, which must be consumed. `None`
    /// at the end of the object.
    #[inline]
    pub fn next_key(&mut self) -> Result<Option<&'a [u8]>, Bad> {
        loop {
            match self.peek() {
                Some(b'"') => {
                    let key = self.quoted()?;
                    if self.peek() != Some(b':') {
                        return self.bad();
                    }
                    self.at += 1;
                    return Ok(Some(key));
                }
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(None);
                }
                _ => return self.bad(),
            }
        }
    }
    /// Whether there is another element, with the cursor before it; it must be consumed.
    #[inline]
    pub fn next_element(&mut self) -> Result<bool, Bad> {
        loop {
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(false);
                }
                None => return self.bad(),
                Some(_) => return Ok(true),
            }
        }
    }
    /// Consumes a value; a string's inside, checked in full, `None` for anything else.
    #[inline]
    pub fn string(&mut self) -> Result<Option<Escaped<'a>>, Bad> {
        if self.peek() != Some(b'"') {
            self.skip()?;
            return Ok(None);
        }
        let start = self.at + 1;
        let raw = self.quoted()?;
        check_literal(raw).map_err(|at| Bad(start + at))?;
        Ok(Some(Escaped::from_checked(raw)))
    }
    /// Consumes a value; a whole number of at least 0, `None` for anything else.
    pub fn whole(&mut self) -> Result<Option<u64>, Bad> {
        let raw = self.skip()?;
        if raw.len() < 19 && raw.iter().all(u8::is_ascii_digit) {
            return Ok(Some(raw.iter().fold(0, |value, &digit| value * 10 + u64::from(digit - b'0'))));
        }
        let text = std::str::from_utf8(raw).unwrap_or_default();
        Ok(text.parse::<u64>().ok().or_else(|| {
            // some providers write 12.0
            text.parse::<f64>().ok().filter(|n| *n >= 0.0 && *n < 9e15).map(|n| n as u64)
        }))
    }
    /// Consumes a value; a boolean, `None` for anything else.
    pub fn boolean(&mut self) -> Result<Option<bool>, Bad> {
        Ok(match self.skip()? {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        })
    }
    /// Consumes a value and returns its bytes.
    #[inline]
    pub fn skip(&mut self) -> Result<&'a [u8], Bad> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => {
                self.quoted()?;
            }
            Some(b'{' | b'[') => self.skip_nested()?,
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                while let Some(byte) = self.bytes.get(self.at)
                    && !matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b':')
                {
                    self.at += 1;
                }
            }
            _ => return self.bad(),
        }
        Ok(self.bytes.get(start..self.at).unwrap_or_default())
    }
    fn skip_nested(&mut self) -> Result<(), Bad> {
        let mut depth = 0usize;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.quoted()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                Some(_) => {}
                None => return self.bad(),
            }
            self.at += 1;
        }
    }
    /// The inside of the string that starts here.
    #[inline]
    fn quoted(&mut self) -> Result<&'a [u8], Bad> {
        let inside = self.bytes.get(self.at + 1..).unwrap_or_default();
        let Some(end) = literal_end(inside) else { return self.bad() };
        self.at += end + 2;
        Ok(inside.get(..end).unwrap_or_default())
    }
    /// Fails unless only white space is left.
    pub fn finish(&mut self) -> Result<(), Bad> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.bad(),
        }
    }
}

/// The byte in each of a word's eight places.
const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks the bytes of a word that are 0: the lowest mark is right, higher ones may not be.
fn mark_zeros(word: u64) -> u64 {
    word.wrapping_sub(repeated(1)) & !word & repeated(0x80)
}

/// The first quote or backslash.
#[inline]
fn find_quote(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    // most strings are short: a few words by hand cost less than the set-up of a vector search
    while at < 64 {
        let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) else { break };
        let word = u64::from_le_bytes(*chunk);
        let marks = mark_zeros(word ^ repeated(b'"')) | mark_zeros(word ^ repeated(b'\\'));
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()).map(|found| at + found)
}

/// Whether every escape of a literal's inside is well-formed and no control character is bare; else where not.
pub(super) fn check_literal(raw: &[u8]) -> Result<(), usize> {
    let mut at = 0;
    loop {
        while let Some(chunk) = raw.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*chunk);
            let controls = word.wrapping_sub(repeated(0x20)) & !word & repeated(0x80);
            if controls | mark_zeros(word ^ repeated(b'\\')) != 0 {
                break;
            }
            at += 8;
        }
        let Some(&byte) = raw.get(at) else { return Ok(()) };
        at += match byte {
            b'\\' => match raw.get(at + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                Some(b'u')
                    if raw.get(at + 2..at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
                {
                    6
                }
                _ => return Err(at),
            },
            0..0x20 => return Err(at),
            _ => 1,
        };
    }
}

/// Where the literal ends in whose inside the bytes start: at the first quote that no backslash escapes.
#[inline]
pub(super) fn literal_end(raw: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += find_quote(raw.get(at..)?)?;
        if raw.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_read() {
        let mut cursor = Cursor::new(br#" {"a":[1,{"x":"]"}],"b":"t\"x","c":12.0,"d":null} "#);
        let (mut text, mut whole) = (None, None);
        assert!(cursor.object().unwrap());
        while let Some(key) = cursor.next_key().unwrap() {
            match key {
                b"b" => text = cursor.string().unwrap(),
                b"c" => whole = cursor.whole().unwrap(),
                _ => {
                    cursor.skip().unwrap();
                }
            }
        }
        cursor.finish().unwrap();
        assert_eq!(text.unwrap().decode(), "t\"x");
        assert_eq!(whole, Some(12));
    }

    #[test]
    fn cut_or_malformed_text_is_an_error_and_never_a_panic() {
        let text = br#"{"a":[1,{"x":"]\u00e9"}],"b":"t"}"#;
        for end in 0..text.len() {
            let mut cursor = Cursor::new(&text[..end]);
            assert!(cursor.skip().is_err(), "{end}");
        }
        for bad in [&br#""\x""#[..], br#""\u12""#, b"\"\x01\"", br#""\"#] {
            assert!(Cursor::new(bad).string().is_err());
        }
    }

    #[test]
    fn strings_of_every_length_end_where_they_end() {
        for length in 0..150 {
            for (filler, ending) in
                [("x", ""), ("\u{7f}", "\\\""), ("é", "\\n"), ("[", "\\\\"), ("]", "\\u0022")]
            {
                let inside = filler.repeat(length) + ending;
                let text = format!("\"{inside}\",\"y\\\"\"");
                let mut cursor = Cursor::new(text.as_bytes());
                assert_eq!(cursor.string().unwrap().unwrap().bytes(), inside.as_bytes());
                assert_eq!(cursor.peek(), Some(b','));
                let control = format!("\"{inside}\u{1f}\"");
                assert!(Cursor::new(control.as_bytes()).string().is_err());
            }
        }
        assert_eq!(Cursor::new(b"18446744073709551615").whole().unwrap(), Some(u64::MAX));
        assert_eq!(Cursor::new(b"007").whole().unwrap(), Some(7));
        assert_eq!(Cursor::new(b"-1").whole().unwrap(), None);
    }

    #[test]
    fn deep_nesting_does_not_recurse() {
        let text = [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
        assert_eq!(Cursor::new(&text).skip().unwrap().len(), text.len());
    }
}
