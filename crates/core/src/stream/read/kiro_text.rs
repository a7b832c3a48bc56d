//! Kiro's text, which may hold thoughts in `<thinking>` tags and calls in brackets. Tags that stand in quotes are
//! text; a closing tag counts only before a blank line or the end. What could still become one is held back.

use super::called::{Called, Progress};
use super::units::{BEYOND_ASCII, is_space, next_unit};
use crate::json::Escaped;
use memchr::memchr3;

const OPEN: &[u8] = b"<thinking>";
const CLOSE: &[u8] = b"</thinking>";

/// More than this is not held back: it is text.
const MAX_HELD_BYTES: usize = 8 << 20;

/// What a text holds.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'a> {
    /// A piece of the answer.
    Text(Escaped<'a>),
    /// A piece of the thoughts.
    Reasoning(Escaped<'a>),
    /// A whole call.
    Call { name: Escaped<'a>, arguments: Escaped<'a> },
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Stage {
    #[default]
    Before,
    Inside,
    After,
}

/// What the held text may become.
#[derive(Debug)]
enum Candidate {
    /// A tag, of which so many characters were seen.
    Tag(usize),
    /// A whole tag, and so many units of white space behind it; whether all of them were line ends.
    Behind { units: usize, is_blank_line: bool },
    /// A call.
    Called(Called),
}

/// Where the text between two calls stands.
#[derive(Debug)]
pub(super) struct KiroText {
    stage: Stage,
    candidate: Option<Candidate>,
    held: Vec<u8>,
    /// The unit before.
    last: u32,
}

impl Default for KiroText {
    fn default() -> Self {
        Self { stage: Stage::Before, candidate: None, held: Vec::new(), last: BEYOND_ASCII }
    }
}

type Out<'o> = dyn FnMut(Piece<'_>) + 'o;

impl KiroText {
    /// Passes text on, thoughts and calls told apart.
    pub fn push(&mut self, text: Escaped<'_>, out: &mut Out<'_>) {
        let text = text.bytes();
        // from `start` to `at` lies text that is what it seems
        let (mut at, mut start) = (0, 0);
        while let Some((unit, length)) = text.get(at..).and_then(next_unit) {
            let bytes = text.get(at..at + length).unwrap_or_default();
            if self.candidate.is_some() {
                if self.go_on(unit, bytes, out) {
                    at += length;
                    self.last = unit;
                }
                start = at;
                continue;
            }
            self.candidate = self.begin(unit);
            if self.candidate.is_some() {
                self.say(text.get(start..at).unwrap_or_default(), out);
                self.held.extend_from_slice(bytes);
                start = at + length;
            }
            at += length;
            self.last = unit;
            if self.candidate.is_none() {
                let rest = text.get(at..).unwrap_or_default();
                let plain = memchr3(b'<', b'[', b'\\', rest).unwrap_or(rest.len());
                at += plain;
                if let Some(&byte) = plain.checked_sub(1).and_then(|last| rest.get(last)) {
                    self.last = u32::from(byte);
                }
            }
        }
        self.say(text.get(start..).unwrap_or_default(), out);
    }

    /// The text ended, or a call interrupts it. What follows is another text.
    pub fn flush(&mut self, out: &mut Out<'_>) {
        // a whole tag at the end is one, whatever white space follows
        if !matches!(self.candidate, Some(Candidate::Behind { .. })) {
            self.release(out);
        }
        self.held.clear();
        *self = Self { held: std::mem::take(&mut self.held), ..Self::default() };
    }

    /// Whether the unit may begin something.
    fn begin(&self, unit: u32) -> Option<Candidate> {
        let is_tag = unit == u32::from(b'<') && self.stage != Stage::After && !is_quote(self.last);
        let is_call = unit == u32::from(b'[') && self.stage != Stage::Inside;
        if is_tag { Some(Candidate::Tag(1)) } else { is_call.then(|| Candidate::Called(Called::begin())) }
    }

    /// Takes the next unit of what is held; `false` when it does not belong to it.
    fn go_on(&mut self, unit: u32, bytes: &[u8], out: &mut Out<'_>) -> bool {
        let tag = if self.stage == Stage::Inside { CLOSE } else { OPEN };
        let at = self.held.len();
        match self.candidate.as_mut() {
            Some(Candidate::Tag(seen)) if tag.get(*seen).is_some_and(|&byte| u32::from(byte) == unit) => {
                *seen += 1;
                if *seen == tag.len() {
                    self.candidate = Some(Candidate::Behind { units: 0, is_blank_line: true });
                }
            }
            Some(Candidate::Behind { .. }) if self.stage != Stage::Inside => {
                if is_quote(unit) {
                    self.release(out);
                    return false;
                }
                self.enter(Stage::Inside);
                // the line end behind the tag is not thought
                return unit == 0x0A;
            }
            Some(Candidate::Behind { units, is_blank_line }) if is_space(unit) && at < MAX_HELD_BYTES => {
                *units += 1;
                *is_blank_line &= unit == 0x0A;
                if *units == 2 && *is_blank_line {
                    self.enter(Stage::After);
                    return true;
                }
            }
            Some(Candidate::Called(called)) if at < MAX_HELD_BYTES => {
                match called.step(unit, at..at + bytes.len()) {
                    Progress::Open => {}
                    Progress::Done => {
                        self.held.extend_from_slice(bytes);
                        self.call(out);
                        return true;
                    }
                    Progress::Fail => {
                        self.release(out);
                        return false;
                    }
                }
            }
            _ => {
                self.release(out);
                return false;
            }
        }
        self.held.extend_from_slice(bytes);
        true
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.candidate = None;
        self.held.clear();
    }

    /// Says the call that is held.
    fn call(&mut self, out: &mut Out<'_>) {
        let read = match &self.candidate {
            Some(Candidate::Called(called)) => called.read(&self.held),
            _ => None,
        };
        let Some((name, arguments)) = read else { return self.release(out) };
        out(Piece::Call { name: Escaped::from_checked(name), arguments: Escaped::from_checked(arguments) });
        self.enter(self.stage);
    }

    /// What is held is nothing but text.
    fn release(&mut self, out: &mut Out<'_>) {
        let held = std::mem::take(&mut self.held);
        self.say(&held, out);
        self.held = held;
        self.enter(self.stage);
    }

    fn say(&self, text: &[u8], out: &mut Out<'_>) {
        if !text.is_empty() {
            let text = Escaped::from_checked(text);
            out(if self.stage == Stage::Inside { Piece::Reasoning(text) } else { Piece::Text(text) });
        }
    }
}

fn is_quote(unit: u32) -> bool {
    matches!(unit, 0x22 | 0x27 | 0x60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text says that comes in these pieces, as lines.
    fn told(pieces: &[&str]) -> Vec<String> {
        let (mut text, mut told): (_, Vec<(char, String)>) = (KiroText::default(), Vec::new());
        let mut out = |piece: Piece<'_>| {
            let (kind, said) = match piece {
                Piece::Text(text) => ('t', text.decode()),
                Piece::Reasoning(text) => ('r', text.decode()),
                Piece::Call { name, arguments } => ('c', format!("{} {}", name.decode(), arguments.decode())),
            };
            match told.last_mut() {
                Some((last, text)) if *last == kind && kind != 'c' => text.push_str(&said),
                _ => told.push((kind, said)),
            }
        };
        for piece in pieces {
            text.push(Escaped::from_checked(piece.as_bytes()), &mut out);
        }
        text.flush(&mut out);
        told.into_iter().map(|(kind, said)| format!("{kind} {said}")).collect()
    }

    /// The text cut at every pair of unit boundaries, and into units.
    fn at_every_split(whole: &str, expected: &[&str]) {
        let mut cuts = vec![0];
        while let Some((_, length)) = next_unit(&whole.as_bytes()[cuts[cuts.len() - 1]..]) {
            cuts.push(cuts[cuts.len() - 1] + length);
        }
        cuts.retain(|&cut| whole.is_char_boundary(cut));
        for &first in &cuts {
            for &second in cuts.iter().filter(|&&cut| cut >= first) {
                let pieces = [&whole[..first], &whole[first..second], &whole[second..]];
                assert_eq!(told(&pieces), expected, "{pieces:?}");
            }
        }
        let units: Vec<&str> = cuts.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect();
        assert_eq!(told(&units), expected);
    }

    #[test]
    fn thoughts_end_before_a_blank_line() {
        at_every_split(
            r#"a \u003cthinking>\nb </thinking> c\n`</thinking>` \"</thinking>\" </thinking>\n\nd <thinking>"#,
            &["t a ", "r b </thinking> c\n`</thinking>` \"</thinking>\" ", "t d <thinking>"],
        );
        at_every_split(r"<thinking>b</thinking>\n\n", &["r b"]);
    }

    #[test]
    fn thoughts_end_at_the_end() {
        at_every_split(r"<thinking>b</thinking> \n ", &["r b"]);
        at_every_split(r"<thinking>b</thinking>\nc</thinking>", &["r b</thinking>\nc"]);
        at_every_split("<thinking>b</thin", &["r b</thin"]);
    }

    #[test]
    fn quoted_tags_are_text() {
        at_every_split(
            "`<thinking>` and '<thinking>é<thinking",
            &["t `<thinking>` and '<thinking>é<thinking"],
        );
        at_every_split("<thinking>` x", &["t <thinking>` x"]);
    }

    #[test]
    fn calls_in_brackets() {
        at_every_split(
            r#"a[b [Called f.x with args: {\"k\": \"}]\\\" é\", \"o\": {}} ] c[Called g with args:{}][Called"#,
            &["t a[b ", r#"c f.x {"k": "}]\" é", "o": {}}"#, "t  c", "c g {}", "t [Called"],
        );
    }

    #[test]
    fn what_only_looks_like_a_call_is_text() {
        for text in [
            "[Called  with args: {}]",
            "[Called f with args: {]}]",
            "[Called f with args: {} x",
            "[Called f with args: [1]]",
            "[Called f with args: {a}]",
            "[[Called",
        ] {
            at_every_split(text, &[&format!("t {text}")]);
        }
        at_every_split("[Called f[Called g with args: {}]", &["t [Called f", "c g {}"]);
    }

    #[test]
    fn a_call_between_two_texts_ends_the_thoughts() {
        let mut text = KiroText::default();
        let mut told = Vec::new();
        let mut out = |piece: Piece<'_>| told.push(format!("{piece:?}").chars().next().unwrap());
        text.push(Escaped::from_checked(b"<thinking>a"), &mut out);
        text.flush(&mut out);
        text.push(Escaped::from_checked(b"b"), &mut out);
        text.flush(&mut out);
        assert_eq!(told, ['R', 'T']);
    }
}
