//! Thoughts that stand in the text: `<think>` … `</think>` at its very beginning, as reasoning models write them.
//! What could still become a tag is held back. Tags in the middle of a text are a text about tags.

use super::units::{is_space, next_unit};
use crate::json::Escaped;
use memchr::memchr2;

const OPEN: &[u8] = b"<think>";
const CLOSE: &[u8] = b"</think>";

/// No template writes that much white space before the tag; more of it is text.
const MAX_LEAD_BYTES: usize = 1024;

#[derive(Debug, Default, PartialEq)]
enum State {
    #[default]
    Before,
    Inside,
    After,
}

/// Where the text of one choice stands.
#[derive(Debug, Default)]
pub(super) struct Think {
    state: State,
    /// What may belong to a tag, escaped.
    held: Vec<u8>,
    /// So many characters of the tag were seen.
    matched: usize,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Voice {
    /// The answer.
    Text,
    /// Thoughts.
    Reasoning,
}

impl Think {
    /// No tag can follow: all is text from here on.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.state == State::After
    }

    /// The provider tells thoughts apart itself; a tag would be text.
    pub fn stop(&mut self) {
        if self.state == State::Before && self.held.is_empty() {
            self.state = State::After;
        }
    }

    /// Something else than text comes: what was held back before it is text, and no tag can follow.
    pub fn interrupt(&mut self, out: &mut dyn FnMut(Voice, Escaped<'_>)) {
        if self.state == State::Before && !self.held.is_empty() {
            self.state = State::After;
            self.release(Voice::Text, out);
        }
    }

    /// Passes text on, without its tags.
    pub fn push(&mut self, text: Escaped<'_>, out: &mut dyn FnMut(Voice, Escaped<'_>)) {
        let mut rest = text.bytes();
        if self.state == State::Before {
            match self.open(rest) {
                Some(after) => rest = after,
                None if self.state == State::Before => return,
                None => self.release(Voice::Text, out),
            }
        }
        if self.state == State::Inside {
            rest = self.inside(rest, out);
        }
        if !rest.is_empty() {
            out(Voice::Text, Escaped::from_checked(rest));
        }
    }

    /// Passes on what was held back: the text ended.
    pub fn flush(&mut self, out: &mut dyn FnMut(Voice, Escaped<'_>)) {
        let voice = if self.state == State::Inside { Voice::Reasoning } else { Voice::Text };
        self.release(voice, out);
    }

    fn release(&mut self, voice: Voice, out: &mut dyn FnMut(Voice, Escaped<'_>)) {
        if !self.held.is_empty() {
            out(voice, Escaped::from_checked(&self.held));
            self.held.clear();
        }
        self.matched = 0;
    }

    /// Looks for the opening tag: what follows it, or `None` when this is not it or not yet.
    fn open<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = text;
        while let Some((unit, length)) = next_unit(rest) {
            if OPEN.get(self.matched).is_some_and(|&byte| u32::from(byte) == unit) {
                self.matched += 1;
            } else if self.matched > 0 || !is_space(unit) || self.held.len() > MAX_LEAD_BYTES {
                self.state = State::After;
                return None;
            }
            rest = rest.get(length..).unwrap_or_default();
            if self.matched == OPEN.len() {
                self.state = State::Inside;
                self.matched = 0;
                self.held.clear();
                return Some(rest);
            }
        }
        self.held.extend_from_slice(text);
        None
    }

    /// Passes thoughts on until the closing tag; what follows it.
    fn inside<'a>(&mut self, text: &'a [u8], out: &mut dyn FnMut(Voice, Escaped<'_>)) -> &'a [u8] {
        // `start` is where a tag may have begun in this piece; before it is thought
        let (mut at, mut start) = (0, 0);
        while let Some((unit, length)) = text.get(at..).and_then(next_unit) {
            if CLOSE.get(self.matched).is_some_and(|&byte| u32::from(byte) == unit) {
                if self.matched == 0 {
                    start = at;
                }
                self.matched += 1;
                at += length;
                if self.matched == CLOSE.len() {
                    self.state = State::After;
                    self.matched = 0;
                    let thought = if self.held.is_empty() { text.get(..start) } else { None };
                    self.held.clear();
                    if let Some(thought) = thought.filter(|thought| !thought.is_empty()) {
                        out(Voice::Reasoning, Escaped::from_checked(thought));
                    }
                    return text.get(at..).unwrap_or_default();
                }
                continue;
            }
            if self.matched > 0 {
                // not the tag after all; this unit may begin another one, so it is looked at again
                self.release(Voice::Reasoning, out);
                continue;
            }
            at += length;
            at += memchr2(b'<', b'\\', text.get(at..).unwrap_or_default()).unwrap_or(text.len() - at);
        }
        let (thought, tail) = text.split_at(if self.matched > 0 { start } else { text.len() });
        if !thought.is_empty() {
            out(Voice::Reasoning, Escaped::from_checked(thought));
        }
        self.held.extend_from_slice(tail);
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text and thoughts of a text that comes in these pieces.
    fn told(pieces: &[&str]) -> (String, String) {
        let (mut think, mut text, mut thoughts) = (Think::default(), String::new(), String::new());
        let mut out = |voice: Voice, piece: Escaped<'_>| match voice {
            Voice::Text => text.push_str(&piece.decode()),
            Voice::Reasoning => thoughts.push_str(&piece.decode()),
        };
        for piece in pieces {
            think.push(Escaped::from_checked(piece.as_bytes()), &mut out);
        }
        think.flush(&mut out);
        (text, thoughts)
    }
    fn both(text: &str, thoughts: &str) -> (String, String) {
        (text.to_owned(), thoughts.to_owned())
    }

    #[test]
    fn thoughts_are_told_apart_at_every_split() {
        let whole = r"\n\u003cthink>a < b, </thin </ <</think\u003ethe answer </think> <think>";
        let expected = both("the answer </think> <think>", "a < b, </thin </ <");
        let mut cuts = vec![0];
        while let Some((_, length)) = next_unit(&whole.as_bytes()[cuts[cuts.len() - 1]..]) {
            cuts.push(cuts[cuts.len() - 1] + length);
        }
        for &first in &cuts {
            for &second in cuts.iter().filter(|&&cut| cut >= first) {
                assert_eq!(told(&[&whole[..first], &whole[first..second], &whole[second..]]), expected);
            }
        }
        let units: Vec<&str> = cuts.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect();
        assert_eq!(told(&units), expected);
    }

    #[test]
    fn a_text_about_tags_is_a_text() {
        for text in ["Use <think>x</think>.", "`<think>`", "<thin", " <", "<thinking>a</thinking>"] {
            assert_eq!(told(&[text]), both(text, ""));
        }
    }

    #[test]
    fn what_was_held_back_goes_before_what_interrupts_it() {
        for held in ["\\n", " <thi"] {
            let (mut think, mut said) = (Think::default(), Vec::new());
            let mut out = |voice, piece: Escaped<'_>| said.push((voice, piece.decode()));
            think.push(Escaped::from_checked(held.as_bytes()), &mut out);
            think.interrupt(&mut out);
            think.push(Escaped::from_checked(b"<think>"), &mut out);
            let held = Escaped::from_checked(held.as_bytes()).decode();
            assert_eq!(said, [(Voice::Text, held), (Voice::Text, "<think>".into())]);
        }
        let mut inside = Think::default();
        inside.push(Escaped::from_checked(b"<think>a</th"), &mut |_, _| {});
        inside.interrupt(&mut |_, _| unreachable!());
    }

    #[test]
    fn thoughts_that_never_end_are_thoughts() {
        assert_eq!(told(&["<think>", "a</thi"]), both("", "a</thi"));
    }
}
