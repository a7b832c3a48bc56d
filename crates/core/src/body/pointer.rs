//! JSON pointers (RFC 6901).

use super::text::{from_utf16, unescape};
use crate::error::{Error, Kind};

/// A parsed pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    tokens: Vec<Vec<u8>>,
    shown: String,
}

impl Pointer {
    /// Of a JavaScript string: `""` or `/`-led tokens in which `~0` is `~` and `~1` is `/`.
    pub fn parse(units: &[u16]) -> Result<Self, Error> {
        let shown = || String::from_utf16_lossy(units.get(..60).unwrap_or(units));
        let bad = || {
            Error::new(Kind::OptionRange)
                .with("option", "pointer")
                .with("range", "a JSON pointer (RFC 6901): empty, or led by \"/\"")
                .with("value", format!("{:?}", shown()))
        };
        let text = from_utf16(units);
        let mut tokens = Vec::new();
        if let Some((first, rest)) = text.split_first() {
            if *first != b'/' {
                return Err(bad());
            }
            for token in rest.split(|&byte| byte == b'/') {
                tokens.push(plain(token).ok_or_else(bad)?);
            }
        }
        Ok(Self { tokens, shown: shown() })
    }
    /// The steps from the root.
    pub(super) fn tokens(&self) -> &[Vec<u8>] {
        &self.tokens
    }
    /// The error of a pointer that leads to nothing where something is needed.
    pub fn nowhere(&self, range: &str) -> Error {
        Error::new(Kind::OptionRange)
            .with("option", "pointer")
            .with("range", range)
            .with("value", format!("{:?}", self.shown))
    }
}

fn plain(token: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(token.len());
    let mut bytes = token.iter();
    while let Some(&byte) = bytes.next() {
        out.push(match byte {
            b'~' => match bytes.next()? {
                b'0' => b'~',
                b'1' => b'/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(out)
}

/// An array index: digits without leading zeros.
pub(super) fn index(token: &[u8]) -> Option<usize> {
    match token {
        [b'0'] => Some(0),
        [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(token).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// Whether a key as it is written is this token.
pub(super) fn same_key(raw: &[u8], token: &[u8]) -> bool {
    if raw.len() < token.len() {
        return false;
    }
    match memchr::memchr(b'\\', raw) {
        None => raw == token,
        Some(_) => unescape(raw) == token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Vec<String>> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let text = |token: &Vec<u8>| String::from_utf8(token.clone()).unwrap();
        Pointer::parse(&units).ok().map(|pointer| pointer.tokens().iter().map(text).collect())
    }

    #[test]
    fn tokens_are_split_and_unescaped() {
        assert_eq!(parse("").unwrap(), [""; 0]);
        assert_eq!(parse("/").unwrap(), [""]);
        assert_eq!(parse("/a~1b/~0/~01/é").unwrap(), ["a/b", "~", "~1", "é"]);
        for bad in ["a", "/~", "/~2", "#/a"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn indexes_have_no_leading_zeros() {
        let read = ["0", "7", "10", "01", "-1", "1e1", "", "99999999999999999999"]
            .map(|token| index(token.as_bytes()));
        assert_eq!(read, [Some(0), Some(7), Some(10), None, None, None, None, None]);
    }
}
