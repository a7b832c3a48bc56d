//! The scanner: one pass over a text that accepts exactly what `JSON.parse` accepts and tells a sink what is where.
//! Nesting lives in a vector, not on the stack. UTF-8 is the caller's business.

use super::text::{escape_length, is_space, plain_run, unescape};
use super::{Duplicates, Limits, Proto};
use crate::error::{Error, Kind};
use std::borrow::Cow;

/// What the scanner tells, in the order of the text. All ends are exclusive.
pub(super) trait Sink {
    /// A string with its quotes, a number or a word.
    fn scalar(&mut self, start: usize, end: usize);
    /// The inside of a member's key; its value follows.
    fn key(&mut self, start: usize, end: usize);
    /// An object or array starts.
    fn open(&mut self, start: usize);
    /// The innermost object or array has ended.
    fn close(&mut self, end: usize, object: bool);
    /// The member whose key was just told is to be removed.
    fn doom_member(&mut self);
    /// The member whose value is the object being read is to be removed.
    fn doom_parent(&mut self);
}

/// A sink for those who only want to know whether it is JSON.
#[derive(Default)]
pub(super) struct Outcome {
    pub removable: bool,
}
impl Sink for Outcome {
    fn scalar(&mut self, _start: usize, _end: usize) {}
    fn key(&mut self, _start: usize, _end: usize) {}
    fn open(&mut self, _start: usize) {}
    fn close(&mut self, _end: usize, _object: bool) {}
    fn doom_member(&mut self) {
        self.removable = true;
    }
    fn doom_parent(&mut self) {
        self.removable = true;
    }
}

/// Where and why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub offset: usize,
    pub detail: &'static str,
}
impl Fault {
    /// The error, with the line (ended by line feeds) and the column (in characters), both from 1.
    pub fn locate(self, text: &[u8]) -> Error {
        let before = text.get(..self.offset).unwrap_or(text);
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let last = before.get(line_start..).unwrap_or_default();
        let column = last.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() + 1;
        Error::new(Kind::BodyJson)
            .with("detail", self.detail)
            .with("offset", self.offset)
            .with("line", line)
            .with("column", column)
    }
}

#[derive(Clone, Copy)]
struct Frame {
    object: bool,
    /// The value of a key `constructor`.
    of_constructor: bool,
    /// How many keys of outer objects are remembered.
    keys: usize,
}

struct Scanner<'a, S> {
    text: &'a [u8],
    at: usize,
    limits: &'a Limits,
    sink: &'a mut S,
    frames: Vec<Frame>,
    /// Keys of the open objects, where duplicates matter.
    keys: Vec<(usize, usize)>,
}

/// Reads a whole text.
pub(super) fn scan<S: Sink>(text: &[u8], limits: &Limits, sink: &mut S) -> Result<(), Fault> {
    Scanner { text, at: 0, limits, sink, frames: Vec::new(), keys: Vec::new() }.run()
}

impl<S: Sink> Scanner<'_, S> {
    fn run(&mut self) -> Result<(), Fault> {
        self.space();
        let mut of_constructor = false;
        loop {
            let entered = self.value(of_constructor)?;
            of_constructor = false;
            if entered {
                let object = self.frames.last().is_some_and(|frame| frame.object);
                self.space();
                if self.peek() == if object { b'}' } else { b']' } {
                    self.close()?;
                } else {
                    if object {
                        of_constructor = self.member()?;
                    }
                    continue;
                }
            }
            loop {
                self.space();
                let Some(frame) = self.frames.last() else {
                    return if self.at == self.text.len() {
                        Ok(())
                    } else {
                        self.fault("text after the value")
                    };
                };
                match (self.peek(), frame.object) {
                    (b',', true) => {
                        self.at += 1;
                        self.space();
                        of_constructor = self.member()?;
                        break;
                    }
                    (b',', false) => {
                        self.at += 1;
                        self.space();
                        break;
                    }
                    (b'}', true) | (b']', false) => self.close()?,
                    (_, true) => return self.fault("expected a comma or the end of the object"),
                    (_, false) => return self.fault("expected a comma or the end of the array"),
                }
            }
        }
    }

    /// The byte here; 0, which JSON never allows, at the end.
    #[inline]
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }
    #[inline]
    fn space(&mut self) {
        while is_space(self.peek()) {
            self.at += 1;
        }
    }
    #[cold]
    fn fault<T>(&self, detail: &'static str) -> Result<T, Fault> {
        let detail = if self.at >= self.text.len() { "the text ends too early" } else { detail };
        Err(Fault { offset: self.at.min(self.text.len()), detail })
    }

    /// A scalar, whole, or the start of an object or array: then `true`.
    #[inline]
    fn value(&mut self, of_constructor: bool) -> Result<bool, Fault> {
        let start = self.at;
        match self.peek() {
            b'"' => {
                self.string()?;
            }
            byte @ (b'{' | b'[') => {
                if self.frames.len() >= self.limits.max_depth as usize {
                    return self.fault("nested deeper than maxDepth");
                }
                self.frames.push(Frame { object: byte == b'{', of_constructor, keys: self.keys.len() });
                self.sink.open(start);
                self.at += 1;
                return Ok(true);
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => return self.fault("expected a value"),
        }
        self.sink.scalar(start, self.at);
        Ok(false)
    }

    /// A key and its colon. Whether it is `constructor`.
    #[inline]
    fn member(&mut self) -> Result<bool, Fault> {
        let start = self.at + 1;
        if self.peek() != b'"' {
            return self.fault("expected a key in double quotes");
        }
        let escaped = self.string()?;
        let end = self.at - 1;
        self.space();
        if self.peek() != b':' {
            return self.fault("expected a colon");
        }
        self.at += 1;
        self.space();
        self.sink.key(start, end);
        if self.limits.duplicates == Duplicates::Error {
            self.keys.push((start, end));
        }
        if self.limits.proto == Proto::Ignore {
            return Ok(false);
        }
        let raw = self.text.get(start..end).unwrap_or_default();
        if !escaped && !matches!(raw.len(), 9 | 11) {
            return Ok(false);
        }
        let key = if escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) };
        match &*key {
            b"__proto__" if self.limits.proto == Proto::Error => {
                Err(Fault { offset: start - 1, detail: "the key __proto__ is not allowed" })
            }
            b"__proto__" => {
                self.sink.doom_member();
                Ok(false)
            }
            b"prototype" if self.frames.last().is_some_and(|frame| frame.of_constructor) => {
                if self.limits.proto == Proto::Error {
                    return Err(Fault {
                        offset: start - 1,
                        detail: "the key constructor.prototype is not allowed",
                    });
                }
                self.sink.doom_parent();
                Ok(false)
            }
            key => Ok(key == b"constructor"),
        }
    }

    #[inline]
    fn close(&mut self) -> Result<(), Fault> {
        self.at += 1;
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        if frame.object && self.limits.duplicates == Duplicates::Error {
            self.unique(frame.keys)?;
            self.keys.truncate(frame.keys);
        }
        self.sink.close(self.at, frame.object);
        Ok(())
    }

    /// Sorted, not hashed: no input makes it slow.
    fn unique(&self, first: usize) -> Result<(), Fault> {
        let mut keys: Vec<(Cow<[u8]>, usize)> = self
            .keys
            .iter()
            .skip(first)
            .map(|&(start, end)| (decoded(self.text.get(start..end).unwrap_or_default()), start))
            .collect();
        keys.sort_unstable();
        let twice = keys.windows(2).filter_map(|pair| match pair {
            [(a, _), (b, second)] if a == b => Some(*second),
            _ => None,
        });
        match twice.min() {
            Some(start) => Err(Fault { offset: start - 1, detail: "the key occurs twice in one object" }),
            None => Ok(()),
        }
    }

    /// A string with its quotes. Whether there is an escape in it.
    #[inline]
    fn string(&mut self) -> Result<bool, Fault> {
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at += plain_run(self.text.get(self.at..).unwrap_or_default());
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    let length = escape_length(self.text.get(self.at..).unwrap_or_default());
                    if length == 0 {
                        return self.bad_escape();
                    }
                    escaped = true;
                    self.at += length;
                }
                _ => return self.fault("a control character in a string"),
            }
        }
    }

    #[cold]
    fn bad_escape<T>(&mut self) -> Result<T, Fault> {
        let good = |(at, byte): (usize, &u8)| match at {
            0 => *byte == b'\\',
            1 => matches!(byte, b'u'),
            _ => byte.is_ascii_hexdigit(),
        };
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().enumerate().take_while(|&pair| good(pair)).count();
        self.fault("a bad escape in a string")
    }

    #[inline]
    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }
    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        if !self.peek().is_ascii_digit() {
            return self.fault("expected a digit");
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let same = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
        self.at += same;
        if same == word.len() { Ok(()) } else { self.fault("expected a value") }
    }
}

/// The text of a key.
pub(super) fn decoded(raw: &[u8]) -> Cow<'_, [u8]> {
    match memchr::memchr(b'\\', raw) {
        Some(_) => Cow::Owned(unescape(raw)),
        None => Cow::Borrowed(raw),
    }
}
