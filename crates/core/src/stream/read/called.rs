//! `[Called NAME with args: {…}]`: how Kiro's models write a call into their text when they lose the tool's form.

use super::units::is_space;
use crate::json::unescape;
use std::ops::Range;

const BEFORE: &[u8] = b"[Called ";
const BETWEEN: &[u8] = b" with args:";

#[derive(Debug)]
enum At {
    /// So many characters of the opening were seen.
    Before(usize),
    Name,
    Between(usize),
    /// Before the arguments.
    Space,
    Args {
        depth: usize,
        in_string: bool,
        is_escaped: bool,
    },
    /// Behind the arguments.
    Close,
}

/// A text that may become a call; the text itself is held by its owner, escaped.
#[derive(Debug)]
pub(super) struct Called {
    at: At,
    /// Where in the held text name and arguments are.
    name: Range<usize>,
    args: Range<usize>,
}

/// What a unit makes of it.
#[derive(Debug, PartialEq)]
pub(super) enum Progress {
    /// It may still be one.
    Open,
    /// It is none; the unit does not belong to it.
    Fail,
    /// The unit completes it.
    Done,
}

impl Called {
    /// Behind the opening bracket.
    pub fn begin() -> Self {
        Self { at: At::Before(1), name: 0..0, args: 0..0 }
    }

    /// Takes a unit that stands at these bytes of the held text.
    pub fn step(&mut self, unit: u32, bytes: Range<usize>) -> Progress {
        let is = |expected: Option<&u8>| expected.is_some_and(|&byte| u32::from(byte) == unit);
        self.at = match self.at {
            At::Before(seen) if is(BEFORE.get(seen)) => {
                self.name = bytes.end..bytes.end;
                if seen + 1 == BEFORE.len() { At::Name } else { At::Before(seen + 1) }
            }
            At::Name if is_name(unit) => {
                self.name.end = bytes.end;
                At::Name
            }
            At::Name if !self.name.is_empty() && is(BETWEEN.first()) => At::Between(1),
            At::Between(seen) if is(BETWEEN.get(seen)) => {
                if seen + 1 == BETWEEN.len() {
                    At::Space
                } else {
                    At::Between(seen + 1)
                }
            }
            At::Space if is_space(unit) => At::Space,
            At::Space if unit == u32::from(b'{') => {
                self.args = bytes;
                At::Args { depth: 1, in_string: false, is_escaped: false }
            }
            At::Args { depth, in_string, is_escaped } => {
                self.args.end = bytes.end;
                args(unit, depth, in_string, is_escaped)
            }
            At::Close if is_space(unit) => At::Close,
            At::Close if unit == u32::from(b']') => return Progress::Done,
            _ => return Progress::Fail,
        };
        Progress::Open
    }

    /// Name and arguments, both escaped, once it is done; `None` when the arguments are no JSON.
    pub fn read<'a>(&self, held: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let (name, args) = (held.get(self.name.clone())?, held.get(self.args.clone())?);
        let mut json = Vec::with_capacity(args.len());
        unescape(args, &mut json);
        serde_json::from_slice::<serde::de::IgnoredAny>(&json).ok()?;
        Some((name, args))
    }
}

fn args(unit: u32, depth: usize, in_string: bool, is_escaped: bool) -> At {
    let unit = u8::try_from(unit).unwrap_or_default();
    if in_string {
        let ends = unit == b'"' && !is_escaped;
        return At::Args { depth, in_string: !ends, is_escaped: unit == b'\\' && !is_escaped };
    }
    match unit {
        b'}' if depth == 1 => At::Close,
        b'}' => At::Args { depth: depth - 1, in_string, is_escaped },
        b'{' => At::Args { depth: depth + 1, in_string, is_escaped },
        _ => At::Args { depth, in_string: unit == b'"', is_escaped: false },
    }
}

fn is_name(unit: u32) -> bool {
    u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte))
}
